/* Times as programs give them, and as this firmware counts them: nanoseconds since boot, and ticks. */
#ifndef FIRMWARE_LINUX_TIMES_H
#define FIRMWARE_LINUX_TIMES_H

#include <stdint.h>

#include "firmware/linux/abi.h"
#include "firmware/process.h"
#include "hal/cpu.h"
#include "mm/store.h"

#define NS_PER_S  1000000000ull
#define NS_PER_US 1000ull

/* Linux's KTIME_MAX: as good as for ever. The sum of two times fits in 64 bits. */
#define TIMES_MOST_NS ((uint64_t)INT64_MAX)
#define TIMES_MOST_S  (INT64_MAX / (int64_t)NS_PER_S)

/* A timespec in nanoseconds, TIMES_MOST_NS at most. -EFAULT, -EINVAL. */
int times_read(va_t from, uint64_t *ns) MUST_CHECK;
int times_ns(const struct linux_timespec *time, uint64_t *ns) MUST_CHECK;
/* A span of time, as the tick at which it is over. */
int times_read_deadline(va_t from, uint64_t *tick) MUST_CHECK;
/* A point in time of the clock (LINUX_CLOCK_REALTIME: since 1970; else since boot), as nanoseconds since boot. */
uint64_t times_absolute(uint32_t clock, uint64_t ns);
/*
 * Clocks of processor time. times_cpu_clock() puts the caller's number in when the clock is its own; times_cpu_ns() reads
 * what comes of that for `own`, who may ask for its own threads and for every process: -EINVAL.
 */
#define TIMES_PERIOD_LEAST_NS \
    100000u /* a timer does not run out more often than this: it must leave time for the program */
#define TIMES_IS_CPU(clock) ((int32_t)(clock) < 0)
#define TIMES_CPU_WHICH     3u /* bits: which time, which makes no difference here */
uint32_t times_cpu_clock(uint32_t clock);
int times_cpu_ns(const struct process *own, uint32_t clock, uint64_t *ns) MUST_CHECK;
uint64_t times_add(uint64_t a, uint64_t b); /* of two times; TIMES_MOST_NS at most */
struct linux_timespec times_spec(uint64_t ns);
struct linux_timeval times_val(uint64_t ns);
int64_t times_clock(uint64_t ticks); /* in clock_t, as times(2) */

/*
 * For a call that waits until `end_ns`: what a restarted one has kept of the first, or end_ns itself; and keeping it.
 */
uint64_t times_restarted(uint64_t end_ns);
void times_keep(uint64_t end_ns);

#endif
