/*
 * callfuzz SEED BATCHES [FIRST [CHILDREN]]: random system calls with random arguments, BATCHES times in a child of its own, the first
 * one being number FIRST (0). All follows from the seed and the batch's number, so `callfuzz SEED 1 N` replays batch N.
 *
 * With CHILDREN 2 or more so many make a batch's calls side by side, and half of those are about files that they share.
 *
 * A batch may end in any way, but the parent's memory must be as it was, and /proc/vellum/check must find nothing. With
 * CALLFUZZ_TELL in the environment each call is told before it is made.
 */
#include "common.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define PAGE          4096ul
#define CALLS         250u
#define ARENA_PAGES   16u
#define PARENT_PAGES  24u
#define NUMBERS       470u
#define BATCH_SECONDS 5

static uint64_t state;
static bool telling;
static char *arena;
static volatile uint64_t *shared_calls;

static uint64_t below(uint64_t bound)
{
    return random_next(&state) % bound;
}

/* ---- Arguments: mostly such as get past the first check ---- */

static const char *const paths[] = { "/",
                                     ".",
                                     "..",
                                     "fuzz.a",
                                     "fuzz.b",
                                     "fuzz.d",
                                     "fuzz.d/x",
                                     "/dev/null",
                                     "/dev/zero",
                                     "/tmp/fuzz",
                                     "/proc/self/maps",
                                     "/dev/shm/fuzz",
                                     "/proc/self/fd/3",
                                     "",
                                     "/nothing/at/all" };

static uint64_t draw_address(void)
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

    switch (below(8)) {
    case 0:
        return far[below(sizeof(far) / sizeof(far[0]))];
    case 1:
        return (uint64_t)arena + below(ARENA_PAGES * PAGE);
    case 2:
        return (uint64_t)arena + (below(ARENA_PAGES) + 1) * PAGE - below(24);
    default:
        return (uint64_t)arena + below(ARENA_PAGES) * PAGE;
    }
}

static uint64_t draw_number(void)
{
    switch (below(6)) {
    case 0:
        return below(4);
    case 1:
        return below(64);
    case 2:
        return below(20) * PAGE;
    case 3:
        return 1ul << below(64);
    case 4:
        return ~0ul << below(64);
    default:
        return random_next(&state) >> below(64);
    }
}

static uint64_t draw_argument(void)
{
    switch (below(7)) {
    case 0:
    case 1:
        return draw_address();
    case 2:
        return (uint64_t)paths[below(sizeof(paths) / sizeof(paths[0]))];
    case 3:
        return below(12); /* a descriptor */
    case 4:
        return (uint64_t)-100; /* AT_FDCWD */
    default:
        return draw_number();
    }
}

/* ---- What would only end the fuzzing, or harm by right ---- */

static bool is_left_out(uint64_t number)
{
    switch (number) {
    case SYS_exit:
    case SYS_exit_group:
    case SYS_rt_sigreturn:
    case SYS_rt_sigsuspend:
    case SYS_rt_sigtimedwait:
    case SYS_pselect6:
    case SYS_ppoll:
    case SYS_kill: /* all of them reach the parent, by right */
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_rt_sigqueueinfo:
    case SYS_rt_tgsigqueueinfo:
    case SYS_prlimit64:
    case SYS_setsid:
    case SYS_setpgid: /* the batch is ended by its group */
    case SYS_sched_setscheduler:
    case SYS_setpriority:
        return true;
    default:
        return false;
    }
}

/* Half of the calls are drawn from those that change memory, files and tasks. */
static uint64_t draw_call(void)
{
    static const uint16_t often[] = {
        SYS_mmap,        SYS_munmap,       SYS_mprotect,        SYS_mremap,       SYS_madvise,         SYS_brk,
        SYS_msync,       SYS_mlock,        SYS_munlock,         SYS_openat,       SYS_close,           SYS_read,
        SYS_write,       SYS_pread64,      SYS_pwrite64,        SYS_readv,        SYS_writev,          SYS_ftruncate,
        SYS_dup3,        SYS_pipe2,        SYS_unlinkat,        SYS_renameat2,    SYS_mkdirat,         SYS_getdents64,
        SYS_sendfile,    SYS_fcntl,        SYS_clone,           SYS_wait4,        SYS_futex,           SYS_mincore,
        SYS_sigaltstack, SYS_timer_create, SYS_timer_settime,   SYS_memfd_create, SYS_copy_file_range, SYS_ioctl,
        SYS_lseek,       SYS_fsync,        SYS_set_robust_list, SYS_execve,
    };
    uint64_t number;

    do
        number = below(2) ? often[below(sizeof(often) / sizeof(often[0]))] : below(NUMBERS);
    while (is_left_out(number));
    return number;
}

static void mend(uint64_t number, uint64_t a[6])
{
    if (number == SYS_clone) {
        a[0] = (a[0] & 0x017d0000 & ~0x10000ul) | SIGCHLD; /* processes of their own, and with their own memory */
        a[1] = 0;
    }
    if (number == SYS_mmap) {
        a[0] = below(3) ? draw_address() : 0;
        a[1] = draw_number();
        a[2] = below(8);
        a[3] = below(2) ? 0x22 : below(2) ? 0x32 : draw_number();
    }
    if (number == SYS_futex || number == SYS_fcntl || number == SYS_wait4)
        a[number == SYS_wait4 ? 2 : 1] |= number == SYS_futex ? 1 : number == SYS_wait4 ? 1 : 0;
    if (number == SYS_fcntl && (a[1] == 7 || a[1] == 38))
        a[1] = 6; /* without waiting */
}

