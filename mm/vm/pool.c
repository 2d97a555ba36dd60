/*
 * Pools of equal small things, each in frames of its own kind. A pool frame's descriptor:
 *
 *   owner  previous partial frame      page  next partial frame     maps  items in use
 *   slot   first item that was given back + 1, and above it how many have ever been in use
 *
 * An item that was given back holds the number of the next one in its first two bytes. Items behind those that were ever in
 * use hold nothing, so a new frame need not be prepared. Frames with room are in a list; a frame whose last item is given
 * back goes back itself.
 */
#include <string.h>

#include "mm/vm/vm.h"

#define EVER_SHIFT 16u

/* What an item holds that was given back. */
typedef uint16_t __attribute__((may_alias)) link_t;

static uint32_t per_frame(const struct pool *pool)
{
    return PAGE_BYTES / pool->item_bytes;
}

static bool is_full(const struct pool *pool, const struct frame *frame)
{
    return frame->maps == per_frame(pool);
}

static void *item_at(const struct pool *pool, uint32_t number, uint32_t item)
{
    return (uint8_t *)frame_view(number) + (size_t)item * pool->item_bytes;
}

static void link_partial(struct pool *pool, uint32_t number)
{
    struct frame *frame = frame_at(number);

    frame->owner = 0;
    frame->page = pool->partial;
    if (pool->partial)
        frame_at(pool->partial)->owner = number;
    pool->partial = number;
}

static void unlink_partial(struct pool *pool, uint32_t number)
{
    struct frame *frame = frame_at(number);

    if (frame->owner)
        frame_at(frame->owner)->page = frame->page;
    else
        pool->partial = frame->page;
    if (frame->page)
        frame_at(frame->page)->owner = frame->owner;
}

static __attribute__((noinline)) int add_frame(struct pool *pool)
{
    uint32_t number;
    int error = frame_pinned(FOR_POOL, &number);

    if (error)
        return error;
    link_partial(pool, number);
    pool->frames++;
    return 0;
}

int pool_ready(struct pool *pool, uint32_t items)
{
    while ((uint32_t)pool->frames * per_frame(pool) - pool->used_items < items) {
        int error = add_frame(pool);

        if (error)
            return error;
    }
    return 0;
}

static void set_given_back(struct frame *frame, uint32_t item)
{
    frame->slot = (frame->slot >> EVER_SHIFT << EVER_SHIFT) | item;
}

/* One that was in use before, or the next of those that never were. */
static void *take_item(const struct pool *pool, uint32_t number)
{
    struct frame *frame = frame_at(number);
    uint16_t item_given_back = (uint16_t)frame->slot;
    void *item;

    if (!item_given_back) {
        item = item_at(pool, number, frame->slot >> EVER_SHIFT);
        frame->slot += 1u << EVER_SHIFT;
        return item;
    }
    item = item_at(pool, number, item_given_back - 1u);
    set_given_back(frame, *(const link_t *)item);
    return item;
}

void *pool_get(struct pool *pool)
{
    struct frame *frame;
    void *item;

    if (!pool->partial && add_frame(pool))
        return NULL;
    frame = frame_at(pool->partial);
    item = take_item(pool, pool->partial);
    frame->maps++;
    if (is_full(pool, frame))
        unlink_partial(pool, pool->partial);
    pool->used_items++;
    return memset(item, 0, pool->item_bytes);
}

static __attribute__((noinline)) void give_back(struct pool *pool, uint32_t number)
{
    unlink_partial(pool, number);
    frame_at(number)->slot = 0;
    pool->frames--;
    frame_free(number);
    promise_return(0, 1);
}

void pool_trim(struct pool *pool)
{
    while (!pool->used_items && pool->partial)
        give_back(pool, pool->partial);
}

void pool_put(struct pool *pool, void *item)
{
    uint32_t number = frame_of(item);
    struct frame *frame = frame_at(number);
    uint32_t index = (uint32_t)((uint8_t *)item - (uint8_t *)frame_view(number)) / pool->item_bytes;

    ASSERT(frame->kind == FRAME_FIRMWARE && frame->bits == FOR_POOL && frame->maps);
    pool->used_items--;
    if (is_full(pool, frame))
        link_partial(pool, number);
    *(link_t *)item = (link_t)frame->slot;
    set_given_back(frame, index + 1);
    if (!--frame->maps)
        give_back(pool, number);
    pool_trim(pool);
}
