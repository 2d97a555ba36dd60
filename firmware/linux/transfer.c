/* read and write; what moves more than one part, or elsewhere, is in vector.c. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/transfer.h"

/* As Linux: one call moves this much at the most, so that a length is never taken for an error. */
#define BYTES_MAX 0x7ffff000ull

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

int64_t transfer(struct file *file, enum way way, struct span span, uint64_t *at)
{
    if (!at)
        return move_on(file, way, span);
    if (span.bytes > BYTES_MAX)
        span.bytes = BYTES_MAX;
    int64_t moved = move(file, way, span, position(file, way, *at));

    *at += moved > 0 ? (uint64_t)moved : 0;
    return moved;
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

int64_t sys_read(uint64_t descriptor, va_t buffer, uint64_t bytes)
{
    return move_one(descriptor, READ, buffer, bytes);
}

int64_t sys_write(uint64_t descriptor, va_t buffer, uint64_t bytes)
{
    return move_one(descriptor, WRITE, buffer, bytes);
}
