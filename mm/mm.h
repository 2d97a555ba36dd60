/*
 * Virtual memory: what the rest of the firmware sees of it. Spaces, regions, objects, faults, frames, promises.
 *
 *   task touches va -> Sv39 walk -> fault() -> region -> page -+- nothing yet ...... zeros, or the object's page
 *                                                              +- in a frame ....... share it, or copy it on a store
 *                                                              +- slot in the tail . expand
 *                                                              +- slot on flash .... read, check, open, expand
 *
 * Nothing here sleeps. Any function that returns an error may return -EAGAIN: memory is being written back; it has
 * changed nothing that matters, let store_step() work, then ask again. So what was true before a sleep is always looked
 * up again after it.
 *
 * Errors: -EFAULT no such address; -EACCES the region forbids it; -ENXIO beyond the object's end; -EIO the page's record
 * is bad; -ENOMEM refused by a promise; -EINVAL the call's arguments.
 *
 * Locking: everything is guarded by the kernel lock (mm/DESIGN.md, "Concurrency").
 */
#ifndef MM_MM_H
#define MM_MM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hal/cpu.h"
#include "mm/store.h"

/* User space: the low half of Sv39, less its lowest 64 KiB and its topmost page. */
#define USER_BASE 0x10000ull
#define USER_TOP  0x3ffffff000ull

/* ---- Frames ---- */

struct mm_config {
    pa_t pool; /* frame 0 of the pool, page aligned */
    uint32_t frames;
    uint32_t taken;     /* the pool's first frames that the firmware already uses */
    uint64_t leaf_bits; /* what a PTE needs besides on this chip: its attributes of RAM, bits 54 to 63 */
    void (*share_kernel)(uint64_t *root); /* fills the upper half of a new root table; NULL on the host */
};

/* Frame descriptors are laid into the pool itself. -ENOMEM: too few frames to run (mm_minimum_frames()). */
int mm_init(const struct mm_config *config) MUST_CHECK;
uint32_t mm_minimum_frames(void);
/* Gives the opened store to the memory code, with what of the pool tasks can use now as its promise. Once. */
void mm_attach(struct store *store);
struct store *mm_store(void);

/* One zeroed frame for the firmware's own use (kernel stacks, task state), pinned until it is given back. */
int mm_frame_get(pa_t *frame) MUST_CHECK;
void mm_frame_put(pa_t frame);
/* The same as store_config's page_get and page_put: never waits, may use the reserve. */
void *mm_page_get(void *context);
void mm_page_put(void *context, void *page);
/* And as its page_ask and page_unask. */
bool mm_page_ask(void *context) MUST_CHECK;
void mm_page_unask(void *context);

/* Equal small things from pinned frames: a frame is taken when needed and given back when its last item is. */
struct pool {
    uint16_t item_bytes;
    uint16_t frames;
    uint32_t partial; /* first frame with room, 0: none */
    uint32_t used_items;
};
#define POOL_OF(type)              \
    {                              \
        .item_bytes = sizeof(type) \
    }
void *pool_get(struct pool *pool); /* zeroed, 8-byte aligned; NULL: no memory now */
void pool_put(struct pool *pool, void *item);

/* ---- Objects: page sources that can be shared ---- */

struct object;
struct space;

/* The object of a node, one per node however often it is opened. Each call gives a reference. */
int object_of_node(uint32_t node, struct object **object) MUST_CHECK;
/* The same if it is there already; NULL: it is not. */
struct object *object_in_memory(uint32_t node);
/* Memory without a file: shared anonymous mappings, memfd, files of the RAM file system. Grown by object_resize(). */
int object_make(uint64_t bytes, struct object **object) MUST_CHECK;
void object_get(struct object *object);
/*
 * A node's object keeps its pages in RAM after the last reference, while there is room. A node without a name is dropped
 * with its last reference: who removes a file holds its object over node_remove(), so that this is noticed.
 */
void object_put(struct object *object);
uint64_t object_bytes(const struct object *object);
uint32_t object_node(const struct object *object); /* 0: none */
/* How long the node's file is now, if it is in memory: before a sync that may differ from what the store says. */
uint64_t object_bytes_of_node(uint32_t node, uint64_t stored_bytes);
int object_resize(struct object *object, uint64_t bytes) MUST_CHECK;
/* Makes the pages and the size of a node's object durable. */
int object_sync(struct object *object) MUST_CHECK;
/* The same for every object of a node: sync(2), and before power goes off. */
int object_sync_all(void) MUST_CHECK;
/* Goes on with an object_sync() that has answered -EAGAIN, in case its caller never comes back: after each store_step(). */
void mm_step(void);

