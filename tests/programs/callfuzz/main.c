/*
 * callfuzz SEED BATCHES [FIRST [CHILDREN]]: random system calls with random arguments, BATCHES times in a child of its
 * own, the first one being number FIRST (0). All that is drawn follows from the seed and the batch's number, so
 * `callfuzz SEED 1 N` replays batch N. Two batches in three have up to three threads more, which call, unmap and fault
 * against each other. What each draws does not depend on the others; what comes of it does, as on their order: that is
 * the same again where the machine's time is (ICOUNT=1 of platform/run), and not else.
 *
 * With CHILDREN 2 or more so many make a batch's calls side by side, and half of those are about files that they share.
 * `callfuzz calls` prints the numbers of the calls that it knows.
 *
 * A batch may end in any way, but the parent's memory and pages of the threads' own must be as they were, and
 * /proc/vellum/check must find nothing. With CALLFUZZ_TELL in the environment each call is told before it is made.
 */
#include "tests/programs/callfuzz/callfuzz.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#define PARENT_PAGES 24u
#define STILL_S      2 /* a batch that makes no call for so long is ended */
#define BATCH_S      60

struct shared *shared;
bool telling;
volatile int threads[CALLERS_MAX];
int parents_group;

/* ---- A batch ---- */

static struct caller callers[CALLERS_MAX];
static volatile unsigned running;

