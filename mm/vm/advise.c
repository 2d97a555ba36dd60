/*
 * Advice about ranges, and the writing back of mappings.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

static bool may_drop(struct space *space, uint32_t start, uint32_t end, enum advice advice)
{
    for (const struct region *region = region_after(space, start); region && region->start < end;
         region = region->next) {
        if (region->flags & REGION_LOCKED || (advice == ADVICE_FREE && region->object))
            return false;
    }
    return true;
}

/* Brings in what has left, as long as that costs nobody else a frame, and nothing has to be waited for. */
static void need(struct space *space, uint32_t start, uint32_t end)
{
    for (uint32_t page = start; page < end && mm.free > 2 * RESERVE_FRAMES; page++) {
        const struct region *region = region_after(space, page);
        const entry_t *entry;
        int error = 0;

        if (!region || region->start >= end)
            break;
        if (page < region->start)
            page = region->start;
        entry = space_entry(space, page);
        if ((region->protection & MAP_READ) && (region->object || (entry && *entry)) && !(entry && (*entry & ENTRY_U)))
            error = fault(space, page_va(page), ACCESS_LOAD);
        if (error && error != -ENXIO)
            break;
    }
}

/* The next victims of the clock, unless they are used again before. */
static void cold(struct space *space, uint32_t start, uint32_t end)
{
    uint64_t page = tree_next(&space->tree, start, end);

    for (; page < end; page = tree_next(&space->tree, page + 1, end)) {
        entry_t *entry = space_entry(space, (uint32_t)page);
        struct frame *frame = frame_at(entry_frame(*entry));

        if (!(*entry & ENTRY_U) || frame->kind == FRAME_ZERO)
            continue;
        __atomic_fetch_and(entry, ~ENTRY_A, __ATOMIC_RELAXED);
        frame->bits &= (uint8_t) ~(FRAME_CREDITS | FRAME_REFERENCED);
    }
}

/* Evicts what only this space maps, as far as the store takes it: it is advice, and a store that is full ends it. */
static int put_out(struct space *space, uint32_t start, uint32_t end)
{
    uint64_t page = tree_next(&space->tree, start, end);

    for (; page < end; page = tree_next(&space->tree, page + 1, end)) {
        entry_t entry = *space_entry(space, (uint32_t)page);
        const struct frame *frame = frame_at(entry_frame(entry));
        int error = 0;

        if ((entry & ENTRY_U) && frame->kind != FRAME_ZERO && frame->maps == 1)
            error = frame_evict(entry_frame(entry));
        if (error && error != -EBUSY)
            return error == -EAGAIN ? error : 0;
    }
    return 0;
}

static int mark(struct space *space, uint32_t start, uint32_t end, bool dont_fork)
{
    int error = region_cut_ready(space, start, end);

    if (error)
        return error;
    region_cut(space, start, end);
    for (struct region *region = region_after(space, start); region && region->start < end; region = region->next)
        region->flags = (uint16_t)(dont_fork ? region->flags | REGION_DONTFORK : region->flags & ~REGION_DONTFORK);
    region_merge(space, start, end);
    return 0;
}

int space_advise(struct space *space, va_t address, uint64_t bytes, enum advice advice)
{
    uint32_t start, end;
    int error = range_decode(address, bytes, &start, &end);

    if (error || !bytes)
        return error;
    if (!region_covers(space, start, end))
        return -EFAULT;
    switch (advice) {
    case ADVICE_DROP:
    case ADVICE_FREE:
        if (!may_drop(space, start, end, advice))
            return -EINVAL;
        space_release(space, start, end);
        return 0;
    case ADVICE_NEED:
        need(space, start, end);
        return 0;
    case ADVICE_COLD:
        cold(space, start, end);
        return 0;
    case ADVICE_OUT:
        return put_out(space, start, end);
    case ADVICE_DONTFORK:
    case ADVICE_DOFORK:
        return mark(space, start, end, advice == ADVICE_DONTFORK);
    case ADVICE_POPULATE:
        return space_populate(space, start, end);
    }
    return -EINVAL;
}

int space_sync(struct space *space, va_t address, uint64_t bytes)
{
    uint32_t start, end;
    int error = range_decode(address, bytes, &start, &end);

    if (error || !bytes)
        return error;
    if (!region_covers(space, start, end))
        return -EFAULT;
    for (struct region *region = region_after(space, start); region && region->start < end; region = region->next) {
        if (!(region->flags & REGION_STORED) || !region->object->node)
            continue;
        error = object_sync(region->object);
        if (error)
            return error;
    }
    return 0;
}
