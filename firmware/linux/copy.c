/* From file to file inside the firmware: sendfile and copy_file_range. And making files durable. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/pipe.h"
#include "firmware/linux/transfer.h"
#include "firmware/storage.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

/* One end of a copy: at the file's own position, or at an offset of the caller's that moves on instead. */
struct side {
    struct file *file;
    va_t offset_at; /* 0: the file's own position */
    uint64_t offset;
};

/* What of a copy is refused before it begins. */
typedef int copy_check(const struct side *to, const struct side *from, uint64_t bytes);

/* `useless`: the one way of opening that is of no use here. */
static int side_begin(struct side *side, uint64_t descriptor, va_t offset_at, uint32_t useless)
{
    side->file = files_get_file(descriptor);
    if (!side->file || (side->file->flags & LINUX_O_ACCMODE) == useless)
        return -EBADF;
    side->offset_at = offset_at;
    if (!offset_at)
        return 0;
    if (!side->file->seekable)
        return -ESPIPE;
    if (user_read(&side->offset, offset_at, sizeof(side->offset)))
        return -EFAULT;
    return (int64_t)side->offset < 0 ? -EINVAL : 0;
}

static void side_place(struct side *side)
{
    if (!side->offset_at)
        side->offset = side->file->offset;
}

/* How far it came goes to the file's position, or to the caller. */
static int side_tell(const struct side *side)
{
    if (side->offset_at)
        return user_write(side->offset_at, &side->offset, sizeof(side->offset));
    if (side->file->seekable)
        side->file->offset = side->offset;
    return 0;
}

static int64_t copy_part(struct side *to, struct side *from, void *page, uint64_t bytes)
{
    struct span part = { NULL, (va_t)page, bytes < PAGE_BYTES ? bytes : PAGE_BYTES };
    int64_t moved = file_read(from->file, part, from->offset);

    if (moved <= 0)
        return moved;
    part.bytes = (uint64_t)moved;
    moved = transfer_whole(to->file, WRITE, part, &to->offset);
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
    } while (moved > 0 && done < bytes && !task_pause());
    mm_frame_put(frame);
    return done ? (int64_t)done : moved;
}

static int64_t copy_placed(struct side *to, struct side *from, uint64_t bytes, copy_check *check)
{
    side_place(from);
    side_place(to);
    int64_t done = check(to, from, bytes);

    if (done || !bytes)
        return done;
    done = copy_all(to, from, bytes < TRANSFER_BYTES_MAX ? bytes : TRANSFER_BYTES_MAX);
    if (done >= 0 && (side_tell(from) | side_tell(to)))
        return -EFAULT;
    return done;
}

/*
 * Nobody else moves either position meanwhile. Into what may have to wait for its reader there are no turns: that reader
 * may be waiting for the position (Linux keeps it from nobody at all).
 */
static int64_t copy_in_turn(struct side *to, struct side *from, uint64_t bytes, copy_check *check)
{
    struct file *first = to->file < from->file ? to->file : from->file;
    struct file *second = first == to->file ? from->file : to->file;
    struct turn turns[2];

    if (!to->file->seekable || !from->file->seekable)
        return copy_placed(to, from, bytes, check);
    int64_t result = turn_take(&turns[0], first);

    if (result)
        return result;
    if (first != second)
        result = turn_take(&turns[1], second);
    if (!result) {
        result = copy_placed(to, from, bytes, check);
        if (first != second)
            turn_end(&turns[1]);
    }
    turn_end(&turns[0]);
    return result;
}

static int check_send(const struct side *to, const struct side *from, uint64_t bytes)
{
    return (int64_t)bytes < 0 || !from->file->ops->object ||
                   (to->file->flags & LINUX_O_APPEND && !file_is_pipe(to->file))
               ? -EINVAL
               : 0;
}

int64_t sys_sendfile(uint64_t to_descriptor, uint64_t from_descriptor, va_t offset, uint64_t bytes)
{
    struct side from, to = { 0 };
    int64_t result = side_begin(&from, from_descriptor, offset, LINUX_O_WRONLY);

    if (!result)
        result = side_begin(&to, to_descriptor, 0, LINUX_O_RDONLY);
    if (!result)
        result = copy_in_turn(&to, &from, bytes, check_send);
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
    if (from->offset + bytes < bytes || to->offset + bytes < bytes)
        return -EOVERFLOW;
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
        result = flags ? -EINVAL : copy_in_turn(&to, &from, bytes, check_range_copy);
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
                     : mode                                              ? 0
                                                                         : file_resize(file, end, true);

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
