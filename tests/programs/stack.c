/*
 * stack [KIB]: uses that much stack and says so; without an argument, more than there is.
 * stack nowhere: a signal whose handler has no stack.
 */
#include "common.h"

#include <signal.h>

static __attribute__((noinline)) unsigned long dig(unsigned long levels, volatile char *above)
{
    volatile char frame[1024];

    for (unsigned i = 0; i < sizeof frame; i += 64)
        frame[i] = (char)(above[0] + 1);
    return levels == 0 ? 0 : dig(levels - 1, frame) + (frame[64] == (char)(above[0] + 1));
}

static void never(int number)
{
    (void)number;
}

/* A handler whose stack is gone. */
static __attribute__((noinline)) int handle_nowhere(void)
{
    stack_t gone = { .ss_size = 1 << 16 };
    struct sigaction action = { .sa_handler = never, .sa_flags = SA_ONSTACK };

    gone.ss_sp = mmap(NULL, gone.ss_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaltstack(&gone, NULL);
    sigaction(SIGUSR1, &action, NULL);
    return kill(getpid(), SIGUSR1) + 1;
}

int main(int count, char **arguments)
{
    unsigned long kib = number(count, arguments, 1, ~0ul);
    volatile char start = 0;

    if (count > 1 && strcmp(arguments[1], "nowhere") == 0)
        return handle_nowhere();
    printf("stack %lu KiB\n", dig(kib, &start));
    return 0;
}
