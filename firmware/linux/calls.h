/*
 * The system calls that there are. Arguments as Linux's manual has them, each as the 64-bit register it comes in: a
 * function narrows what Linux takes for an int itself. Errors are those of the manual.
 */
#ifndef FIRMWARE_LINUX_CALLS_H
#define FIRMWARE_LINUX_CALLS_H

#include <stdint.h>

#include "hal/cpu.h"

/* linux/read.c */
int64_t sys_read(uint64_t descriptor, va_t buffer, uint64_t bytes);
int64_t sys_write(uint64_t descriptor, va_t buffer, uint64_t bytes);

/* linux/vector.c */
int64_t sys_readv(uint64_t descriptor, va_t vector, uint64_t count);
int64_t sys_writev(uint64_t descriptor, va_t vector, uint64_t count);
int64_t sys_pread64(uint64_t descriptor, va_t buffer, uint64_t bytes, uint64_t offset);
int64_t sys_pwrite64(uint64_t descriptor, va_t buffer, uint64_t bytes, uint64_t offset);
int64_t sys_preadv(uint64_t descriptor, va_t vector, uint64_t count, uint64_t offset);
int64_t sys_pwritev(uint64_t descriptor, va_t vector, uint64_t count, uint64_t offset);
int64_t sys_preadv2(uint64_t descriptor, va_t vector, uint64_t count, uint64_t offset, uint64_t high, uint64_t flags);
int64_t sys_pwritev2(uint64_t descriptor, va_t vector, uint64_t count, uint64_t offset, uint64_t high, uint64_t flags);
int64_t sys_lseek(uint64_t descriptor, uint64_t offset, uint64_t whence);

/* linux/copy.c */
int64_t sys_sendfile(uint64_t to, uint64_t from, va_t offset, uint64_t bytes);
int64_t sys_copy_file_range(uint64_t from, va_t from_offset, uint64_t to, va_t to_offset, uint64_t bytes,
                            uint64_t flags);
int64_t sys_fsync(uint64_t descriptor);
int64_t sys_sync_file_range(uint64_t descriptor, uint64_t offset, uint64_t bytes, uint64_t flags);
int64_t sys_sync(void);
int64_t sys_syncfs(uint64_t descriptor);
int64_t sys_fallocate(uint64_t descriptor, uint64_t mode, uint64_t offset, uint64_t bytes);
int64_t sys_file_advice(uint64_t descriptor);

/* linux/open.c */
int64_t sys_openat(uint64_t directory, va_t path, uint64_t flags, uint64_t mode);
int64_t sys_memfd_create(va_t name, uint64_t flags);

/* linux/descriptor.c */
int64_t sys_close(uint64_t descriptor);
int64_t sys_close_range(uint64_t first, uint64_t last, uint64_t flags);
int64_t sys_dup(uint64_t descriptor);
int64_t sys_dup3(uint64_t old, uint64_t new, uint64_t flags);
int64_t sys_fcntl(uint64_t descriptor, uint64_t command, uint64_t argument);
int64_t sys_ioctl(uint64_t descriptor, uint64_t request, va_t argument);
int64_t sys_truncate(va_t path, uint64_t bytes);
int64_t sys_ftruncate(uint64_t descriptor, uint64_t bytes);
int64_t sys_getdents64(uint64_t descriptor, va_t buffer, uint64_t bytes);

/* linux/status.c */
int64_t sys_fstat(uint64_t descriptor, va_t status);
int64_t sys_newfstatat(uint64_t directory, va_t path, va_t status, uint64_t flags);
int64_t sys_statx(uint64_t directory, va_t path, uint64_t flags, uint64_t mask, va_t status);
int64_t sys_faccessat(uint64_t directory, va_t path, uint64_t mode);
int64_t sys_faccessat2(uint64_t directory, va_t path, uint64_t mode, uint64_t flags);
int64_t sys_readlinkat(uint64_t directory, va_t path, va_t buffer, uint64_t bytes);
int64_t sys_getcwd(va_t buffer, uint64_t bytes);
int64_t sys_chdir(va_t path);
int64_t sys_fchdir(uint64_t descriptor);
int64_t sys_statfs(va_t path, va_t out);
int64_t sys_fstatfs(uint64_t descriptor, va_t out);

