/* The relatives of read and write: several parts, a place of their own; and lseek. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/transfer.h"
#include "firmware/pages.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

/* Before anything is moved: no length is negative, and all lies where programs' memory is. */
static int check_parts(va_t vector, uint64_t count)
{
    struct linux_iovec part;

    if (count > LINUX_IOV_MAX)
        return -EINVAL;
    for (uint64_t i = 0; i < count; i++) {
        if (user_read(&part, vector + i * sizeof(part), sizeof(part)))
            return -EFAULT;
        if ((int64_t)part.bytes < 0)
            return -EINVAL;
        if (!span_is_legal((struct span){ task_current()->space, part.base, part.bytes }))
            return -EFAULT;
    }
    return 0;
}

/* What other threads have done to the vector since it was checked ends the move, and nothing worse. */
static int64_t move_parts(struct transfer *transfer, va_t vector, uint64_t count)
{
    int64_t done = 0;

    for (uint64_t i = 0; i < count; i++) {
        struct linux_iovec part;
        int64_t moved = user_read(&part, vector + i * sizeof(part), sizeof(part));

        if (moved == 0 && part.bytes == 0)
            continue;
        if (moved == 0 && part.bytes > TRANSFER_BYTES_MAX - (uint64_t)done)
            part.bytes = TRANSFER_BYTES_MAX - (uint64_t)done;
        if (moved == 0)
            moved = transfer_move(transfer, (struct span){ task_current()->space, part.base, part.bytes });
        if (moved < 0)
            return done ? done : moved;
        done += moved;
        if ((uint64_t)moved < part.bytes)
            break;
    }
    return done;
}

static int64_t move_all(struct file *file, enum way way, va_t vector, uint64_t count, uint64_t *at)
{
    struct transfer transfer;
    int64_t done = transfer_begin(&transfer, file, way, at);

    if (done)
        return done;
    done = move_parts(&transfer, vector, count);
    transfer_end(&transfer);
    return done;
}

static int place_wrong(const struct file *file, uint64_t offset)
{
    return !file->seekable ? -ESPIPE : (int64_t)offset < 0 ? -EINVAL : 0;
}

/* All parts into one page; negative: they do not fit, or cannot be read. */
static int64_t gather(va_t vector, uint64_t count, uint8_t *page)
{
    uint64_t all = 0;

    for (uint64_t i = 0; i < count; i++) {
        struct linux_iovec part;

        if (user_read(&part, vector + i * sizeof(part), sizeof(part)) || part.bytes > PAGE_BYTES - all ||
            user_read(page + all, part.base, part.bytes))
            return -EFAULT;
        all += part.bytes;
    }
    return (int64_t)all;
}

/* What is no longer than PIPE_BUF goes in one piece, so that nobody else's bytes come between the parts (pipe(7)). */
static int64_t write_whole(struct file *file, va_t vector, uint64_t count)
{
    pa_t frame;

    if (count < 2 || MM_RETRY(mm_frame_get(&frame)))
        return move_all(file, WRITE, vector, count, NULL);
    uint8_t *page = cpu_direct(frame);
    int64_t done = gather(vector, count, page);

    done = done < 0 ? move_all(file, WRITE, vector, count, NULL)
                    : transfer_whole(file, WRITE, (struct span){ NULL, (va_t)page, (uint64_t)done }, NULL);
    mm_frame_put(frame);
    return done;
}

/* `at` as for transfer_begin(). */
static int64_t move_vector(uint64_t descriptor, enum way way, va_t vector, uint64_t count, uint64_t *at)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t done = at ? place_wrong(file, *at) : 0;

    if (!done)
        done = check_parts(vector, count);
    if (!done)
        done = way == WRITE && !file->seekable ? write_whole(file, vector, count)
                                               : move_all(file, way, vector, count, at);
    file_put(file);
    return done;
}

static int64_t move_at(uint64_t descriptor, enum way way, va_t buffer, uint64_t bytes, uint64_t offset)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t moved = place_wrong(file, offset);

    if (!moved)
        moved = transfer_whole(file, way, (struct span){ task_current()->space, buffer, bytes }, &offset);
    file_put(file);
    return moved;
}

/* preadv2 and pwritev2: offset -1 is the file's position. */
static int64_t move_vector_2(uint64_t descriptor, enum way way, va_t vector, uint64_t count, uint64_t offset,
                             uint64_t flags)
{
    if (flags)
        return -EOPNOTSUPP;
    return move_vector(descriptor, way, vector, count, offset == UINT64_MAX ? NULL : &offset);
}

int64_t sys_readv(uint64_t descriptor, va_t vector, uint64_t count)
{
    return move_vector(descriptor, READ, vector, count, NULL);
}

int64_t sys_writev(uint64_t descriptor, va_t vector, uint64_t count)
{
    return move_vector(descriptor, WRITE, vector, count, NULL);
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
    return move_vector(descriptor, READ, vector, count, &offset);
}

int64_t sys_pwritev(uint64_t descriptor, va_t vector, uint64_t count, uint64_t offset)
{
    return move_vector(descriptor, WRITE, vector, count, &offset);
}

/* The fifth argument is the upper half of an offset on machines of 32 bits. */
int64_t sys_preadv2(uint64_t descriptor, va_t vector, uint64_t count, uint64_t offset, uint64_t high, uint64_t flags)
{
    (void)high;
    return move_vector_2(descriptor, READ, vector, count, offset, flags);
}

int64_t sys_pwritev2(uint64_t descriptor, va_t vector, uint64_t count, uint64_t offset, uint64_t high, uint64_t flags)
{
    (void)high;
    return move_vector_2(descriptor, WRITE, vector, count, offset, flags);
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

static int64_t seek_in_turn(struct file *file, int64_t offset, uint64_t whence)
{
    struct turn turn;
    int64_t at = turn_take(&turn, file);

    if (at)
        return at;
    at = seek(file, offset, whence);
    turn_end(&turn);
    return at;
}

int64_t sys_lseek(uint64_t descriptor, uint64_t offset, uint64_t whence)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t at = file->seekable ? seek_in_turn(file, (int64_t)offset, (uint32_t)whence) : -ESPIPE;

    file_put(file);
    return at;
}
