/*
 * Stopping and going on.
 *
 *      signal_stop ---> every thread is asked out of its sleep ---> signal_rest, each ---> the last one: STOPPED
 *                                                                                              |
 *      RUNNING <----------------------------- signal_continue (SIGCONT, at once when sent) ----+
 */
#include "firmware/linux/signal.h"

#include "firmware/linux/times.h"

static struct linux_siginfo news(const struct process *process, int signal, int code, int status)
{
    const struct process_usage usage = process_usage(process);

    return (struct linux_siginfo){
        .signal = signal,
        .code = code,
        .child = {
            .pid = (int32_t)process->id,
            .uid = process->uid,
            .status = status,
            .utime = times_clock(usage.ran_ticks - usage.system_ticks),
            .stime = times_clock(usage.system_ticks),
        },
    };
}

void signal_tell_end(struct process *process, int code, int status)
{
    const struct linux_siginfo info = news(process, process->exit_signal, code, status);

    if (!process->parent)
        return;
    if (info.signal)
        (void)signal_send_info(process->parent, NULL, &info);
    wait_wake(&process->parent->children_changed, WAKE_ALL);
}

/* SIGCHLD has no effect at once, so sending SIGCONT comes to no other signal's effect by this. */
static void tell_stop(struct process *process, int code, int status)
{
    struct process *parent = process->parent;

    if (!parent)
        return;
    if (!(parent->actions && parent->actions->of[LINUX_SIGCHLD - 1].flags & LINUX_SA_NOCLDSTOP)) {
        const struct linux_siginfo info = news(process, LINUX_SIGCHLD, code, status);

        (void)signal_queue_info(parent, NULL, &info);
    }
    wait_wake(&parent->children_changed, WAKE_ALL);
}

void signal_stop(struct process *process, int signal)
{
    process->stop_signal = (uint8_t)signal;
    LIST_EACH(link, &process->threads)
    task_notify(LIST_ENTRY(link, struct task, in_process), ATTENTION_SIGNAL);
}

void signal_stop_check(struct process *process)
{
    if (!process->stop_signal || process->state != PROCESS_RUNNING || process->thread_count == 0 ||
        process->stopped_threads < process->thread_count)
        return;
    process->state = PROCESS_STOPPED;
    process->stop_news = true;
    process->continue_news = false;
    tell_stop(process, LINUX_CLD_STOPPED, process->stop_signal);
}

void signal_rest(void)
{
    struct task *task = task_current();
    struct process *process = task->process;
    struct waiter waiter;

    process->stopped_threads++;
    signal_stop_check(process);
    waiter_add(&process->stopped, &waiter);
    (void)task_block_killable(TIMER_NEVER);
    waiter_remove(&waiter);
    process->stopped_threads--;
}

void signal_continue(struct process *process)
{
    bool was_stopped = process->state == PROCESS_STOPPED;

    process->stop_signal = 0;
    if (was_stopped) {
        process->state = PROCESS_RUNNING;
        process->stop_news = false;
        process->continue_news = true;
        tell_stop(process, LINUX_CLD_CONTINUED, LINUX_SIGCONT);
    }
    wait_wake(&process->stopped, WAKE_ALL);
}
