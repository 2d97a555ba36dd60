/*
 * The tree of files in memory.
 *
 *      roots[] --children--> node --children--> ...      a node is gone with its name and its last opener
 *      table[] --by number-> node
 *
 * Numbers are never given twice, as far as anyone can see: who remembers one that is gone finds nothing.
 */
#include "firmware/linux/memory_tree.h"

#include <errno.h>
#include <string.h>

#include "firmware/clock.h"
#include "firmware/linux/file.h"
#include "firmware/linux/object_file.h"
#include "firmware/list.h"
#include "firmware/usercopy.h"
#include "mm/assert.h"

#define TABLE_LISTS 32u

struct node {
    struct list in_table, in_parent, children;
    struct node *parent;   /* NULL: it has no name any more; a root's is itself */
    struct object *object; /* NULL: a directory */
    inode_t inode;
    uint32_t mode;
    uint32_t opens;
    uint32_t serial; /* ascending: its position among the children */
    int64_t modified_s;
    char name[TREE_NAME_MAX + 1];
};

static struct pool node_pool = POOL_OF(struct node);
static struct list table[TABLE_LISTS];
static struct node roots[2];
static uint32_t last_number;

/* ---- Finding ---- */

static struct list *list_of(inode_t inode)
{
    return &table[inode % TABLE_LISTS];
}

static void root_init(struct node *root, inode_t inode)
{
    root->inode = inode;
    root->mode = LINUX_S_IFDIR | 01777u;
    root->parent = root;
    root->modified_s = clock_real_s();
    list_init(&root->children);
    list_append(list_of(inode), &root->in_table);
}

static void init(void)
{
    for (unsigned i = 0; i < TABLE_LISTS; i++)
        list_init(&table[i]);
    root_init(&roots[0], MEMORY_ROOT_TMP);
    root_init(&roots[1], MEMORY_ROOT_SHM);
    last_number = INODE_NUMBER(MEMORY_ROOT_SHM);
}

static struct node *node_of(inode_t inode)
{
    if (!last_number)
        init();
    LIST_EACH(link, list_of(inode))
    {
        struct node *node = LIST_ENTRY(link, struct node, in_table);

        if (node->inode == inode)
            return node;
    }
    return NULL;
}

static struct node *child_of(struct node *directory, const char *name)
{
    LIST_EACH(link, &directory->children)
    {
        struct node *node = LIST_ENTRY(link, struct node, in_parent);

        if (!strcmp(node->name, name))
            return node;
    }
    return NULL;
}

static bool is_directory(const struct node *node)
{
    return (node->mode & LINUX_S_IFMT) == LINUX_S_IFDIR;
}

static int memory_find(inode_t directory, const char *name, inode_t *inode)
{
    struct node *parent = node_of(directory);
    struct node *node = parent ? child_of(parent, name) : NULL;

    if (!node)
        return -ENOENT;
    *inode = node->inode;
    return 0;
}

/* A position is the serial of an entry and all that are older: so what goes meanwhile does not hide another. */
static int memory_next(inode_t directory, uint64_t position, struct tree_entry *entry)
{
    struct node *parent = node_of(directory);

    if (!parent)
        return -ENOENT;
    LIST_EACH(link, &parent->children)
    {
        struct node *node = LIST_ENTRY(link, struct node, in_parent);

        if (node->serial < position)
            continue;
        *entry = (struct tree_entry){ .inode = node->inode, .mode = node->mode, .next = (uint64_t)node->serial + 1 };
        memcpy(entry->name, node->name, sizeof(entry->name));
        return 0;
    }
    return -ENOENT;
}

static int memory_place(inode_t inode, inode_t *directory, char name[TREE_NAME_MAX + 1])
{
    struct node *node = node_of(inode);

    if (!node || !node->parent)
        return -ENOENT;
    *directory = node->parent->inode;
    memcpy(name, node->name, sizeof(node->name));
    return 0;
}

static uint32_t count_directories(const struct node *node)
{
    uint32_t count = 0;

    LIST_EACH(link, &node->children)
    count += is_directory(LIST_ENTRY(link, struct node, in_parent));
    return count;
}

static int memory_status(inode_t inode, struct linux_stat *status)
{
    struct node *node = node_of(inode);

    if (!node)
        return -ENOENT;
    status->st_mode = node->mode;
    status->st_nlink = !node->parent ? 0 : is_directory(node) ? 2 + count_directories(node) : 1;
    status->st_size = node->object ? (int64_t)object_bytes(node->object) : 0;
    status->st_atime_s = status->st_mtime_s = status->st_ctime_s = node->modified_s;
    return 0;
}

inode_t memory_inode_of(const struct object *object)
{
    for (unsigned i = 0; i < TABLE_LISTS && last_number; i++)
        LIST_EACH(link, &table[i])
        {
            const struct node *node = LIST_ENTRY(link, struct node, in_table);

            if (node->object == object)
                return node->inode;
        }
    return 0;
}

/* ---- Using ---- */

int memory_open(inode_t inode)
{
    struct node *node = node_of(inode);

    if (!node)
        return -ENOENT;
    node->opens++;
    return 0;
}

static void free_if_unused(struct node *node)
{
    if (node->parent || node->opens)
        return;
    list_remove(&node->in_table);
    if (node->object)
        object_put(node->object);
    pool_put(&node_pool, node);
}

