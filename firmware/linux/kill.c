/* The calls that send signals. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/signal.h"
#include "firmware/usercopy.h"

/* Linux's rule (kill(2)); SIGCONT also reaches everybody in the session. */
static bool may_send(const struct process *to, int signal)
{
    const struct process *from = process_current();

    return from->euid == 0 || from->euid == to->uid || from->euid == to->suid || from->uid == to->uid ||
           from->uid == to->suid || (signal == LINUX_SIGCONT && from->session == to->session);
}

static struct linux_siginfo own_info(int signal, int code)
{
    const struct process *from = process_current();

    return (struct linux_siginfo){
        .signal = signal,
        .code = code,
        .sent = { .pid = (int32_t)from->id, .uid = from->uid },
    };
}

/* Signal 0 only asks whether it could be sent. */
static int send(struct process *process, struct task *task, const struct linux_siginfo *info)
{
    if (!may_send(process, info->signal))
        return -EPERM;
    return info->signal ? signal_send_info(process, task, info) : 0;
}

/* To a group, or (0) to everybody but the caller. 0 if one at least was reached. */
static int send_to_many(uint32_t group, const struct linux_siginfo *info)
{
    int result = -ESRCH;

    LIST_EACH(link, process_list())
    {
        struct process *process = LIST_ENTRY(link, struct process, all);

        if (group ? process->group != group : process == process_current())
            continue;
        int error = send(process, NULL, info);

        if (result)
            result = error;
    }
    return result;
}

static bool is_signal_or_0(uint64_t signal)
{
    return (uint32_t)signal <= SIGNALS;
}

int64_t sys_kill(uint64_t to, uint64_t signal)
{
    const struct linux_siginfo info = own_info((int)signal, LINUX_SI_USER);
    int32_t id = (int32_t)to;

    if (!is_signal_or_0(signal))
        return -EINVAL;
    if (id <= 0) {
        if (id == INT32_MIN)
            return -ESRCH;
        return send_to_many(id == 0 ? process_current()->group : id == -1 ? 0 : (uint32_t)-id, &info);
    }
    struct process *process = process_find((uint32_t)id);

    return process ? send(process, NULL, &info) : -ESRCH;
}

/* `group` 0: whatever process the thread is in. */
static int send_to_thread(uint32_t group, uint32_t thread, const struct linux_siginfo *info)
{
    struct task *task = process_find_thread(thread);

    if (!task || (group && task->process->id != group))
        return -ESRCH;
    return send(task->process, task, info);
}

int64_t sys_tkill(uint64_t thread, uint64_t signal)
{
    const struct linux_siginfo info = own_info((int)signal, LINUX_SI_TKILL);

    if ((int32_t)thread <= 0 || !is_signal_or_0(signal))
        return -EINVAL;
    return send_to_thread(0, (uint32_t)thread, &info);
}

int64_t sys_tgkill(uint64_t group, uint64_t thread, uint64_t signal)
{
    const struct linux_siginfo info = own_info((int)signal, LINUX_SI_TKILL);

    if ((int32_t)group <= 0 || (int32_t)thread <= 0 || !is_signal_or_0(signal))
        return -EINVAL;
    return send_to_thread((uint32_t)group, (uint32_t)thread, &info);
}

/* What the sender says of itself is believed, but not that it is the kernel or kill(). */
static int read_info(uint64_t signal, va_t from, bool own, struct linux_siginfo *info)
{
    if (user_read(info, from, sizeof(*info)))
        return -EFAULT;
    info->signal = (int)signal;
    if (!own && (info->code >= 0 || info->code == LINUX_SI_TKILL))
        return -EPERM;
    return is_signal_or_0(signal) ? 0 : -EINVAL;
}

int64_t sys_rt_sigqueueinfo(uint64_t to, uint64_t signal, va_t from)
{
    struct linux_siginfo info;
    int error = read_info(signal, from, (uint32_t)to == process_current()->id, &info);

    if (error)
        return error;
    struct process *process = process_find((uint32_t)to);

    return process ? send(process, NULL, &info) : -ESRCH;
}

int64_t sys_rt_tgsigqueueinfo(uint64_t group, uint64_t thread, uint64_t signal, va_t from)
{
    struct linux_siginfo info;

    if ((int32_t)group <= 0 || (int32_t)thread <= 0)
        return -EINVAL;
    int error = read_info(signal, from, (uint32_t)group == process_current()->id, &info);

    return error ? error : send_to_thread((uint32_t)group, (uint32_t)thread, &info);
}
