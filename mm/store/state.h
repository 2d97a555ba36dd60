/*
 * Inside the store: its state, and what its files offer one another. mm/store.h is what others see.
 *
 *   slot.c, load.c, node.c    what callers ask
 *   tail.c    map.c  key.c    what is in RAM: records not yet on flash; places of a node's pages; keys of swap
 *   commit.c  gc.c  promise.c why records are written
 *   record.c  stream.c        how: one record at a time, from the work page, to the end of a stream;
 *   durable.c                 ... of durable ones, how they are read back, and their blocks' summaries
 *   block.c   operation.c     blocks erased and opened; one flash operation at a time
 *   format.c  mount.c         the bytes; how they are found again
 *
 * Everything is guarded by the kernel lock.
 */
#ifndef MM_STORE_STATE_H
#define MM_STORE_STATE_H

#include "mm/store.h"
#include "mm/assert.h"
#include "mm/store/format.h"
#include "mm/store/seal.h"

#define NO_BLOCK UINT32_MAX
#define NO_PLACE 0u /* unit 0 is the header of block 0 */

/* ---- Blocks ---- */

struct block {
    uint32_t erases;
    uint32_t sequence;      /* of its opening; 0: not open since its erase */
    uint16_t live, records; /* records that something points at; all */
    uint16_t used;          /* units, header included */
    uint8_t state;          /* enum block_state */
    uint8_t bits;           /* enum block_stream, and below */
};

#define BLOCK_STREAM_MASK 3u
#define BLOCK_VOID        4u /* holds records of a transaction that did not end, or will if the one under way does not */
#define BLOCK_FAILING     8u   /* a program failed: what lives here moves, then it is BAD */
#define BLOCK_STUCK       32u  /* a record of it could not be read or moved: again when the part has erased a block */
#define BLOCK_SUSPECT     128u /* looks erased, may hold half a stamp: nothing is opened before it is erased */
#define BLOCK_UNSTAMPED   64u  /* nothing on flash tells its erases: the last one may have been cut, or never was */
#define BLOCK_FILES \
    16u /* holds what a commit in doubt may need: neither collected nor erased until it is written anew */

#define BLOCKS_PER_PAGE (FORMAT_PAGE / (uint32_t)sizeof(struct block))
#define BLOCK_PAGES     (FORMAT_BLOCKS_MAX / BLOCKS_PER_PAGE)

/* ---- One operation at a time ---- */

enum operation_kind {
    OPERATION_NONE,
    OPERATION_ERASE,
    OPERATION_STAMP,
    OPERATION_OPEN,
    OPERATION_DATA,
    OPERATION_SUMMARY
};

struct operation {
    enum operation_kind kind;
    uint32_t block;
    uint32_t bytes;
    enum block_stream stream;
    uint16_t next[2]; /* opening: what it announces */
    struct flash_request request;
};

struct eraser {
    uint32_t block;   /* NO_BLOCK: idle */
    uint32_t checked; /* bytes found blank after the erase */
    bool doubted;     /* what comes next was not, or could not be read, and is looked at once more */
};

/* ---- Streams ---- */

#define CARRY_BYTES 256u
#define PENDING_MAX 8u /* 48-byte records that can end in one carry, and the one being written */

/* A swap record whose end is not programmed yet. */
struct pending {
    uint32_t end; /* offset in the block */
    uint32_t place, old;
    slot_t slot;
    uint16_t units;
    uint8_t old_where;
};

struct stream {
    uint32_t block;                      /* NO_BLOCK: none open */
    uint32_t end;                        /* offset behind what was appended */
    uint32_t programmed;                 /* offset behind what is on flash; a unit's end */
    uint32_t summary_read, summary_next; /* closing a durable block: offsets of records, */
    uint32_t summary_write;              /* ... and of the summary; 0: not closing */
    bool doubted;                        /* what the summary is made of could not be read: once more */
    uint32_t moved_from;                 /* where the last record came from, if collection has moved it; NO_PLACE */
    uint32_t pending_count;
    struct pending pending[PENDING_MAX];
    uint8_t carry[CARRY_BYTES]; /* the block's page that `end` is in; all ones behind it */
};

/* ---- The one record being written ---- */

enum append_state { APPEND_IDLE, APPEND_START, APPEND_RUN, APPEND_VERIFY };

