/*
 * The reverse map of objects: every region that maps an object is in its list. A frame's PTEs are found by asking, of each
 * region that reaches its page, the space's table; a private region may have a copy there instead.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

void object_add_region(struct object *object, struct region *region)
{
    struct region *first = thing_of(object->regions);

    region->object_prev = 0;
    region->object_next = object->regions;
    if (first)
        first->object_prev = handle_of(region);
    object->regions = handle_of(region);
}

void object_remove_region(struct object *object, struct region *region)
{
    struct region *before = thing_of(region->object_prev), *after = thing_of(region->object_next);

    if (before)
        before->object_next = region->object_next;
    else
        object->regions = region->object_next;
    if (after)
        after->object_prev = region->object_prev;
}

/* A walk over the PTEs of an object's frame, as in family.c. */
struct walk {
    struct region *region, *following;
    struct space *space;
    entry_t *entry;
    uint32_t number, index, page, left;
};

static struct walk all_of(const struct object *object, uint32_t number)
{
    const struct frame *frame = frame_at(number);

    return (struct walk){
        .following = thing_of(object->regions), .number = number, .index = frame->page, .left = frame->maps
    };
}

/* The PTE by which a region holds the frame of that page of the object, or NULL. */
static entry_t *entry_in(const struct region *region, uint32_t index, uint32_t number)
{
    entry_t *entry;

    if (index < region->offset || index - region->offset >= region->end - region->start)
        return NULL;
    entry = space_walk(thing_of(region->space), region->start + (index - region->offset));
    return entry && entry_holds(entry_load(entry), number) ? entry : NULL;
}

static bool next(struct walk *walk)
{
    while (walk->left) {
        struct region *region = walk->region = walk->following;

        ASSERT(region); /* `maps` counts a PTE that is not there */
        walk->following = thing_of(region->object_next);
        walk->entry = entry_in(region, walk->index, walk->number);
        if (walk->entry) {
            walk->space = thing_of(region->space);
            walk->page = region->start + (walk->index - region->offset);
            walk->left--;
            return true;
        }
    }
    return false;
}

void object_unmap(struct object *object, uint32_t number)
{
    entry_t seen = 0;

    for (struct walk walk = all_of(object, number); next(&walk);) {
        seen |= tree_take(&walk.space->tree, walk.entry);
        space_flush_page(walk.space, page_va(walk.page));
        walk.space->resident--;
        frame_at(number)->maps--;
        space_prune(walk.space, walk.page);
    }
    if (seen & ENTRY_D)
        object_dirty(object, number);
}

/* No flush, as in family_age(). */
entry_t object_age(struct object *object, uint32_t number, entry_t clear)
{
    entry_t seen = 0;

    for (struct walk walk = all_of(object, number); next(&walk);)
        seen |= __atomic_fetch_and(walk.entry, ~clear, __ATOMIC_RELAXED);
    return seen;
}

/*
 * W may stay: after the flush an MMU that stores through the PTE has to set D again, or to fault (Svade), and either is
 * noticed.
 */
void object_collect(struct object *object, uint32_t number)
{
    entry_t seen = 0;

    for (struct walk walk = all_of(object, number); next(&walk);) {
        entry_t old = __atomic_fetch_and(walk.entry, ~ENTRY_D, __ATOMIC_ACQ_REL);

        seen |= old;
        if (old & ENTRY_D)
            space_flush_page(walk.space, page_va(walk.page));
    }
    if (seen & ENTRY_D)
        object_dirty(object, number);
}

uint32_t object_count(const struct object *object, uint32_t number)
{
    uint32_t count = 0;

    for (const struct region *region = thing_of(object->regions); region; region = thing_of(region->object_next))
        count += entry_in(region, frame_at(number)->page, number) != NULL;
    return count;
}

bool object_locks(struct object *object, uint32_t number)
{
    for (struct walk walk = all_of(object, number); next(&walk);) {
        if (walk.region->flags & REGION_LOCKED)
            return true;
    }
    return false;
}

void object_unmap_from(struct object *object, uint32_t index)
{
    for (struct region *region = thing_of(object->regions); region; region = thing_of(region->object_next)) {
        uint32_t start = index > region->offset ? index - region->offset : 0;

        if (start < region->end - region->start)
            space_release(thing_of(region->space), region->start + start, region->end);
    }
}
