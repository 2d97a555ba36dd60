/*
 * What a space is charged for its regions, in the two currencies of promise.c. Page tables are counted exactly: as many
 * nodes as its regions would need if every page of them were touched, each node once.
 *
 *   node of level 1: 512 pages; of level 2: 262,144 pages; the topmost one comes with the space
 *
 * Regions without REGION_TABLES (NORESERVE; never accessible) are left out, so that huge empty reservations cost nothing.
 * A node that only such regions use is charged when it is made, and marked FRAME_EXTRA.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

static uint32_t nodes_of_level(uint32_t start, uint32_t end, const struct region *below, const struct region *above,
                               unsigned shift)
{
    int64_t low = start >> shift, high = (end - 1) >> shift;

    if (below && (below->end - 1) >> shift == low)
        low++;
    if (above && above->start >> shift == high)
        high--;
    return high >= low ? (uint32_t)(high - low + 1) : 0;
}

uint32_t charge_tables(uint32_t start, uint32_t end, const struct region *below, const struct region *above)
{
    while (below && !(below->flags & REGION_TABLES))
        below = below->prev;
    while (above && !(above->flags & REGION_TABLES))
        above = above->next;
    return nodes_of_level(start, end, below, above, TABLE_SHIFT) +
           nodes_of_level(start, end, below, above, 2 * TABLE_SHIFT);
}

static uint32_t tables_of(const struct region *region)
{
    return charge_tables(region->start, region->end, region->prev, region->next);
}

static bool wants_tables(const struct region *region)
{
    return region->protection && !(region->flags & (REGION_NORESERVE | REGION_TABLES));
}

static bool wants_pages(const struct region *region)
{
    return (region->protection & MAP_WRITE) && !(region->flags & (REGION_SHARED | REGION_NORESERVE | REGION_PROMISED));
}

static bool wants_writer(const struct region *region)
{
    return region->object && (region->protection & MAP_WRITE) && (region->flags & REGION_SHARED) &&
           !(region->flags & REGION_STORED);
}

int charge_region(struct space *space, struct region *region)
{
    bool writer = wants_writer(region), promises = wants_pages(region), nodes = wants_tables(region);
    uint32_t flags = (nodes ? REGION_TABLES : 0) | (promises ? REGION_PROMISED : 0) | (writer ? REGION_STORED : 0);
    uint32_t tables, pages;
    int error;

    if (!flags)
        return 0;
    tables = nodes ? tables_of(region) : 0;
    pages = promises && !(region->flags & REGION_LOCKED) ? region->end - region->start : 0;
    error = promise_change(pages, tables);
    if (error)
        return error;
    if (writer && object_add_writer(region->object)) {
        promise_return(pages, tables);
        return -ENOMEM;
    }
    space->tables += tables;
    space->promised += pages;
    region->flags = (uint16_t)(region->flags | flags);
    return 0;
}

/* The protection that asks for what the flags say, whatever the protection is now. */
static uint16_t wish_of(const struct region *region)
{
    return (uint16_t)(region->protection | (region->flags & (REGION_PROMISED | REGION_STORED) ? MAP_WRITE : 0) |
                      (region->flags & REGION_TABLES ? MAP_READ : 0));
}

int charge_like(struct space *space, struct region *region)
{
    uint32_t pages = region->end - region->start, locked = region->flags & REGION_LOCKED ? pages : 0;
    uint16_t protection = region->protection;
    int error = locked ? promise_change(0, locked) : 0;

    if (error)
        return error;
    region->protection = wish_of(region);
    region->flags &= REGION_KEPT;
    error = charge_region(space, region);
    region->protection = protection;
    if (error) {
        promise_return(0, locked);
        return error;
    }
    space->locked += locked;
    return 0;
}

