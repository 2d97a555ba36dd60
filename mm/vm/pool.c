/*
 * Pools of equal small things, each in frames of its own kind. A pool frame's descriptor:
 *
 *   owner  previous partial frame      page  next partial frame     slot  first free item + 1      maps  items in use
 *
 * A free item holds the number of the next one in its first two bytes. Frames with room are in a list; a frame whose last
 * item is given back goes back itself.
 */
#include <string.h>

#include "mm/vm/vm.h"

static uint32_t per_frame(const struct pool *pool)
{
    return PAGE_BYTES / pool->item_bytes;
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

static int add_frame(struct pool *pool)
{
    int error = promise_change(0, 1);
    uint32_t number;

    if (error)
        return error;
    error = frames_ensure(1);
    if (error) {
        promise_return(0, 1);
        return error;
    }
    number = frame_take(FRAME_FIRMWARE, 0, 0);
    frame_at(number)->bits = FOR_POOL;
    frame_at(number)->slot = 1;
    for (uint32_t item = 0; item < per_frame(pool); item++) {
        uint16_t next = (uint16_t)(item + 1 < per_frame(pool) ? item + 2 : 0);

        memcpy(item_at(pool, number, item), &next, sizeof(next));
    }
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

void *pool_get(struct pool *pool)
{
    struct frame *frame;
    uint16_t next;
    void *item;

    if (!pool->partial && add_frame(pool))
        return NULL;
    frame = frame_at(pool->partial);
    item = item_at(pool, pool->partial, frame->slot - 1);
    memcpy(&next, item, sizeof(next));
    frame->slot = next;
    frame->maps++;
    if (!next)
        unlink_partial(pool, pool->partial);
    pool->used_items++;
    for (uint64_t *word = item, *end = word + pool->item_bytes / sizeof(*word); word != end; word++)
        *word = 0;
    return item;
}

static void give_back(struct pool *pool, uint32_t number)
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
    uint16_t next = (uint16_t)frame->slot;

    ASSERT(frame->kind == FRAME_FIRMWARE && frame->bits == FOR_POOL && frame->maps);
    pool->used_items--;
    if (!next)
        link_partial(pool, number);
    memcpy(item, &next, sizeof(next));
    frame->slot = (uint32_t)((uint8_t *)item - (uint8_t *)frame_view(number)) / pool->item_bytes + 1;
    if (!--frame->maps)
        give_back(pool, number);
    pool_trim(pool);
}
