/*
 * Making an object durable: all pages that differ from flash, and the size, in one transaction of the store.
 *
 *   IDLE --begin, pages marked SYNC--> SIZING --> WRITING --all written--> COMMITTING --> IDLE
 *                                         each page: D noted and cleared, flushed, written, SYNC -> WRITTEN
 *
 * A page that was written stays dirty until the commit has succeeded, for a failed one has written nothing. A page that is
 * stored to after it was written loses its WRITTEN mark and stays dirty beyond the commit. The marks go with the page
 * when it leaves its frame. Pages that become dirty after the start are not marked: they are for the next transaction, so
 * the number that was asked for at the start is enough.
 *
 * Every step may answer -EAGAIN; the next call, of whomever, goes on where it stopped. The store has one transaction at a
 * time, so who wants another object made durable finishes this one first.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

enum { SYNC_SIZING, SYNC_WRITING, SYNC_COMMITTING };

#define FRAME_MARKS (FRAME_SYNC | FRAME_WRITTEN)
#define ENTRY_MARKS (ENTRY_SYNC | ENTRY_WRITTEN)

static uint64_t end_of(const struct object *object)
{
    return 1ull << (TABLE_SHIFT * object->tree.levels);
}

/* Notes what has been stored through mappings. */
static void collect_all(struct object *object)
{
    uint64_t end = end_of(object);

    for (uint64_t at = tree_next(&object->tree, 0, end); object->writers && at < end;
         at = tree_next(&object->tree, at + 1, end)) {
        entry_t entry = *tree_find(&object->tree, at);

        if ((entry & ENTRY_V) && frame_at(entry_frame(entry))->maps)
            object_collect(object, entry_frame(entry));
    }
}

static void set_marks(entry_t *entry, bool sync)
{
    if (*entry & ENTRY_V) {
        struct frame *frame = frame_at(entry_frame(*entry));

        frame->bits = (uint8_t)((frame->bits & ~FRAME_MARKS) | (sync ? FRAME_SYNC : 0));
    } else {
        *entry = (*entry & ~ENTRY_MARKS) | (sync ? ENTRY_SYNC : 0);
    }
}

static void mark_all(struct object *object, bool sync)
{
    uint64_t end = end_of(object);

    for (uint64_t at = tree_next(&object->tree, 0, end); at < end; at = tree_next(&object->tree, at + 1, end)) {
        entry_t *entry = tree_find(&object->tree, at);

        set_marks(entry, sync && object_page_unsynced(*entry));
    }
}

static int begin(struct object *object)
{
    int error = store_begin(mm.store, object->unsynced);

    if (error)
        return error;
    mark_all(object, true);
    object->cursor = 0;
    object->lowest_before = object->lowest;
    mm.syncing = object;
    mm.sync_stage = SYNC_SIZING;
    mm.sync_error = 0;
    return 0;
}

static void finish(struct object *object, int error)
{
    mm.syncing = NULL;
    object->sync_error = (int16_t)error;
    object_settle_promise(object);
    object_settle(object);
}

/* Nothing of the transaction has happened. */
static int fail(struct object *object, int error)
{
    mark_all(object, false);
    if (object->lowest_before < object->lowest)
        object->lowest = object->lowest_before;
    object->resized = true;
    finish(object, error);
    return error;
}

/*
 * A size that is refused leaves the transaction open and empty: it is committed all the same, and the refusal told then.
 * The node is first cut to the smallest size that the file has had, so that nothing that was cut off comes back.
 */
static int write_size(struct object *object)
{
    struct node_info info;
    int error = node_get(mm.store, object->node, &info);

    if (!error && object->lowest < info.bytes) {
        error = node_resize(mm.store, object->node, object->lowest, info.modified_s);
        info.bytes = object->lowest;
    }
    if (!error && object->bytes != info.bytes)
        error = node_resize(mm.store, object->node, object->bytes, info.modified_s);
    if (error)
        return error;
    object->lowest = object->bytes;
    object->resized = false;
    return 0;
}

/* A slot is read into a frame first, which keeps it. */
static int bring_in(struct object *object, uint32_t index, uint32_t *number)
{
    enum fault_kind kind;
    int error = frames_ensure(1);

    return error ? error : object_frame(object, index, OBJECT_LOAD, number, &kind);
}

