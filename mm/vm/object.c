/*
 * Objects: their life, their size, and what is promised for them.
 *
 *   refs > 0, or pages, or unsynced --last page goes--> freed       (a node's object)
 *   refs > 0 --------------------------last put-------> freed       (memory without a file, a node without a name)
 *
 * Promised pages: all of them, of memory without a file; all of them, while a region may store to the file; else those
 * that differ from flash, one by one. Page-table nodes: the worst case of the size.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

#define OBJECT_PAGES_MAX (1ull << 27)

static uint32_t pages_to_promise(const struct object *object, uint64_t bytes, uint32_t writers, uint32_t unsynced)
{
    return !object->node || writers ? pages_of(bytes) : unsynced;
}

int object_promise(struct object *object, uint64_t bytes, uint32_t writers, uint32_t unsynced)
{
    uint32_t pages = pages_to_promise(object, bytes, writers, unsynced);
    unsigned levels = tree_levels_for(pages_of(bytes));
    uint32_t nodes = tree_worst_nodes(pages_of(bytes), levels > object->tree.levels ? levels : object->tree.levels);
    int error;

    /* Pages beyond a file's end, dirty when it was cut, are forgotten by then: unsynced is never above the size. */
    if (pages == object->promised && nodes == object->tables)
        return 0;
    error = promise_change((int64_t)pages - object->promised, (int64_t)nodes - object->tables);
    if (error)
        return error;
    object->promised = pages;
    object->tables = nodes;
    return 0;
}

int object_add_writer(struct object *object)
{
    int error = object_promise(object, object->bytes, object->writers + 1, object->unsynced);

    if (!error)
        object->writers++;
    return error;
}

void object_settle_promise(struct object *object)
{
    /* Never more than before, so never refused. */
    int error = object_promise(object, object->bytes, object->writers, object->unsynced);

    ASSERT(!error);
}

void object_remove_writer(struct object *object)
{
    object->writers--;
    object_settle_promise(object);
}

/* ---- Life ---- */

static struct object *make(uint32_t node, uint64_t bytes)
{
    struct object *object = pool_get(&mm.objects_pool);

    object->tree.owner = handle_of(object);
    object->tree.bits = FRAME_OF_OBJECT;
    object->node = node;
    object->bytes = object->lowest = bytes;
    object->references = 1;
    object->next = mm.objects;
    if (mm.objects)
        mm.objects->prev = object;
    mm.objects = object;
    return object;
}

static void unlink_object(struct object *object)
{
    if (object->prev)
        object->prev->next = object->next;
    else
        mm.objects = object->next;
    if (object->next)
        object->next->prev = object->prev;
}

static void end(struct object *object)
{
    object_forget_from(object, 0);
    ASSERT(!object->pages && !object->writers && !object->regions && !object->tree.nodes && mm.syncing != object);
    unlink_object(object);
    promise_return(object->promised, object->tables);
    if (object->node)
        node_close(mm.store, object->node);
    pool_put(&mm.objects_pool, object);
}

static int start(uint32_t node, uint64_t bytes, struct object **out)
{
    struct object *object;
    int error;

    if (bytes > OBJECT_PAGES_MAX << PAGE_SHIFT)
        return -EINVAL;
    error = pool_ready(&mm.objects_pool, 1);
    if (error)
        return error;
    object = make(node, bytes);
    error = object_promise(object, bytes, 0, 0);
    if (error) {
        unlink_object(object);
        pool_put(&mm.objects_pool, object);
        return error;
    }
    tree_raise(&object->tree, tree_levels_for(pages_of(bytes)));
    *out = object;
    return 0;
}

int object_make(uint64_t bytes, struct object **object)
{
    return start(0, bytes, object);
}

static struct object *known_object(uint32_t node)
{
    struct object *object = mm.objects;

    while (object && object->node != node)
        object = object->next;
    return object;
}

