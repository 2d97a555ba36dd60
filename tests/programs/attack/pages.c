/* Attacks on a page of the task's own: what it does not allow, and what was there before. */
#include "tests/programs/attack/attack.h"

#include <sys/uio.h>

#define NONE    0u
#define READ    1u
#define WRITE   2u
#define EXECUTE 4u

static void protect(char *page, uintptr_t protection)
{
    int flags = (protection & READ ? PROT_READ : 0) | (protection & WRITE ? PROT_WRITE : 0) |
                (protection & EXECUTE ? PROT_EXEC : 0);

    expect(mprotect(page, PAGE, flags) == 0, "mprotect");
}

static void jump(char *page)
{
    void (*function)(void);

    memcpy(&function, &page, sizeof(function));
    function();
}

static void load_it(char *page, uintptr_t protection)
{
    protect(page, protection);
    (void)*(volatile char *)page;
}

static void store_it(char *page, uintptr_t protection)
{
    protect(page, protection);
    *(volatile char *)page = 0;
}

static void jump_to_it(char *page, uintptr_t protection)
{
    protect(page, protection);
    jump(page);
}

static void atomic_on_it(char *page, uintptr_t protection)
{
    protect(page, protection);
    __asm__ volatile("amoswap.w zero, zero, (%0)" ::"r"(page) : "memory");
}

static void reserve_it(char *page, uintptr_t protection)
{
    protect(page, protection);
    __asm__ volatile("lr.w t0, (%0)" ::"r"(page) : "t0", "memory");
}

/* The reservation is on the page itself, so that the store conditional would succeed. */
static void conditional_on_it(char *page, uintptr_t protection)
{
    protect(page, protection);
    __asm__ volatile("1: lr.w t0, (%0)\n\tsc.w t1, zero, (%0)\n\tbnez t1, 1b" ::"r"(page) : "t0", "t1", "memory");
}

/* Executed first, so that translations for fetching are about; then written; then executed as data. */
static void executed_then_written(char *page, uintptr_t with)
{
    (void)with;
    protect(page, READ | EXECUTE);
    jump(page);
    protect(page, READ | WRITE);
    page[0] = page[0];
    jump(page);
}

static void written_then_executed(char *page, uintptr_t with)
{
    (void)with;
    page[0] = page[0];
    protect(page, READ | EXECUTE);
    jump(page);
    *(volatile char *)page = 0;
}

static void both_at_once(char *page, uintptr_t with)
{
    (void)with;
    expect(mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == -1, "writable and executable");
    expect(mprotect(page, PAGE, PROT_WRITE | PROT_EXEC) == -1, "writable and executable, not readable");
}

/* ---- Gone, moved, dropped ---- */

static void after_unmap(char *page, uintptr_t store)
{
    munmap(page, PAGE);
    if (store)
        *(volatile char *)page = 1;
    else
        (void)*(volatile char *)page;
}

static void jump_after_unmap(char *page, uintptr_t with)
{
    (void)with;
    protect(page, READ | EXECUTE);
    jump(page);
    munmap(page, PAGE);
    jump(page);
}

static void after_remap(char *page, uintptr_t with)
{
    char *to = pages_new(1, PROT_NONE), before[PAGE];

    (void)with;
    expect(mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to, "mremap");
    memcpy(before, to, PAGE);
    (void)*(volatile char *)page;
}

static void dropped(char *page, uintptr_t with)
{
    (void)with;
    expect(madvise(page, PAGE, MADV_DONTNEED) == 0, "madvise");
    for (size_t i = 0; i < PAGE; i++)
        expect(page[i] == 0, "a dropped page is not zero");
}

/* What was freed must not be found in what is given out next. */
static void reused(char *page, uintptr_t with)
{
    (void)with;
    for (unsigned round = 0; round < 8; round++) {
        munmap(page, PAGE);
        page = mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        expect(page != MAP_FAILED, "mmap");
        for (size_t i = 0; i < PAGE; i++)
            expect(page[i] == 0, "a fresh page is not zero");
        memset(page, 0xa5, PAGE);
        madvise(page, PAGE, MADV_PAGEOUT);
    }
}

/* A store after fork: whose page is it? The driver looks at the parent's. */
static void stored_after_fork(char *page, uintptr_t with)
{
    (void)with;
    memset(page, 0xee, PAGE);
    madvise(page, PAGE, MADV_PAGEOUT);
    pid_t id = fork();

    if (id == 0) {
        memset(page, 0xdd, PAGE);
        _exit(0);
    }
    waitpid(id, NULL, 0);
    for (size_t i = 0; i < PAGE; i++)
        expect((unsigned char)page[i] == 0xee, "a child's store is seen");
}

/* ---- Across its edges; the page behind is not mapped ---- */