static void *thread(void *argument)
{
    struct caller *caller = argument;

    caller_prepare(caller, (unsigned)(caller - callers));
    caller_run(caller, false);
    __atomic_fetch_sub(&running, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void threads_start(uint64_t count)
{
    pthread_t id;

    for (uint64_t i = 1; i <= count; i++) {
        callers[i].state = callers[0].state;
        __atomic_fetch_add(&running, 1, __ATOMIC_SEQ_CST);
        if (pthread_create(&id, NULL, thread, &callers[i]) != 0)
            __atomic_fetch_sub(&running, 1, __ATOMIC_SEQ_CST);
    }
}

/* The others of a batch; whose calls this one is to make. */
static uint64_t join_others(uint64_t children)
{
    mkdir("fuzz.d", 0700);
    for (uint64_t i = 1; i < children; i++)
        if (fork() == 0)
            return i;
    return 0;
}

static void memory_map(struct caller *caller)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

    mmap((void *)OWN, CALLERS_MAX * OWN_PAGES * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    mmap((void *)ARENA, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    for (size_t i = 0; i < ARENA_PAGES * PAGE / 8; i++)
        ((uint64_t *)ARENA)[i] = i % 3 ? below(caller, 64) : draw_any(caller);
}

static void batch(uint64_t seed, uint64_t number, uint64_t children)
{
    struct caller *caller = &callers[0];
    int null = open("/dev/null", O_RDWR);

    caller->state = (seed << 32 ^ number * 0x9e3779b97f4a7c15u) | 1;
    setpgid(0, 0);
    uint64_t own = children > 1 ? join_others(children) : 0;
    caller->state += 2 * own * 0x9e3779b97f4a7c15u;
    memory_map(caller);
    /* the parent's output must not be mixed with */
    dup2(null, 0);
    dup2(null, 1);
    if (!telling)
        dup2(null, 2);
    for (unsigned i = 0; i < CALLERS_MAX; i++)
        threads[i] = getpid();
    caller_prepare(caller, 0);
    if (children == 1 && below(caller, 3))
        threads_start(below(caller, CALLERS_MAX - 1) + 1);
    caller_run(caller, children > 1);
    /* Half of them end in the middle of what the other threads do. */
    if (below(caller, 2))
        for (unsigned i = 0; i < 5000 && (running > 0 || (own == 0 && waitpid(-1, NULL, WNOHANG) >= 0)); i++)
            sched_yield();
    _exit(0);
}

/* ---- The parent ---- */

static bool check_holds(void)
{
    char text[512];
    int file = open("/proc/vellum/check", O_RDONLY);
    ssize_t got = file < 0 ? -1 : read(file, text, sizeof(text) - 1);

    close(file);
    if (file < 0)
        return true; /* on another system */
    text[got < 0 ? 0 : got] = 0;
    return strstr(text, "memory_broken 0\n") && strstr(text, "store_broken 0\n");
}

/* Whoever it was that has left the batch's group. */
static void end_all_of(pid_t id)
{
    uint32_t groups = shared->groups < GROUPS_MAX ? shared->groups : GROUPS_MAX;

    kill(-id, SIGKILL);
    for (uint32_t i = 0; i < groups; i++) {
        kill(shared->group[i], SIGKILL);
        kill(-shared->group[i], SIGKILL);
    }
    kill(id, SIGKILL);
}

static void wait_for(pid_t id)
{
    time_t start = time(NULL), last = start;
    uint64_t calls = 0;

    while (waitpid(id, NULL, WNOHANG) == 0) {
        if (shared->calls != calls)
            last = time(NULL);
        calls = shared->calls;
        if (time(NULL) - last > STILL_S || time(NULL) - start > BATCH_S)
            end_all_of(id);
        sched_yield();
    }
    end_all_of(id); /* what it has left behind */
}

static uint64_t wrong_words(const uint64_t *memory)
{
    uint64_t wrong = 0;

    for (size_t i = 0; i < PARENT_PAGES * PAGE / 8; i++)
        wrong += memory[i] != i * 0x9e3779b97f4a7c15u;
    return wrong;
}

static void *map(size_t bytes, int flags)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

    if (memory == MAP_FAILED)
        die("mmap: %s", strerror(errno));
    return memory;
}

static void run_batch(uint64_t seed, uint64_t number, uint64_t children)
{
    shared->groups = 0;
    pid_t id = fork();

    if (id == 0)
        batch(seed, number, children);
    if (id < 0)
        die("fork: %s", strerror(errno));
    wait_for(id);
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "calls") == 0) {
        calls_print();
        return 0;
    }
    uint64_t seed = number(count, arguments, 1, 1), batches = number(count, arguments, 2, 10);
    uint64_t first = number(count, arguments, 3, 0), children = number(count, arguments, 4, 1);
    uint64_t *memory = map(PARENT_PAGES * PAGE, MAP_PRIVATE), wrong = 0;

    telling = getenv("CALLFUZZ_TELL") != NULL;
    parents_group = getpgrp();
    shared = map(PAGE, MAP_SHARED);
    for (size_t i = 0; i < PARENT_PAGES * PAGE / 8; i++)
        memory[i] = i * 0x9e3779b97f4a7c15u;
    for (uint64_t i = first; i < first + batches; i++) {
        madvise(memory, PARENT_PAGES * PAGE, MADV_PAGEOUT);
        run_batch(seed, i, children);
        if (wrong_words(memory) + shared->wrong != wrong)
            printf(
                "callfuzz seed=%lu batch=%lu: wrong words: %lu of its own (at %lx: %lx, not %lx), %lu of the parent's\n",
                (unsigned long)seed, (unsigned long)i, (unsigned long)shared->wrong, (unsigned long)shared->wrong_at,
                (unsigned long)shared->wrong_is, (unsigned long)shared->wrong_was, (unsigned long)wrong_words(memory));
        wrong = wrong_words(memory) + shared->wrong;
        if (!check_holds())
            die("callfuzz seed=%lu batch=%lu: the check is broken", (unsigned long)seed, (unsigned long)i);
    }
    printf("callfuzz seed=%lu batches=%lu calls=%lu kinds=%u wrong=%lu %s\n", (unsigned long)seed,
           (unsigned long)batches, (unsigned long)shared->calls, calls_made(), (unsigned long)wrong,
           wrong ? "WRONG" : "good");
    return wrong != 0;
}
