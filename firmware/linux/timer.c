/*
 * A timer is a timeout that sends a signal and, with an interval, sets itself again.
 *
 * A timer of processor time cannot run out before so much real time has passed: its timeout is set to that, and when it
 * comes, to what is then left. So the scheduler need not know of it.
 */
#include "firmware/linux/timer.h"

#include <errno.h>

#include "firmware/clock.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/signal.h"
#include "firmware/linux/times.h"
#include "firmware/timeout.h"
#include "firmware/usercopy.h"
#include "hal/timer.h"

#define TIMERS_MAX 32u /* of one process */

/* An id of setitimer's; those of timer_create count from 0. */
#define ITIMER_ID(which) (-1 - (int32_t)(which))

struct timer {
    struct timeout timeout;
    struct list link; /* process->timers */
    struct process *process;
    int32_t id;
    uint32_t clock;
    uint32_t thread; /* whom the signal is for; 0: the process */
    int32_t signal;  /* 0: none */
    int32_t overrun; /* since its signal was sent */
    int32_t told;    /* what the last signal that was taken in has said */
    uint64_t value;  /* for the handler */
    uint64_t end_ns; /* on its clock; 0: not running */
    uint64_t interval_ns;
};

static struct pool timer_pool = POOL_OF(struct timer);

uint32_t timer_count(void)
{
    return timer_pool.used_items;
}

/* ---- Running ---- */

static struct timer *find(const struct process *process, int32_t id)
{
    LIST_EACH(link, &process->timers)
    {
        struct timer *timer = LIST_ENTRY(link, struct timer, link);

        if (timer->id == id)
            return timer;
    }
    return NULL;
}

static uint64_t clock_now(const struct timer *timer)
{
    uint64_t ns;

    if (!TIMES_IS_CPU(timer->clock))
        return clock_monotonic_ns();
    if (timer->id == ITIMER_ID(LINUX_ITIMER_VIRTUAL)) {
        const struct process_usage usage = process_usage(timer->process);

        return timer_ns_from_ticks(usage.ran_ticks - usage.system_ticks);
    }
    return times_cpu_ns(timer->process, timer->clock, &ns) ? 0 : ns; /* of what is gone: never again */
}

static uint64_t left_ns(const struct timer *timer)
{
    uint64_t now = clock_now(timer);

    return timer->end_ns > now ? timer->end_ns - now : 0;
}

static void arm(struct timer *timer, uint64_t least_ns)
{
    uint64_t left = left_ns(timer);

    if (left < least_ns)
        left = least_ns;
    timeout_set(&timer->timeout, timer->end_ns ? clock_tick_at(times_add(clock_monotonic_ns(), left)) : TIMER_NEVER);
}

static void send(struct timer *timer)
{
    struct task *task = timer->thread ? process_find_thread(timer->thread) : NULL;
    const struct linux_siginfo info = {
        .signal = timer->signal,
        .code = timer->id < 0 ? LINUX_SI_KERNEL : LINUX_SI_TIMER,
        .timer = { .id = timer->id < 0 ? 0 : timer->id, .value = timer->value },
    };
    uint64_t pending = task ? task->signals.pending : timer->process->signals.pending;

    if (!timer->signal || (timer->thread && (!task || task->process != timer->process)))
        return;
    if (timer->id >= 0 && pending & SIGNAL_BIT(timer->signal)) {
        timer->overrun++; /* its last signal still waits: it is never queued twice */
        return;
    }
    (void)signal_send_info(timer->process, task, &info);
}

void timer_taken(struct process *process, struct linux_siginfo *info)
{
    struct timer *timer = find(process, info->timer.id);

    if (!timer)
        return;
    timer->told = timer->overrun;
    timer->overrun = 0;
    info->timer.overrun = timer->told;
}

static void expired(struct timeout *timeout)
{
    struct timer *timer = LIST_ENTRY(timeout, struct timer, timeout);

    if (left_ns(timer) == 0) {
        uint64_t late = clock_now(timer) - timer->end_ns;

        send(timer);
        if (timer->interval_ns) { /* periods that nobody could see are passed over */
            uint64_t missed = late / timer->interval_ns;

            timer->overrun = times_add((uint64_t)timer->overrun, missed) > INT32_MAX ? INT32_MAX
                                                                                     : timer->overrun + (int32_t)missed;
            timer->end_ns = times_add(timer->end_ns, (missed + 1) * timer->interval_ns);
        } else {
            timer->end_ns = 0;
        }
    }
    arm(timer, TIMES_PERIOD_LEAST_NS);
}

