/* What the programs share whose output is compared between Linux and Vellum. */
#ifndef TESTS_PROGRAMS_LINUX_H
#define TESTS_PROGRAMS_LINUX_H

#include "common.h"

#include <setjmp.h>

/* The call as it is written, its value, and the error if it is negative. */
#define SHOW(call) show(#call, (errno = 0, (long)(call)))

static inline void show(const char *call, long value)
{
    if (value < 0)
        printf("%s = %ld %s\n", call, value, strerror(errno));
    else
        printf("%s = %ld\n", call, value);
}

#endif