/*
 * Copies between an object and memory: a space's (space not NULL) or the firmware's own (space NULL, `memory` a pointer).
 * Returns the bytes copied, fewer at the object's end (reading) or when a fault stopped it after the first byte.
 * A write past the end grows the object.
 */
int64_t object_read(struct object *object, uint64_t offset, struct space *space, va_t memory,
                    uint64_t bytes) MUST_CHECK;
int64_t object_write(struct object *object, uint64_t offset, struct space *space, va_t memory,
                     uint64_t bytes) MUST_CHECK;

/* ---- Spaces and regions ---- */

enum { MAP_READ = 1, MAP_WRITE = 2, MAP_EXECUTE = 4 };
enum {
    REGION_SHARED = 1,     /* stores go to the object; else private, copied at the first store */
    REGION_FIXED = 2,      /* at exactly this address, replacing what is there */
    REGION_NOREPLACE = 4,  /* with FIXED: -EEXIST instead of replacing */
    REGION_GROWSDOWN = 8,  /* a stack: grows to its limit, a guard of 16 pages stays below */
    REGION_NORESERVE = 16, /* no promise: a page that finds no room ends its task */
    REGION_LOCKED = 32,    /* never evicted; counted as pinned */
    REGION_DONTFORK = 64,
    REGION_NOWRITE = 128, /* never to become writable: a shared mapping of a file opened for reading */
};

struct map_request {
    va_t address; /* with FIXED: exactly; else a hint, 0: none */
    uint64_t bytes;
    uint32_t protection;   /* MAP_READ ... ; WRITE with EXECUTE is refused: -EACCES */
    uint32_t flags;        /* REGION_... */
    struct object *object; /* NULL: zeros; the region takes its own reference */
    uint64_t offset;       /* into the object, page aligned */
    uint64_t limit_bytes;  /* GROWSDOWN: how far it may grow */
    const char *name;      /* static text for maps and reports: "stack", "heap", or NULL */
};

struct space *space_create(const char *name); /* NULL: no memory; one reference */
int space_fork(struct space *parent, struct space **child) MUST_CHECK;
void space_get(struct space *space);
/* The last one unmaps everything and gives all back; by then no hart's satp may be this space's. */
void space_put(struct space *space);

int64_t space_map(struct space *space, const struct map_request *request) MUST_CHECK; /* the address */
int space_unmap(struct space *space, va_t address, uint64_t bytes) MUST_CHECK;
int space_protect(struct space *space, va_t address, uint64_t bytes, uint32_t protection) MUST_CHECK;
enum { REMAP_MAYMOVE = 1, REMAP_FIXED = 2 };
int64_t space_remap(struct space *space, va_t old, uint64_t old_bytes, uint64_t new_bytes, uint32_t flags,
                    va_t to) MUST_CHECK;
enum advice {
    ADVICE_DROP,
    ADVICE_FREE, /* -EINVAL where an object is mapped */
    ADVICE_NEED,
    ADVICE_COLD,
    ADVICE_OUT,
    ADVICE_DONTFORK,
    ADVICE_DOFORK,
    ADVICE_POPULATE, /* every page that has its access, as the first store or load would bring it in */
};
int space_advise(struct space *space, va_t address, uint64_t bytes, enum advice advice) MUST_CHECK;
int space_lock(struct space *space, va_t address, uint64_t bytes, bool lock) MUST_CHECK;
int space_sync(struct space *space, va_t address, uint64_t bytes) MUST_CHECK;
int space_limit(struct space *space, uint64_t map_bytes); /* RLIMIT_AS */
/* The heap of brk: kept with the space for all who run in it, and copied with it by a fork; nothing here looks at it. */
struct space_heap {
    va_t start, end;   /* end: the byte after it */
    bool locks_future; /* mlockall(MCL_FUTURE); not copied */
};
struct space_heap *space_heap(struct space *space);

/* The satp value for this space, with an ASID that is valid now; flushes what a recycled ASID needs. */
uint64_t space_activate(struct space *space);
/*
 * Whether space_activate() will give out the ASIDs anew. No hart may be in another space then: between the flush and the
 * write of satp a speculating MMU would refill an ASID that somebody else gets. The caller goes to its own table first.
 */
bool space_recycles(const struct space *space);

/* ---- Faults and copies ---- */

enum access { ACCESS_LOAD, ACCESS_STORE, ACCESS_FETCH };
enum fault_kind {
    FAULT_SPURIOUS,
    FAULT_ZERO,
    FAULT_ZERO_READ,
    FAULT_COPY,
    FAULT_FILE,
    FAULT_TAIL,
    FAULT_FLASH,
    FAULT_MAPPED,
    FAULT_KINDS
};

