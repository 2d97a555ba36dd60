/* What the calls about a program's memory have in common. */
#ifndef FIRMWARE_LINUX_MM_H
#define FIRMWARE_LINUX_MM_H

#include "firmware/task.h"
#include "mm/mm.h"

static inline struct space *own_space(void)
{
    return task_current()->space;
}

/* An aligned start, a length in whole pages (to which *bytes is rounded), no wrap. -EINVAL. */
int mm_check_range(va_t address, uint64_t *bytes) MUST_CHECK;

#endif
