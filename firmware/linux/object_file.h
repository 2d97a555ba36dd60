/* Regular files of any kind as open files: their bytes are an object's. */
#ifndef FIRMWARE_LINUX_OBJECT_FILE_H
#define FIRMWARE_LINUX_OBJECT_FILE_H

#include "firmware/linux/tree.h"

/* A page's index has 32 bits; nobody's flash is larger than this. */
#define FILE_BYTES_MAX (1ull << 32)

/* Takes the object's reference, also when it fails. `inode` 0: a file without a place in the tree (memfd_create). */
int object_file(struct object *object, inode_t inode, uint32_t flags, struct file **file) MUST_CHECK;
/* Its name is new, and is to be made durable when it is closed. */
void object_file_created(struct file *file);

#endif
