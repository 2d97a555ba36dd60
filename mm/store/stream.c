/*
 * Streams: open blocks that records are appended to.
 *
 *   | header | records, on flash ............ | carried, in RAM | free ................. | room for the summary |
 *                                  programmed ^             end ^                          (durable streams)
 *
 * Swap records are programmed in whole 256-byte pages; the page that a record ends in is carried until the next record
 * fills it, or until somebody needs the end on flash. Durable records are programmed to their last unit at once.
 *
 * Owns invariants 10 (with block.c) and 11.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/scan.h"

void stream_reset(struct stream *stream)
{
    stream->block = NO_BLOCK;
    stream->summary_write = 0;
    stream->doubted = false;
    stream->moved_from = NO_PLACE;
    stream->pending_count = 0;
}

/* A collected record may take the last erased block but the one before it; others leave two. */
static uint32_t erased_kept(const struct store *store, enum block_stream stream)
{
    switch (stream) {
    case STREAM_HOT:
        return 2 + store->transaction.blocks;
    case STREAM_DURABLE:
        return store->doubt || store->transaction.state == TRANSACTION_COMMITTING ||
                       store->transaction.state == TRANSACTION_OPEN
                   ? 0
                   : 2;
    default:
        return 0;
    }
}

bool stream_fits(const struct store *store, enum block_stream index, uint32_t bytes)
{
    const struct stream *stream = &store->streams[index];
    uint32_t summary = 0;

    if (stream->block == NO_BLOCK || stream->summary_write)
        return false;
    if (stream_durable(index))
        summary = (block_at(store, stream->block)->records + 2u) * FORMAT_ITEM_BYTES;
    return stream->end + bytes + summary <= store->block_bytes;
}

/* May others than the collector append to its stream? Not when that would take the collector's last blocks. */
bool stream_open_to_all(const struct store *store, enum block_stream index)
{
    return stream_fits(store, index, record_bytes(FORMAT_PAGE)) || store->erased > erased_kept(store, STREAM_HOT);
}

bool stream_busy(const struct store *store, uint32_t block)
{
    for (uint32_t i = 0; i < STREAM_COUNT; i++)
        if (store->streams[i].block == block)
            return true;
    return false;
}

/* ---- Opening ---- */

static enum store_work stream_open(struct store *store, enum block_stream index)
{
    struct open_stamp made = { .magic = OPEN_MAGIC,
                               .version = FORMAT_VERSION,
                               .stream = (uint8_t)index,
                               .sequence = store->sequence + 1,
                               .version_next = store->version_next };
    uint32_t block = block_choose(store, index);

    store->writing = true;
    if (block == NO_BLOCK || store->erased <= erased_kept(store, index))
        return STORE_IDLE;
    block_announce(store, block, made.next);
    made.erases = block_at(store, block)->erases;
    item_seal(&made, block, 0);
    memcpy(store->stamp, &made, sizeof made);
    memcpy(store->operation.next, made.next, sizeof made.next);
    store->operation.stream = index;
    return operation_program(store, OPERATION_OPEN, block, FORMAT_ITEM_BYTES, store->stamp, sizeof made);
}

/* Every record of the block will be read with what its stamp says: one that went elsewhere would take them all along. */
static bool stamp_holds(struct store *store, uint32_t number)
{
    struct open_stamp found;

    return !read_twice(store, number, FORMAT_ITEM_BYTES, &found, sizeof(found)) &&
           !memcmp(&found, store->stamp, sizeof(found));
}

void stream_opened(struct store *store, enum block_stream index, uint32_t number, int status)
{
    struct stream *stream = &store->streams[index];
    struct block *block = block_at(store, number);

    if (status || !stamp_holds(store, number)) {
        block_failed(store, number);
        return;
    }
    store->erased--;
    collector_due(store);
    store->sequence++;
    store->newest = number;
    memcpy(store->next, store->operation.next, sizeof store->next);
    store->announced = true;
    if (index == STREAM_DURABLE && store->transaction.blocks)
        store->transaction.blocks--;
    block->sequence = store->sequence;
    block->state = BLOCK_OPEN;
    block->bits = (uint8_t)index;
    block->used = FORMAT_BLOCK_HEADER / FORMAT_UNIT;
    stream_reset(stream);
    stream->block = number;
    stream->end = FORMAT_BLOCK_HEADER;
    stream->programmed = FORMAT_BLOCK_HEADER;
    memset(stream->carry, 0xff, sizeof stream->carry);
}

