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
    uint64_t ns;
    int error;

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
    default:
        error = times_cpu_ns(process_current(), times_cpu_clock((uint32_t)clock), &ns);
        if (!error)
            *time = times_spec(ns);
        return error;
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

/* What is left until the time `end` of a clock: of processor time, or monotonic. */
static uint64_t left_until(uint32_t clock, uint64_t end)
{
    uint64_t now = clock_monotonic_ns();

    if (TIMES_IS_CPU(clock) && times_cpu_ns(process_current(), clock, &now))
        return TIMES_MOST_NS; /* it is gone */
    return end > now ? end - now : 0;
}

/* Sleeps until then, as timers do; tells what is left when it was interrupted. */
static int64_t sleep_until(uint32_t clock, uint64_t end, va_t remaining)
{
    uint64_t rest;
    int outcome = 0;

    while ((rest = left_until(clock, end)) != 0 && outcome != -EINTR) {
        if (TIMES_IS_CPU(clock) && rest < TIMES_PERIOD_LEAST_NS)
            rest = TIMES_PERIOD_LEAST_NS;
        outcome = task_sleep(NULL, clock_tick_at(times_add(clock_monotonic_ns(), rest)));
    }
    if (!rest)
        return 0;
    times_keep(end);
    const struct linux_timespec left = times_spec(rest);

    if (remaining && user_write(remaining, &left, sizeof(left)))
        return -EFAULT;
    return outcome;
}

int64_t sys_nanosleep(va_t request, va_t remaining)
{
    uint64_t ns;
    int error = times_read(request, &ns);

    return error ? error
                 : sleep_until(LINUX_CLOCK_MONOTONIC, times_restarted(times_add(clock_monotonic_ns(), ns)), remaining);
}

/* The clock, fully named. A thread cannot wait for time of its own. */
static int sleep_clock(uint32_t *clock, uint64_t *now)
{
    uint32_t full = times_cpu_clock(*clock);

    *now = clock_monotonic_ns();
    if (full == LINUX_CLOCK_REALTIME || full == LINUX_CLOCK_MONOTONIC || full == LINUX_CLOCK_BOOTTIME)
        return 0;
    if (*clock == LINUX_CLOCK_THREAD_CPUTIME_ID)
        return -EOPNOTSUPP;
    if ((full | TIMES_CPU_WHICH) == (times_cpu_clock(LINUX_CLOCK_THREAD_CPUTIME_ID) | TIMES_CPU_WHICH))
        return -EINVAL;
    *clock = full;
    return times_cpu_ns(process_current(), full, now);
}

int64_t sys_clock_nanosleep(uint64_t clock, uint64_t flags, va_t request, va_t remaining)
{
    uint32_t on = (uint32_t)clock;
    uint64_t ns, now;
    int error = sleep_clock(&on, &now);

    if (!error)
        error = times_read(request, &ns);
    if (error)
        return error;
    if (!(flags & LINUX_TIMER_ABSTIME))
        return sleep_until(on, times_restarted(times_add(now, ns)), remaining);
    return sleep_until(on, times_restarted(times_absolute(on, ns)), 0);
}
