/*
 * The record being written, and the reading of records.
 *
 *   IDLE --append_*()--> START --place known, sealed--> RUN --all handed to the stream--> IDLE   (swap lands later)
 *                          ^                             +--> VERIFY --read back--> IDLE          (durable)
 *                          +--- the block failed: a durable record begins anew ---+
 *                          +--> IDLE, when the slot has left the place it is taken from
 *
 * The payload stays in the work page until the end, so nothing is lost when a block fails under it.
 * Owns invariant 6 with seal.c and format.c.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/codec.h"
#include "mm/store/crc32c.h"
#include "mm/store/state.h"

/* ---- Sealing ---- */

#define AAD_BYTES 24u

struct swap_binding {
    uint8_t nonce[SEAL_NONCE_BYTES];
    uint8_t aad[AAD_BYTES];
};

/* A key never sees a place of one opening twice: the opening's sequence and the place make the nonce. */
static void bind(const struct store *store, const struct swap_header *header, uint32_t place,
                 struct swap_binding *binding)
{
    uint32_t where[2] = { place, block_of_place(store, place)->sequence };

    memset(binding->nonce, 0, sizeof binding->nonce);
    memcpy(binding->nonce, where, sizeof where);
    memcpy(binding->aad, header, 16);
    memcpy(binding->aad + 16, where, sizeof where);
}

static bool swap_seal(struct store *store, struct append *append)
{
    const uint8_t *key = key_find(store, append->key);
    struct swap_binding binding;

    if (!key)
        return false;
    append->swap = (struct swap_header){ .kind = RECORD_SWAP,
                                         .method = append->method,
                                         .length = append->length,
                                         .slot = append->owner,
                                         .key = append->key };
    append->swap.crc = swap_check(&append->swap, append->place, block_of_place(store, append->place)->sequence);
    bind(store, &append->swap, append->place, &binding);
    seal_close(key, binding.nonce, binding.aad, AAD_BYTES, store->work, append->length, append->swap.tag);
    return true;
}

int swap_open(struct store *store, const struct swap_header *header, uint32_t place, void *payload)
{
    const uint8_t *key = key_find(store, header->key);
    struct swap_binding binding;

    if (!key)
        return -EIO;
    bind(store, header, place, &binding);
    return seal_open(key, binding.nonce, binding.aad, AAD_BYTES, payload, header->length, header->tag) ? -EIO : 0;
}

/* ---- Writing ---- */

void append_swap(struct store *store, enum block_stream stream, const struct tail_record *record, uint32_t old,
                 enum slot_place old_where)
{
    ASSERT(store->append.state == APPEND_IDLE && stream_fits(store, stream, record_bytes(record->length)));
    store->append = (struct append){ .state = APPEND_START,
                                     .stream = stream,
                                     .kind = RECORD_SWAP,
                                     .method = record->method,
                                     .length = record->length,
                                     .moved = old_where == PLACE_FLASH,
                                     .old = old,
                                     .old_where = (uint8_t)old_where,
                                     .owner = record->slot,
                                     .key = record->key };
}

void append_durable(struct store *store, enum block_stream stream, const struct append *what)
{
    ASSERT(store->append.state == APPEND_IDLE && stream_fits(store, stream, record_bytes(what->length)));
    store->append = *what;
    store->append.stream = stream;
    store->append.state = APPEND_START;
    if (!what->moved)
        store->append.payload_crc = crc32c(0, store->work, what->length);
}

static void durable_seal(struct store *store, struct append *append)
{
    if (!append->version)
        append->version = store->version_next++;
    append->header = (struct record_header){ .kind = append->kind,
                                             .method = append->method,
                                             .length = append->length,
                                             .node = append->owner,
                                             .serial = append->serial,
                                             .page = append->page,
                                             .version = append->version,
                                             .payload_crc = append->payload_crc };
    item_seal(&append->header, append->place, block_of_place(store, append->place)->sequence);
}

