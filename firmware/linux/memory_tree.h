/*
 * Files in memory: /tmp and /dev/shm. Their pages are those of objects without a node, pageable like any other, and
 * gone with the boot.
 */
#ifndef FIRMWARE_LINUX_MEMORY_TREE_H
#define FIRMWARE_LINUX_MEMORY_TREE_H

#include "firmware/linux/tree.h"

#define MEMORY_ROOT_TMP INODE(TREE_MEMORY, 1)
#define MEMORY_ROOT_SHM INODE(TREE_MEMORY, 2)

/* For a file that is open: its inode stays when its name goes, until memory_close(). -ENOENT: it is gone already. */
int memory_open(inode_t inode) MUST_CHECK;
void memory_close(inode_t inode);

/* The file whose bytes the object is; 0: none. */
inode_t memory_inode_of(const struct object *object);

/* Removes all files that no one has open, for the check at the end; how many are left. */
unsigned memory_tree_clear(void);

#endif
