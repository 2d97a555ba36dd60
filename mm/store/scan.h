/*
 * Reading a partition of which nothing is known yet: block headers, and the records of durable blocks.
 */
#ifndef MM_STORE_SCAN_H
#define MM_STORE_SCAN_H

#include "mm/store/state.h"

/* While mounting, of a block: */
#define BLOCK_TABLE 32u /* holds records of the table */

struct header_scan {
    uint32_t ours, newer, other_size; /* blocks */
    uint32_t highest_erases;
    uint64_t version_next; /* the highest in any stamp */
    bool total_known;
    int32_t credit;   /* of the newest erase stamp, that of store->newest_stamp */
    uint16_t next[2]; /* announced by the newest opening */
};

/* Fills the block table from the headers. `dropped`: a block whose contents are to be forgotten, or NO_BLOCK. */
int scan_headers(struct store *store, uint32_t dropped, struct header_scan *scan);

/* One read that fails may be the bus, and is no reason to go without the store. */
int read_twice(struct store *store, uint32_t block, uint32_t offset, void *into, uint32_t bytes);

/* Walks the records of a durable block, by its summary or from header to header. `buffer` is a page. */
struct walk {
    uint32_t block;
    uint32_t offset;       /* of the next record */
    uint32_t records, end; /* by the summary */
    uint32_t summary;      /* its offset; 0: there is none */
    uint32_t index;
    uint32_t buffered; /* the first header in `buffer`; UINT32_MAX: none */
    uint8_t *buffer;
};

int walk_begin(struct store *store, uint32_t block, uint8_t *buffer, struct walk *walk);
/* 1: a record; 0: the end; or -EIO. */
int walk_next(struct store *store, struct walk *walk, struct record_header *header, uint32_t *place);

#endif