static void pend(struct store *store, const struct append *append)
{
    struct stream *stream = &store->streams[append->stream];

    ASSERT(stream->pending_count < PENDING_MAX);
    stream->pending[stream->pending_count++] = (struct pending){ .end = stream->end + append->total,
                                                                 .place = append->place,
                                                                 .old = append->old,
                                                                 .slot = append->owner,
                                                                 .units = (uint16_t)(append->total / FORMAT_UNIT),
                                                                 .old_where = append->old_where };
}

/* Since it was taken up, a slot may have been put, and its key closed; its number may be another page's by now. */
static bool append_stale(const struct store *store, const struct append *append)
{
    return append->kind == RECORD_SWAP &&
           !slot_is_at(store, append->owner, (enum slot_place)append->old_where, append->old);
}

static enum store_work append_start(struct store *store)
{
    struct append *append = &store->append;
    struct stream *stream = &store->streams[append->stream];
    enum store_work work = STORE_IDLE;

    if (append_stale(store, append)) {
        append->state = APPEND_IDLE;
        return STORE_MORE;
    }
    append->total = record_bytes(append->length);
    append->cursor = 0;
    append->doubted = false;
    if (!stream_ready(store, append->stream, append->total, &work)) {
        if (work == STORE_IDLE)
            commit_failed(store);
        return work == STORE_IDLE ? STORE_MORE : work;
    }
    append->place = place_of(store, stream->block, stream->end);
    if (append->length < FORMAT_PAGE)
        memset(store->work + append->length, 0xff, append->total - FORMAT_ITEM_BYTES - append->length);
    if (stream_durable(append->stream)) {
        durable_seal(store, append);
        if (append->kind != RECORD_COMMIT)
            block_at(store, stream->block)->bits |= BLOCK_FILES;
    } else if (swap_seal(store, append)) {
        pend(store, append);
    } else {
        slot_lose(store, append->owner);
        append->state = APPEND_IDLE;
        return STORE_MORE;
    }
    block_at(store, stream->block)->records++;
    append->state = APPEND_RUN;
    return STORE_MORE;
}

/* Up to the end of the carried page, from the header and then from the payload. */
static void carry(struct store *store, struct append *append, struct stream *stream)
{
    uint32_t at = stream->end % CARRY_BYTES;
    uint32_t bytes = CARRY_BYTES - at;
    uint32_t head;

    if (bytes > append->total - append->cursor)
        bytes = append->total - append->cursor;
    head = append->cursor < FORMAT_ITEM_BYTES ? FORMAT_ITEM_BYTES - append->cursor : 0;
    if (head > bytes)
        head = bytes;
    memcpy(stream->carry + at, append->bytes + (head ? append->cursor : 0), head);
    if (bytes > head)
        memcpy(stream->carry + at + head, store->work + append->cursor + head - FORMAT_ITEM_BYTES, bytes - head);
    append->cursor += bytes;
    stream->end += bytes;
}

static enum store_work straight(struct store *store, struct append *append, struct stream *stream)
{
    uint32_t bytes = (append->total - append->cursor) & ~(CARRY_BYTES - 1);
    enum store_work work;

    store->operation.stream = append->stream;
    work = operation_program(store, OPERATION_DATA, stream->block, stream->end,
                             store->work + append->cursor - FORMAT_ITEM_BYTES, bytes);
    if (store->operation.kind != OPERATION_NONE)
        append->cursor += bytes;
    return work;
}

static enum store_work append_run(struct store *store)
{
    struct append *append = &store->append;
    struct stream *stream = &store->streams[append->stream];

    while (append->cursor < append->total) {
        bool page_begins = stream->end % CARRY_BYTES == 0;

        if (page_begins && stream->programmed < stream->end)
            return stream_flush(store, append->stream);
        if (page_begins && append->cursor >= FORMAT_ITEM_BYTES && append->total - append->cursor >= CARRY_BYTES)
            return straight(store, append, stream);
        carry(store, append, stream);
    }
    block_at(store, stream->block)->used = (uint16_t)(stream->end / FORMAT_UNIT);
    if (stream_durable(append->stream)) {
        if (stream->programmed < stream->end)
            return stream_flush(store, append->stream);
        append->state = APPEND_VERIFY;
        return STORE_MORE;
    }
    append->state = APPEND_IDLE;
    return stream->end % CARRY_BYTES || stream->programmed == stream->end ? STORE_MORE
                                                                          : stream_flush(store, append->stream);
}

