/*
 * Moving and resizing mappings. A private page moves with its frame: nobody else maps it, so its descriptor just learns the
 * new page. A frame that the family shares would have to be at two pages; it is put into the log first, for slots are not
 * bound to a page.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

/* Nobody else may map a private frame that moves. A locked one cannot leave; a store gives it a frame of its own. */
static int unshare(struct space *space, const struct region *region, uint32_t page, uint32_t number)
{
    int error = frame_evict(number);

    if (error == -EBUSY)
        return region->protection & MAP_WRITE ? fault(space, page_va(page), ACCESS_STORE) : -ENOMEM;
    return error;
}

/* Afterwards no frame of the region is shared, and there are frames for the nodes of the new place. */
static int prepare(struct space *space, const struct region *region)
{
    uint64_t page = tree_next(&space->tree, region->start, region->end);
    uint32_t nodes = 0;
    uint64_t last = UINT64_MAX;

    for (; page < region->end; page = tree_next(&space->tree, page + 1, region->end)) {
        entry_t entry = *space_entry(space, (uint32_t)page);
        const struct frame *frame = frame_at(entry_frame(entry));
        int error = 0;

        if ((entry & ENTRY_U) && frame->kind == FRAME_ANONYMOUS && frame->maps > 1)
            error = unshare(space, region, (uint32_t)page, entry_frame(entry));
        if (error)
            return error;
        nodes += page >> TABLE_SHIFT != last;
        last = page >> TABLE_SHIFT;
    }
    /* A node of the old place may reach into two of the new, and those into two above them. */
    return frames_ensure(2 * nodes + 2);
}

/* One entry; the frame's descriptor follows. */
static int move_entry(struct space *space, const struct region *target, uint32_t from, uint32_t to)
{
    entry_t *entry, old;
    int error = charge_entry(space, target, to, &entry);

    if (error)
        return error;
    old = tree_take(&space->tree, space_entry(space, from));
    if ((old & ENTRY_U) && frame_at(entry_frame(old))->kind == FRAME_ANONYMOUS)
        frame_at(entry_frame(old))->page = to;
    tree_set(&space->tree, entry, old);
    return 0;
}

/* All entries from one region to the same place in the other, as far as both reach. The nodes of `from` stay. */
static int move_entries(struct space *space, const struct region *from, const struct region *to)
{
    uint32_t shorter = from->end - from->start < to->end - to->start ? from->end - from->start : to->end - to->start;
    uint32_t end = from->start + shorter;
    uint64_t page = tree_next(&space->tree, from->start, end);

    for (; page < end; page = tree_next(&space->tree, page + 1, end)) {
        int error = move_entry(space, to, (uint32_t)page, to->start + ((uint32_t)page - from->start));

        if (error)
            return error;
    }
    return 0;
}

/* The old and the new place count once: what the old pages were promised serves the new ones. */
static int add_target(struct space *space, const struct region *region, const struct region *wanted)
{
    bool promised = (region->flags & REGION_PROMISED) && !(region->flags & REGION_LOCKED);
    uint32_t pages = promised ? region->end - region->start : 0;
    int error;

    promise_return(pages, 0);
    error = region_add(space, wanted);
    promise_force(pages, 0);
    return error;
}

/* `region` is exactly the old range; it is unmapped in the end. */
static int move(struct space *space, struct region *region, uint32_t to, uint32_t pages)
{
    struct region wanted = *region, *target;
    int error = prepare(space, region);

    if (error)
        return error;
    wanted.start = to;
    wanted.end = to + pages;
    wanted.limit = wanted.flags & REGION_GROWSDOWN ? to : 0;
    unmap_range(space, to, to + pages);
    error = add_target(space, region, &wanted);
    if (error)
        return error;
    target = region_at(space, to);
    error = move_entries(space, region, target);
    /* Only nodes that no promise covers (NORESERVE) can be refused. The old place has its nodes still. */
    if (error) {
        int back = move_entries(space, target, region);

        ASSERT(!back);
        unmap_range(space, to, to + pages);
    } else {
        unmap_range(space, region->start, region->end);
    }
    space_flush(space);
    return error;
}

static int grow_here(struct space *space, const struct region *region, uint32_t pages)
{
    struct region more = *region;
    uint32_t end = region->start + pages;
    int error;

    more.start = region->end;
    more.end = end;
    more.offset += more.start - region->start;
    error = region_add(space, &more);
    if (!error)
        region_merge(space, more.start, end);
    return error;
}

struct remap {
    uint32_t start, end, to, pages;        /* old range; new place (0: to be found) and length */
    uint32_t flags;
};

static int decode(struct space *space, const struct remap *remap)
{
    const struct region *region = region_at(space, remap->start);

    if (remap->flags & ~(uint32_t)(REMAP_MAYMOVE | REMAP_FIXED) || remap->flags == REMAP_FIXED)
        return -EINVAL;
    if (!region || region->end < remap->end)
        return -EFAULT;
    if (remap->to && remap->to < remap->end && remap->start < remap->to + remap->pages)
        return -EINVAL;
    if (space->mapped + remap->pages > space->limit + (remap->end - remap->start))
        return -ENOMEM;
    return space->regions + 4 > REGIONS_MAX ? -ENOMEM : pool_ready(&mm.regions, 6);
}

/* What is too long goes; the rest stays, grows where it is, or moves. */
static int64_t perform(struct space *space, struct remap *remap)
{
    struct region *region;
    uint32_t old = remap->end - remap->start;
    int error;

    if (remap->pages < old) {
        unmap_range(space, remap->start + remap->pages, remap->end);
        remap->end = remap->start + remap->pages;
    }
    if (remap->pages <= old && !remap->to)
        return (int64_t)page_va(remap->start);
    region = region_at(space, remap->start);
    if (!remap->to && region->end == remap->end && region_is_free(space, remap->end, remap->start + remap->pages) &&
        remap->start + remap->pages <= USER_TOP_PAGE) {
        region_cut(space, remap->start, remap->end);
        error = grow_here(space, region_at(space, remap->start), remap->pages);
        region_merge(space, remap->start, remap->end);
        return error ? error : (int64_t)page_va(remap->start);
    }
    if (!(remap->flags & REMAP_MAYMOVE))
        return -ENOMEM;
    if (!remap->to)
        remap->to = region_gap(space, remap->pages);
    if (!remap->to)
        return -ENOMEM;
    region_cut(space, remap->start, remap->end);
    error = move(space, region_at(space, remap->start), remap->to, remap->pages);
    region_merge(space, remap->start, remap->end);
    if (error)
        return error;
    region_merge(space, remap->to, remap->to + remap->pages);
    return (int64_t)page_va(remap->to);
}

int64_t space_remap(struct space *space, va_t old, uint64_t old_bytes, uint64_t new_bytes, uint32_t flags, va_t to)
{
    struct remap remap = { .flags = flags };
    uint32_t end;
    int error = range_decode(old, old_bytes, &remap.start, &remap.end);

    if (error || !old_bytes || !new_bytes || new_bytes > USER_TOP)
        return -EINVAL;
    remap.pages = pages_of(new_bytes);
    if ((flags & REMAP_FIXED) && range_decode(to, new_bytes, &remap.to, &end))
        return -EINVAL;
    error = decode(space, &remap);
    return error ? error : perform(space, &remap);
}
