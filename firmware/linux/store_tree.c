/* The named files of the store. Inodes are what its nodes are known by. */
#include <errno.h>
#include <string.h>

#include "firmware/clock.h"
#include "firmware/linux/file.h"
#include "firmware/linux/object_file.h"
#include "firmware/linux/tree.h"
#include "firmware/storage.h"
#include "firmware/usercopy.h"

static int store_find(inode_t directory, const char *name, inode_t *inode)
{
    return (int)MM_RETRY(node_find(mm_store(), directory, name, inode));
}

/* A position is one more than the number of the entry before it. */
static int store_next(inode_t directory, uint64_t position, struct tree_entry *entry)
{
    struct node_info info;
    int error = (int)MM_RETRY(node_next(mm_store(), directory, position ? (uint32_t)position - 1 : 0, &info));

    if (error)
        return error;
    *entry = (struct tree_entry){ .inode = info.id, .mode = info.mode, .next = NODE_NUMBER(info.id) + 1 };
    memcpy(entry->name, info.name, sizeof(info.name));
    return 0;
}

static int store_place(inode_t inode, inode_t *directory, char name[TREE_NAME_MAX + 1])
{
    struct node_info info;
    int error = node_get(mm_store(), inode, &info);

    if (error)
        return error;
    if (!info.parent)
        return -ENOENT;
    *directory = info.parent;
    memcpy(name, info.name, sizeof(info.name));
    return 0;
}

static uint32_t count_directories(inode_t directory)
{
    struct node_info info = { 0 };
    uint32_t count = 0;

    while (node_next(mm_store(), directory, info.id, &info) == 0)
        count += (info.mode & LINUX_S_IFMT) == LINUX_S_IFDIR;
    return count;
}

static int store_status(inode_t inode, struct linux_stat *status)
{
    struct node_info info;
    int error = node_get(mm_store(), inode, &info);

    if (error)
        return error;
    bool directory = (info.mode & LINUX_S_IFMT) == LINUX_S_IFDIR;

    status->st_mode = info.mode;
    status->st_nlink = !info.parent ? 0 : directory ? 2 + count_directories(inode) : 1;
    status->st_size = (int64_t)object_bytes_of_node(inode, info.bytes);
    status->st_atime_s = status->st_mtime_s = status->st_ctime_s = info.modified_s;
    return 0;
}

static int store_object(inode_t inode, struct object **object)
{
    return (int)MM_RETRY(object_of_node(inode, object));
}

static int store_open_file(inode_t inode, uint32_t flags, struct file **file)
{
    struct object *object;
    int error = store_object(inode, &object);

    return error ? error : object_file(object, inode, flags, file);
}

static int store_hold(inode_t inode)
{
    node_open(mm_store(), inode);
    return 0;
}

static void store_release(inode_t inode)
{
    node_close(mm_store(), inode);
}

static int64_t store_read_link(inode_t inode, char *text, uint32_t room)
{
    struct object *object;
    int64_t bytes = store_object(inode, &object);

    if (bytes)
        return bytes;
    bytes = inode_object_link(object, text, room);
    object_put(object);
    return bytes;
}

static int store_make(inode_t directory, const char *name, uint32_t mode, inode_t *inode)
{
    int error = (int)MM_RETRY(node_make(mm_store(), directory, name, mode, inode));

    /* What was removed has its place until the next commit. */
    if ((error == -ENOSPC || error == -ENOMEM) && storage_commit() == 0)
        error = (int)MM_RETRY(node_make(mm_store(), directory, name, mode, inode));
    if (error)
        return error;
    storage_names_changed();
    return node_describe(mm_store(), *inode, mode, clock_real_s()); /* where one can be made it can be dated */
}

/* Whether its name is what it was before the caller waited. */
static bool is_still(const struct node_info *was)
{
    struct node_info now;

    return node_get(mm_store(), was->id, &now) == 0 && now.parent == was->parent && !strcmp(now.name, was->name);
}

static int names_changed(int error, struct object *held)
{
    if (!error)
        storage_names_changed();
    if (held)
        object_put(held);
    return error;
}

/* The object of a file that loses its name is held over that, so that it notices and goes with its last user. */
static int remove_once(const struct node_info *was)
{
    struct object *object = object_in_memory(was->id);

    return names_changed(is_still(was) ? node_remove(mm_store(), was->id) : -ENOENT, object);
}

static int store_remove(inode_t inode)
{
    struct node_info was;
    int error = node_get(mm_store(), inode, &was);

    return error ? error : (int)MM_RETRY(remove_once(&was));
}

static int replace_once(const struct node_info *from, const struct node_info *other)
{
    struct object *object = object_in_memory(other->id);

    return names_changed(is_still(from) && is_still(other) ? node_replace(mm_store(), from->id, other->id) : -ENOENT,
                         object);
}

static int rename_once(const struct node_info *from, inode_t directory, const char *name)
{
    return names_changed(is_still(from) ? node_rename(mm_store(), from->id, directory, name) : -ENOENT, NULL);
}

static int store_rename(inode_t inode, inode_t directory, const char *name, inode_t other)
{
    struct node_info from, replaced;
    int error = node_get(mm_store(), inode, &from);

    if (!error && other)
        error = node_get(mm_store(), other, &replaced);
    if (error)
        return error;
    return other ? (int)MM_RETRY(replace_once(&from, &replaced)) : (int)MM_RETRY(rename_once(&from, directory, name));
}

static int store_describe(inode_t inode, uint32_t mode, int64_t modified_s)
{
    int error = (int)MM_RETRY(node_describe(mm_store(), inode, mode, modified_s));

    if (!error)
        storage_names_changed();
    return error;
}

const struct tree_ops store_tree = {
    .find = store_find,
    .next = store_next,
    .place = store_place,
    .status = store_status,
    .open = store_open_file,
    .hold = store_hold,
    .release = store_release,
    .object = store_object,
    .read_link = store_read_link,
    .make = store_make,
    .remove = store_remove,
    .rename = store_rename,
    .describe = store_describe,
    .sync = storage_commit,
};
