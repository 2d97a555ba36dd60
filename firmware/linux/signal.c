/* Signals with their default actions: to end the process, or nothing. */
#include "firmware/linux/signal.h"

#include "firmware/linux/abi.h"

#define BIT(signal) (1ull << ((signal)-1))
#define IGNORED     (BIT(LINUX_SIGCHLD) | BIT(LINUX_SIGCONT) | BIT(LINUX_SIGURG) | BIT(LINUX_SIGWINCH))

void signal_send(struct process *process, int signal)
{
    process->signals_pending |= BIT(signal);
    LIST_EACH(link, &process->threads)
    task_notify(LIST_ENTRY(link, struct task, in_process), ATTENTION_SIGNAL);
}

bool signal_fault(int signal, int code, va_t address, uint64_t cause)
{
    (void)signal;
    (void)code;
    (void)address;
    (void)cause;
    return false;
}

void signal_deliver(struct trap_frame *frame)
{
    struct task *task = task_current();
    uint64_t pending = (task->signals_pending | task->process->signals_pending) & ~task->signals_blocked;

    (void)frame;
    task->attention &= ~(uint32_t)ATTENTION_SIGNAL;
    task->signals_pending &= ~pending;
    task->process->signals_pending &= ~pending;
    pending &= ~(uint64_t)IGNORED;
    if (pending)
        process_end(task->process, STATUS_SIGNAL(__builtin_ctzll(pending) + 1));
}
