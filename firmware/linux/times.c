/* Conversions between the program's times and the firmware's. */
#include "firmware/linux/times.h"

#include <errno.h>

#include "firmware/clock.h"
#include "firmware/usercopy.h"

struct linux_timespec times_spec(uint64_t ns)
{
    return (struct linux_timespec){ (int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S) };
}

struct linux_timeval times_val(uint64_t ns)
{
    return (struct linux_timeval){ (int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S / NS_PER_US) };
}

int times_ns(const struct linux_timespec *time, uint64_t *ns)
{
    if (time->s < 0 || time->ns < 0 || time->ns >= (int64_t)NS_PER_S)
        return -EINVAL;
    *ns = time->s < TIMES_MOST_S ? (uint64_t)(time->s * (int64_t)NS_PER_S + time->ns) : TIMES_MOST_NS;
    return 0;
}

int times_read(va_t from, uint64_t *ns)
{
    struct linux_timespec time;

    return user_read(&time, from, sizeof(time)) ? -EFAULT : times_ns(&time, ns);
}

int times_read_deadline(va_t from, uint64_t *tick)
{
    uint64_t ns;
    int error = times_read(from, &ns);

    if (!error)
        *tick = clock_tick_at(times_add(clock_monotonic_ns(), ns));
    return error;
}

uint64_t times_add(uint64_t a, uint64_t b)
{
    return a + b > TIMES_MOST_NS ? TIMES_MOST_NS : a + b;
}

uint64_t times_absolute(uint32_t clock, uint64_t ns)
{
    int64_t now_s, now_ns;

    if (clock != LINUX_CLOCK_REALTIME)
        return ns;
    clock_real(&now_s, &now_ns);
    uint64_t real = (uint64_t)now_s * NS_PER_S + (uint64_t)now_ns;

    return ns > real ? times_add(clock_monotonic_ns(), ns - real) : 0;
}

uint64_t times_restarted(uint64_t end_ns)
{
    struct task *task = task_current();

    if (!task->call_restarts)
        return end_ns;
    task->call_restarts = false;
    return task->restart_ns;
}

void times_keep(uint64_t end_ns)
{
    task_current()->restart_ns = end_ns;
}
