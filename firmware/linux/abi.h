/*
 * What a riscv64 Linux program and its kernel agree on: numbers and structures of Linux 6.1's uapi headers
 * (include/uapi/asm-generic, include/uapi/linux, arch/riscv/include/uapi/asm). Names are Linux's, with LINUX_ before
 * constants and linux_ before structures. Inside the firmware errors have the values of picolibc's errno.h, which are
 * Linux's up to 34; the way out of a system call translates the others (linux/syscall.c).
 */
#ifndef FIRMWARE_LINUX_ABI_H
#define FIRMWARE_LINUX_ABI_H

#include <errno.h>
#include <stdint.h>

/* ---- Files: asm-generic/fcntl.h, linux/fcntl.h ---- */

#define LINUX_O_ACCMODE   00000003
#define LINUX_O_RDONLY    00000000
#define LINUX_O_WRONLY    00000001
#define LINUX_O_RDWR      00000002
#define LINUX_O_CREAT     00000100
#define LINUX_O_EXCL      00000200
#define LINUX_O_TRUNC     00001000
#define LINUX_O_APPEND    00002000
#define LINUX_O_NONBLOCK  00004000
#define LINUX_O_DIRECTORY 00200000
#define LINUX_O_CLOEXEC   02000000
/* What F_SETFL may change. */
#define LINUX_O_SETTABLE (LINUX_O_APPEND | LINUX_O_NONBLOCK)

#define LINUX_AT_FDCWD            (-100)
#define LINUX_AT_SYMLINK_NOFOLLOW 0x100
#define LINUX_AT_REMOVEDIR        0x200
#define LINUX_AT_EMPTY_PATH       0x1000

#define LINUX_F_DUPFD         0
#define LINUX_F_GETFD         1
#define LINUX_F_SETFD         2
#define LINUX_F_GETFL         3
#define LINUX_F_SETFL         4
#define LINUX_F_DUPFD_CLOEXEC 1030
#define LINUX_FD_CLOEXEC      1

#define LINUX_SEEK_SET 0
#define LINUX_SEEK_CUR 1
#define LINUX_SEEK_END 2

#define LINUX_PATH_MAX 4096

/* linux/random.h */
#define LINUX_GRND_NONBLOCK 1u
#define LINUX_GRND_RANDOM   2u
#define LINUX_GRND_INSECURE 4u
#define LINUX_GRND_ALL      (LINUX_GRND_NONBLOCK | LINUX_GRND_RANDOM | LINUX_GRND_INSECURE)

/* linux/stat.h */
#define LINUX_S_IFMT  0170000
#define LINUX_S_IFIFO 0010000
#define LINUX_S_IFCHR 0020000
#define LINUX_S_IFDIR 0040000
#define LINUX_S_IFREG 0100000

/* asm-generic/stat.h */
struct linux_stat {
    uint64_t st_dev, st_ino;
    uint32_t st_mode, st_nlink, st_uid, st_gid;
    uint64_t st_rdev, pad1;
    int64_t st_size;
    int32_t st_blksize, pad2;
    int64_t st_blocks;
    int64_t st_atime_s;
    uint64_t st_atime_ns;
    int64_t st_mtime_s;
    uint64_t st_mtime_ns;
    int64_t st_ctime_s;
    uint64_t st_ctime_ns;
    uint32_t unused[2];
};
_Static_assert(sizeof(struct linux_stat) == 128, "struct stat");

/* linux/stat.h */
#define LINUX_STATX_BASIC_STATS 0x7ff
struct linux_statx_timestamp {
    int64_t s;
    uint32_t ns;
    int32_t reserved;
};
struct linux_statx {
    uint32_t mask, blksize;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, spare0;
    uint64_t ino, size, blocks, attributes_mask;
    struct linux_statx_timestamp atime, btime, ctime, mtime;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t mnt_id;
    uint64_t spare[13];
};
_Static_assert(sizeof(struct linux_statx) == 256, "struct statx");

/* linux/dirent.h; the name follows at offset 19 */
struct linux_dirent64 {
    uint64_t ino;
    int64_t next;
    uint16_t bytes;
    uint8_t type;
    char name[];
};
#define LINUX_DIRENT_NAME 19u
#define LINUX_DT_CHR      2
#define LINUX_DT_DIR      4
#define LINUX_DT_REG      8

struct linux_iovec {
    uint64_t base, bytes;
};
#define LINUX_IOV_MAX 1024

/* asm-generic/poll.h */
#define LINUX_POLLIN   0x001
#define LINUX_POLLOUT  0x004
#define LINUX_POLLERR  0x008
#define LINUX_POLLHUP  0x010
#define LINUX_POLLNVAL 0x020

/* asm-generic/ioctls.h, asm-generic/termbits.h */
#define LINUX_TCGETS        0x5401
#define LINUX_TCSETS        0x5402
#define LINUX_TCSETSW       0x5403
#define LINUX_TCSETSF       0x5404
#define LINUX_TIOCGPGRP     0x540f
#define LINUX_TIOCSPGRP     0x5410
#define LINUX_TIOCGWINSZ    0x5413
#define LINUX_FIONREAD      0x541b
#define LINUX_TERMIOS_BYTES 36u /* what the kernel writes: no padding */
struct linux_termios {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line, cc[19];
};
struct linux_winsize {
    uint16_t rows, columns, x_pixels, y_pixels;
};

/* ---- Memory: asm-generic/mman-common.h, asm-generic/mman.h, linux/mman.h ---- */

