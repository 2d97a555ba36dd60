/*
 * A reader for the archives that boot stages leave in RAM for us: cpio, "newc" format
 * (Documentation/driver-api/early-userspace/buffer-format.rst of Linux).
 *
 *      struct cpio archive = { start, bytes, 0 };
 *      struct cpio_member member;
 *      while ((found = cpio_next(&archive, &member)) > 0) ...
 *
 * Nothing in the archive is believed: names and data of a member that is returned lie inside it. Nothing is copied.
 */
#ifndef PLATFORM_CPIO_H
#define PLATFORM_CPIO_H

#include <stdint.h>

struct cpio {
    const uint8_t *start;
    uint64_t bytes;
    uint64_t at; /* of the next member */
};

struct cpio_member {
    const char *name; /* terminated */
    uint32_t mode;    /* POSIX st_mode */
    uint32_t modified_s;
    const uint8_t *data;
    uint32_t bytes;
};

/* 1: a member; 0: the end; -EINVAL: broken from here on. */
int cpio_next(struct cpio *archive, struct cpio_member *member) __attribute__((warn_unused_result));

#endif
