/* struct rusage for those who ask: getrusage, wait4, waitid. */
#ifndef FIRMWARE_LINUX_USAGE_H
#define FIRMWARE_LINUX_USAGE_H

#include "firmware/process.h"

/* Writes a struct rusage to the caller's memory. -EFAULT. */
int usage_tell(const struct process_usage *usage, va_t out) MUST_CHECK;

#endif
