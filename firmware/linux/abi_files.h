/*
 * The rest of abi.h, about files, locks, waiting for files, and terminals: numbers and structures of Linux 6.1's uapi
 * headers (asm-generic/fcntl.h, asm-generic/poll.h, asm-generic/statfs.h, asm-generic/termbits.h, asm-generic/ioctls.h,
 * linux/fcntl.h, linux/fs.h, linux/memfd.h, linux/stat.h, linux/magic.h).
 */
#ifndef FIRMWARE_LINUX_ABI_FILES_H
#define FIRMWARE_LINUX_ABI_FILES_H

#include <stdint.h>

#include "firmware/linux/abi.h"

/* ---- Opening ---- */

#define LINUX_O_NOCTTY   00000400
#define LINUX_O_DSYNC    00010000
#define LINUX_O_NOFOLLOW 00400000
#define LINUX_O_SYNC     04010000
#define LINUX_O_PATH     010000000
#define LINUX_O_TMPFILE  020200000
/* What is done once, at opening, and not kept. */
#define LINUX_O_OPENING                                                                                    \
    (LINUX_O_CREAT | LINUX_O_EXCL | LINUX_O_NOCTTY | LINUX_O_TRUNC | LINUX_O_CLOEXEC | LINUX_O_DIRECTORY | \
     LINUX_O_NOFOLLOW)

#define LINUX_AT_EACCESS         0x200
#define LINUX_AT_SYMLINK_FOLLOW  0x400
#define LINUX_AT_NO_AUTOMOUNT    0x800
#define LINUX_AT_STATX_SYNC_TYPE 0x6000
#define LINUX_R_OK               4
#define LINUX_W_OK               2
#define LINUX_X_OK               1

#define LINUX_S_IFLNK       0120000
#define LINUX_S_IFSOCK      0140000
#define LINUX_S_PERMISSIONS 07777u
#define LINUX_STAT_BLOCK    512 /* what st_blocks counts */
#define LINUX_DT_SHIFT      12  /* of a mode, to the type of a directory's entry */

#define LINUX_RENAME_NOREPLACE 1u
#define LINUX_RENAME_EXCHANGE  2u
#define LINUX_RENAME_WHITEOUT  4u

#define LINUX_SEEK_DATA 3
#define LINUX_SEEK_HOLE 4

#define LINUX_UTIME_NOW  0x3fffffff
#define LINUX_UTIME_OMIT 0x3ffffffe

#define LINUX_MFD_CLOEXEC       1u
#define LINUX_MFD_ALLOW_SEALING 2u

#define LINUX_FALLOC_FL_KEEP_SIZE 1u

struct linux_statfs {
    int64_t type, bsize;
    uint64_t blocks, bfree, bavail, files, ffree;
    int32_t fsid[2];
    int64_t namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct linux_statfs) == 120, "struct statfs");
#define LINUX_TMPFS_MAGIC 0x01021994
#define LINUX_PROC_MAGIC  0x9fa0
#define LINUX_JFFS2_MAGIC 0x72b6 /* the nearest relative of our log */

/* ---- fcntl and flock ---- */

#define LINUX_F_GETLK             5
#define LINUX_F_SETLK             6
#define LINUX_F_SETLKW            7
#define LINUX_F_SETOWN            8
#define LINUX_F_GETOWN            9
#define LINUX_F_OFD_GETLK         36
#define LINUX_F_OFD_SETLK         37
#define LINUX_F_OFD_SETLKW        38
#define LINUX_CLOSE_RANGE_CLOEXEC 4u
#define LINUX_F_SETPIPE_SZ        1031
#define LINUX_F_GETPIPE_SZ        1032

#define LINUX_F_RDLCK 0
#define LINUX_F_WRLCK 1
#define LINUX_F_UNLCK 2
struct linux_flock {
    int16_t type, whence;
    int32_t pad;
    int64_t start, bytes; /* bytes 0: to the end of all files */
    int32_t pid, pad2;
};
_Static_assert(sizeof(struct linux_flock) == 32, "struct flock");

#define LINUX_LOCK_SH 1u
#define LINUX_LOCK_EX 2u
#define LINUX_LOCK_NB 4u
#define LINUX_LOCK_UN 8u

/* ---- Waiting ---- */

#define LINUX_POLLPRI    0x002
#define LINUX_POLLRDNORM 0x040
#define LINUX_POLLWRNORM 0x100
struct linux_pollfd {
    int32_t descriptor;
    uint16_t events, revents;
};
#define LINUX_FD_SETSIZE 1024u

#define LINUX_PIPE_BUF 4096u

/* ---- Terminals ---- */

#define LINUX_TCSBRK     0x5409
#define LINUX_TCXONC     0x540a
#define LINUX_TCFLSH     0x540b
#define LINUX_TIOCSCTTY  0x540e
#define LINUX_TIOCOUTQ   0x5411
#define LINUX_TIOCSWINSZ 0x5414
#define LINUX_FIONBIO    0x5421
#define LINUX_TIOCNOTTY  0x5422
#define LINUX_TCSBRKP    0x5425
#define LINUX_TIOCGSID   0x5429
#define LINUX_FIONCLEX   0x5450
#define LINUX_FIOCLEX    0x5451

#define LINUX_TCIFLUSH 0

/* c_iflag */
#define LINUX_INLCR 0000100u
#define LINUX_IGNCR 0000200u
#define LINUX_ICRNL 0000400u
#define LINUX_IUTF8 0040000u
/* c_oflag */
#define LINUX_OPOST 0000001u
#define LINUX_ONLCR 0000004u
/* c_cflag */
#define LINUX_B115200 0010002u
#define LINUX_CS8     0000060u
#define LINUX_CREAD   0000200u
#define LINUX_HUPCL   0002000u
/* c_lflag */
#define LINUX_ISIG    0000001u
#define LINUX_ICANON  0000002u
#define LINUX_ECHO    0000010u
#define LINUX_ECHOE   0000020u
#define LINUX_ECHOK   0000040u
#define LINUX_ECHONL  0000100u
#define LINUX_NOFLSH  0000200u
#define LINUX_TOSTOP  0000400u
#define LINUX_ECHOCTL 0001000u
#define LINUX_ECHOKE  0004000u
#define LINUX_IEXTEN  0100000u
/* c_cc */
enum {
    LINUX_VINTR,
    LINUX_VQUIT,
    LINUX_VERASE,
    LINUX_VKILL,
    LINUX_VEOF,
    LINUX_VTIME,
    LINUX_VMIN,
    LINUX_VSWTC,
    LINUX_VSTART,
    LINUX_VSTOP,
    LINUX_VSUSP,
    LINUX_VEOL,
    LINUX_VREPRINT,
    LINUX_VDISCARD,
    LINUX_VWERASE,
    LINUX_VLNEXT,
    LINUX_VEOL2,
};

/* linux/eventfd.h */
#define LINUX_EFD_SEMAPHORE 1

#endif
