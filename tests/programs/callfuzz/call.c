/* The calls that there are, and one of them with arguments that are drawn. */
#include "tests/programs/callfuzz/callfuzz.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#define STACK_BYTES 16384u

static void call_clone(struct caller *caller);
static void call_clone3(struct caller *caller);
static void call_execve(struct caller *caller);
static void call_group(struct caller *caller);
static void call_session(struct caller *caller);
static void call_sigreturn(struct caller *caller);
static void call_memory(struct caller *caller, uint64_t number, uint64_t arguments[6]);

/*
 * Every call that the firmware's table has (firmware/linux/table.S; a test compares). A letter for each argument:
 * draw_shaped() knows them.
 */
static const struct call {
    uint16_t number;
    bool waits; /* perhaps: an alarm ends it */
    bool ends;  /* the caller, if it does what it is for: tried seldom */
    const char *shape;
    void (*special)(struct caller *caller);
} calls[] = {
    { SYS_getcwd, .shape = "al" },
    { SYS_eventfd2, .shape = "cf" },
    { SYS_dup, .shape = "d" },
    { SYS_dup3, .shape = "ddf" },
    { SYS_fcntl, true, .shape = "dca" },
    { SYS_ioctl, .shape = "dna" },
    { SYS_flock, true, .shape = "dc" },
    { SYS_mknodat, .shape = "Dsmc" },
    { SYS_mkdirat, .shape = "Dsm" },
    { SYS_unlinkat, .shape = "Dsf" },
    { SYS_symlinkat, .shape = "sDs" },
    { SYS_linkat, .shape = "DsDsf" },
    { SYS_statfs, .shape = "sa" },
    { SYS_fstatfs, .shape = "da" },
    { SYS_truncate, .shape = "sl" },
    { SYS_ftruncate, .shape = "dl" },
    { SYS_fallocate, .shape = "dfll" },
    { SYS_faccessat, .shape = "Dsc" },
    { SYS_chdir, .shape = "s" },
    { SYS_fchdir, .shape = "d" },
    { SYS_fchmod, .shape = "dm" },
    { SYS_fchmodat, .shape = "Dsm" },
    { SYS_fchownat, .shape = "Dsccf" },
    { SYS_fchown, .shape = "dcc" },
    { SYS_openat, true, .shape = "Dsfm" },
    { SYS_close, .shape = "d" },
    { SYS_pipe2, .shape = "af" },
    { SYS_getdents64, .shape = "dal" },
    { SYS_lseek, .shape = "dnc" },
    { SYS_read, true, .shape = "dal" },
    { SYS_write, true, .shape = "dal" },
    { SYS_readv, true, .shape = "dvc" },
    { SYS_writev, true, .shape = "dvc" },
    { SYS_pread64, true, .shape = "daln" },
    { SYS_pwrite64, true, .shape = "dall" },
    { SYS_preadv, true, .shape = "dvcn" },
    { SYS_pwritev, true, .shape = "dvcl" },
    { SYS_preadv2, true, .shape = "dvcnnf" },
    { SYS_pwritev2, true, .shape = "dvclcf" },
    { SYS_sendfile, true, .shape = "ddul" },
    { SYS_pselect6, true, .shape = "caautu" },
    { SYS_ppoll, true, .shape = "actu8" },
    { SYS_readlinkat, .shape = "Dsal" },
    { SYS_newfstatat, .shape = "Dsaf" },
    { SYS_fstat, .shape = "da" },
    { SYS_sync, .shape = "" },
    { SYS_fsync, .shape = "d" },
    { SYS_fdatasync, .shape = "d" },
    { SYS_sync_file_range, .shape = "dllf" },
    { SYS_utimensat, .shape = "Dsuf" },
    { SYS_personality, .shape = "n" },
    { SYS_exit, .ends = true, .shape = "c" },
    { SYS_exit_group, .ends = true, .shape = "c" },
    { SYS_waitid, true, .shape = "ciafa" },
    { SYS_set_tid_address, .shape = "a" },
    { SYS_futex, true, .shape = "acctac" },
    { SYS_set_robust_list, .shape = "an" },
    { SYS_get_robust_list, .shape = "iaa" },
    { SYS_nanosleep, true, .shape = "ta" },
    { SYS_getitimer, .shape = "ca" },
    { SYS_setitimer, .shape = "cuu" },
    { SYS_timer_create, .shape = "cua" },
    { SYS_timer_gettime, .shape = "ca" },
    { SYS_timer_getoverrun, .shape = "c" },
    { SYS_timer_settime, .shape = "ccau" },
    { SYS_timer_delete, .shape = "c" },
    { SYS_clock_gettime, .shape = "ca" },
    { SYS_clock_getres, .shape = "ca" },
    { SYS_clock_nanosleep, true, .shape = "cftu" },
    { SYS_sched_setparam, .shape = "ia" },
    { SYS_sched_setscheduler, .shape = "ica" },
    { SYS_sched_getscheduler, .shape = "i" },
    { SYS_sched_getparam, .shape = "ia" },
    { SYS_sched_setaffinity, .shape = "ica" },
    { SYS_sched_getaffinity, .shape = "ila" },
    { SYS_sched_yield, .shape = "" },
    { SYS_sched_get_priority_max, .shape = "c" },
    { SYS_sched_get_priority_min, .shape = "c" },
    { SYS_sched_rr_get_interval, .shape = "ia" },
    { SYS_kill, .shape = "ig" },
    { SYS_tkill, .shape = "ig" },
    { SYS_tgkill, .shape = "iig" },
    { SYS_sigaltstack, .shape = "uu" },
    { SYS_rt_sigsuspend, true, .shape = "a8" },
    { SYS_rt_sigaction, .shape = "guu8" },
    { SYS_rt_sigprocmask, .shape = "cuu8" },
    { SYS_rt_sigpending, .shape = "a8" },
    { SYS_rt_sigtimedwait, true, .shape = "aut8" },
    { SYS_rt_sigqueueinfo, .shape = "iga" },
    { SYS_rt_sigreturn, .ends = true, .special = call_sigreturn },
    { SYS_setpriority, .shape = "zic" },
    { SYS_getpriority, .shape = "cin" },
    { SYS_setregid, .shape = "cc" },
    { SYS_setgid, .shape = "c" },
    { SYS_setreuid, .shape = "cc" },
    { SYS_setuid, .shape = "c" },
    { SYS_setresuid, .shape = "ccc" },
    { SYS_getresuid, .shape = "aaa" },
    { SYS_setresgid, .shape = "ccc" },
    { SYS_getresgid, .shape = "aaa" },
    { SYS_times, .shape = "u" },
    { SYS_setpgid, .special = call_group },
    { SYS_getpgid, .shape = "i" },
    { SYS_getsid, .shape = "i" },
    { SYS_setsid, .special = call_session },
    { SYS_getgroups, .shape = "ca" },
    { SYS_setgroups, .shape = "ca" },
    { SYS_uname, .shape = "a" },
    { SYS_getrlimit, .shape = "ca" },
    { SYS_setrlimit, .shape = "cu" },
    { SYS_getrusage, .shape = "ca" },
    { SYS_umask, .shape = "m" },
    { SYS_prctl, .shape = "nanna" },
    { SYS_getcpu, .shape = "uuu" },
    { SYS_gettimeofday, .shape = "uu" },
    { SYS_getpid, .shape = "" },
    { SYS_getppid, .shape = "" },
    { SYS_getuid, .shape = "" },
    { SYS_geteuid, .shape = "" },
    { SYS_getgid, .shape = "" },
    { SYS_getegid, .shape = "" },
    { SYS_gettid, .shape = "" },
    { SYS_sysinfo, .shape = "a" },
    { SYS_socket, .shape = "ccc" },
    { SYS_socketpair, .shape = "ccca" },
    { SYS_readahead, .shape = "dnl" },
    { SYS_brk, .shape = "n" },
    { SYS_munmap, .shape = "Ap" },
    { SYS_mremap, .shape = "AppcA" },
    { SYS_clone, .special = call_clone },
    { SYS_execve, .special = call_execve },
    { SYS_mmap, .shape = "Apcfdn" },
    { SYS_fadvise64, .shape = "dnlc" },
    { SYS_mprotect, .shape = "Apc" },
    { SYS_msync, .shape = "Apc" },
    { SYS_mlock, .shape = "Ap" },
    { SYS_munlock, .shape = "Ap" },
    { SYS_mlockall, .shape = "c" },
    { SYS_munlockall, .shape = "" },
    { SYS_mincore, .shape = "Apa" },
    { SYS_madvise, .shape = "Apn" },
    { SYS_rt_tgsigqueueinfo, .shape = "iiga" },
    { 258, .shape = "accac" }, /* riscv_hwprobe */
    { 259, .shape = "aac" },   /* riscv_flush_icache */
    { SYS_wait4, true, .shape = "iuca" },
    { SYS_prlimit64, .shape = "icuu" },
    { SYS_syncfs, .shape = "d" },
    { SYS_renameat2, .shape = "DsDsf" },
    { SYS_getrandom, .shape = "alc" },
    { SYS_memfd_create, .shape = "sf" },
    { SYS_mlock2, .shape = "Apc" },
    { SYS_copy_file_range, true, .shape = "dudulz" },
    { SYS_statx, .shape = "Dsfna" },
    { SYS_rseq, .shape = "accn" },
    { SYS_clone3, .special = call_clone3 },
    { SYS_close_range, .shape = "ddf" },
    { SYS_faccessat2, .shape = "Dscf" },
};
#define CALLS_KNOWN (sizeof(calls) / sizeof(calls[0]))

