/*
 * Files and directories of the store. A file's pages are those of its node's object, the same that mappings show, so
 * read, write and mmap agree at once; what was written is durable when sync has answered, and a file is synced when it
 * is closed after writing.
 */
#include "firmware/linux/node_file.h"

#include <errno.h>
#include <string.h>

#include "firmware/clock.h"
#include "firmware/linux/path.h"
#include "firmware/linux/special.h"
#include "firmware/process.h"
#include "firmware/storage.h"
#include "firmware/usercopy.h"

#define BLOCK_BYTES  512u    /* st_blocks counts in these */
#define STORE_DEVICE 0x1f00u /* st_dev: major 31 is Linux's for flash */

/* file->kind: what has to become durable when it is closed. */
enum { CLEAN, CREATED, WRITTEN };

/* ---- Status, for both ---- */

int node_status(uint32_t node, struct linux_stat *status)
{
    struct node_info info;
    int error = node_get(mm_store(), node, &info);

    if (error)
        return error;
    status->st_dev = STORE_DEVICE;
    status->st_ino = node;
    status->st_mode = info.mode;
    status->st_nlink = info.parent ? 1 : 0;
    status->st_size = (int64_t)info.bytes;
    status->st_blksize = PAGE_BYTES;
    status->st_blocks = (int64_t)((info.bytes + BLOCK_BYTES - 1) / BLOCK_BYTES);
    status->st_atime_s = status->st_mtime_s = status->st_ctime_s = info.modified_s;
    return 0;
}

/* ---- Files ---- */

/* Goes on until all is moved, the object ends, or an error comes: -EAGAIN in the middle is nobody's end. */
static int64_t move_all(struct object *object, struct span span, uint64_t offset, bool write)
{
    uint64_t done = 0;

    while (done < span.bytes) {
        uint64_t left = span.bytes - done;
        int64_t moved = write ? MM_RETRY(object_write(object, offset + done, span.space, span.at + done, left))
                              : MM_RETRY(object_read(object, offset + done, span.space, span.at + done, left));

        if (moved < 0)
            return done ? (int64_t)done : moved == -EACCES ? -EFAULT : moved;
        if (moved == 0)
            break;
        done += (uint64_t)moved;
    }
    return (int64_t)done;
}

static int64_t node_file_read(struct file *file, struct span to, uint64_t offset)
{
    return move_all(file->object, to, offset, false);
}

static int64_t node_file_write(struct file *file, struct span from, uint64_t offset)
{
    if (offset + from.bytes < offset || offset + from.bytes > (uint64_t)NODE_BYTES_MAX)
        return -EFBIG;
    file->kind = WRITTEN;
    return move_all(file->object, from, offset, true);
}

static int node_file_status(struct file *file, struct linux_stat *status)
{
    int error = node_status(file->node, status);

    if (!error)
        status->st_size = (int64_t)object_bytes(file->object);
    return error;
}

static int node_file_resize(struct file *file, uint64_t bytes)
{
    if (bytes > NODE_BYTES_MAX)
        return -EFBIG;
    file->kind = WRITTEN;
    return (int)MM_RETRY(object_resize(file->object, bytes));
}

static int node_file_sync(struct file *file)
{
    int error = (int)MM_RETRY(object_sync(file->object));

    if (!error && file->kind == CREATED)
        error = storage_commit();
    if (!error)
        file->kind = CLEAN;
    return error;
}

static struct object *node_file_object(struct file *file)
{
    return file->object;
}

static void node_file_release(struct file *file)
{
    if (file->kind != CLEAN)
        (void)node_file_sync(file);
    object_put(file->object);
}

static const struct file_ops node_file_ops = {
    .read = node_file_read,
    .write = node_file_write,
    .status = node_file_status,
    .resize = node_file_resize,
    .sync = node_file_sync,
    .object = node_file_object,
    .release = node_file_release,
};

/* ---- Directories: file->offset is the id of the entry that was told last, behind the two that every one has ---- */

enum { AT_DOT, AT_DOT_DOT, AT_ENTRIES };

static uint8_t entry_type(uint32_t mode)
{
    return (mode & LINUX_S_IFMT) == LINUX_S_IFDIR ? LINUX_DT_DIR : LINUX_DT_REG;
}

/* The entry after position `at`, and the position after it. */
static int entry_next(uint32_t directory, uint64_t at, struct node_info *info, uint64_t *next)
{
    if (at < AT_ENTRIES) {
        *info = (struct node_info){ .id = directory, .mode = LINUX_S_IFDIR };
        memcpy(info->name, "..", at == AT_DOT ? 1 : 2);
        *next = at + 1;
        return 0;
    }
    int error = (int)MM_RETRY(node_next(mm_store(), directory, (uint32_t)(at - AT_ENTRIES), info));

    *next = (uint64_t)info->id + AT_ENTRIES;
    return error;
}

