/* What read, write and their relatives share. */
#ifndef FIRMWARE_LINUX_TRANSFER_H
#define FIRMWARE_LINUX_TRANSFER_H

#include <errno.h>

#include "firmware/linux/abi.h"
#include "firmware/linux/file.h"
#include "firmware/linux/turn.h"

enum way { READ, WRITE };

/* As Linux: one call moves this much at the most, so that a length is never taken for an error. */
#define TRANSFER_BYTES_MAX 0x7ffff000ull

/* Linux's access_ok(): no length is negative, no address in the upper half. */
static inline bool span_is_legal(struct span span)
{
    return (int64_t)(span.at | span.bytes | (span.at + span.bytes)) >= 0;
}

/* One move, at most as long as one call's. */
static inline int64_t transfer_span(struct file *file, enum way way, struct span span, uint64_t at)
{
    if (span.bytes - 1 >= TRANSFER_BYTES_MAX) { /* 0 too: also of nothing the address is looked at */
        if (!span_is_legal(span))
            return (file->flags & LINUX_O_ACCMODE) == (way == READ ? LINUX_O_WRONLY : LINUX_O_RDONLY) ? -EBADF
                                                                                                      : -EFAULT;
        if (span.bytes)
            span.bytes = TRANSFER_BYTES_MAX;
    }
    return way == READ ? file_read(file, span, at) : file_write(file, span, at);
}

/*
 * One call's moves, all of them without anybody else's in between: at the file's position, or at an offset of the caller's
 * that takes its place. The turns are taken over all of them (firmware/linux/turn.h). transfer_begin: -EINTR, the process
 * ends.
 */
struct transfer {
    struct file *file;
    enum way way;
    uint64_t *at; /* what moves on */
    struct turn position, bytes;
};

int transfer_begin(struct transfer *transfer, struct file *file, enum way way, uint64_t *at) MUST_CHECK;
int64_t transfer_move(struct transfer *transfer, struct span span);
void transfer_end(struct transfer *transfer);
/* The three in one. `at` NULL: at the file's position. */
int64_t transfer_whole(struct file *file, enum way way, struct span span, uint64_t *at);

#endif
