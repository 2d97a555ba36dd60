/*
 * The write-back thread: lets the store work while tasks run, and wakes those that wait for memory.
 *
 * It sleeps until the flash operation in flight is due, or until somebody has work for it. What it does ahead of need
 * waits until no task runs, and at most for a slice. Before it is started, and
 * for code that runs before there are tasks, mm_wait() does the store's steps itself.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_WORKER_H
#define FIRMWARE_WORKER_H

#include <stdbool.h>

#include "mm/store.h"

/* `flash` NULL: there is none. -ENOMEM. */
int worker_start(struct flash *flash) MUST_CHECK;

/* After a page fault: the store may want to work. Costs a few instructions as a rule. */
void worker_look(void);
/* There is work. */
void worker_wake(void);

/*
 * For callers that got -EAGAIN: sleeps until the store has got on. `*patience` counts the calls of one caller that saw
 * no progress at all, from 0; -ENOMEM when it is at its end, so that no task waits for memory that cannot come.
 */
int mm_wait(unsigned *patience);

#endif
