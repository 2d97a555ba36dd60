/*
 * Faults.
 *
 *   the PTE holds                the access                     what is done                                   counted as
 *   a frame, allowed             any                            A, D set where missing; or nothing              MAPPED, SPURIOUS
 *   the zero frame, COW          store                          a frame of zeros                                ZERO
 *   a frame, COW, maps 1         store                          the same frame, now writable                    MAPPED
 *   a frame, COW                 store                          a copy                                          COPY
 *   a slot                       any                            the page read back, or the family's copy of it, TAIL, FLASH, MAPPED
 *                                                               COW at a load
 *   nothing, no object           load / store                   the zero frame / a frame of zeros               ZERO_READ / ZERO
 *   nothing, private object      load, fetch / store            the object's frame, COW / a copy of it          FILE, MAPPED / COPY
 *   nothing, shared object       any                            the object's frame                              FILE, MAPPED, ...
 *
 * All frames that a fault may take are made sure of first, so no page leaves while it is being worked on.
 *
 * A PTE that becomes valid is not flushed: section 4.2.1 of the privileged specification (1.12) lets a core keep a missing
 * translation, and the access then faults once more on a PTE that allows it. That is the spurious fault below; it flushes
 * the page, so it is not repeated. A PTE that allows more than before is flushed at once, since the translation that
 * stopped the access is surely cached.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

#define SPURIOUS_LIMIT 1000u

/* The usual way to a page is one function up to what it holds, and one for each of these. */
#define NOINLINE      __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))

static const uint8_t region_allows[] = {
    [ACCESS_LOAD] = MAP_READ | MAP_WRITE,
    [ACCESS_STORE] = MAP_WRITE,
    [ACCESS_FETCH] = MAP_EXECUTE,
};
static const uint8_t entry_allows[] = {
    [ACCESS_LOAD] = ENTRY_R,
    [ACCESS_STORE] = ENTRY_W,
    [ACCESS_FETCH] = ENTRY_X,
};

struct cause {
    struct space *space;
    struct region *region;
    entry_t *entry; /* of the page; NULL: a node is missing */
    uint32_t page;
    enum access access;
};

static inline int done(struct space *space, enum fault_kind kind)
{
    space->faults[kind]++;
    mm.faults[kind]++;
    return 0;
}

static inline entry_t accessed(const struct cause *cause)
{
    return cause->access == ACCESS_STORE ? ENTRY_A | ENTRY_D : ENTRY_A;
}

/* Puts a frame that nothing of this space mapped there before into the PTE. */
static ALWAYS_INLINE void map_frame_here(const struct cause *cause, uint32_t number, entry_t bits)
{
    struct frame *frame = frame_at(number);

    frame->maps++;
    if (cause->region->flags & REGION_LOCKED)
        frame->bits |= FRAME_LOCKED;
    tree_set(&cause->space->tree, cause->entry, entry_of_frame(number) | mm.leaf_bits | bits | ENTRY_V | ENTRY_U);
    space_count_resident(cause->space);
    /* New instructions: other contents may have been fetched from this frame before. */
    if (bits & ENTRY_X)
        cpu_icache_sync();
}

/* The same for what is not on the shortest ways. */
static NOINLINE void map_frame(const struct cause *cause, uint32_t number, entry_t bits)
{
    map_frame_here(cause, number, bits);
}

static inline uint32_t private_frame(const struct cause *cause)
{
    return frame_take(FRAME_ANONYMOUS, handle_of(cause->space->family), cause->page);
}

static int spurious(struct cause *cause)
{
    struct space *space = cause->space;

    space_flush_page(space, page_va(cause->page));
    if (space->spurious_page != cause->page)
        space->spurious = 0;
    space->spurious_page = cause->page;
    if (++space->spurious > SPURIOUS_LIMIT)
        return -EIO;
    return done(space, FAULT_SPURIOUS);
}

/* The PTE allows the access. With Svade it may want A or D; else some core has missed that it became valid. */
static NOINLINE int touch(struct cause *cause, entry_t value)
{
    entry_t wanted = accessed(cause);
    uint32_t number = entry_frame(value);
    struct frame *frame = frame_at(number);

    if ((value & wanted) == wanted)
        return spurious(cause);
    cause->space->spurious = 0;
    __atomic_fetch_or(cause->entry, wanted, __ATOMIC_RELAXED);
    if (cause->access == ACCESS_STORE) {
        if (frame->kind == FRAME_OBJECT)
            object_dirty(thing_of(frame->owner), number);
        else
            frame_stale(frame);
    }
    space_flush_page(cause->space, page_va(cause->page));
    return done(cause->space, FAULT_MAPPED);
}

