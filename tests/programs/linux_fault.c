/*
 * What Linux promises of faults and of the frame that a handler runs on, which differ with the processor: told in lines
 * that are the same on every riscv64 Linux.
 */
#include "linux.h"

#include <ucontext.h>

#define PAGE 4096u

static char *expected;
static char *opened;

static void say_fault(int number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;

    printf("  signal %d code %d address %s\n", number, info->si_code,
           info->si_addr == expected ? "right"
           : info->si_addr == NULL   ? "null"
                                     : "wrong");
#ifdef __riscv
    user->uc_mcontext.__gregs[REG_PC] += 4;
#else
    (void)user;
#endif
}

static void store_at(char *at)
{
    expected = at;
#ifdef __riscv
    __asm__ volatile(".option push\n\t.option norvc\n\tsb zero, 0(%0)\n\t.option pop" ::"r"(at) : "memory");
#endif
}

static void load_at(char *at)
{
    expected = at;
#ifdef __riscv
    __asm__ volatile(".option push\n\t.option norvc\n\tlb zero, 0(%0)\n\t.option pop" ::"r"(at) : "memory");
#endif
}

static void faults(void)
{
    char *at = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    install(SIGSEGV, say_fault, 0);
    install(SIGBUS, say_fault, 0);
    install(SIGILL, say_fault, 0);
    install(SIGTRAP, say_fault, 0);
    printf("nothing mapped\n");
    store_at((char *)0x18);
    load_at((char *)0x3ffffffffff8);
    mprotect(at, PAGE, PROT_READ);
    mprotect(at + PAGE, PAGE, PROT_NONE);
    munmap(at + 2 * PAGE, PAGE);
    printf("read only, nothing allowed, unmapped\n");
    store_at(at + 100);
    load_at(at + PAGE + 5);
    load_at(at + 2 * PAGE + 1);
    int file = open("linux_fault.file", O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || ftruncate(file, PAGE) != 0)
        die("linux_fault.file: %s", strerror(errno));
    char *mapped = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    printf("beyond the end of a file\n");
    store_at(mapped + 10);
    load_at(mapped + PAGE + 10);
    munmap(mapped, 2 * PAGE);
    close(file);
    unlink("linux_fault.file");
#ifdef __riscv
    void *here;
    printf("instructions\n");
    __asm__ volatile(
        "la %0, 1f\n\tsd %0, %1\n\t.option push\n\t.option norvc\n\t.balign 4\n1:\t.word 0xffffffff\n\t.option pop"
        : "=&r"(here), "=m"(expected)
        :
        : "memory");
    __asm__ volatile("la %0, 1f\n\tsd %0, %1\n\t.option push\n\t.option norvc\n\t.balign 4\n1:\tebreak\n\t.option pop"
                     : "=&r"(here), "=m"(expected)
                     :
                     : "memory");
#endif
    munmap(at, 2 * PAGE);
}

static int paged;

static void page_in(int number, siginfo_t *info, void *context)
{
    char *page = (char *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1));

    (void)number, (void)context;
    if (info->si_code != SEGV_ACCERR)
        _exit(3);
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
    page[0] = (char)(1 + ++paged % 100);
}

/* A program that brings in its own pages. */
static void pager(void)
{
    enum { PAGES = 64 };
    uint64_t hash = HASH_START;

    opened = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    install(SIGSEGV, page_in, 0);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < PAGES; i++)
            hash = hash_bytes(hash, opened + (i * 37 % PAGES) * PAGE, 8);
    printf("pager: %d pages, hash %016lx\n", paged, (unsigned long)hash);
    munmap(opened, PAGES * PAGE);
    signal(SIGSEGV, SIG_DFL);
}

/* ---- The alternate stack, and registers ---- */

static char *stack_at;

static void say_stack(int number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    stack_t now;
    char here;

    (void)info;
    sigaltstack(NULL, &now);
    printf("  %d on the alternate stack: %d, flags %d, in the context: %d\n", number,
           &here >= stack_at && &here < stack_at + 65536, now.ss_flags, user->uc_stack.ss_sp == stack_at);
    now.ss_flags = SS_DISABLE;
    if (now.ss_sp)
        tell("  change it now", sigaltstack(&now, NULL));
}

static void stacks(void)
{
    stack_t stack = { .ss_sp = allocate(65536), .ss_size = 65536 }, old;

    stack_at = stack.ss_sp;
    tell("no stack yet", sigaltstack(NULL, &old));
    printf("flags %d\n", old.ss_flags);
    install(SIGUSR1, say_stack, 0);
    stack.ss_size = 1000;
    tell("too small", sigaltstack(&stack, NULL));
    stack.ss_size = 65536;
    stack.ss_flags = 99;
    tell("wrong flags", sigaltstack(&stack, NULL));
    stack.ss_flags = 0;
    tell("set", sigaltstack(&stack, NULL));
    install(SIGUSR1, say_stack, SA_ONSTACK);
    raise(SIGUSR1);
    stack.ss_flags = SS_DISABLE;
    tell("disable", sigaltstack(&stack, &old));
    printf("it was %zu bytes, flags %d\n", old.ss_size, old.ss_flags);
    free(stack_at);
}

static volatile double disturbed;

static void disturb(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
    disturbed = 1.0;
    for (int i = 0; i < 50; i++)
        disturbed = disturbed * 1.25 + i;
}

static void registers(void)
{
    double sum = 0.0, factor = 1.0;
    uint64_t state = 88172645463325252u, hash = 0;

    install(SIGUSR1, disturb, 0);
    for (int i = 0; i < 200; i++) {
        factor = factor * 1.0078125 + 0.5;
        sum += factor / 3.0;
        hash ^= random_next(&state);
        if (i % 20 == 0)
            raise(SIGUSR1);
    }
    printf("floats %.6f, integers %016lx\n", sum, (unsigned long)hash);
}

/* The handler changes what the interrupted function sees. */
#ifdef __riscv
static void change_registers(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    ucontext_t *user = context;
    user->uc_mcontext.__gregs[REG_PC] += 4;
    user->uc_mcontext.__gregs[REG_A0 + 4] = 1234;
    double value = 2.5;
    memcpy(&user->uc_mcontext.__fpregs.__d.__f[14], &value, sizeof value);
}
#endif

static void changing(void)
{
#ifdef __riscv
    register long a4 __asm__("a4") = 1;
    register double fa4 __asm__("fa4") = 1.0;
    install(SIGSEGV, change_registers, 0);
    __asm__ volatile(".option push\n\t.option norvc\n\tsb zero, 0(zero)\n\t.option pop"
                     : "+r"(a4), "+f"(fa4)::"memory");
    printf("changed: %ld %.1f\n", a4, fa4);
    signal(SIGSEGV, SIG_DFL);
#endif
}

int main(void)
{
    faults();
    pager();
    stacks();
    registers();
    changing();
    return 0;
}