static void one_call(void)
{
    uint64_t number = draw_call(), a[6];

    for (unsigned i = 0; i < 6; i++)
        a[i] = draw_argument();
    mend(number, a);
    if (telling)
        dprintf(2, "call %lu %lx %lx %lx %lx %lx %lx\n", (unsigned long)number, (unsigned long)a[0],
                (unsigned long)a[1], (unsigned long)a[2], (unsigned long)a[3], (unsigned long)a[4],
                (unsigned long)a[5]);
    pid_t before = getpid();

    syscall((long)number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (number == SYS_clone && getpid() != before)
        _exit(0);
    ++*shared_calls;
}

/* A file that the others know as well, changed in one of the ways that there are. */
static void shared_file_call(void)
{
    static const char *const names[] = { "fuzz.a", "fuzz.b", "fuzz.d/x", "fuzz.d/y", "/tmp/fuzz" };
    const char *name = names[below(5)], *other = names[below(5)];
    int flags[] = { 0, O_APPEND, O_TRUNC }, file = open(name, O_RDWR | O_CREAT | flags[below(3)], 0600);
    uint64_t bytes = below(6 * PAGE) + 1;
    char *at;

    switch (below(6)) {
    case 0:
        (void)!rename(name, other);
        break;
    case 1:
        unlink(name);
        break;
    case 2:
        (void)!ftruncate(file, (off_t)bytes);
        break;
    case 3:
        at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (at == MAP_FAILED)
            break;
        (void)!pwrite(file, "", 1, (off_t)bytes - 1);
        at[below(bytes)]++; /* the others may have cut it off: SIGBUS is theirs to give */
        munmap(at, bytes);
        break;
    default:
        (void)!pwrite(file, arena, bytes, (off_t)below(4 * PAGE));
        (void)!write(file, arena, below(PAGE));
    }
    close(file);
    ++*shared_calls;
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

static void batch(uint64_t seed, uint64_t number, uint64_t children)
{
    int null = open("/dev/null", O_RDWR);

    state = (seed << 32 ^ number * 0x9e3779b97f4a7c15u) | 1;
    setpgid(0, 0);
    uint64_t own = children > 1 ? join_others(children) : 0;
    state += 2 * own * 0x9e3779b97f4a7c15u;
    arena = mmap((void *)0x2000000000, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (size_t i = 0; i < ARENA_PAGES * PAGE / 8; i++)
        ((uint64_t *)arena)[i] = i % 3 ? below(64) : draw_argument();
    /* the parent's output must not be mixed with */
    dup2(null, 0);
    dup2(null, 1);
    if (!telling)
        dup2(null, 2);
    for (unsigned i = 0; i < CALLS; i++) {
        if (children > 1 && below(2))
            shared_file_call();
        else
            one_call();
    }
    while (own == 0 && wait(NULL) > 0)
        continue;
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

static void wait_for(pid_t id)
{
    time_t start = time(NULL);

    while (waitpid(id, NULL, WNOHANG) == 0) {
        if (time(NULL) - start > BATCH_SECONDS)
            kill(-id, SIGKILL);
        sched_yield();
    }
    /* what it has left behind */
    kill(-id, SIGKILL);
}

static uint64_t wrong_words(const uint64_t *memory)
{
    uint64_t wrong = 0;

    for (size_t i = 0; i < PARENT_PAGES * PAGE / 8; i++)
        wrong += memory[i] != i * 0x9e3779b97f4a7c15u;
    return wrong;
}

int main(int count, char **arguments)
{
    uint64_t seed = number(count, arguments, 1, 1), batches = number(count, arguments, 2, 10);
    uint64_t first = number(count, arguments, 3, 0), wrong = 0;
    uint64_t *memory = mmap(NULL, PARENT_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t calls = 0, children = number(count, arguments, 4, 1);

    telling = getenv("CALLFUZZ_TELL") != NULL;
    shared_calls = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || shared_calls == MAP_FAILED)
        die("mmap: %s", strerror(errno));
    for (size_t i = 0; i < PARENT_PAGES * PAGE / 8; i++)
        memory[i] = i * 0x9e3779b97f4a7c15u;
    for (uint64_t i = first; i < first + batches; i++) {
        *shared_calls = 0;
        madvise(memory, PARENT_PAGES * PAGE, MADV_PAGEOUT);
        pid_t id = fork();

        if (id == 0)
            batch(seed, i, children);
        if (id < 0)
            die("fork: %s", strerror(errno));
        wait_for(id);
        calls += *shared_calls < CALLS * children ? *shared_calls : CALLS * children;
        wrong += wrong_words(memory);
        if (!check_holds())
            die("callfuzz seed=%lu batch=%lu: the check is broken", (unsigned long)seed, (unsigned long)i);
    }
    printf("callfuzz seed=%lu batches=%lu calls=%lu wrong=%lu %s\n", (unsigned long)seed, (unsigned long)batches,
           (unsigned long)calls, (unsigned long)wrong, wrong ? "WRONG" : "good");
    return wrong != 0;
}
