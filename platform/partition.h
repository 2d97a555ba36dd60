/*
 * Where on the flash Vellum may write. The place is found, never assumed, because the same flash may hold the board's
 * first boot stage:
 *
 *   1. a GPT on the flash (UEFI Specification 2.10, section 5.3; 512-byte blocks) with a partition of the type
 *      5ed02dab-d05b-489a-a784-369f30908573, which is Vellum's own;
 *   2. a partition labelled "vellum" in the device tree (`fixed-partitions`);
 *   3. a range known for the board (platform/partition.c has the table), if a store is found in it or it is blank, and
 *      no partition of a GPT reaches into it.
 *
 * Otherwise nothing is written to the flash, and `why` says so in words for the console.
 */
#ifndef PLATFORM_PARTITION_H
#define PLATFORM_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "hal/flash.h"
#include "platform/probe.h"

/* As many bytes of an erase block's start as the store's own check is shown. */
#define PARTITION_PEEK_BYTES 64u

struct partition {
    uint32_t start, bytes;                 /* whole erase blocks */
    const char *source;                    /* how it was found, in words */
    const char *why;                       /* when none was found */
};

/* Whether an erase block that begins with these PARTITION_PEEK_BYTES belongs to a store. */
typedef bool partition_is_store(const void *start_of_block);

/* 0, or -ENOENT with `why` set, or the flash's error with `why` set. Only reads. */
int partition_find(const struct platform *platform, struct flash *flash, partition_is_store *is_store,
                   struct partition *partition) __attribute__((warn_unused_result));

#endif
