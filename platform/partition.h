/*
 * Where on the flash Vellum may write. The place is found, never assumed, because the same flash may hold the board's
 * first boot stage:
 *
 *   1. a GPT on the flash (UEFI Specification 2.10, section 5.3; 512-byte blocks) with a partition of the type
 *      5ed02dab-d05b-489a-a784-369f30908573, which is Vellum's own;
 *   2. a partition labelled "vellum" in the device tree (`fixed-partitions`);
 *   3. a range known for the board (platform/partition.c has the table), into which no partition of a GPT reaches. Only a
 *      store that is already there, or a blank range, makes it ours: the caller asks the store (store_probe()).
 *
 * Otherwise nothing is written to the flash, and `why` says so in words for the console.
 */
#ifndef PLATFORM_PARTITION_H
#define PLATFORM_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "hal/flash.h"
#include "platform/probe.h"

struct partition {
    uint32_t start, bytes; /* whole erase blocks */
    bool marked;           /* by 1 or 2: a store may be made here, whatever the range holds now */
    const char *source;    /* how it was found, in words */
    const char *why;       /* when none was found */
};

/* 0; -ENOENT with `why` set: none. A flash that cannot be read has none. Only reads; `flash` may be any kind. */
int partition_find(const struct platform *platform, struct flash *flash, struct partition *partition)
    __attribute__((warn_unused_result));

#endif
