/* What moves bytes from or to a position: the turns that are taken for it. */
#include "firmware/linux/transfer.h"

#include <errno.h>

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

int64_t transfer_move(struct transfer *transfer, struct span span)
{
    struct file *file = transfer->file;
    uint64_t from = *transfer->at;

    /* Appending is at the file's end, whatever position or offset there is (Linux: pwrite too). */
    if (has_bytes(transfer) && file->flags & LINUX_O_APPEND)
        from = object_bytes(file->object);
    int64_t moved = transfer_span(file, transfer->way, span, from);

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