void memory_close(inode_t inode)
{
    struct node *node = node_of(inode);

    ASSERT(node && node->opens);
    node->opens--;
    free_if_unused(node);
}

static int memory_object(inode_t inode, struct object **object)
{
    struct node *node = node_of(inode);

    if (!node)
        return -ENOENT;
    if (!node->object)
        return -EACCES;
    object_get(node->object);
    *object = node->object;
    return 0;
}

static int memory_open_file(inode_t inode, uint32_t flags, struct file **file)
{
    struct object *object;
    int error = memory_object(inode, &object);

    return error ? error : object_file(object, inode, flags, file);
}

static int64_t memory_read_link(inode_t inode, char *text, uint32_t room)
{
    struct object *object;
    int64_t bytes = memory_object(inode, &object);

    if (bytes)
        return bytes;
    bytes = inode_object_link(object, text, room);
    object_put(object);
    return bytes;
}

/* ---- Changing ---- */

static void touch(struct node *node)
{
    node->modified_s = clock_real_s();
}

static uint32_t new_number(void)
{
    do
        last_number = INODE_NUMBER(last_number + 1);
    while (last_number == 0 || node_of(INODE(TREE_MEMORY, last_number)));
    return last_number;
}

static void put_in(struct node *directory, struct node *node, const char *name)
{
    const struct node *last = LIST_ENTRY(directory->children.previous, struct node, in_parent);

    node->serial = list_empty(&directory->children) ? 0 : last->serial + 1;
    node->parent = directory;
    memset(node->name, 0, sizeof(node->name));
    strcpy(node->name, name);
    list_append(&directory->children, &node->in_parent);
    touch(directory);
}

static int new_node(uint32_t mode, struct node **out)
{
    struct node *node = pool_wait(&node_pool);
    int error = node ? 0 : -ENOMEM;

    if (!error && (mode & LINUX_S_IFMT) != LINUX_S_IFDIR)
        error = (int)MM_RETRY(object_make(0, &node->object));
    if (error) {
        if (node)
            pool_put(&node_pool, node);
        return error;
    }
    node->mode = mode;
    node->inode = INODE(TREE_MEMORY, new_number());
    list_init(&node->children);
    list_init(&node->in_parent);
    list_append(list_of(node->inode), &node->in_table);
    touch(node);
    *out = node;
    return 0;
}

static int memory_make(inode_t directory, const char *name, uint32_t mode, inode_t *inode)
{
    struct node *node, *parent;
    int error = new_node(mode, &node);

    if (error)
        return error;
    parent = node_of(directory); /* only now: making may have slept */
    error = !parent || !parent->parent ? -ENOENT : child_of(parent, name) ? -EEXIST : 0;
    if (error) {
        free_if_unused(node);
        return error;
    }
    put_in(parent, node, name);
    *inode = node->inode;
    return 0;
}

static int memory_remove(inode_t inode)
{
    struct node *node = node_of(inode);

    if (!node || !node->parent)
        return -ENOENT;
    if (!list_empty(&node->children))
        return -ENOTEMPTY;
    touch(node->parent);
    list_remove(&node->in_parent);
    node->parent = NULL;
    free_if_unused(node);
    return 0;
}

static bool is_inside(const struct node *node, const struct node *directory)
{
    while (node != directory && node->parent && node->parent != node)
        node = node->parent;
    return node == directory;
}

static int memory_rename(inode_t inode, inode_t directory, const char *name, inode_t other)
{
    struct node *node = node_of(inode), *parent = node_of(directory);
    int error = 0;

    if (!node || !node->parent || !parent || !parent->parent)
        return -ENOENT;
    if (is_inside(parent, node))
        return -EINVAL;
    if (other)
        error = memory_remove(other);
    else if (child_of(parent, name))
        error = -EEXIST;
    if (error)
        return error;
    touch(node->parent);
    list_remove(&node->in_parent);
    put_in(parent, node, name);
    return 0;
}

static int memory_describe(inode_t inode, uint32_t mode, int64_t modified_s)
{
    struct node *node = node_of(inode);

    if (!node)
        return -ENOENT;
    node->mode = (node->mode & LINUX_S_IFMT) | (mode & LINUX_S_PERMISSIONS);
    node->modified_s = modified_s;
    return 0;
}

/* ---- The end of a run ---- */

/* Some node that can go now: without children and closed. NULL: none. */
static struct node *removable(void)
{
    for (unsigned i = 0; i < TABLE_LISTS; i++)
        LIST_EACH(link, &table[i])
        {
            struct node *node = LIST_ENTRY(link, struct node, in_table);

            if (node->parent != node && list_empty(&node->children) && !node->opens)
                return node;
        }
    return NULL;
}

unsigned memory_tree_clear(void)
{
    struct node *node;

    while (last_number && (node = removable()) != NULL)
        (void)memory_remove(node->inode);
    return node_pool.used_items;
}

const struct tree_ops memory_tree = {
    .find = memory_find,
    .next = memory_next,
    .place = memory_place,
    .status = memory_status,
    .open = memory_open_file,
    .hold = memory_open,
    .release = memory_close,
    .object = memory_object,
    .read_link = memory_read_link,
    .make = memory_make,
    .remove = memory_remove,
    .rename = memory_rename,
    .describe = memory_describe,
};
