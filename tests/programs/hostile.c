/*
 * hostile [ROUNDS]: attacks the kernel and its neighbours in every way that a program can, and counts the attacks that
 * were contained: the call was refused, or the child that attacked was ended by the signal that it deserved, and nothing
 * of ours has changed. The last line tells the counts; then it stores to kernel memory, which must end it with SIGSEGV.
 * When one attack succeeds it says which, and exits with status 1.
 *
 * On other processors than RISC-V the attacks that are written in its instructions are left out.
 */
#include "common.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#define PAGE   4096u
#define KERNEL ((void *)0xffffffc080000000u)

static volatile uintptr_t near_null = 16; /* volatile: the compiler is not to know */

static unsigned attacks, contained;
static const char secret[] = "read only, for ever";
static volatile uint32_t canary[PAGE / 4];
static char *inner; /* a page of ours whose two neighbours are not mapped */

static void judge(int good, const char *what, long got)
{
    attacks++;
    contained += good != 0;
    if (!good)
        printf("hostile: not contained: %s (%ld, %s)\n", what, got, strerror(errno));
}

/* ---- System calls with pointers that are not ours ---- */

static void *bad_pointer(unsigned i)
{
    static void *const fixed[] = {
        NULL,
        (void *)1,
        (void *)0xfff,
        (void *)0x12345678abcdu,
        (void *)0x3fffffffffu,
        (void *)0x4000000000u,
        (void *)0x8000000000000000u,
        KERNEL,
        (void *)0xffffffff80200000u,
        (void *)0x80200000u,
        (void *)0x10000000u,
        (void *)0xfffffffffffffff0u,
        (void *)~0ull,
    };
    const unsigned count = sizeof fixed / sizeof fixed[0];

    if (i < count)
        return fixed[i];
    if (i == count)
        return inner - 8; /* begins outside */
    if (i == count + 1)
        return inner + PAGE - 1; /* ends outside */
    return i == count + 2 ? inner + PAGE : NULL;
}

#define BAD_POINTERS 16u

/* Calls whose argument number `at` is a pointer; the others are harmless. */
static const struct pointer_call {
    const char *name;
    long number;
    int at;
    long arguments[5];
} pointer_calls[] = {
    { "openat", SYS_openat, 1, { AT_FDCWD, 0, O_RDONLY, 0, 0 } },
    { "newfstatat", SYS_newfstatat, 1, { AT_FDCWD, 0, 0, 0, 0 } },
    { "fstat", SYS_fstat, 1, { 1, 0, 0, 0, 0 } },
    { "readlinkat", SYS_readlinkat, 1, { AT_FDCWD, 0, 0, 64, 0 } },
    { "unlinkat", SYS_unlinkat, 1, { AT_FDCWD, 0, 0, 0, 0 } },
    { "mkdirat", SYS_mkdirat, 1, { AT_FDCWD, 0, 0755, 0, 0 } },
    { "chdir", SYS_chdir, 0, { 0 } },
    { "execve", SYS_execve, 0, { 0 } },
    { "writev", SYS_writev, 1, { 1, 0, 2, 0, 0 } },
    { "readv", SYS_readv, 1, { 0, 0, 2, 0, 0 } },
    { "pipe2", SYS_pipe2, 0, { 0 } },
    { "uname", SYS_uname, 0, { 0 } },
    { "getcwd", SYS_getcwd, 0, { 0, 4096 } },
    { "nanosleep", SYS_nanosleep, 0, { 0 } },
    { "clock_gettime", SYS_clock_gettime, 1, { CLOCK_MONOTONIC } },
    { "getrandom", SYS_getrandom, 0, { 0, 64, 0 } },
    { "rt_sigaction", SYS_rt_sigaction, 1, { SIGUSR1, 0, 0, 8 } },
    { "rt_sigprocmask", SYS_rt_sigprocmask, 1, { SIG_BLOCK, 0, 0, 8 } },
    { "sigaltstack", SYS_sigaltstack, 0, { 0 } },
    { "prlimit64", SYS_prlimit64, 3, { 0, 7, 0, 0 } },
    { "sched_getaffinity", SYS_sched_getaffinity, 2, { 0, 128, 0 } },
};