#define LINUX_PROT_READ  1
#define LINUX_PROT_WRITE 2
#define LINUX_PROT_EXEC  4

#define LINUX_MAP_SHARED          0x01
#define LINUX_MAP_PRIVATE         0x02
#define LINUX_MAP_SHARED_VALIDATE 0x03
#define LINUX_MAP_TYPE            0x0f
#define LINUX_MAP_FIXED           0x10
#define LINUX_MAP_ANONYMOUS       0x20
#define LINUX_MAP_GROWSDOWN       0x0100
#define LINUX_MAP_LOCKED          0x2000
#define LINUX_MAP_NORESERVE       0x4000
#define LINUX_MAP_POPULATE        0x8000
#define LINUX_MAP_STACK           0x20000
#define LINUX_MAP_FIXED_NOREPLACE 0x100000
#define LINUX_MAP_LEGACY          0x7c07f933 /* what MAP_SHARED_VALIDATE knows (linux/mman.h, LEGACY_MAP_MASK) */

#define LINUX_MREMAP_MAYMOVE 1
#define LINUX_MREMAP_FIXED   2

#define LINUX_MADV_NORMAL     0
#define LINUX_MADV_RANDOM     1
#define LINUX_MADV_SEQUENTIAL 2
#define LINUX_MADV_WILLNEED   3
#define LINUX_MADV_DONTNEED   4
#define LINUX_MADV_FREE       8
#define LINUX_MADV_DONTFORK   10
#define LINUX_MADV_DOFORK     11
#define LINUX_MADV_HUGEPAGE   14
#define LINUX_MADV_NOHUGEPAGE 15
#define LINUX_MADV_COLD       20
#define LINUX_MADV_PAGEOUT    21

#define LINUX_MLOCK_ONFAULT 1
#define LINUX_MCL_CURRENT   1
#define LINUX_MCL_FUTURE    2
#define LINUX_MCL_ONFAULT   4

#define LINUX_MS_ASYNC      1
#define LINUX_MS_INVALIDATE 2
#define LINUX_MS_SYNC       4

/* ---- Time: linux/time.h ---- */

#define LINUX_CLOCK_REALTIME           0
#define LINUX_CLOCK_MONOTONIC          1
#define LINUX_CLOCK_PROCESS_CPUTIME_ID 2
#define LINUX_CLOCK_THREAD_CPUTIME_ID  3
#define LINUX_CLOCK_MONOTONIC_RAW      4
#define LINUX_CLOCK_REALTIME_COARSE    5
#define LINUX_CLOCK_MONOTONIC_COARSE   6
#define LINUX_CLOCK_BOOTTIME           7
#define LINUX_TIMER_ABSTIME            1
/* What times() and AT_CLKTCK count in. */
#define LINUX_CLOCK_TICKS_HZ 100u

struct linux_timespec {
    int64_t s, ns;
};
struct linux_timeval {
    int64_t s, us;
};

/* ---- Processes ---- */

/* asm-generic/signal.h */
#define LINUX_SIGILL   4
#define LINUX_SIGTRAP  5
#define LINUX_SIGBUS   7
#define LINUX_SIGKILL  9
#define LINUX_SIGSEGV  11
#define LINUX_SIGCHLD  17
#define LINUX_SIGCONT  18
#define LINUX_SIGURG   23
#define LINUX_SIGWINCH 28

/* asm-generic/siginfo.h: si_code */
#define LINUX_ILL_ILLOPC  1
#define LINUX_TRAP_BRKPT  1
#define LINUX_BUS_ADRALN  1
#define LINUX_BUS_ADRERR  2
#define LINUX_BUS_OBJERR  3
#define LINUX_SEGV_MAPERR 1
#define LINUX_SEGV_ACCERR 2

/* What uname tells: the Linux whose system calls these are. C libraries refuse kernels that look too old. */
#define LINUX_RELEASE "6.1.0-vellum"

/* linux/utsname.h */
struct linux_utsname {
    char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};

/* linux/sysinfo.h */
struct linux_sysinfo {
    int64_t uptime;
    uint64_t loads[3];
    uint64_t totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    uint16_t procs, pad;
    uint64_t totalhigh, freehigh;
    uint32_t mem_unit;
};

/* linux/resource.h */
#define LINUX_RUSAGE_SELF     0
#define LINUX_RUSAGE_CHILDREN (-1)
#define LINUX_RUSAGE_THREAD   1
struct linux_rusage {
    struct linux_timeval utime, stime;
    int64_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv, nsignals, nvcsw,
        nivcsw;
};
struct linux_rlimit64 {
    uint64_t now, most;
};
struct linux_tms {
    int64_t utime, stime, cutime, cstime;
};

/* linux/auxvec.h, asm/auxvec.h */
enum {
    LINUX_AT_NULL = 0,
    LINUX_AT_PHDR = 3,
    LINUX_AT_PHENT = 4,
    LINUX_AT_PHNUM = 5,
    LINUX_AT_PAGESZ = 6,
    LINUX_AT_BASE = 7,
    LINUX_AT_FLAGS = 8,
    LINUX_AT_ENTRY = 9,
    LINUX_AT_UID = 11,
    LINUX_AT_EUID = 12,
    LINUX_AT_GID = 13,
    LINUX_AT_EGID = 14,
    LINUX_AT_HWCAP = 16,
    LINUX_AT_CLKTCK = 17,
    LINUX_AT_SECURE = 23,
    LINUX_AT_RANDOM = 25,
    LINUX_AT_EXECFN = 31,
};

#endif