struct append {
    enum append_state state;
    enum block_stream stream;
    uint8_t kind, method;
    uint16_t length;
    bool moved;             /* by garbage collection */
    bool doubted;           /* what was read back was not what was written, or nothing: once more */
    uint32_t total, cursor; /* bytes, padding included; bytes handed to the stream */
    uint32_t place, old;
    uint8_t old_where;   /* of a slot */
    uint32_t owner, key; /* slot or node */
    uint32_t serial, page, payload_crc;
    uint64_t version; /* 0: take the next */
    union {
        struct record_header header;
        struct swap_header swap;
        uint8_t bytes[FORMAT_ITEM_BYTES];
    };
};

/* ---- Tail ---- */

#define TAIL_DIRECTORIES 16u
#define PAGE_POINTERS    (FORMAT_PAGE / (uint32_t)sizeof(void *))

struct tail_frame {
    uint16_t live;  /* live records that touch it */
    uint16_t first; /* offset of the first record that begins in it; 0: none */
    uint32_t spare;
};

struct tail_record {
    slot_t slot;
    store_key_t key;
    uint16_t length;
    uint8_t method;
    uint8_t head; /* sum of the fields above: what a walk along the tail goes by */
    uint32_t sum; /* of the payload */
};

struct cursor {
    uint32_t frame, offset; /* frames are counted on for ever; offset 0: its first record */
};

struct tail {
    struct tail_frame **ring[TAIL_DIRECTORIES];
    uint32_t ring_frames;     /* a power of two */
    uint32_t pages_max, high; /* frames that it may have; frames above which it is written back */
    uint32_t pages;
    uint32_t oldest;    /* frame */
    struct cursor end;  /* where the next record begins */
    struct cursor scan; /* write-back goes on here */
    uint32_t records, bytes;
    bool pinched; /* RAM was refused: write back although below the mark */
};

/* ---- Slots, keys, nodes ---- */

enum slot_place { PLACE_FREE, PLACE_TAIL, PLACE_FLASH, PLACE_LOST };

struct slot_entry {
    uint32_t place; /* of the tail: 8-byte units; free: the next free slot */
    uint16_t references;
    uint16_t units; /* of its record, 16 bytes on flash and 8 in the tail; above them its heat, and enum slot_place */
};

#define SLOT_WHERE_SHIFT 14u
#define SLOT_HEAT_SHIFT  11u
#define SLOT_HEAT_MOST   7u /* grows with each new version, shrinks with each move by collection */
#define SLOT_HEAT_FIRST  2u /* of a new slot */
#define SLOT_HEAT_HOT    3u /* from this on, records go to HOT */
#define SLOTS_PER_PAGE   (FORMAT_PAGE / (uint32_t)sizeof(struct slot_entry))
#define SLOT_PAGES       (PAGE_POINTERS)
#define SLOTS_MOST       (SLOT_PAGES * SLOTS_PER_PAGE - 1)

struct key_entry {
    uint8_t key[SEAL_KEY_BYTES];
    uint32_t id; /* 0: free */
    uint32_t generation;
};

#define KEYS_PER_PAGE (FORMAT_PAGE / (uint32_t)sizeof(struct key_entry))
#define KEY_PAGES     16u

#define CELL_FAN       16u
#define CELL_BITS      4u
#define CELLS_PER_PAGE (FORMAT_PAGE / (CELL_FAN * 4u))
#define CELL_PAGES     64u

#define MAP_HOLE 0x80000000u /* a place of a hole's record; alone: the record is not written yet */

#define NODES_PER_PAGE (FORMAT_PAGE / (uint32_t)sizeof(struct node_entry))
#define NODE_PAGES     64u
#define NODE_TABLE     0u

#define NODE_GONE_LATER 1u         /* node_entry.bits: removed, but the newest commit still names it */
#define NODE_UNREADABLE 2u         /* ... its table page was damaged: the number is not given again */
#define NODE_PAGES_MAX  (1u << 24) /* of one node: 64 GiB */

_Static_assert(NODE_PAGES *NODES_PER_PAGE == 1u << NODE_NUMBER_BITS, "numbers");

