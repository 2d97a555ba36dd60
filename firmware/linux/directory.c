/* Open directories: file->offset is the position of the entry to be told next. */
#include "firmware/linux/directory.h"

#include <errno.h>
#include <string.h>

#include "firmware/linux/file.h"
#include "firmware/usercopy.h"

static uint8_t entry_type(uint32_t mode)
{
    return (uint8_t)((mode & LINUX_S_IFMT) >> LINUX_DT_SHIFT);
}

static int64_t put_entry(const struct tree_entry *entry, struct span to)
{
    union {
        struct linux_dirent64 entry;
        uint8_t bytes[LINUX_DIRENT_NAME + TREE_NAME_MAX + 8];
    } out;
    size_t name = strlen(entry->name) + 1;
    size_t bytes = (LINUX_DIRENT_NAME + name + 7) & ~(size_t)7;

    if (bytes > to.bytes)
        return -EINVAL;
    memset(&out, 0, sizeof(out));
    out.entry = (struct linux_dirent64){ entry->inode, (int64_t)entry->next, (uint16_t)bytes, entry_type(entry->mode) };
    memcpy(out.bytes + LINUX_DIRENT_NAME, entry->name, name);
    return copy_out(to.space, to.at, &out, bytes) ? -EFAULT : (int64_t)bytes;
}

static int64_t directory_list(struct file *file, struct span to)
{
    struct tree_entry entry;
    inode_t parent;
    int64_t done = 0;

    if (inode_place(file->inode, &parent, entry.name))
        return -ENOENT; /* it was removed */
    while (inode_next(file->inode, file->offset, &entry) == 0) {
        int64_t bytes = put_entry(&entry, to);

        if (bytes < 0)
            return done ? done : bytes;
        file->offset = entry.next;
        to.at += (uint64_t)bytes;
        to.bytes -= (uint64_t)bytes;
        done += bytes;
    }
    return done;
}

static int64_t directory_read(struct file *file, struct span to, uint64_t offset)
{
    (void)file, (void)to, (void)offset;
    return -EISDIR;
}

static int directory_status(struct file *file, struct linux_stat *status)
{
    return inode_status(file->inode, status);
}

static int directory_sync(struct file *file)
{
    return inode_sync(file->inode);
}

static void directory_release(struct file *file)
{
    inode_release_directory(file->inode);
}

static const struct file_ops directory_ops = {
    .read = directory_read,
    .status = directory_status,
    .sync = directory_sync,
    .list = directory_list,
    .release = directory_release,
};

struct file *directory_file(inode_t inode, uint32_t flags)
{
    struct file *file = file_new(&directory_ops, flags);

    if (!file)
        return NULL;
    file->inode = inode;
    file->seekable = true;
    return file;
}
