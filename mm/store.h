/*
 * The store: one log for everything that has left its frame. Its newest part, the tail, is in RAM; the rest is on flash.
 * It knows slots (pages without a name, which die with the boot) and nodes (named durable files). It knows nothing of
 * page tables. The bytes on flash are in mm/SPEC.md, the reasons in mm/DESIGN.md.
 *
 * Nothing here sleeps. What would have to wait for flash answers -EAGAIN and has changed nothing: the caller lets
 * store_step() run (the firmware's write-back thread; a test's loop) and asks again. store_step() starts at most one flash
 * program or erase at a time and never waits for it. Reads are taken at once; they overtake an erase where the part can.
 *
 * Errors, everywhere: -EAGAIN as above; -EIO the medium failed or a record did not pass its check; -ENOSPC, -ENOMEM
 * refused for want of flash or RAM; others beside their function.
 *
 * Locking: the kernel lock. One instance may be used by one caller at a time; instances are independent.
 */
#ifndef MM_STORE_H
#define MM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "hal/flash.h"

#define MUST_CHECK __attribute__((warn_unused_result))

struct store;

#define STORE_TAIL_LEAST 8u

struct store_config {
    struct flash *flash;  /* NULL: no flash, the tail alone */
    uint32_t base, bytes; /* the partition: whole erase blocks inside the flash window */
    uint32_t tail_pages;  /* the tail's share of RAM, 4 KiB pages; at least STORE_TAIL_LEAST */
    /* RAM for the tail and for the maps: one zeroed, aligned 4 KiB page, or NULL. Never waits. */
    void *(*page_get)(void *context);
    void (*page_put)(void *context, void *page);
    /*
     * Asked before page_get() for what nobody promised: all but the tail and the slot table, which have their share. false:
     * it is refused. Unasked after page_put(). NULL: page_get() alone refuses.
     */
    bool (*page_ask)(void *context);
    void (*page_unask)(void *context);
    void *context;
    uint64_t life_erases_per_day;       /* 0: no declared life */
    uint64_t (*seconds)(void *context); /* since boot; NULL: no clock, and so no declared life */
};

/* ---- Life of a store ---- */

enum store_content { STORE_OURS, STORE_BLANK, STORE_FOREIGN, STORE_NEWER };

/* What the partition holds, from a bounded number of reads. -EIO. */
int store_probe(const struct store_config *config, enum store_content *content) MUST_CHECK;

/* Makes an empty store of the partition, whatever it held; erase counts that can be read are kept. */
int store_format(const struct store_config *config) MUST_CHECK;

/*
 * Opens and mounts. With flash NULL: a store of the tail alone. -ENODATA: the partition is not ours (store_probe says
 * what it is); -EPROTONOSUPPORT: a newer format; -EINVAL: the partition is too small or not whole blocks.
 */
int store_open(const struct store_config *config, struct store **store) MUST_CHECK;
/* Gives all RAM back. Durable state that was not committed is lost, as at a power cut. */
void store_close(struct store *store);

enum store_work {
    STORE_IDLE, /* nothing to do until someone writes */
    STORE_BUSY, /* an operation is in flight: come again when it ends */
    STORE_MORE, /* call again at once */
};
enum store_work store_step(struct store *store);
/* Whether the tail is above its high mark or a commit waits: the worker is to be woken. */
bool store_wants_step(const struct store *store);

/* ---- The seed: what keys are drawn from, and what the next boot may draw from ---- */

#define STORE_SEED_BYTES 32u

struct store_seed {
    uint8_t bytes[STORE_SEED_BYTES];
    bool strong; /* what its maker said of it: nobody can guess it who has not read the flash */
};

/* What an earlier boot kept. false: nothing, or no flash. */
bool store_seed_kept(const struct store *store, struct store_seed *seed);
/*
 * Keys are drawn from `now` from here on; before, none may be opened and no swap goes to flash. `next`, unless NULL, is
 * durable with the next commit, and until then no swap goes to flash either (slot_save() answers -EAGAIN when the tail is
 * full): so no two boots write under keys that were drawn from one seed. The caller commits, or, when that fails and
 * `now` is good enough without the kept seed, calls again with NULL. Both are copied.
 */
