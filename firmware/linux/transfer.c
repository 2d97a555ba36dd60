/* read, write and their relatives. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/usercopy.h"

/* As Linux: one call moves this much at the most, so that a length is never taken for an error. */
#define BYTES_MAX      0x7ffff000ull
#define SENDFILE_CHUNK 256u

typedef int64_t transfer(struct file *file, struct span span, uint64_t offset);

/* Appending is the file's end, not its position. */
static uint64_t position(struct file *file, transfer *move)
{
    if (move == file_write && file->flags & LINUX_O_APPEND && file->ops->object)
        return object_bytes(file->ops->object(file));
    return file->offset;
}

/* At the file's position, which moves on. */
static int64_t move_on(struct file *file, transfer *move, struct span span)
{
    uint64_t at = position(file, move);

    if (span.bytes > BYTES_MAX)
        span.bytes = BYTES_MAX;
    int64_t moved = move(file, span, at);

    if (moved > 0 && file->seekable)
        file->offset = at + (uint64_t)moved;
    return moved;
}

static int64_t move_one(uint64_t descriptor, transfer *move, va_t buffer, uint64_t bytes)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t moved = move_on(file, move, (struct span){ task_current()->space, buffer, bytes });

    file_put(file);
    return moved;
}

static int64_t move_vector(uint64_t descriptor, transfer *move, va_t vector, uint64_t count)
{
    struct file *file = files_get_file(descriptor);
    int64_t done = 0;

    if (!file)
        return -EBADF;
    if (count > LINUX_IOV_MAX)
        done = -EINVAL;
    for (uint64_t i = 0; i < count && done >= 0; i++) {
        struct linux_iovec part;
        int64_t moved = user_read(&part, vector + i * sizeof(part), sizeof(part));

        if (moved == 0 && part.bytes == 0)
            continue;
        if (moved == 0)
            moved = move_on(file, move, (struct span){ task_current()->space, part.base, part.bytes });
        if (moved < 0 && done == 0)
            done = moved;
        if (moved <= 0)
            break;
        done += moved;
        if ((uint64_t)moved < part.bytes)
            break;
    }
    file_put(file);
    return done;
}

static int64_t move_at(uint64_t descriptor, transfer *move, va_t buffer, uint64_t bytes, uint64_t offset)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t moved = !file->seekable       ? -ESPIPE
                    : (int64_t)offset < 0 ? -EINVAL
                                          : move(file, (struct span){ task_current()->space, buffer, bytes }, offset);

    file_put(file);
    return moved;
}

int64_t sys_read(uint64_t descriptor, va_t buffer, uint64_t bytes)
{
    return move_one(descriptor, file_read, buffer, bytes);
}

int64_t sys_write(uint64_t descriptor, va_t buffer, uint64_t bytes)
{
    return move_one(descriptor, file_write, buffer, bytes);
}

int64_t sys_readv(uint64_t descriptor, va_t vector, uint64_t count)
{
    return move_vector(descriptor, file_read, vector, count);
}

int64_t sys_writev(uint64_t descriptor, va_t vector, uint64_t count)
{
    return move_vector(descriptor, file_write, vector, count);
}

int64_t sys_pread64(uint64_t descriptor, va_t buffer, uint64_t bytes, uint64_t offset)
{
    return move_at(descriptor, file_read, buffer, bytes, offset);
}

int64_t sys_pwrite64(uint64_t descriptor, va_t buffer, uint64_t bytes, uint64_t offset)
{
    return move_at(descriptor, file_write, buffer, bytes, offset);
}

static int64_t seek_base(struct file *file, uint64_t whence)
{
    struct linux_stat status = { 0 };
    int error;

    switch (whence) {
    case LINUX_SEEK_SET:
        return 0;
    case LINUX_SEEK_CUR:
        return (int64_t)file->offset;
    case LINUX_SEEK_END:
        error = file->ops->status(file, &status);
        return error ? error : status.st_size;
    default:
        return -EINVAL;
    }
}

int64_t sys_lseek(uint64_t descriptor, uint64_t offset, uint64_t whence)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t base = file->seekable ? seek_base(file, whence) : -ESPIPE;
    int64_t at = 0;

    if (base >= 0 && (__builtin_add_overflow(base, (int64_t)offset, &at) || at < 0))
        base = -EINVAL;
    if (base >= 0)
        file->offset = (uint64_t)at;
    file_put(file);
    return base < 0 ? base : at;
}

/* Through a small buffer; `at` and the offset at hand are moved on by what was written. */
static int64_t send_all(struct file *to, struct file *from, uint64_t *at, uint64_t bytes)
{
    uint8_t chunk[SENDFILE_CHUNK];
    uint64_t done = 0;

    while (done < bytes) {
        uint64_t left = bytes - done;
        struct span span = { NULL, (va_t)chunk, left < SENDFILE_CHUNK ? left : SENDFILE_CHUNK };
        int64_t moved = file_read(from, span, *at);

        if (moved > 0) {
            span.bytes = (uint64_t)moved;
            moved = move_on(to, file_write, span);
        }
        if (moved <= 0)
            return done ? (int64_t)done : moved;
        done += (uint64_t)moved;
        *at += (uint64_t)moved;
    }
    return (int64_t)done;
}

static int64_t send_between(struct file *to, struct file *from, va_t offset, uint64_t bytes)
{
    uint64_t at = from->offset;

    if (offset && user_read(&at, offset, sizeof(at)))
        return -EFAULT;
    int64_t sent = send_all(to, from, &at, bytes < BYTES_MAX ? bytes : BYTES_MAX);

    if (!offset)
        from->offset = at;
    else if (user_write(offset, &at, sizeof(at)))
        return -EFAULT;
    return sent;
}

int64_t sys_sendfile(uint64_t to_descriptor, uint64_t from_descriptor, va_t offset, uint64_t bytes)
{
    struct file *to = files_get_file(to_descriptor);
    struct file *from = files_get_file(from_descriptor);
    int64_t sent = -EBADF;

    if (to && from)
        sent = from->ops->object ? send_between(to, from, offset, bytes) : -EINVAL;
    if (to)
        file_put(to);
    if (from)
        file_put(from);
    return sent;
}