/* Half of the calls are drawn from those that change memory, files and tasks. */
static const uint16_t often[] = {
    SYS_mmap,        SYS_munmap,       SYS_mprotect,        SYS_mremap,       SYS_madvise,         SYS_brk,
    SYS_msync,       SYS_mlock,        SYS_munlock,         SYS_openat,       SYS_close,           SYS_read,
    SYS_write,       SYS_pread64,      SYS_pwrite64,        SYS_readv,        SYS_writev,          SYS_ftruncate,
    SYS_dup3,        SYS_pipe2,        SYS_unlinkat,        SYS_renameat2,    SYS_mkdirat,         SYS_getdents64,
    SYS_sendfile,    SYS_fcntl,        SYS_clone,           SYS_wait4,        SYS_futex,           SYS_mincore,
    SYS_sigaltstack, SYS_timer_create, SYS_timer_settime,   SYS_memfd_create, SYS_copy_file_range, SYS_ioctl,
    SYS_lseek,       SYS_fsync,        SYS_set_robust_list, SYS_execve,       SYS_tgkill,          SYS_kill,
    SYS_ppoll,       SYS_rt_sigaction,
};

void calls_print(void)
{
    printf("callfuzz knows");
    for (unsigned i = 0; i < CALLS_KNOWN; i++)
        printf(" %u", calls[i].number);
    printf("\n");
}

