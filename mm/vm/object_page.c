/*
 * The pages of an object. Its tree's entry of a page:
 *
 *   V=1  a frame             with DIRTY: differs from the slot in the descriptor, or without one from what 0 means
 *   V=0  a slot              differs from what 0 means
 *   0    nothing             zeros; of a node, below its lowest size: the durable record
 *
 * A frame that has a slot has it for itself: slots of objects are never shared.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

bool object_page_unsynced(entry_t entry)
{
    const struct frame *frame;

    if (!(entry & ENTRY_V))
        return entry != 0;
    frame = frame_at(entry_frame(entry));
    return (frame->bits & FRAME_DIRTY) || frame->slot;
}

static int read_in(struct object *object, uint32_t index, entry_t entry, uint32_t number, enum fault_kind *kind)
{
    int result;

    if (entry) {
        result = slot_load(mm.store, entry_slot(entry), 0, frame_view(number));
        *kind = result == SLOT_TAIL ? FAULT_TAIL : FAULT_FLASH;
        return result < 0 ? result : 0;
    }
    if (object->node && index < pages_of(object->lowest)) {
        *kind = FAULT_FILE;
        return node_read_page(mm.store, object->node, index, frame_view(number));
    }
    *kind = FAULT_ZERO;
    page_clear(frame_view(number));
    return 0;
}

/* The marks of the open transaction go with the page. */
static uint8_t frame_marks(entry_t entry)
{
    return (uint8_t)((entry & ENTRY_SYNC ? FRAME_SYNC : 0) | (entry & ENTRY_WRITTEN ? FRAME_WRITTEN : 0));
}

static entry_t slot_entry(const struct frame *frame)
{
    return entry_of_slot(frame->slot) | (frame->bits & FRAME_SYNC ? ENTRY_SYNC : 0) |
           (frame->bits & FRAME_WRITTEN ? ENTRY_WRITTEN : 0);
}

int object_frame(struct object *object, uint32_t index, enum object_want want, uint32_t *number, enum fault_kind *kind)
{
    entry_t *at = index < object_pages(object) ? tree_find(&object->tree, index) : NULL;
    entry_t entry = at ? *at : 0;
    struct frame *frame;
    int error = 0;

    if (index >= object_pages(object))
        return -ENXIO;
    *kind = FAULT_MAPPED;
    if (entry & ENTRY_V) {
        *number = entry_frame(entry);
        frame_at(*number)->bits |= FRAME_REFERENCED;
        return 0;
    }
    *number = frame_take(FRAME_OBJECT, handle_of(object), index);
    if (want == OBJECT_LOAD)
        error = read_in(object, index, entry, *number, kind);
    if (error) {
        frame_free(*number);
        return error;
    }
    frame = frame_at(*number);
    frame->slot = entry_slot(entry);
    frame->bits = (uint8_t)(FRAME_REFERENCED | frame_marks(entry));
    object->pages += !entry;
    tree_set(&object->tree, tree_make(&object->tree, index), entry_of_frame(*number) | ENTRY_V);
    return 0;
}

void object_dirty(struct object *object, uint32_t number)
{
    struct frame *frame = frame_at(number);

    if (!(frame->bits & FRAME_DIRTY) && !frame->slot)
        object->unsynced++;
    frame_stale(frame);
    frame->bits = (uint8_t)((frame->bits | FRAME_DIRTY) & ~FRAME_WRITTEN);
}

static void free_chain(struct object *object, uint32_t index)
{
    uint32_t chain = tree_prune(&object->tree, index);

    while (chain) {
        uint32_t next = frame_at(chain)->page;

        frame_free_zeroed(chain);
        chain = next;
    }
}

void object_forget(struct object *object, uint32_t index)
{
    entry_t *at = tree_find(&object->tree, index);
    entry_t entry;

    if (!at || !*at)
        return;
    if (object_page_unsynced(*at))
        object->unsynced--;
    entry = tree_take(&object->tree, at);
    object->pages--;
    if (entry & ENTRY_V) {
        frame_stale(frame_at(entry_frame(entry)));
        frame_free(entry_frame(entry));
    } else {
        slot_put(mm.store, entry_slot(entry));
    }
    free_chain(object, index);
}

void object_forget_from(struct object *object, uint32_t index)
{
    uint64_t end = 1ull << (TABLE_SHIFT * object->tree.levels);

    for (uint64_t at = tree_next(&object->tree, index, end); at < end; at = tree_next(&object->tree, at + 1, end))
        object_forget(object, (uint32_t)at);
}

/* Clean pages are dropped where 0 means the same; a page of zeros, where 0 means zeros; all others go to a slot. */
int object_put_out(struct object *object, uint32_t number)
{
    struct frame *frame = frame_at(number);
    uint32_t index = frame->page;
    bool zeros = (frame->bits & FRAME_DIRTY) && !object->node && page_is_zero(frame_view(number));
    int error;

    ASSERT(!frame->maps);
    if (zeros || (!(frame->bits & FRAME_DIRTY) && !frame->slot)) {
        mm.evict_zero += zeros;
        mm.evict_clean += !zeros;
        object_forget(object, index);
        object_settle(object);
        return 0;
    }
    if (frame->bits & FRAME_DIRTY) {
        error = slot_save(mm.store, &frame->slot, 0, frame_view(number));
        if (error)
            return error;
        mm.evict_dirty++;
    } else {
        mm.evict_clean++;
    }
    tree_set(&object->tree, tree_find(&object->tree, index), slot_entry(frame));
    frame->slot = 0;
    frame_free(number);
    return 0;
}
