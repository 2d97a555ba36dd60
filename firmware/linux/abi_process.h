/*
 * The rest of abi.h, about processes, threads, signals and timers: numbers and structures of Linux 6.1's uapi headers
 * (asm-generic/signal.h, asm-generic/siginfo.h, asm-generic/ucontext.h, linux/sched.h, linux/wait.h, linux/futex.h,
 * linux/prctl.h, linux/time.h; arch/riscv/include/uapi/asm/sigcontext.h and ptrace.h).
 */
#ifndef FIRMWARE_LINUX_ABI_PROCESS_H
#define FIRMWARE_LINUX_ABI_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "firmware/linux/abi.h"

/* ---- Signals ---- */

#define LINUX_SIGHUP    1
#define LINUX_SIGINT    2
#define LINUX_SIGQUIT   3
#define LINUX_SIGPIPE   13
#define LINUX_SIGALRM   14
#define LINUX_SIGSTOP   19
#define LINUX_SIGTSTP   20
#define LINUX_SIGTTIN   21
#define LINUX_SIGTTOU   22
#define LINUX_SIGVTALRM 26
#define LINUX_SIGPROF   27
#define LINUX_SIGRTMIN  32

#define LINUX_SIG_DFL 0
#define LINUX_SIG_IGN 1

#define LINUX_SA_NOCLDSTOP 0x00000001u
#define LINUX_SA_NOCLDWAIT 0x00000002u
#define LINUX_SA_SIGINFO   0x00000004u
#define LINUX_SA_ONSTACK   0x08000000u
#define LINUX_SA_RESTART   0x10000000u
#define LINUX_SA_NODEFER   0x40000000u
#define LINUX_SA_RESETHAND 0x80000000u

#define LINUX_SIG_BLOCK   0
#define LINUX_SIG_UNBLOCK 1
#define LINUX_SIG_SETMASK 2

#define LINUX_SS_ONSTACK    1u
#define LINUX_SS_DISABLE    2u
#define LINUX_SS_AUTODISARM (1u << 31)
#define LINUX_MINSIGSTKSZ   2048u

#define LINUX_SI_USER       0
#define LINUX_SI_KERNEL     0x80
#define LINUX_SI_TIMER      (-2)
#define LINUX_SI_TKILL      (-6)
#define LINUX_CLD_EXITED    1
#define LINUX_CLD_KILLED    2
#define LINUX_CLD_DUMPED    3
#define LINUX_CLD_STOPPED   5
#define LINUX_CLD_CONTINUED 6

/* As far as it is used; the program sees LINUX_SIGINFO_BYTES, the rest of them 0. */
#define LINUX_SIGINFO_BYTES 128u
struct linux_siginfo {
    int32_t signal, error, code, pad;
    union {
        struct {
            int32_t pid;
            uint32_t uid;
            uint64_t value;
        } sent;
        struct {
            int32_t pid;
            uint32_t uid;
            int32_t status, pad;
            int64_t utime, stime;
        } child;
        struct {
            uint64_t address;
        } fault;
        struct {
            int32_t id, overrun;
            uint64_t value;
        } timer;
        uint64_t words[4];
    };
};
_Static_assert(sizeof(struct linux_siginfo) == 48, "the used part of struct siginfo");

struct linux_stack {
    uint64_t sp;
    uint32_t flags, pad;
    uint64_t bytes;
};

/*
 * struct rt_sigframe of arch/riscv/kernel/signal.c. It is written in parts, each from where the firmware has it:
 * head, registers (struct trap_frame's pc and x1 to x31), floats (struct float_state), and the last words of the
 * floating-point union, which tell that no extension's state follows.
 */
struct linux_signal_frame {
    struct {
        struct linux_siginfo info;
        uint64_t info_rest[10];
        uint64_t flags, link;
        struct linux_stack stack;
        uint64_t mask;
    } head;
    uint64_t mask_rest[15];
    uint64_t pad;
    uint64_t registers[32];
    uint64_t floats[33]; /* struct __riscv_d_ext_state */
    uint64_t quad_rest[31];
    uint64_t extension[2]; /* padding, reserved */
};
_Static_assert(offsetof(struct linux_signal_frame, head.flags) == LINUX_SIGINFO_BYTES, "struct ucontext");
_Static_assert(offsetof(struct linux_signal_frame, registers) == LINUX_SIGINFO_BYTES + 176, "struct sigcontext");
_Static_assert(sizeof(struct linux_signal_frame) == LINUX_SIGINFO_BYTES + 176 + 256 + 528, "struct rt_sigframe");

/* ---- Processes and threads: linux/sched.h, linux/wait.h, linux/futex.h ---- */

