/* Descriptors: closing and duplicating them, and what can be asked of one besides its file's bytes. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/lock.h"
#include "firmware/linux/path.h"
#include "firmware/linux/pipe.h"
#include "firmware/linux/turn.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

static struct files *own_files(void)
{
    return process_current()->files;
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
    if (least >= files_limit()) {
        file_put(file);
        return -EINVAL;
    }
    return files_add_or_put(file, (unsigned)least, close_on_exec);
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

/* What a pipe holds cannot be changed, and nobody else's wish is refused that is not larger. */
static int64_t pipe_size(const struct file *file, uint64_t command, uint64_t bytes)
{
    if (!file_is_pipe(file))
        return -EBADF;
    return command == LINUX_F_SETPIPE_SZ && bytes > PIPE_BYTES ? -EPERM : (int64_t)PIPE_BYTES;
}

static int64_t file_control(struct file *file, uint32_t descriptor, uint64_t command, uint64_t argument)
{
    switch (command) {
    case LINUX_F_GETFL:
        return file->flags;
    case LINUX_F_SETFL:
        file->flags = (file->flags & ~(uint32_t)LINUX_O_SETTABLE) | ((uint32_t)argument & LINUX_O_SETTABLE);
        return 0;
    case LINUX_F_GETLK:
    case LINUX_F_SETLK:
    case LINUX_F_SETLKW:
    case LINUX_F_OFD_GETLK:
    case LINUX_F_OFD_SETLK:
    case LINUX_F_OFD_SETLKW:
        return lock_control(descriptor, file, command, argument);
    case LINUX_F_GETPIPE_SZ:
    case LINUX_F_SETPIPE_SZ:
        return pipe_size(file, command, (uint32_t)argument);
    case LINUX_F_GETOWN:
    case LINUX_F_SETOWN: /* there is no SIGIO */
        return 0;
    default:
        return -EINVAL;
    }
}

int64_t sys_fcntl(uint64_t descriptor, uint64_t command, uint64_t argument)
{
    struct file *file;

    command = (uint32_t)command;
    if (command == LINUX_F_DUPFD || command == LINUX_F_DUPFD_CLOEXEC)
        return duplicate(descriptor, (uint32_t)argument, command == LINUX_F_DUPFD_CLOEXEC);
    file = files_get_file(descriptor);
    if (!file)
        return -EBADF;
    int64_t result = command == LINUX_F_GETFD || command == LINUX_F_SETFD
                         ? descriptor_flags(own_files(), (uint32_t)descriptor, command == LINUX_F_SETFD, argument)
                         : file_control(file, (uint32_t)descriptor, command, argument);

    file_put(file);
    return result;
}

static int set_nonblocking(struct file *file, va_t argument)
{
    uint32_t on;

    if (user_read(&on, argument, sizeof(on)))
        return -EFAULT;
    file->flags = (file->flags & ~(uint32_t)LINUX_O_NONBLOCK) | (on ? LINUX_O_NONBLOCK : 0);
    return 0;
}

/* Those that every file understands, then its own. */
static int64_t control(struct file *file, uint64_t descriptor, uint32_t request, va_t argument)
{
    switch (request) {
    case LINUX_FIOCLEX:
    case LINUX_FIONCLEX:
        return descriptor_flags(own_files(), (uint32_t)descriptor, true,
                                request == LINUX_FIOCLEX ? LINUX_FD_CLOEXEC : 0);
    case LINUX_FIONBIO:
        return set_nonblocking(file, argument);
    default:
        return file->ops->control ? file->ops->control(file, request, argument) : -ENOTTY;
    }
}

int64_t sys_ioctl(uint64_t descriptor, uint64_t request, va_t argument)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t result = control(file, descriptor, (uint32_t)request, argument);

    file_put(file);
    return result;
}

int64_t sys_ftruncate(uint64_t descriptor, uint64_t bytes)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    bool writable = (file->flags & LINUX_O_ACCMODE) != LINUX_O_RDONLY;
    int64_t result = writable && (int64_t)bytes >= 0 ? file_resize(file, bytes, false) : -EINVAL;

    file_put(file);
    return result;
}

int64_t sys_truncate(va_t path, uint64_t bytes)
{
    struct path_argument argument;
    struct file *file;
    int error = path_get(LINUX_AT_FDCWD, path, &argument);

    if (error)
        return error;
    error = (int64_t)bytes < 0 ? -EINVAL : file_open(argument.at, argument.path, LINUX_O_WRONLY, 0, &file);
    path_release(&argument);
    if (error)
        return error;
    int64_t result = file_resize(file, bytes, false);

    file_put(file);
    return result;
}

static int64_t list_in_turn(struct file *file, va_t buffer, uint32_t bytes)
{
    struct turn turn;
    int64_t result = turn_take(&turn, file);

    if (result)
        return result;
    result = file->ops->list(file, (struct span){ task_current()->space, buffer, bytes });
    turn_end(&turn);
    return result;
}

int64_t sys_getdents64(uint64_t descriptor, va_t buffer, uint64_t bytes)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t result = file->ops->list ? list_in_turn(file, buffer, (uint32_t)bytes) : -ENOTDIR;

    file_put(file);
    return result;
}

int64_t sys_close_range(uint64_t first, uint64_t last, uint64_t flags)
{
    struct files *files = own_files();

    if ((uint32_t)first > (uint32_t)last || flags & ~(uint64_t)LINUX_CLOSE_RANGE_CLOEXEC)
        return -EINVAL;
    for (uint32_t i = (uint32_t)first; i <= (uint32_t)last && i < FILES_MAX; i++)
        if (flags && files->of[i])
            (void)descriptor_flags(files, i, true, LINUX_FD_CLOEXEC);
        else
            (void)files_close(files, i);
    return 0;
}
