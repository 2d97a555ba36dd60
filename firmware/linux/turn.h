/*
 * Turns: one task at a time has a thing for as long as it takes, over every sleep. The others wait in the order in which
 * they asked.
 *
 *      an open file (struct file)     its position: taken by what moves at it and then sets it
 *      a file's bytes (its object)    taken by what writes or resizes, so that the end is where appending finds it
 *
 * Order: positions, of two the one with the lower address first; then bytes. Who has a turn waits for memory and for flash
 * at most, never for what another program does: no turn is taken for a file that can keep its caller waiting. Page
 * faults take none, so a buffer may be a mapping of the very file.
 *
 * Locking: the kernel lock. The thing is kept by a reference.
 */
#ifndef FIRMWARE_LINUX_TURN_H
#define FIRMWARE_LINUX_TURN_H

#include "firmware/task.h"

/* Of one task and one thing; lies on its stack. */
struct turn {
    struct list link;
    struct waiter waiter;
    const void *thing;
};

/* -EINTR: the process ends, and there is nothing to give back. */
int turn_take(struct turn *turn, const void *thing) MUST_CHECK;
void turn_end(struct turn *turn);

#endif
