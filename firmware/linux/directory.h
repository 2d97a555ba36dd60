/* Directories of any kind as open files. */
#ifndef FIRMWARE_LINUX_DIRECTORY_H
#define FIRMWARE_LINUX_DIRECTORY_H

#include "firmware/linux/tree.h"

/* Takes over what keeps the inode; NULL: no memory, and it stays the caller's. */
struct file *directory_file(inode_t inode, uint32_t flags);

/* In tree.c: gives up what an open directory held. */
void inode_release_directory(inode_t inode);

#endif
