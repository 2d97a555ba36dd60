/*
 * What ASSERT does in host tests: say where, and abort, so that a sanitizer or debugger shows the stack.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mm/assert.h"

_Noreturn void assert_failed(const char *file, int line)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s:%d: ASSERT failed\n", file, line);
    abort();
}
