/*
 * mm_check(): the invariants of mm/DESIGN.md that are about frames, tables, regions and promises, executed. It walks
 * everything and changes nothing. Each check answers 0 or the line of this file whose rule is broken: the rule's words
 * stand here and are not in the image.
 *
 * How many PTEs hold a frame is asked of the reverse map, which is itself what is to be checked; and all PTEs are counted
 * against all descriptors, so a PTE that the reverse map misses is found as well.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

#define BROKEN(rule) __LINE__
#define CHECK(condition, rule)   \
    do {                         \
        if (!(condition))        \
            return BROKEN(rule); \
    } while (0)

/* A multiple of every number of references up to 16: the parts that such slots are counted in are whole numbers. */
#define SLOT_PARTS 720720ull

struct tally {
    uint64_t ptes, maps; /* PTEs that hold counted frames; descriptors' sum */
    uint64_t nodes, extra;
    uint64_t promised, pinned;
    uint64_t slot_parts, slots_rough; /* each reference: SLOT_PARTS over how many there are */
    uint64_t object_frames;
    uint32_t space_resident, space_swapped, space_nodes, space_extra, space_loose;
};

/* ---- Frames ---- */

static int check_free_list(void)
{
    uint32_t length = 0;

    for (uint32_t number = mm.free_head; number; number = frame_at(number)->page) {
        CHECK(number >= mm.first && number < mm.count, "the free list leaves the pool");
        CHECK(frame_at(number)->kind == FRAME_FREE, "a frame in the free list is in use");
        CHECK(++length <= mm.free, "the free list is longer than the count of free frames");
        CHECK(!(frame_at(number)->bits & FRAME_ZEROED) || page_is_zero(frame_view(number)),
              "a free frame that should be zeros is not");
    }
    CHECK(length == mm.free, "the free list is shorter than the count of free frames");
    return 0;
}

static int check_descriptor(const struct frame *frame, struct tally *tally)
{
    switch (frame->kind) {
    case FRAME_FREE:
        CHECK(!frame->maps && !frame->slot, "a free frame is mapped or has a slot");
        break;
    case FRAME_FIRMWARE:
        tally->pinned += frame->bits == FOR_FIRMWARE || frame->bits == FOR_POOL;
        break;
    case FRAME_TABLE:
        tally->nodes++;
        tally->extra += !!(frame->bits & FRAME_EXTRA);
        break;
    case FRAME_ANONYMOUS:
        CHECK(frame->maps, "a private frame is mapped by nobody");
        tally->maps += frame->maps;
        break;
    case FRAME_OBJECT:
        CHECK(!(frame->bits & FRAME_DIRTY) || !frame->slot, "a dirty page has a live copy");
        tally->maps += frame->maps;
        tally->object_frames++;
        break;
    default:
        break;
    }
    return 0;
}

static int check_frames(struct tally *tally)
{
    uint32_t kinds[FRAME_KINDS] = { 0 };
    int broken = check_free_list();

    if (broken)
        return broken;
    for (uint32_t number = 0; number < mm.count; number++) {
        const struct frame *frame = frame_at(number);

        CHECK(frame->kind < FRAME_KINDS, "a frame is in no known state");
        kinds[frame->kind]++;
        broken = check_descriptor(frame, tally);
        if (broken)
            return broken;
    }
    for (unsigned kind = 0; kind < FRAME_KINDS; kind++)
        CHECK(kinds[kind] == mm.kinds[kind], "the count of frames of a kind is wrong");
    CHECK(kinds[FRAME_FREE] == mm.free, "a free frame is not in the free list");
    CHECK(kinds[FRAME_ZERO] == 1 && frame_at(mm.zero)->kind == FRAME_ZERO, "the frame of zeros is gone");
    CHECK(page_is_zero(frame_view(mm.zero)), "the frame of zeros is not zeros");
    return 0;
}

/* ---- Slots ---- */

static int count_slot(slot_t slot, struct tally *tally)
{
    uint32_t references = slot_references(mm.store, slot);

    CHECK(references, "a slot in use has no reference");
    if (references <= 16)
        tally->slot_parts += SLOT_PARTS / references;
    else
        tally->slots_rough++;
    return 0;
}

