/* The files that are in no store: /dev/null, /dev/zero, /dev/full, /dev/random, /dev/urandom, /dev/tty, /dev/console. */
#ifndef FIRMWARE_LINUX_SPECIAL_H
#define FIRMWARE_LINUX_SPECIAL_H

#include "firmware/linux/file.h"

/* -ENOENT: not one of them. */
int special_open(const char *path, uint32_t flags, struct file **file) MUST_CHECK;

#endif
