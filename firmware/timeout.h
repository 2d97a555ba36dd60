/*
 * Timeouts: functions to be called at a time, from the timer interrupt. For what has no task of its own to sleep.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_TIMEOUT_H
#define FIRMWARE_TIMEOUT_H

#include <stdint.h>

#include "firmware/list.h"

struct timeout {
    struct list link; /* in order of deadlines, or on no ring */
    uint64_t deadline;
    void (*expired)(struct timeout *timeout); /* must not sleep; may set it again */
};

void timeout_init(struct timeout *timeout, void (*expired)(struct timeout *timeout));
/* At the tick `deadline`, or soon after; replaces an earlier one. */
void timeout_set(struct timeout *timeout, uint64_t deadline);
void timeout_cancel(struct timeout *timeout);

/* For the alarm of the scheduler: calls what is over at `now`; the next deadline, or TIMER_NEVER. */
void timeout_run(uint64_t now);
uint64_t timeout_next(void);

#endif
