/* Changing the tree: making, removing and renaming, and what is told about files beside their bytes. */
#include <errno.h>
#include <string.h>

#include "firmware/clock.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/path.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

/* ---- Making ---- */

/* Where something new is to be: the name is not there yet. */
static int walk_to_new(uint64_t directory, va_t path, struct path_end *end)
{
    int error = path_walk_argument((int32_t)directory, path, LAST_NAME, end);

    return error ? error : end->inode ? -EEXIST : 0;
}

int64_t sys_mkdirat(uint64_t directory, va_t path, uint64_t mode)
{
    struct path_end end;
    inode_t inode;
    int error = walk_to_new(directory, path, &end);

    return error ? error : inode_make(end.directory, end.name, LINUX_S_IFDIR | file_new_mode((uint32_t)mode), &inode);
}

/* Files only: there are no device nodes, and no pipes with a name. */
int64_t sys_mknodat(uint64_t directory, va_t path, uint64_t mode, uint64_t device)
{
    struct path_end end;
    inode_t inode;
    int error = walk_to_new(directory, path, &end);

    (void)device;
    if (error)
        return error;
    if (mode & LINUX_S_IFMT && (mode & LINUX_S_IFMT) != LINUX_S_IFREG)
        return -EPERM;
    return end.must_be_directory
               ? -ENOENT
               : inode_make(end.directory, end.name, LINUX_S_IFREG | file_new_mode((uint32_t)mode), &inode);
}

static int make_link(const char *text, const struct path_end *end)
{
    inode_t inode;
    int error = end->must_be_directory ? -ENOENT : inode_make(end->directory, end->name, LINUX_S_IFLNK | 0777, &inode);

    if (error)
        return error;
    error = inode_write_link(inode, text);
    if (error)
        (void)!inode_remove(inode);
    return error;
}

int64_t sys_symlinkat(va_t text, uint64_t directory, va_t path)
{
    struct path_argument argument;
    struct path_end end;
    int error = path_get(LINUX_AT_FDCWD, text, &argument);

    if (error)
        return error;
    error = argument.path[0] ? walk_to_new(directory, path, &end) : -ENOENT;
    if (!error)
        error = make_link(argument.path, &end);
    path_release(&argument);
    return error;
}

/* A file has one name. */
int64_t sys_linkat(uint64_t old_directory, va_t old_path, uint64_t directory, va_t path, uint64_t flags)
{
    struct path_end old, end;
    int error = path_walk_argument((int32_t)old_directory, old_path,
                                   flags & LINUX_AT_SYMLINK_FOLLOW ? LAST_FOLLOWED : LAST_LINK, &old);

    if (!error && !old.inode)
        error = -ENOENT;
    if (!error)
        error = walk_to_new(directory, path, &end);
    return error ? error : -EPERM;
}

/* ---- Removing and renaming ---- */

static int remove_directory(const struct path_end *end, const char *last)
{
    if (!inode_is_directory(end->inode))
        return -ENOTDIR;
    if (end->name[0])
        return inode_remove(end->inode);
    return end->inode == INODE_ROOT ? -EBUSY : *last == '.' && !last[1] ? -EINVAL : -ENOTEMPTY;
}

static int remove_file(const struct path_end *end)
{
    if (!end->name[0] || inode_is_directory(end->inode))
        return -EISDIR;
    return end->must_be_directory ? -ENOTDIR : inode_remove(end->inode);
}

/* The last name of a path, for those that mean a directory by "." or "..". */
static const char *last_name(char *path)
{
    size_t length = strlen(path);

    while (length && path[length - 1] == '/')
        path[--length] = 0;
    char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Removing sleeps: what another has put in its place meanwhile goes instead. */
static int remove_walked(struct path_argument *argument, bool directory)
{
    struct path_end end = { 0 };
    inode_t before;
    int error;

    do {
        before = end.inode;
        end.inode = 0;
        error = path_walk(argument->at, argument->path, LAST_NAME, &end);
        if (!error && !end.inode)
            error = -ENOENT;
        if (!error)
            error = directory ? remove_directory(&end, last_name(argument->path)) : remove_file(&end);
    } while (error == -ENOENT && end.inode != before);
    return error;
}

int64_t sys_unlinkat(uint64_t directory, va_t path, uint64_t flags)
{
    struct path_argument argument;

    if (flags & ~(uint64_t)LINUX_AT_REMOVEDIR)
        return -EINVAL;
    int error = path_get((int32_t)directory, path, &argument);

    if (error)
        return error;
    error = remove_walked(&argument, flags & LINUX_AT_REMOVEDIR);
    path_release(&argument);
    return error;
}

/* What is in the way goes, if it is of the same sort. */
static int check_target(inode_t from, inode_t to)
{
    bool directory = inode_is_directory(from);

    if (!to || inode_is_directory(to) == directory)
        return 0;
    return directory ? -ENOTDIR : -EISDIR;
}

/* -EINVAL: `directory` is `inode` or below it. */
static int check_outside(inode_t inode, inode_t directory)
{
    char name[TREE_NAME_MAX + 1];

    while (directory != inode) {
        if (inode_is_mount(directory))
            return 0;
        int error = inode_place(directory, &directory, name);

        if (error)
            return error;
    }
    return -EINVAL;
}

static int rename_checked(const struct path_end *from, const struct path_end *to, uint32_t flags)
{
    if (!from->name[0] || !to->name[0])
        return -EBUSY;
    if (!from->inode)
        return -ENOENT;
    if ((from->must_be_directory || to->must_be_directory) && !inode_is_directory(from->inode))
        return -ENOTDIR;
    if (to->inode && flags & LINUX_RENAME_NOREPLACE)
        return -EEXIST;
    if (from->inode == to->inode)
        return 0;
    int error = check_outside(from->inode, to->directory);

    if (!error)
        error = check_target(from->inode, to->inode);
    return error ? error : inode_rename(from->inode, to->directory, to->name, to->inode);
}

/* Renaming sleeps. What others have made or taken away meanwhile is looked up again, until that finds what it did before. */
static int rename_walked(const struct path_argument *old, const struct path_argument *new, uint32_t flags)
{
    struct path_end from = { 0 }, to = { 0 };
    inode_t from_before, to_before;
    bool again;
    int error;

    do {
        from_before = from.inode;
        to_before = to.inode;
        error = path_walk(old->at, old->path, LAST_NAME, &from);
        if (!error)
            error = path_walk(new->at, new->path, LAST_NAME, &to);
        if (!error)
            error = rename_checked(&from, &to, flags);
        again = error == -EEXIST ? !to.inode : error == -ENOENT && (from.inode != from_before || to.inode != to_before);
    } while (again && !(flags & LINUX_RENAME_NOREPLACE && error == -EEXIST));
    return error;
}

int64_t sys_renameat2(uint64_t old_directory, va_t old_path, uint64_t directory, va_t path, uint64_t flags)
{
    struct path_argument old, new;

    if (flags & ~(uint64_t)LINUX_RENAME_NOREPLACE)
        return -EINVAL;
    int error = path_get((int32_t)old_directory, old_path, &old);

    if (error)
        return error;
    error = path_get((int32_t)directory, path, &new);
    if (!error) {
        error = rename_walked(&old, &new, (uint32_t)flags);
        path_release(&new);
    }
    path_release(&old);
    return error;
}

/* ---- Descriptions ---- */

static int inode_of_descriptor(uint64_t descriptor, inode_t *inode)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    *inode = file->inode;
    file_put(file);
    return 0;
}

