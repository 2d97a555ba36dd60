/* Taking all there is of something. The witness and the driver have to go on, and all has to come back at the end. */
#include "tests/programs/attack/attack.h"

#include <pthread.h>
#include <sys/resource.h>

#define MANY 100000u

static void map_all(char *page, uintptr_t pages)
{
    unsigned maps = 0;

    (void)page;
    while (maps < MANY &&
           mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        maps++;
    expect(maps < MANY && errno == ENOMEM, "maps without end");
}

/* Touches all that it is promised, up to a bound of its own. */
static void touch_all(char *page, uintptr_t bound)
{
    unsigned pages = 0;

    (void)page;
    for (; pages < bound; pages++) {
        char *one = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (one == MAP_FAILED)
            break;
        memset(one, (int)pages, PAGE);
    }
    expect(pages > 0, "no page at all");
}

/* Without promises: more than there can be, of what does not compress. Whoever takes too much ends, nobody else. */
static void unpromised(char *page, uintptr_t pages)
{
    uint64_t state = 99;
    uint64_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                            0);

    (void)page;
    expect(memory != MAP_FAILED, "mmap");
    for (size_t i = 0; i < pages * PAGE / 8; i++)
        memory[i] = random_next(&state);
    raise(SIGKILL); /* there was room for all */
}

