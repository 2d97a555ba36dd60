/* How much of the machine there is and how much of it was used. */
#include <errno.h>

#include "firmware/clock.h"
#include "firmware/linux/abi.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/times.h"
#include "firmware/linux/usage.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"
#include "hal/timer.h"

#define NS_PER_CLOCK_TICK (NS_PER_S / LINUX_CLOCK_TICKS_HZ)
#define KIB_PER_PAGE      (PAGE_BYTES / 1024)

static uint16_t count_processes(void)
{
    uint16_t count = 0;

    LIST_EACH(link, process_list())
    count++;
    return count;
}

int64_t sys_sysinfo(va_t out)
{
    struct mm_statistics statistics;
    uint64_t swap = mm_store() ? store_capacity_pages(mm_store()) : 0;
    struct store_statistics store = { 0 };

    mm_statistics(&statistics);
    if (mm_store())
        store_statistics(mm_store(), &store);
    struct linux_sysinfo information = {
        .uptime = (int64_t)(clock_monotonic_ns() / NS_PER_S),
        .totalram = statistics.frames_total,
        .freeram = statistics.frames_free,
        .totalswap = swap,
        .freeswap = swap > store.slots_used ? swap - store.slots_used : 0,
        .procs = count_processes(),
        .mem_unit = PAGE_BYTES,
    };

    return user_write(out, &information, sizeof(information));
}

static struct linux_rusage usage_of(const struct process_usage *usage)
{
    return (struct linux_rusage){
        .utime = times_val(timer_ns_from_ticks(usage->ran_ticks - usage->system_ticks)),
        .stime = times_val(timer_ns_from_ticks(usage->system_ticks)),
        .maxrss = usage->resident_peak_pages * (int64_t)KIB_PER_PAGE,
        .minflt = (int64_t)usage->faults_minor,
        .majflt = (int64_t)usage->faults_major,
    };
}

int usage_tell(const struct process_usage *usage, va_t out)
{
    const struct linux_rusage told = usage_of(usage);

    return user_write(out, &told, sizeof(told));
}

int64_t sys_getrusage(uint64_t who, va_t out)
{
    const struct process *process = process_current();
    struct process_usage usage = process_usage(process);

    switch ((int32_t)who) {
    case LINUX_RUSAGE_SELF:
        break;
    case LINUX_RUSAGE_THREAD:
        usage.ran_ticks = task_ran_ticks(task_current());
        usage.system_ticks = task_system_ticks(task_current());
        break;
    case LINUX_RUSAGE_CHILDREN:
        usage = process->children_used;
        break;
    default:
        return -EINVAL;
    }
    return usage_tell(&usage, out);
}

int64_t sys_times(va_t out)
{
    const struct process *process = process_current();
    const struct process_usage own = process_usage(process), *children = &process->children_used;
    const struct linux_tms times = {
        .utime = times_clock(own.ran_ticks - own.system_ticks),
        .stime = times_clock(own.system_ticks),
        .cutime = times_clock(children->ran_ticks - children->system_ticks),
        .cstime = times_clock(children->system_ticks),
    };

    if (out && user_write(out, &times, sizeof(times)))
        return -EFAULT;
    return (int64_t)(clock_monotonic_ns() / NS_PER_CLOCK_TICK);
}