struct nodes {
    struct node_entry *pages[NODE_PAGES];
    uint64_t dirty; /* table pages, a bit each */
    uint64_t lost;  /* those whose record was lost during a commit: dirty once that has ended */
    uint32_t page_count;
    uint32_t turn; /* of numbers in pages that are not there: what none of them has had */
    uint32_t *cell_pages[CELL_PAGES];
    uint16_t cell_used[CELL_PAGES];
    uint32_t free_cell; /* 0: none */
};

/* ---- Transactions ---- */

enum transaction_state {
    TRANSACTION_NONE,
    TRANSACTION_WANTED,
    TRANSACTION_OPEN,
    TRANSACTION_GIVEN_UP, /* taken back as soon as the work page is free */
    TRANSACTION_COMMITTING,
    TRANSACTION_DONE,
    TRANSACTION_FAILED
};

/* What the next commit makes true, or a failure takes back. */
struct change {
    uint32_t node;
    uint32_t page; /* of a dropped map: its height */
    uint32_t old;  /* the map entry before; of a dropped map: its root */
    uint32_t new;  /* CHANGE_TRIM, CHANGE_DROP, or the map entry after a write */
};

#define CHANGE_TRIM      0xffffffffu
#define CHANGE_DROP      0xfffffffeu
#define CHANGES_PER_PAGE ((FORMAT_PAGE - 16u) / (uint32_t)sizeof(struct change))

struct change_page {
    struct change_page *before;
    uint32_t count;
    uint32_t spare;
    struct change changes[CHANGES_PER_PAGE];
};

struct transaction {
    enum transaction_state state;
    uint32_t pages_left;
    uint32_t blocks;                /* erased blocks set aside */
    uint32_t commit_records;        /* of the pair, written */
    uint32_t commit_place[2];       /* of the pair being written */
    uint64_t commit_counts;         /* what it says */
    uint32_t commit_listed;         /* bad blocks that it lists */
    bool refused;                   /* the store could not be brought to where one can begin */
    bool told;                      /* nobody asks for its end: a write has said it, or its maker has given up */
    struct change_page *changes;    /* newest page first */
    struct change_page *spare;      /* pages for more */
    struct change_page *holes_page; /* committing: how far holes have been written */
    uint32_t holes_at;
};

/* ---- All of it ---- */

struct collector {
    uint32_t victim, cursor; /* block, offset in it */
    uint32_t doubted;      /* place of the header or payload that did not pass its check, and is being read once more */
    bool due;              /* a block has changed since the last look */
    uint32_t wear_holdoff; /* erases until the next collection for wear alone */
};

struct store {
    struct store_config config;
    struct flash *flash;
    uint32_t block_bytes, block_count;
    uint32_t units_shift; /* log2 of a block's units */
    uint8_t *work;        /* payload of the record being written */
    uint8_t *bounce;      /* scratch within one call */
    struct block *blocks[BLOCK_PAGES];
    uint32_t erased, bad; /* blocks */
    uint32_t listed;      /* of the bad ones, by the newest commit */
    uint32_t sequence;    /* of the newest opening */
    uint32_t newest;      /* the block it opened */
    uint16_t next[2];     /* announced by it: the only blocks that may be opened next */
    bool announced;       /* false: nothing was, any may be */
    bool silent;          /* the part did not take what was begun last: in this step nothing can be done */
    bool stalled;         /* the last step found nothing to do, and nothing was saved or put since */
    bool writing;         /* this boot has wanted a block opened: from then on they are erased ahead of need */
    struct operation operation;
    uint8_t stamp[FORMAT_ITEM_BYTES]; /* of the operation in flight */
    struct eraser eraser;
    struct stream streams[STREAM_COUNT];
    struct append append;
    struct collector collector;
    struct tail tail;
    struct slot_entry **slots;
    uint32_t slot_pages, slot_free, slots_used;
    uint8_t boot_key[SEAL_KEY_BYTES];
    uint8_t random[STORE_SEED_BYTES];
    bool seeded;   /* keys may be drawn */
    bool seed_due; /* the next boot's seed is not committed: no swap record is written */
    struct key_entry *keys[KEY_PAGES];
    uint32_t keys_count;
    struct nodes *nodes;
    struct transaction transaction;
    uint64_t version_next;    /* of the durable record that is written next */
    uint64_t counts;          /* records up to this version count */
    uint32_t commit_place[2]; /* of the pair that says so */
    bool doubt;               /* the newest commit on flash may not be ours: write ours again first */
    bool doubt_pressing;      /* ... now: files or space want to go on */
    uint32_t swap_blocks_max, swap_blocks_before; /* limit; the last one that swap kept to */
    uint32_t swap_refused;                        /* a limit that swap could not be brought to; UINT32_MAX: none */
    uint32_t promised_pages;
    uint64_t erases_total;
    uint32_t newest_stamp; /* the block erased last, whose stamp keeps the credit */
    int64_t credit;        /* erases left of the declared life, in 1/86400 */
    uint64_t credit_s;     /* when it was last added to */
    bool credit_kept;      /* a stamp of this boot keeps it, or there was none to lose */
    struct store_statistics statistics;
};