static int check_slots(const struct tally *tally)
{
    struct store_statistics statistics;

    if (!mm.store)
        return 0;
    store_statistics(mm.store, &statistics);
    if (tally->slots_rough) {
        CHECK(tally->slot_parts / SLOT_PARTS <= statistics.slots_used, "more slots are named than are in use");
        return 0;
    }
    CHECK(tally->slot_parts == SLOT_PARTS * statistics.slots_used, "slots' references are not those that exist");
    return 0;
}

/* ---- Entries of a space ---- */

static int check_private(const struct space *space, uint32_t page, entry_t entry)
{
    const struct frame *frame = frame_at(entry_frame(entry));

    CHECK(frame->owner == handle_of(space->family), "a private frame is mapped outside its family");
    CHECK(frame->page == page, "a private frame is mapped at another page");
    CHECK(!(entry & ENTRY_W) || frame->maps == 1, "a frame with several mappings is writable");
    CHECK(!(entry & ENTRY_W) || !frame->slot || slot_references(mm.store, frame->slot) == 1,
          "a writable frame has a live copy that others share");
    CHECK(!(entry & ENTRY_W) || !(entry & ENTRY_COW), "a frame that is copied at a store is writable");
    return 0;
}

static int check_shared(const struct region *region, uint32_t page, entry_t entry)
{
    const struct frame *frame = frame_at(entry_frame(entry));

    CHECK(region->object && frame->owner == handle_of(region->object),
          "an object's frame is mapped by a region of another");
    CHECK(frame->page == region->offset + (page - region->start), "an object's frame is mapped at another page");
    CHECK((region->flags & REGION_SHARED) || !(entry & ENTRY_W), "a private region can store to an object's frame");
    CHECK(frame->page < object_pages(region->object), "a page beyond the object's end is mapped");
    return 0;
}

static int check_rights(const struct region *region, entry_t entry)
{
    entry_t allowed = entry_permissions(region->protection);

    CHECK((entry & (ENTRY_W | ENTRY_X)) != (ENTRY_W | ENTRY_X), "a mapping is writable and executable");
    CHECK(!(entry & ENTRY_RWX & ~allowed), "a mapping allows more than its region");
    CHECK(!(entry & ENTRY_V) == !region->protection, "a PTE is valid without rights, or hidden with them");
    CHECK(!(entry & ENTRY_G), "a page of one space is global");
    CHECK(!(entry & ENTRY_V) || (entry & ENTRY_RWX), "a leaf looks like a pointer");
    CHECK(!(entry & ENTRY_V) || (entry & mm.leaf_bits) == mm.leaf_bits, "a PTE lacks the chip's attributes of RAM");
    return 0;
}

static int check_frame_entry(const struct space *space, const struct region *region, uint32_t page, entry_t entry,
                             struct tally *tally)
{
    uint32_t number = entry_frame(entry);
    int broken = check_rights(region, entry);

    if (broken)
        return broken;
    CHECK(number >= mm.first && number < mm.count, "a PTE reaches beyond the pool, or a firmware frame");
    switch (frame_at(number)->kind) {
    case FRAME_ZERO:
        CHECK(!(entry & ENTRY_W), "the frame of zeros is writable");
        return 0;
    case FRAME_ANONYMOUS:
        broken = check_private(space, page, entry);
        break;
    case FRAME_OBJECT:
        broken = check_shared(region, page, entry);
        break;
    default:
        return BROKEN("a PTE reaches a frame that is not a task's");
    }
    tally->ptes++;
    tally->space_resident++;
    return broken;
}

static int check_entry(struct space *space, uint32_t page, entry_t entry, struct tally *tally)
{
    const struct region *region = region_at(space, page);

    CHECK(region, "a page outside every region is in use");
    CHECK(!(entry & ENTRY_LOOSE) || (region->flags & REGION_NORESERVE),
          "a page is promised for itself and with its region");
    tally->space_loose += !!(entry & ENTRY_LOOSE);
    if (entry & ENTRY_U)
        return check_frame_entry(space, region, page, entry, tally);
    CHECK(!(entry & ((1ull << ENTRY_PPN_SHIFT) - 1) & ~ENTRY_LOOSE), "a PTE is neither a frame nor a slot");
    tally->space_swapped++;
    return count_slot(entry_slot(entry), tally);
}