static int write_page(struct object *object, uint32_t index)
{
    entry_t entry = *tree_find(&object->tree, index);
    uint32_t number = entry_frame(entry);
    struct frame *frame;
    int error = 0;

    if (!(entry & (entry & ENTRY_V ? 0 : ENTRY_SYNC)) && !((entry & ENTRY_V) && (frame_at(number)->bits & FRAME_SYNC)))
        return 0;
    if (!(entry & ENTRY_V))
        error = bring_in(object, index, &number);
    if (error)
        return error;
    object_collect(object, number);
    error = node_write_page(mm.store, object->node, index, frame_view(number));
    if (error)
        return error;
    frame = frame_at(number);
    frame->bits = (uint8_t)((frame->bits & ~FRAME_SYNC) | FRAME_WRITTEN);
    return 0;
}

static int write_pages(struct object *object)
{
    uint64_t at = tree_next(&object->tree, object->cursor, end_of(object));

    while (at < end_of(object)) {
        int error = write_page(object, (uint32_t)at);

        if (error)
            return error;
        object->cursor = (uint32_t)at + 1;
        at = tree_next(&object->tree, at + 1, end_of(object));
    }
    return 0;
}

/* The durable record is the page's live copy now, if nothing was stored since it was written. */
static void settle_page(struct object *object, uint32_t index)
{
    entry_t entry = *tree_find(&object->tree, index);
    struct frame *frame;

    if (!(entry & ENTRY_V)) {
        if (entry & ENTRY_WRITTEN)
            object_forget(object, index);
        return;
    }
    object_collect(object, entry_frame(entry));
    frame = frame_at(entry_frame(entry));
    if (!(frame->bits & FRAME_WRITTEN))
        return;
    frame_stale(frame);
    frame->bits &= (uint8_t) ~(FRAME_DIRTY | FRAME_WRITTEN);
    object->unsynced--;
}

static int succeed(struct object *object)
{
    uint64_t end = end_of(object);
    int error = mm.sync_error;

    for (uint64_t at = tree_next(&object->tree, 0, end); at < end; at = tree_next(&object->tree, at + 1, end))
        settle_page(object, (uint32_t)at);
    if (error)
        mark_all(object, false);
    finish(object, error);
    return error;
}

static int proceed(struct object *object)
{
    int error = 0;

    if (mm.sync_stage == SYNC_SIZING && object->resized) {
        error = write_size(object);
        if (error == -EAGAIN)
            return error;
        mm.sync_error = error;
    }
    if (mm.sync_stage == SYNC_SIZING)
        mm.sync_stage = mm.sync_error ? SYNC_COMMITTING : SYNC_WRITING;
    if (mm.sync_stage == SYNC_WRITING)
        error = write_pages(object);
    if (error && error != -EAGAIN && mm.sync_stage == SYNC_WRITING)
        store_abort(mm.store);
    if (!error) {
        mm.sync_stage = SYNC_COMMITTING;
        error = store_commit(mm.store);
    }
    if (error == -EAGAIN)
        return error;
    return error ? fail(object, error) : succeed(object);
}

int object_sync(struct object *object)
{
    if (!object->node)
        return 0;
    for (;;) {
        struct object *open = mm.syncing;
        int error = open ? proceed(open) : 0;

        if (error == -EAGAIN)
            return error;
        if (open && open != object)
            continue;
        if (object->sync_error) {
            error = object->sync_error;
            object->sync_error = 0;
            return error;
        }
        collect_all(object);
        if (!object->unsynced && !object->resized)
            return 0;
        error = begin(object);
        if (error)
            return error;
    }
}

void mm_step(void)
{
    /* A failure leaves the object dirty, and is kept for who asks again: to begin anew would fail again, without end. */
    if (mm.syncing)
        (void)proceed(mm.syncing);
}

int object_sync_all(void)
{
    int error = mm.syncing ? proceed(mm.syncing) : 0;
    struct object *object = mm.objects;

    if (error)
        return error;
    while (object) {
        collect_all(object);
        if (!object->node || (!object->unsynced && !object->resized)) {
            object = object->next;
            continue;
        }
        object_get(object);
        error = object_sync(object);
        object_put(object);
        if (error)
            return error;
        object = mm.objects;
    }
    return 0;
}