/* ---- Programming ---- */

enum store_work stream_flush(struct store *store, enum block_stream index)
{
    struct stream *stream = &store->streams[index];
    uint32_t begin = stream->programmed;

    if (stream->block == NO_BLOCK || begin == stream->end)
        return STORE_IDLE;
    ASSERT(begin / CARRY_BYTES == (stream->end - 1) / CARRY_BYTES);
    store->operation.stream = index;
    return operation_program(store, OPERATION_DATA, stream->block, begin, stream->carry + begin % CARRY_BYTES,
                             stream->end - begin);
}

static void pending_settle(struct store *store, struct stream *stream)
{
    uint32_t landed = 0;

    while (landed < stream->pending_count && stream->pending[landed].end <= stream->programmed)
        pending_landed(store, &stream->pending[landed++]);
    stream->pending_count -= landed;
    memmove(stream->pending, stream->pending + landed, stream->pending_count * sizeof stream->pending[0]);
}

/* What was moved out of the block and died since must not land: its slot may come to stand at its old place again. */
void pending_forget(struct store *store, uint32_t block)
{
    for (uint32_t i = 0; i < STREAM_COUNT; i++) {
        struct stream *stream = &store->streams[i];

        for (uint32_t j = 0; j < stream->pending_count; j++)
            if (stream->pending[j].old_where == PLACE_FLASH && place_block(store, stream->pending[j].old) == block)
                stream->pending[j].slot = 0;
    }
}

void stream_programmed(struct store *store, enum block_stream index, uint32_t bytes, int status)
{
    struct stream *stream = &store->streams[index];

    if (status) {
        stream_break(store, index, true);
        return;
    }
    stream->programmed += bytes;
    if (stream->end < stream->programmed)
        stream->end = stream->programmed;
    if (stream->programmed % CARRY_BYTES == 0)
        memset(stream->carry, 0xff, sizeof stream->carry);
    pending_settle(store, stream);
}

/* What could not be read back counts no more than what a refused transaction leaves: its version comes anew elsewhere. */
void stream_break(struct store *store, enum block_stream index, bool failed)
{
    struct stream *stream = &store->streams[index];
    uint32_t block = stream->block;

    stream_reset(stream);
    if (failed) {
        block_failed(store, block);
    } else {
        block_at(store, block)->bits |= BLOCK_VOID;
        block_close(store, block);
    }
    append_broken(store, index);
    tail_rewind(store);
    collector_broken(store);
}

void stream_abandon(struct store *store, enum block_stream index)
{
    uint32_t block = store->streams[index].block;

    if (block == NO_BLOCK)
        return;
    stream_reset(&store->streams[index]);
    block_close(store, block);
}

/* ---- Closing ---- */

enum store_work stream_close(struct store *store, enum block_stream index)
{
    struct stream *stream = &store->streams[index];
    uint32_t block = stream->block;
    enum store_work work = stream_flush(store, index);

    if (work != STORE_IDLE)
        return work;
    if (!stream_durable(index)) {
        stream_reset(stream);
        block_close(store, block);
        return STORE_MORE;
    }
    if (!stream->summary_write) {
        stream->summary_read = FORMAT_BLOCK_HEADER;
        stream->summary_write = store->block_bytes - (block_at(store, block)->records + 1u) * FORMAT_ITEM_BYTES;
    }
    return summary_step(store, index);
}

bool stream_ready(struct store *store, enum block_stream index, uint32_t bytes, enum store_work *work)
{
    if (stream_fits(store, index, bytes))
        return true;
    *work = store->streams[index].block == NO_BLOCK ? stream_open(store, index) : stream_close(store, index);
    return false;
}

/*
 * The last record of an open block may look like one whose program was cut, and mount then takes its original: a header that
 * belongs to nobody comes behind it before that is erased.
 */
enum store_work stream_back(struct store *store, uint32_t block)
{
    const struct append nobody = {
        .kind = RECORD_HOLE, .moved = true, .owner = FORMAT_NOBODY, .version = store->counts
    };

    for (enum block_stream i = STREAM_DURABLE; i < STREAM_COUNT; i++) {
        uint32_t from = store->streams[i].moved_from;

        if (from == NO_PLACE || place_block(store, from) != block)
            continue;
        if (!stream_fits(store, i, FORMAT_ITEM_BYTES))
            return stream_close(store, i);
        append_durable(store, i, &nobody);
        return STORE_MORE;
    }
    return STORE_IDLE;
}
