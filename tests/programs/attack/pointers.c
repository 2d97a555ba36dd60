/* System calls with pointers, numbers and flags that are not what they should be. */
#include "tests/programs/attack/attack.h"

#include <sys/time.h>
#include <sys/uio.h>

static const uintptr_t bad[] = {
    1,
    0xfff,
    0x12345678abc,
    USER_END - 1,
    USER_END,
    0x8000000000000000,
    KERNEL_DIRECT + RAM_START,
    KERNEL_IMAGE,
    KERNEL_DATA,
    KERNEL_STACKS + 0x3000,
    KERNEL_DEVICES,
    RAM_START,
    0x10000000,
    ~0ul - 7,
    ~0ul,
};
#define BAD (sizeof(bad) / sizeof(bad[0]))

/* What ends or blocks the caller, or is no attack on others: exit, exit_group, waits without an end. */
static bool is_left_out(long number)
{
    switch (number) {
    case SYS_exit:
    case SYS_exit_group:
    case SYS_rt_sigreturn:
    case SYS_rt_sigsuspend:
    case SYS_rt_sigtimedwait:
    case SYS_ppoll:
    case SYS_pselect6:
    case SYS_clone:
    case SYS_clone3:
    case SYS_kill:
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_munmap: /* of ranges: ranges.c */
    case SYS_brk:
        return true;
    default:
        return false;
    }
}

/* Each call in the table with a bad pointer as one of its arguments; the others are 0, 1 or -1. */
static void pointers_at(char *page, uintptr_t position)
{
    static const long others[] = { 0, 1, -1 };

    (void)page;
    close(0);
    alarm(60);
    for (long number = 0; number < 470; number++) {
        if (is_left_out(number))
            continue;
        for (size_t i = 0; i < BAD * 3; i++) {
            long other = others[i % 3], a[6] = { other, other, other, other, other, 0 };

            a[position] = (long)bad[i / 3];
            if (number == SYS_futex)
                a[1] = 1;
            call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        }
    }
}

/* All arguments at once. */
static void same_everywhere(char *page, uintptr_t value)
{
    (void)page;
    close(0);
    alarm(60);
    for (long number = 0; number < 470; number++)
        if (!is_left_out(number))
            call(number, (long)value, (long)value, (long)value, (long)value, (long)value, (long)value);
}

static void unknown_calls(char *page, uintptr_t with)
{
    (void)page, (void)with;
    for (long number = 470; number < 1l << 40; number = number * 3 / 2)
        expect(call(number, -1, -1, -1, -1, -1, -1) == -ENOSYS, "a call that does not exist");
    for (long shift = 40; shift < 64; shift++)
        expect(call((long)(1ul << shift) + 172, 0, 0, 0, 0, 0, 0) == -ENOSYS, "a number with high bits");
    expect(call(-1, 0, 0, 0, 0, 0, 0) == -ENOSYS, "call -1");
}

static void privileged_calls(char *page, uintptr_t with)
{
    static const long numbers[] = { 41 /* pivot_root */,
                                    40 /* mount */,
                                    39 /* umount2 */,
                                    51 /* chroot */,
                                    104, /* kexec */
                                    105 /* init_module */,
                                    106,
                                    112 /* clock_settime */,
                                    116 /* syslog */,
                                    117 /* ptrace */,
                                    142 /* reboot */,
                                    161 /* sethostname */,
                                    170 /* settimeofday */,
                                    171 /* adjtimex */,
                                    224 /* swapon */,
                                    225 /* swapoff */,
                                    270 /* process_vm_readv */,
                                    271,
                                    273,
                                    280 /* bpf */,
                                    282 /* userfaultfd */,
                                    425 /* io_uring_setup */ };

    (void)page, (void)with;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        expect(call(numbers[i], 0xfee1dead, 672274793, 0x4321fedc, 0, 0, 0) < 0, "a call of the administrator");
}

