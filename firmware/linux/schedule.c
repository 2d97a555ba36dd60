/* The calls about scheduling. There is one policy and one hart; what programs set is checked, kept and told. */
#include <errno.h>

#include "firmware/linux/abi_process.h"
#include "firmware/linux/calls.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

#define NICE_LEAST  (-20)
#define NICE_MOST   19
#define NICE_TO_RAW 20 /* getpriority answers this less the value, so that it is never negative */
#define SLICE_NS    (TASK_SLICE_US * 1000u)
#define CPUS_BYTES  8u

static const struct task *find_thread(uint64_t id)
{
    return (uint32_t)id ? process_find_thread((uint32_t)id) : task_current();
}

int64_t sys_sched_getaffinity(uint64_t id, uint64_t bytes, va_t out)
{
    const uint64_t cpus = 1;

    if ((uint32_t)bytes < CPUS_BYTES || (uint32_t)bytes % CPUS_BYTES)
        return -EINVAL;
    if (!find_thread(id))
        return -ESRCH;
    return user_write(out, &cpus, CPUS_BYTES) ? -EFAULT : (int64_t)CPUS_BYTES;
}

int64_t sys_sched_setaffinity(uint64_t id, uint64_t bytes, va_t from)
{
    uint64_t cpus = 0;

    if (user_read(&cpus, from, (uint32_t)bytes < CPUS_BYTES ? (uint32_t)bytes : CPUS_BYTES))
        return -EFAULT;
    if (!find_thread(id))
        return -ESRCH;
    return cpus & 1 ? 0 : -EINVAL;
}

static bool is_policy(uint32_t policy)
{
    return policy == LINUX_SCHED_OTHER || policy == LINUX_SCHED_BATCH || policy == LINUX_SCHED_IDLE;
}

/* Real-time policies are refused as to a user without the right. */
int64_t sys_sched_setscheduler(uint64_t id, uint64_t policy, va_t from)
{
    int32_t priority;

    if ((int32_t)id < 0 || (uint32_t)policy > LINUX_SCHED_IDLE + 1)
        return -EINVAL;
    if (user_read(&priority, from, sizeof(priority)))
        return -EFAULT;
    if (!find_thread(id))
        return -ESRCH;
    if (!is_policy((uint32_t)policy))
        return -EPERM;
    return priority == 0 ? 0 : -EINVAL;
}

int64_t sys_sched_getscheduler(uint64_t id)
{
    if ((int32_t)id < 0)
        return -EINVAL;
    return find_thread(id) ? (int64_t)LINUX_SCHED_OTHER : -ESRCH;
}

int64_t sys_sched_setparam(uint64_t id, va_t from)
{
    return sys_sched_setscheduler(id, LINUX_SCHED_OTHER, from);
}

int64_t sys_sched_getparam(uint64_t id, va_t out)
{
    if ((int32_t)id < 0)
        return -EINVAL;
    return find_thread(id) ? user_write(out, &(int32_t){ 0 }, sizeof(int32_t)) : -ESRCH;
}

static bool is_real_time(uint32_t policy)
{
    return policy == 1 || policy == 2;
}

int64_t sys_sched_get_priority_max(uint64_t policy)
{
    if (is_real_time((uint32_t)policy))
        return 99;
    return is_policy((uint32_t)policy) ? 0 : -EINVAL;
}

int64_t sys_sched_get_priority_min(uint64_t policy)
{
    if (is_real_time((uint32_t)policy))
        return 1;
    return is_policy((uint32_t)policy) ? 0 : -EINVAL;
}

int64_t sys_sched_rr_get_interval(uint64_t id, va_t out)
{
    const struct linux_timespec slice = { 0, SLICE_NS };

    if ((int32_t)id < 0)
        return -EINVAL;
    return find_thread(id) ? user_write(out, &slice, sizeof(slice)) : -ESRCH;
}

int64_t sys_getcpu(va_t cpu, va_t node)
{
    const uint32_t first = 0;

    if ((cpu && user_write(cpu, &first, sizeof(first))) || (node && user_write(node, &first, sizeof(first))))
        return -EFAULT;
    return 0;
}

/* ---- Nice values: kept and told ---- */

static bool is_meant(const struct process *process, uint32_t which, uint32_t who)
{
    const struct process *caller = process_current();

    switch (which) {
    case LINUX_PRIO_PROCESS:
        return process->id == (who ? who : caller->id);
    case LINUX_PRIO_PGRP:
        return process->group == (who ? who : caller->group);
    default:
        return process->uid == (who ? who : caller->uid);
    }
}

/* setpriority(2): one's own processes, and only downwards but for root. */
static int refuse_nice(const struct process *to, int32_t nice)
{
    const struct process *from = process_current();

    if (from->euid == 0)
        return 0;
    if (from->euid != to->uid && from->euid != to->euid)
        return -EPERM;
    return nice < to->nice ? -EACCES : 0;
}

int64_t sys_setpriority(uint64_t which, uint64_t who, uint64_t value)
{
    int32_t nice = (int32_t)value;
    int64_t result = -ESRCH;

    if ((uint32_t)which > LINUX_PRIO_USER)
        return -EINVAL;
    nice = nice < NICE_LEAST ? NICE_LEAST : nice > NICE_MOST ? NICE_MOST : nice;
    LIST_EACH(link, process_list())
    {
        struct process *process = LIST_ENTRY(link, struct process, all);

        if (!is_meant(process, (uint32_t)which, (uint32_t)who))
            continue;
        int error = refuse_nice(process, nice);

        if (error) {
            result = error;
            continue;
        }
        process->nice = (int8_t)nice;
        result = result == -ESRCH ? 0 : result;
    }
    return result;
}

int64_t sys_getpriority(uint64_t which, uint64_t who)
{
    int64_t result = -ESRCH;

    if ((uint32_t)which > LINUX_PRIO_USER)
        return -EINVAL;
    LIST_EACH(link, process_list())
    {
        const struct process *process = LIST_ENTRY(link, struct process, all);

        if (is_meant(process, (uint32_t)which, (uint32_t)who) && NICE_TO_RAW - process->nice > result)
            result = NICE_TO_RAW - process->nice;
    }
    return result;
}
