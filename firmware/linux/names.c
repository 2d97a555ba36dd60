/*
 * The names of the system calls of Linux that are not here, for messages: asm-generic/unistd.h of Linux 6.1. In one text: a
 * number, and the names of that call and those that follow it.
 */
#include "firmware/linux/syscall.h"

#include <stddef.h>
#include <string.h>

static const char names[] =
    "0 io_setup io_destroy io_submit io_cancel io_getevents setxattr lsetxattr fsetxattr getxattr lgetxattr "
    "fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr 18 lookup_dcookie 20 "
    "epoll_create1 epoll_ctl epoll_pwait 26 inotify_init1 inotify_add_watch inotify_rm_watch 30 "
    "ioprio_set ioprio_get 38 renameat umount2 mount pivot_root nfsservctl 51 chroot 58 vhangup 60 quotactl "
    "74 signalfd4 vmsplice splice tee 85 timerfd_create timerfd_settime timerfd_gettime 89 acct capget "
    "capset 97 unshare 104 kexec_load init_module delete_module 112 clock_settime 116 syslog ptrace 128 "
    "restart_syscall 142 reboot 151 setfsuid setfsgid 161 sethostname setdomainname 170 settimeofday "
    "adjtimex 180 mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr msgget msgctl "
    "msgrcv msgsnd semget semctl semtimedop semop shmget shmctl shmat shmdt 200 bind listen "
    "accept connect getsockname getpeername sendto recvfrom setsockopt getsockopt shutdown sendmsg recvmsg "
    "217 add_key request_key keyctl 224 swapon swapoff 234 remap_file_pages mbind "
    "get_mempolicy set_mempolicy migrate_pages move_pages 241 perf_event_open accept4 recvmmsg 262 "
    "fanotify_init fanotify_mark name_to_handle_at open_by_handle_at clock_adjtime 268 setns sendmmsg "
    "process_vm_readv process_vm_writev kcmp finit_module sched_setattr sched_getattr 277 seccomp 280 bpf "
    "execveat userfaultfd membarrier 288 pkey_mprotect pkey_alloc pkey_free 292 io_pgetevents 294 "
    "kexec_file_load 424 pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree "
    "move_mount fsopen fsconfig fsmount fspick pidfd_open 437 openat2 pidfd_getfd 440 process_madvise "
    "epoll_pwait2 mount_setattr quotactl_fd landlock_create_ruleset landlock_add_rule landlock_restrict_self "
    "memfd_secret process_mrelease futex_waitv set_mempolicy_home_node ";

static uint64_t number_of(const char *word)
{
    uint64_t number = 0;

    for (; *word != ' '; word++)
        number = number * 10 + (uint64_t)(*word - '0');
    return number;
}

const char *syscall_name(uint64_t wanted, unsigned *length)
{
    uint64_t number = 0;

    for (const char *word = names; *word; word += *length + 1) {
        *length = (unsigned)strcspn(word, " ");
        if (*word <= '9')
            number = number_of(word);
        else if (number++ == wanted)
            return word;
    }
    *length = 1;
    return "-";
}