static void descriptors(char *page, uintptr_t with)
{
    static const int numbers[] = { -1, 63, 64, 65, 1000000, 0x7fffffff, (int)0x80000000 };
    char byte = 0;

    (void)page, (void)with;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        int n = numbers[i];

        expect(read(n, &byte, 1) == -1 && write(n, &byte, 1) == -1 && close(n) == -1, "a descriptor that is none");
        expect(call(SYS_dup, n, 0, 0, 0, 0, 0) < 0 && call(SYS_fcntl, n, 1, 0, 0, 0, 0) < 0, "dup, fcntl");
        expect(lseek(n, 0, SEEK_SET) == -1 && ftruncate(n, 0) == -1, "lseek, ftruncate");
        expect(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, n, 0) == MAP_FAILED, "mmap");
        expect(n < 0 || n == 63 || dup2(1, n) == -1, "dup2 beyond the limit");
    }
}

static void lengths(char *page, uintptr_t with)
{
    static const unsigned long sizes[] = { 1ul << 31, 1ul << 32, 1ul << 38, 1ul << 62, 1ul << 63, ~0ul };
    int from = open("/dev/zero", O_RDONLY), to = open("/dev/null", O_WRONLY);
    char *one = pages_new(1, PROT_READ | PROT_WRITE);

    (void)page, (void)with;
    munmap(one + PAGE, PAGE);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct iovec parts[2] = { { one, sizes[i] }, { one, sizes[i] } };

        call(SYS_read, from, (long)one, (long)sizes[i], 0, 0, 0);
        call(SYS_write, to, (long)one, (long)sizes[i], 0, 0, 0);
        expect(call(SYS_readv, from, (long)parts, (long)sizes[i], 0, 0, 0) < 0, "readv of very many");
        call(SYS_readv, from, (long)parts, 2, 0, 0, 0);
        expect(call(SYS_getcwd, (long)one, (long)sizes[i], 0, 0, 0, 0) != 0, "getcwd");
        expect(call(SYS_pread64, from, (long)one, 1, (long)(sizes[i] | 1ul << 63), 0, 0) < 0, "pread before the start");
        call(SYS_getrandom, (long)one, (long)sizes[i], 0, 0, 0, 0);
        expect(call(SYS_ftruncate, to, (long)sizes[i], 0, 0, 0, 0) < 0, "ftruncate of a device");
    }
}

