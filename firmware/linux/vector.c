/* The relatives of read and write: several parts, a place of their own; and lseek. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/transfer.h"
#include "firmware/pages.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

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
            moved = transfer(file, way, (struct span){ task_current()->space, part.base, part.bytes }, at);
        if (moved < 0)
            return done ? done : moved;
        done += moved;
        if ((uint64_t)moved < part.bytes)
            break;
    }
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

    if (count < 2 || count > LINUX_IOV_MAX || MM_RETRY(mm_frame_get(&frame)))
        return move_parts(file, WRITE, vector, count, NULL);
    uint8_t *page = cpu_direct(frame);
    int64_t done = gather(vector, count, page);

    done = done < 0 ? move_parts(file, WRITE, vector, count, NULL)
                    : transfer(file, WRITE, (struct span){ NULL, (va_t)page, (uint64_t)done }, NULL);
    mm_frame_put(frame);
    return done;
}

/* `at` as for transfer(). */
static int64_t move_vector(uint64_t descriptor, enum way way, va_t vector, uint64_t count, uint64_t *at)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t done = at ? place_wrong(file, *at) : 0;

    if (!done)
        done = way == WRITE && !file->seekable ? write_whole(file, vector, count)
                                               : move_parts(file, way, vector, count, at);
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
        moved = transfer(file, way, (struct span){ task_current()->space, buffer, bytes }, &offset);
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

int64_t sys_lseek(uint64_t descriptor, uint64_t offset, uint64_t whence)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t at = file->seekable ? seek(file, (int64_t)offset, (uint32_t)whence) : -ESPIPE;

    file_put(file);
    return at;
}
