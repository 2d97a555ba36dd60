/*
 * What ASSERT does in host tests: say where and what, and abort, so that a sanitizer or debugger shows the stack.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mm/assert.h"

_Noreturn void assert_failed(const char *file, int line, const char *condition)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s:%d: ASSERT(%s) failed\n", file, line, condition);
    abort();
}
