/* Signals take effect: on a task's way to user mode. */
#include <errno.h>

#include "firmware/fault.h"
#include "firmware/linux/job_control.h"
#include "firmware/linux/signal.h"

/* What becomes of a call that a signal has interrupted (signal(7), "Interruption of system calls"). */
enum restart {
    RESTART_UNLESS_HANDLED, /* begins again, after a handler only with SA_RESTART: the rule */
    RESTART_WITHOUT_HANDLER,
    RESTART_WITH_REST, /* the same, and waits for what is left of its time */
    RESTART_NEVER,
};

static enum restart restart_of(const struct trap_frame *frame)
{
    switch (frame->a[7]) {
    case 22:  /* epoll_pwait */
    case 137: /* rt_sigtimedwait */
        return RESTART_NEVER;
    case 72:  /* pselect6 */
    case 73:  /* ppoll */
    case 133: /* rt_sigsuspend */
        return RESTART_WITHOUT_HANDLER;
    case 98: /* futex: with a time limit */
        return frame->a[3] ? RESTART_WITH_REST : RESTART_UNLESS_HANDLED;
    case 101: /* nanosleep */
    case 115: /* clock_nanosleep */
        return RESTART_WITH_REST;
    default:
        return RESTART_UNLESS_HANDLED;
    }
}

/* Once for an interrupted call: `action` is of the handler that runs now, NULL: none does. */
static void settle_call(struct task *task, struct trap_frame *frame, const struct signal_action *action)
{
    enum restart restart = restart_of(frame);

    if (!task->call_interrupted)
        return;
    task->call_interrupted = false;
    if (restart == RESTART_NEVER)
        return;
    if (action && (restart != RESTART_UNLESS_HANDLED || !(action->flags & LINUX_SA_RESTART)))
        return;
    frame->a[0] = frame->call_a0;
    frame->pc -= 4; /* the ecall */
    task->call_restarts = restart == RESTART_WITH_REST;
}

static void end_by(struct task *task, int signal)
{
    process_end(task->process, STATUS_SIGNAL(signal));
}

/* The default of a signal that is not ignored. */
static void act_by_default(struct task *task, int signal)
{
    if (!(SIGNAL_BIT(signal) & SIGNALS_STOP))
        end_by(task, signal);
    else if (signal == LINUX_SIGSTOP || !job_is_orphaned(task->process->group, task->process->session))
        signal_stop(task->process, signal);
}

/* Also after a fault: the mask for the time of the handler, and the frame that brings everything back. */
static int run_handler(struct task *task, struct trap_frame *frame, const struct linux_siginfo *info)
{
    struct signal_action *stored = &task->process->actions->of[info->signal - 1];
    const struct signal_action action = *stored;
    uint64_t saved = task->mask_saved ? task->signals_saved : task->signals_blocked;
    uint64_t during = task->signals_blocked | action.mask;

    if (action.flags & LINUX_SA_RESETHAND)
        stored->handler = LINUX_SIG_DFL;
    int error = signal_push_frame(frame, &action, info, saved);

    if (error)
        return error;
    task->mask_saved = false;
    task->call_restarts = false;
    if (!(action.flags & LINUX_SA_NODEFER))
        during |= SIGNAL_BIT(info->signal);
    signal_set_mask(during);
    return 0;
}

static void handle(struct task *task, struct trap_frame *frame, const struct linux_siginfo *info)
{
    const struct signal_action *action = &task->process->actions->of[info->signal - 1];

    if (signal_is_ignored(task->process, info->signal))
        return;
    if (action->handler == LINUX_SIG_DFL) {
        act_by_default(task, info->signal);
        return;
    }
    settle_call(task, frame, action);
    if (run_handler(task, frame, info))
        fault_signal_frame(frame);
}

void signal_deliver(struct trap_frame *frame)
{
    struct task *task = task_current();
    struct linux_siginfo info;

    task->attention &= ~(uint32_t)ATTENTION_SIGNAL;
    for (;;) {
        while (task->process->stop_signal && !(task->attention & ATTENTION_END))
            signal_rest();
        if (task->attention & ATTENTION_END || !signal_take(~task->signals_blocked, &info))
            break;
        handle(task, frame, &info);
    }
    settle_call(task, frame, NULL);
    if (task->mask_saved) {
        task->mask_saved = false;
        signal_set_mask(task->signals_saved);
    }
}

bool signal_fault(int signal, int code, va_t address, uint64_t cause)
{
    struct task *task = task_current();
    const struct linux_siginfo info = { .signal = signal, .code = code, .fault.address = address };

    (void)cause;
    if (task->process->actions->of[signal - 1].handler <= LINUX_SIG_IGN || task->signals_blocked & SIGNAL_BIT(signal))
        return false;
    return run_handler(task, task->frame, &info) == 0;
}