static void all_flags(char *page, uintptr_t with)
{
    static const struct {
        long number;
        unsigned at;
    } calls[] = {
        { SYS_openat, 2 },  { SYS_mmap, 3 },  { SYS_mmap, 2 },     { SYS_mremap, 3 },
        { SYS_madvise, 2 }, { SYS_msync, 2 }, { SYS_clone, 0 },    { SYS_sigaltstack, 0 },
        { SYS_waitid, 0 },  { SYS_fcntl, 1 }, { SYS_statx, 2 },    { SYS_getrandom, 2 },
        { SYS_pipe2, 1 },   { SYS_dup3, 2 },  { SYS_unlinkat, 2 }, { SYS_futex, 1 },
    };

    (void)page, (void)with;
    alarm(60);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        for (unsigned bit = 9; bit < (calls[i].number == SYS_clone ? 32 : 64); bit++) {
            long a[6] = { 0 };

            a[calls[i].at] = (long)(~0ul << bit);
            call(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
        }
}

static void others(char *page, uintptr_t with)
{
    (void)page, (void)with;
    expect(kill(0x7ffffff0, SIGKILL) == -1 && errno == ESRCH, "kill of nobody");
    expect(kill(getpid(), 65) == -1 && errno == EINVAL && kill(getpid(), -1) == -1, "no such signal");
    expect(call(SYS_tgkill, 1, 1, 9, 0, 0, 0) < 0, "tgkill of the firmware");
    expect(kill(1, SIGKILL) == -1, "kill of the firmware");
    expect(call(SYS_setpgid, 1, 0, 0, 0, 0, 0) < 0, "setpgid of the firmware");
    expect(call(SYS_prlimit64, 0x7ffffff0, 0, 0, 0, 0, 0) < 0, "prlimit of nobody");
    expect(call(SYS_wait4, getppid(), 0, 1, 0, 0, 0) == -ECHILD, "wait for one's parent");
}

/* As another user: the tasks of others are out of reach of signals and of calls that change them. */
static void another_user(char *page, uintptr_t with)
{
    pid_t parent = getppid();
    long limit[2] = { 8, 8 };

    (void)page, (void)with;
    expect(call(SYS_setresuid, 1000, 1000, 1000, 0, 0, 0) == 0, "setresuid");
    expect(call(SYS_setuid, 0, 0, 0, 0, 0, 0) == -EPERM && call(SYS_setresuid, 0, 0, 0, 0, 0, 0) == -EPERM,
           "root again");
    for (int number = 1; number <= 64; number++)
        expect(number == SIGCONT || kill(parent, number) == -1, "a signal to another user's task");
    expect(kill(-1, SIGKILL) == -1, "a signal to all");
    expect(kill(-getpgid(parent), SIGKILL) == -1, "a signal to another user's group");
    expect(call(SYS_tgkill, parent, parent, SIGKILL, 0, 0, 0) == -EPERM, "tgkill");
    expect(call(SYS_prlimit64, parent, 7, (long)limit, 0, 0, 0) == -EPERM, "the limits of another user's task");
    expect(call(SYS_setpgid, parent, 0, 0, 0, 0, 0) < 0, "the group of another user's task");
    expect(call(SYS_setpriority, 0, parent, 19, 0, 0, 0) < 0, "the priority of another user's task");
}

/* ---- Signals ---- */

static void handler_at(char *page, uintptr_t at)
{
    struct {
        uintptr_t handler, flags, mask;
    } action = { at, 0, 0 };

    (void)page;
    expect(call(SYS_rt_sigaction, SIGUSR1, (long)&action, 0, 8, 0, 0) == 0, "sigaction");
    raise(SIGUSR1);
}

static void signal_stack_at(char *page, uintptr_t at)
{
    stack_t stack = { .ss_sp = (void *)at, .ss_size = 65536 };
    struct sigaction action = { .sa_handler = _exit, .sa_flags = SA_ONSTACK };

    (void)page;
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

static void stack_at(char *page, uintptr_t at)
{
    struct sigaction action = { .sa_handler = _exit };

    (void)page;
    sigaction(SIGSEGV, &action, NULL);
    __asm__ volatile("mv sp, %0\n\tsd zero, -8(sp)" ::"r"(at));
}

static void return_at(char *page, uintptr_t at)
{
    (void)page;
    __asm__ volatile("mv sp, %0\n\tli a7, 139\n\tecall\n\t.4byte 0" ::"r"(at));
}

/* A frame that the firmware made, with another pc: what it may hold is what a jump could do as well. */
static uintptr_t forged_pc;

static void forge(int number, siginfo_t *info, void *context)
{
    ucontext_t *frame = context;

    (void)number, (void)info;
    for (unsigned i = 1; i < 32; i++)
        frame->uc_mcontext.__gregs[i] = ~0ul;
    frame->uc_mcontext.__gregs[0] = forged_pc;
}

static void forged_frame(char *page, uintptr_t pc)
{
    struct sigaction action = { .sa_sigaction = forge, .sa_flags = SA_SIGINFO };

    (void)page;
    forged_pc = pc;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

static void faulting_handler(int number)
{
    (void)number;
    *(volatile char *)KERNEL_DATA = 0;
}

static void fault_in_handler(char *page, uintptr_t with)
{
    struct sigaction action = { .sa_handler = faulting_handler };

    (void)page, (void)with;
    sigaction(SIGSEGV, &action, NULL);
    faulting_handler(0);
}

/* A fault cannot be ignored or blocked. */
static void ignored_fault(char *page, uintptr_t with)
{
    sigset_t all;

    (void)page, (void)with;
    signal(SIGSEGV, SIG_IGN);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    faulting_handler(0);
}

/* ---- New tasks ---- */

static void clone_with_stack(char *page, uintptr_t stack)
{
    int status;

    (void)page;
    pid_t id = (pid_t)call(SYS_clone, 0x100 | 0x4000 | SIGCHLD, (long)stack, 0, 0, 0, 0); /* VM, VFORK */

    if (id == 0)
        __asm__ volatile("sd zero, -8(sp)\n\tli a7, 93\n\tecall");
    expect(id > 0 && waitpid(id, &status, 0) == id && WIFSIGNALED(status), "clone");
}

static void clone_flags(char *page, uintptr_t with)
{
    (void)page, (void)with;
    expect(call(SYS_clone, 0x10000, 0, 0, 0, 0, 0) == -EINVAL, "a thread with its own memory");
    expect(call(SYS_clone, 0x800, 0, 0, 0, 0, 0) == -EINVAL, "handlers without memory");
    for (unsigned bit = 0; bit < 8; bit++)
        expect(call(SYS_clone, 0x02000000l << bit & 0x7e020000, 0, 0, 0, 0, 0) != 1, "name spaces");
    expect(call(SYS_clone3, 0, 0, 0, 0, 0, 0) < 0 && call(SYS_clone3, (long)KERNEL_DATA, 88, 0, 0, 0, 0) < 0, "clone3");
    expect(call(SYS_clone3, (long)&page, 1 << 20, 0, 0, 0, 0) < 0, "clone3 of 1 MiB");
}

static void long_arguments(char *page, uintptr_t count)
{
    char **vector = malloc((count + 1) * sizeof(*vector)), *string = malloc(8 * PAGE);

    (void)page;
    memset(string, 'x', 8 * PAGE - 1);
    string[8 * PAGE - 1] = 0;
    for (uintptr_t i = 0; i < count; i++)
        vector[i] = string;
    vector[count] = NULL;
    expect(execve(own_path, vector, vector) == -1, "execve with very many arguments");
}

#define NO(what, run, with, ends)    \
    {                                \
        what, run, with, ends, false \
    }

const struct attack pointer_attacks[] = {
    NO("bad pointers, argument 1 of every call", pointers_at, 0, ENDS_EITHER),
    NO("bad pointers, argument 2 of every call", pointers_at, 1, ENDS_EITHER),
    NO("bad pointers, argument 3 of every call", pointers_at, 2, ENDS_EITHER),
    NO("bad pointers, argument 4 of every call", pointers_at, 3, ENDS_EITHER),
    NO("bad pointers, argument 5 of every call", pointers_at, 4, ENDS_EITHER),
    NO("zeros to every call", same_everywhere, 0, ENDS_EITHER),
    NO("ones to every call", same_everywhere, ~0ul, ENDS_EITHER),
    NO("firmware addresses to every call", same_everywhere, KERNEL_DATA, ENDS_EITHER),
    NO("the largest number to every call", same_everywhere, ~0ul >> 1, ENDS_EITHER),
    NO("calls that do not exist", unknown_calls, 0, 0),
    NO("calls of the administrator", privileged_calls, 0, 0),
    NO("descriptors that are none", descriptors, 0, 0),
    NO("lengths without bound", lengths, 0, 0),
    NO("all flags", all_flags, 0, ENDS_EITHER),
    NO("processes of others", others, 0, 0),
    NO("tasks of another user", another_user, 0, 0),
    NO("handler in the firmware", handler_at, KERNEL_IMAGE, SIGSEGV),
    NO("handler that is not canonical", handler_at, USER_END, SIGSEGV),
    NO("signal stack in the firmware", signal_stack_at, KERNEL_DATA, SIGSEGV),
    NO("signal stack at the end", signal_stack_at, ~0ul - 65536, SIGSEGV),
    NO("stack in the firmware", stack_at, KERNEL_STACKS + 0x4000, SIGSEGV),
    NO("stack at address 0", stack_at, 0, SIGSEGV),
    NO("misaligned stack", stack_at, 0x1001, SIGSEGV),
    NO("signal return in the firmware", return_at, KERNEL_DATA, SIGSEGV),
    NO("signal return at the end", return_at, ~0ul - 15, SIGSEGV),
    NO("signal return of nothing", return_at, 0, SIGSEGV),
    NO("forged frame into the firmware", forged_frame, KERNEL_IMAGE, SIGSEGV),
    NO("forged frame into the hole", forged_frame, USER_END, SIGSEGV),
    NO("fault in the handler of a fault", fault_in_handler, 0, SIGSEGV),
    NO("fault ignored and blocked", ignored_fault, 0, SIGSEGV),
    NO("clone with a stack in the firmware", clone_with_stack, KERNEL_DATA, 0),
    NO("clone with a stack in the hole", clone_with_stack, USER_END + 16, 0),
    NO("clone with flags that contradict", clone_flags, 0, 0),
    NO("execve with too many arguments", long_arguments, 4000, 0),
    { 0 },
};
