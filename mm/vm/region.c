/*
 * The regions of a space: a doubly linked list by address, with the last hit as the place to start from.
 *
 *      [ text ][ data ]   [ heap ]          [ mapping ][ mapping ]   guard <-- [ stack ]
 *
 * Splitting and merging change no promise: both parts of a region are charged as the whole was.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

struct region *region_after(struct space *space, uint32_t page)
{
    struct region *region = space->hint ? space->hint : space->first;

    if (!region)
        return NULL;
    while (region->prev && region->prev->end > page)
        region = region->prev;
    while (region && region->end <= page)
        region = region->next;
    if (region)
        space->hint = region;
    return region;
}

/* Between its neighbours, which are set. */
static void link_region(struct space *space, struct region *region)
{
    struct region *prev = region->prev, *next = region->next;

    if (prev)
        prev->next = region;
    else
        space->first = region;
    if (next)
        next->prev = region;
    else
        space->last = region;
    space->regions++;
    space->noreserve += !!(region->flags & REGION_NORESERVE);
    if (region->object) {
        object_get(region->object);
        object_add_region(region->object, region);
    }
}

int region_add(struct space *space, struct region *region)
{
    int error;

    region->space = handle_of(space);
    region->next = region_after(space, region->start);
    region->prev = region->next ? region->next->prev : space->last;
    error = charge_like(space, region);
    if (error)
        return error;
    link_region(space, region);
    space->hint = region;
    space->mapped += region->end - region->start;
    return 0;
}

static void unlink_region(struct space *space, struct region *region)
{
    if (region->prev)
        region->prev->next = region->next;
    else
        space->first = region->next;
    if (region->next)
        region->next->prev = region->prev;
    else
        space->last = region->prev;
    if (space->hint == region)
        space->hint = region->prev ? region->prev : region->next;
    space->regions--;
    space->noreserve -= !!(region->flags & REGION_NORESERVE);
}

void region_drop(struct space *space, struct region *region)
{
    struct object *object = region->object;

    unlink_region(space, region);
    if (object)
        object_remove_region(object, region);
    pool_put(&mm.regions, region);
    if (object)
        object_put(object);
}

struct region *region_split(struct space *space, struct region *region, uint32_t page)
{
    struct region *upper = pool_get(&mm.regions);

    ASSERT(upper && region->start < page && page < region->end);
    *upper = *region;
    upper->start = page;
    if (region->object)
        upper->offset += page - region->start;
    region->end = page;
    upper->prev = region;
    link_region(space, upper);
    if (upper->flags & REGION_STORED)
        upper->object->writers++;
    return upper;
}

/* The region that has pages on both sides of `page`, or NULL. */
static struct region *region_across(struct space *space, uint32_t page)
{
    struct region *region = region_at(space, page);

    return region && region->start < page ? region : NULL;
}

int region_cut_ready(struct space *space, uint32_t start, uint32_t end)
{
    const struct region *region = region_at(space, start);
    uint32_t cuts = region && region->start < start;

    if (region && region->end >= end)
        cuts += region->end > end;
    else
        cuts += region_across(space, end) != NULL;
    if (!cuts)
        return 0;
    return space->regions + cuts > REGIONS_MAX ? -ENOMEM : pool_ready(&mm.regions, cuts);
}

void region_cut(struct space *space, uint32_t start, uint32_t end)
{
    struct region *region = region_across(space, start);

    if (region)
        region_split(space, region, start);
    region = region_across(space, end);
    if (region)
        region_split(space, region, end);
}

static bool alike(const struct region *a, const struct region *b)
{
    return a->end == b->start && a->flags == b->flags && a->protection == b->protection && a->object == b->object &&
           a->name == b->name && a->limit == b->limit && (!a->object || a->offset + (a->end - a->start) == b->offset);
}

void region_merge(struct space *space, uint32_t start, uint32_t end)
{
    struct region *region = region_after(space, start ? start - 1 : 0);

    while (region && region->next && region->end <= end) {
        struct region *next = region->next;

        if (!alike(region, next)) {
            region = next;
            continue;
        }
        region->end = next->end;
        if (next->flags & REGION_STORED)
            next->object->writers--;
        region_drop(space, next);
    }
}

bool region_covers(struct space *space, uint32_t start, uint32_t end)
{
    struct region *region = region_after(space, start);

    while (region && region->start <= start) {
        if (region->end >= end)
            return true;
        start = region->end;
        region = region->next;
    }
    return false;
}

bool region_is_free(struct space *space, uint32_t start, uint32_t end)
{
    struct region *region = region_after(space, start);

    return !region || region->start >= end;
}

/* The lowest page that others must leave to this region. */
static uint32_t low_edge(const struct region *region)
{
    uint32_t low = region->flags & REGION_GROWSDOWN && region->limit < region->start ? region->limit : region->start;

    if (!(region->flags & REGION_GROWSDOWN))
        return low;
    return low > USER_BASE_PAGE + GUARD_PAGES ? low - GUARD_PAGES : USER_BASE_PAGE;
}

uint32_t region_gap(struct space *space, uint32_t pages)
{
    uint32_t high = USER_TOP_PAGE;

    for (const struct region *region = space->last; region; region = region->prev) {
        if (region->end <= high && high - region->end >= pages)
            return high - pages;
        if (low_edge(region) < high)
            high = low_edge(region);
    }
    return high > USER_BASE_PAGE && high - USER_BASE_PAGE >= pages ? high - pages : 0;
}

/* What `pages` at the lower end of a stack are charged; added with `sign` 1, taken with -1. */
static int charge_growth(struct space *space, const struct region *region, uint32_t start, uint32_t pages, int sign)
{
    bool locked = region->flags & REGION_LOCKED, promised = (region->flags & REGION_PROMISED) && !locked;
    uint32_t tables = region->flags & REGION_TABLES ? charge_tables(start, start + pages, region->prev, region) : 0;
    int error = promise_change(sign * (promised ? (int64_t)pages : 0), sign * ((int64_t)tables + (locked ? pages : 0)));

    if (error)
        return error;
    space->mapped += (uint32_t)sign * pages;
    space->tables += (uint32_t)sign * tables;
    space->locked += (uint32_t)sign * (locked ? pages : 0);
    space->promised += (uint32_t)sign * (promised ? pages : 0);
    return 0;
}

int region_grow(struct space *space, uint32_t page, struct region **region)
{
    struct region *stack = region_after(space, page);
    uint32_t growth;
    int error;

    if (!stack || !(stack->flags & REGION_GROWSDOWN) || page < stack->limit || page < USER_BASE_PAGE + GUARD_PAGES)
        return -EFAULT;
    if (stack->prev && page < stack->prev->end + GUARD_PAGES)
        return -EFAULT;
    growth = stack->start - page;
    if (space->mapped + growth > space->limit)
        return -ENOMEM;
    error = charge_growth(space, stack, page, growth, 1);
    if (error)
        return error;
    stack->start = page;
    *region = stack;
    return 0;
}

void region_grow_back(struct space *space, struct region *region, uint32_t start)
{
    uint32_t page = region->start;
    int error;

    region->start = start;
    error = charge_growth(space, region, page, start - page, -1);
    ASSERT(!error);
}
