/*
 * What the files of mm/vm share: frame descriptors, page-table entries, and the one state of the memory code.
 *
 * All of it is guarded by the kernel lock. Invariants: mm/DESIGN.md, numbered there, executed by mm_check().
 */
#ifndef MM_VM_VM_H
#define MM_VM_VM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mm/assert.h"
#include "mm/mm.h"

/*
 * Frames that only page tables and the store may take. A fault makes at most 5 table nodes (2 of the space, 3 of an
 * object); the store asks for one frame of the tail and one of its slot table per page that it saves.
 */
#define RESERVE_FRAMES 8u
/* A fault takes a page of the object and a copy of it; nodes come from the reserve. */
#define FAULT_FRAMES 2u
/* What is made sure of beyond it before a copy; a fault asks for less. That much of the promised frames is never the last. */
#define COPY_FRAMES 4u
/* What promises leave evictable whatever happens: enough for the pages that one instruction and one copy touch. */
#define WORKING_FRAMES 16u
#define MINIMUM_FRAMES 40u

/* ---- Frame descriptors ---- */

enum frame_kind { FRAME_FREE, FRAME_FIRMWARE, FRAME_TABLE, FRAME_ANONYMOUS, FRAME_OBJECT, FRAME_ZERO, FRAME_KINDS };

struct frame {
    uint32_t owner; /* handle of a family, object or space; pools: the previous partial frame */
    uint32_t page;  /* virtual page, or index in the object; a link in lists */
    uint32_t slot;  /* the live copy, or 0; pools: items to take next */
    uint16_t maps;  /* PTEs that hold this frame; entries used; items used */
    uint8_t kind;
    uint8_t bits;
};
_Static_assert(sizeof(struct frame) == 16, "a descriptor is 16 bytes: the pool's overhead is 1/256");

/* frame.bits of ANONYMOUS and OBJECT. An anonymous frame is dirty when it has no slot; an object's has a bit for it. */
enum {
    FRAME_CREDITS = 0x07,    /* rounds of the clock that it may still stay */
    FRAME_DIRTY = 0x08,      /* OBJECT: differs from the slot, the durable record, or zeros */
    FRAME_LOCKED = 0x10,     /* was mapped by a locked region; whether it still is, the regions say */
    FRAME_REFERENCED = 0x20, /* OBJECT: read or written by a copy since the clock last passed */
    FRAME_SYNC = 0x40,       /* OBJECT: the open transaction will write it */
    FRAME_WRITTEN = 0x80,    /* OBJECT: the open transaction has written it, and it has not changed since */
};
/* frame.bits of FREE and TABLE */
enum { FRAME_ZEROED = 0x01 };
enum { FRAME_LEVEL = 0x03, FRAME_OF_OBJECT = 0x04, FRAME_EXTRA = 0x08 };
/* frame.bits of FIRMWARE: what for */
enum firmware_use { FOR_BOOT, FOR_FIRMWARE, FOR_STORE, FOR_POOL };

/* ---- Page-table entries (privileged specification 1.12, "Sv39: Page-Based 39-bit Virtual-Memory System") ---- */

typedef uint64_t entry_t;

#define ENTRY_V         0x001ull
#define ENTRY_R         0x002ull
#define ENTRY_W         0x004ull
#define ENTRY_X         0x008ull
#define ENTRY_U         0x010ull
#define ENTRY_G         0x020ull /* never set: an address space's pages are its own */
#define ENTRY_A         0x040ull
#define ENTRY_D         0x080ull
#define ENTRY_COW       0x100ull /* RSW bit: the frame is shared, a store gets a copy */
#define ENTRY_LOOSE     0x200ull /* RSW bit, kept with a slot too: a page of a NORESERVE region, promised for itself */
#define ENTRY_RWX       (ENTRY_R | ENTRY_W | ENTRY_X)
#define ENTRY_PPN_SHIFT 10u

