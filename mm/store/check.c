/*
 * The invariants that the store owns, executed; and what can be known of it.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"

/* ---- Live records of each block, counted anew ---- */

struct count {
    uint16_t *live; /* of blocks from `first` on, a page of them */
    uint32_t first;
};

#define COUNTED_AT_ONCE (FORMAT_PAGE / (uint32_t)sizeof(uint16_t))

static void count_place(const struct store *store, const struct count *count, uint32_t place)
{
    uint32_t block = place_block(store, place);

    if (place && block >= count->first && block - count->first < COUNTED_AT_ONCE)
        count->live[block - count->first]++;
}

static void count_map(const struct store *store, const struct count *count, uint32_t root, uint32_t height)
{
    uint32_t page = 0, entry;

    for (; map_next(store, root, height, &page, &entry); page++)
        count_place(store, count, entry & ~MAP_HOLE);
}

static void count_changes(const struct store *store, const struct count *count)
{
    for (const struct change_page *page = store->transaction.changes; page; page = page->before) {
        for (uint32_t i = 0; i < page->count; i++) {
            const struct change *change = &page->changes[i];

            if (change->new == CHANGE_DROP)
                count_map(store, count, change->old, change->page);
            else
                count_place(store, count, change->old & ~MAP_HOLE);
        }
    }
}

static void count_all(const struct store *store, const struct count *count)
{
    memset(count->live, 0, FORMAT_PAGE);
    for (slot_t slot = 1; slot < store->slot_pages * SLOTS_PER_PAGE; slot++)
        if (slot_place_of(slot_at(store, slot)) == PLACE_FLASH)
            count_place(store, count, slot_at(store, slot)->place);
    for (uint32_t id = 0; id < store->nodes->page_count * NODES_PER_PAGE; id++)
        count_map(store, count, node_at(store, id)->map, node_at(store, id)->map_height);
    count_changes(store, count);
    for (uint32_t i = 0; i < 2; i++) {
        count_place(store, count, store->commit_place[i]);
        count_place(store, count, store->transaction.commit_place[i]);
    }
}

static const char *check_block(const struct store *store, uint32_t index, uint32_t live)
{
    const struct block *block = block_at(store, index);

    if (block->live != live)
        return "11: a block's live records are those that something points at";
    if (live && block->state != BLOCK_OPEN && block->state != BLOCK_FULL)
        return "11: what is alive lies in an open or full block";
    if (block->live > block->records)
        return "11: no more records are alive than were written";
    if ((block->state == BLOCK_OPEN) != stream_busy(store, index))
        return "10: an open block is a stream's";
    return NULL;
}

static const char *check_blocks(const struct store *store)
{
    struct count count = { .live = (uint16_t *)(void *)store->bounce };
    uint32_t erased = 0, bad = 0;

    for (uint32_t i = 0; i < store->block_count; i++) {
        const char *broken;

        if (i % COUNTED_AT_ONCE == 0) {
            count.first = i;
            count_all(store, &count);
        }
        broken = check_block(store, i, count.live[i - count.first]);
        if (broken)
            return broken;
        erased += block_at(store, i)->state == BLOCK_ERASED;
        bad += block_at(store, i)->state == BLOCK_BAD;
    }
    if (erased != store->erased || bad != store->bad)
        return "12: erased and retired blocks are counted";
    return NULL;
}

/* ---- Slots and tail ---- */

static const char *check_slots(const struct store *store)
{
    uint32_t used = 0, tail = 0, free = 0;

    for (slot_t slot = 1; slot < store->slot_pages * SLOTS_PER_PAGE; slot++) {
        const struct slot_entry *entry = slot_at(store, slot);
        enum slot_place where = slot_place_of(entry);

        used += where != PLACE_FREE;
        free += where == PLACE_FREE;
        tail += where == PLACE_TAIL;
        if ((where != PLACE_FREE) != (entry->references != 0))
            return "4: a slot in use is referenced";
        if (where == PLACE_TAIL && !tail_find(store, entry->place, slot))
            return "4: a slot's record is its own";
    }
    if (used != store->slots_used || tail != store->tail.records)
        return "4: slots and tail records are counted";
    for (slot_t slot = store->slot_free; slot; slot = slot_at(store, slot)->place)
        if (!free-- || slot_place_of(slot_at(store, slot)) != PLACE_FREE)
            return "4: the free list holds the free slots";
    return free ? "4: the free list holds the free slots" : NULL;
}