/*
 * Makes `va` accessible for `access`, or says why not. 0 resolved, -EAGAIN, or an error of the list above; -ENOMEM ends
 * the task. The bound on repeats of the same spurious fault is here too: -EIO after 1,000 in a row without progress.
 */
int fault(struct space *space, va_t va, enum access access) MUST_CHECK;

/*
 * User copies. They walk the space's own table and fault pages in as a hardware access would, so they serve any space,
 * not only the running one, and SUM is never set. Any address and length is legal: -EFAULT or -EACCES, never harm.
 */
int space_read(struct space *space, void *to, va_t from, uint64_t bytes) MUST_CHECK;
int space_write(struct space *space, va_t to, const void *from, uint64_t bytes) MUST_CHECK;
int space_zero(struct space *space, va_t to, uint64_t bytes) MUST_CHECK;
/*
 * Where the firmware sees `va`, to the end of its page, after what a load or a store of the task there would do. For
 * those who touch one page often; good until the next call of this header, or the next sleep.
 */
int space_reach(struct space *space, va_t va, enum access access, uint8_t **at) MUST_CHECK;
/* At most `room` bytes with the final 0; returns the length without it; -ENAMETOOLONG. */
int64_t space_read_string(struct space *space, char *to, va_t from, uint64_t room) MUST_CHECK;
/* An aligned 32-bit word changed as one step (futex, robust lists): *old is what was there before. */
int space_compare_swap(struct space *space, va_t at, uint32_t expected, uint32_t wanted, uint32_t *old) MUST_CHECK;

/* ---- What can be known ---- */

struct space_statistics {
    uint64_t faults[FAULT_KINDS];
    uint32_t mapped_pages, promised_pages, resident_pages, resident_peak_pages, swapped_pages, table_frames;
};
void space_statistics(const struct space *space, struct space_statistics *out);
const char *space_name(const struct space *space);

struct region_info {
    va_t start, end;
    uint32_t protection, flags;
    struct object *object; /* no reference */
    uint64_t offset;
    const char *name;
    uint32_t resident, tail, flash, dirty; /* pages; counted by walking */
    uint32_t shared, shared_dirty;         /* of those resident: mapped elsewhere too */
    uint32_t referenced, anonymous;        /* of those resident: accessed of late; not an object's */
    uint64_t share_bytes;                  /* this region's part of what is resident, by how many share each page */
};
/* The first region that ends above `above`. -ENOENT: none. */
int space_region(struct space *space, va_t above, bool count_pages, struct region_info *info) MUST_CHECK;

enum page_state { PAGE_UNMAPPED, PAGE_NONE, PAGE_ZERO, PAGE_RESIDENT, PAGE_TAIL, PAGE_FLASH };
struct page_info {
    enum page_state state;
    uint64_t pte[3]; /* as read at levels 2, 1, 0 */
    int levels;      /* how many of them were read */
    pa_t frame;
    uint32_t slot;
    uint32_t maps;   /* how many PTEs map the frame */
    uint64_t *entry; /* where the last of `pte` lies, and the descriptor of `frame`: for dumps and fault injection */
    void *descriptor;
    uint32_t descriptor_bytes;
};
void space_page(struct space *space, va_t va, struct page_info *info);

struct mm_statistics {
    uint64_t faults[FAULT_KINDS];
    uint64_t evict_clean, evict_dirty, evict_zero;
    uint32_t frames_total, frames_free, frames_peak, frames_firmware, frames_table, frames_anonymous, frames_object;
    uint64_t promised_pages, promise_limit_pages;
    uint32_t pinned_frames, pinned_limit_frames;
    uint32_t pinned_store_frames; /* of those pinned: the store's maps, which grow with what it holds */
};
void mm_statistics(struct mm_statistics *out);

/*
 * Fault injection: `refuse` is asked before frames are made sure of (true: -ENOMEM), a frame goes to the store (NULL), or a
 * copy reaches a page (-EFAULT). NULL: nothing is asked, and it costs nothing.
 */
enum mm_request { MM_FRAMES, MM_STORE_FRAME, MM_COPY };
void mm_refuse(bool (*refuse)(enum mm_request request));

/*
 * For when no task is left: drops what is only remembered of files and tells what is still held. NULL: nothing, but what of
 * files could not be synchronised.
 */
const char *mm_check_idle(void);

/* 0, or the line of mm/vm/check.c whose rule does not hold. Walks everything. */
int mm_check(void);

#endif
