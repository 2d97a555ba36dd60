/* Opening and making files. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/object_file.h"
#include "firmware/linux/path.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

#define MEMFD_NAME_MAX 249u

static bool has_all(uint32_t flags, uint32_t wanted)
{
    return (flags & wanted) == wanted;
}

uint32_t file_new_mode(uint32_t mode)
{
    const struct process *process = process_current();

    /* Kernel threads have no mask. */
    return mode & LINUX_S_PERMISSIONS & ~(process ? (uint32_t)process->umask : 0);
}

/* A program that runs is not changed under its feet. */
static bool is_running(inode_t inode)
{
    LIST_EACH(link, process_list())
    {
        const struct process *process = LIST_ENTRY(link, struct process, all);

        if (process->program == inode && process->space)
            return true;
    }
    return false;
}

static int open_existing(inode_t inode, uint32_t flags, struct file **file)
{
    bool writes = (flags & LINUX_O_ACCMODE) != LINUX_O_RDONLY;
    int error = writes && is_running(inode) ? -ETXTBSY : inode_open(inode, flags, file);

    if (error || !writes || !(flags & LINUX_O_TRUNC) || !(*file)->ops->object)
        return error;
    error = (int)file_resize(*file, 0, false);
    if (error)
        file_put(*file);
    return error;
}

static int open_new(struct path_end *end, uint32_t flags, uint32_t mode, struct file **file)
{
    if (end->must_be_directory)
        return -EISDIR;
    int error = inode_make(end->directory, end->name, LINUX_S_IFREG | file_new_mode(mode), &end->inode);

    if (!error)
        error = inode_open(end->inode, flags, file);
    if (!error)
        object_file_created(*file);
    return error;
}

/* `*found`: what it was, if the name was there or was made. */
static int open_once(inode_t at, const char *path, uint32_t flags, uint32_t mode, inode_t *found, struct file **file)
{
    bool exclusive = has_all(flags, LINUX_O_CREAT | LINUX_O_EXCL);
    struct path_end end = { 0 };
    enum path_last last = exclusive || flags & LINUX_O_NOFOLLOW ? LAST_LINK : LAST_FOLLOWED;
    int error = path_walk(at, path, last, &end);

    if (!error && end.inode)
        error = exclusive ? -EEXIST : open_existing(end.inode, flags, file);
    else if (!error)
        error = flags & LINUX_O_CREAT ? open_new(&end, flags, mode, file) : -ENOENT;
    *found = end.inode;
    return error;
}

int file_open(inode_t at, const char *path, uint32_t flags, uint32_t mode, struct file **file)
{
    inode_t found = 0, before;
    int error;

    if (has_all(flags, LINUX_O_TMPFILE))
        return -EOPNOTSUPP;
    /* Making and opening sleep: others may have made it meanwhile, or taken it away, or put another in its place. */
    do {
        before = found;
        error = open_once(at, path, flags, mode, &found, file);
    } while ((error == -EEXIST && !(flags & LINUX_O_EXCL)) || (error == -ENOENT && found != before));
    if (!error)
        (*file)->flags &= ~(uint32_t)LINUX_O_OPENING;
    return error;
}

int64_t sys_openat(uint64_t directory, va_t path, uint64_t flags, uint64_t mode)
{
    struct path_argument argument;
    struct file *file;
    int error = path_get((int32_t)directory, path, &argument);

    if (error)
        return error;
    error = file_open(argument.at, argument.path, (uint32_t)flags, (uint32_t)mode, &file);
    path_release(&argument);
    return error ? error : files_add_or_put(file, 0, flags & LINUX_O_CLOEXEC);
}

/* The name is for people who look at /proc, and is not kept. */
int64_t sys_memfd_create(va_t name, uint64_t flags)
{
    char text[MEMFD_NAME_MAX + 1];
    struct object *object;
    struct file *file;
    int64_t error = user_read_string(text, name, sizeof(text));

    if (error < 0)
        return error == -ENAMETOOLONG ? -EINVAL : error;
    if (flags & ~(uint64_t)(LINUX_MFD_CLOEXEC | LINUX_MFD_ALLOW_SEALING))
        return -EINVAL;
    error = MM_RETRY(object_make(0, &object));
    if (!error)
        error = object_file(object, 0, LINUX_O_RDWR, &file);
    return error ? error : files_add_or_put(file, 0, flags & LINUX_MFD_CLOEXEC);
}