/* ---- Trees ---- */

typedef int (*check_leaf)(void *owner, uint64_t page, entry_t entry, struct tally *tally);

/* One node: its descriptor, and how many entries are in use. */
static int check_node(const struct tree *tree, entry_t pointer, unsigned level, struct tally *tally)
{
    uint32_t number = entry_frame(pointer), used = 0;
    unsigned entries = tree->bits & FRAME_OF_OBJECT || level < tree->levels ? TABLE_ENTRIES : TABLE_ENTRIES / 2;
    const struct frame *frame = frame_at(number);
    const entry_t *node = frame_view(number);

    CHECK(number >= mm.first && number < mm.count && frame->kind == FRAME_TABLE, "a pointer leads to no table");
    CHECK(!(pointer & (ENTRY_RWX | ENTRY_U | ENTRY_A | ENTRY_D)), "a pointer has bits of a leaf");
    CHECK(frame->owner == tree->owner && (frame->bits & FRAME_LEVEL) == level, "a table belongs elsewhere");
    for (unsigned at = 0; at < entries; at++)
        used += !!node[at];
    CHECK(used == frame->maps, "a table's count of entries is wrong");
    CHECK(used || (level == tree->levels && !(tree->bits & FRAME_OF_OBJECT)), "an empty table was not given back");
    tally->space_nodes++;
    tally->space_extra += !!(frame->bits & FRAME_EXTRA);
    return 0;
}

/* Nodes are checked where the walk first enters them: at their first page, or at the first page after a gap. */
static int check_tree(const struct tree *tree, uint64_t end, check_leaf leaf, void *owner, struct tally *tally)
{
    for (uint64_t page = 0, next; page < end; page = next) {
        const entry_t *entry = &tree->root;
        unsigned level = tree->levels;
        int broken = 0;

        for (; level > 0 && (*entry & ENTRY_V); level--) {
            unsigned shift = TABLE_SHIFT * (level - 1);

            if (!(page & ((1ull << (shift + TABLE_SHIFT)) - 1)))
                broken = check_node(tree, *entry, level, tally);
            if (broken)
                return broken;
            entry = (const entry_t *)frame_view(entry_frame(*entry)) + ((page >> shift) & (TABLE_ENTRIES - 1));
        }
        CHECK(level == 0 || !*entry, "an entry above the leaves is not a pointer");
        next = ((page >> (TABLE_SHIFT * level)) + 1) << (TABLE_SHIFT * level);
        if (level == 0 && *entry)
            broken = leaf(owner, page, *entry, tally);
        if (broken)
            return broken;
    }
    return 0;
}

/* ---- Spaces ---- */

static int check_region(const struct space *space, const struct region *region)
{
    const struct region *next = region->next;

    CHECK(region->start < region->end && region->start >= USER_BASE_PAGE && region->end <= USER_TOP_PAGE,
          "a region is empty or outside user space");
    CHECK(next ? next->prev == region : space->last == region, "the list of regions is broken");
    CHECK(!next || region->end <= next->start, "regions overlap or are not sorted");
    CHECK(thing_of(region->space) == space, "a region is in another space's list");
    CHECK(!(region->protection & MAP_WRITE) || !(region->protection & MAP_EXECUTE),
          "a region is writable and executable");
    CHECK(!(region->flags & REGION_FRESH), "a region's charges were not settled");
    CHECK(!(region->protection & MAP_WRITE) || (region->flags & (REGION_CHARGED | REGION_NORESERVE)) > REGION_TABLES ||
              (region->flags & (REGION_NORESERVE | REGION_SHARED)),
          "a writable region is not promised");
    return 0;
}

/* Nodes that regions with REGION_TABLES need, each counted once, in address order; and the root. */
static uint32_t nodes_promised(const struct space *space)
{
    uint32_t nodes = 0;

    for (unsigned shift = TABLE_SHIFT; shift <= 2 * TABLE_SHIFT; shift += TABLE_SHIFT) {
        uint32_t counted = 0; /* nodes below this one have been */

        for (const struct region *region = space->first; region; region = region->next) {
            uint32_t low = region->start >> shift, high = ((region->end - 1) >> shift) + 1;

            if (!(region->flags & REGION_TABLES))
                continue;
            low = low < counted ? counted : low;
            nodes += high > low ? high - low : 0;
            counted = high > counted ? high : counted;
        }
    }
    return nodes;
}

