/* Clocks and sleeping. */
#include <errno.h>

#include "firmware/clock.h"
#include "firmware/linux/abi.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/times.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"
#include "hal/timer.h"

static int clock_read(uint64_t clock, struct linux_timespec *time)
{
    switch ((uint32_t)clock) {
    case LINUX_CLOCK_REALTIME:
    case LINUX_CLOCK_REALTIME_COARSE:
        clock_real(&time->s, &time->ns);
        return 0;
    case LINUX_CLOCK_MONOTONIC:
    case LINUX_CLOCK_MONOTONIC_RAW:
    case LINUX_CLOCK_MONOTONIC_COARSE:
    case LINUX_CLOCK_BOOTTIME:
        *time = times_spec(clock_monotonic_ns());
        return 0;
    case LINUX_CLOCK_PROCESS_CPUTIME_ID:
        *time = times_spec(timer_ns_from_ticks(process_usage(process_current()).ran_ticks));
        return 0;
    case LINUX_CLOCK_THREAD_CPUTIME_ID:
        *time = times_spec(timer_ns_from_ticks(task_ran_ticks(task_current())));
        return 0;
    default:
        return -EINVAL;
    }
}

int64_t sys_clock_gettime(uint64_t clock, va_t out)
{
    struct linux_timespec time;
    int error = clock_read(clock, &time);

    return error ? error : user_write(out, &time, sizeof(time));
}

int64_t sys_clock_getres(uint64_t clock, va_t out)
{
    struct linux_timespec time;
    int error = clock_read(clock, &time);

    time = times_spec(timer_ns_from_ticks(1));
    return error || !out ? error : user_write(out, &time, sizeof(time));
}

int64_t sys_gettimeofday(va_t out, va_t zone)
{
    struct linux_timeval time;
    int64_t ns;

    clock_real(&time.s, &ns);
    time.us = ns / (int64_t)NS_PER_US;
    if (out && user_write(out, &time, sizeof(time)))
        return -EFAULT;
    return zone ? user_write(zone, &(uint64_t){ 0 }, sizeof(uint64_t)) : 0;
}

/* Sleeps until the monotonic time `end`; tells what is left when it was interrupted. */
static int64_t sleep_until(uint64_t end, va_t remaining)
{
    uint64_t tick = clock_tick_at(end);
    int outcome;

    do
        outcome = task_sleep(NULL, tick);
    while (outcome == 0);
    if (outcome == -ETIMEDOUT)
        return 0;
    times_keep(end);
    uint64_t now = clock_monotonic_ns();
    struct linux_timespec left = times_spec(end > now ? end - now : 0);

    if (remaining && user_write(remaining, &left, sizeof(left)))
        return -EFAULT;
    return outcome;
}

int64_t sys_nanosleep(va_t request, va_t remaining)
{
    uint64_t ns;
    int error = times_read(request, &ns);

    return error ? error : sleep_until(times_restarted(times_add(clock_monotonic_ns(), ns)), remaining);
}

int64_t sys_clock_nanosleep(uint64_t clock, uint64_t flags, va_t request, va_t remaining)
{
    uint64_t ns;
    int error = times_read(request, &ns);

    if (error)
        return error;
    clock = (uint32_t)clock;
    if (clock != LINUX_CLOCK_REALTIME && clock != LINUX_CLOCK_MONOTONIC && clock != LINUX_CLOCK_BOOTTIME)
        return -EINVAL;
    if (!(flags & LINUX_TIMER_ABSTIME))
        return sleep_until(times_restarted(times_add(clock_monotonic_ns(), ns)), remaining);
    return sleep_until(times_restarted(times_absolute((uint32_t)clock, ns)), 0);
}