/* A slot in an object's tree: how far the open transaction is with it; as FRAME_SYNC and FRAME_WRITTEN. */
#define ENTRY_SYNC    0x002ull
#define ENTRY_WRITTEN 0x004ull

#define SATP_SV39     (8ull << 60)
#define SATP_ASID_LOW 44u

#define TABLE_SHIFT   9u
#define TABLE_ENTRIES 512u

/* A radix tree of pages: of a space (three levels, walked by the MMU too) or of an object (none to three). */
struct tree {
    entry_t root;   /* the entry above the topmost node; without levels, the page's own */
    uint32_t owner; /* handle */
    uint32_t nodes;
    uint8_t levels;
    uint8_t bits; /* FRAME_OF_OBJECT or 0 */
};

/* ---- Spaces, families, regions, objects ---- */

#define REGIONS_MAX    4096u
#define GUARD_PAGES    16u
#define USER_BASE_PAGE ((uint32_t)(USER_BASE >> PAGE_SHIFT))
#define USER_TOP_PAGE  ((uint32_t)(USER_TOP >> PAGE_SHIFT))

/* Region flags that the memory code keeps for itself, above REGION_... */
enum {
    REGION_KEPT = REGION_SHARED | REGION_GROWSDOWN | REGION_NORESERVE | REGION_LOCKED | REGION_DONTFORK |
                  REGION_NOWRITE,
    REGION_PROMISED = 0x100, /* its pages are in the promise: private, and writable now or once */
    REGION_TABLES = 0x200,   /* its page tables are in the promise: accessible now or once */
    REGION_STORED = 0x400,   /* SHARED and writable now or once: counted in object->writers */
    REGION_CHARGED = REGION_PROMISED | REGION_TABLES | REGION_STORED,
    REGION_FRESH_SHIFT = 3, /* the same three, shifted: charged by the running call, which may undo it */
    REGION_FRESH = REGION_CHARGED << REGION_FRESH_SHIFT,
    REGION_LOCKING = 0x4000, /* LOCKED by a call that has not yet brought all pages in */
};

struct region {
    struct region *next, *prev; /* by address */
    struct object *object;      /* one reference, or NULL: zeros */
    const char *name;
    uint32_t space; /* handles: the reverse map of objects */
    uint32_t object_next, object_prev;
    uint32_t start, end; /* virtual pages */
    uint32_t offset;     /* page of the object at `start` */
    uint32_t limit;      /* GROWSDOWN: the lowest page it may grow to */
    uint16_t flags;
    uint16_t protection;
};
_Static_assert(sizeof(struct region) == 64, "64 regions to a frame");

/* The spaces that fork made from one another: a private frame is of one family, at one virtual page in all of it. */
struct family {
    struct family *next, *prev;
    struct space *spaces;
    store_key_t key;
};

struct space {
    struct tree tree;
    struct region *first, *last, *hint;
    struct family *family;
    struct space *family_next, *family_prev;
    uint64_t generation; /* of its ASID; 0: none yet */
    uint32_t asid;
    uint32_t references;
    uint32_t regions, noreserve; /* regions; of them with NORESERVE */
    uint32_t mapped, limit;      /* pages; limit: RLIMIT_AS */
    uint32_t promised, locked;   /* pages in the promise; locked ones are pinned instead */
    uint32_t loose;              /* pages promised one by one: those of NORESERVE regions that are in use */
    uint32_t tables, extra;      /* nodes promised for regions; nodes in use that no region has promised */
    uint32_t resident, resident_peak, swapped;
    uint32_t spurious_page, spurious;
    uint64_t faults[FAULT_KINDS];
    struct space_heap heap;
    char name[16];
};