void store_seed_set(struct store *store, const uint8_t now[STORE_SEED_BYTES], const struct store_seed *next);
/* Whether `next` waits for a commit, and whether swap waits for that. */
enum store_seed_state { STORE_SEED_DONE, STORE_SEED_DUE, STORE_SEED_PRESSING };
enum store_seed_state store_seed_state(const struct store *store);

/* ---- Slots: pages without a name ---- */

typedef uint32_t slot_t;      /* 0: none */
typedef uint32_t store_key_t; /* 0: the boot's own key */

/* A key for the pages of one family of tasks; closing it makes them unreadable for ever. 0 on failure. */
store_key_t store_key_open(struct store *store);
void store_key_close(struct store *store, store_key_t key);

/*
 * Appends the page to the tail. *slot 0: a slot is allocated, with one reference. *slot one's own, with exactly one
 * reference: its record is replaced. `page` is 4 KiB, 8-byte aligned, and is not kept. -EAGAIN: the tail is full,
 * and flash is taking from it; -ENOMEM: it is full, and nothing takes from it: no flash, or swap is off.
 */
int slot_save(struct store *store, slot_t *slot, store_key_t key, const void *page) MUST_CHECK;

enum slot_source { SLOT_TAIL = 1, SLOT_FLASH = 2 };
/* Reads the page back; the record stays. A slot_source, or -EIO (never wrong bytes), or -EAGAIN. */
int slot_load(struct store *store, slot_t slot, store_key_t key, void *page) MUST_CHECK;
enum slot_source slot_where(const struct store *store, slot_t slot);

/* Shared after fork: each reference is put once; the last one frees the record. */
void slot_share(struct store *store, slot_t slot);
void slot_put(struct store *store, slot_t slot);
uint32_t slot_references(const struct store *store, slot_t slot);

/* Where a slot and its record lie: for dumps and fault injection. */
struct slot_location {
    void *entry;
    uint32_t entry_bytes;
    uint8_t *tail;    /* the record, as far as it lies in one frame; NULL: on flash, or lost */
    uint32_t address; /* of the record in the flash part */
    uint32_t bytes;   /* of the record, or of what `tail` shows; 0: lost */
};
void slot_locate(const struct store *store, slot_t slot, struct slot_location *place);

/*
 * Promises. How many pages of whatever contents the tail and the flash can hold for slots, now and until something
 * durable grows or a block dies; and the same promise made by the caller: that many slots will find their table entry,
 * their tail room and their block. -ENOMEM refused. Counted by the caller in pages; negative gives back.
 */
uint64_t store_capacity_pages(const struct store *store);
int store_promise(struct store *store, int64_t pages) MUST_CHECK;

/*
 * Swap on flash, in so many blocks at most. -EAGAIN: what is out is moving into fewer blocks, or back to the tail; -ENOSPC
 * refused: store_swap_lacks(). Also when tasks take the room on the way: the limit is then as it was.
 */
int store_swap_set(struct store *store, uint32_t blocks) MUST_CHECK;
/* How many of the pages that are out, or promised to callers, would have no room with so many blocks and the tail. */
uint64_t store_swap_lacks(const struct store *store, uint32_t blocks);

/* ---- Nodes: named durable files and directories ---- */

/*
 * A node is known by its number in the table and, above that, how often the number was given in this boot before: who
 * remembers one that is gone does not find what has its number now. At most NODE_ID_BITS.
 */
#define NODE_NUMBER_BITS 11u
#define NODE_ID_BITS     30u
#define NODE_NUMBER(id)  ((id) & ((1u << NODE_NUMBER_BITS) - 1))

#define NODE_ROOT     1u
#define NODE_NAME_MAX 87u /* bytes, without the final 0 */

struct node_info {
    uint32_t id, parent; /* parent 0: no name any more, but still open */
    uint32_t mode;       /* POSIX st_mode: kind and permissions */
    uint64_t bytes;
    int64_t modified_s;
    char name[NODE_NAME_MAX + 1];
};

/* Names are single path components. -ENOENT; -ENAMETOOLONG; -EINVAL: empty, ".", "..", or holding '/' or 0. */
int node_find(struct store *store, uint32_t parent, const char *name, uint32_t *id) MUST_CHECK;
int node_get(const struct store *store, uint32_t id, struct node_info *info) MUST_CHECK;
/* The entry of `parent` with the smallest id above `after`: for listing. -ENOENT at the end. */
int node_next(const struct store *store, uint32_t parent, uint32_t after, struct node_info *info) MUST_CHECK;