enum store_work append_step(struct store *store)
{
    switch (store->append.state) {
    case APPEND_START:
        return append_start(store);
    case APPEND_RUN:
        return append_run(store);
    case APPEND_VERIFY:
        return append_verify(store);
    default:
        return STORE_IDLE;
    }
}

void append_broken(struct store *store, enum block_stream stream)
{
    struct append *append = &store->append;

    if (append->state == APPEND_IDLE || append->stream != stream)
        return;
    append->state = stream_durable(stream) && !append->moved ? APPEND_START : APPEND_IDLE;
}

void pending_landed(struct store *store, const struct pending *pending)
{
    enum slot_place old_where = (enum slot_place)pending->old_where;

    if (!slot_is_at(store, pending->slot, old_where, pending->old))
        return;
    if (old_where == PLACE_TAIL) {
        store->statistics.records_to_flash++;
    } else {
        store->statistics.gc_moved_records++;
        store->statistics.gc_moved_bytes += pending->units * FORMAT_UNIT;
        slot_cool(slot_at(store, pending->slot));
    }
    slot_move(store, pending->slot, PLACE_FLASH, pending->place, pending->units);
}

/* ---- Reading ---- */

int record_read_header(struct store *store, uint32_t place, struct record_header *header)
{
    uint32_t block = place_block(store, place);
    int error = read_block(store, block, place_offset(store, place), header, sizeof *header);

    if (error)
        return error;
    if (!item_valid(header, place, block_at(store, block)->sequence))
        return -EIO;
    return header->length <= FORMAT_PAGE ? 0 : -EIO;
}

int record_read_payload(struct store *store, uint32_t place, const struct record_header *header, void *into)
{
    int error;

    if (place_offset(store, place) + FORMAT_ITEM_BYTES + header->length > store->block_bytes)
        return -EIO;
    if (!header->length)
        return 0;
    error = read_block(store, place_block(store, place), place_offset(store, place) + FORMAT_ITEM_BYTES, into,
                       header->length);
    if (error)
        return error;
    return crc32c(0, into, header->length) == header->payload_crc ? 0 : -EIO;
}

/* Header and payload in one read where both fit the bounce page; a whole page's payload goes to its page directly. */
static int swap_fetch(struct store *store, const struct slot_entry *entry, struct swap_header *header, void *page,
                      void **payload)
{
    uint32_t block = place_block(store, entry->place);
    uint32_t offset = place_offset(store, entry->place);
    uint32_t bytes = slot_units(entry) * FORMAT_UNIT;
    int error;

    if (bytes <= FORMAT_PAGE) {
        error = read_block(store, block, offset, store->bounce, bytes);
        memcpy(header, store->bounce, sizeof *header);
        *payload = store->bounce + FORMAT_ITEM_BYTES;
        return error;
    }
    *payload = page;
    error = read_block(store, block, offset, header, sizeof *header);
    return error ? error : read_block(store, block, offset + FORMAT_ITEM_BYTES, page, FORMAT_PAGE);
}

int swap_read(struct store *store, slot_t slot, const struct slot_entry *entry, store_key_t key, void *page)
{
    struct swap_header header;
    void *payload;
    int error = place_block(store, entry->place) < store->block_count
                    ? swap_fetch(store, entry, &header, page, &payload)
                    : -EIO;

    if (error)
        return error;
    if (!swap_valid(&header, entry->place, block_of_place(store, entry->place)->sequence) || header.slot != slot ||
        header.key != key || record_bytes(header.length) != slot_units(entry) * FORMAT_UNIT)
        return -EIO;
    error = swap_open(store, &header, entry->place, payload);
    if (error || header.method == CODEC_RAW)
        return error;
    return codec_expand((enum codec_method)header.method, payload, header.length, page) ? -EIO : 0;
}