/* linux/change.c */
int64_t sys_mkdirat(uint64_t directory, va_t path, uint64_t mode);
int64_t sys_mknodat(uint64_t directory, va_t path, uint64_t mode, uint64_t device);
int64_t sys_symlinkat(va_t text, uint64_t directory, va_t path);
int64_t sys_linkat(uint64_t old_directory, va_t old_path, uint64_t directory, va_t path, uint64_t flags);
int64_t sys_unlinkat(uint64_t directory, va_t path, uint64_t flags);
int64_t sys_renameat2(uint64_t old_directory, va_t old_path, uint64_t directory, va_t path, uint64_t flags);
int64_t sys_fchmod(uint64_t descriptor, uint64_t mode);
int64_t sys_fchmodat(uint64_t directory, va_t path, uint64_t mode);
int64_t sys_fchown(uint64_t descriptor);
int64_t sys_fchownat(uint64_t directory, va_t path, uint64_t user, uint64_t group, uint64_t flags);
int64_t sys_utimensat(uint64_t directory, va_t path, va_t times, uint64_t flags);
int64_t sys_umask(uint64_t mask);

/* linux/pipe.c */
int64_t sys_eventfd2(uint64_t count, uint64_t flags);
int64_t sys_pipe2(va_t descriptors, uint64_t flags);

/* linux/poll.c */
int64_t sys_ppoll(va_t files, uint64_t count, va_t timeout, va_t mask, uint64_t mask_bytes);
int64_t sys_pselect6(uint64_t count, va_t read, va_t write, va_t except, va_t timeout, va_t mask);

/* linux/lock.c */
int64_t sys_flock(uint64_t descriptor, uint64_t operation);

/* linux/mm.c */
int64_t sys_brk(va_t end);
int64_t sys_mmap(va_t address, uint64_t bytes, uint64_t protection, uint64_t flags, uint64_t descriptor,
                 uint64_t offset);
int64_t sys_munmap(va_t address, uint64_t bytes);
int64_t sys_mprotect(va_t address, uint64_t bytes, uint64_t protection);
int64_t sys_mremap(va_t old, uint64_t old_bytes, uint64_t new_bytes, uint64_t flags, va_t to);
int64_t sys_madvise(va_t address, uint64_t bytes, uint64_t advice);
int64_t sys_mincore(va_t address, uint64_t bytes, va_t vector);
int64_t sys_msync(va_t address, uint64_t bytes, uint64_t flags);
int64_t sys_mlock(va_t address, uint64_t bytes);
int64_t sys_mlock2(va_t address, uint64_t bytes, uint64_t flags);
int64_t sys_mlockall(uint64_t flags);
int64_t sys_munlockall(void);
int64_t sys_munlock(va_t address, uint64_t bytes);

/* linux/start.c */
int64_t sys_set_tid_address(va_t address);
int64_t sys_not_supported(void);
int64_t sys_socket(void);
int64_t sys_getrandom(va_t buffer, uint64_t bytes, uint64_t flags);
int64_t sys_uname(va_t name);
int64_t sys_getpid(void);
int64_t sys_getppid(void);
int64_t sys_gettid(void);
int64_t sys_getuid(void);
int64_t sys_geteuid(void);
int64_t sys_getgid(void);
int64_t sys_getegid(void);
int64_t sys_sched_yield(void);
int64_t sys_exit(uint64_t code);
int64_t sys_exit_group(uint64_t code);
int64_t sys_riscv_flush_icache(void);

/* linux/usage.c */
int64_t sys_sysinfo(va_t information);
int64_t sys_getrusage(uint64_t who, va_t usage);
int64_t sys_times(va_t times);

/* linux/time.c */
int64_t sys_clock_gettime(uint64_t clock, va_t time);
int64_t sys_clock_getres(uint64_t clock, va_t resolution);
int64_t sys_gettimeofday(va_t time, va_t zone);
int64_t sys_nanosleep(va_t request, va_t remaining);
int64_t sys_clock_nanosleep(uint64_t clock, uint64_t flags, va_t request, va_t remaining);

/* linux/clone.c, execve.c, wait.c */
int64_t sys_clone(uint64_t flags, va_t stack, va_t parent_tid, uint64_t tls, va_t child_tid);
int64_t sys_clone3(va_t arguments, uint64_t bytes);
int64_t sys_execve(va_t path, va_t arguments, va_t environment);
int64_t sys_wait4(uint64_t who, va_t status, uint64_t options, va_t usage);
int64_t sys_waitid(uint64_t type, uint64_t id, va_t information, uint64_t options, va_t usage);

