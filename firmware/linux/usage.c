/* How much of the machine there is and how much of it was used. */
#include <errno.h>

#include "firmware/clock.h"
#include "firmware/linux/abi.h"
#include "firmware/linux/calls.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"
#include "hal/timer.h"

#define NS_PER_S          1000000000ull
#define NS_PER_US         1000ull
#define NS_PER_CLOCK_TICK (NS_PER_S / LINUX_CLOCK_TICKS_HZ)
#define KIB_PER_PAGE      (PAGE_BYTES / 1024)

static uint64_t process_ran_ticks(const struct process *process)
{
    uint64_t ticks = process->ran_ticks;

    LIST_EACH(link, &process->threads)
    ticks += task_ran_ticks(LIST_ENTRY(link, struct task, in_process));
    return ticks;
}

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

static struct linux_timeval timeval_of_ticks(uint64_t ticks)
{
    uint64_t ns = timer_ns_from_ticks(ticks);

    return (struct linux_timeval){ (int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S / NS_PER_US) };
}

/* All time is told as user time: what a task spends in the kernel is not told apart. */
static void usage_of_process(const struct process *process, struct linux_rusage *usage)
{
    struct space_statistics statistics;

    space_statistics(process->space, &statistics);
    usage->utime = timeval_of_ticks(process_ran_ticks(process));
    usage->maxrss = statistics.resident_peak_pages * (int64_t)KIB_PER_PAGE;
    for (unsigned i = 0; i < FAULT_KINDS; i++)
        usage->minflt += (int64_t)statistics.faults[i];
    usage->majflt = (int64_t)(statistics.faults[FAULT_FLASH] + statistics.faults[FAULT_FILE]);
    usage->minflt -= usage->majflt;
}

int64_t sys_getrusage(uint64_t who, va_t out)
{
    struct linux_rusage usage = { 0 };
    const struct process *process = process_current();

    switch ((int32_t)who) {
    case LINUX_RUSAGE_SELF:
        usage_of_process(process, &usage);
        break;
    case LINUX_RUSAGE_THREAD:
        usage_of_process(process, &usage);
        usage.utime = timeval_of_ticks(task_ran_ticks(task_current()));
        break;
    case LINUX_RUSAGE_CHILDREN:
        usage.utime = timeval_of_ticks(process->children_ran_ticks);
        break;
    default:
        return -EINVAL;
    }
    return user_write(out, &usage, sizeof(usage));
}

static int64_t clock_ticks(uint64_t ticks)
{
    return (int64_t)(timer_ns_from_ticks(ticks) / NS_PER_CLOCK_TICK);
}

int64_t sys_times(va_t out)
{
    const struct process *process = process_current();
    struct linux_tms times = {
        .utime = clock_ticks(process_ran_ticks(process)),
        .cutime = clock_ticks(process->children_ran_ticks),
    };

    if (out && user_write(out, &times, sizeof(times)))
        return -EFAULT;
    return (int64_t)(clock_monotonic_ns() / NS_PER_CLOCK_TICK);
}
