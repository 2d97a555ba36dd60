/*
 * hal/flash.h over a file on the host: the flash image of an emulator or of a programmer. A NOR that never fails and
 * takes no time: erased bytes read 0xff, a program only clears bits.
 *
 * A file opened for reading is mapped privately: whatever the store writes while it is looked at stays in memory, and
 * the file is not touched.
 */
#ifndef PLATFORM_IMAGE_FILE_FLASH_H
#define PLATFORM_IMAGE_FILE_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#include "hal/flash.h"

struct file_flash {
    struct flash flash; /* give this to the store */
    uint8_t *bytes;     /* the whole file, mapped */
    uint32_t size_bytes;
    int descriptor;
};

/*
 * Maps the file, whatever its size; the geometry is set afterwards. Writable: an exclusive lock is taken, which an
 * emulator that runs on the file refuses: -EAGAIN. -EFBIG: 4 GiB or more. -EINVAL: empty. Else the host's errno.
 */
int file_flash_open(struct file_flash *file, const char *path, bool writable) __attribute__((warn_unused_result));

/* Makes a new file of `size_bytes` of erased flash, mapped writable. -EEXIST: there is one already. */
int file_flash_create(struct file_flash *file, const char *path, uint32_t size_bytes)
    __attribute__((warn_unused_result));

/* The part as a board sees it, and the range of it that may be written. -EINVAL: not whole erase blocks, or outside. */
int file_flash_shape(struct file_flash *file, const struct flash_geometry *geometry, uint32_t start, uint32_t bytes)
    __attribute__((warn_unused_result));

/* Writes back and unmaps. The error of the host, if it could not. */
int file_flash_close(struct file_flash *file) __attribute__((warn_unused_result));

#endif