/* A page in each 2 MiB, or in each GiB: page tables. */
static void tables(char *page, uintptr_t step)
{
    (void)page;
    for (uintptr_t at = 0x1000000000; at < 0x3000000000; at += step) {
        char *one = mmap((void *)at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

        if (one == MAP_FAILED)
            break;
        *one = 1;
    }
}

static void regions(char *page, uintptr_t with)
{
    char *memory = mmap(NULL, 20000 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    unsigned cuts = 0;

    (void)page, (void)with;
    expect(memory != MAP_FAILED, "mmap");
    while (cuts < 10000 && mprotect(memory + 2 * cuts * PAGE, PAGE, PROT_NONE) == 0)
        cuts++;
    expect(cuts < 10000 && errno == ENOMEM, "regions without end");
}

static void descriptors(char *page, uintptr_t with)
{
    unsigned count = 0;

    (void)page, (void)with;
    while (count < MANY && dup(1) >= 0)
        count++;
    expect(count < MANY && errno == EMFILE, "descriptors without end");
}

static void pipes(char *page, uintptr_t with)
{
    static char full[PAGE];
    int ends[2];
    unsigned count = 0;

    (void)page, (void)with;
    while (count < MANY && pipe2(ends, O_NONBLOCK) == 0) {
        while (write(ends[1], full, sizeof(full)) > 0)
            continue;
        count++;
    }
    expect(count < MANY, "pipes without end");
}

static void locks(char *page, uintptr_t with)
{
    int file = open("attack.locks", O_RDWR | O_CREAT, 0600);
    unsigned count = 0;

    (void)page, (void)with;
    expect(file >= 0, "open");
    unlink("attack.locks");
    for (; count < 20000; count++) {
        struct flock lock = { .l_type = F_WRLCK, .l_start = count * 2, .l_len = 1 };

        if (fcntl(file, F_SETLK, &lock) != 0)
            break;
    }
    expect(count < 20000, "locks without end");
}

static void timers(char *page, uintptr_t with)
{
    timer_t timer;
    unsigned count = 0;

    (void)page, (void)with;
    while (count < MANY && timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0)
        count++;
    expect(count < MANY && errno == EAGAIN, "timers without end");
}

/* Timers that all expire all the time. */
static void timer_storm(char *page, uintptr_t with)
{
    struct itimerspec often = { { 0, 1000 }, { 0, 1000 } };
    struct timespec end = { 0, 50000000 };
    timer_t timer;

    (void)page, (void)with;
    signal(SIGALRM, SIG_IGN);
    for (unsigned i = 0; i < 20 && timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0; i++)
        timer_settime(timer, 0, &often, NULL);
    nanosleep(&end, NULL);
}

static void signals(char *page, uintptr_t with)
{
    union sigval value = { 0 };
    sigset_t all;
    unsigned count = 0;

    (void)page, (void)with;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    while (count < MANY && sigqueue(getpid(), SIGRTMIN + 1, value) == 0)
        count++;
    expect(count < MANY && errno == EAGAIN, "signals without end");
}

/* Each level's frame is big enough to matter and small enough to meet the guard. */
static __attribute__((noinline)) int dig(volatile char *above, unsigned long levels)
{
    volatile char frame[1024];

    frame[0] = above[0];
    return levels == 0 ? 0 : dig(frame, levels - 1) + frame[0];
}

static void stack(char *page, uintptr_t with)
{
    char start = 1;

    (void)page, (void)with;
    _exit(dig(&start, ~0ul) == 0);
}

static void nested(int number)
{
    raise(number);
}

static void signal_nesting(char *page, uintptr_t with)
{
    struct sigaction action = { .sa_handler = nested, .sa_flags = SA_NODEFER };

    (void)page, (void)with;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

/* ---- Tasks ---- */

static void wait_for_all(void)
{
    while (wait(NULL) > 0 || errno == EINTR)
        continue;
}

static void children(char *page, uintptr_t with)
{
    unsigned count = 0;

    (void)page, (void)with;
    for (; count < 1000; count++) {
        pid_t id = fork();

        if (id == 0) {
            pause();
            _exit(0);
        }
        if (id < 0)
            break;
    }
    expect(count < 1000, "processes without end");
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    wait_for_all();
}

/* Zombies that nobody waits for. */
static void zombies(char *page, uintptr_t with)
{
    (void)page, (void)with;
    for (unsigned count = 0; count < 400; count++) {
        pid_t id = fork();

        if (id == 0)
            _exit(0);
        if (id < 0)
            break;
    }
}

/* Every child makes more, until nothing is left; the driver ends the group by the first one's end. */
static void fork_bomb(char *page, uintptr_t depth)
{
    (void)page;
    for (uintptr_t level = 0; level < depth; level++)
        fork();
    if (getpid() == getpgid(0)) {
        for (unsigned i = 0; i < 200; i++)
            sched_yield();
        kill(0, SIGKILL);
    }
    for (;;)
        sched_yield();
}

static void *sleeper(void *with)
{
    pause();
    return with;
}

static void threads(char *page, uintptr_t with)
{
    pthread_attr_t attributes;
    pthread_t thread;
    unsigned count = 0;

    (void)page, (void)with;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 4 * PAGE);
    while (count < 1000 && pthread_create(&thread, &attributes, sleeper, NULL) == 0)
        count++;
    expect(count < 1000, "threads without end");
    _exit(STATUS_CONTAINED);
}

/* A thread without a stack: all it does, it does in these few instructions. */
static __attribute__((noinline)) long thread_raw(long number, const int *word)
{
    register long a0 __asm__("a0") = 0x10f00; /* VM, FS, FILES, SIGHAND, THREAD */
    register long a1 __asm__("a1") = 0;
    register long a2 __asm__("a2") = 0;
    register long a3 __asm__("a3") = 0;
    register long a4 __asm__("a4") = 0;
    register long a7 __asm__("a7") = SYS_clone;

    __asm__ volatile("mv t1, %6\n\tmv t2, %7\n\tecall\n\tbnez a0, 2f\n"
                     "1:\tmv a0, t2\n\tli a1, 0\n\tli a2, 0\n\tli a3, 0\n\tmv a7, t1\n\tecall\n\tj 1b\n2:"
                     : "+r"(a0)
                     : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7), "r"(number), "r"(word)
                     : "t1", "t2", "memory");
    return a0;
}

static void raw_threads(char *page, uintptr_t with)
{
    unsigned count = 0;

    (void)page, (void)with;
    while (count < 1000 && thread_raw(SYS_sched_yield, NULL) > 0)
        count++;
    expect(count < 1000, "threads without end");
    syscall(SYS_exit_group, STATUS_CONTAINED);
}

/* ---- Store ---- */

static void out_and_in(char *page, uintptr_t pages)
{
    uint64_t *memory = (uint64_t *)pages_new(pages, PROT_READ | PROT_WRITE), state = 17;

    (void)page;
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < pages * PAGE / 8; i++)
            memory[i] = random_next(&state);
        madvise(memory, pages * PAGE, MADV_PAGEOUT);
    }
}

static void shared_memory(char *page, uintptr_t with)
{
    unsigned count = 0;

    (void)page, (void)with;
    for (; count < 60; count++) {
        int file = (int)call(SYS_memfd_create, (long)"attack", 0, 0, 0, 0, 0);

        if (file < 0 || ftruncate(file, 1 << 24) != 0)
            break;
        char *memory = mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (memory == MAP_FAILED)
            break;
    }
    expect(count < 60, "shared memory without end");
}

