/* Arguments: mostly such as get past the first check. */
#include "tests/programs/callfuzz/callfuzz.h"

#include <fcntl.h>
#include <signal.h>

uint64_t below(struct caller *caller, uint64_t bound)
{
    return random_next(&caller->state) % bound;
}

const char *draw_path(struct caller *caller)
{
    static const char *const paths[] = { "/",
                                         ".",
                                         "..",
                                         "fuzz.a",
                                         "fuzz.b",
                                         "fuzz.d",
                                         "fuzz.d/x",
                                         "fuzz.pipe",
                                         "/dev/null",
                                         "/dev/zero",
                                         "/tmp/fuzz",
                                         "/proc/self/maps",
                                         "/dev/shm/fuzz",
                                         "/proc/self/fd/3",
                                         "",
                                         "/nothing/at/all" };

    return paths[below(caller, sizeof(paths) / sizeof(paths[0]))];
}

uint64_t draw_address(struct caller *caller)
{
    static const uint64_t far[] = { 0,
                                    1,
                                    0xfff,
                                    0x10000,
                                    0x3ffffff000,
                                    0x3fffffffff,
                                    1ul << 38,
                                    1ul << 63,
                                    ~0ul,
                                    ~0ul << 12,
                                    ~7ul,
                                    0xffffffc080000000,
                                    0xffffffff80200000,
                                    0xffffffff80300000,
                                    0xffffffffa0003000,
                                    0x10000000 };

    switch (below(caller, 8)) {
    case 0:
        return far[below(caller, sizeof(far) / sizeof(far[0]))];
    case 1:
        return ARENA + below(caller, ARENA_PAGES * PAGE);
    case 2:
        return ARENA + (below(caller, ARENA_PAGES) + 1) * PAGE - below(caller, 24);
    default:
        return ARENA + below(caller, ARENA_PAGES) * PAGE;
    }
}

static uint64_t draw_number(struct caller *caller)
{
    switch (below(caller, 6)) {
    case 0:
        return below(caller, 4);
    case 1:
        return below(caller, 64);
    case 2:
        return below(caller, 20) * PAGE;
    case 3:
        return 1ul << below(caller, 64);
    case 4:
        return ~0ul << below(caller, 64);
    default:
        return random_next(&caller->state) >> below(caller, 64);
    }
}

uint64_t draw_any(struct caller *caller)
{
    switch (below(caller, 7)) {
    case 0:
    case 1:
        return draw_address(caller);
    case 2:
        return (uint64_t)draw_path(caller);
    case 3:
        return below(caller, 12); /* a descriptor */
    case 4:
        return (uint64_t)AT_FDCWD;
    default:
        return draw_number(caller);
    }
}

/* Itself, its threads and its children: nobody else is to feel it. 0: its process group. */
int draw_task(struct caller *caller)
{
    switch (below(caller, 5)) {
    case 0:
        return getpgrp() == parents_group ? getpid() : 0;
    case 1:
        return getpid();
    case 2:
        return gettid();
    case 3:
        return caller->child ? caller->child : getpid();
    default:
        return threads[below(caller, CALLERS_MAX)];
    }
}

static uint64_t draw_signal(struct caller *caller)
{
    static const uint8_t mild[] = { SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD, SIGCONT, SIGURG, SIGWINCH, 34, 50, 64 };

    return below(caller, 6) ? mild[below(caller, sizeof(mild))] : below(caller, 66);
}

static uint64_t draw_vector(struct caller *caller)
{
    for (unsigned i = 0; i < 3; i++)
        caller->vector[i] = (struct iovec){ (void *)draw_address(caller), below(caller, 3 * PAGE) };
    return (uint64_t)caller->vector;
}

/* At most 3 ms. */
static uint64_t draw_time(struct caller *caller)
{
    caller->soon = (struct timespec){ 0, (long)below(caller, 3000000) };
    return (uint64_t)&caller->soon;
}

static uint64_t draw_flags(struct caller *caller)
{
    static const unsigned open_flags[] = { 0, 1, 2, 0x42, 0x241, 0x402, 0x10000, 0x800, 0x80000, 0x100000 };

    switch (below(caller, 4)) {
    case 0:
        return 0;
    case 1:
        return 1ul << below(caller, 13);
    case 2:
        return below(caller, 16);
    default:
        return open_flags[below(caller, sizeof(open_flags) / sizeof(open_flags[0]))];
    }
}

/* What the letters in call.c's table stand for; one in eight is something else, but for tasks. */
uint64_t draw_shaped(struct caller *caller, char shape)
{
    if (shape == 'i')
        return (uint64_t)(int64_t)draw_task(caller);
    if (below(caller, 8) == 0)
        return draw_any(caller);
    switch (shape) {
    case 'a': /* an address */
        return draw_address(caller);
    case 'A': /* that begins a page */
        return ARENA + below(caller, ARENA_PAGES) * PAGE;
    case 'u': /* most often none */
        return below(caller, 3) ? 0 : draw_address(caller);
    case 'l': /* bytes */
        return below(caller, 5 * PAGE);
    case 'p': /* whole pages */
        return (below(caller, ARENA_PAGES) + 1) * PAGE;
    case 's': /* a path */
        return (uint64_t)draw_path(caller);
    case 'd': /* a descriptor */
        return below(caller, 12);
    case 'D': /* a directory's */
        return below(caller, 6) ? (uint64_t)AT_FDCWD : below(caller, 12);
    case 'f': /* flags */
        return draw_flags(caller);
    case 'c': /* a small number */
        return below(caller, 16);
    case 'm': /* permissions */
        return below(caller, 01000);
    case 't': /* a time, not long */
        return draw_time(caller);
    case 'g': /* a signal */
        return draw_signal(caller);
    case '8': /* bytes of a signal set */
        return 8;
    case 'v': /* three ranges */
        return draw_vector(caller);
    case 'n': /* a number */
        return draw_number(caller);
    default: /* anything */
        return draw_any(caller);
    }
}
