/* read and write; what moves more than one part, or elsewhere, is in vector.c. */
#include "firmware/linux/transfer.h"

#include <errno.h>

#include "firmware/linux/calls.h"

static inline bool has_position(const struct transfer *transfer)
{
    return transfer->at == &transfer->file->offset && transfer->file->seekable;
}

static inline bool has_bytes(const struct transfer *transfer)
{
    return transfer->way == WRITE && transfer->file->object;
}

int transfer_begin(struct transfer *transfer, struct file *file, enum way way, uint64_t *at)
{
    transfer->file = file;
    transfer->way = way;
    transfer->at = at ? at : &file->offset;
    int error = has_position(transfer) ? turn_take(&transfer->position, file) : 0;

    if (error || !has_bytes(transfer))
        return error;
    error = turn_take(&transfer->bytes, file->object);
    if (error && has_position(transfer))
        turn_end(&transfer->position);
    return error;
}

void transfer_end(struct transfer *transfer)
{
    if (has_bytes(transfer))
        turn_end(&transfer->bytes);
    if (has_position(transfer))
        turn_end(&transfer->position);
}

static inline int64_t move(struct file *file, enum way way, struct span span, uint64_t at)
{
    if (span.bytes > TRANSFER_BYTES_MAX) {
        if (!span_is_legal(span))
            return (file->flags & LINUX_O_ACCMODE) == (way == READ ? LINUX_O_WRONLY : LINUX_O_RDONLY) ? -EBADF
                                                                                                      : -EFAULT;
        span.bytes = TRANSFER_BYTES_MAX;
    }
    return way == READ ? file_read(file, span, at) : file_write(file, span, at);
}

int64_t transfer_move(struct transfer *transfer, struct span span)
{
    struct file *file = transfer->file;
    uint64_t from = *transfer->at;

    /* Appending is at the file's end, whatever position or offset there is (Linux: pwrite too). */
    if (has_bytes(transfer) && file->flags & LINUX_O_APPEND)
        from = object_bytes(file->object);
    int64_t moved = move(file, transfer->way, span, from);

    if (moved > 0 && file->seekable)
        *transfer->at = from + (uint64_t)moved;
    return moved;
}

int64_t transfer_whole(struct file *file, enum way way, struct span span, uint64_t *at)
{
    struct transfer transfer;
    int64_t moved = transfer_begin(&transfer, file, way, at);

    if (moved)
        return moved;
    moved = transfer_move(&transfer, span);
    transfer_end(&transfer);
    return moved;
}

static inline int64_t move_one(uint64_t descriptor, enum way way, va_t buffer, uint64_t bytes)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    struct span span = { task_current()->space, buffer, bytes };
    /* What has no position has no bytes to take turns for either: pipes, terminals, counters. */
    int64_t moved = file->seekable ? transfer_whole(file, way, span, NULL) : move(file, way, span, file->offset);

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

int64_t file_resize(struct file *file, uint64_t bytes, bool grow_only)
{
    struct turn turn;

    if (!file->ops->resize)
        return -EINVAL;
    int64_t error = turn_take(&turn, file->object);

    if (error)
        return error;
    if (!grow_only || bytes > object_bytes(file->object))
        error = file->ops->resize(file, bytes);
    turn_end(&turn);
    return error;
}
