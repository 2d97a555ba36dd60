/* /dev: devices that every program may expect, and the links that stand for a process's own descriptors. */
#include <errno.h>
#include <string.h>

#include "firmware/linux/file.h"
#include "firmware/linux/job_control.h"
#include "firmware/linux/tree.h"
#include "firmware/random.h"
#include "firmware/usercopy.h"

#define CHUNK_BYTES 64u

enum device { DEVICE_NULL, DEVICE_ZERO, DEVICE_FULL, DEVICE_RANDOM, DEVICE_TTY, DEVICE_CONSOLE, DEVICE_LINK };

/* The inode's number is the place in this table and one more; 0 is the directory. */
static const struct {
    const char *name;
    enum device device;
    uint16_t number; /* Linux's major << 8 | minor */
    const char *link;
} devices[] = {
    { "console", DEVICE_CONSOLE, 0x501, NULL }, /* INODE_CONSOLE */
    { "null", DEVICE_NULL, 0x103, NULL },
    { "zero", DEVICE_ZERO, 0x105, NULL },
    { "full", DEVICE_FULL, 0x107, NULL },
    { "random", DEVICE_RANDOM, 0x108, NULL },
    { "urandom", DEVICE_RANDOM, 0x109, NULL },
    { "tty", DEVICE_TTY, 0x500, NULL },
    { "fd", DEVICE_LINK, 0, "/proc/self/fd" },
    { "stdin", DEVICE_LINK, 0, "/proc/self/fd/0" },
    { "stdout", DEVICE_LINK, 0, "/proc/self/fd/1" },
    { "stderr", DEVICE_LINK, 0, "/proc/self/fd/2" },
};
#define DEVICES (sizeof(devices) / sizeof(devices[0]))

static unsigned index_of(inode_t inode)
{
    return INODE_NUMBER(inode) - 1;
}

static uint32_t mode_of(unsigned index)
{
    return devices[index].device == DEVICE_LINK ? LINUX_S_IFLNK | 0777 : LINUX_S_IFCHR | 0666;
}

/* ---- Open devices: file->kind is the place in the table ---- */

static int64_t fill_random(struct span to)
{
    uint8_t chunk[CHUNK_BYTES];
    uint64_t done = 0;

    while (done < to.bytes) {
        uint64_t here = to.bytes - done < CHUNK_BYTES ? to.bytes - done : CHUNK_BYTES;

        random_fill(chunk, here);
        if (task_pause() || copy_out(to.space, to.at + done, chunk, here))
            return done ? (int64_t)done : -EFAULT;
        done += here;
    }
    return (int64_t)done;
}

/* A page at a time: others run while much is cleared. */
static int64_t fill_zeros(struct span to)
{
    uint64_t done = 0;

    while (done < to.bytes) {
        uint64_t here = to.bytes - done < PAGE_BYTES ? to.bytes - done : PAGE_BYTES;
        int64_t error = task_pause();

        if (error)
            ;
        else if (to.space)
            error = MM_RETRY(space_zero(to.space, to.at + done, here));
        else
            memset((void *)(to.at + done), 0, here);
        if (error)
            return done ? (int64_t)done : -EFAULT;
        done += here;
    }
    return (int64_t)done;
}

static int64_t device_read(struct file *file, struct span to, uint64_t offset)
{
    (void)offset;
    switch (devices[file->kind].device) {
    case DEVICE_NULL:
        return 0;
    case DEVICE_RANDOM:
        return fill_random(to);
    default:
        return fill_zeros(to);
    }
}

static int64_t device_write(struct file *file, struct span from, uint64_t offset)
{
    (void)offset;
    return devices[file->kind].device == DEVICE_FULL ? -ENOSPC : (int64_t)from.bytes;
}

static int device_file_status(struct file *file, struct linux_stat *status)
{
    return inode_status(file->inode, status);
}

static const struct file_ops device_ops = {
    .read = device_read,
    .write = device_write,
    .status = device_file_status,
};

/* A private mapping of this one is memory of zeros. */
static const struct file_ops zero_ops = {
    .read = device_read,
    .write = device_write,
    .status = device_file_status,
    .maps_zeros = true,
};

/* ---- The directory ---- */

static int device_find(inode_t directory, const char *name, inode_t *inode)
{
    (void)directory;
    for (unsigned i = 0; i < DEVICES; i++)
        if (!strcmp(devices[i].name, name)) {
            *inode = INODE(TREE_DEVICE, i + 1);
            return 0;
        }
    return -ENOENT;
}

static int device_next(inode_t directory, uint64_t position, struct tree_entry *entry)
{
    (void)directory;
    if (position >= DEVICES)
        return -ENOENT;
    *entry = (struct tree_entry){ .inode = INODE(TREE_DEVICE, position + 1),
                                  .mode = mode_of((unsigned)position),
                                  .next = position + 1 };
    strcpy(entry->name, devices[position].name);
    return 0;
}

static int device_place(inode_t inode, inode_t *directory, char name[TREE_NAME_MAX + 1])
{
    *directory = INODE(TREE_DEVICE, 0);
    strcpy(name, devices[index_of(inode)].name);
    return 0;
}

static int device_status(inode_t inode, struct linux_stat *status)
{
    unsigned index = index_of(inode);

    if (INODE_NUMBER(inode) == 0) {
        status->st_mode = LINUX_S_IFDIR | 0755;
        status->st_nlink = 3;
        return 0;
    }
    status->st_mode = mode_of(index);
    status->st_rdev = devices[index].number;
    if (devices[index].link)
        status->st_size = (int64_t)strlen(devices[index].link);
    return 0;
}

static int64_t device_read_link(inode_t inode, char *text, uint32_t room)
{
    const char *link = devices[index_of(inode)].link;
    size_t bytes = strlen(link);

    bytes = bytes < room ? bytes : room;
    memcpy(text, link, bytes); /* readlink(2): no final 0. NOLINT(bugprone-not-null-terminated-result) */
    return (int64_t)bytes;
}

static int open_console(uint32_t flags, struct file **file)
{
    *file = file_of_console(CONSOLE_OUT);
    if (!*file)
        return -ENOMEM;
    (*file)->flags = flags;
    return 0;
}

static int device_open(inode_t inode, uint32_t flags, struct file **out)
{
    unsigned index = index_of(inode);
    enum device device = devices[index].device;

    if (device == DEVICE_TTY && !job_has_console())
        return -ENXIO;
    if (device == DEVICE_TTY || device == DEVICE_CONSOLE)
        return open_console(flags, out);
    struct file *file = file_new(device == DEVICE_ZERO ? &zero_ops : &device_ops, flags);

    if (!file)
        return -ENOMEM;
    file->kind = (uint8_t)index;
    file->inode = inode;
    file->seekable = true;
    *out = file;
    return 0;
}

const struct tree_ops device_tree = {
    .find = device_find,
    .next = device_next,
    .place = device_place,
    .status = device_status,
    .open = device_open,
    .read_link = device_read_link,
};