#define SECONDS_PER_DAY 86400

_Static_assert(sizeof(struct store) <= FORMAT_PAGE, "one page");
_Static_assert(sizeof(struct nodes) <= FORMAT_PAGE, "one page");
_Static_assert(sizeof(struct change_page) <= FORMAT_PAGE, "one page");
_Static_assert(sizeof(struct slot_entry) == 8, "slot entry");

/* ---- store.c ---- */

void *page_get(struct store *store);
void page_put(struct store *store, void *page);
/* The same for what is in no share: nodes, their maps, keys, changes. */
void *page_get_asked(struct store *store);
void page_put_asked(struct store *store, void *page);
/* A store without a tail, of which nothing is known yet. On failure, too, *made is to be closed if not NULL. */
int store_allocate(const struct store_config *config, struct store **made);

/* ---- operation.c: one flash operation at a time ---- */

/* STORE_BUSY: in flight, or refused for now: its effect comes in operation_ended(). */
enum store_work operation_program(struct store *store, enum operation_kind kind, uint32_t block, uint32_t offset,
                                  const void *from, uint32_t bytes);
/* false: the part is at something else, and nothing was begun. */
bool operation_erase(struct store *store, uint32_t block);
/* Looks at the one in flight. STORE_IDLE: none; STORE_MORE: it has ended and was dealt with. */
enum store_work operation_poll(struct store *store);
int read_block(struct store *store, uint32_t block, uint32_t offset, void *into, uint32_t bytes);

/* ---- block.c ---- */

struct block *block_at(const struct store *store, uint32_t block);

static inline enum block_stream block_stream_of(const struct block *block)
{
    return (enum block_stream)(block->bits & BLOCK_STREAM_MASK);
}

static inline bool stream_durable(enum block_stream stream)
{
    return stream >= STREAM_DURABLE;
}

uint32_t place_of(const struct store *store, uint32_t block, uint32_t offset);
uint32_t place_block(const struct store *store, uint32_t place);
uint32_t place_offset(const struct store *store, uint32_t place);
struct block *block_of_place(const struct store *store, uint32_t place);

/* A record at `place` came alive, or died: the block that holds nothing alive any more is dirty. */
void block_live(struct store *store, uint32_t place);
void block_died(struct store *store, uint32_t place);
void block_close(struct store *store, uint32_t index);
void block_failed(struct store *store, uint32_t index);
bool block_erasable(const struct store *store, uint32_t block);
/* The dirty block that is erased next; NO_BLOCK: none may be. */
uint32_t eraser_choose(const struct store *store);
/* Erases one dirty block, step by step. STORE_IDLE: there is none. */
enum store_work eraser_step(struct store *store, bool begin);
void eraser_erased(struct store *store, int status);
void eraser_stamped(struct store *store, int status);
/* The erased block that `stream` may open and should; NO_BLOCK. */
uint32_t block_choose(const struct store *store, enum block_stream stream);
/* Which blocks may be opened after `opening`. */
void block_announce(const struct store *store, uint32_t opening, uint16_t next[2]);

/* ---- stream.c ---- */

