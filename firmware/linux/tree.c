/* Mounts, and what all kinds of inodes have in common. */
#include "firmware/linux/tree.h"

#include <errno.h>
#include <string.h>

#include "firmware/linux/directory.h"
#include "firmware/linux/file.h"
#include "firmware/linux/memory_tree.h"
#include "firmware/usercopy.h"

static const struct tree_ops *const kinds[TREE_KINDS] = {
    [TREE_STORE] = &store_tree,
    [TREE_MEMORY] = &memory_tree,
    [TREE_DEVICE] = &device_tree,
    [TREE_PROC] = &proc_tree,
};

static const struct mount {
    inode_t directory, root;
    const char *name;
} mounts[] = {
    { INODE_ROOT, INODE(TREE_DEVICE, 0), "dev" },
    { INODE_ROOT, INODE(TREE_PROC, 0), "proc" },
    { INODE_ROOT, MEMORY_ROOT_TMP, "tmp" },
    { INODE(TREE_DEVICE, 0), MEMORY_ROOT_SHM, "shm" },
};
#define MOUNTS (sizeof(mounts) / sizeof(mounts[0]))

/* Positions in a directory: "." and "..", the mounts, then what its kind has. */
enum { AT_DOT, AT_DOT_DOT, AT_MOUNTS, AT_ENTRIES = AT_MOUNTS + MOUNTS };

static const struct tree_ops *ops_of(inode_t inode)
{
    return kinds[inode_kind(inode)];
}

static const struct mount *mount_at(inode_t directory, const char *name)
{
    for (unsigned i = 0; i < MOUNTS; i++)
        if (mounts[i].directory == directory && !strcmp(mounts[i].name, name))
            return &mounts[i];
    return NULL;
}

static const struct mount *mount_of(inode_t root)
{
    for (unsigned i = 0; i < MOUNTS; i++)
        if (mounts[i].root == root)
            return &mounts[i];
    return NULL;
}

bool inode_is_mount(inode_t inode)
{
    return inode == INODE_ROOT || mount_of(inode);
}

/* ---- Walking ---- */

int inode_place(inode_t inode, inode_t *directory, char name[TREE_NAME_MAX + 1])
{
    const struct mount *mount = mount_of(inode);

    if (inode == INODE_ROOT) {
        *directory = INODE_ROOT;
        name[0] = 0;
        return 0;
    }
    if (!mount)
        return ops_of(inode)->place(inode, directory, name);
    *directory = mount->directory;
    strcpy(name, mount->name);
    return 0;
}

int inode_find(inode_t directory, const char *name, inode_t *inode)
{
    const struct mount *mount = mount_at(directory, name);
    char own_name[TREE_NAME_MAX + 1];

    if (!inode_is_directory(directory))
        return -ENOTDIR;
    if (!strcmp(name, ".")) {
        *inode = directory;
        return 0;
    }
    if (!strcmp(name, ".."))
        return inode_place(directory, inode, own_name);
    if (mount) {
        *inode = mount->root;
        return 0;
    }
    return ops_of(directory)->find(directory, name, inode);
}

static int fixed_entry(inode_t directory, uint64_t position, struct tree_entry *entry)
{
    const struct mount *mount = &mounts[position - AT_MOUNTS];

    *entry = (struct tree_entry){ .inode = directory, .mode = LINUX_S_IFDIR, .next = position + 1 };
    if (position < AT_MOUNTS) {
        memcpy(entry->name, "..", position == AT_DOT ? 1 : 2);
        return 0;
    }
    if (mount->directory != directory)
        return -ENOENT;
    entry->inode = mount->root;
    strcpy(entry->name, mount->name);
    return 0;
}

int inode_next(inode_t directory, uint64_t position, struct tree_entry *entry)
{
    int error;

    for (; position < AT_ENTRIES; position++)
        if (fixed_entry(directory, position, entry) == 0)
            return 0;
    do {
        error = ops_of(directory)->next(directory, position - AT_ENTRIES, entry);
        if (error)
            return error;
        entry->next += AT_ENTRIES;
        position = entry->next;
    } while (mount_at(directory, entry->name)); /* hidden by the mount */
    return 0;
}

