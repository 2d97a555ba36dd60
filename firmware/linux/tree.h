/*
 * The tree of files: four kinds of inodes under one root.
 *
 *      /             store    the named files of the log
 *      +-- dev       device   null zero full random urandom console tty, and links
 *      |   `-- shm   memory
 *      +-- proc      proc     made when it is read
 *      `-- tmp       memory   files whose pages are pageable like any other
 *
 * An inode is a number, not a pointer: its kind in the top two bits, the rest is the kind's own business (of the store:
 * what it knows the node by, so NODE_ROOT is the root). One that is gone answers -ENOENT; so nobody has to hold what he only
 * remembers. Open files hold theirs.
 *
 * Locking: the kernel lock. Everything that answers an error may sleep.
 */
#ifndef FIRMWARE_LINUX_TREE_H
#define FIRMWARE_LINUX_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/linux/abi.h"
#include "firmware/linux/abi_files.h"
#include "mm/mm.h"
#include "mm/store.h"

typedef uint32_t inode_t; /* 0: none */

struct file;

enum tree_kind { TREE_STORE, TREE_MEMORY, TREE_DEVICE, TREE_PROC, TREE_KINDS };

#define INODE_BITS          NODE_ID_BITS
#define INODE(kind, number) ((inode_t)(kind) << INODE_BITS | (inode_t)(number))
#define INODE_NUMBER(inode) ((inode) & ((1u << INODE_BITS) - 1))
#define INODE_ROOT          ((inode_t)NODE_ROOT)
#define TREE_NAME_MAX       NODE_NAME_MAX

static inline enum tree_kind inode_kind(inode_t inode)
{
    return (enum tree_kind)(inode >> INODE_BITS);
}

/* /dev/console, which is also what descriptors 0 to 2 are told as. */
#define INODE_CONSOLE INODE(TREE_DEVICE, 1)

/* One entry of a directory. */
struct tree_entry {
    inode_t inode;
    uint32_t mode;
    uint64_t next; /* the position behind it */
    char name[TREE_NAME_MAX + 1];
};

/*
 * What a kind of inodes can do. Inodes are of this kind and, where a directory is asked for, directories, but they may
 * be gone: -ENOENT. A missing function answers the errno beside it.
 */
struct tree_ops {
    int (*find)(inode_t directory, const char *name, inode_t *inode);
    /* The entry at `position` or after it, 0 being the first. -ENOENT: the end. "." and ".." are not told. */
    int (*next)(inode_t directory, uint64_t position, struct tree_entry *entry);
    /* Where it is and as what; -ENOENT: it has no name any more. */
    int (*place)(inode_t inode, inode_t *directory, char name[TREE_NAME_MAX + 1]);
    int (*status)(inode_t inode, struct linux_stat *status);
    /* Any but a directory or a link. */
    int (*open)(inode_t inode, uint32_t flags, struct file **file);
    /* An open directory keeps it until release. */
    int (*hold)(inode_t inode); /* 0 */
    void (*release)(inode_t inode);
    /* The bytes of a file, with a reference: to run it. -EACCES */
    int (*object)(inode_t inode, struct object **object);
    /* A symbolic link's text without a final 0; its length. */
    int64_t (*read_link)(inode_t inode, char *text, uint32_t room);
    /* Where a link leads that is more than its text. -EINVAL: it is an ordinary one. */
    int (*follow)(inode_t inode, inode_t *target); /* -EINVAL */

    /* Changes: -EPERM. `make` of a link or a file makes it empty; of names that are there already: -EEXIST. */
    int (*make)(inode_t directory, const char *name, uint32_t mode, inode_t *inode);
    int (*remove)(inode_t inode); /* a directory: -ENOTEMPTY */
    /* `other`: what has the name now and is removed with this, so that nobody finds neither; 0: nothing has it. */
    int (*rename)(inode_t inode, inode_t directory, const char *name, inode_t other);
    int (*describe)(inode_t inode, uint32_t mode, int64_t modified_s);
    /* Makes names durable. 0 */
    int (*sync)(void);
};

extern const struct tree_ops store_tree, memory_tree, device_tree, proc_tree;

/* ---- The same for any inode, mounts and "." and ".." included ---- */

int inode_find(inode_t directory, const char *name, inode_t *inode) MUST_CHECK;
/* Position 0 is "."; -ENOENT at the end. */
int inode_next(inode_t directory, uint64_t position, struct tree_entry *entry) MUST_CHECK;
int inode_place(inode_t inode, inode_t *directory, char name[TREE_NAME_MAX + 1]) MUST_CHECK;
int inode_status(inode_t inode, struct linux_stat *status) MUST_CHECK;
bool inode_is_directory(inode_t inode);
/* Whether the name can be taken away or put elsewhere: mounts cannot. */
bool inode_is_mount(inode_t inode);

/* Opens what is there; `flags` as open's. A directory for reading only. The file has one reference. */
int inode_open(inode_t inode, uint32_t flags, struct file **file) MUST_CHECK;
int inode_object(inode_t inode, struct object **object) MUST_CHECK;
int64_t inode_read_link(inode_t inode, char *text, uint32_t room) MUST_CHECK;
int inode_follow(inode_t inode, inode_t *target) MUST_CHECK;

int inode_make(inode_t directory, const char *name, uint32_t mode, inode_t *inode) MUST_CHECK;
int inode_remove(inode_t inode) MUST_CHECK;
int inode_rename(inode_t inode, inode_t directory, const char *name, inode_t other) MUST_CHECK;
int inode_describe(inode_t inode, uint32_t mode, int64_t modified_s) MUST_CHECK;
int inode_sync(inode_t inode) MUST_CHECK;

/* The inode whose bytes the object is; 0: none. */
inode_t inode_of_object(const struct object *object);

/* Links of the kinds that keep their text in an object. */
int64_t inode_object_link(struct object *object, char *text, uint32_t room) MUST_CHECK;
int inode_write_link(inode_t link, const char *text) MUST_CHECK;

#endif