unsigned calls_made(void)
{
    unsigned made = 0;

    for (unsigned i = 0; i < CALLS_KNOWN; i++)
        made += shared->made[calls[i].number];
    return made;
}

static const struct call *call_of(uint64_t number)
{
    for (unsigned i = 0; i < CALLS_KNOWN; i++)
        if (calls[i].number == number)
            return &calls[i];
    return NULL;
}

static void count(uint64_t number)
{
    shared->made[number] = true;
    __atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
}

static int64_t call(uint64_t number, const uint64_t a[6])
{
    if (telling)
        dprintf(2, "%d: call %lu %lx %lx %lx %lx %lx %lx\n", gettid(), (unsigned long)number, (unsigned long)a[0],
                (unsigned long)a[1], (unsigned long)a[2], (unsigned long)a[3], (unsigned long)a[4],
                (unsigned long)a[5]);
    shared->made[number] = true; /* exit() does not come back */
    int64_t result = syscall((long)number, a[0], a[1], a[2], a[3], a[4], a[5]);

    __atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
    return result;
}

/* Every 5 ms, to this thread, until it is disarmed: a call that began to wait a little later is ended too. */
static void alarm_set(const struct caller *caller, long ns)
{
    struct itimerspec times = { .it_value.tv_nsec = ns, .it_interval.tv_nsec = ns };
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, ALARM_SIGNAL);
    if (ns) {
        sigprocmask(SIG_UNBLOCK, &mask, NULL);
        handlers_set();
    }
    syscall(SYS_timer_settime, caller->alarm, 0, &times, NULL);
}