int inode_status(inode_t inode, struct linux_stat *status)
{
    *status = (struct linux_stat){
        .st_dev = 1u + (uint64_t)inode_kind(inode), .st_ino = inode, .st_nlink = 1, .st_blksize = PAGE_BYTES
    };
    int error = ops_of(inode)->status(inode, status);

    status->st_blocks = (status->st_size + LINUX_STAT_BLOCK - 1) / LINUX_STAT_BLOCK;
    return error;
}

bool inode_is_directory(inode_t inode)
{
    struct linux_stat status;

    return inode_status(inode, &status) == 0 && (status.st_mode & LINUX_S_IFMT) == LINUX_S_IFDIR;
}

/* ---- Using ---- */

static int open_directory(inode_t inode, uint32_t flags, struct file **file)
{
    if ((flags & LINUX_O_ACCMODE) != LINUX_O_RDONLY || flags & LINUX_O_CREAT)
        return -EISDIR;
    int error = ops_of(inode)->hold ? ops_of(inode)->hold(inode) : 0;

    if (error)
        return error;
    *file = directory_file(inode, flags);
    if (*file)
        return 0;
    inode_release_directory(inode);
    return -ENOMEM;
}

void inode_release_directory(inode_t inode)
{
    if (ops_of(inode)->release)
        ops_of(inode)->release(inode);
}

int inode_open(inode_t inode, uint32_t flags, struct file **file)
{
    struct linux_stat status;
    int error = inode_status(inode, &status);

    if (error)
        return error;
    switch (status.st_mode & LINUX_S_IFMT) {
    case LINUX_S_IFDIR:
        return open_directory(inode, flags, file);
    case LINUX_S_IFLNK:
        return -ELOOP;
    }
    if (flags & LINUX_O_DIRECTORY)
        return -ENOTDIR;
    return ops_of(inode)->open(inode, flags, file);
}

int inode_object(inode_t inode, struct object **object)
{
    return ops_of(inode)->object ? ops_of(inode)->object(inode, object) : -EACCES;
}

int64_t inode_read_link(inode_t inode, char *text, uint32_t room)
{
    struct linux_stat status;
    int error = inode_status(inode, &status);

    if (error)
        return error;
    return (status.st_mode & LINUX_S_IFMT) == LINUX_S_IFLNK ? ops_of(inode)->read_link(inode, text, room) : -EINVAL;
}

int inode_follow(inode_t inode, inode_t *target)
{
    return ops_of(inode)->follow ? ops_of(inode)->follow(inode, target) : -EINVAL;
}

/* ---- Changing ---- */

int inode_make(inode_t directory, const char *name, uint32_t mode, inode_t *inode)
{
    if (mount_at(directory, name))
        return -EEXIST;
    return ops_of(directory)->make ? ops_of(directory)->make(directory, name, mode, inode) : -EPERM;
}

int inode_remove(inode_t inode)
{
    if (inode_is_mount(inode))
        return -EBUSY;
    return ops_of(inode)->remove ? ops_of(inode)->remove(inode) : -EPERM;
}

int inode_rename(inode_t inode, inode_t directory, const char *name, inode_t other)
{
    if (inode_is_mount(inode) || (other && inode_is_mount(other)))
        return -EBUSY;
    if (inode_kind(inode) != inode_kind(directory))
        return -EXDEV;
    return ops_of(inode)->rename ? ops_of(inode)->rename(inode, directory, name, other) : -EPERM;
}

int inode_describe(inode_t inode, uint32_t mode, int64_t modified_s)
{
    return ops_of(inode)->describe ? ops_of(inode)->describe(inode, mode, modified_s) : -EPERM;
}

int inode_sync(inode_t inode)
{
    return ops_of(inode)->sync ? ops_of(inode)->sync() : 0;
}

inode_t inode_of_object(const struct object *object)
{
    return object_node(object) ? object_node(object) : memory_inode_of(object);
}

/* ---- Links ---- */

int64_t inode_object_link(struct object *object, char *text, uint32_t room)
{
    return MM_RETRY(object_read(object, 0, NULL, (va_t)text, room));
}

int inode_write_link(inode_t link, const char *text)
{
    struct object *object;
    int64_t bytes = inode_object(link, &object);

    if (bytes)
        return (int)bytes;
    bytes = MM_RETRY(object_write(object, 0, NULL, (va_t)text, strlen(text)));
    if (bytes >= 0)
        bytes = MM_RETRY(object_sync(object));
    object_put(object);
    return (int)bytes;
}
