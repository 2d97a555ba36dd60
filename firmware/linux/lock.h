/*
 * Advisory locks on files: fcntl's on ranges, of a process (its descriptor table) or of an open file, and flock's.
 *
 * Both sorts are kept apart: a lock of one never meets one of the other. What is locked is an object, so all names and
 * openings of a file agree.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_LINUX_LOCK_H
#define FIRMWARE_LINUX_LOCK_H

#include "firmware/linux/file.h"

/* fcntl's F_GETLK to F_OFD_SETLKW, by a descriptor of the calling process. */
int64_t lock_control(uint32_t descriptor, struct file *file, uint64_t command, va_t argument);
/* A process closes a descriptor of the file: its locks on it go, as POSIX wants it. */
void lock_closed(const struct files *files, const struct file *file);
/* The table is gone, and all locks of its process. */
void lock_abandoned(const struct files *files);
/* The open file is gone, and its locks with it. */
void lock_released(const struct file *file);
/* How many there are, for the check at the end. */
uint32_t lock_count(void);

#endif