void stream_reset(struct stream *stream);
bool stream_fits(const struct store *store, enum block_stream stream, uint32_t bytes);
/* true: `bytes` fit. Else *work is what was begun for it; STORE_IDLE: it waits for an erased block. */
bool stream_ready(struct store *store, enum block_stream stream, uint32_t bytes, enum store_work *work);
/* Programs what is carried. STORE_IDLE: nothing is. */
enum store_work stream_flush(struct store *store, enum block_stream index);
void stream_opened(struct store *store, enum block_stream index, uint32_t number, int status);
void stream_programmed(struct store *store, enum block_stream index, uint32_t bytes, int status);
/* The block is erased: no record that waits for its end on flash came from there and is alive. */
void pending_forget(struct store *store, uint32_t block);
/* Ends the stream's block because a program in it failed; or, not `failed`, what is in it cannot be read back now. */
void stream_break(struct store *store, enum block_stream index, bool failed);
/* Ends its block, step by step. */
enum store_work stream_close(struct store *store, enum block_stream index);
/* Ends it without a summary, for what was written last is void. */
void stream_abandon(struct store *store, enum block_stream index);
/*
 * `block` is to be erased: something comes behind the record that was moved out of it last. STORE_IDLE: that is so. The
 * append is idle.
 */
enum store_work stream_back(struct store *store, uint32_t block);
bool stream_open_to_all(const struct store *store, enum block_stream stream);
bool stream_busy(const struct store *store, uint32_t block);

/* ---- durable.c: what a durable record and its block end with ---- */

/* The durable record that was written is read back. */
enum store_work append_verify(struct store *store);
/* The next piece of the summary of a stream that is being closed. */
enum store_work summary_step(struct store *store, enum block_stream index);
void stream_summarised(struct store *store, enum block_stream index, uint32_t bytes, int status);

/* ---- record.c: the record being written ---- */

enum store_work append_step(struct store *store);
/* The stream has lost its block: what was being written to it is given up, or begins anew elsewhere. */
void append_broken(struct store *store, enum block_stream stream);
void pending_landed(struct store *store, const struct pending *pending);
/* From the tail; payload already in the work page. */
void append_swap(struct store *store, enum block_stream stream, const struct tail_record *record, uint32_t old,
                 enum slot_place old_where);
/* A durable record: kind, method, length, node (owner), serial, page; the payload in the work page. */
void append_durable(struct store *store, enum block_stream stream, const struct append *what);
/* Reads and checks. 0, -EIO, -EAGAIN. `length` bytes of payload go to `into`. */
int record_read_header(struct store *store, uint32_t place, struct record_header *header);
int record_read_payload(struct store *store, uint32_t place, const struct record_header *header, void *into);
/* The page of a swap record: 0, -EIO, -EAGAIN. */
int swap_read(struct store *store, slot_t slot, const struct slot_entry *entry, store_key_t key, void *page);
/* Opens the payload of a swap record in place. */
int swap_open(struct store *store, const struct swap_header *header, uint32_t place, void *payload);

/* ---- tail.c: what is appended and dies; load.c: what is read ---- */

#define TAIL_UNITS_PER_FRAME (FORMAT_PAGE / 8) /* a place is a frame's number and an offset in such units */
#define TAIL_PLACE_FRAMES    (UINT32_MAX / TAIL_UNITS_PER_FRAME) /* what it keeps of the number */

static inline struct tail_frame **tail_frame_slot(const struct tail *tail, uint32_t frame)
{
    uint32_t index = frame & (tail->ring_frames - 1);

    return &tail->ring[index / PAGE_POINTERS][index % PAGE_POINTERS];
}

/* Sum of a record's header: each bit turns one bit of it. */
static inline uint8_t tail_head_sum(const struct tail_record *record)
{
    uint32_t sum = record->slot ^ record->key ^ ((uint32_t)record->method << 16 | record->length);

    sum ^= sum >> 16;
    return (uint8_t)(sum ^ sum >> 8);
}

/* A payload takes whole words. */
static inline uint32_t tail_padded(uint32_t length)
{
    return (length + 7u) & ~7u;
}

/* Fills in what protects the record while it lies in RAM, and pads the payload. */
void tail_protect(struct tail_record *record, uint8_t *payload);
/* The slot's record; NULL: what lies there is not, or not any more. */
const struct tail_record *tail_find(const struct store *store, uint32_t place, slot_t slot);
/* The payload, in one piece: in the tail itself, or copied to `into`. NULL: bits of it have turned. */
const void *tail_payload(const struct store *store, uint32_t place, void *into);

