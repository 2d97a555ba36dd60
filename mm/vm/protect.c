/*
 * Changing what regions are: protection, locks, advice. A page of a region without any access keeps its frame: the PTE
 * has V, R, W and X clear, and all else as it was.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

/* Calls `change` for every entry of the range that is not 0. */
static void each_entry(struct space *space, uint32_t start, uint32_t end,
                       void (*change)(struct space *space, entry_t *entry, entry_t bits), entry_t bits)
{
    for (uint32_t page = start; page < end;) {
        uint32_t chunk_end = (page | (TABLE_ENTRIES - 1)) + 1;
        entry_t *entry = space_walk(space, page);

        if (!entry) {
            page = (uint32_t)tree_next(&space->tree, page, end);
            continue;
        }
        for (; page < chunk_end && page < end; page++, entry++) {
            if (*entry)
                change(space, entry, bits);
        }
    }
}

static void flush_range(const struct space *space, uint32_t start, uint32_t end)
{
    if (end - start == 1)
        space_flush_page(space, page_va(start));
    else
        space_flush(space);
}

/* ---- Protection ---- */

/* NOLINTNEXTLINE(readability-non-const-parameter): written through by an atomic builtin */
static void protect_entry(struct space *space, entry_t *entry, entry_t bits)
{
    entry_t old, value;

    (void)space;
    if (!(*entry & ENTRY_U))
        return;
    /* Exchanged, so that no A or D is lost that an MMU sets meanwhile. */
    old = __atomic_exchange_n(entry, ENTRY_U, __ATOMIC_ACQ_REL);
    if (old & ENTRY_COW)
        bits &= ~ENTRY_W;
    value = (old & ~(ENTRY_RWX | ENTRY_V)) | bits | (bits ? ENTRY_V : 0);
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* What is forbidden, and *cut: whether regions reach beyond the range. */
static int check_protect(struct space *space, uint32_t start, uint32_t end, uint32_t protection, bool *cut)
{
    const struct region *region = region_at(space, start);

    if (protection & ~(uint32_t)(MAP_READ | MAP_WRITE | MAP_EXECUTE))
        return -EINVAL;
    if ((protection & MAP_WRITE) && (protection & MAP_EXECUTE))
        return -EACCES;
    *cut = region && region->start < start;
    for (; region; region = region->next) {
        if ((region->flags & REGION_NOWRITE) && (protection & MAP_WRITE))
            return -EACCES;
        if (region->end >= end) {
            *cut |= region->end > end;
            return 0;
        }
        if (!region->next || region->next->start != region->end)
            break;
    }
    return -EFAULT;
}

/* Gives back what this call has charged before it was refused. A locked region's pages are pinned, not promised. */
static void undo_charges(struct space *space, struct region *region, uint32_t end)
{
    for (; region && region->start < end; region = region->next) {
        uint32_t fresh = (uint32_t)(region->flags & REGION_FRESH) >> REGION_FRESH_SHIFT;

        region->flags = (uint16_t)(region->flags & ~REGION_FRESH);
        if (fresh)
            charge_return(space, region, fresh);
    }
}

/* What the regions need for their new protection; they keep the old one until all of them have it. */
static int charge_range(struct space *space, struct region *first, uint32_t end, uint32_t protection)
{
    for (struct region *region = first; region && region->start < end; region = region->next) {
        uint32_t flags = region->flags;
        uint16_t kept = region->protection;
        int error;

        region->protection = (uint16_t)protection;
        error = charge_region(space, region);
        region->protection = kept;
        if (error) {
            undo_charges(space, first, end);
            return error;
        }
        region->flags = (uint16_t)(region->flags | (region->flags & ~flags) << REGION_FRESH_SHIFT);
    }
    return 0;
}

/* The range is whole regions from `first` on. */
static void protect_range(struct space *space, struct region *first, uint32_t end, uint32_t protection)
{
    uint32_t start = first->start;

    for (struct region *region = first; region && region->start < end; region = region->next) {
        region->protection = (uint16_t)protection;
        region->flags = (uint16_t)(region->flags & ~REGION_FRESH);
    }
    each_entry(space, start, end, protect_entry, entry_permissions(protection));
    flush_range(space, start, end);
    if (protection & MAP_EXECUTE)
        cpu_icache_sync();
}

int space_protect(struct space *space, va_t address, uint64_t bytes, uint32_t protection)
{
    struct region *first;
    uint32_t start, end;
    bool cut = false;
    int error = range_decode(address, bytes, &start, &end);

    if (error || !bytes)
        return error;
    error = check_protect(space, start, end, protection, &cut);
    if (!error && cut)
        error = region_cut_ready(space, start, end);
    if (error)
        return error;
    if (cut)
        region_cut(space, start, end);
    first = region_at(space, start);
    error = charge_range(space, first, end, protection);
    if (!error)
        protect_range(space, first, end, protection);
    region_merge(space, start, end);
    return error;
}

/* ---- Locks ---- */

static bool lock_changes(const struct region *region, bool lock)
{
    return lock != !!(region->flags & REGION_LOCKED);
}

/* Locked pages are pinned frames instead of promised pages: all of the range at once, or nothing. Unlocking is not refused. */
static int charge_locks(struct space *space, uint32_t start, uint32_t end, bool lock)
{
    uint32_t pages = 0, promised = 0;
    int error = 0;

    for (const struct region *region = region_after(space, start); region && region->start < end;
         region = region->next) {
        uint32_t length = lock_changes(region, lock) ? region->end - region->start : 0;

        pages += length;
        promised += region->flags & REGION_PROMISED ? length : 0;
    }
    if (lock) {
        error = promise_change(-(int64_t)promised, pages);
    } else {
        promise_force(promised, 0);
        promise_return(0, pages);
    }
    if (error)
        return error;
    space->promised += lock ? -promised : promised;
    space->locked += lock ? pages : -pages;
    return 0;
}

/* The range is whole regions; those that `lock` changes are marked as being locked. */
static int mark_locks(struct space *space, uint32_t start, uint32_t end, bool lock)
{
    int error = charge_locks(space, start, end, lock);

    for (struct region *region = region_after(space, start); !error && region && region->start < end;
         region = region->next) {
        if (lock_changes(region, lock))
            region->flags ^= REGION_LOCKED | REGION_LOCKING;
    }
    return error;
}

/* Ends the locking: LOCKING goes, and with it the lock if it has failed. */
static void settle_locks(struct space *space, uint32_t start, uint32_t end, bool keep)
{
    for (struct region *region = region_after(space, start); region && region->start < end; region = region->next) {
        if (!(region->flags & REGION_LOCKING))
            continue;
        if (!keep)
            (void)charge_locks(space, region->start, region->end, false);
        region->flags &= (uint16_t) ~(REGION_LOCKING | (keep ? 0 : REGION_LOCKED));
    }
}

/* Frames that are mapped already learn that they are locked; that they no longer are, reclaim finds out. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type that each_entry() calls */
static void lock_entry(struct space *space, entry_t *entry, entry_t bits)
{
    (void)space;
    (void)bits;
    if ((*entry & ENTRY_U) && frame_at(entry_frame(*entry))->kind != FRAME_ZERO)
        frame_at(entry_frame(*entry))->bits |= FRAME_LOCKED;
}

/*
 * The regions are marked first, so that pages that are brought in stay, and a call that is repeated after -EAGAIN goes on
 * where it stopped. What cannot be brought in at all leaves the range as it was locked before.
 */
static int lock_range(struct space *space, uint32_t start, uint32_t end)
{
    int error = mark_locks(space, start, end, true);

    if (!error) {
        each_entry(space, start, end, lock_entry, 0);
        error = space_populate(space, start, end);
    }
    if (error != -EAGAIN)
        settle_locks(space, start, end, !error);
    return error;
}

static int unlock_range(struct space *space, uint32_t start, uint32_t end)
{
    int error = mark_locks(space, start, end, false);

    settle_locks(space, start, end, true);
    return error;
}

int space_lock(struct space *space, va_t address, uint64_t bytes, bool lock)
{
    uint32_t start, end;
    int error = range_decode(address, bytes, &start, &end);

    if (error || !bytes)
        return error;
    if (!region_covers(space, start, end))
        return -EFAULT;
    error = region_cut_ready(space, start, end);
    if (error)
        return error;
    region_cut(space, start, end);
    error = lock ? lock_range(space, start, end) : unlock_range(space, start, end);
    region_merge(space, start, end);
    return error;
}

/* As the first access would; a region that may be stored to gets its own pages now. */
static int populate_page(struct space *space, const struct region *region, uint32_t page)
{
    const entry_t *entry = space_entry(space, page);
    bool stores = region->protection & MAP_WRITE;
    entry_t value = entry ? *entry : 0;
    int error;

    if (!region->protection || ((value & ENTRY_V) && (!stores || (value & ENTRY_W))))
        return 0;
    error = fault(space, page_va(page),
                  stores                          ? ACCESS_STORE
                  : region->protection & MAP_READ ? ACCESS_LOAD
                                                  : ACCESS_FETCH);
    return error == -ENXIO ? 0 : error;
}

int space_populate(struct space *space, uint32_t start, uint32_t end)
{
    for (uint32_t page = start; page < end; page++) {
        struct region *region = region_at(space, page);
        int error = region ? populate_page(space, region, page) : 0;

        if (error)
            return error;
    }
    return 0;
}