struct object {
    struct tree tree;
    struct object *next, *prev;
    uint64_t bytes;
    uint64_t lowest;        /* smallest size since the last sync: what is beyond is not on flash */
    uint64_t lowest_before; /* the same at the start of the open transaction */
    uint32_t regions;       /* handle of the first region that maps it */
    uint32_t node, references;
    uint32_t writers;          /* regions with REGION_STORED */
    uint32_t pages;            /* frames and slots that it holds */
    uint32_t unsynced;         /* of a node: pages that differ from flash, so far as noticed */
    uint32_t promised, tables; /* pages and nodes in the promise */
    uint32_t cursor;           /* of the open transaction */
    bool resized;              /* size not yet on flash */
    int16_t sync_error;        /* of the last transaction, until a sync has been told; else 0 */
};

/* ---- The state ---- */

struct mm {
    struct frame *frames;
    uint8_t *view; /* the pool, as cpu_direct() shows it: linear */
    uint64_t pool_ppn;
    entry_t leaf_bits;     /* of struct mm_config */
    uint64_t origin;       /* where physical address 0 would be seen: view less the pool's address */
    uint32_t count, first; /* frames; the first that is not the firmware's or ours for ever */
    uint32_t free_head, lowest_free, free;
    uint32_t kinds[FRAME_KINDS];
    uint32_t usable;          /* frames that promises can be made from */
    uint32_t zero;            /* the frame of zeros */
    uint32_t hand, idle_hand; /* of the clock; of the search for idle pages while the tail is full */
    bool none_idle;           /* that search has found none since the clock went on */
    bool store_full;          /* the last dirty page that was to leave could not, for good */

    /* What faults and copies look at. With mm_refuse() nothing passes it, and all go the slow way, where `refuse` is asked. */
    uint32_t floor;       /* free frames that only tables and the store may take */
    uint32_t fault_floor; /* and FAULT_FRAMES */
    uint64_t copied;      /* bytes of user space */
    bool (*refuse)(enum mm_request);
    uint64_t promised;                  /* pages */
    uint64_t pinned;                    /* frames */
    uint64_t store_held;                /* what store_promise() was asked for */
    uint32_t store_frames, store_share; /* frames that the store has; that are pinned for it */
    uint32_t store_base;                /* its share without what the number of promised pages adds */
    uint32_t store_spare;               /* of the share, set aside for what the store asks for beside slots and tail */

    struct store *store;
    void (*share_kernel)(uint64_t *root);
    struct family *families;
    struct object *objects;
    struct object *syncing; /* whose transaction is open */
    uint8_t sync_stage;
    int sync_error; /* found before anything was written; told after the commit */

    uint64_t generation;           /* of ASIDs */
    uint32_t asid_next, asid_last; /* asid_last 0: there are none */
    const struct space *active;

    struct pool regions, spaces, families_pool, objects_pool;
    uint64_t faults[FAULT_KINDS];
    uint64_t evict_clean, evict_dirty, evict_zero;
};
extern struct mm mm;

/* ---- Small conversions ---- */

static inline struct frame *frame_at(uint32_t number)
{
    return &mm.frames[number];
}

static inline void *frame_view(uint32_t number)
{
    return mm.view + ((uint64_t)number << PAGE_SHIFT);
}

static inline uint32_t frame_of(const void *inside)
{
    return (uint32_t)((uint64_t)((const uint8_t *)inside - mm.view) >> PAGE_SHIFT);
}

/* Things in pool frames are named by 32 bits where a pointer does not fit. */
static inline uint32_t handle_of(const void *thing)
{
    return thing ? (uint32_t)((uint64_t)((const uint8_t *)thing - mm.view) >> 3) : 0;
}

static inline void *thing_of(uint32_t handle)
{
    return handle ? mm.view + ((uint64_t)handle << 3) : NULL;
}

static inline entry_t entry_of_frame(uint32_t number)
{
    return (mm.pool_ppn + number) << ENTRY_PPN_SHIFT;
}

static inline uint32_t entry_frame(entry_t entry)
{
    return (uint32_t)((entry >> ENTRY_PPN_SHIFT) - mm.pool_ppn);
}

/* The frame of an entry as frame_view() shows it, in three instructions. */
static inline void *entry_view(entry_t entry)
{
    return (void *)(uintptr_t)(mm.origin + (entry >> ENTRY_PPN_SHIFT << PAGE_SHIFT));
}