static int64_t directory_list(struct file *file, struct span to)
{
    union {
        struct linux_dirent64 entry;
        uint8_t bytes[LINUX_DIRENT_NAME + NODE_NAME_MAX + 8];
    } out;
    struct node_info info;
    uint64_t done = 0, next;

    while (entry_next(file->node, file->offset, &info, &next) == 0) {
        size_t name = strlen(info.name) + 1;
        size_t bytes = (LINUX_DIRENT_NAME + name + 7) & ~(size_t)7;

        if (bytes > to.bytes - done)
            return done ? (int64_t)done : -EINVAL;
        memset(&out, 0, sizeof(out));
        out.entry = (struct linux_dirent64){ info.id, (int64_t)next, (uint16_t)bytes, entry_type(info.mode) };
        memcpy(out.bytes + LINUX_DIRENT_NAME, info.name, name);
        if (copy_out(to.space, to.at + done, &out, bytes))
            return done ? (int64_t)done : -EFAULT;
        file->offset = next;
        done += bytes;
    }
    return (int64_t)done;
}

static int64_t directory_read(struct file *file, struct span to, uint64_t offset)
{
    (void)file;
    (void)to;
    (void)offset;
    return -EISDIR;
}

static int directory_status(struct file *file, struct linux_stat *status)
{
    return node_status(file->node, status);
}

static void directory_release(struct file *file)
{
    node_close(mm_store(), file->node);
}

static const struct file_ops directory_ops = {
    .read = directory_read,
    .status = directory_status,
    .list = directory_list,
    .release = directory_release,
};

/* ---- Opening ---- */

static int open_directory(uint32_t node, uint32_t flags, struct file **out)
{
    if ((flags & LINUX_O_ACCMODE) != LINUX_O_RDONLY)
        return -EISDIR;
    struct file *file = file_new(&directory_ops, flags);

    if (!file)
        return -ENOMEM;
    node_open(mm_store(), node);
    file->node = node;
    file->seekable = true;
    *out = file;
    return 0;
}

static int open_regular(uint32_t node, uint32_t flags, struct file **out)
{
    struct object *object;
    int error = (int)MM_RETRY(object_of_node(node, &object));

    if (error)
        return error;
    struct file *file = file_new(&node_file_ops, flags);

    if (!file) {
        object_put(object);
        return -ENOMEM;
    }
    file->object = object;
    file->node = node;
    file->seekable = true;
    *out = file;
    return 0;
}

int file_of_node(uint32_t node, uint32_t flags, struct file **file)
{
    struct node_info info;
    int error = node_get(mm_store(), node, &info);

    if (error)
        return error;
    if ((info.mode & LINUX_S_IFMT) == LINUX_S_IFDIR)
        return open_directory(node, flags, file);
    if (flags & LINUX_O_DIRECTORY)
        return -ENOTDIR;
    error = open_regular(node, flags, file);
    if (!error && flags & LINUX_O_TRUNC && (flags & LINUX_O_ACCMODE) != LINUX_O_RDONLY) {
        error = node_file_resize(*file, 0);
        if (error)
            file_put(*file);
    }
    return error;
}

static int create(const struct path_end *end, uint32_t mode, uint32_t *node)
{
    if (end->must_be_directory)
        return -EISDIR;
    if (process_current()) /* kernel threads have no mask */
        mode &= ~(uint32_t)process_current()->umask;
    mode &= 07777u;
    int error = (int)MM_RETRY(node_make(mm_store(), end->directory, end->name, LINUX_S_IFREG | mode, node));

    if (error)
        return error;
    storage_names_changed();
    return (int)MM_RETRY(node_resize(mm_store(), *node, 0, clock_real_s()));
}

int file_open(uint32_t at, const char *path, uint32_t flags, uint32_t mode, struct file **file)
{
    struct path_end end;
    int error = special_open(path, flags, file);

    if (error != -ENOENT)
        return error;
    error = path_walk(at, path, &end);
    if (error)
        return error;
    if (end.node && (flags & (LINUX_O_CREAT | LINUX_O_EXCL)) == (LINUX_O_CREAT | LINUX_O_EXCL))
        return -EEXIST;
    if (end.node)
        return file_of_node(end.node, flags, file);
    if (!(flags & LINUX_O_CREAT))
        return -ENOENT;
    error = create(&end, mode, &end.node);
    if (!error)
        error = file_of_node(end.node, flags, file);
    if (!error)
        (*file)->kind = CREATED;
    return error;
}
