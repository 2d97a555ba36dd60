/*
 * bench NAME ... : measures from inside, in instructions, and prints `bench NAME VALUE insn` for each. Under an emulator
 * that counts instructions (ICOUNT=1), `instret` counts those of kernel and user alike, and is the same in every run.
 *
 * Every figure is the whole loop's cost divided by its rounds; nothing is subtracted. `text FILE` before a name says
 * where the contents of pages come from; `pages N` how many pages the next figures use.
 */
#include "common.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#define PAGE TEXT_PAGE

static size_t pages = 64;
static struct text contents;

static uint64_t instructions(void)
{
#ifdef __riscv
    uint64_t now;
    __asm__ volatile("rdinstret %0" : "=r"(now)::"memory");
    return now;
#else
    static uint64_t calls;
    return ++calls;
#endif
}

static char *map_pages(size_t count)
{
    char *at = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        die("bench: mmap of %zu pages: %s", count, strerror(errno));
    return at;
}

static double per(uint64_t start, uint64_t rounds)
{
    return (double)(instructions() - start) / (double)rounds;
}

static double syscall_null(void)
{
    enum { ROUNDS = 20000 };
    uint64_t start = instructions();

    for (int i = 0; i < ROUNDS; i++) {
#ifdef __riscv
        register long a7 __asm__("a7") = SYS_getppid;
        register long a0 __asm__("a0");
        __asm__ volatile("ecall" : "=r"(a0) : "r"(a7) : "memory");
#else
        syscall(SYS_getppid);
#endif
    }
    return per(start, ROUNDS);
}

static double touch(int store, int rounds)
{
    uint64_t spent = 0;

    for (int round = 0; round < rounds; round++) {
        volatile char *at = map_pages(pages);
        uint64_t start = instructions();
        for (size_t i = 0; i < pages; i++) {
            if (store)
                at[i * PAGE] = 1;
            else
                (void)at[i * PAGE];
        }
        spent += instructions() - start;
        munmap((void *)(uintptr_t)at, pages * PAGE);
    }
    return (double)spent / (double)(pages * (size_t)rounds);
}

static double fault_zero(void)
{
    return touch(1, 40);
}
static double fault_readzero(void)
{
    return touch(0, 40);
}

/* A child that lives until its pipe is closed: its pages are shared as long. */
static pid_t fork_sharer(int ends[2])
{
    char byte;

    if (pipe(ends) != 0)
        die("bench: pipe: %s", strerror(errno));
    pid_t id = fork();
    if (id == 0) {
        close(ends[1]);
        _exit((int)read(ends[0], &byte, 1));
    }
    if (id < 0)
        die("bench: fork: %s", strerror(errno));
    return id;
}

static double fault_cow(void)
{
    enum { ROUNDS = 20 };
    uint64_t spent = 0;
    char *at = map_pages(pages);

    for (int round = 0; round < ROUNDS; round++) {
        int ends[2];
        memset(at, round + 1, pages * PAGE);
        pid_t id = fork_sharer(ends);
        uint64_t start = instructions();
        for (size_t i = 0; i < pages; i++)
            ((volatile char *)at)[i * PAGE] = 0;
        spent += instructions() - start;
        close(ends[0]);
        close(ends[1]);
        waitpid(id, NULL, 0);
    }
    munmap(at, pages * PAGE);
    return (double)spent / (double)(pages * ROUNDS);
}

static double map_touch_unmap(void)
{
    enum { ROUNDS = 5000 };
    uint64_t start = instructions();

    for (int i = 0; i < ROUNDS; i++) {
        volatile char *at = map_pages(1);
        *at = 1;
        munmap((void *)(uintptr_t)at, PAGE);
    }
    return per(start, ROUNDS);
}

static double protect_toggle(void)
{
    enum { ROUNDS = 5000 };
    char *at = map_pages(1);
    *at = 1;
    uint64_t start = instructions();

    for (int i = 0; i < ROUNDS; i++) {
        mprotect(at, PAGE, PROT_READ);
        mprotect(at, PAGE, PROT_READ | PROT_WRITE);
    }
    return per(start, ROUNDS);
}

/* The child yields for ever; each of our yields is two switches. */
static double switch_yield(void)
{
    enum { ROUNDS = 10000 };
    pid_t id = fork();

    if (id < 0)
        die("bench: fork: %s", strerror(errno));
    while (id == 0)
        syscall(SYS_sched_yield);
    for (int i = 0; i < 100; i++)
        syscall(SYS_sched_yield);
    uint64_t start = instructions();
    for (int i = 0; i < ROUNDS; i++)
        syscall(SYS_sched_yield);
    double value = per(start, 2 * ROUNDS);
    kill(id, SIGKILL);
    waitpid(id, NULL, 0);
    return value;
}

static double pipe_oneway(void)
{
    enum { ROUNDS = 5000 };
    int there[2], back[2];
    char byte = 'x';

    if (pipe(there) != 0 || pipe(back) != 0)
        die("bench: pipe: %s", strerror(errno));
    pid_t id = fork();
    if (id < 0)
        die("bench: fork: %s", strerror(errno));
    if (id == 0) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1)
            if (write(back[1], &byte, 1) != 1)
                break;
        _exit(0);
    }
    uint64_t start = instructions();
    for (int i = 0; i < ROUNDS; i++)
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            die("bench: the pipe broke");
    double value = per(start, 2 * ROUNDS);
    close(there[1]);
    waitpid(id, NULL, 0);
    return value;
}

static char *guarded;