static void files(char *page, uintptr_t with)
{
    char name[32];
    unsigned count = 0;

    (void)page, (void)with;
    for (; count < 300; count++) {
        snprintf(name, sizeof(name), "attack.%u", count);
        int file = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);

        if (file < 0)
            break;
        close(file);
    }
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "attack.%u", i);
        expect(unlink(name) == 0, "unlink");
    }
}

static void big_file(char *page, uintptr_t with)
{
    static char block[64 * 1024];
    uint64_t state = 3;
    int file = open("attack.big", O_RDWR | O_CREAT | O_TRUNC, 0600);
    unsigned blocks = 0;

    (void)page, (void)with;
    expect(file >= 0, "open");
    for (; blocks < 40; blocks++) {
        for (size_t i = 0; i < sizeof(block) / 8; i++)
            ((uint64_t *)block)[i] = random_next(&state);
        if (write(file, block, sizeof(block)) != sizeof(block))
            break;
    }
    expect(lseek(file, 1l << 62, SEEK_SET) == -1 || write(file, "x", 1) == -1, "a file of 4 EiB");
    expect(ftruncate(file, 1l << 50) == -1, "a file of 1 PiB");
    expect(unlink("attack.big") == 0, "unlink");
}

static void lock_all(char *page, uintptr_t pages)
{
    char *memory = pages_new(pages, PROT_READ | PROT_WRITE);
    struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
    size_t locked = 0;

    (void)page;
    setrlimit(RLIMIT_MEMLOCK, &limit);
    while (locked < pages && mlock(memory + locked * PAGE, PAGE) == 0)
        locked++;
    expect(locked < pages, "all memory locked");
}

static void loop(char *page, uintptr_t with)
{
    time_t start = time(NULL);

    (void)page, (void)with;
    while (time(NULL) <= start + 1)
        continue;
}

static void log_flood(char *page, uintptr_t with)
{
    (void)page, (void)with;
    for (unsigned i = 0; i < 30; i++) {
        pid_t id = fork();

        if (id == 0)
            *(volatile char *)KERNEL_DATA = 0;
        waitpid(id, NULL, 0);
    }
}

static void futex_waiters(char *page, uintptr_t with)
{
    static int word;

    (void)page, (void)with;
    for (unsigned i = 0; i < 40; i++)
        expect(thread_raw(SYS_futex, &word) > 0, "a thread");
    for (unsigned i = 0; i < 1000; i++)
        call(SYS_futex, (long)&word, 3, 1, 30, (long)&word + 64, 0);
    syscall(SYS_exit_group, STATUS_CONTAINED);
}

#define NO(what, run, with, ends)    \
    {                                \
        what, run, with, ends, false \
    }

const struct attack exhaustion_attacks[] = {
    NO("maps of a page", map_all, 1, 0),
    NO("maps of 64 pages", map_all, 64, 0),
    NO("writing 2000 pages", touch_all, 2000, 0),
    NO("page tables, one in 2 MiB", tables, 1 << 21, 0),
    NO("page tables, one in 1 GiB", tables, 1 << 30, 0),
    NO("regions", regions, 0, 0),
    NO("descriptors", descriptors, 0, 0),
    NO("full pipes", pipes, 0, 0),
    NO("file locks", locks, 0, 0),
    NO("timers", timers, 0, 0),
    NO("a storm of timers", timer_storm, 0, 0),
    NO("queued signals", signals, 0, 0),
    NO("stack", stack, 0, SIGSEGV),
    NO("nested signals", signal_nesting, 0, SIGSEGV),
    NO("processes", children, 0, 0),
    NO("zombies", zombies, 0, 0),
    NO("fork bomb", fork_bomb, 12, SIGKILL),
    NO("threads", threads, 0, 0),
    NO("threads without a library", raw_threads, 0, 0),
    NO("pages that do not compress, out", out_and_in, 600, 0),
    NO("shared memory", shared_memory, 0, 0),
    NO("files", files, 0, 0),
    NO("a large file", big_file, 0, 0),
    NO("locked memory", lock_all, 2000, 0),
    NO("a loop", loop, 0, 0),
    NO("fault reports", log_flood, 0, 0),
    NO("futex waiters requeued", futex_waiters, 0, 0),
    { 0 },
};

/* Fills the whole flash, which takes its time: a group of its own. */
const struct attack overcommit_attacks[] = {
    NO("memory that was never promised", unpromised, 30000, SIGKILL),
    { 0 },
};