int tail_init(struct store *store);
void tail_free(struct store *store);
/* -EAGAIN: full, and flash will take from it; -ENOMEM: full for good. */
int tail_make_room(struct store *store, bool writes_back);
/* -EAGAIN: full; -ENOMEM. */
int tail_append(struct store *store, const struct tail_record *record, const void *payload, uint32_t *place);
const struct tail_record *tail_at(const struct store *store, uint32_t place);
/* The record there, so far as it lies in its first frame. */
uint8_t *tail_locate(const struct store *store, uint32_t place, uint32_t *bytes);
void tail_died(struct store *store, uint32_t place, uint32_t units);
/* Of 8 bytes, for a payload of `length`. */
uint32_t tail_units(uint32_t length);
/* The next live record to write back. */
bool tail_oldest(struct store *store, uint32_t *place);
void tail_rewind(struct store *store);
bool tail_thin(const struct store *store);
/* Moves the oldest live record to the end. */
bool tail_compact(struct store *store);
uint32_t tail_capacity_pages(const struct store *store);
bool tail_above_mark(const struct store *store);
const char *tail_check(const struct store *store);

/* ---- slot.c ---- */

static inline struct slot_entry *slot_at(const struct store *store, slot_t slot)
{
    return &store->slots[slot / SLOTS_PER_PAGE][slot % SLOTS_PER_PAGE];
}

static inline enum slot_place slot_place_of(const struct slot_entry *entry)
{
    return (enum slot_place)(entry->units >> SLOT_WHERE_SHIFT);
}

static inline uint32_t slot_units(const struct slot_entry *entry)
{
    return entry->units & ((1u << SLOT_HEAT_SHIFT) - 1);
}

static inline uint32_t slot_heat(const struct slot_entry *entry)
{
    return entry->units >> SLOT_HEAT_SHIFT & SLOT_HEAT_MOST;
}

/* Where its records go. */
static inline enum block_stream slot_stream(const struct slot_entry *entry)
{
    return slot_heat(entry) >= SLOT_HEAT_HOT ? STREAM_HOT : STREAM_COLD;
}

/* One that somebody holds. */
struct slot_entry *slot_held(const struct store *store, slot_t slot);

bool slot_is_at(const struct store *store, slot_t slot, enum slot_place where, uint32_t place);
/* Moves the slot's record: the old place dies. */
void slot_move(struct store *store, slot_t slot, enum slot_place where, uint32_t place, uint32_t units);
void slot_cool(struct slot_entry *entry);
void slot_lose(struct store *store, slot_t slot);
/* The slot whose record of that kind is the first one in [first, end). */
bool slot_next_in(const struct store *store, enum slot_place where, uint32_t first, uint32_t end, uint32_t *place,
                  slot_t *slot);
int slots_init(struct store *store);
void slots_free(struct store *store);

/* ---- key.c ---- */

#define KEY_GENERATION_SHIFT 12u /* of a key's number; below it its index + 1 */

/* NULL: closed. Key 0, the boot's own, has none. */
static inline struct key_entry *key_entry_find(const struct store *store, store_key_t key)
{
    uint32_t index = (key & ((1u << KEY_GENERATION_SHIFT) - 1)) - 1;
    struct key_entry *page;

    if (index >= KEYS_PER_PAGE * KEY_PAGES)
        return NULL;
    page = store->keys[index / KEYS_PER_PAGE];
    return page && page[index % KEYS_PER_PAGE].id == key ? &page[index % KEYS_PER_PAGE] : NULL;
}

/* NULL: closed. */
const uint8_t *key_find(const struct store *store, store_key_t key);
void keys_free(struct store *store);

/* ---- map.c: the places of a node's pages ---- */

uint32_t map_get(const struct store *store, const struct node_entry *node, uint32_t page);
/* Makes sure that map_set() of this page cannot fail. -ENOMEM. */
int map_reserve(struct store *store, struct node_entry *node, uint32_t page);
void map_set(struct store *store, const struct node_entry *node, uint32_t page, uint32_t value);
/* The first page at or after *page with an entry. */
bool map_next(const struct store *store, uint32_t root, uint32_t height, uint32_t *page, uint32_t *entry);
void map_drop(struct store *store, uint32_t root, uint32_t height);

/* ---- node.c ---- */

