/* Commands about processes: ps, run, kill. */
#include <errno.h>
#include <string.h>

#include "firmware/linux/file.h"
#include "firmware/linux/job_control.h"
#include "firmware/linux/signal.h"
#include "firmware/linux/tty.h"
#include "firmware/monitor_commands.h"
#include "firmware/usercopy.h"

#define SIGTERM 15

static const char *state_name(const struct process *process)
{
    switch (process->state) {
    case PROCESS_ZOMBIE:
        return "zombie";
    case PROCESS_STOPPED:
        return "stopped";
    }
    LIST_EACH(link, &process->threads)
    if (LIST_ENTRY(link, struct task, in_process)->state != TASK_BLOCKED)
        return "runs";
    return "waits";
}

static uint64_t run_time_ms(const struct process *process)
{
    return timer_ns_from_ticks(process_usage(process).ran_ticks) / 1000000;
}

int monitor_ps(const struct monitor_host *host, unsigned count, const char *const *words)
{
    (void)host, (void)count, (void)words;
    monitor_print("  task parent state   threads      ms size KiB  in RAM swapped name\n");
    LIST_EACH(link, process_list())
    {
        struct process *process = LIST_ENTRY(link, struct process, all);
        struct space_statistics s = { 0 };

        if (process->space)
            space_statistics(process->space, &s);
        monitor_print("%6u %6u %-8s%7u %7lu %8u %7u %7u %s\n", process->id, process->parent ? process->parent->id : 0,
                      state_name(process), process->thread_count, run_time_ms(process), s.mapped_pages * 4,
                      s.resident_pages * 4, s.swapped_pages * 4, process->name);
    }
    return 0;
}

static void show_end(int32_t status)
{
    monitor_print(status & 0x7f ? "ended by signal %d\n" : "ended with status %d\n",
                  status & 0x7f ? status & 0x7f : status >> 8 & 0xff);
}

static int wait_for(struct process *process)
{
    uint32_t id = process->id;

    job_give_console(process);
    tty_begin(true);
    int32_t status = process_wait(process);
    tty_end();
    if (status) {
        monitor_print("task %u ", id);
        show_end(status);
    }
    return status;
}

int monitor_start(const struct monitor_host *host, unsigned count, const char *const *words)
{
    const char *arguments[MONITOR_WORDS_MAX + 1] = { 0 };
    bool background = strcmp(words[count - 1], "&") == 0;
    struct files *files = files_new_console();
    struct process *process;
    const char *why;

    (void)host;
    if (!files) {
        monitor_print("no memory\n");
        return -ENOMEM;
    }
    for (unsigned i = 1; i < count - background; i++)
        arguments[i - 1] = words[i];
    int error = arguments[0] ? process_spawn(arguments[0], arguments, files, &process, &why) : -EINVAL;
    files_put(files);
    if (error)
        monitor_print("%s: %s\n", words[1], error == -EINVAL ? "not a program" : why);
    else if (background)
        monitor_print("task %u\n", process->id);
    else
        return wait_for(process);
    return error;
}

void monitor_reap(void)
{
    LIST_EACH(link, process_list())
    {
        struct process *process = LIST_ENTRY(link, struct process, all);

        if (process->state != PROCESS_ZOMBIE || process->parent)
            continue;
        monitor_print("task %u %s: ", process->id, process->name);
        show_end(process_wait(process));
    }
}

int monitor_kill(const struct monitor_host *host, unsigned count, const char *const *words)
{
    struct process *process = monitor_process(words[1]);
    uint64_t signal = SIGTERM;

    (void)host;
    if (!process)
        return -ESRCH;
    if (count > 2 && !monitor_number(words[2], &signal))
        return -EINVAL;
    if (signal == 0 || signal > SIGNALS) {
        monitor_print("signals are 1 to %u\n", SIGNALS);
        return -EINVAL;
    }
    signal_send(process, (int)signal);
    task_yield(); /* so that the end is told before the next prompt */
    return 0;
}