static void call_shaped(struct caller *caller, const struct call *what)
{
    uint64_t a[6] = { 0 };
    size_t given = strlen(what->shape);

    for (size_t i = 0; i < 6; i++)
        a[i] = i < given ? draw_shaped(caller, what->shape[i]) : below(caller, 4) ? 0 : draw_any(caller);
    call_memory(caller, what->number, a);
    if (what->waits)
        alarm_set(caller, 5000000);
    call(what->number, a);
    if (what->waits)
        alarm_set(caller, 0);
}

void call_make(struct caller *caller)
{
    uint64_t number = below(caller, 2) ? often[below(caller, sizeof(often) / sizeof(often[0]))]
                                       : calls[below(caller, CALLS_KNOWN)].number;
    const struct call *what = call_of(number);

    if (below(caller, 32) == 0) { /* one that is perhaps not there */
        uint64_t a[6];

        for (unsigned i = 0; i < 6; i++)
            a[i] = draw_any(caller);
        number = below(caller, CALL_NUMBERS);
        if (!call_of(number))
            call(number, a);
    } else if (what->ends && below(caller, 24)) {
        return;
    } else if (what->special) {
        what->special(caller);
    } else {
        call_shaped(caller, what);
    }
}

/* ---- Those whose arguments go together ---- */

/* What would end the program's text or the pages that are checked is no finding: ranges that begin below end below. */
static void call_memory(struct caller *caller, uint64_t number, uint64_t a[6])
{
    const uint64_t longest = 1ul << 34;

    if (number == SYS_mmap && below(caller, 2))
        a[3] = (a[3] & ~0x3ul) | 0x22 | (below(caller, 2) ? 0x10 : 0);
    if (number < SYS_brk || number > SYS_madvise)
        return;
    if (a[0] < ARENA && a[1] > longest)
        a[1] = below(caller, longest);
    if (number == SYS_mremap && a[2] > longest)
        a[2] = below(caller, longest);
}

/* A child that does a few things, as its parent would have. */
_Noreturn static void live_shortly(struct caller *caller)
{
    caller->depth++;
    caller_alarm(caller);
    own_check(caller);
    if (below(caller, 2) && own_write(caller))
        own_check(caller);
    for (uint64_t i = below(caller, 6); i > 0; i--)
        caller_step(caller);
    own_check(caller);
    _exit(0);
}

static int share_space(void *argument)
{
    struct caller *caller = argument;

    caller_alarm(caller);
    for (uint64_t i = below(caller, 8); i > 0; i--)
        call_make(caller);
    return 0;
}

