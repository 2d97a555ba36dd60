/*
 * end HOW [NUMBER]: ends in the way that is asked for: `exit N`, `raise SIGNAL`, `abort`, `null` (store to NULL),
 * `text` (store to text), `trap` (a breakpoint), `loop` (never).
 */
#include "common.h"

#include <signal.h>

static volatile uintptr_t near_null = 16; /* volatile: the compiler is not to know */

static void store_to(uintptr_t address)
{
    *(volatile int *)address = 1;
}

int main(int count, char **arguments)
{
    const char *how = count > 1 ? arguments[1] : "exit";
    int value = (int)number(count, arguments, 2, 0);

    printf("end %s %d\n", how, value);
    fflush(stdout);
    if (strcmp(how, "exit") == 0)
        return value;
    if (strcmp(how, "raise") == 0)
        raise(value);
    else if (strcmp(how, "abort") == 0)
        abort();
    else if (strcmp(how, "null") == 0)
        store_to(near_null);
    else if (strcmp(how, "text") == 0)
        store_to((uintptr_t)&store_to & ~(uintptr_t)3);
    else if (strcmp(how, "trap") == 0)
        __builtin_trap();
    else if (strcmp(how, "loop") == 0)
        for (;;)
            ;
    return 99;
}
