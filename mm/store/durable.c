/*
 * Durable records on flash: each is read back before anything rests on it, and a block full of them ends in a summary.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"

/* ---- Reading back ---- */

static void durable_landed(struct store *store, const struct append *append)
{
    store->append.state = APPEND_IDLE;
    store->streams[append->stream].moved_from = append->old;
    if (!append->moved) {
        commit_landed(store, append);
        return;
    }
    if (!record_held(store, &append->header, append->old, append->place))
        return;
    store->statistics.gc_moved_records++;
    store->statistics.gc_moved_bytes += append->total;
    block_live(store, append->place);
    if (append->kind != RECORD_COMMIT && append->version > store->counts)
        block_of_place(store, append->old)->bits |= BLOCK_VOID; /* if its transaction is refused; see voids_forget() */
    block_died(store, append->old);
}

/*
 * Parts have been seen to lose bits and say that all is well; what a commit rests on is read back, and once more before
 * what is seen there is believed. Its block is retired for a wrong byte alone.
 */
enum store_work append_verify(struct store *store)
{
    struct append landed = store->append;
    uint32_t block = place_block(store, landed.place), offset = place_offset(store, landed.place);
    struct record_header header;
    int error = read_block(store, block, offset, &header, sizeof header);

    if (!error && landed.length)
        error = read_block(store, block, offset + FORMAT_ITEM_BYTES, store->bounce, landed.length);
    if (error == -EAGAIN)
        return STORE_BUSY;
    if (!error &&
        (memcmp(&header, &landed.header, sizeof header) != 0 || memcmp(store->bounce, store->work, landed.length) != 0))
        error = -EBADMSG;
    if (!error)
        durable_landed(store, &landed);
    else if (landed.doubted)
        stream_break(store, landed.stream, error == -EBADMSG);
    else
        store->append.doubted = true;
    return STORE_MORE;
}

/* ---- Summaries ---- */

/*
 * The summary is the headers of all records, read back in pieces of a page, and a stamp at the block's very end.
 *   summary_read: the next record whose header is to be copied; summary_write: where to
 */
/* Bytes, or an error. */
static int summary_piece(struct store *store, struct stream *stream)
{
    struct record_header header;
    uint32_t bytes = 0;

    stream->summary_next = stream->summary_read;
    while (bytes < FORMAT_PAGE && stream->summary_next < stream->end) {
        int error = record_read_header(store, place_of(store, stream->block, stream->summary_next), &header);

        if (error)
            return error;
        memcpy(store->work + bytes, &header, sizeof header);
        stream->summary_next += record_bytes(header.length);
        bytes += FORMAT_ITEM_BYTES;
    }
    return (int)bytes;
}

static enum store_work summary_end(struct store *store, enum block_stream index)
{
    struct stream *stream = &store->streams[index];
    const struct block *block = block_at(store, stream->block);
    struct summary_stamp made = { .magic = SUMMARY_MAGIC,
                                  .version = FORMAT_VERSION,
                                  .stream = (uint8_t)index,
                                  .sequence = block->sequence,
                                  .records = block->records,
                                  .end = stream->end,
                                  .version_next = store->version_next };

    item_seal(&made, stream->block, 0);
    memcpy(store->stamp, &made, sizeof made);
    store->operation.stream = index;
    return operation_program(store, OPERATION_SUMMARY, stream->block, stream->summary_write, store->stamp, sizeof made);
}

enum store_work summary_step(struct store *store, enum block_stream index)
{
    struct stream *stream = &store->streams[index];
    int bytes;

    if (stream->summary_read == stream->end)
        return summary_end(store, index);
    bytes = summary_piece(store, stream);
    if (bytes == -EAGAIN)
        return STORE_BUSY;
    if (bytes < 0) {
        if (stream->doubted)
            stream_break(store, index, false);
        stream->doubted = !stream->doubted;
        return STORE_MORE;
    }
    store->operation.stream = index;
    return operation_program(store, OPERATION_SUMMARY, stream->block, stream->summary_write, store->work,
                             (uint32_t)bytes);
}

void stream_summarised(struct store *store, enum block_stream index, uint32_t bytes, int status)
{
    struct stream *stream = &store->streams[index];
    uint32_t block = stream->block;

    if (status) {
        stream_break(store, index, true);
        return;
    }
    stream->doubted = false;
    stream->summary_read = stream->summary_next;
    stream->summary_write += bytes;
    if (stream->summary_write < store->block_bytes)
        return;
    stream_reset(stream);
    block_close(store, block);
}