#define LINUX_CSIGNAL              0x000000ffu
#define LINUX_CLONE_VM             0x00000100u
#define LINUX_CLONE_FS             0x00000200u
#define LINUX_CLONE_FILES          0x00000400u
#define LINUX_CLONE_SIGHAND        0x00000800u
#define LINUX_CLONE_PIDFD          0x00001000u
#define LINUX_CLONE_VFORK          0x00004000u
#define LINUX_CLONE_PARENT         0x00008000u
#define LINUX_CLONE_THREAD         0x00010000u
#define LINUX_CLONE_NEWNS          0x00020000u
#define LINUX_CLONE_SETTLS         0x00080000u
#define LINUX_CLONE_PARENT_SETTID  0x00100000u
#define LINUX_CLONE_CHILD_CLEARTID 0x00200000u
#define LINUX_CLONE_CHILD_SETTID   0x01000000u
#define LINUX_CLONE_NEWCGROUP      0x02000000u
#define LINUX_CLONE_NEWUTS         0x04000000u
#define LINUX_CLONE_NEWIPC         0x08000000u
#define LINUX_CLONE_NEWUSER        0x10000000u
#define LINUX_CLONE_NEWPID         0x20000000u
#define LINUX_CLONE_NEWNET         0x40000000u
#define LINUX_CLONE_CLEAR_SIGHAND  0x100000000ull

struct linux_clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

#define LINUX_WNOHANG           0x00000001u
#define LINUX_WUNTRACED         0x00000002u
#define LINUX_WSTOPPED          LINUX_WUNTRACED
#define LINUX_WEXITED           0x00000004u
#define LINUX_WCONTINUED        0x00000008u
#define LINUX_WNOWAIT           0x01000000u
#define LINUX_WNOTHREAD         0x20000000u
#define LINUX_WALL              0x40000000u
#define LINUX_WCLONE            0x80000000u
#define LINUX_P_ALL             0
#define LINUX_P_PID             1
#define LINUX_P_PGID            2
#define LINUX_WCONTINUED_STATUS 0xffff

#define LINUX_FUTEX_WAIT           0
#define LINUX_FUTEX_WAKE           1
#define LINUX_FUTEX_REQUEUE        3
#define LINUX_FUTEX_CMP_REQUEUE    4
#define LINUX_FUTEX_WAKE_OP        5
#define LINUX_FUTEX_WAIT_BITSET    9
#define LINUX_FUTEX_WAKE_BITSET    10
#define LINUX_FUTEX_COMMANDS       127u
#define LINUX_FUTEX_PRIVATE_FLAG   128u
#define LINUX_FUTEX_CLOCK_REALTIME 256u
#define LINUX_FUTEX_BITSET_ANY     0xffffffffu
#define LINUX_FUTEX_WAITERS        0x80000000u
#define LINUX_FUTEX_OWNER_DIED     0x40000000u
#define LINUX_FUTEX_TID_MASK       0x3fffffffu
#define LINUX_ROBUST_LIST_LIMIT    2048u
#define LINUX_ROBUST_LIST_PI       1u
struct linux_robust_list_head {
    uint64_t first;
    int64_t futex_offset;
    uint64_t pending;
};

#define LINUX_PR_SET_PDEATHSIG    1
#define LINUX_PR_GET_PDEATHSIG    2
#define LINUX_PR_GET_DUMPABLE     3
#define LINUX_PR_SET_DUMPABLE     4
#define LINUX_PR_SET_NAME         15
#define LINUX_PR_GET_NAME         16
#define LINUX_PR_CAPBSET_READ     23
#define LINUX_PR_SET_TIMERSLACK   29
#define LINUX_PR_GET_TIMERSLACK   30
#define LINUX_PR_SET_NO_NEW_PRIVS 38
#define LINUX_PR_GET_NO_NEW_PRIVS 39

#define LINUX_PRIO_PROCESS 0
#define LINUX_PRIO_PGRP    1
#define LINUX_PRIO_USER    2
#define LINUX_SCHED_OTHER  0u
#define LINUX_SCHED_BATCH  3u
#define LINUX_SCHED_IDLE   5u

/* ---- Timers ---- */

#define LINUX_ITIMER_REAL    0
#define LINUX_ITIMER_VIRTUAL 1
#define LINUX_ITIMER_PROF    2
struct linux_itimerval {
    struct linux_timeval interval, value;
};
struct linux_itimerspec {
    struct linux_timespec interval, value;
};
#define LINUX_SIGEV_SIGNAL    0
#define LINUX_SIGEV_NONE      1
#define LINUX_SIGEV_THREAD_ID 4
struct linux_sigevent {
    uint64_t value;
    int32_t signal, notify, thread, pad[11];
};
_Static_assert(sizeof(struct linux_sigevent) == 64, "struct sigevent");

#endif