/* These change the tree in RAM at once, and on flash with the next commit. */
int node_make(struct store *store, uint32_t parent, const char *name, uint32_t mode, uint32_t *id) MUST_CHECK;
int node_remove(struct store *store, uint32_t id) MUST_CHECK;
int node_rename(struct store *store, uint32_t id, uint32_t parent, const char *name) MUST_CHECK;
/* Takes the place and the name of another node, which is removed: both with the same commit. */
int node_replace(struct store *store, uint32_t id, uint32_t other) MUST_CHECK;
int node_resize(struct store *store, uint32_t id, uint64_t bytes, int64_t modified_s) MUST_CHECK;
/* Permissions (the kind stays) and date. */
int node_describe(struct store *store, uint32_t id, uint32_t mode, int64_t modified_s) MUST_CHECK;
/* An open node keeps its pages after its name is gone. */
void node_open(struct store *store, uint32_t id);
void node_close(struct store *store, uint32_t id);

/* One page of the file as of the newest write; a page never written is zeros. -EIO, -EAGAIN. */
int node_read_page(struct store *store, uint32_t id, uint32_t index, void *page) MUST_CHECK;

/*
 * A transaction: begin (with the most pages it will write: -ENOSPC is said here and only here: no room, or the declared
 * life is used up for now), write pages, commit.
 * One at a time: others are told -EAGAIN until it has ended. Who began it ends it: from a 0 of begin on, until either
 *   commit answers other than -EAGAIN, or write answers -EIO; or
 *   abort, at any time between, even while commit answers -EAGAIN: nobody is told how that went.
 * commit answers 0 when all is on flash, -EAGAIN until then. Any other answer that ends it, and abort before the first
 * commit: nothing of the transaction has happened; begin anew. (Names, sizes and dates stay as they were set, and come
 * with the next commit.) After a cut the store is as of the last commit that answered 0, or a later one whole; one that
 * answered -EIO counts as such only where no block was left to say otherwise.
 */
int store_begin(struct store *store, uint32_t pages) MUST_CHECK;
void store_abort(struct store *store);
/* -ENOMEM and -EAGAIN have changed nothing. */
int node_write_page(struct store *store, uint32_t id, uint32_t index, const void *page) MUST_CHECK;
int store_commit(struct store *store) MUST_CHECK;

/* ---- What can be known ---- */

struct store_statistics {
    uint64_t tail_saves, tail_loads, flash_loads;
    uint64_t records_to_flash; /* swap records programmed for the first time */
    uint64_t durable_records;
    uint64_t gc_moved_records, gc_moved_bytes;
    uint64_t payload_bytes_in, payload_bytes_out; /* before and after compression */
    uint64_t bad_records, retired_blocks;
    uint32_t tail_records, tail_bytes, tail_peak_bytes, tail_pages;
    uint32_t tail_share_pages; /* the most frames that the tail will take: set aside by mm_attach() */
    uint32_t slots_used, slots_peak;
    uint32_t blocks, blocks_erased, blocks_dirty, blocks_swap, blocks_durable, blocks_bad;
    uint32_t wear_min, wear_max;
    uint64_t wear_total;
    uint32_t mount_reads, mount_read_bytes;
    uint64_t capacity_pages; /* as store_capacity_pages() */
    uint32_t promised_pages; /* of them */
    uint32_t swap_blocks_most;
    uint32_t reserve_blocks; /* kept free for collection */
    bool life_declared;
    int64_t life_erases; /* what it allows now */
};
void store_statistics(const struct store *store, struct store_statistics *out);

enum block_state { BLOCK_DIRTY, BLOCK_ERASED, BLOCK_OPEN, BLOCK_FULL, BLOCK_BAD };
enum block_stream { STREAM_HOT, STREAM_COLD, STREAM_DURABLE, STREAM_SETTLED, STREAM_COUNT };
struct block_info {
    enum block_state state;
    enum block_stream stream;
    uint32_t erases, live_bytes, used_bytes;
    uint32_t sequence;
};
int store_block(const struct store *store, uint32_t index, struct block_info *info) MUST_CHECK;

/* NULL, or the invariant of mm/DESIGN.md that does not hold. Reads RAM only. */
const char *store_check(const struct store *store);
/* The same for every live record on flash: each is read and checked. 0, or how many are bad. */
uint32_t store_verify(struct store *store);

#endif
