/*
 * The entries of a space, and taking them away.
 *
 * Owns invariant 3 for unmapping: entries are emptied one by one, the frames and nodes that become free wait in a
 * gather, and go back to the free list only after one flush of everything that was taken. Between the exchange that empties
 * an entry and the flush, no task runs on this hart; with more harts a stale translation may still be stored through, but
 * only where D was set in the entry already, and the exchange has seen that D: an MMU that wants to set D looks at the entry
 * again and finds V clear.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

/* A space without a valid ASID has no translations anywhere: the flush at the turn of the generation was of everything. */
void space_flush_page(const struct space *space, va_t va)
{
    if (space->generation == mm.generation)
        cpu_tlb_flush_page(space->asid, va);
}

void space_flush(const struct space *space)
{
    if (space->generation == mm.generation)
        cpu_tlb_flush_asid(space->asid);
}

void gather_entry(struct gather *gather, entry_t *entry, uint32_t page)
{
    struct space *space = gather->space;
    entry_t old = tree_take(&space->tree, entry);
    uint32_t number = entry_frame(old);
    struct frame *frame;

    if (old & ENTRY_LOOSE)
        charge_return_page(space);
    if (!(old & ENTRY_U)) {
        slot_put(mm.store, entry_slot(old));
        space->swapped--;
        return;
    }
    gather->pages++;
    gather->page = page;
    if (number == mm.zero)
        return;
    frame = frame_at(number);
    ASSERT(frame_is_of(number, page));
    space->resident--;
    frame->maps--;
    if (frame->kind == FRAME_OBJECT) {
        if (old & ENTRY_D)
            object_dirty(thing_of(frame->owner), number);
        return;
    }
    if ((old & ENTRY_D) || !frame->maps)
        frame_stale(frame);
    if (!frame->maps) {
        frame->page = gather->frames;
        gather->frames = number;
    }
}

void gather_nodes(struct gather *gather, uint32_t page)
{
    uint32_t chain = tree_prune(&gather->space->tree, page);

    while (chain) {
        uint32_t next = frame_at(chain)->page;

        frame_at(chain)->page = gather->nodes;
        gather->nodes = chain;
        chain = next;
    }
}

static void free_nodes(struct gather *gather)
{
    while (gather->nodes) {
        uint32_t number = gather->nodes;

        gather->nodes = frame_at(number)->page;
        if (frame_at(number)->bits & FRAME_EXTRA) {
            gather->space->extra--;
            promise_return(0, 1);
        }
        frame_free_zeroed(number);
    }
}

/*
 * One page is flushed by its address. A fence by address need not order the entries above the leaf (section 4.2.1), so
 * where nodes go, and where several pages went, the whole ASID is flushed.
 */
void gather_finish(struct gather *gather)
{
    if (gather->nodes || gather->pages > 1)
        space_flush(gather->space);
    else if (gather->pages)
        space_flush_page(gather->space, page_va(gather->page));
    while (gather->frames) {
        uint32_t number = gather->frames;

        gather->frames = frame_at(number)->page;
        frame_free(number);
    }
    free_nodes(gather);
    gather->pages = 0;
}

void space_release(struct space *space, uint32_t start, uint32_t end)
{
    struct gather gather = { .space = space };

    for (uint32_t page = start; page < end;) {
        uint32_t chunk_end = (page | (TABLE_ENTRIES - 1)) + 1;
        entry_t *entry = space_walk(space, page);

        if (!entry) {
            page = (uint32_t)tree_next(&space->tree, page, end);
            continue;
        }
        if (chunk_end > end)
            chunk_end = end;
        for (uint32_t at = page; at < chunk_end; at++, entry++) {
            if (*entry)
                gather_entry(&gather, entry, at);
        }
        if (!frame_at(frame_of(entry - 1))->maps)
            gather_nodes(&gather, page);
        page = chunk_end;
    }
    gather_finish(&gather);
}

void space_prune(struct space *space, uint32_t page)
{
    struct gather gather = { .space = space };

    gather_nodes(&gather, page);
    if (gather.nodes)
        gather_finish(&gather);
}