int nodes_init(struct store *store);
int nodes_grow(struct store *store, uint32_t page_count);
void nodes_free(struct store *store);
/* Any entry, by number or id, free ones and NODE_TABLE's too; NULL: beyond the table. */
struct node_entry *node_at(const struct store *store, uint32_t id);
/* The node that callers know by this id; NULL: it is gone, or the table itself. */
struct node_entry *node_live(const struct store *store, uint32_t id);
/* What callers know the node of this number by. */
uint32_t node_id(const struct store *store, uint32_t number);
/* Keeps the seed with the next commit; no transaction has begun. */
void node_table_seed(struct store *store, const struct store_seed *seed);
/* The node that a durable record belongs to; NULL: none any more. */
struct node_entry *node_of(const struct store *store, uint32_t id, uint32_t serial);
/* The first page of any node whose record lies in [first, end). */
bool node_next_in(const struct store *store, uint32_t first, uint32_t end, uint32_t *place, uint32_t *id,
                  uint32_t *page);
void nodes_committed(struct store *store);

/* ---- commit.c: transactions; change.c: what a commit finishes or a failure takes back ---- */

enum store_work commit_step(struct store *store);
/* The durable record that was being written is on flash. */
void commit_landed(struct store *store, const struct append *append);
/* No block could be had for it. */
void commit_failed(struct store *store);
/* Has one begun that is neither durable nor taken back? */
static inline bool transaction_runs(const struct store *store)
{
    return store->transaction.state >= TRANSACTION_OPEN && store->transaction.state <= TRANSACTION_COMMITTING;
}

/* Is there something that the next commit will finish? */
bool commit_pending(const struct store *store);
/* Is a page of this node being written? */
bool node_writing(const struct store *store, uint32_t id);
/* Does a caller wait for what only an erased block can bring on? */
bool transaction_stuck(const struct store *store);
/* Nobody's payload is in the work page. */
bool work_page_free(const struct store *store);

/* Makes room for `count` of them. -ENOMEM. */
int change_reserve(struct store *store, uint32_t count);
void change_add(struct store *store, uint32_t node, uint32_t page, uint32_t old, uint32_t new);
/* Has the record at `place` been written since the last commit? */
bool change_wrote(const struct store *store, uint32_t place);
void changes_apply(struct store *store);
void changes_undo(struct store *store);
void changes_free(struct store *store);
/*
 * Who holds the durable record at `place`: the commit, a map, or what a change replaced. false: nobody.
 * With `to` not 0 it is there from now on.
 */
bool record_held(struct store *store, const struct record_header *header, uint32_t place, uint32_t to);

/* ---- gc.c ---- */

/* STORE_IDLE: nothing to gain. */
enum store_work collector_step(struct store *store);
/* What was moved may not have arrived: the victim is gone through again. */
void collector_broken(struct store *store);
uint32_t collector_wanted_erased(const struct store *store);
void collector_erased(struct store *store);
void collector_recovered(struct store *store);
void collector_due(struct store *store);
bool collector_voids(const struct store *store);

/* ---- promise.c ---- */

uint32_t pages_per_block(const struct store *store);
uint32_t reserve_blocks(const struct store *store);
/* Units of a block that are sure to be filled: all but the room that a whole page did not find. */
uint32_t sure_units(const struct store *store);
#define LIFE_NEVER_DECLARED INT32_MIN /* credit of a store that never had a declared life */
void life_begin(struct store *store, int32_t credit);
bool life_left(const struct store *store);
void life_erased(struct store *store);
/* Will the erase of this block be charged by the next boot if this one does not come to its stamp? */
bool life_charges(const struct store *store, uint32_t block);
int32_t life_credit(const struct store *store);
void promise_statistics(const struct store *store, struct store_statistics *out);
uint32_t swap_blocks_used(const struct store *store);
/* Is swap to leave flash blocks? */
bool swap_shrinking(const struct store *store);
/* ... but it cannot: the limit is as before. */
void swap_stays(struct store *store);
/* It need not, or not any more. */
void swap_settled(struct store *store);
/* Has it all the blocks that it may open? */
bool swap_full(const struct store *store);
/* Is there so much dead in its blocks that collecting them frees one? */
bool swap_gains(const struct store *store);
/* Does write-back wait for room among its blocks? */
bool swap_crowded(const struct store *store);
int durable_room(const struct store *store, uint32_t blocks, bool pages);

/* ---- mount.c, scan.c ---- */

int mount(struct store *store);

#endif
