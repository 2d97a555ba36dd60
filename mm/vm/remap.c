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

/* Afterwards no frame of the region is shared. *nodes: the most that its entries can need elsewhere. */
static int unshare_all(struct space *space, const struct region *region, uint32_t *nodes)
{
    uint64_t page = tree_next(&space->tree, region->start, region->end);
    uint64_t last = UINT64_MAX;

    /* A node of the old place may reach into two of the new, and those into two above them. */
    *nodes = 2;
    for (; page < region->end; page = tree_next(&space->tree, page + 1, region->end)) {
        entry_t entry = *space_entry(space, (uint32_t)page);
        const struct frame *frame = frame_at(entry_frame(entry));
        int error = 0;

        if ((entry & ENTRY_U) && frame->kind == FRAME_ANONYMOUS && frame->maps > 1)
            error = unshare(space, region, (uint32_t)page, entry_frame(entry));
        if (error)
            return error;
        *nodes += page >> TABLE_SHIFT != last ? 2 : 0;
        last = page >> TABLE_SHIFT;
    }
    return 0;
}

/*
 * All that may fail: frames for the nodes, and the promises. The old and the new place count once, for what the old pages
 * were promised serves the new ones. What is granted here is given back, and cannot be refused again in this call.
 */
static int prepare(struct space *space, const struct region *region, const struct region *wanted, uint32_t promised)
{
    uint32_t nodes;
    int error = unshare_all(space, region, &nodes);

    if (!error)
        error = frames_ensure(nodes);
    if (error)
        return error;
    if (wanted->flags & REGION_TABLES)
        nodes = 0;
    promise_return(promised, 0);
    error = promise_change(0, nodes);
    if (!error) {
        error = charge_probe(wanted);
        promise_return(0, nodes);
    }
    promise_force(promised, 0);
    return error;
}

/* One entry; the frame's descriptor follows. */
static void move_entry(struct space *space, const struct region *target, uint32_t from, uint32_t to)
{
    entry_t *source, *entry, old;
    int error = charge_entry(space, target, to, &entry);

    ASSERT(!error);
    source = space_entry(space, from);
    old = tree_take(&space->tree, source);
    if ((old & ENTRY_U) && frame_at(entry_frame(old))->kind == FRAME_ANONYMOUS)
        frame_at(entry_frame(old))->page = to;
    tree_set(&space->tree, entry, old);
    /* Nobody else looks for nodes without entries. */
    if (!frame_at(frame_of(source))->maps)
        space_prune(space, from);
}

/* All entries from one region to the same place in the other, as far as both reach. */
static void move_entries(struct space *space, const struct region *from, const struct region *to)
{
    uint32_t shorter = from->end - from->start < to->end - to->start ? from->end - from->start : to->end - to->start;
    uint32_t end = from->start + shorter;

    for (uint64_t page = tree_next(&space->tree, from->start, end); page < end;
         page = tree_next(&space->tree, page + 1, end))
        move_entry(space, to, (uint32_t)page, to->start + ((uint32_t)page - from->start));
}

/* A copy of the region at another place; there is one ready in the pool. */
static struct region *like(const struct region *region, uint32_t start, uint32_t end)
{
    struct region *copy = pool_get(&mm.regions);

    *copy = *region;
    copy->start = start;
    copy->end = end;
    return copy;
}

/* `region` is exactly the old range; it is unmapped in the end. */
static int move(struct space *space, struct region *region, uint32_t to, uint32_t pages)
{
    bool promises = (region->flags & REGION_PROMISED) && !(region->flags & REGION_LOCKED);
    uint32_t promised = promises ? region->end - region->start : 0;
    struct region *target = like(region, to, to + pages);
    int error;

    target->limit = region->flags & REGION_GROWSDOWN ? to : 0;
    error = prepare(space, region, target, promised);
    if (error) {
        pool_put(&mm.regions, target);
        return error;
    }
    unmap_range(space, to, to + pages);
    promise_return(promised, 0);
    error = region_add(space, target);
    promise_force(promised, 0);
    ASSERT(!error);
    move_entries(space, region, target);
    /* The frames are in use at their new place only; the old translations go before anything runs. */
    unmap_range(space, region->start, region->end);
    space_flush(space);
    return 0;
}

static int grow_here(struct space *space, const struct region *region, uint32_t pages)
{
    struct region *more = like(region, region->end, region->start + pages);
    uint32_t start = more->start, end = more->end;
    int error;

    more->offset += start - region->start;
    error = region_add(space, more);
    if (error)
        pool_put(&mm.regions, more);
    else
        region_merge(space, start, end);
    return error;
}

struct remap {
    uint32_t start, end, to, pages; /* old range; new place (0: to be found) and length */
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

static bool fits_here(struct space *space, const struct remap *remap)
{
    uint32_t end = remap->start + remap->pages;

    return !remap->to && region_at(space, remap->start)->end == remap->end && end <= USER_TOP_PAGE &&
           region_is_free(space, remap->end, end);
}

/* The part of a region that is the old range grows where it is, or moves. */
static int enlarge(struct space *space, const struct remap *remap)
{
    bool here = fits_here(space, remap);
    struct region *region;
    int error;

    region_cut(space, remap->start, remap->end);
    region = region_at(space, remap->start);
    error = here ? grow_here(space, region, remap->pages) : move(space, region, remap->to, remap->pages);
    region_merge(space, remap->start, remap->end);
    if (!here && !error)
        region_merge(space, remap->to, remap->to + remap->pages);
    return error;
}

static int64_t perform(struct space *space, struct remap *remap)
{
    uint32_t place = remap->to ? remap->to : remap->start;
    int error;

    if (remap->pages <= remap->end - remap->start && !remap->to) {
        if (remap->pages < remap->end - remap->start)
            unmap_range(space, remap->start + remap->pages, remap->end);
        return (int64_t)page_va(remap->start);
    }
    if (!remap->to && !fits_here(space, remap)) {
        place = remap->to = remap->flags & REMAP_MAYMOVE ? region_gap(space, remap->pages) : 0;
        if (!place)
            return -ENOMEM;
    }
    error = enlarge(space, remap);
    return error ? error : (int64_t)page_va(place);
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
