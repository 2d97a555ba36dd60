/*
 * Families: the reverse map of private frames. A frame of a family is at the same virtual page in every space that maps it
 * (mremap sees to that), so its PTEs are found by asking the family's spaces; `maps` says when all have been found.
 *
 * While a frame leaves, its PTEs keep everything but V: the page is nowhere writable or readable, and what cannot leave
 * after all is shown again without having lost a bit.
 */
#include "mm/vm/space.h"

struct family *family_make(void)
{
    struct family *family = pool_get(&mm.families_pool);

    if (!family)
        return NULL;
    if (mm.store) {
        family->key = store_key_open(mm.store);
        if (!family->key) {
            pool_put(&mm.families_pool, family);
            return NULL;
        }
    }
    family->next = mm.families;
    if (mm.families)
        mm.families->prev = family;
    mm.families = family;
    return family;
}

void family_join(struct family *family, struct space *space)
{
    space->family = family;
    space->family_prev = NULL;
    space->family_next = family->spaces;
    if (family->spaces)
        family->spaces->family_prev = space;
    family->spaces = space;
}

static void family_end(struct family *family)
{
    if (family->prev)
        family->prev->next = family->next;
    else
        mm.families = family->next;
    if (family->next)
        family->next->prev = family->prev;
    if (family->key)
        store_key_close(mm.store, family->key);
    pool_put(&mm.families_pool, family);
}

void family_leave(struct space *space)
{
    struct family *family = space->family;

    if (space->family_prev)
        space->family_prev->family_next = space->family_next;
    else
        family->spaces = space->family_next;
    if (space->family_next)
        space->family_next->family_prev = space->family_prev;
    if (!family->spaces)
        family_end(family);
}

/* A walk over the PTEs of a private frame: for (walk = all_of(number); next(&walk);) ... walk.entry */
struct walk {
    struct space *space, *following;
    entry_t *entry;
    uint32_t number, page, left;
};

static struct walk all_of(uint32_t number)
{
    const struct frame *frame = frame_at(number);
    const struct family *family = thing_of(frame->owner);

    return (struct walk){ .following = family->spaces, .number = number, .page = frame->page, .left = frame->maps };
}

static bool next(struct walk *walk)
{
    while (walk->left) {
        walk->space = walk->following;
        ASSERT(walk->space); /* `maps` counts a PTE that is not there */
        walk->following = walk->space->family_next;
        walk->entry = space_walk(walk->space, walk->page);
        if (walk->entry && entry_holds(entry_load(walk->entry), walk->number)) {
            walk->left--;
            return true;
        }
    }
    return false;
}

/* One flush per PTE: a page costs thousands of instructions to compress, so nothing is to be won by gathering. */
entry_t family_hide(uint32_t number)
{
    entry_t seen = 0;

    for (struct walk walk = all_of(number); next(&walk);) {
        /* Atomic: another hart's MMU may set A or D up to this moment, and not after it. */
        seen |= __atomic_fetch_and(walk.entry, ~ENTRY_V, __ATOMIC_ACQ_REL);
        space_flush_page(walk.space, page_va(walk.page));
    }
    return seen;
}

void family_show(uint32_t number)
{
    for (struct walk walk = all_of(number); next(&walk);) {
        /* Without R, W and X it was hidden before, for its region allows no access. */
        if (*walk.entry & ENTRY_RWX)
            __atomic_fetch_or(walk.entry, ENTRY_V, __ATOMIC_RELEASE);
    }
}

void family_replace(uint32_t number, entry_t value)
{
    for (struct walk walk = all_of(number); next(&walk);) {
        walk.space->resident--;
        if (value) {
            walk.space->swapped++;
            __atomic_store_n(walk.entry, value | (*walk.entry & ENTRY_LOOSE), __ATOMIC_RELEASE);
            continue;
        }
        if (tree_take(&walk.space->tree, walk.entry) & ENTRY_LOOSE)
            charge_return_page(walk.space);
        space_prune(walk.space, walk.page);
    }
    frame_at(number)->maps = 0;
}

/*
 * No flush: a translation that is still cached with A set only hides accesses until it is replaced, and the page then looks
 * idler than it is. That is a matter of policy, never of contents.
 */
entry_t family_age(uint32_t number, entry_t clear)
{
    entry_t seen = 0;

    for (struct walk walk = all_of(number); next(&walk);)
        seen |= __atomic_fetch_and(walk.entry, ~clear, __ATOMIC_RELAXED);
    return seen;
}

uint32_t family_find_copy(const struct space *space, uint32_t page, slot_t slot)
{
    for (struct space *other = space->family->spaces; other; other = other->family_next) {
        const entry_t *entry = space_entry(other, page);

        if (entry && (*entry & ENTRY_U) && frame_at(entry_frame(*entry))->kind == FRAME_ANONYMOUS &&
            frame_at(entry_frame(*entry))->slot == slot)
            return entry_frame(*entry);
    }
    return 0;
}

struct space *family_mapper(uint32_t number)
{
    struct walk walk = all_of(number);

    return next(&walk) ? walk.space : NULL;
}

uint32_t family_count(uint32_t number)
{
    const struct frame *frame = frame_at(number);
    const struct family *family = thing_of(frame->owner);
    uint32_t count = 0;

    for (const struct space *space = family->spaces; space; space = space->family_next) {
        const entry_t *entry = space_entry(space, frame->page);

        count += entry && entry_holds(*entry, number);
    }
    return count;
}

bool family_locks(uint32_t number)
{
    for (struct walk walk = all_of(number); next(&walk);) {
        if (region_at(walk.space, walk.page)->flags & REGION_LOCKED)
            return true;
    }
    return false;
}