static int check_regions(const struct space *space)
{
    uint32_t regions = 0, mapped = 0, promised = 0, locked = 0, noreserve = 0;

    for (const struct region *region = space->first; region; region = region->next) {
        uint32_t pages = region->end - region->start;
        int broken = check_region(space, region);

        if (broken)
            return broken;
        CHECK(++regions <= space->regions, "a space has more regions than it counts");
        mapped += pages;
        noreserve += !!(region->flags & REGION_NORESERVE);
        locked += region->flags & REGION_LOCKED ? pages : 0;
        promised += region->flags & REGION_PROMISED && !(region->flags & REGION_LOCKED) ? pages : 0;
    }
    CHECK(regions == space->regions, "a space has fewer regions than it counts");
    CHECK(noreserve == space->noreserve, "a space's count of NORESERVE regions is wrong");
    CHECK(mapped == space->mapped, "a space's count of mapped pages is wrong");
    CHECK(promised == space->promised, "a space's count of promised pages is wrong");
    CHECK(locked == space->locked, "a space's count of locked pages is wrong");
    CHECK(nodes_promised(space) == space->tables, "a space's count of promised tables is wrong");
    return 0;
}

static int check_space_leaf(void *owner, uint64_t page, entry_t entry, struct tally *tally)
{
    return check_entry(owner, (uint32_t)page, entry, tally);
}

static int check_asid(const struct space *space)
{
    if (!mm.asid_last || space->generation != mm.generation)
        return 0;
    CHECK(space->asid && space->asid < mm.asid_next, "an ASID is in use that was not given out");
    for (const struct family *family = mm.families; family; family = family->next) {
        for (const struct space *other = family->spaces; other; other = other->family_next)
            CHECK(other == space || other->generation != mm.generation || other->asid != space->asid,
                  "two spaces have one ASID");
    }
    return 0;
}

static int check_space(struct space *space, struct tally *tally)
{
    int broken = check_regions(space);

    if (broken)
        return broken;
    broken = check_asid(space);
    if (broken)
        return broken;
    tally->space_resident = tally->space_swapped = tally->space_nodes = tally->space_extra = tally->space_loose = 0;
    broken = check_tree(&space->tree, USER_TOP_PAGE, check_space_leaf, space, tally);
    if (broken)
        return broken;
    CHECK(tally->space_resident == space->resident, "a space's count of resident pages is wrong");
    CHECK(tally->space_swapped == space->swapped, "a space's count of pages in slots is wrong");
    CHECK(tally->space_nodes == space->tree.nodes, "a space's count of tables is wrong");
    CHECK(tally->space_extra == space->extra, "a space's count of unpromised tables is wrong");
    CHECK(space->tree.nodes <= 1 + space->tables + space->extra, "a space has tables that nothing promised");
    tally->nodes -= space->tree.nodes;
    tally->extra -= space->extra;
    CHECK(tally->space_loose == space->loose, "a space's count of pages promised one by one is wrong");
    tally->promised += space->promised + space->loose;
    tally->pinned += 1 + space->tables + space->extra + space->locked;
    return 0;
}

/* ---- Objects ---- */

struct object_tally {
    const struct object *object;
    uint32_t pages, unsynced;
};

static int check_object_leaf(void *owner, uint64_t page, entry_t entry, struct tally *tally)
{
    struct object_tally *seen = owner;

    seen->pages++;
    seen->unsynced += object_page_unsynced(entry);
    CHECK(page < object_pages(seen->object), "an object holds a page beyond its end");
    if (!(entry & ENTRY_V))
        return count_slot(entry_slot(entry), tally);
    CHECK(entry_frame(entry) >= mm.first && entry_frame(entry) < mm.count, "an object's entry reaches beyond the pool");
    CHECK(frame_at(entry_frame(entry))->kind == FRAME_OBJECT &&
              frame_at(entry_frame(entry))->owner == handle_of(seen->object) &&
              frame_at(entry_frame(entry))->page == page,
          "an object's entry names a frame of another page");
    tally->object_frames--;
    return 0;
}

