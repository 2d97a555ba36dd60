/* What files are, and where. */
#include <errno.h>
#include <string.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/path.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

static int status_of_descriptor(uint64_t descriptor, struct linux_stat *status)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    *status = (struct linux_stat){ .st_nlink = 1, .st_blksize = PAGE_BYTES };
    int error = file->ops->status(file, status);

    file_put(file);
    return error;
}

/* By path; with AT_EMPTY_PATH and no path, by descriptor. */
static int status_at(uint64_t directory, va_t path, uint64_t flags, struct linux_stat *status)
{
    struct path_end end;
    char first = 0;

    if (flags & LINUX_AT_EMPTY_PATH && (!path || (user_read(&first, path, 1) == 0 && !first)))
        return status_of_descriptor(directory, status);
    int error = path_walk_argument((int32_t)directory, path,
                                   flags & LINUX_AT_SYMLINK_NOFOLLOW ? LAST_LINK : LAST_FOLLOWED, &end);

    if (error)
        return error;
    return end.inode ? inode_status(end.inode, status) : -ENOENT;
}

int64_t sys_fstat(uint64_t descriptor, va_t out)
{
    struct linux_stat status;
    int error = status_of_descriptor(descriptor, &status);

    return error ? error : user_write(out, &status, sizeof(status));
}

int64_t sys_newfstatat(uint64_t directory, va_t path, va_t out, uint64_t flags)
{
    struct linux_stat status;

    if (flags & ~(uint64_t)(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH | LINUX_AT_NO_AUTOMOUNT))
        return -EINVAL;
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

/* Root may read and write everything, and execute what anybody may execute. */
static int64_t access_at(uint64_t directory, va_t path, uint64_t mode, uint64_t flags)
{
    struct linux_stat status;

    if (mode & ~(uint64_t)(LINUX_R_OK | LINUX_W_OK | LINUX_X_OK))
        return -EINVAL;
    int error = status_at(directory, path, flags, &status);

    if (error)
        return error;
    return mode & LINUX_X_OK && (status.st_mode & LINUX_S_IFMT) != LINUX_S_IFDIR && !(status.st_mode & 0111) ? -EACCES
                                                                                                             : 0;
}

int64_t sys_faccessat(uint64_t directory, va_t path, uint64_t mode)
{
    return access_at(directory, path, (uint32_t)mode, 0);
}

int64_t sys_faccessat2(uint64_t directory, va_t path, uint64_t mode, uint64_t flags)
{
    if (flags & ~(uint64_t)(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH | LINUX_AT_EACCESS))
        return -EINVAL;
    return access_at(directory, path, (uint32_t)mode, flags);
}

/* ---- Paths as answers ---- */

/* A page on loan for text: fill() puts in at most LINUX_PATH_MAX bytes. */
static int64_t tell_text(int64_t (*fill)(inode_t inode, char *text, uint32_t room), inode_t inode, va_t buffer,
                         uint64_t room, bool cut)
{
    pa_t frame;
    int64_t bytes = MM_RETRY(mm_frame_get(&frame));

    if (bytes)
        return bytes;
    bytes = fill(inode, cpu_direct(frame), LINUX_PATH_MAX);
    if (bytes > 0 && (uint64_t)bytes > room)
        bytes = cut ? (int64_t)room : -ERANGE;
    if (bytes > 0 && user_write(buffer, cpu_direct(frame), (uint64_t)bytes))
        bytes = -EFAULT;
    mm_frame_put(frame);
    return bytes;
}

static int64_t fill_path(inode_t inode, char *text, uint32_t room)
{
    return path_of_inode(inode, text, room);
}

int64_t sys_readlinkat(uint64_t directory, va_t path, va_t buffer, uint64_t bytes)
{
    struct path_end end;

    if ((int32_t)bytes <= 0)
        return -EINVAL;
    int error = path_walk_argument((int32_t)directory, path, LAST_LINK, &end);

    if (error)
        return error;
    return end.inode ? tell_text(inode_read_link, end.inode, buffer, (uint32_t)bytes, true) : -ENOENT;
}

int64_t sys_getcwd(va_t buffer, uint64_t bytes)
{
    return tell_text(fill_path, process_current()->directory, buffer, bytes, false);
}

static int change_directory(inode_t inode)
{
    if (!inode_is_directory(inode))
        return -ENOTDIR;
    process_current()->directory = inode;
    return 0;
}

int64_t sys_chdir(va_t path)
{
    struct path_end end;
    int error = path_walk_argument(LINUX_AT_FDCWD, path, LAST_FOLLOWED, &end);

    if (error)
        return error;
    return end.inode ? change_directory(end.inode) : -ENOENT;
}

int64_t sys_fchdir(uint64_t descriptor)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int error = file->ops->list ? change_directory(file->inode) : -ENOTDIR;

    file_put(file);
    return error;
}

/* ---- File systems ---- */

static struct linux_statfs statfs_of(inode_t inode)
{
    static const uint32_t types[TREE_KINDS] = { LINUX_JFFS2_MAGIC, LINUX_TMPFS_MAGIC, LINUX_TMPFS_MAGIC,
                                                LINUX_PROC_MAGIC };
    struct linux_statfs out = {
        .type = types[inode_kind(inode)], .bsize = PAGE_BYTES, .frsize = PAGE_BYTES, .namelen = TREE_NAME_MAX
    };
    struct mm_statistics mm;

    mm_statistics(&mm);
    out.fsid[0] = (int32_t)inode_kind(inode) + 1;
    if (inode_kind(inode) > TREE_MEMORY)
        return out;
    out.blocks = mm.promise_limit_pages;
    out.bfree = out.bavail = mm.promise_limit_pages > mm.promised_pages ? mm.promise_limit_pages - mm.promised_pages
                                                                        : 0;
    out.files = out.ffree = 2048;
    return out;
}

int64_t sys_statfs(va_t path, va_t out)
{
    struct path_end end;
    int error = path_walk_argument(LINUX_AT_FDCWD, path, LAST_FOLLOWED, &end);

    if (error)
        return error;
    if (!end.inode)
        return -ENOENT;
    struct linux_statfs statfs = statfs_of(end.inode);

    return user_write(out, &statfs, sizeof(statfs));
}

int64_t sys_fstatfs(uint64_t descriptor, va_t out)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    struct linux_statfs statfs = statfs_of(file->inode ? file->inode : INODE(TREE_MEMORY, 1));

    file_put(file);
    return user_write(out, &statfs, sizeof(statfs));
}
