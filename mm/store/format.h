/*
 * The bytes on flash, as mm/SPEC.md gives them: their structures, checks, and the repair of a single turned bit.
 *
 * Everything is little-endian, as every processor this runs on. The structures are the layout.
 */
#ifndef MM_STORE_FORMAT_H
#define MM_STORE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORMAT_VERSION      1u
#define FORMAT_UNIT         16u /* records are aligned to it; a place is a partition offset in units */
#define FORMAT_ITEM_BYTES   32u /* every stamp and record header */
#define FORMAT_BLOCK_HEADER 64u /* erase stamp, open stamp */
#define FORMAT_PAGE         4096u
#define FORMAT_NO_BLOCK     0xffffu
#define FORMAT_BLOCKS_MAX   8192u
#define FORMAT_NOBODY       UINT32_MAX /* as a record's node: it belongs to no file */

/* A payload is a whole page, or shorter than this: header and payload then fit one page of memory. */
#define FORMAT_COMPRESSED_MAX (FORMAT_PAGE - FORMAT_ITEM_BYTES)

enum record_kind {
    RECORD_SWAP = 0x53,
    RECORD_PAGE = 0x50,
    RECORD_HOLE = 0x48,
    RECORD_LOST = 0x4c,
    RECORD_COMMIT = 0x43
};

#define ERASE_MAGIC   0x456d6c56u /* "VlmE" */
#define OPEN_MAGIC    0x4f6d6c56u /* "VlmO" */
#define SUMMARY_MAGIC 0x536d6c56u /* "VlmS" */

struct erase_stamp {
    uint32_t magic;
    uint8_t version, spare[3];
    uint32_t erases; /* of this block */
    uint32_t block_bytes;
    uint64_t total; /* erases of the whole partition: the newest stamp has the most */
    int32_t credit; /* erases that the declared life still allows */
    uint32_t crc;
};

struct open_stamp {
    uint32_t magic;
    uint8_t version, stream, spare[2];
    uint64_t version_next; /* of the durable record that is written next */
    uint32_t sequence;     /* one more than that of the block opened before */
    uint16_t next[2];      /* the only blocks that may be opened next */
    uint32_t erases;       /* as in the erase stamp */
    uint32_t crc;
};

/* The last item of a full durable block; before it the headers of all its records, in their order. */
struct summary_stamp {
    uint32_t magic;
    uint8_t version, stream, spare[2];
    uint64_t version_next;
    uint32_t sequence;
    uint32_t records;
    uint32_t end; /* offset in the block behind the last record */
    uint32_t crc;
};

struct record_header {
    uint8_t kind, method;
    uint16_t length;
    uint32_t node, serial, page; /* RECORD_COMMIT: what counts (64 bits), retired blocks listed */
    uint64_t version;
    uint32_t payload_crc;
    uint32_t crc;
};

struct swap_header {
    uint8_t kind, method;
    uint16_t length;
    uint32_t slot, key;
    uint32_t crc; /* of the above; guides garbage collection, proves nothing */
    uint8_t tag[16];
};

/* Of the seed in entry 0 of the table. */
enum seed_quality { SEED_NONE, SEED_WEAK, SEED_STRONG };

struct node_entry {
    uint32_t serial; /* 0: free. Of entry 0: the next serial */
    uint32_t parent; /* 0: the name is gone */
    uint32_t mode;   /* of entry 0: enum seed_quality */
    uint8_t name_bytes;
    char name[87]; /* of entry 0: the kept seed */
    uint32_t turn; /* in RAM: how often its number was given in this boot, before; on flash 0 */
    uint64_t bytes;
    int64_t modified_s;
    uint32_t map;             /* in RAM: its pages' root cell; on flash 0 */
    uint16_t opens;           /* in RAM; on flash 0 */
    uint8_t map_height, bits; /* in RAM; on flash 0 */
};

_Static_assert(sizeof(struct erase_stamp) == FORMAT_ITEM_BYTES, "erase stamp");
_Static_assert(sizeof(struct open_stamp) == FORMAT_ITEM_BYTES, "open stamp");
_Static_assert(sizeof(struct summary_stamp) == FORMAT_ITEM_BYTES, "summary stamp");
_Static_assert(sizeof(struct record_header) == FORMAT_ITEM_BYTES, "record header");
_Static_assert(sizeof(struct swap_header) == FORMAT_ITEM_BYTES, "swap header");
_Static_assert(sizeof(struct node_entry) == 128, "node entry");

static inline uint32_t record_bytes(uint32_t length)
{
    return (FORMAT_ITEM_BYTES + length + FORMAT_UNIT - 1) & ~(FORMAT_UNIT - 1);
}

/*
 * Checks are bound to where the item lies (`place`; of stamps the block's number) and to its block's sequence (of
 * stamps 0): what is found elsewhere, or survived an erase, does not pass. The check of an item is its last four
 * bytes.
 */
void item_seal(void *item, uint32_t place, uint32_t sequence);
/* Repairs one turned bit. */
bool item_valid(void *item, uint32_t place, uint32_t sequence);

uint32_t swap_check(const struct swap_header *header, uint32_t place, uint32_t sequence);
bool swap_valid(const struct swap_header *header, uint32_t place, uint32_t sequence);

/* Turns back the one bit of `data` whose turning explains why its crc32c is `found` instead of `stored`. */
bool crc_repair(void *data, uint32_t bytes, uint32_t found, uint32_t stored);

/* By a store of our version for blocks of another size: its places are not ours. */
static inline bool stamp_of_other_size(const struct erase_stamp *stamp, uint32_t block_bytes)
{
    return stamp->version <= FORMAT_VERSION && stamp->block_bytes != block_bytes;
}

/* Whole words of memory: each block that is erased is looked at with this. */
bool is_erased(const void *data, uint32_t bytes);

#endif