/* One that runs in the same space, on a stack of its own that is left behind. */
static void call_clone_sharing(struct caller *caller)
{
    static const int kinds[] = { 0, CLONE_SIGHAND, CLONE_SIGHAND | CLONE_THREAD, CLONE_VFORK };
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int kind = kinds[below(caller, 4)], others = (int)below(caller, 1 << 25) & 0x01340600;
    struct caller *its;

    if (stack == MAP_FAILED)
        return;
    its = (struct caller *)stack;
    *its = *caller;
    its->state ^= 0x5bd1e995u;
    its->depth = 2;
    int id = clone(share_space, stack + STACK_BYTES, CLONE_VM | kind | others | (kind & CLONE_THREAD ? 0 : SIGCHLD),
                   its, (void *)draw_address(caller), NULL, (void *)draw_address(caller));
    if (id > 0 && !(kind & CLONE_THREAD))
        caller->child = id;
}

static void call_clone(struct caller *caller)
{
    if (caller->depth >= 2)
        return;
    count(SYS_clone);
    if (below(caller, 3) == 0) {
        call_clone_sharing(caller);
        return;
    }
    uint64_t flags = (random_next(&caller->state) & 0x01740000) | SIGCHLD;
    long id = syscall(SYS_clone, flags, 0, draw_address(caller), 0, draw_address(caller));

    if (id == 0)
        live_shortly(caller);
    if (id > 0)
        caller->child = (int)id;
}

/* Processes with memory of their own; what does not fit together is to be refused. */
static void call_clone3(struct caller *caller)
{
    uint64_t a[12] = { 0 }, size = below(caller, 4) ? 64 : below(caller, sizeof(a) + 1);

    if (caller->depth >= 2)
        return;
    for (unsigned i = 0; i < 12; i++)
        a[i] = below(caller, 3) ? 0 : draw_any(caller);
    a[0] &= ~(uint64_t)(CLONE_VM | CLONE_VFORK);
    a[4] = below(caller, 2) ? SIGCHLD : a[4];
    a[5] = a[6] = 0; /* its own stack */
    a[7] = 0;        /* and its own TLS */
    a[0] &= ~(uint64_t)CLONE_SETTLS;
    long id = syscall(SYS_clone3, a, size);

    count(SYS_clone3);
    if (id == 0)
        live_shortly(caller);
    if (id > 0)
        caller->child = (int)id;
}

/* Itself, to say what it knows, at times; the other threads end with that. Else what cannot be run. */
static void call_execve(struct caller *caller)
{
    uint64_t a[6] = { (uint64_t)draw_path(caller), draw_address(caller), draw_address(caller) };

    if (below(caller, 24) == 0) {
        caller->words[0] = "callfuzz";
        caller->words[1] = "calls";
        a[0] = (uint64_t) "/proc/self/exe";
        a[1] = (uint64_t)caller->words;
        a[2] = below(caller, 2) ? 0 : a[2];
    }
    call(SYS_execve, a);
}

static bool leave_word(int id)
{
    uint32_t at = __atomic_fetch_add(&shared->groups, 1, __ATOMIC_RELAXED);

    if (at < GROUPS_MAX)
        shared->group[at] = id;
    return at < GROUPS_MAX;
}

/* Where the parent does not find it by the batch's group, it is told of it. */
static void call_group(struct caller *caller)
{
    int task = draw_task(caller), groups[] = { 0, getpid(), getpgrp(), task, 1 << 22, -1 };
    int group = groups[below(caller, 6)];

    if (group != parents_group && leave_word(task ? task : getpid()))
        call(SYS_setpgid, (uint64_t[6]){ (uint64_t)(int64_t)task, (uint64_t)(int64_t)group });
}

static void call_session(struct caller *caller)
{
    (void)caller;
    if (leave_word(getpid()))
        call(SYS_setsid, (uint64_t[6]){ 0 });
}

/* A frame that never was one. */
static void call_sigreturn(struct caller *caller)
{
#ifdef __riscv
    count(SYS_rt_sigreturn);
    register uint64_t number __asm__("a7") = SYS_rt_sigreturn;

    __asm__ volatile("mv sp, %0\n\tecall" : : "r"(draw_address(caller)), "r"(number) : "memory", "a0");
#else
    (void)caller;
#endif
}
