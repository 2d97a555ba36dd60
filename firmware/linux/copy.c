/* From file to file inside the firmware: sendfile and copy_file_range. And making files durable. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/storage.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

#define BYTES_MAX 0x7ffff000ull

/* One end of a copy: at the file's own position, or at an offset of the caller's that moves on instead. */
struct side {
    struct file *file;
    va_t offset_at; /* 0: the file's own position */
    uint64_t offset;
};

/* `useless`: the one way of opening that is of no use here. */
static int side_begin(struct side *side, uint64_t descriptor, va_t offset_at, uint32_t useless)
{
    side->file = files_get_file(descriptor);
    if (!side->file || (side->file->flags & LINUX_O_ACCMODE) == useless)
        return -EBADF;
    side->offset_at = offset_at;
    side->offset = side->file->offset;
    if (!offset_at)
        return 0;
    if (!side->file->seekable)
        return -ESPIPE;
    if (user_read(&side->offset, offset_at, sizeof(side->offset)))
        return -EFAULT;
    return (int64_t)side->offset < 0 ? -EINVAL : 0;
}

/* Tells the caller how far it came. */
static int side_tell(const struct side *side)
{
    return side->offset_at ? user_write(side->offset_at, &side->offset, sizeof(side->offset)) : 0;
}

static int64_t write_part(struct side *to, struct span part)
{
    int64_t moved = to->offset_at ? file_write(to->file, part, to->offset) : file_write_on(to->file, part);

    if (moved > 0)
        to->offset += (uint64_t)moved;
    return moved;
}

static int64_t copy_part(struct side *to, struct side *from, void *page, uint64_t bytes)
{
    struct span part = { NULL, (va_t)page, bytes < PAGE_BYTES ? bytes : PAGE_BYTES };
    int64_t moved = file_read(from->file, part, from->offset);

    if (moved <= 0)
        return moved;
    part.bytes = (uint64_t)moved;
    moved = write_part(to, part);
    if (moved > 0)
        from->offset += (uint64_t)moved;
    return moved;
}

static int64_t copy_all(struct side *to, struct side *from, uint64_t bytes)
{
    uint64_t done = 0;
    pa_t frame;
    int64_t moved = MM_RETRY(mm_frame_get(&frame));

    if (moved)
        return moved;
    do {
        moved = copy_part(to, from, cpu_direct(frame), bytes - done);
        done += moved > 0 ? (uint64_t)moved : 0;
    } while (moved > 0 && done < bytes);
    mm_frame_put(frame);
    if (!from->offset_at)
        from->file->offset = from->offset;
    return done ? (int64_t)done : moved;
}

static int64_t copy_between(struct side *to, struct side *from, uint64_t bytes)
{
    int64_t done = bytes ? copy_all(to, from, bytes < BYTES_MAX ? bytes : BYTES_MAX) : 0;

    if (done >= 0 && (side_tell(from) || side_tell(to)))
        return -EFAULT;
    return done;
}

int64_t sys_sendfile(uint64_t to_descriptor, uint64_t from_descriptor, va_t offset, uint64_t bytes)
{
    struct side from, to = { 0 };
    int64_t result = side_begin(&from, from_descriptor, offset, LINUX_O_WRONLY);

    if (!result)
        result = side_begin(&to, to_descriptor, 0, LINUX_O_RDONLY);
    if (!result)
        result = from.file->ops->object ? copy_between(&to, &from, bytes) : -EINVAL;
    if (to.file)
        file_put(to.file);
    if (from.file)
        file_put(from.file);
    return result;
}

static int check_range_copy(const struct side *to, const struct side *from, uint64_t bytes)
{
    const struct object *a = from->file->object, *b = to->file->object;

    if (!a || !b)
        return from->file->ops->list || to->file->ops->list ? -EISDIR : -EINVAL;
    if (to->file->flags & LINUX_O_APPEND)
        return -EBADF;
    if (a == b && from->offset < to->offset + bytes && to->offset < from->offset + bytes)
        return -EINVAL;
    return 0;
}

int64_t sys_copy_file_range(uint64_t from_descriptor, va_t from_offset, uint64_t to_descriptor, va_t to_offset,
                            uint64_t bytes, uint64_t flags)
{
    struct side from, to = { 0 };
    int64_t result = side_begin(&from, from_descriptor, from_offset, LINUX_O_WRONLY);

    if (!result)
        result = side_begin(&to, to_descriptor, to_offset, LINUX_O_RDONLY);
    if (!result)
        result = flags ? -EINVAL : check_range_copy(&to, &from, bytes);
    if (!result)
        result = copy_between(&to, &from, bytes);
    if (to.file)
        file_put(to.file);
    if (from.file)
        file_put(from.file);
    return result;
}

/* ---- Making durable ---- */

int64_t sys_fsync(uint64_t descriptor)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t result = file->ops->sync ? file->ops->sync(file) : -EINVAL;

    file_put(file);
    return result;
}

int64_t sys_sync_file_range(uint64_t descriptor, uint64_t offset, uint64_t bytes, uint64_t flags)
{
    if ((int64_t)offset < 0 || (int64_t)bytes < 0 || flags > 7)
        return -EINVAL;
    return sys_fsync(descriptor);
}

int64_t sys_sync(void)
{
    (void)!storage_sync();
    return 0;
}

int64_t sys_syncfs(uint64_t descriptor)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    file_put(file);
    return storage_sync();
}

/* ---- Room and advice ---- */

/* Only the size: there is no room to be set aside in a log. */
int64_t sys_fallocate(uint64_t descriptor, uint64_t mode, uint64_t offset, uint64_t bytes)
{
    struct file *file = files_get_file(descriptor);
    uint64_t end = offset + bytes;

    if (!file)
        return -EBADF;
    int64_t result = (int64_t)offset < 0 || (int64_t)bytes <= 0          ? -EINVAL
                     : (file->flags & LINUX_O_ACCMODE) == LINUX_O_RDONLY ? -EBADF
                     : mode & ~(uint64_t)LINUX_FALLOC_FL_KEEP_SIZE       ? -EOPNOTSUPP
                     : !file->object                                     ? -ENODEV
                     : (int64_t)end < 0                                  ? -EFBIG
                     : mode || end <= object_bytes(file->object)         ? 0
                                                                         : file->ops->resize(file, end);

    file_put(file);
    return result;
}

/* fadvise64, readahead: nothing is read before it is asked for. */
int64_t sys_file_advice(uint64_t descriptor)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t result = file->seekable ? 0 : -ESPIPE;

    file_put(file);
    return result;
}