static void load_over_end(char *page, uintptr_t with)
{
    (void)with;
    (void)*(volatile uint64_t *)(page + PAGE - 4);
}

static void store_over_end(char *page, uintptr_t with)
{
    (void)with;
    *(volatile uint64_t *)(page + PAGE - 4) = 0;
}

static void load_over_start(char *page, uintptr_t with)
{
    (void)with;
    (void)*(volatile uint32_t *)(page - 2);
}

static void misaligned_loads(char *page, uintptr_t with)
{
    (void)with;
    for (size_t i = 0; i + 8 < PAGE; i += 61) {
        uint64_t expected;

        memcpy(&expected, page + i, sizeof(expected));
        expect(*(volatile uint64_t *)(page + i) == expected, "a misaligned load");
    }
}

static void misaligned_atomic(char *page, uintptr_t offset)
{
    __asm__ volatile("amoadd.d zero, zero, (%0)" ::"r"(page + offset) : "memory");
}

static void misaligned_reserve(char *page, uintptr_t offset)
{
    __asm__ volatile("lr.d t0, (%0)" ::"r"(page + offset) : "t0", "memory");
}

static void jump_odd(char *page, uintptr_t offset)
{
    protect(page, READ | EXECUTE);
    jump(page + offset);
}

/* An instruction whose second half is on the page behind. */
static void jump_over_end(char *page, uintptr_t with)
{
    (void)with;
    memcpy(page + PAGE - 2, "\x13\x00", 2);
    protect(page, READ | EXECUTE);
    jump(page + PAGE - 2);
}

/* A reservation does not outlive the page's way out and back. */
static void reserved_and_evicted(char *page, uintptr_t with)
{
    long failed;

    (void)with;
    for (unsigned i = 0; i < 20; i++) {
        __asm__ volatile("lr.d t0, (%1)\n\t"
                         "mv a0, %1\n\tli a1, 4096\n\tli a2, 21\n\tli a7, 233\n\tecall\n\t"
                         "sc.d %0, zero, (%1)"
                         : "=r"(failed)
                         : "r"(page)
                         : "t0", "a0", "a1", "a2", "a7", "memory");
        expect(failed != 0 || *(uint64_t *)page == 0, "sc succeeded and did not store");
    }
}

/* ---- The firmware's hand: calls that would do what the page forbids ---- */

static void read_into(char *page, uintptr_t protection)
{
    int file = open("/dev/zero", O_RDONLY);

    protect(page, protection);
    expect(read(file, page, PAGE) == -1 && errno == EFAULT, "read into it");
    expect(read(file, page + PAGE - 1, 2) == -1, "read over its end");
    expect(syscall(SYS_getrandom, page, 16, 0) == -1, "getrandom into it");
    expect(syscall(SYS_clock_gettime, 0, page) == -1, "clock_gettime into it");
}

static void write_from(char *page, uintptr_t protection)
{
    int file = open("/dev/null", O_WRONLY), ends[2];
    struct iovec parts[2] = { { page, 64 }, { page + 64, 64 } };

    expect(pipe(ends) == 0, "pipe");
    protect(page, protection);
    expect(write(ends[1], page, 64) == -1 && errno == EFAULT, "write from it");
    expect(writev(ends[1], parts, 2) == -1, "writev from it");
    expect(writev(ends[1], (struct iovec *)page, 2) == -1, "writev of parts in it");
    expect(open(page, O_RDONLY) == -1 && errno == EFAULT, "a path in it");
    close(file);
}

static void futex_on(char *page, uintptr_t protection)
{
    protect(page, protection);
    expect(call(SYS_futex, (long)page, 0, 0, 0, 0, 0) < 0, "futex wait");
    expect(call(SYS_futex, (long)page + 1, 1, 1, 0, 0, 0) < 0, "futex wake, misaligned");
    expect(call(SYS_futex, (long)&own_path, 5, 1, 1, (long)page, 0) < 0, "futex wake_op");
}