static int check_object_regions(const struct object *object)
{
    uint32_t writers = 0, regions = 0;

    for (const struct region *region = thing_of(object->regions); region; region = thing_of(region->object_next)) {
        CHECK(region->object == object, "a region is in the list of another object");
        writers += !!(region->flags & REGION_STORED);
        regions++;
    }
    CHECK(writers == object->writers, "an object's count of writers is wrong");
    CHECK(object->references >= regions, "an object has fewer references than regions");
    CHECK(object->references || object->node, "an object without file and references was not freed");
    return 0;
}

static int check_object(const struct object *object, struct tally *tally)
{
    struct object_tally seen = { .object = object };
    int broken = check_object_regions(object);

    if (broken)
        return broken;
    tally->space_nodes = 0;
    broken = check_tree(&object->tree, 1ull << (TABLE_SHIFT * object->tree.levels), check_object_leaf, &seen, tally);
    if (broken)
        return broken;
    CHECK(seen.pages == object->pages, "an object's count of pages is wrong");
    CHECK(seen.unsynced == object->unsynced, "an object's count of dirty pages is wrong");
    CHECK(tally->space_nodes == object->tree.nodes, "an object's count of tables is wrong");
    CHECK(object->tree.nodes <= object->tables, "an object has tables that nothing promised");
    CHECK(object->promised >= (object->node && !object->writers ? object->unsynced : object_pages(object)),
          "an object's pages are not promised");
    tally->nodes -= object->tree.nodes;
    tally->promised += object->promised;
    tally->pinned += object->tables;
    return 0;
}

/* ---- The reverse map ---- */

static int check_reverse_map(struct tally *tally)
{
    for (uint32_t number = mm.first; number < mm.count; number++) {
        const struct frame *frame = frame_at(number);

        if (frame->kind == FRAME_ANONYMOUS)
            CHECK(family_count(number) == frame->maps, "a private frame's count of mappings is wrong");
        else if (frame->kind == FRAME_OBJECT)
            CHECK(object_count(thing_of(frame->owner), number) == frame->maps,
                  "an object's frame's count of mappings is wrong");
        else
            continue;
        if (frame->slot) {
            int broken = count_slot(frame->slot, tally);

            if (broken)
                return broken;
        }
    }
    CHECK(tally->ptes == tally->maps, "PTEs and the descriptors' counts of them differ");
    return 0;
}

static int check_totals(const struct tally *tally)
{
    CHECK(!tally->nodes, "a table belongs to no space and no object");
    CHECK(!tally->extra, "an unpromised table belongs to no space");
    CHECK(!tally->object_frames, "an object's frame is not in its object");
    CHECK(tally->promised == mm.promised, "the sum of promised pages is wrong");
    CHECK(tally->pinned + mm.store_share == mm.pinned, "the sum of pinned frames is wrong");
    CHECK(mm.store_frames <= mm.store_share, "the store has more frames than its share");
    return 0;
}

int mm_check(void)
{
    struct tally tally = { 0 };
    int broken = check_frames(&tally);

    for (struct family *family = mm.families; family && !broken; family = family->next) {
        for (struct space *space = family->spaces; space && !broken; space = space->family_next)
            broken = check_space(space, &tally);
    }
    for (const struct object *object = mm.objects; object && !broken; object = object->next)
        broken = check_object(object, &tally);
    if (!broken)
        broken = check_reverse_map(&tally);
    if (!broken)
        broken = check_totals(&tally);
    return broken ? broken : check_slots(&tally);
}

const char *mm_check_idle(void)
{
    struct store_statistics statistics = { 0 };

    while (object_drop_idle())
        ;
    if (mm.spaces.used_items || mm.regions.used_items)
        return "a space or a region is left";
    for (const struct object *object = mm.objects; object; object = object->next)
        if (object->references)
            return "an object is left";
    if (mm.objects)
        return NULL;
    if (mm.store)
        store_statistics(mm.store, &statistics);
    return statistics.slots_used ? "a slot is left" : mm.promised ? "a promise is left" : NULL;
}
