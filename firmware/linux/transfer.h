/* What read, write and their relatives share. */
#ifndef FIRMWARE_LINUX_TRANSFER_H
#define FIRMWARE_LINUX_TRANSFER_H

#include "firmware/linux/file.h"

enum way { READ, WRITE };

/* `at`: an offset that takes the place of the file's position and moves on instead of it, or NULL. */
int64_t transfer(struct file *file, enum way way, struct span span, uint64_t *at);

#endif