/* The same of a leaf, which may have attributes above its frame. */
static inline void *leaf_view(entry_t entry)
{
    return entry_view(entry << ENTRY_PPN_SHIFT >> ENTRY_PPN_SHIFT);
}

static inline entry_t entry_of_slot(slot_t slot)
{
    return (entry_t)slot << ENTRY_PPN_SHIFT;
}

static inline slot_t entry_slot(entry_t entry)
{
    return (slot_t)(entry >> ENTRY_PPN_SHIFT);
}

/* A space's leaf that holds a frame has U set, also while V is clear (no access, or on its way out). */
static inline bool entry_holds(entry_t entry, uint32_t number)
{
    return (entry & ENTRY_U) && entry_frame(entry) == number;
}

static inline entry_t entry_load(const entry_t *entry)
{
    return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline va_t page_va(uint32_t page)
{
    return (va_t)page << PAGE_SHIFT;
}

static inline uint32_t pages_of(uint64_t bytes)
{
    return (uint32_t)((bytes + PAGE_BYTES - 1) >> PAGE_SHIFT);
}

/*
 * May an entry for `page` of a space hold this frame? Where a bit of the entry has turned in RAM, no other frame's books
 * are to be touched.
 */
static inline bool frame_is_of(uint32_t number, uint32_t page)
{
    const struct frame *frame = frame_at(number);

    return number < mm.count &&
           (frame->kind == FRAME_OBJECT || (frame->kind == FRAME_ANONYMOUS && frame->page == page));
}

/* ---- frame.c ---- */

/* Takes a free frame; there must be one (frames_ensure). Its contents are what they were. */
uint32_t frame_take(enum frame_kind kind, uint32_t owner, uint32_t page);
uint32_t frame_take_zeroed(enum frame_kind kind, uint32_t owner, uint32_t page);
void frame_free(uint32_t number);
/* A table that has become empty: it is all zeros, and the next table made of it need not be cleared. */
void frame_free_zeroed(uint32_t number);
/* Takes the live copy from a frame whose contents have changed. */
void frame_stale(struct frame *frame);
void page_clear(void *page);
void page_copy(void *to, const void *from);
bool page_is_zero(const void *page);

/* ---- start.c ---- */

/* One promised as pinned, made sure of, and taken; all zeros, unless it is for a pool. */
int frame_pinned(enum firmware_use use, uint32_t *number) MUST_CHECK;

/* ---- pool.c ---- */

/* Makes sure that `items` can be had without fail. -EAGAIN, -ENOMEM. */
int pool_ready(struct pool *pool, uint32_t items) MUST_CHECK;
/* Gives back what was made ready and not used, once the pool is empty. */
void pool_trim(struct pool *pool);

/* ---- promise.c ---- */

/* Asks for more or gives back, both currencies at once. -ENOMEM: nothing has changed. Giving back never fails. */
int promise_change(int64_t pages, int64_t pinned) MUST_CHECK;
void promise_return(uint64_t pages, uint64_t pinned);
/* What is used without having been asked for, because it replaces something that was. */
void promise_force(uint64_t pages, uint64_t pinned);
uint64_t promise_frames(uint64_t pinned);
/* One frame more in the store's share: true if that breaks no promise. */
bool promise_extend_store(void);

/* ---- reclaim.c ---- */

/* Evicts until that many frames are free. -EAGAIN: the store must work first; -ENOMEM: nothing can leave. */
int reclaim(uint32_t free) MUST_CHECK;
/* Puts one frame out. 0, -EAGAIN, -EBUSY: locked, or an error of the store. */
int frame_evict(uint32_t number) MUST_CHECK;

/* Nothing below calls reclaim() once this has answered 0: entries that were looked up stay where they are. */
static inline int frames_ensure(uint32_t frames)
{
    return __builtin_expect(mm.free >= frames + mm.floor, 1) ? 0 : reclaim(frames + RESERVE_FRAMES);
}

#endif
