/* Opening and closing, and what can be asked of a descriptor besides its bytes. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/path.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

static struct files *own_files(void)
{
    return process_current()->files;
}

/* The reference goes into the table, or is given up. */
static int64_t add_or_put(struct file *file, unsigned least, bool close_on_exec)
{
    int descriptor = files_add(own_files(), file, least, close_on_exec);

    if (descriptor < 0)
        file_put(file);
    return descriptor;
}

int64_t sys_openat(uint64_t directory, va_t path, uint64_t flags, uint64_t mode)
{
    struct path_argument argument;
    struct file *file;
    int error = path_get((int32_t)directory, path, &argument);

    if (error)
        return error;
    error = file_open(argument.at, argument.path, (uint32_t)flags & ~(uint32_t)LINUX_O_CLOEXEC, (uint32_t)mode, &file);
    path_release(&argument);
    return error ? error : add_or_put(file, 0, flags & LINUX_O_CLOEXEC);
}

int64_t sys_close(uint64_t descriptor)
{
    return files_close(own_files(), descriptor);
}

static int64_t duplicate(uint64_t descriptor, uint64_t least, bool close_on_exec)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    if (least >= FILES_MAX) {
        file_put(file);
        return -EINVAL;
    }
    return add_or_put(file, (unsigned)least, close_on_exec);
}

int64_t sys_dup(uint64_t descriptor)
{
    return duplicate(descriptor, 0, false);
}

int64_t sys_dup3(uint64_t old, uint64_t new, uint64_t flags)
{
    struct file *file;

    if ((uint32_t)old == (uint32_t) new || flags & ~(uint64_t)LINUX_O_CLOEXEC)
        return -EINVAL;
    file = files_get_file(old);
    if (!file)
        return -EBADF;
    int descriptor = files_replace(own_files(), (uint32_t) new, file, flags & LINUX_O_CLOEXEC);

    if (descriptor < 0)
        file_put(file);
    return descriptor;
}

static int64_t descriptor_flags(struct files *files, uint32_t descriptor, bool set, uint64_t flags)
{
    uint64_t bit = 1ull << descriptor;

    if (set)
        files->close_on_exec = (files->close_on_exec & ~bit) | (flags & LINUX_FD_CLOEXEC ? bit : 0);
    return set ? 0 : files->close_on_exec & bit ? LINUX_FD_CLOEXEC : 0;
}

static int64_t file_control(struct file *file, uint64_t command, uint64_t argument)
{
    switch (command) {
    case LINUX_F_GETFL:
        return file->flags;
    case LINUX_F_SETFL:
        file->flags = (file->flags & ~(uint32_t)LINUX_O_SETTABLE) | ((uint32_t)argument & LINUX_O_SETTABLE);
        return 0;
    default:
        return -EINVAL;
    }
}

int64_t sys_fcntl(uint64_t descriptor, uint64_t command, uint64_t argument)
{
    struct file *file;

    if (command == LINUX_F_DUPFD || command == LINUX_F_DUPFD_CLOEXEC)
        return duplicate(descriptor, argument, command == LINUX_F_DUPFD_CLOEXEC);
    file = files_get_file(descriptor);
    if (!file)
        return -EBADF;
    int64_t result = command == LINUX_F_GETFD || command == LINUX_F_SETFD
                         ? descriptor_flags(own_files(), (uint32_t)descriptor, command == LINUX_F_SETFD, argument)
                         : file_control(file, command, argument);

    file_put(file);
    return result;
}

int64_t sys_ioctl(uint64_t descriptor, uint64_t request, va_t argument)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t result = file->ops->control ? file->ops->control(file, (uint32_t)request, argument) : -ENOTTY;

    file_put(file);
    return result;
}

int64_t sys_fsync(uint64_t descriptor)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t result = file->ops->sync ? file->ops->sync(file) : -EINVAL;

    file_put(file);
    return result;
}

int64_t sys_ftruncate(uint64_t descriptor, uint64_t bytes)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    bool writable = (file->flags & LINUX_O_ACCMODE) != LINUX_O_RDONLY;
    int64_t result = writable && file->ops->resize && (int64_t)bytes >= 0 ? file->ops->resize(file, bytes) : -EINVAL;

    file_put(file);
    return result;
}

int64_t sys_getdents64(uint64_t descriptor, va_t buffer, uint64_t bytes)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    struct span to = { task_current()->space, buffer, (uint32_t)bytes };
    int64_t result = file->ops->list ? file->ops->list(file, to) : -ENOTDIR;

    file_put(file);
    return result;
}
