/* Futexes, for the end of threads: firmware/linux/futex.c, robust.c. */
#ifndef FIRMWARE_LINUX_FUTEX_H
#define FIRMWARE_LINUX_FUTEX_H

#include <stdint.h>

#include "firmware/task.h"

/* Wakes up to `count` that sleep on the word of the calling task's memory; how many, or an errno. */
int64_t futex_wake(va_t at, uint32_t count);

/* The calling thread ends: marks the locks that it holds as their owner's death, and wakes who waits for them. */
void robust_list_exit(void);

#endif