/* Lets the store go through by going behind it: the store below is one instruction of four bytes. */
static void skip_store(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
#ifdef __riscv
    ((ucontext_t *)context)->uc_mcontext.__gregs[REG_PC] += 4;
#else
    (void)context;
    mprotect(guarded, PAGE, PROT_READ | PROT_WRITE);
#endif
}

static double signal_segv(void)
{
    enum { ROUNDS = 5000 };
    struct sigaction action = { .sa_sigaction = skip_store, .sa_flags = SA_SIGINFO };

    guarded = map_pages(1);
    mprotect(guarded, PAGE, PROT_READ);
    sigaction(SIGSEGV, &action, NULL);
    uint64_t start = instructions();
    for (int i = 0; i < ROUNDS; i++) {
#ifdef __riscv
        __asm__ volatile(".option push\n\t.option norvc\n\tsb zero, 0(%0)\n\t.option pop" ::"r"(guarded) : "memory");
#else
        *(volatile char *)guarded = 0;
#endif
    }
    double value = per(start, ROUNDS);
    signal(SIGSEGV, SIG_DFL);
    return value;
}

static double fork_exit_wait(void)
{
    enum { ROUNDS = 200 };
    uint64_t start = instructions();

    for (int i = 0; i < ROUNDS; i++) {
        pid_t id = fork();
        if (id == 0)
            _exit(0);
        if (id < 0 || waitpid(id, NULL, 0) != id)
            die("bench: fork: %s", strerror(errno));
    }
    return per(start, ROUNDS);
}

static void check_pages(const char *at, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(at + i * PAGE, &i, sizeof i) != 0)
            die("bench: page %zu does not hold what was written", i);
}

/* Few enough pages to stay in the tail: `pages` says how many. */
static double fault_tail(void)
{
    enum { ROUNDS = 20 };
    char *at = map_pages(pages);
    uint64_t spent = 0;

    for (int round = 0; round < ROUNDS; round++) {
        fill_pages(&contents, at, 0, pages);
        if (madvise(at, pages * PAGE, 21) != 0) /* MADV_PAGEOUT */
            die("bench: madvise: %s", strerror(errno));
        uint64_t start = instructions();
        for (size_t i = 0; i < pages; i++)
            (void)((volatile char *)at)[i * PAGE];
        spent += instructions() - start;
    }
    check_pages(at, pages);
    munmap(at, pages * PAGE);
    return (double)spent / (double)(pages * ROUNDS);
}

/*
 * Under an emulator `instret` goes on while the hart idles, and what swaps waits for flash. So a child runs whenever
 * nobody else does, and tells its own run time (an instruction is a nanosecond then), which does not count.
 */
static volatile uint64_t *soaked;
static pid_t soaker;

static void end_soaking(void)
{
    kill(soaker, SIGKILL);
    waitpid(soaker, NULL, 0);
}

/* Before the pages of a figure are there: the child must not share them. */
static void begin_soaking(void)
{
    struct timespec time;

    soaked = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (soaked == MAP_FAILED)
        die("bench: mmap: %s", strerror(errno));
    *soaked = 0;
    soaker = fork();
    if (soaker < 0)
        die("bench: fork: %s", strerror(errno));
    while (soaker == 0) {
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
        *soaked = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
        sched_yield();
    }
    atexit(end_soaking);
}

static uint64_t busy_instructions(void)
{
    return instructions() - *soaked;
}

/* Both want many more pages than frames. Once the first half has filled them, each new page evicts another. */
static char *swap_area;

static double swap_out_insn(void)
{
    size_t half = pages / 2;

    begin_soaking();
    swap_area = map_pages(pages);
    fill_pages(&contents, swap_area, 0, half);
    uint64_t start = busy_instructions();
    fill_pages(&contents, swap_area, half, pages - half);
    return (double)(busy_instructions() - start) / (double)(pages - half);
}

/* After swap_out_insn, with the same pages: two rounds of reading, the first of which evicts what is still dirty. */
static double swap_in_insn(void)
{
    if (swap_area == NULL)
        die("bench: swap_in_insn comes after swap_out_insn");
    check_pages(swap_area, pages);
    uint64_t start = busy_instructions();
    check_pages(swap_area, pages);
    double value = (double)(busy_instructions() - start) / (double)pages;
    munmap(swap_area, pages * PAGE);
    return value;
}

static const struct figure {
    const char *name;
    double (*measure)(void);
} figures[] = {
    { "syscall_null", syscall_null },     { "fault_zero", fault_zero },           { "fault_readzero", fault_readzero },
    { "fault_cow", fault_cow },           { "map_touch_unmap", map_touch_unmap }, { "protect_toggle", protect_toggle },
    { "switch_yield", switch_yield },     { "pipe_oneway", pipe_oneway },         { "signal_segv", signal_segv },
    { "fork_exit_wait", fork_exit_wait }, { "fault_tail", fault_tail },           { "swap_out_insn", swap_out_insn },
    { "swap_in_insn", swap_in_insn },
};

static void run(const char *name)
{
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        if (strcmp(figures[i].name, name) == 0) {
            printf("bench %s %.1f insn\n", name, figures[i].measure());
            fflush(stdout);
            return;
        }
    die("bench: no figure %s", name);
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "text") == 0 && i + 1 < count)
            contents = map_text(arguments[++i]);
        else if (strcmp(arguments[i], "pages") == 0 && i + 1 < count)
            pages = number(count, arguments, ++i, 64);
        else
            run(arguments[i]);
    }
    return 0;
}