/* ---- Making and finding ---- */

static struct timer *make(struct process *process, int32_t id, uint32_t clock, int signal)
{
    struct timer *timer = pool_wait(&timer_pool);

    if (!timer)
        return NULL;
    if (find(process, id)) { /* another thread was faster */
        pool_put(&timer_pool, timer);
        return NULL;
    }
    timeout_init(&timer->timeout, expired);
    timer->process = process;
    timer->id = id;
    timer->clock = clock;
    timer->signal = signal;
    list_append(&process->timers, &timer->link);
    return timer;
}

static void delete (struct timer *timer)
{
    timeout_cancel(&timer->timeout);
    list_remove(&timer->link);
    pool_put(&timer_pool, timer);
}

static void delete_from(struct process *process, int32_t least)
{
    LIST_EACH(link, &process->timers)
    {
        struct timer *timer = LIST_ENTRY(link, struct timer, link);

        if (timer->id >= least)
            delete (timer);
    }
}

void timer_delete_created(struct process *process)
{
    delete_from(process, 0);
}

void timer_delete_all(struct process *process)
{
    delete_from(process, INT32_MIN);
}

static struct linux_itimerspec told(const struct timer *timer)
{
    struct linux_itimerspec spec = { { 0, 0 }, { 0, 0 } };

    if (!timer)
        return spec;
    spec.interval = times_spec(timer->interval_ns);
    if (timer->end_ns) {
        uint64_t left = left_ns(timer);

        spec.value = times_spec(left ? left : 1); /* 0 would say that it does not run */
    }
    return spec;
}

static void start(struct timer *timer, uint64_t end_ns, uint64_t interval_ns)
{
    timer->end_ns = end_ns;
    timer->interval_ns = interval_ns;
    timer->overrun = 0;
    arm(timer, 0);
}

/* ---- setitimer, getitimer ---- */

static struct linux_itimerval told_itimer(const struct timer *timer)
{
    const struct linux_itimerspec spec = told(timer);
    struct linux_itimerval value = {
        { spec.interval.s, spec.interval.ns / (int64_t)NS_PER_US },
        { spec.value.s, spec.value.ns / (int64_t)NS_PER_US },
    };

    if (timer && timer->end_ns && !value.value.s && !value.value.us)
        value.value.us = 1;
    return value;
}

static int ns_of_timeval(const struct linux_timeval *time, uint64_t *ns)
{
    const struct linux_timespec spec = { time->s, time->us * (int64_t)NS_PER_US };

    return time->us < 0 || time->us >= 1000000 ? -EINVAL : times_ns(&spec, ns);
}

int64_t sys_getitimer(uint64_t which, va_t out)
{
    if ((uint32_t)which > LINUX_ITIMER_PROF)
        return -EINVAL;
    const struct linux_itimerval value = told_itimer(find(process_current(), ITIMER_ID((uint32_t)which)));

    return user_write(out, &value, sizeof(value));
}

static int set_itimer(uint32_t which, const struct linux_itimerval *value)
{
    static const uint8_t signals[] = { LINUX_SIGALRM, LINUX_SIGVTALRM, LINUX_SIGPROF };
    struct process *process = process_current();
    struct timer *timer = find(process, ITIMER_ID(which));
    uint64_t first, interval;
    int error = ns_of_timeval(&value->value, &first);

    if (!error)
        error = ns_of_timeval(&value->interval, &interval);
    if (error)
        return error;
    uint32_t clock = which == LINUX_ITIMER_REAL ? LINUX_CLOCK_MONOTONIC
                                                : times_cpu_clock(LINUX_CLOCK_PROCESS_CPUTIME_ID);

    if (!timer && first)
        timer = make(process, ITIMER_ID(which), clock, signals[which]);
    if (!timer)
        return first ? -ENOMEM : 0;
    if (first)
        start(timer, times_add(clock_now(timer), first), interval);
    else
        delete (timer);
    return 0;
}

