/*
 * Fork: the child gets the parent's regions and PTEs. Private frames become shared, unwritable on both sides, and are
 * copied at the first store; slots are shared by reference. Nothing is read in or copied.
 *
 * A child that cannot be finished is taken apart again; the frames that were found for it stay free, so the next attempt
 * starts with more.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

/* PTEs of object frames, and the zero frame, are copied too: that is cheaper than the child's faults would be. */
/* NOLINTNEXTLINE(readability-non-const-parameter): written through by an atomic builtin */
static int copy_frame(struct space *child, entry_t *from, entry_t *to, bool is_private)
{
    uint32_t number = entry_frame(*from);
    struct frame *frame = frame_at(number);
    entry_t value = *from;

    if (frame->kind == FRAME_ZERO) {
        tree_set(&child->tree, to, value);
        return 0;
    }
    if (frame->maps == UINT16_MAX) {
        if (value & ENTRY_LOOSE)
            charge_return_page(child);
        return -ENOMEM;
    }
    if (is_private && (value & ENTRY_W))
        __atomic_fetch_and(from, ~ENTRY_W, __ATOMIC_ACQ_REL);
    if (is_private) {
        __atomic_fetch_or(from, ENTRY_COW, __ATOMIC_RELAXED);
        value = (*from & ~ENTRY_W) | ENTRY_COW;
    }
    frame->maps++;
    tree_set(&child->tree, to, value & ~ENTRY_D);
    space_count_resident(child);
    return 0;
}

static int copy_entry(struct space *child, entry_t *from, entry_t *to, bool is_private)
{
    if (*from & ENTRY_LOOSE) {
        int error = promise_change(1, 0);

        if (error)
            return error;
        child->loose++;
    }
    if (*from & ENTRY_U)
        return copy_frame(child, from, to, is_private);
    slot_share(mm.store, entry_slot(*from));
    tree_set(&child->tree, to, *from);
    child->swapped++;
    return 0;
}

/* The part of a region that is in one node; no page leaves meanwhile. */
static int copy_chunk(struct space *parent, struct space *child, const struct region *region, uint32_t page,
                      uint32_t end)
{
    entry_t *from, *to;
    int error = frames_ensure(2);

    if (error)
        return error;
    from = space_entry(parent, page);
    if (!from)
        return 0;
    error = charge_entry(child, region, page, &to);
    for (; !error && page < end; page++, from++, to++) {
        if (*from)
            error = copy_entry(child, from, to, !(region->flags & REGION_SHARED));
    }
    return error;
}

static int copy_pages(struct space *parent, struct space *child, const struct region *region)
{
    uint64_t page = tree_next(&parent->tree, region->start, region->end);

    while (page < region->end) {
        uint64_t chunk_end = (page | (TABLE_ENTRIES - 1)) + 1;
        uint32_t end = chunk_end < region->end ? (uint32_t)chunk_end : region->end;
        int error = copy_chunk(parent, child, region, (uint32_t)page, end);

        /* What left while frames were looked for may have left the child a node without entries. */
        space_prune(child, (uint32_t)page);
        if (error)
            return error;
        page = tree_next(&parent->tree, end, region->end);
    }
    return 0;
}

/* Locks are not inherited; what the parent's region was charged for, the child's is. */
static int copy_region(struct space *parent, struct space *child, const struct region *region)
{
    struct region *copy;
    int error = pool_ready(&mm.regions, 1);

    if (error)
        return error;
    copy = pool_get(&mm.regions);
    *copy = *region;
    copy->flags &= (uint16_t)~REGION_LOCKED;
    error = region_add(child, copy);
    if (!error)
        return copy_pages(parent, child, copy);
    pool_put(&mm.regions, copy);
    return error;
}

int space_fork(struct space *parent, struct space **child)
{
    struct space *made;
    int error = space_create_like(parent, &made);

    if (error)
        return error;
    for (const struct region *region = parent->first; region && !error; region = region->next) {
        if (!(region->flags & REGION_DONTFORK))
            error = copy_region(parent, made, region);
    }
    /* The parent's frames are no longer writable, also when the fork did not succeed. */
    space_flush(parent);
    if (error)
        space_put(made);
    else
        *child = made;
    return error;
}