static const char *check_streams(const struct store *store)
{
    for (uint32_t i = 0; i < STREAM_COUNT; i++) {
        const struct stream *stream = &store->streams[i];

        if (stream->block == NO_BLOCK)
            continue;
        if (store->eraser.block != NO_BLOCK && stream->moved_from &&
            place_block(store, stream->moved_from) == store->eraser.block)
            return "14: what is erased was not moved to the end of an open block";
        if (stream->programmed > stream->end || stream->end > store->block_bytes || stream->end % FORMAT_UNIT ||
            stream->programmed % FORMAT_UNIT)
            return "10: streams grow by whole units";
    }
    return NULL;
}

static const char *check_seed(const struct store *store)
{
    if ((!store->seeded || store->seed_due) && store->statistics.records_to_flash)
        return "13: no swap record is written before the next boot's seed";
    return NULL;
}

const char *store_check(const struct store *store)
{
    const char *broken = check_slots(store);

    if (!broken)
        broken = tail_check(store);
    if (!broken)
        broken = check_seed(store);
    if (!broken && store->flash)
        broken = check_streams(store);
    if (!broken && store->flash)
        broken = check_blocks(store);
    return broken;
}

/* ---- Every live record on flash ---- */

static uint32_t verify_slot(struct store *store, slot_t slot, void *page)
{
    const struct slot_entry *entry = slot_at(store, slot);
    struct swap_header header;

    if (slot_place_of(entry) == PLACE_LOST)
        return 1;
    if (slot_place_of(entry) != PLACE_FLASH)
        return 0;
    if (read_block(store, place_block(store, entry->place), place_offset(store, entry->place), &header, sizeof header))
        return 1;
    return swap_read(store, slot, entry, header.key, page) != 0;
}

static uint32_t verify_node(struct store *store, uint32_t id, void *page)
{
    const struct node_entry *node = node_at(store, id);
    uint32_t bad = 0, index = 0, entry;

    for (; map_next(store, node->map, node->map_height, &index, &entry); index++)
        if (!(entry & MAP_HOLE))
            bad += node_read_page(store, node_id(store, id), index, page) == -EIO;
    return bad;
}

uint32_t store_verify(struct store *store)
{
    bool borrowed = work_page_free(store);
    void *page = borrowed ? store->work : page_get_asked(store);
    uint32_t bad = 0;

    if (!page)
        return UINT32_MAX;
    for (slot_t slot = 1; slot < store->slot_pages * SLOTS_PER_PAGE; slot++)
        bad += verify_slot(store, slot, page);
    for (uint32_t id = 0; id < store->nodes->page_count * NODES_PER_PAGE; id++)
        bad += verify_node(store, id, page);
    if (!borrowed)
        page_put_asked(store, page);
    return bad;
}

/* ---- Statistics ---- */

static void count_block(const struct block *block, struct store_statistics *out)
{
    bool durable = stream_durable(block_stream_of(block));
    bool holds = block->state == BLOCK_OPEN || block->state == BLOCK_FULL;

    out->blocks_erased += block->state == BLOCK_ERASED;
    out->blocks_dirty += block->state == BLOCK_DIRTY;
    out->blocks_bad += block->state == BLOCK_BAD;
    out->blocks_swap += holds && !durable;
    out->blocks_durable += holds && durable;
    if (block->state == BLOCK_BAD)
        return;
    if (block->erases < out->wear_min)
        out->wear_min = block->erases;
    if (block->erases > out->wear_max)
        out->wear_max = block->erases;
}

void store_statistics(const struct store *store, struct store_statistics *out)
{
    *out = store->statistics;
    out->tail_records = store->tail.records;
    out->tail_bytes = store->tail.bytes;
    out->tail_pages = store->tail.pages;
    out->tail_share_pages = store->tail.pages_max;
    out->slots_used = store->slots_used;
    out->blocks = store->block_count;
    out->wear_min = store->block_count ? UINT32_MAX : 0;
    for (uint32_t i = 0; i < store->block_count; i++)
        count_block(block_at(store, i), out);
    out->wear_total = store->erases_total;
    promise_statistics(store, out);
}

int store_block(const struct store *store, uint32_t index, struct block_info *info)
{
    const struct block *block;

    if (index >= store->block_count)
        return -EINVAL;
    block = block_at(store, index);
    *info = (struct block_info){ .state = (enum block_state)block->state,
                                 .stream = block_stream_of(block),
                                 .erases = block->erases,
                                 .used_bytes = block->used * FORMAT_UNIT,
                                 .sequence = block->sequence };
    if (block->records)
        info->live_bytes = (uint32_t)((uint64_t)info->used_bytes * block->live / block->records);
    return 0;
}