uint64_t object_bytes_of_node(uint32_t node, uint64_t stored_bytes)
{
    const struct object *object = known_object(node);

    return object ? object->bytes : stored_bytes;
}

struct object *object_in_memory(uint32_t node)
{
    struct object *object = known_object(node);

    if (object)
        object_get(object);
    return object;
}

int object_of_node(uint32_t node, struct object **object)
{
    struct node_info info;
    int error;

    *object = object_in_memory(node);
    if (*object)
        return 0;
    error = node_get(mm.store, node, &info);
    if (error)
        return error;
    error = start(node, info.bytes, object);
    if (!error)
        node_open(mm.store, node);
    return error;
}

void object_get(struct object *object)
{
    object->references++;
}

static bool nameless(const struct object *object)
{
    struct node_info info;

    return node_get(mm.store, object->node, &info) || !info.parent;
}

void object_settle(struct object *object)
{
    if (object->references || mm.syncing == object)
        return;
    if (!object->node || (!object->pages && !object->resized) || nameless(object))
        end(object);
}

void object_put(struct object *object)
{
    ASSERT(object->references);
    object->references--;
    object_settle(object);
}

bool object_drop_idle(void)
{
    for (struct object *object = mm.objects; object; object = object->next) {
        if (!object->references && !object->unsynced && !object->resized && mm.syncing != object) {
            end(object);
            return true;
        }
    }
    return false;
}

uint64_t object_bytes(const struct object *object)
{
    return object->bytes;
}

uint32_t object_node(const struct object *object)
{
    return object->node;
}

/* ---- Size ---- */

/* What was beyond the end of the last page must read as zeros when the object grows again. */
static int clear_rest(struct object *object, uint64_t bytes)
{
    uint32_t index = (uint32_t)(bytes >> PAGE_SHIFT), in_page = bytes & (PAGE_BYTES - 1);
    enum fault_kind kind;
    uint32_t number;
    uint8_t *view;
    int error;

    if (!in_page)
        return 0;
    error = frames_ensure(1);
    if (!error)
        error = object_frame(object, index, OBJECT_LOAD, &number, &kind);
    if (error)
        return error;
    view = frame_view(number);
    for (uint32_t at = in_page; at < PAGE_BYTES; at++) {
        if (!view[at])
            continue;
        error = object_promise(object, object->bytes, object->writers,
                               object->unsynced + !object_page_unsynced(*tree_find(&object->tree, index)));
        if (error)
            return error;
        object_dirty(object, number);
        for (; at < PAGE_BYTES; at++)
            view[at] = 0;
    }
    return 0;
}

static int shrink(struct object *object, uint64_t bytes)
{
    int error = clear_rest(object, bytes);

    if (error)
        return error;
    object_unmap_from(object, pages_of(bytes));
    object_forget_from(object, pages_of(bytes));
    object->bytes = bytes;
    if (bytes < object->lowest)
        object->lowest = bytes;
    object_settle_promise(object);
    return 0;
}

static int grow(struct object *object, uint64_t bytes)
{
    unsigned levels = tree_levels_for(pages_of(bytes));
    int error;

    if (levels > object->tree.levels) {
        error = frames_ensure(levels - object->tree.levels);
        if (error)
            return error;
    }
    error = object_promise(object, bytes, object->writers, object->unsynced);
    if (error)
        return error;
    tree_raise(&object->tree, levels);
    object->bytes = bytes;
    return 0;
}

void object_ungrow(struct object *object, uint64_t bytes)
{
    object->bytes = bytes;
    object_settle_promise(object);
}

int object_resize(struct object *object, uint64_t bytes)
{
    int error;

    if (bytes > OBJECT_PAGES_MAX << PAGE_SHIFT)
        return -EINVAL;
    if (bytes == object->bytes)
        return 0;
    error = bytes < object->bytes ? shrink(object, bytes) : grow(object, bytes);
    if (!error)
        object->resized = object->node != 0;
    return error;
}
