/* What files are, and where. */
#include <errno.h>
#include <string.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/node_file.h"
#include "firmware/linux/path.h"
#include "firmware/linux/special.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

static void status_init(struct linux_stat *status)
{
    *status = (struct linux_stat){ .st_nlink = 1, .st_blksize = PAGE_BYTES };
}

static int status_of_descriptor(uint64_t descriptor, struct linux_stat *status)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int error = file->ops->status(file, status);

    file_put(file);
    return error;
}

static int status_of_path(const struct path_argument *argument, struct linux_stat *status)
{
    struct file *special;
    uint32_t node;
    int error = special_open(argument->path, LINUX_O_RDONLY, &special);

    if (error == 0) {
        error = special->ops->status(special, status);
        file_put(special);
    }
    if (error != -ENOENT)
        return error;
    error = path_find(argument->at, argument->path, &node);
    return error ? error : node_status(node, status);
}

/* By path; with AT_EMPTY_PATH and no path, by descriptor. */
static int status_at(uint64_t directory, va_t path, uint64_t flags, struct linux_stat *status)
{
    struct path_argument argument;
    char first = 0;

    status_init(status);
    if (flags & LINUX_AT_EMPTY_PATH && (!path || (user_read(&first, path, 1) == 0 && !first)))
        return status_of_descriptor(directory, status);
    int error = path_get((int32_t)directory, path, &argument);

    if (error)
        return error;
    error = status_of_path(&argument, status);
    path_release(&argument);
    return error;
}

int64_t sys_fstat(uint64_t descriptor, va_t out)
{
    struct linux_stat status;

    status_init(&status);
    int error = status_of_descriptor(descriptor, &status);

    return error ? error : user_write(out, &status, sizeof(status));
}

int64_t sys_newfstatat(uint64_t directory, va_t path, va_t out, uint64_t flags)
{
    struct linux_stat status;
    int error = status_at(directory, path, flags, &status);

    return error ? error : user_write(out, &status, sizeof(status));
}

int64_t sys_statx(uint64_t directory, va_t path, uint64_t flags, uint64_t mask, va_t out)
{
    struct linux_stat status;
    int error = status_at(directory, path, flags, &status);

    (void)mask; /* all of the basic fields are told always, as Linux may */
    if (error)
        return error;
    struct linux_statx statx = {
        .mask = LINUX_STATX_BASIC_STATS,
        .blksize = (uint32_t)status.st_blksize,
        .nlink = status.st_nlink,
        .uid = status.st_uid,
        .gid = status.st_gid,
        .mode = (uint16_t)status.st_mode,
        .ino = status.st_ino,
        .size = (uint64_t)status.st_size,
        .blocks = (uint64_t)status.st_blocks,
        .atime.s = status.st_atime_s,
        .ctime.s = status.st_ctime_s,
        .mtime.s = status.st_mtime_s,
        .rdev_major = (uint32_t)status.st_rdev >> 8,
        .rdev_minor = (uint32_t)status.st_rdev & 0xff,
        .dev_major = (uint32_t)status.st_dev >> 8,
        .dev_minor = (uint32_t)status.st_dev & 0xff,
    };

    return user_write(out, &statx, sizeof(statx));
}

/* There are no permissions: what exists may be read, written and executed. */
int64_t sys_faccessat(uint64_t directory, va_t path, uint64_t mode)
{
    struct linux_stat status;

    (void)mode;
    return status_at(directory, path, 0, &status);
}

/* A path on loan from the frame pool, for the answers below. */
static int64_t tell_path(uint32_t node, va_t buffer, uint64_t room, bool terminated)
{
    pa_t frame;
    int64_t bytes = MM_RETRY(mm_frame_get(&frame));

    if (bytes)
        return bytes;
    bytes = path_of_node(node, cpu_direct(frame), LINUX_PATH_MAX);
    if (bytes > 0 && !terminated) {
        bytes--;
        bytes = (uint64_t)bytes < room ? bytes : (int64_t)room;
    }
    if (bytes > (int64_t)room)
        bytes = -ERANGE;
    if (bytes > 0 && user_write(buffer, cpu_direct(frame), (uint64_t)bytes))
        bytes = -EFAULT;
    mm_frame_put(frame);
    return bytes;
}

/* The one symbolic link there is: /proc/self/exe. */
int64_t sys_readlinkat(uint64_t directory, va_t path, va_t buffer, uint64_t bytes)
{
    struct path_argument argument;
    uint32_t node;
    int error = path_get((int32_t)directory, path, &argument);

    if (error)
        return error;
    bool own_program = !strcmp(argument.path, "/proc/self/exe");

    if (!own_program)
        error = path_find(argument.at, argument.path, &node);
    path_release(&argument);
    if (!own_program)
        return error ? error : -EINVAL;
    return (int64_t)bytes > 0 ? tell_path(process_current()->program, buffer, bytes & INT32_MAX, false) : -EINVAL;
}

int64_t sys_getcwd(va_t buffer, uint64_t bytes)
{
    return tell_path(process_current()->directory, buffer, bytes & INT32_MAX, true);
}

int64_t sys_chdir(va_t path)
{
    struct path_argument argument;
    struct linux_stat status;
    uint32_t node;
    int error = path_get(LINUX_AT_FDCWD, path, &argument);

    if (error)
        return error;
    error = path_find(argument.at, argument.path, &node);
    path_release(&argument);
    if (!error)
        error = node_status(node, &status);
    if (error)
        return error;
    if ((status.st_mode & LINUX_S_IFMT) != LINUX_S_IFDIR)
        return -ENOTDIR;
    process_current()->directory = node;
    return 0;
}