int charge_probe(const struct region *wanted)
{
    struct region wish = *wanted;
    uint32_t pages = wish.end - wish.start, locked = wish.flags & REGION_LOCKED ? pages : 0;
    uint32_t promised, nodes;
    int error;

    wish.protection = wish_of(wanted);
    wish.flags &= REGION_KEPT;
    promised = wants_pages(&wish) && !locked ? pages : 0;
    nodes = wants_tables(&wish) ? tree_worst_nodes(pages, 2) + 2 : 0;
    error = promise_change(promised, (int64_t)nodes + locked);
    if (error)
        return error;
    if (wants_writer(&wish)) {
        error = object_add_writer(wish.object);
        if (!error)
            object_remove_writer(wish.object);
    }
    promise_return(promised, nodes + locked);
    return error;
}

/* Whether any region with REGION_TABLES lies in the range of a node. */
static bool node_is_promised(struct space *space, uint32_t page, unsigned shift)
{
    uint32_t start = (page >> shift) << shift, end = start + (1u << shift);

    for (const struct region *region = region_after(space, start); region && region->start < end;
         region = region->next) {
        if (region->flags & REGION_TABLES)
            return true;
    }
    return false;
}

/* A node whose promise goes with a region, but which others still use, has a promise of its own from now on. */
static void keep_node(struct space *space, uint32_t page)
{
    entry_t entry = space->tree.root;

    for (unsigned level = 3; level > 0 && (entry & ENTRY_V); level--) {
        uint32_t number = entry_frame(entry);
        unsigned shift = TABLE_SHIFT * level;
        const entry_t *node = frame_view(number);

        if (level < 3 && !(frame_at(number)->bits & FRAME_EXTRA) && !node_is_promised(space, page, shift)) {
            frame_at(number)->bits |= FRAME_EXTRA;
            space->extra++;
            promise_force(0, 1);
        }
        entry = node[(page >> (shift - TABLE_SHIFT)) & (TABLE_ENTRIES - 1)];
    }
}

void charge_return(struct space *space, struct region *region, uint32_t flags)
{
    uint32_t pages = region->end - region->start;
    uint32_t tables = flags & REGION_TABLES ? tables_of(region) : 0;
    uint32_t locked = flags & REGION_LOCKED ? pages : 0;
    uint32_t promised = flags & REGION_PROMISED && !(region->flags & REGION_LOCKED) ? pages : 0;

    region->flags = (uint16_t)(region->flags & ~flags);
    if (flags & REGION_STORED)
        object_remove_writer(region->object);
    space->promised -= promised;
    space->locked -= locked;
    space->tables -= tables;
    promise_return(promised, tables + locked);
    if (tables && space->noreserve) {
        keep_node(space, region->start);
        keep_node(space, region->end - 1);
    }
}

int charge_page(struct space *space, const struct region *region, entry_t *bits)
{
    int error;

    if (!(region->flags & REGION_NORESERVE) || (*bits & ENTRY_LOOSE))
        return 0;
    error = promise_change(1, 0);
    if (error)
        return error;
    space->loose++;
    *bits |= ENTRY_LOOSE;
    return 0;
}

void charge_return_page(struct space *space)
{
    space->loose--;
    promise_return(1, 0);
}

/* Marks the nodes that were just made on the way to `page`, from `level` down, and that no region promised. */
static void mark_extra(struct space *space, uint32_t page, unsigned level)
{
    entry_t entry = space->tree.root;

    for (unsigned at = 3; at > 0; at--) {
        uint32_t number = entry_frame(entry);
        const entry_t *node = frame_view(number);

        if (at <= level && !node_is_promised(space, page, TABLE_SHIFT * at))
            frame_at(number)->bits |= FRAME_EXTRA;
        entry = node[(page >> (TABLE_SHIFT * (at - 1))) & (TABLE_ENTRIES - 1)];
    }
}

int charge_entry(struct space *space, const struct region *region, uint32_t page, entry_t **entry)
{
    uint32_t missing = tree_missing(&space->tree, page), extra = 0;
    int error;

    for (unsigned level = 1; level <= missing && !(region->flags & REGION_TABLES); level++)
        extra += !node_is_promised(space, page, TABLE_SHIFT * level);
    if (extra) {
        error = promise_change(0, extra);
        if (error)
            return error;
        space->extra += extra;
    }
    *entry = tree_make(&space->tree, page);
    if (extra)
        mark_extra(space, page, missing);
    return 0;
}
