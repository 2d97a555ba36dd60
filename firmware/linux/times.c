/* Conversions between the program's times and the firmware's. */
#include "firmware/linux/times.h"

#include <errno.h>

#include "firmware/clock.h"
#include "firmware/usercopy.h"
#include "hal/timer.h"

struct linux_timespec times_spec(uint64_t ns)
{
    return (struct linux_timespec){ (int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S) };
}

struct linux_timeval times_val(uint64_t ns)
{
    return (struct linux_timeval){ (int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S / NS_PER_US) };
}

int64_t times_clock(uint64_t ticks)
{
    return (int64_t)(timer_ns_from_ticks(ticks) / (NS_PER_S / LINUX_CLOCK_TICKS_HZ));
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

/*
 * linux/posix-timers.h: ~id << 3, whether a thread's, and which time: all of it, or in user mode, which are the same here.
 * The fixed clocks are those of number 0, the caller's own.
 */
#define CPU_CLOCK_THREAD    4u
#define CPU_CLOCK(id, rest) (~(uint32_t)(id) << 3 | (rest))
#define CPU_CLOCK_ID(clock) (~(uint32_t)((int32_t)(clock) >> 3))

uint32_t times_cpu_clock(uint32_t clock)
{
    const struct task *task = task_current();

    if (clock == LINUX_CLOCK_PROCESS_CPUTIME_ID)
        clock = CPU_CLOCK(0, 0);
    else if (clock == LINUX_CLOCK_THREAD_CPUTIME_ID)
        clock = CPU_CLOCK(0, CPU_CLOCK_THREAD);
    if (!TIMES_IS_CPU(clock) || CPU_CLOCK_ID(clock))
        return clock;
    return CPU_CLOCK(clock & CPU_CLOCK_THREAD ? task->id : task->process->id, clock & 7);
}

int times_cpu_ns(const struct process *own, uint32_t clock, uint64_t *ns)
{
    const struct process *process = process_find(CPU_CLOCK_ID(clock));
    const struct task *task = process_find_thread(CPU_CLOCK_ID(clock));

    if (!TIMES_IS_CPU(clock) || (clock & TIMES_CPU_WHICH) == TIMES_CPU_WHICH)
        return -EINVAL;
    if (clock & CPU_CLOCK_THREAD ? !task || task->process != own : !process)
        return -EINVAL;
    *ns = timer_ns_from_ticks(clock & CPU_CLOCK_THREAD ? task_ran_ticks(task) : process_usage(process).ran_ticks);
    return 0;
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
