/* The calls about a program's own signals: actions, masks, waiting. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/signal.h"
#include "firmware/linux/times.h"
#include "firmware/usercopy.h"

static bool is_signal(uint64_t signal)
{
    return (uint32_t)signal >= 1 && (uint32_t)signal <= SIGNALS;
}

int64_t sys_rt_sigaction(uint64_t number, va_t new, va_t old, uint64_t mask_bytes)
{
    struct process *process = process_current();
    uint32_t signal = (uint32_t)number;
    struct signal_action action;

    if (mask_bytes != sizeof(action.mask) || !is_signal(signal) || (new &&SIGNAL_BIT(signal) & SIGNALS_UNBLOCKABLE))
        return -EINVAL;
    const struct signal_action before = process->actions->of[signal - 1];

    if (new) {
        if (user_read(&action, new, sizeof(action)))
            return -EFAULT;
        action.mask &= ~SIGNALS_UNBLOCKABLE;
        process->actions->of[signal - 1] = action;
        if (signal_is_ignored(process, (int)signal)) { /* POSIX: what waits is discarded, blocked or not */
            signal_queue_clear(process, &process->signals, SIGNAL_BIT(signal));
            LIST_EACH(link, &process->threads)
            signal_queue_clear(process, &LIST_ENTRY(link, struct task, in_process)->signals, SIGNAL_BIT(signal));
        }
    }
    return old ? user_write(old, &before, sizeof(before)) : 0;
}

int64_t sys_rt_sigprocmask(uint64_t how, va_t new, va_t old, uint64_t mask_bytes)
{
    uint64_t before = task_current()->signals_blocked, mask;

    if (mask_bytes != sizeof(mask))
        return -EINVAL;
    if (new) {
        if (user_read(&mask, new, sizeof(mask)))
            return -EFAULT;
        switch ((uint32_t)how) {
        case LINUX_SIG_BLOCK:
            signal_set_mask(before | mask);
            break;
        case LINUX_SIG_UNBLOCK:
            signal_set_mask(before & ~mask);
            break;
        case LINUX_SIG_SETMASK:
            signal_set_mask(mask);
            break;
        default:
            return -EINVAL;
        }
    }
    return old ? user_write(old, &before, sizeof(before)) : 0;
}

int64_t sys_rt_sigpending(va_t out, uint64_t mask_bytes)
{
    uint64_t pending = signal_pending() & task_current()->signals_blocked;

    return mask_bytes > sizeof(pending) ? -EINVAL : user_write(out, &pending, mask_bytes);
}

int64_t sys_rt_sigsuspend(va_t mask, uint64_t mask_bytes)
{
    int error = mask ? signal_mask_begin(mask, mask_bytes) : -EFAULT;

    if (error)
        return error;
    while (task_sleep(NULL, TIMER_NEVER) != -EINTR)
        continue;
    return signal_mask_end(-EINTR);
}

/* Sleeps with the signals let through, so that one of them wakes it; none is handled meanwhile. */
static int wait_for(uint64_t wanted, uint64_t deadline, struct linux_siginfo *info)
{
    struct task *task = task_current();
    uint64_t blocked = task->signals_blocked;
    int signal, outcome = 0;

    task->signals_held = blocked;
    task->signals_blocked = blocked & ~wanted;
    while ((signal = signal_take(wanted, info)) == 0 && outcome == 0)
        outcome = task_sleep(NULL, deadline);
    task->signals_held = 0;
    signal_set_mask(blocked);
    if (signal)
        return signal;
    return outcome == -ETIMEDOUT ? -EAGAIN : outcome;
}

int64_t sys_rt_sigtimedwait(va_t set, va_t out, va_t timeout, uint64_t mask_bytes)
{
    uint64_t wanted, deadline = TIMER_NEVER;
    struct linux_siginfo info;
    int error = signal_read_mask(set, mask_bytes, &wanted);

    if (!error && timeout)
        error = times_read_deadline(timeout, &deadline);
    if (error)
        return error;
    int signal = wait_for(wanted & ~SIGNALS_UNBLOCKABLE, deadline, &info);

    if (signal < 0 || !out)
        return signal;
    const uint64_t rest[(LINUX_SIGINFO_BYTES - sizeof(info)) / 8] = { 0 };

    if (user_write(out, &info, sizeof(info)) || user_write(out + sizeof(info), rest, sizeof(rest)))
        return -EFAULT;
    return signal;
}
