/*
 * Spaces and regions inside mm/vm: the sorted list of regions, page-table entries of a space, what is promised for it.
 */
#ifndef MM_VM_SPACE_H
#define MM_VM_SPACE_H

#include "mm/vm/sv39.h"
#include "mm/vm/vm.h"

/* ---- region.c ---- */

/* The first region that ends above `page`, or NULL. */
struct region *region_after(struct space *space, uint32_t page);
/* The region of `page`, or NULL. */
static inline struct region *region_at(struct space *space, uint32_t page)
{
    struct region *region = space->hint;

    if (!region || page < region->start || page >= region->end)
        region = region_after(space, page);
    return region && region->start <= page ? region : NULL;
}
/*
 * Promises for a new region, taken from the pool and filled in, and puts it in the list. Flags that say it is charged already
 * (it is like another region) are wishes here. On failure it is still the caller's.
 */
int region_add(struct space *space, struct region *region) MUST_CHECK;
/* Takes a region out of the list and gives its struct and its object's reference back; nothing else. */
void region_drop(struct space *space, struct region *region);
/* Cuts at `page`; returns the upper part. The pool has one item ready. */
struct region *region_split(struct space *space, struct region *region, uint32_t page);
/* Makes sure that region_cut() finds what it needs. -EAGAIN, -ENOMEM. */
int region_cut_ready(struct space *space, uint32_t start, uint32_t end) MUST_CHECK;
/* Cuts so that [start, end) is whole regions. */
void region_cut(struct space *space, uint32_t start, uint32_t end);
/* Joins neighbours that have become alike, from the one that ends at `start` to the one that begins at `end`. */
void region_merge(struct space *space, uint32_t start, uint32_t end);
/* Whether regions cover the whole range. */
bool region_covers(struct space *space, uint32_t start, uint32_t end);
/* The highest free range of so many pages, or 0. */
uint32_t region_gap(struct space *space, uint32_t pages);
bool region_is_free(struct space *space, uint32_t start, uint32_t end);
/* A stack that reaches down to `page`, or an error: -EFAULT nothing grows there, -ENOMEM refused. */
int region_grow(struct space *space, uint32_t page, struct region **region) MUST_CHECK;
/* Undoes it: the access was refused memory after all, and nothing is mapped in what had grown. */
void region_grow_back(struct space *space, struct region *region, uint32_t start);

/* ---- charge.c ---- */

/* Page-table nodes for [start, end) beyond those of the regions with REGION_TABLES next to it in the list. */
uint32_t charge_tables(uint32_t start, uint32_t end, const struct region *below, const struct region *above);
/* Promises what a region asks for by its protection and flags and does not have yet. Its neighbours in the list are set. */
int charge_region(struct space *space, struct region *region) MUST_CHECK;
/* The same for all that its flags say it was charged before, locks included. */
int charge_like(struct space *space, struct region *region) MUST_CHECK;
/* Whether a new region would be granted, wherever its page tables come to lie. Changes nothing. */
int charge_probe(const struct region *wanted) MUST_CHECK;
/* Gives back what `flags`, some of its own, say that a region in the list was charged, and clears them. */
void charge_return(struct space *space, struct region *region, uint32_t flags);
/*
 * Promises for a page of its own in a NORESERVE region, and sets ENTRY_LOOSE in its bits, unless it is set. Without this,
 * pages that nothing was promised for would take what others were promised. -ENOMEM.
 */
int charge_page(struct space *space, const struct region *region, entry_t *bits) MUST_CHECK;
void charge_return_page(struct space *space);
/* Makes the entry of a page; nodes that no region promised (NORESERVE) are promised now. -ENOMEM. */
int charge_entry(struct space *space, const struct region *region, uint32_t page, entry_t **entry) MUST_CHECK;

/* ---- table.c: a space's entries ---- */

void space_flush_page(const struct space *space, va_t va);
void space_flush(const struct space *space);