static NOINLINE int fill_zero(struct cause *cause)
{
    entry_t permissions = entry_permissions(cause->region->protection), bits = permissions | ENTRY_A | ENTRY_D;
    int error;

    if (cause->access != ACCESS_STORE) {
        tree_set(&cause->space->tree, cause->entry,
                 entry_of_frame(mm.zero) | mm.leaf_bits | (permissions & ~ENTRY_W) | ENTRY_COW | ENTRY_A | ENTRY_U |
                     ENTRY_V);
        return done(cause->space, FAULT_ZERO_READ);
    }
    error = charge_page(cause->space, cause->region, &bits);
    if (error)
        return error;
    map_frame_here(cause, frame_take_zeroed(FRAME_ANONYMOUS, handle_of(cause->space->family), cause->page), bits);
    return done(cause->space, FAULT_ZERO);
}

/* Nobody else has the frame any more: it can be stored to. */
static int take_over(struct cause *cause, entry_t value)
{
    frame_stale(frame_at(entry_frame(value)));
    __atomic_store_n(cause->entry, (value & ~ENTRY_COW) | ENTRY_W | ENTRY_A | ENTRY_D, __ATOMIC_RELEASE);
    space_flush_page(cause->space, page_va(cause->page));
    return done(cause->space, FAULT_MAPPED);
}

/* The old frame leaves the PTE by an exchange, is flushed, and only then counted down. */
static NOINLINE int copy_on_store(struct cause *cause, entry_t value)
{
    entry_t bits = entry_permissions(cause->region->protection) | ENTRY_A | ENTRY_D | (value & ENTRY_LOOSE);
    struct frame *old = frame_at(entry_frame(value));
    uint32_t number;
    int error;

    ASSERT((value & ENTRY_COW) && cause->access == ACCESS_STORE);
    ASSERT(entry_frame(value) < mm.count);
    if (old->kind == FRAME_ANONYMOUS && old->maps == 1)
        return take_over(cause, value);
    error = charge_page(cause->space, cause->region, &bits);
    if (error)
        return error;
    if (old->kind == FRAME_ZERO) {
        (void)__atomic_exchange_n(cause->entry, entry_of_frame(mm.zero) | ENTRY_U, __ATOMIC_ACQ_REL);
        space_flush_page(cause->space, page_va(cause->page));
        number = frame_take_zeroed(FRAME_ANONYMOUS, handle_of(cause->space->family), cause->page);
        map_frame(cause, number, bits);
        return done(cause->space, FAULT_ZERO);
    }
    number = private_frame(cause);
    page_copy(frame_view(number), frame_view(entry_frame(value)));
    value = __atomic_exchange_n(cause->entry, entry_of_frame(number) | ENTRY_U, __ATOMIC_ACQ_REL);
    space_flush_page(cause->space, page_va(cause->page));
    if ((value & ENTRY_D) && old->kind == FRAME_ANONYMOUS)
        frame_stale(old);
    old->maps--;
    cause->space->resident--;
    map_frame(cause, number, bits);
    return done(cause->space, FAULT_COPY);
}

/* After fork several PTEs name the slot: who only reads shares the frame that another has made of it. */
static NOINLINE bool share_copy(struct cause *cause, entry_t value)
{
    slot_t slot = entry_slot(value);
    uint32_t number = family_find_copy(cause->space, cause->page, slot);

    if (!number || frame_at(number)->maps == UINT16_MAX)
        return false;
    cause->space->swapped--;
    map_frame(cause, number,
              (entry_permissions(cause->region->protection) & ~ENTRY_W) | ENTRY_COW | ENTRY_A | (value & ENTRY_LOOSE));
    slot_put(mm.store, slot);
    return true;
}

/*
 * The frame takes over the PTE's reference to the slot. A page that is stored to has no live copy from now on. Else it stays
 * unwritable: others who name the slot may yet share its frame, and a store that is seen gives up the copy, so that not one bit
 * of RAM, the D of this PTE, is all that says so.
 */
