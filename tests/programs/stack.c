/*
 * stack [KIB]: uses that much stack and says so; without an argument, more than there is.
 */
#include "common.h"

static __attribute__((noinline)) unsigned long dig(unsigned long levels, volatile char *above)
{
    volatile char frame[1024];

    for (unsigned i = 0; i < sizeof frame; i += 64)
        frame[i] = (char)(above[0] + 1);
    return levels == 0 ? 0 : dig(levels - 1, frame) + (frame[64] == (char)(above[0] + 1));
}

int main(int count, char **arguments)
{
    unsigned long kib = number(count, arguments, 1, ~0ul);
    volatile char start = 0;

    printf("stack %lu KiB\n", dig(kib, &start));
    return 0;
}
