/*
 * Open regular files. A file's pages are those of its object, the same that mappings show, so read, write and mmap
 * agree at once. What was written to a file of the store is durable when sync has answered, and is synced when it is
 * closed after writing; files in memory have nothing to make durable.
 */
#include "firmware/linux/object_file.h"

#include <errno.h>

#include "firmware/clock.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/memory_tree.h"
#include "firmware/linux/path.h"
#include "firmware/usercopy.h"

/* file->kind */
enum { WRITTEN = 1 /* has to be synced */ };

/* Others run between parts of so much. */
#define PART_BYTES 65536u

/*
 * Goes on until all is moved, the object or the process ends, or an error comes: -EAGAIN in the middle is nobody's end.
 */
static int64_t move_all(struct object *object, struct span span, uint64_t offset, bool write)
{
    uint64_t done = 0;
    int64_t moved = 0;

    while (done < span.bytes && !moved) {
        uint64_t left = span.bytes - done < PART_BYTES ? span.bytes - done : PART_BYTES;

        moved = write ? MM_RETRY(object_write(object, offset + done, span.space, span.at + done, left))
                      : MM_RETRY(object_read(object, offset + done, span.space, span.at + done, left));

        if (moved == 0)
            break;
        if (moved > 0) {
            done += (uint64_t)moved;
            moved = done < span.bytes ? task_pause() : 0;
        }
    }
    return done ? (int64_t)done : moved == -EACCES ? -EFAULT : moved;
}

static int64_t file_bytes_read(struct file *file, struct span to, uint64_t offset)
{
    return move_all(file->object, to, offset, false);
}

/* The first write since the last sync dates the file. */
static void note_written(struct file *file)
{
    struct linux_stat status;

    if (!file->inode || inode_status(file->inode, &status))
        return;
    if (file->kind & WRITTEN && status.st_mtime_s == clock_real_s())
        return;
    file->kind |= WRITTEN;
    (void)!inode_describe(file->inode, status.st_mode, clock_real_s());
}

static int64_t file_bytes_write(struct file *file, struct span from, uint64_t offset)
{
    if (from.bytes == 0)
        return 0;
    if (offset + from.bytes < offset || offset >= FILE_BYTES_MAX)
        return -EFBIG;
    if (from.bytes > FILE_BYTES_MAX - offset)
        from.bytes = FILE_BYTES_MAX - offset;
    int64_t done = move_all(file->object, from, offset, true);

    if (done > 0)
        note_written(file);
    if (done > 0 && file->flags & LINUX_O_DSYNC) {
        int error = (int)MM_RETRY(object_sync(file->object));

        return error ? error : done;
    }
    return done == -ENOMEM ? -ENOSPC : done;
}

static int file_bytes_status(struct file *file, struct linux_stat *status)
{
    int error = file->inode ? inode_status(file->inode, status) : 0;

    if (!file->inode)
        status->st_mode = LINUX_S_IFREG | 0777;
    status->st_size = (int64_t)object_bytes(file->object);
    status->st_blocks = (status->st_size + LINUX_STAT_BLOCK - 1) / LINUX_STAT_BLOCK;
    return error;
}

static int file_bytes_resize(struct file *file, uint64_t bytes)
{
    if (bytes > FILE_BYTES_MAX)
        return -EFBIG;
    int error = (int)MM_RETRY(object_resize(file->object, bytes));

    if (!error)
        note_written(file);
    return error == -ENOMEM ? -ENOSPC : error;
}

/* Names are made durable too: that of a file which was just made. */
static int file_bytes_sync(struct file *file)
{
    int error = (int)MM_RETRY(object_sync(file->object));

    if (!error && file->inode)
        error = inode_sync(file->inode);
    if (!error)
        file->kind &= (uint8_t)~WRITTEN;
    return error;
}

static struct object *file_bytes_object(struct file *file)
{
    return file->object;
}

/* A file that is gone with this has nothing to keep. */
static bool has_name(const struct file *file)
{
    struct linux_stat status;

    return file->inode && inode_status(file->inode, &status) == 0 && status.st_nlink;
}

static void file_bytes_release(struct file *file)
{
    if (file->kind & WRITTEN && has_name(file))
        (void)file_bytes_sync(file);
    object_put(file->object);
    if (inode_kind(file->inode) == TREE_MEMORY)
        memory_close(file->inode);
}

static const struct file_ops object_file_ops = {
    .read = file_bytes_read,
    .write = file_bytes_write,
    .status = file_bytes_status,
    .resize = file_bytes_resize,
    .sync = file_bytes_sync,
    .object = file_bytes_object,
    .release = file_bytes_release,
};

void object_file_created(struct file *file)
{
    file->kind |= WRITTEN;
}

int object_file(struct object *object, inode_t inode, uint32_t flags, struct file **out)
{
    struct file *file = file_new(&object_file_ops, flags);

    if (!file) {
        object_put(object);
        return -ENOMEM;
    }
    file->object = object;
    file->seekable = true;
    /* It may have gone while there was no memory: then the object alone is the file. */
    if (inode_kind(inode) != TREE_MEMORY || memory_open(inode) == 0)
        file->inode = inode;
    *out = file;
    return 0;
}
