/* The names of Linux's system calls, for messages: asm-generic/unistd.h of Linux 6.1. */
#include "firmware/linux/syscall.h"

#include <string.h>

/* One name after another, each with its 0; numbers that mean nothing on riscv64 have empty names. */
#define FIRST_BLOCK_END 295u
static const char first_names[] =
    "io_setup\0" "io_destroy\0" "io_submit\0" "io_cancel\0" "io_getevents\0" "setxattr\0" "lsetxattr\0"
    "fsetxattr\0" "getxattr\0" "lgetxattr\0" "fgetxattr\0" "listxattr\0" "llistxattr\0" "flistxattr\0"
    "removexattr\0" "lremovexattr\0" "fremovexattr\0" "getcwd\0" "lookup_dcookie\0" "eventfd2\0" "epoll_create1\0"
    "epoll_ctl\0" "epoll_pwait\0" "dup\0" "dup3\0" "fcntl\0" "inotify_init1\0" "inotify_add_watch\0"
    "inotify_rm_watch\0" "ioctl\0" "ioprio_set\0" "ioprio_get\0" "flock\0" "mknodat\0" "mkdirat\0" "unlinkat\0"
    "symlinkat\0" "linkat\0" "renameat\0" "umount2\0" "mount\0" "pivot_root\0" "nfsservctl\0" "statfs\0"
    "fstatfs\0" "truncate\0" "ftruncate\0" "fallocate\0" "faccessat\0" "chdir\0" "fchdir\0" "chroot\0" "fchmod\0"
    "fchmodat\0" "fchownat\0" "fchown\0" "openat\0" "close\0" "vhangup\0" "pipe2\0" "quotactl\0" "getdents64\0"
    "lseek\0" "read\0" "write\0" "readv\0" "writev\0" "pread64\0" "pwrite64\0" "preadv\0" "pwritev\0" "sendfile\0"
    "pselect6\0" "ppoll\0" "signalfd4\0" "vmsplice\0" "splice\0" "tee\0" "readlinkat\0" "newfstatat\0" "fstat\0"
    "sync\0" "fsync\0" "fdatasync\0" "sync_file_range\0" "timerfd_create\0" "timerfd_settime\0" "timerfd_gettime\0"
    "utimensat\0" "acct\0" "capget\0" "capset\0" "personality\0" "exit\0" "exit_group\0" "waitid\0"
    "set_tid_address\0" "unshare\0" "futex\0" "set_robust_list\0" "get_robust_list\0" "nanosleep\0" "getitimer\0"
    "setitimer\0" "kexec_load\0" "init_module\0" "delete_module\0" "timer_create\0" "timer_gettime\0"
    "timer_getoverrun\0" "timer_settime\0" "timer_delete\0" "clock_settime\0" "clock_gettime\0" "clock_getres\0"
    "clock_nanosleep\0" "syslog\0" "ptrace\0" "sched_setparam\0" "sched_setscheduler\0" "sched_getscheduler\0"
    "sched_getparam\0" "sched_setaffinity\0" "sched_getaffinity\0" "sched_yield\0" "sched_get_priority_max\0"
    "sched_get_priority_min\0" "sched_rr_get_interval\0" "restart_syscall\0" "kill\0" "tkill\0" "tgkill\0"
    "sigaltstack\0" "rt_sigsuspend\0" "rt_sigaction\0" "rt_sigprocmask\0" "rt_sigpending\0" "rt_sigtimedwait\0"
    "rt_sigqueueinfo\0" "rt_sigreturn\0" "setpriority\0" "getpriority\0" "reboot\0" "setregid\0" "setgid\0"
    "setreuid\0" "setuid\0" "setresuid\0" "getresuid\0" "setresgid\0" "getresgid\0" "setfsuid\0" "setfsgid\0"
    "times\0" "setpgid\0" "getpgid\0" "getsid\0" "setsid\0" "getgroups\0" "setgroups\0" "uname\0" "sethostname\0"
    "setdomainname\0" "getrlimit\0" "setrlimit\0" "getrusage\0" "umask\0" "prctl\0" "getcpu\0" "gettimeofday\0"
    "settimeofday\0" "adjtimex\0" "getpid\0" "getppid\0" "getuid\0" "geteuid\0" "getgid\0" "getegid\0" "gettid\0"
    "sysinfo\0" "mq_open\0" "mq_unlink\0" "mq_timedsend\0" "mq_timedreceive\0" "mq_notify\0" "mq_getsetattr\0"
    "msgget\0" "msgctl\0" "msgrcv\0" "msgsnd\0" "semget\0" "semctl\0" "semtimedop\0" "semop\0" "shmget\0"
    "shmctl\0" "shmat\0" "shmdt\0" "socket\0" "socketpair\0" "bind\0" "listen\0" "accept\0" "connect\0"
    "getsockname\0" "getpeername\0" "sendto\0" "recvfrom\0" "setsockopt\0" "getsockopt\0" "shutdown\0" "sendmsg\0"
    "recvmsg\0" "readahead\0" "brk\0" "munmap\0" "mremap\0" "add_key\0" "request_key\0" "keyctl\0" "clone\0"
    "execve\0" "mmap\0" "fadvise64\0" "swapon\0" "swapoff\0" "mprotect\0" "msync\0" "mlock\0" "munlock\0"
    "mlockall\0" "munlockall\0" "mincore\0" "madvise\0" "remap_file_pages\0" "mbind\0" "get_mempolicy\0"
    "set_mempolicy\0" "migrate_pages\0" "move_pages\0" "rt_tgsigqueueinfo\0" "perf_event_open\0" "accept4\0"
    "recvmmsg\0" "\0" "\0" "\0" "\0" "\0" "\0" "\0" "\0" "\0" "\0" "\0" "\0" "\0" "\0" "riscv_hwprobe\0"
    "riscv_flush_icache\0" "wait4\0" "prlimit64\0" "fanotify_init\0" "fanotify_mark\0" "name_to_handle_at\0"
    "open_by_handle_at\0" "clock_adjtime\0" "syncfs\0" "setns\0" "sendmmsg\0" "process_vm_readv\0"
    "process_vm_writev\0" "kcmp\0" "finit_module\0" "sched_setattr\0" "sched_getattr\0" "renameat2\0" "seccomp\0"
    "getrandom\0" "memfd_create\0" "bpf\0" "execveat\0" "userfaultfd\0" "membarrier\0" "mlock2\0"
    "copy_file_range\0" "preadv2\0" "pwritev2\0" "pkey_mprotect\0" "pkey_alloc\0" "pkey_free\0" "statx\0" "io_pgetevents\0"
    "rseq\0" "kexec_file_load\0";

#define SECOND_BLOCK 424u
#define SECOND_BLOCK_END 451u
static const char second_names[] =
    "pidfd_send_signal\0" "io_uring_setup\0" "io_uring_enter\0" "io_uring_register\0" "open_tree\0" "move_mount\0"
    "fsopen\0" "fsconfig\0" "fsmount\0" "fspick\0" "pidfd_open\0" "clone3\0" "close_range\0" "openat2\0"
    "pidfd_getfd\0" "faccessat2\0" "process_madvise\0" "epoll_pwait2\0" "mount_setattr\0" "quotactl_fd\0"
    "landlock_create_ruleset\0" "landlock_add_rule\0" "landlock_restrict_self\0" "memfd_secret\0"
    "process_mrelease\0" "futex_waitv\0" "set_mempolicy_home_node\0";

const char *syscall_name(uint64_t number)
{
    bool second = number >= SECOND_BLOCK;
    const char *name = second ? second_names : first_names;

    if (number >= SECOND_BLOCK_END || (!second && number >= FIRST_BLOCK_END))
        return "";
    for (uint64_t i = second ? SECOND_BLOCK : 0; i < number; i++)
        name += strlen(name) + 1;
    return name;
}
