/*
 * Timers of programs: setitimer's three, and those of timer_create. They end in signals.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_LINUX_TIMER_H
#define FIRMWARE_LINUX_TIMER_H

#include "firmware/linux/abi_process.h"
#include "firmware/process.h"

/* A timer's signal is being taken in: `info` learns how often the timer has run out since it was sent. */
void timer_taken(struct process *process, struct linux_siginfo *info);
/* exec keeps the interval timers; the end of a process keeps none. */
void timer_delete_created(struct process *process);
void timer_delete_all(struct process *process);
/* How many there are, for the check at the end of a run. */
uint32_t timer_count(void);

#endif
