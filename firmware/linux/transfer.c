/* read, write and their relatives. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/usercopy.h"

/* As Linux: one call moves this much at the most, so that a length is never taken for an error. */
#define BYTES_MAX 0x7ffff000ull

enum way { READ, WRITE };

static inline int64_t move(struct file *file, enum way way, struct span span, uint64_t at)
{
    return way == READ ? file_read(file, span, at) : file_write(file, span, at);
}

/* Appending is at the file's end, whatever position or offset there is (Linux: pwrite too). */
static inline uint64_t position(const struct file *file, enum way way, uint64_t at)
{
    return way == WRITE && file->flags & LINUX_O_APPEND && file->object ? object_bytes(file->object) : at;
}

/* At the file's position, which moves on. */
static inline int64_t move_on(struct file *file, enum way way, struct span span)
{
    uint64_t at = position(file, way, file->offset);

    if (span.bytes > BYTES_MAX)
        span.bytes = BYTES_MAX;
    int64_t moved = move(file, way, span, at);

    if (moved > 0 && file->seekable)
        file->offset = at + (uint64_t)moved;
    return moved;
}

int64_t file_write_on(struct file *file, struct span from)
{
    return move_on(file, WRITE, from);
}

static inline int64_t move_one(uint64_t descriptor, enum way way, va_t buffer, uint64_t bytes)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t moved = move_on(file, way, (struct span){ task_current()->space, buffer, bytes });

    file_put(file);
    return moved;
}

/* `at`: an offset that takes the place of the file's position and moves on instead of it, or NULL. */
static int64_t move_part(struct file *file, enum way way, const struct linux_iovec *part, uint64_t *at)
{
    struct span span = { task_current()->space, part->base, part->bytes < BYTES_MAX ? part->bytes : BYTES_MAX };

    if (!at)
        return move_on(file, way, span);
    int64_t moved = move(file, way, span, position(file, way, *at));

    *at += moved > 0 ? (uint64_t)moved : 0;
    return moved;
}

static int64_t move_parts(struct file *file, enum way way, va_t vector, uint64_t count, uint64_t *at)
{
    int64_t done = 0;

    if (count > LINUX_IOV_MAX)
        return -EINVAL;
    for (uint64_t i = 0; i < count; i++) {
        struct linux_iovec part;
        int64_t moved = user_read(&part, vector + i * sizeof(part), sizeof(part));

        if (moved == 0 && (int64_t)part.bytes < 0)
            moved = -EINVAL;
        if (moved == 0 && part.bytes == 0)
            continue;
        if (moved == 0)
            moved = move_part(file, way, &part, at);
        if (moved < 0)
            return done ? done : moved;
        done += moved;
        if ((uint64_t)moved < part.bytes)
            break;
    }
    return done;
}

static int64_t move_vector(uint64_t descriptor, enum way way, va_t vector, uint64_t count)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t done = move_parts(file, way, vector, count, NULL);

    file_put(file);
    return done;
}

static int64_t move_vector_at(uint64_t descriptor, enum way way, va_t vector, uint64_t count, uint64_t offset)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t done = !file->seekable       ? -ESPIPE
                   : (int64_t)offset < 0 ? -EINVAL
                                         : move_parts(file, way, vector, count, &offset);

    file_put(file);
    return done;
}

static int64_t move_at(uint64_t descriptor, enum way way, va_t buffer, uint64_t bytes, uint64_t offset)
{
    struct file *file = files_get_file(descriptor);
    const struct linux_iovec part = { buffer, bytes };

    if (!file)
        return -EBADF;
    int64_t moved = !file->seekable ? -ESPIPE : (int64_t)offset < 0 ? -EINVAL : move_part(file, way, &part, &offset);

    file_put(file);
    return moved;
}

int64_t sys_read(uint64_t descriptor, va_t buffer, uint64_t bytes)
{
    return move_one(descriptor, READ, buffer, bytes);
}

int64_t sys_write(uint64_t descriptor, va_t buffer, uint64_t bytes)
{
    return move_one(descriptor, WRITE, buffer, bytes);
}

int64_t sys_readv(uint64_t descriptor, va_t vector, uint64_t count)
{
    return move_vector(descriptor, READ, vector, count);
}

int64_t sys_writev(uint64_t descriptor, va_t vector, uint64_t count)
{
    return move_vector(descriptor, WRITE, vector, count);
}

int64_t sys_pread64(uint64_t descriptor, va_t buffer, uint64_t bytes, uint64_t offset)
{
    return move_at(descriptor, READ, buffer, bytes, offset);
}

int64_t sys_pwrite64(uint64_t descriptor, va_t buffer, uint64_t bytes, uint64_t offset)
{
    return move_at(descriptor, WRITE, buffer, bytes, offset);
}

int64_t sys_preadv(uint64_t descriptor, va_t vector, uint64_t count, uint64_t offset)
{
    return move_vector_at(descriptor, READ, vector, count, offset);
}

int64_t sys_pwritev(uint64_t descriptor, va_t vector, uint64_t count, uint64_t offset)
{
    return move_vector_at(descriptor, WRITE, vector, count, offset);
}

/* The fifth argument is the upper half of an offset on machines of 32 bits. */
int64_t sys_preadv2(uint64_t descriptor, va_t vector, uint64_t count, uint64_t offset, uint64_t high, uint64_t flags)
{
    (void)high;
    if (flags)
        return -EOPNOTSUPP;
    return offset == UINT64_MAX ? move_vector(descriptor, READ, vector, count)
                                : move_vector_at(descriptor, READ, vector, count, offset);
}

int64_t sys_pwritev2(uint64_t descriptor, va_t vector, uint64_t count, uint64_t offset, uint64_t high, uint64_t flags)
{
    (void)high;
    if (flags)
        return -EOPNOTSUPP;
    return offset == UINT64_MAX ? move_vector(descriptor, WRITE, vector, count)
                                : move_vector_at(descriptor, WRITE, vector, count, offset);
}

/* Data is everywhere up to the end, where the one hole begins. */
static int64_t seek_data(const struct file *file, uint64_t offset, uint64_t whence)
{
    uint64_t end = file->object ? object_bytes(file->object) : 0;

    if (!file->object)
        return -EINVAL;
    if (offset >= end)
        return -ENXIO;
    return (int64_t)(whence == LINUX_SEEK_DATA ? offset : end);
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

static int64_t seek(struct file *file, int64_t offset, uint64_t whence)
{
    bool by_data = whence == LINUX_SEEK_DATA || whence == LINUX_SEEK_HOLE;
    int64_t base = by_data ? seek_data(file, (uint64_t)offset, whence) : seek_base(file, whence);
    int64_t at = base;

    if (base >= 0 && !by_data && (__builtin_add_overflow(base, offset, &at) || at < 0))
        return -EINVAL;
    if (at >= 0)
        file->offset = (uint64_t)at;
    return at;
}

int64_t sys_lseek(uint64_t descriptor, uint64_t offset, uint64_t whence)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t at = file->seekable ? seek(file, (int64_t)offset, (uint32_t)whence) : -ESPIPE;

    file_put(file);
    return at;
}