int64_t sys_setitimer(uint64_t which, va_t new, va_t old)
{
    struct linux_itimerval value = { { 0, 0 }, { 0, 0 } };

    if ((uint32_t)which > LINUX_ITIMER_PROF)
        return -EINVAL;
    if (new &&user_read(&value, new, sizeof(value)))
        return -EFAULT;
    const struct linux_itimerval before = told_itimer(find(process_current(), ITIMER_ID((uint32_t)which)));
    int error = set_itimer((uint32_t)which, &value);

    return error || !old ? error : user_write(old, &before, sizeof(before));
}

/* ---- timer_create and its kin ---- */

static int32_t free_id(const struct process *process)
{
    for (int32_t id = 0; id < (int32_t)TIMERS_MAX; id++)
        if (!find(process, id))
            return id;
    return -EAGAIN;
}

static int check_event(const struct linux_sigevent *event)
{
    const struct task *task;

    switch (event->notify) {
    case LINUX_SIGEV_NONE:
        return 0;
    case LINUX_SIGEV_THREAD_ID:
        task = process_find_thread((uint32_t)event->thread);
        if (!task || task->process != process_current())
            return -EINVAL;
        break;
    case LINUX_SIGEV_SIGNAL:
        break;
    default:
        return -EINVAL;
    }
    return event->signal >= 1 && event->signal <= SIGNALS ? 0 : -EINVAL;
}

static int check_clock(uint32_t clock)
{
    uint64_t ns;

    switch (clock) {
    case LINUX_CLOCK_REALTIME:
    case LINUX_CLOCK_MONOTONIC:
    case LINUX_CLOCK_BOOTTIME:
        return 0;
    default:
        return times_cpu_ns(process_current(), clock, &ns);
    }
}

int64_t sys_timer_create(uint64_t clock, va_t from, va_t out)
{
    struct process *process = process_current();
    int32_t id = free_id(process);
    struct linux_sigevent event = { .signal = LINUX_SIGALRM, .value = (uint64_t)(id < 0 ? 0 : id) };
    uint32_t full_clock = times_cpu_clock((uint32_t)clock);
    int error = check_clock(full_clock);

    if (!error && from && user_read(&event, from, sizeof(event)))
        error = -EFAULT;
    if (!error)
        error = check_event(&event);
    if (error || id < 0)
        return error ? error : id;
    struct timer *timer = make(process, id, full_clock, event.notify == LINUX_SIGEV_NONE ? 0 : event.signal);

    if (!timer)
        return -EAGAIN;
    timer->value = event.value;
    timer->thread = event.notify == LINUX_SIGEV_THREAD_ID ? (uint32_t)event.thread : 0;
    if (user_write(out, &id, sizeof(id)) == 0)
        return 0;
    timer = find(process, id); /* another thread may have been here */
    if (timer)
        delete (timer);
    return -EFAULT;
}

static struct timer *own_timer(uint64_t id)
{
    return (int32_t)id < 0 ? NULL : find(process_current(), (int32_t)id);
}

static int read_spec(va_t from, uint64_t *first, uint64_t *interval)
{
    struct linux_itimerspec spec;

    if (user_read(&spec, from, sizeof(spec)))
        return -EFAULT;
    int error = times_ns(&spec.value, first);

    return error ? error : times_ns(&spec.interval, interval);
}

int64_t sys_timer_settime(uint64_t id, uint64_t flags, va_t new, va_t old)
{
    uint64_t first, interval;
    int error = read_spec(new, &first, &interval);
    struct timer *timer = own_timer(id);

    if (error || !timer)
        return error ? error : -EINVAL;
    const struct linux_itimerspec before = told(timer);

    if (!first)
        start(timer, 0, 0);
    else if (!(flags & LINUX_TIMER_ABSTIME))
        start(timer, times_add(clock_now(timer), first), interval);
    else
        start(timer, times_absolute(timer->clock, first) | 1, interval); /* never 0, however long ago */
    return old ? user_write(old, &before, sizeof(before)) : 0;
}

int64_t sys_timer_gettime(uint64_t id, va_t out)
{
    const struct timer *timer = own_timer(id);

    if (!timer)
        return -EINVAL;
    const struct linux_itimerspec spec = told(timer);

    return user_write(out, &spec, sizeof(spec));
}

int64_t sys_timer_getoverrun(uint64_t id)
{
    const struct timer *timer = own_timer(id);

    return timer ? timer->told : -EINVAL;
}

int64_t sys_timer_delete(uint64_t id)
{
    struct timer *timer = own_timer(id);

    if (!timer)
        return -EINVAL;
    delete (timer);
    return 0;
}
