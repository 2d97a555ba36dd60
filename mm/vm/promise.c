/*
 * Promises: what was granted when something was mapped, so that no fault is refused later (invariant 5).
 *
 *   usable frames = pinned + RESERVE_FRAMES + COPY_FRAMES + evictable          pinned <= usable - WORKING_FRAMES
 *   promised pages <= evictable + pages that the store has promised us
 *
 * Pinned: page tables at their worst, pools, the firmware's frames, the store's share, locked pages. Pages: everything
 * that may have to leave its frame with contents that are nowhere else. Clean pages of files promise nothing.
 */
#include "mm/vm/object.h"
#include "mm/vm/vm.h"

/* Entries of the store's slot table are 8 bytes. */
#define SLOTS_PER_FRAME (PAGE_BYTES / 8)

/* Evictable frames when so many are pinned. */
uint64_t promise_frames(uint64_t pinned)
{
    uint64_t fixed = pinned + RESERVE_FRAMES + COPY_FRAMES;

    return fixed < mm.usable ? mm.usable - fixed : 0;
}

/* Moves what we hold of the store's promise to what these sums need. */
static int hold(uint64_t pages, uint64_t pinned)
{
    uint64_t frames = promise_frames(pinned);
    uint64_t need = pages > frames ? pages - frames : 0;
    int error;

    if (need == mm.store_held)
        return 0;
    if (!mm.store)
        return need ? -ENOMEM : 0;
    error = store_promise(mm.store, (int64_t)(need - mm.store_held));
    if (error)
        return -ENOMEM;
    mm.store_held = need;
    return 0;
}

/* What the store's share lacks so that each promised page finds its slot's table entry. It is not given back. */
static uint32_t share_lacks(uint64_t pages)
{
    uint64_t share = mm.store_base + pages / SLOTS_PER_FRAME;

    return mm.store && share > mm.store_share ? (uint32_t)(share - mm.store_share) : 0;
}

static int try_change(int64_t pages, int64_t pinned)
{
    uint64_t new_pages = mm.promised + (uint64_t)pages, lacks = share_lacks(new_pages);
    uint64_t new_pinned = mm.pinned + (uint64_t)pinned + lacks;
    int error;

    if (new_pinned > mm.pinned && new_pinned + WORKING_FRAMES > mm.usable)
        return -ENOMEM;
    error = hold(new_pages, new_pinned);
    if (error)
        return error;
    mm.promised = new_pages;
    mm.pinned = new_pinned;
    mm.store_share += (uint32_t)lacks;
    return 0;
}

/* Nothing is dropped for it: the store asks from within its own calls. */
bool promise_extend_store(void)
{
    if (try_change(0, 1))
        return false;
    mm.store_share++;
    return true;
}

int promise_change(int64_t pages, int64_t pinned)
{
    int error;

    if (pages <= 0 && pinned <= 0) {
        promise_return((uint64_t)-pages, (uint64_t)-pinned);
        return 0;
    }
    error = try_change(pages, pinned);
    /* Objects that are kept only in case somebody opens their file again have to go before anything is refused. */
    while (error && object_drop_idle())
        error = try_change(pages, pinned);
    return error;
}

void promise_return(uint64_t pages, uint64_t pinned)
{
    ASSERT(pages <= mm.promised && pinned <= mm.pinned);
    mm.promised -= pages;
    mm.pinned -= pinned;
    /* Giving back is not refused; where forced pins have made the sums need more, the next request settles it. */
    if (mm.store_held)
        (void)hold(mm.promised, mm.pinned);
}

void promise_force(uint64_t pages, uint64_t pinned)
{
    mm.promised += pages;
    mm.pinned += pinned;
}