static void signal_stack_on(char *page, uintptr_t protection)
{
    stack_t stack = { .ss_sp = page, .ss_size = PAGE };
    struct sigaction action = { .sa_handler = _exit, .sa_flags = SA_ONSTACK };

    protect(page, protection);
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

static void return_by(char *page, uintptr_t fill)
{
    memset(page, (int)fill, PAGE);
    __asm__ volatile("mv sp, %0\n\tli a7, 139\n\tecall\n\t.4byte 0" ::"r"(page));
}

static void stack_on(char *page, uintptr_t protection)
{
    protect(page, protection);
    __asm__ volatile("mv sp, %0\n\tsd zero, -8(sp)" ::"r"(page + PAGE));
}

/* The words that a thread's end writes: to a page that does not allow it. */
static void words_at_exit(char *page, uintptr_t protection)
{
    protect(page, protection);
    syscall(SYS_set_tid_address, page);
    syscall(SYS_set_robust_list, page, 24);
    pid_t id = (pid_t)call(SYS_clone, SIGCHLD | 0x00200000 | 0x01000000 | 0x00100000, 0, (long)page, 0, (long)page, 0);

    if (id == 0)
        syscall(SYS_exit, 0);
    expect(id > 0, "clone");
    waitpid(id, NULL, 0);
}

static void robust_circle(char *page, uintptr_t with)
{
    uintptr_t *words = (uintptr_t *)page;

    (void)with;
    words[0] = (uintptr_t)(words + 8); /* two entries that lead to each other, never back to the head */
    words[1] = 64;
    words[2] = KERNEL_DATA;
    words[8] = (uintptr_t)(words + 16);
    words[16] = (uintptr_t)(words + 8);
    syscall(SYS_set_robust_list, page, 24);
}

static void execute_arguments(char *page, uintptr_t protection)
{
    char *vector[] = { page, page + PAGE - 3, NULL };

    protect(page, protection);
    expect(execve(own_path, (char **)page, NULL) == -1, "execve with a vector in it");
    expect(execve(own_path, vector, NULL) == -1, "execve with strings in it");
    expect(execve(page, vector, NULL) == -1, "execve of a path in it");
}

#define ON(what, run, with, ends)   \
    {                               \
        what, run, with, ends, true \
    }

const struct attack page_attacks[] = {
    ON("load without permission", load_it, NONE, SIGSEGV),
    ON("store without permission", store_it, NONE, SIGSEGV),
    ON("store to a read-only page", store_it, READ, SIGSEGV),
    ON("store to text", store_it, READ | EXECUTE, SIGSEGV),
    ON("jump to data", jump_to_it, READ | WRITE, SIGSEGV),
    ON("jump to a read-only page", jump_to_it, READ, SIGSEGV),
    ON("jump without permission", jump_to_it, NONE, SIGSEGV),
    ON("amo on a read-only page", atomic_on_it, READ, SIGSEGV),
    ON("amo on text", atomic_on_it, READ | EXECUTE, SIGSEGV),
    ON("lr without permission", reserve_it, NONE, SIGSEGV),
    ON("sc on a read-only page", conditional_on_it, READ, SIGSEGV),
    ON("executed, written, executed", executed_then_written, 0, SIGSEGV),
    ON("written, executed, written", written_then_executed, 0, SIGSEGV),
    ON("writable and executable", both_at_once, 0, 0),
    ON("load after munmap", after_unmap, 0, SIGSEGV),
    ON("store after munmap", after_unmap, 1, SIGSEGV),
    ON("jump after munmap", jump_after_unmap, 0, SIGSEGV),
    ON("load after mremap", after_remap, 0, SIGSEGV),
    ON("read after MADV_DONTNEED", dropped, 0, 0),
    ON("read of a page given out again", reused, 0, 0),
    ON("stores after fork", stored_after_fork, 0, 0),
    ON("load over its end", load_over_end, 0, ENDS_EITHER),
    ON("store over its end", store_over_end, 0, SIGSEGV),
    ON("load over its start", load_over_start, 0, ENDS_EITHER),
    ON("misaligned loads", misaligned_loads, 0, ENDS_EITHER),
    ON("misaligned amo", misaligned_atomic, 4, SIGBUS),
    ON("amo over its end", misaligned_atomic, PAGE - 4, ENDS_EITHER),
    ON("misaligned lr", misaligned_reserve, 2, SIGBUS),
    ON("jump to an odd address", jump_odd, 1, ENDS_EITHER),
    ON("instruction over its end", jump_over_end, 0, SIGSEGV),
    ON("reservation over an eviction", reserved_and_evicted, 0, 0),
    ON("read(2) into a read-only page", read_into, READ, 0),
    ON("read(2) into text", read_into, READ | EXECUTE, 0),
    ON("read(2) without permission", read_into, NONE, 0),
    ON("write(2) without permission", write_from, NONE, 0),
    ON("futex without permission", futex_on, NONE, 0),
    ON("signal stack on a read-only page", signal_stack_on, READ, SIGSEGV),
    ON("signal stack without permission", signal_stack_on, NONE, SIGSEGV),
    ON("signal return of zeros", return_by, 0, SIGSEGV),
    ON("signal return of ones", return_by, 0xff, SIGSEGV),
    ON("stack on a read-only page", stack_on, READ, SIGSEGV),
    ON("words at exit to a read-only page", words_at_exit, READ, 0),
    ON("words at exit without permission", words_at_exit, NONE, 0),
    ON("robust list in a circle", robust_circle, 0, 0),
    ON("execve from a page without permission", execute_arguments, NONE, 0),
    { 0 },
};
