/*
 * The system calls that there are. Arguments as Linux's manual has them, each as the 64-bit register it comes in: a
 * function narrows what Linux takes for an int itself. Errors are those of the manual.
 */
#ifndef FIRMWARE_LINUX_CALLS_H
#define FIRMWARE_LINUX_CALLS_H

#include <stdint.h>

#include "hal/cpu.h"

/* linux/transfer.c */
int64_t sys_read(uint64_t descriptor, va_t buffer, uint64_t bytes);
int64_t sys_write(uint64_t descriptor, va_t buffer, uint64_t bytes);
int64_t sys_readv(uint64_t descriptor, va_t vector, uint64_t count);
int64_t sys_writev(uint64_t descriptor, va_t vector, uint64_t count);
int64_t sys_pread64(uint64_t descriptor, va_t buffer, uint64_t bytes, uint64_t offset);
int64_t sys_pwrite64(uint64_t descriptor, va_t buffer, uint64_t bytes, uint64_t offset);
int64_t sys_lseek(uint64_t descriptor, uint64_t offset, uint64_t whence);
int64_t sys_sendfile(uint64_t to, uint64_t from, va_t offset, uint64_t bytes);

/* linux/descriptor.c */
int64_t sys_openat(uint64_t directory, va_t path, uint64_t flags, uint64_t mode);
int64_t sys_close(uint64_t descriptor);
int64_t sys_dup(uint64_t descriptor);
int64_t sys_dup3(uint64_t old, uint64_t new, uint64_t flags);
int64_t sys_fcntl(uint64_t descriptor, uint64_t command, uint64_t argument);
int64_t sys_ioctl(uint64_t descriptor, uint64_t request, va_t argument);
int64_t sys_fsync(uint64_t descriptor);
int64_t sys_ftruncate(uint64_t descriptor, uint64_t bytes);
int64_t sys_getdents64(uint64_t descriptor, va_t buffer, uint64_t bytes);

/* linux/status.c */
int64_t sys_fstat(uint64_t descriptor, va_t status);
int64_t sys_newfstatat(uint64_t directory, va_t path, va_t status, uint64_t flags);
int64_t sys_statx(uint64_t directory, va_t path, uint64_t flags, uint64_t mask, va_t status);
int64_t sys_faccessat(uint64_t directory, va_t path, uint64_t mode);
int64_t sys_readlinkat(uint64_t directory, va_t path, va_t buffer, uint64_t bytes);
int64_t sys_getcwd(va_t buffer, uint64_t bytes);
int64_t sys_chdir(va_t path);

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
int64_t sys_munlock(va_t address, uint64_t bytes);

/* linux/start.c */
int64_t sys_set_tid_address(va_t address);
int64_t sys_set_robust_list(va_t head, uint64_t bytes);
int64_t sys_not_supported(void);
int64_t sys_prlimit64(uint64_t process, uint64_t resource, va_t new, va_t old);
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

#endif