/* A NULL that means "not given" is no attack, and neither is one that the kernel never follows. */
static int legal_null(const struct pointer_call *call)
{
    static const long legal[] = { SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_sigaltstack, SYS_prlimit64 };

    for (unsigned i = 0; i < sizeof legal / sizeof legal[0]; i++)
        if (call->number == legal[i])
            return 1;
    return 0;
}

static void attack_pointers(void)
{
    for (unsigned i = 0; i < sizeof pointer_calls / sizeof pointer_calls[0]; i++) {
        const struct pointer_call *call = &pointer_calls[i];
        for (unsigned j = 0; j < BAD_POINTERS; j++) {
            long a[5];
            memcpy(a, call->arguments, sizeof a);
            a[call->at] = (long)bad_pointer(j);
            if (a[call->at] == 0 && legal_null(call))
                continue;
            if (bad_pointer(j) == inner + PAGE - 1)
                inner[PAGE - 1] = 'x'; /* a path without an end */
            errno = 0;
            long got = syscall(call->number, a[0], a[1], a[2], a[3], a[4], 0);
            /* Of what ends outside, the part inside may have been served. */
            judge((got == -1 && errno != 0) || (got == 1 && bad_pointer(j) == inner + PAGE - 1), call->name, got);
        }
    }
}

/* Reads into places that must not change, and writes out of places that must not be read. */
static void attack_transfers(void)
{
    char before[sizeof secret];
    int ends[2];

    if (pipe(ends) != 0)
        die("pipe: %s", strerror(errno));
    memcpy(before, secret, sizeof secret);
    for (unsigned i = 0; i < BAD_POINTERS; i++) {
        errno = 0;
        ssize_t got = write(ends[1], bad_pointer(i), 16);
        judge(got <= 1, "write from a bad pointer", got);
        if (got == 1)
            judge(read(ends[0], before, 1) == 1 && before[0] == 'x', "the byte before the end", got);
    }
    memcpy(before, secret, sizeof secret);
    if (write(ends[1], "overwritten by a read", sizeof secret) != (ssize_t)sizeof secret)
        die("write: %s", strerror(errno));
    ssize_t got = read(ends[0], (void *)(uintptr_t)secret, sizeof secret);
    judge(got == -1 && errno == EFAULT, "read into constants", got);
    judge(memcmp(before, secret, sizeof secret) == 0, "the constants", 0);
    errno = 0;
    got = read(ends[0], (void *)(uintptr_t)&attack_pointers, 4);
    judge(got == -1 && errno == EFAULT, "read into text", got);
    close(ends[0]);
    close(ends[1]);
}

/* ---- The address space ---- */

