/* Clocks and sleeping. */
#include <errno.h>

#include "firmware/clock.h"
#include "firmware/linux/abi.h"
#include "firmware/linux/calls.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"
#include "hal/timer.h"

#define NS_PER_S  1000000000ull
#define NS_PER_US 1000

static uint64_t process_ran_ns(void)
{
    const struct process *process = process_current();
    uint64_t ticks = process->ran_ticks;

    LIST_EACH(link, &process->threads)
    ticks += task_ran_ticks(LIST_ENTRY(link, struct task, in_process));
    return timer_ns_from_ticks(ticks);
}

static struct linux_timespec timespec_of_ns(uint64_t ns)
{
    return (struct linux_timespec){ (int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S) };
}

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
        *time = timespec_of_ns(clock_monotonic_ns());
        return 0;
    case LINUX_CLOCK_PROCESS_CPUTIME_ID:
        *time = timespec_of_ns(process_ran_ns());
        return 0;
    case LINUX_CLOCK_THREAD_CPUTIME_ID:
        *time = timespec_of_ns(timer_ns_from_ticks(task_ran_ticks(task_current())));
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

    time = timespec_of_ns(timer_ns_from_ticks(1));
    return error || !out ? error : user_write(out, &time, sizeof(time));
}

int64_t sys_gettimeofday(va_t out, va_t zone)
{
    struct linux_timeval time;
    int64_t ns;

    clock_real(&time.s, &ns);
    time.us = ns / NS_PER_US;
    if (out && user_write(out, &time, sizeof(time)))
        return -EFAULT;
    return zone ? user_write(zone, &(uint64_t){ 0 }, sizeof(uint64_t)) : 0;
}

/* Nanoseconds of a request; times that do not fit are as good as for ever. */
static int read_request(va_t request, uint64_t *ns)
{
    struct linux_timespec time;

    if (user_read(&time, request, sizeof(time)))
        return -EFAULT;
    if (time.s < 0 || time.ns < 0 || time.ns >= (int64_t)NS_PER_S)
        return -EINVAL;
    if (__builtin_mul_overflow((uint64_t)time.s, NS_PER_S, ns) || __builtin_add_overflow(*ns, (uint64_t)time.ns, ns))
        *ns = UINT64_MAX;
    return 0;
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
    uint64_t now = clock_monotonic_ns();
    struct linux_timespec left = timespec_of_ns(end > now ? end - now : 0);

    if (remaining && user_write(remaining, &left, sizeof(left)))
        return -EFAULT;
    return outcome;
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    return a + b < a ? UINT64_MAX : a + b;
}

int64_t sys_nanosleep(va_t request, va_t remaining)
{
    uint64_t ns;
    int error = read_request(request, &ns);

    return error ? error : sleep_until(saturating_add(clock_monotonic_ns(), ns), remaining);
}

/* An absolute time of day as monotonic time. */
static uint64_t monotonic_of_real(uint64_t ns)
{
    int64_t now_s, now_ns;

    clock_real(&now_s, &now_ns);
    uint64_t real = (uint64_t)now_s * NS_PER_S + (uint64_t)now_ns;

    return ns > real ? saturating_add(clock_monotonic_ns(), ns - real) : 0;
}

int64_t sys_clock_nanosleep(uint64_t clock, uint64_t flags, va_t request, va_t remaining)
{
    uint64_t ns;
    int error = read_request(request, &ns);

    if (error)
        return error;
    clock = (uint32_t)clock;
    if (clock != LINUX_CLOCK_REALTIME && clock != LINUX_CLOCK_MONOTONIC && clock != LINUX_CLOCK_BOOTTIME)
        return -EINVAL;
    if (!(flags & LINUX_TIMER_ABSTIME))
        return sleep_until(saturating_add(clock_monotonic_ns(), ns), remaining);
    return sleep_until(clock == LINUX_CLOCK_REALTIME ? monotonic_of_real(ns) : ns, 0);
}
