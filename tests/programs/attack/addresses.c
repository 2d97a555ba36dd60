/* Loads, stores and jumps to where nothing of the task's own is, and to pages that do not allow them. */
#include "tests/programs/attack/attack.h"

#include <setjmp.h>

static void load(char *page, uintptr_t at)
{
    (void)page;
    (void)*(volatile char *)at;
}

static void store(char *page, uintptr_t at)
{
    (void)page;
    *(volatile char *)at = 1;
}

static void load_word(char *page, uintptr_t at)
{
    (void)page;
    (void)*(volatile uint64_t *)at;
}

static void store_word(char *page, uintptr_t at)
{
    (void)page;
    *(volatile uint64_t *)at = ~0ull;
}

static void jump(char *page, uintptr_t at)
{
    void (*function)(void);

    (void)page;
    memcpy(&function, &at, sizeof(function));
    function();
}

static void atomic_add(char *page, uintptr_t at)
{
    (void)page;
    __asm__ volatile("amoadd.d zero, %0, (%1)" ::"r"(1ul), "r"(at) : "memory");
}

static void reserve(char *page, uintptr_t at)
{
    (void)page;
    __asm__ volatile("lr.d t0, (%0)" ::"r"(at) : "t0", "memory");
}

static void conditional(char *page, uintptr_t at)
{
    (void)page;
    __asm__ volatile("lr.d t0, (%0)\n\tsc.d t0, t0, (%1)" ::"r"((uintptr_t)&own_path & ~7ul), "r"(at) : "t0", "memory");
}

/* ---- Sweeps: a handler counts the faults, and each address has to fault ---- */

static sigjmp_buf back;

static void go_back(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

static void sweep(uintptr_t from, uintptr_t step, unsigned count, void (*access)(char *, uintptr_t))
{
    struct sigaction action = { .sa_handler = go_back };

    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    for (volatile unsigned i = 0; i < count; i++) {
        if (sigsetjmp(back, 1) == 0) {
            access(NULL, from + i * step);
            broken("0x%lx can be accessed", from + i * step);
        }
    }
}

static void sweep_loads(char *page, uintptr_t from)
{
    (void)page;
    sweep(from, PAGE * 7, 400, load);
}

static void sweep_stores(char *page, uintptr_t from)
{
    (void)page;
    sweep(from, PAGE * 7, 400, store);
}

/* One address in each entry of the root table's upper half, and what is not canonical between the halves. */
static void sweep_roots(char *page, uintptr_t from)
{
    (void)page;
    sweep(from, 1ul << 30, 256, load);
    sweep(from, 1ul << 30, 256, store);
}

/* A page that another task has, and this one not: the same address is nothing here. */
static void neighbour(char *page, uintptr_t with)
{
    (void)page;
    (void)with;
    char *memory = mmap((void *)0x3000000000, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                        0);
    volatile int *told = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t id;

    expect(memory != MAP_FAILED && told != MAP_FAILED, "maps");
    munmap(memory, PAGE);
    id = fork();
    if (id == 0) {
        memory = mmap((void *)0x3000000000, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                      0);
        memory[0] = 's';
        told[0] = 1;
        while (told[0] == 1)
            sched_yield();
        _exit(0);
    }
    while (told[0] == 0)
        sched_yield();
    sweep(0x3000000000, 1, 1, load);
    told[0] = 2;
    waitpid(id, NULL, 0);
}

#define EACH(name, at)                                                                        \
    { "load " name, load, at, SIGSEGV, false }, { "store " name, store, at, SIGSEGV, false }, \
    {                                                                                         \
        "jump " name, jump, at, SIGSEGV, false                                                \
    }

const struct attack address_attacks[] = {
    EACH("NULL", 0),
    EACH("below user space", 0xfff8),
    EACH("firmware text", KERNEL_IMAGE),
    EACH("firmware data", KERNEL_DATA),
    EACH("firmware stack", KERNEL_STACKS + 0x3ff8),
    EACH("direct map", KERNEL_DIRECT + RAM_START + 0x1000000),
    EACH("OpenSBI by the direct map", KERNEL_DIRECT + RAM_START),
    EACH("OpenSBI by its address", RAM_START),
    EACH("device window", KERNEL_DEVICES),
    EACH("UART of virt", 0x10000000),
    EACH("UART of sifive_u", 0x10010000),
    EACH("CLINT", 0x2000000),
    EACH("PLIC", 0xc000000),
    EACH("flash controller", 0x10040000),
    EACH("flash of virt", 0x20000000),
    EACH("last user address", USER_END - 1),
    EACH("first non-canonical address", USER_END),
    EACH("middle of the hole", 0x8000000000000000),
    EACH("last non-canonical address", KERNEL_DIRECT - 1),
    EACH("first address of the upper half", KERNEL_DIRECT),
    EACH("last address", ~0ul),
    { "load across the end of user space", load_word, USER_END - 4, SIGSEGV, false },
    { "store across the end of user space", store_word, USER_END - 4, SIGSEGV, false },
    { "load across the end of all", load_word, ~0ul - 3, SIGSEGV, false },
    { "store across the end of all", store_word, ~0ul - 3, SIGSEGV, false },
    { "amo on firmware data", atomic_add, KERNEL_DATA, SIGSEGV, false },
    { "lr on firmware data", reserve, KERNEL_DATA, SIGSEGV, false },
    { "sc on firmware data", conditional, KERNEL_DATA, ENDS_EITHER, false },
    { "sweep of the firmware by loads", sweep_loads, KERNEL_IMAGE, 0, false },
    { "sweep of the firmware by stores", sweep_stores, KERNEL_IMAGE, 0, false },
    { "sweep of the frames by loads", sweep_loads, KERNEL_DIRECT + RAM_START, 0, false },
    { "sweep of the frames by stores", sweep_stores, KERNEL_DIRECT + RAM_START, 0, false },
    { "sweep of the firmware's stacks by loads", sweep_loads, KERNEL_STACKS, 0, false },
    { "sweep of the upper half", sweep_roots, KERNEL_DIRECT, 0, false },
    { "sweep of the hole", sweep_roots, USER_END, 0, false },
    { "a neighbour's page", neighbour, 0, 0, false },
    { 0 },
};
