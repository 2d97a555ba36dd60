/* What the programs share whose output is compared between Linux and Vellum. */
#ifndef TESTS_PROGRAMS_LINUX_H
#define TESTS_PROGRAMS_LINUX_H

#include "common.h"

#include <setjmp.h>
#include <signal.h>

/* The call as it is written, its value, and the error if it is negative. */
#define SHOW(call) show(#call, (errno = 0, (long)(call)))

static inline void show(const char *call, long value)
{
    if (value < 0)
        printf("%s = %ld %s\n", call, value, strerror(errno));
    else
        printf("%s = %ld\n", call, value);
}

/* What was done, and its value or the name of its error. */
static inline void tell(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %ld\n", what, result);
    fflush(stdout);
}

static inline void install(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

    if (sigaction(number, &action, NULL) != 0)
        die("sigaction: %s", strerror(errno));
}

#endif