/* What was unmapped and waits for its flush (invariant 3: unmap everywhere, flush, then reuse). */
struct gather {
    struct space *space;
    uint32_t frames; /* chains by frame.page */
    uint32_t nodes;
    uint32_t pages;
    uint32_t page; /* the only one, when pages is 1 */
};
/* Empties the entry of `page`, whatever it held. */
void gather_entry(struct gather *gather, entry_t *entry, uint32_t page);
void gather_nodes(struct gather *gather, uint32_t page);
void gather_finish(struct gather *gather);
/* Empties all entries of a range. */
void space_release(struct space *space, uint32_t start, uint32_t end);
/* After an entry has become 0: gives empty nodes back. */
void space_prune(struct space *space, uint32_t page);

static inline entry_t *space_entry(const struct space *space, uint32_t page)
{
    return tree_find(&space->tree, page);
}

/* The same for the paths that are walked most: a space's tree has three levels, and its topmost node is always there. */
static inline entry_t *space_walk(const struct space *space, uint32_t page)
{
    const entry_t *node = entry_view(space->tree.root);
    entry_t pointer = entry_load(&node[page >> 2 * TABLE_SHIFT]);

    if (!(pointer & ENTRY_V))
        return NULL;
    node = entry_view(pointer);
    pointer = entry_load(&node[page >> TABLE_SHIFT & (TABLE_ENTRIES - 1)]);
    if (!(pointer & ENTRY_V))
        return NULL;
    return (entry_t *)entry_view(pointer) + (page & (TABLE_ENTRIES - 1));
}

/* Counts one more frame that a PTE of the space holds. */
static inline void space_count_resident(struct space *space)
{
    if (++space->resident > space->resident_peak)
        space->resident_peak = space->resident;
}

/* R, W, X as the MMU has them; W implies R, for W alone is reserved. */
static inline entry_t entry_permissions(uint32_t protection)
{
    return ((entry_t)protection << 1) | (protection & MAP_WRITE ? ENTRY_R : 0);
}
_Static_assert(ENTRY_R == MAP_READ << 1 && ENTRY_W == MAP_WRITE << 1 && ENTRY_X == MAP_EXECUTE << 1,
               "a region's protection is its PTE's, shifted by one");

/* ---- space.c ---- */

/* An empty space of the same family. */
int space_create_like(const struct space *parent, struct space **child) MUST_CHECK;

/* ---- map.c, protect.c ---- */

/* Checks an address range: page aligned start, whole pages, inside user space. -EINVAL. */
int range_decode(va_t address, uint64_t bytes, uint32_t *start, uint32_t *end) MUST_CHECK;
/* Unmaps the range; region_cut_ready() has been called, or no cut is needed. Cannot fail. */
void unmap_range(struct space *space, uint32_t start, uint32_t end);
/* Brings every page of the range in as far as its region lets it. -EAGAIN, -ENOMEM, -EIO. */
int space_populate(struct space *space, uint32_t start, uint32_t end) MUST_CHECK;

/* ---- family.c: the reverse map of private frames ---- */

struct family *family_make(void); /* NULL: no memory */
void family_join(struct family *family, struct space *space);
/* Then no other PTE names a slot that one of this space does. */
static inline bool family_alone(const struct space *space)
{
    return space->family->spaces == space && !space->family_next;
}
/* The last space that leaves ends the family and makes its pages in the store unreadable. */
void family_leave(struct space *space);
/* Clears V in every PTE of the frame and flushes; returns all their bits, so D when any had it. */
entry_t family_hide(uint32_t number);
/* Undoes it. */
void family_show(uint32_t number);
/* Puts `value`, a slot or 0, in place of the hidden frame everywhere; the frame has no PTE then. */
void family_replace(uint32_t number, entry_t value);
/* Returns all the bits that the frame's PTEs have, and clears those of `clear`: ENTRY_A or none. */
entry_t family_age(uint32_t number, entry_t clear);
/* A frame that another space of the family has made of the same slot; 0: none. */
uint32_t family_find_copy(const struct space *space, uint32_t page, slot_t slot);
/* The first space that maps the frame. */
struct space *family_mapper(uint32_t number);
/* How many PTEs of the family hold the frame, whatever its descriptor says. */
uint32_t family_count(uint32_t number);
/* Whether a region that maps the frame is locked. */
bool family_locks(uint32_t number);

#endif