/* 0: a file without a place in the tree. */
static int inode_of_path(uint64_t directory, va_t path, uint64_t flags, inode_t *inode)
{
    struct path_end end = { 0 };
    char first = 0;

    if (flags & LINUX_AT_EMPTY_PATH && user_read(&first, path, 1) == 0 && !first)
        return inode_of_descriptor(directory, inode);
    int error = path_walk_argument((int32_t)directory, path,
                                   flags & LINUX_AT_SYMLINK_NOFOLLOW ? LAST_LINK : LAST_FOLLOWED, &end);

    *inode = end.inode;
    return error ? error : end.inode ? 0 : -ENOENT;
}

static int change_mode(inode_t inode, uint64_t mode)
{
    struct linux_stat status;
    int error = inode ? inode_status(inode, &status) : 0;

    return error || !inode ? error : inode_describe(inode, (uint32_t)mode & LINUX_S_PERMISSIONS, status.st_mtime_s);
}

int64_t sys_fchmod(uint64_t descriptor, uint64_t mode)
{
    inode_t inode;
    int error = inode_of_descriptor(descriptor, &inode);

    return error ? error : change_mode(inode, mode);
}

int64_t sys_fchmodat(uint64_t directory, va_t path, uint64_t mode)
{
    inode_t inode = 0, before;
    int error;

    /* Describing sleeps: what another has put in its place meanwhile is meant then, as in removing. */
    do {
        before = inode;
        error = inode_of_path(directory, path, 0, &inode);
        if (!error)
            error = change_mode(inode, mode);
    } while (error == -ENOENT && inode != before);
    return error;
}

/* Everything is root's, whatever is asked for. */
int64_t sys_fchown(uint64_t descriptor)
{
    inode_t inode;

    return inode_of_descriptor(descriptor, &inode);
}

int64_t sys_fchownat(uint64_t directory, va_t path, uint64_t user, uint64_t group, uint64_t flags)
{
    inode_t inode;

    (void)user, (void)group;
    return inode_of_path(directory, path, flags, &inode);
}

/* The one date that is kept is the last change's; of the two that are told it is the second. */
static int date_asked(va_t times, struct linux_timespec *date)
{
    struct linux_timespec both[2] = { { 0, LINUX_UTIME_NOW }, { 0, LINUX_UTIME_NOW } };

    if (times && user_read(both, times, sizeof(both)))
        return -EFAULT;
    for (unsigned i = 0; i < 2; i++)
        if (both[i].ns != LINUX_UTIME_NOW && both[i].ns != LINUX_UTIME_OMIT && (uint64_t)both[i].ns >= 1000000000u)
            return -EINVAL;
    *date = both[1];
    if (date->ns == LINUX_UTIME_NOW)
        date->s = clock_real_s();
    return 0;
}

static int change_date(inode_t inode, const struct linux_timespec *date)
{
    struct linux_stat status;
    int error = inode ? inode_status(inode, &status) : 0;

    return error || !inode || date->ns == LINUX_UTIME_OMIT ? error : inode_describe(inode, status.st_mode, date->s);
}

int64_t sys_utimensat(uint64_t directory, va_t path, va_t times, uint64_t flags)
{
    struct linux_timespec date;
    inode_t inode = 0, before;
    int error = date_asked(times, &date);

    if (error)
        return error;
    do {
        before = inode;
        error = path ? inode_of_path(directory, path, flags, &inode) : inode_of_descriptor(directory, &inode);
        if (!error)
            error = change_date(inode, &date);
    } while (error == -ENOENT && inode != before);
    return error;
}

int64_t sys_umask(uint64_t mask)
{
    struct process *process = process_current();
    uint32_t old = process->umask;

    process->umask = (uint16_t)(mask & 0777);
    return old;
}