static NOINLINE int swap_in(struct cause *cause, entry_t value)
{
    slot_t slot = entry_slot(value);
    entry_t bits = entry_permissions(cause->region->protection) | accessed(cause) | (value & ENTRY_LOOSE);
    uint32_t number;
    int source;

    if (cause->access != ACCESS_STORE && !family_alone(cause->space) && slot_references(mm.store, slot) > 1 &&
        share_copy(cause, value))
        return done(cause->space, FAULT_MAPPED);
    number = private_frame(cause);
    source = slot_load(mm.store, slot, cause->space->family->key, frame_view(number));
    if (source < 0) {
        frame_free(number);
        return source;
    }
    cause->space->swapped--;
    frame_at(number)->slot = slot;
    if (cause->access == ACCESS_STORE)
        frame_stale(frame_at(number));
    else
        bits = (bits & ~ENTRY_W) | ENTRY_COW;
    map_frame_here(cause, number, bits);
    return done(cause->space, source == SLOT_TAIL ? FAULT_TAIL : FAULT_FLASH);
}

static NOINLINE int map_object(struct cause *cause)
{
    struct region *region = cause->region;
    entry_t bits = entry_permissions(region->protection) | accessed(cause);
    enum fault_kind kind;
    uint32_t number, copy;
    int error = object_frame(region->object, region->offset + (cause->page - region->start), OBJECT_LOAD, &number,
                             &kind);

    if (error)
        return error;
    if (frame_at(number)->maps == UINT16_MAX)
        return -ENOMEM;
    if (region->flags & REGION_SHARED) {
        if (cause->access == ACCESS_STORE)
            object_dirty(region->object, number);
        map_frame(cause, number, bits);
    } else if (cause->access != ACCESS_STORE) {
        map_frame(cause, number, (bits & ~ENTRY_W) | ENTRY_COW);
    } else {
        error = charge_page(cause->space, region, &bits);
        if (error)
            return error;
        copy = private_frame(cause);
        page_copy(frame_view(copy), frame_view(number));
        map_frame(cause, copy, bits);
        kind = kind == FAULT_MAPPED ? FAULT_COPY : kind;
    }
    return done(cause->space, kind);
}

static ALWAYS_INLINE int resolve(struct cause *cause)
{
    entry_t value = *cause->entry;

    if (value & ENTRY_U)
        return copy_on_store(cause, value);
    if (value)
        return swap_in(cause, value);
    return cause->region->object ? map_object(cause) : fill_zero(cause);
}

/* A node is missing on the way to the page, so there is nothing yet. */
static NOINLINE int resolve_with_nodes(struct cause *cause)
{
    int error = charge_entry(cause->space, cause->region, cause->page, &cause->entry);

    if (error)
        return error;
    error = resolve(cause);
    if (error)
        space_prune(cause->space, cause->page);
    return error;
}

/* The PTE does not allow the access yet, but the region does. Reclaim may run at the start and not later. */
static ALWAYS_INLINE int bring(struct cause *cause)
{
    int error;

    cause->space->spurious = 0;
    if (__builtin_expect(mm.free < mm.fault_floor, 0)) {
        error = reclaim(FAULT_FRAMES + RESERVE_FRAMES);
        if (error)
            return error;
        /* Pages have left meanwhile, and with them perhaps the node. */
        cause->entry = space_entry(cause->space, cause->page);
    }
    return cause->entry ? resolve(cause) : resolve_with_nodes(cause);
}

/* Below a stack: it grows, whatever comes of the access, unless that is refused memory. */
static NOINLINE int grow_and_bring(struct space *space, uint32_t page, enum access access)
{
    struct cause cause = { .space = space, .page = page, .access = access };
    const struct region *above = region_after(space, page);
    uint32_t start = above ? above->start : 0;
    int error = region_grow(space, page, &cause.region);

    if (error)
        return error;
    if (!(cause.region->protection & region_allows[access]))
        return -EACCES;
    cause.entry = space_entry(space, page);
    error = bring(&cause);
    if (error == -ENOMEM)
        region_grow_back(space, cause.region, start);
    return error;
}

int fault(struct space *space, va_t va, enum access access)
{
    uint32_t page = (uint32_t)(va >> PAGE_SHIFT);
    struct cause cause;
    struct region *region;
    entry_t value;

    if (va - USER_BASE >= USER_TOP - USER_BASE)
        return -EFAULT;
    region = region_at(space, page);
    if (!region)
        return grow_and_bring(space, page, access);
    if (!(region->protection & region_allows[access]))
        return -EACCES;
    cause = (struct cause){ space, region, space_walk(space, page), page, access };
    value = cause.entry ? entry_load(cause.entry) : 0;
    if ((value & ENTRY_V) && (value & entry_allows[access]))
        return touch(&cause, value);
    return bring(&cause);
}