/* linux/futex.c, robust.c */
int64_t sys_futex(va_t at, uint64_t operation, uint64_t value, uint64_t timeout, va_t other, uint64_t last);
int64_t sys_set_robust_list(va_t head, uint64_t bytes);
int64_t sys_get_robust_list(uint64_t thread, va_t head, va_t bytes);

/* linux/signal_calls.c, kill.c, sigframe.c */
int64_t sys_rt_sigaction(uint64_t signal, va_t new, va_t old, uint64_t mask_bytes);
int64_t sys_rt_sigprocmask(uint64_t how, va_t new, va_t old, uint64_t mask_bytes);
int64_t sys_rt_sigpending(va_t mask, uint64_t mask_bytes);
int64_t sys_rt_sigsuspend(va_t mask, uint64_t mask_bytes);
int64_t sys_rt_sigtimedwait(va_t set, va_t information, va_t timeout, uint64_t mask_bytes);
int64_t sys_kill(uint64_t to, uint64_t signal);
int64_t sys_tkill(uint64_t thread, uint64_t signal);
int64_t sys_tgkill(uint64_t process, uint64_t thread, uint64_t signal);
int64_t sys_rt_sigqueueinfo(uint64_t to, uint64_t signal, va_t information);
int64_t sys_rt_tgsigqueueinfo(uint64_t process, uint64_t thread, uint64_t signal, va_t information);
int64_t sys_sigaltstack(va_t new, va_t old);
int64_t sys_rt_sigreturn(void);

/* linux/timer.c */
int64_t sys_getitimer(uint64_t which, va_t value);
int64_t sys_setitimer(uint64_t which, va_t new, va_t old);
int64_t sys_timer_create(uint64_t clock, va_t event, va_t id);
int64_t sys_timer_settime(uint64_t id, uint64_t flags, va_t new, va_t old);
int64_t sys_timer_gettime(uint64_t id, va_t value);
int64_t sys_timer_getoverrun(uint64_t id);
int64_t sys_timer_delete(uint64_t id);

/* linux/job_control.c */
int64_t sys_setpgid(uint64_t process, uint64_t group);
int64_t sys_getpgid(uint64_t process);
int64_t sys_getsid(uint64_t process);
int64_t sys_setsid(void);

/* linux/schedule.c */
int64_t sys_sched_getaffinity(uint64_t thread, uint64_t bytes, va_t cpus);
int64_t sys_sched_setaffinity(uint64_t thread, uint64_t bytes, va_t cpus);
int64_t sys_sched_setscheduler(uint64_t thread, uint64_t policy, va_t parameter);
int64_t sys_sched_getscheduler(uint64_t thread);
int64_t sys_sched_setparam(uint64_t thread, va_t parameter);
int64_t sys_sched_getparam(uint64_t thread, va_t parameter);
int64_t sys_sched_get_priority_max(uint64_t policy);
int64_t sys_sched_get_priority_min(uint64_t policy);
int64_t sys_sched_rr_get_interval(uint64_t thread, va_t interval);
int64_t sys_getcpu(va_t cpu, va_t node);
int64_t sys_setpriority(uint64_t which, uint64_t who, uint64_t nice);
int64_t sys_getpriority(uint64_t which, uint64_t who);

/* linux/limit.c */
int64_t sys_prlimit64(uint64_t process, uint64_t resource, va_t new, va_t old);
int64_t sys_getrlimit(uint64_t resource, va_t limit);
int64_t sys_setrlimit(uint64_t resource, va_t limit);

/* linux/identity.c */
int64_t sys_setuid(uint64_t id);
int64_t sys_setgid(uint64_t id);
int64_t sys_setreuid(uint64_t real, uint64_t effective);
int64_t sys_setregid(uint64_t real, uint64_t effective);
int64_t sys_setresuid(uint64_t real, uint64_t effective, uint64_t saved);
int64_t sys_setresgid(uint64_t real, uint64_t effective, uint64_t saved);
int64_t sys_getresuid(va_t real, va_t effective, va_t saved);
int64_t sys_getresgid(va_t real, va_t effective, va_t saved);
int64_t sys_getgroups(uint64_t count);
int64_t sys_setgroups(uint64_t count);
int64_t sys_personality(uint64_t wanted);
int64_t sys_prctl(uint64_t option, uint64_t argument);

#endif