static void attack_maps(void)
{
    const struct {
        void *at;
        size_t bytes;
        int flags;
        const char *what;
    } maps[] = {
        { NULL, 0, 0, "mmap of nothing" },
        { NULL, (size_t)1 << 46, 0, "mmap of 64 TiB" },
        { NULL, ~(size_t)0, 0, "mmap of everything" },
        { NULL, ~(size_t)0 - 4094, 0, "mmap that wraps to 0" },
        { (void *)0x10000, (size_t)1 << 40, MAP_FIXED, "mmap over everything" },
        { (void *)0x3ffffff000, 8192, MAP_FIXED, "mmap over the end of user space" },
        { KERNEL, PAGE, MAP_FIXED, "mmap of the kernel" },
        { (void *)(~0ull - 4095), PAGE, MAP_FIXED, "mmap of the last page" },
        { (void *)0x10001, PAGE, MAP_FIXED, "mmap unaligned" },
    };

    for (unsigned i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        void *got = mmap(maps[i].at, maps[i].bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | maps[i].flags,
                         -1, 0);
        judge(got == MAP_FAILED, maps[i].what, (long)got);
    }
    judge(munmap(KERNEL, PAGE) == -1, "munmap of the kernel", 0);
    judge(munmap((void *)0x10000, ~(size_t)0 - 0xfffff) == -1, "munmap of everything", 0);
    judge(mprotect(KERNEL, PAGE, PROT_READ | PROT_WRITE) == -1, "mprotect of the kernel", 0);
    judge(mprotect(inner, (size_t)1 << 40, PROT_READ) == -1, "mprotect of 1 TiB", 0);
    judge(mremap(inner, PAGE, (size_t)1 << 46, MREMAP_MAYMOVE) == MAP_FAILED, "mremap to 64 TiB", 0);
    judge(mremap(KERNEL, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED, "mremap of the kernel", 0);
    judge((long)syscall(SYS_brk, KERNEL) != (long)KERNEL, "brk into the kernel", 0);
}

/* Memory that is written and then run. */
static void attack_execution(void)
{
    void *both = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uintptr_t text = (uintptr_t)&attack_execution & ~(uintptr_t)(PAGE - 1);

    judge(both == MAP_FAILED, "mmap writable and executable", (long)both);
    judge(mprotect((void *)text, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == -1, "text made writable", 0);
    judge(mprotect(inner, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == -1, "data made executable", 0);
}

/* Descriptors, process ids and signals that are not ours. */
static void attack_names(void)
{
    static const int descriptors[] = { -1, 100000000, 0x7fffffff, (int)0x80000000 };
    char byte = 0;

    for (unsigned i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
        judge(read(descriptors[i], &byte, 1) == -1, "read of no file", descriptors[i]);
        judge(close(descriptors[i]) == -1, "close of no file", descriptors[i]);
        judge(dup2(1, descriptors[i]) == -1, "dup2 to no file", descriptors[i]);
    }
    judge(kill(0x7ffffff0, SIGKILL) == -1, "kill of nobody", 0);
    judge(kill(getpid(), 65) == -1, "signal 65", 0);
    judge(kill(getpid(), -1) == -1, "signal -1", 0);
    for (long call = 500; call < 100000; call = call * 3 + 1)
        judge(syscall(call, -1, -1, -1, -1, -1, -1) == -1 && errno == ENOSYS, "no such system call", call);
    judge(syscall(-1L, 0) == -1, "system call -1", 0);
    judge(syscall(INT64_MIN, 0) == -1, "system call INT64_MIN", 0);
}

/* ---- Children that do what ends them ---- */

static void jump_to(uintptr_t address)
{
    void (*function)(void);

    memcpy(&function, &address, sizeof function);
    function();
}

static void store_constant(void)
{
    *(volatile char *)(uintptr_t)secret = 'X';
}
static void store_text(void)
{
    *(volatile char *)(uintptr_t)&store_constant = 0;
}
static void store_null(void)
{
    *(volatile int *)near_null = 1;
}
static void load_kernel(void)
{
    (void)*(volatile char *)KERNEL;
}
static void load_outside(void)
{
    (void)*(volatile char *)0x4000000000u;
}
static void jump_null(void)
{
    jump_to(0);
}
static void jump_kernel(void)
{
    jump_to((uintptr_t)KERNEL);
}
static void jump_data(void)
{
    jump_to((uintptr_t)inner);
}

/* Each level's frame is big enough to matter and small enough to meet the guard. */
static __attribute__((noinline)) int dig(volatile char *above, unsigned long levels)
{
    volatile char frame[1024];

    frame[0] = above[0];
    return levels == 0 ? 0 : dig(frame, levels - 1) + frame[0];
}

static void overflow_stack(void)
{
    char start = 1;

    _exit(dig(&start, ~0ul) == 0);
}

static void unmap_all(void)
{
    syscall(SYS_munmap, 0x10000, 0x3ffffff000 - 0x10000);
    _exit(0);
}

static void handler(int signal)
{
    (void)signal;
    (void)*(volatile char *)KERNEL;
}

/* The handler faults as well: must end, not loop. */
static void fault_in_handler(void)
{
    struct sigaction action = { .sa_handler = handler };

    sigaction(SIGSEGV, &action, NULL);
    (void)*(volatile char *)KERNEL;
}

/* No place to put the frame of the signal. */
static void signal_stack_in_kernel(void)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
    stack_t stack = { .ss_sp = KERNEL, .ss_size = 65536 };

    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    _exit(0);
}

#ifdef __riscv
static void read_supervisor(void)
{
    __asm__ volatile("csrr t0, sstatus" ::: "t0");
}
static void write_translation(void)
{
    __asm__ volatile("csrw satp, zero");
}
static void return_from_trap(void)
{
    __asm__ volatile("sret");
}
static void fence_translation(void)
{
    __asm__ volatile("sfence.vma");
}
static void illegal_instruction(void)
{
    __asm__ volatile(".4byte 0xffffffff");
}
static void breakpoint(void)
{
    __asm__ volatile("ebreak");
}

/* rt_sigreturn (139) with frames that no kernel made: one of garbage, and none at all. */
static void forged_signal_return(void)
{
    __asm__ volatile("mv sp, %0\n\tli a7, 139\n\tecall" ::"r"(inner));
}

static void lost_signal_return(void)
{
    __asm__ volatile("mv sp, %0\n\tli a7, 139\n\tecall" ::"r"(KERNEL));
}

static void lost_stack(void)
{
    __asm__ volatile("li sp, 8\n\tsd zero, 0(sp)");
}
#endif

static const struct child {
    const char *name;
    void (*run)(void);
    int signal;
} children[] = {
    { "store to constants", store_constant, SIGSEGV },
    { "store to text", store_text, SIGSEGV },
    { "store to NULL", store_null, SIGSEGV },
    { "load from the kernel", load_kernel, SIGSEGV },
    { "load from outside", load_outside, SIGSEGV },
    { "jump to NULL", jump_null, SIGSEGV },
    { "jump to the kernel", jump_kernel, SIGSEGV },
    { "jump to data", jump_data, SIGSEGV },
    { "stack overflow", overflow_stack, SIGSEGV },
    { "munmap of all its memory", unmap_all, SIGSEGV },
    { "fault in the handler of a fault", fault_in_handler, SIGSEGV },
    { "signal stack in the kernel", signal_stack_in_kernel, SIGSEGV },
#ifdef __riscv
    { "sstatus", read_supervisor, SIGILL },
    { "satp", write_translation, SIGILL },
    { "sret", return_from_trap, SIGILL },
    { "sfence.vma", fence_translation, SIGILL },
    { "illegal instruction", illegal_instruction, SIGILL },
    { "ebreak", breakpoint, SIGTRAP },
    { "forged signal return", forged_signal_return, SIGSEGV },
    { "lost signal return", lost_signal_return, SIGSEGV },
    { "lost stack", lost_stack, SIGSEGV },
#endif
};

static void attack_as_child(const struct child *child)
{
    int status = 0;

    fflush(stdout);
    pid_t id = fork();
    if (id == 0) {
        child->run();
        _exit(0);
    }
    if (id < 0)
        die("fork: %s", strerror(errno));
    while (waitpid(id, &status, 0) == -1 && errno == EINTR)
        ;
    judge(WIFSIGNALED(status) && WTERMSIG(status) == child->signal, child->name, status);
}

static void check_ourselves(void)
{
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < PAGE / 4; i++)
        wrong += canary[i] != i * 2654435761u;
    judge(wrong == 0, "our own memory", wrong);
}

static void prepare(void)
{
    char *three = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (three == MAP_FAILED)
        die("mmap: %s", strerror(errno));
    munmap(three, PAGE);
    munmap(three + 2 * PAGE, PAGE);
    inner = three + PAGE;
    memset(inner, 'x', PAGE);
    for (uint32_t i = 0; i < PAGE / 4; i++)
        canary[i] = i * 2654435761u;
}

int main(int count, char **arguments)
{
    unsigned long rounds = number(count, arguments, 1, 1);

    prepare();
    for (unsigned long round = 0; round < rounds; round++) {
        attack_pointers();
        attack_transfers();
        attack_maps();
        attack_execution();
        attack_names();
        for (unsigned i = 0; i < sizeof children / sizeof children[0]; i++)
            attack_as_child(&children[i]);
        check_ourselves();
    }
    printf("hostile attacks=%u contained=%u\n", attacks, contained);
    fflush(stdout);
    if (contained != attacks)
        return 1;
    *(volatile long *)KERNEL = 1;
    printf("hostile: stored to kernel memory\n");
    return 1;
}
