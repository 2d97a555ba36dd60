/* read and write; what moves more than one part, or elsewhere, is in vector.c. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/transfer.h"

static inline int64_t move_one(uint64_t descriptor, enum way way, va_t buffer, uint64_t bytes)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    struct span span = { task_current()->space, buffer, bytes };
    /* What has no position has no bytes to take turns for either: pipes, terminals, counters. */
    int64_t moved = file->seekable ? transfer_whole(file, way, span, NULL)
                                   : transfer_span(file, way, span, file->offset);

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
