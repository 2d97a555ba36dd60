/*
 * Reading a partition of which nothing is known yet.
 *
 *   erase stamp   open stamp   the block is
 *   valid         blank        erased
 *   any           valid        what its stream says
 *   damaged       damaged      what a summary at its end says
 *   otherwise                  dirty, however blank it looks: an erase that was cut may read as ones and hold nothing
 */
#include "mm/store/scan.h"

#include <errno.h>
#include <string.h>

struct headers {
    union {
        struct erase_stamp erase;
        uint8_t erase_bytes[FORMAT_ITEM_BYTES];
    };
    union {
        struct open_stamp open;
        struct summary_stamp summary;
        uint8_t open_bytes[FORMAT_ITEM_BYTES];
    };
};

_Static_assert(sizeof(struct headers) == FORMAT_BLOCK_HEADER, "block header");

int read_twice(struct store *store, uint32_t block, uint32_t offset, void *into, uint32_t bytes)
{
    int error = read_block(store, block, offset, into, bytes);

    return error == -EIO ? read_block(store, block, offset, into, bytes) : error;
}

/* ---- Headers ---- */

static bool ours(uint32_t version, struct header_scan *scan)
{
    if (version > FORMAT_VERSION)
        scan->newer++;
    else
        scan->ours++;
    return version <= FORMAT_VERSION;
}

static void take_erase_stamp(struct store *store, uint32_t index, const struct erase_stamp *stamp,
                             struct header_scan *scan)
{
    block_at(store, index)->erases = stamp->erases;
    if (scan->total_known && stamp->total <= store->erases_total)
        return;
    scan->total_known = true;
    store->erases_total = stamp->total;
    store->newest_stamp = index;
    scan->credit = stamp->credit;
}

static void take_opening(struct store *store, uint32_t index, uint32_t sequence, uint8_t stream, uint64_t version_next,
                         struct header_scan *scan)
{
    struct block *block = block_at(store, index);

    block->sequence = sequence;
    block->bits = stream & BLOCK_STREAM_MASK;
    block->state = stream_durable(block_stream_of(block)) ? BLOCK_FULL : BLOCK_DIRTY;
    if (version_next > scan->version_next)
        scan->version_next = version_next;
}

static int take_summary(struct store *store, uint32_t index, struct header_scan *scan)
{
    struct summary_stamp stamp;
    int error = read_twice(store, index, store->block_bytes - FORMAT_ITEM_BYTES, &stamp, sizeof stamp);

    if (error)
        return error;
    if (!item_valid(&stamp, index, 0) || stamp.magic != SUMMARY_MAGIC || !ours(stamp.version, scan))
        return 0;
    take_opening(store, index, stamp.sequence, stamp.stream, stamp.version_next, scan);
    return 0;
}

static void take_open_stamp(struct store *store, uint32_t index, const struct open_stamp *stamp,
                            struct header_scan *scan)
{
    struct block *block = block_at(store, index);

    take_opening(store, index, stamp->sequence, stamp->stream, stamp->version_next, scan);
    if (!block->erases)
        block->erases = stamp->erases;
    if (stamp->sequence < store->sequence || !stamp->sequence)
        return;
    store->sequence = stamp->sequence;
    store->newest = index;
    memcpy(scan->next, stamp->next, sizeof scan->next);
    store->announced = true;
}

static int scan_block(struct store *store, uint32_t index, struct header_scan *scan)
{
    struct block *block = block_at(store, index);
    struct headers headers;
    bool stamped, erase_ours, blank;
    int error = read_twice(store, index, 0, &headers, sizeof headers);

    if (error)
        return error;
    *block = (struct block){ .state = BLOCK_DIRTY };
    blank = is_erased(headers.open_bytes, FORMAT_ITEM_BYTES);
    stamped = item_valid(headers.erase_bytes, index, 0) && headers.erase.magic == ERASE_MAGIC;
    if (stamped && stamp_of_other_size(&headers.erase, store->block_bytes)) {
        scan->other_size++;
        return 0;
    }
    erase_ours = stamped && ours(headers.erase.version, scan);
    if (erase_ours)
        take_erase_stamp(store, index, &headers.erase, scan);
    if (!blank && item_valid(headers.open_bytes, index, 0) && headers.open.magic == OPEN_MAGIC) {
        if (ours(headers.open.version, scan))
            take_open_stamp(store, index, &headers.open, scan);
        return 0;
    }
    if (erase_ours && blank) {
        block->state = BLOCK_ERASED;
        return 0;
    }
    return take_summary(store, index, scan);
}

static void count_unknown(struct store *store, struct header_scan *scan)
{
    for (uint32_t i = 0; i < store->block_count; i++)
        if (block_at(store, i)->erases > scan->highest_erases)
            scan->highest_erases = block_at(store, i)->erases;
    for (uint32_t i = 0; i < store->block_count; i++) {
        if (block_at(store, i)->erases)
            continue;
        block_at(store, i)->bits |= BLOCK_UNSTAMPED;
        block_at(store, i)->erases = scan->highest_erases;
    }
}

/*
 * A cut may have left half an open stamp that reads as none: only in the blocks that the newest opening announced. When
 * they do not tell (nothing announced; one of them neither erased nor open), every block that looks erased is
 * suspected.
 */
static void suspect(struct store *store, const struct header_scan *scan)
{
    bool all = !store->announced;
    uint32_t known = 0;

    for (uint32_t i = 0; store->announced && i < 2; i++) {
        if (scan->next[i] >= store->block_count)
            continue;
        known++;
        all |= block_at(store, scan->next[i])->state != BLOCK_ERASED;
    }
    all |= !known;
    for (uint32_t i = 0; i < store->block_count; i++) {
        struct block *block = block_at(store, i);

        if (block->state == BLOCK_ERASED && (all || i == scan->next[0] || i == scan->next[1])) {
            block->state = BLOCK_DIRTY;
            block->bits = BLOCK_SUSPECT;
        }
        store->erased += block->state == BLOCK_ERASED;
    }
    for (uint32_t i = 0; i < 2; i++)
        store->next[i] = all || scan->next[i] >= store->block_count ? FORMAT_NO_BLOCK : scan->next[i];
}

int scan_headers(struct store *store, uint32_t dropped, struct header_scan *scan)
{
    *scan = (struct header_scan){ .credit = LIFE_NEVER_DECLARED, .next = { FORMAT_NO_BLOCK, FORMAT_NO_BLOCK } };
    store->erased = 0;
    store->sequence = 0;
    store->announced = false;
    for (uint32_t i = 0; i < store->block_count; i++) {
        int error = scan_block(store, i, scan);

        if (error)
            return error;
        if (i == dropped) {
            block_at(store, i)->state = BLOCK_DIRTY;
            block_at(store, i)->bits = STREAM_HOT;
        }
    }
    count_unknown(store, scan);
    suspect(store, scan);
    return 0;
}

/* ---- Records ---- */

int walk_begin(struct store *store, uint32_t block, uint8_t *buffer, struct walk *walk)
{
    struct summary_stamp stamp;
    int error = read_twice(store, block, store->block_bytes - FORMAT_ITEM_BYTES, &stamp, sizeof stamp);

    *walk = (struct walk){ .block = block,
                           .offset = FORMAT_BLOCK_HEADER,
                           .end = store->block_bytes,
                           .buffered = UINT32_MAX,
                           .buffer = buffer };
    if (error)
        return error;
    if (!item_valid(&stamp, block, 0) || stamp.magic != SUMMARY_MAGIC ||
        stamp.sequence != block_at(store, block)->sequence || stamp.end < FORMAT_BLOCK_HEADER ||
        stamp.end + (stamp.records + 1ull) * FORMAT_ITEM_BYTES > store->block_bytes)
        return 0;
    walk->records = stamp.records;
    walk->end = stamp.end;
    walk->summary = store->block_bytes - (stamp.records + 1) * FORMAT_ITEM_BYTES;
    return 0;
}

#define HEADERS_BUFFERED (FORMAT_PAGE / FORMAT_ITEM_BYTES)

static int summary_header(struct store *store, struct walk *walk, struct record_header *header)
{
    uint32_t first = walk->index - walk->index % HEADERS_BUFFERED;
    uint32_t count = walk->records - first < HEADERS_BUFFERED ? walk->records - first : HEADERS_BUFFERED;
    int error = 0;

    if (walk->buffered != first)
        error = read_twice(store, walk->block, walk->summary + first * FORMAT_ITEM_BYTES, walk->buffer,
                           count * FORMAT_ITEM_BYTES);
    if (error)
        return error;
    walk->buffered = first;
    memcpy(header, walk->buffer + (walk->index - first) * FORMAT_ITEM_BYTES, sizeof *header);
    return 0;
}

static bool header_fits(const struct walk *walk, const struct record_header *header)
{
    return header->length <= FORMAT_PAGE && walk->offset + record_bytes(header->length) <= walk->end;
}

/* 1: a record's header; 0: something else; or the error of the read. */
static int header_at(struct store *store, struct walk *walk, uint32_t offset, struct record_header *header,
                     uint32_t *place)
{
    int error = read_twice(store, walk->block, offset, header, sizeof *header);

    if (error)
        return error;
    walk->offset = offset;
    *place = place_of(store, walk->block, offset);
    return item_valid(header, *place, block_at(store, walk->block)->sequence) && header_fits(walk, header);
}

/* Behind a header that does not pass its check the next one is no further than the longest record. */
static int hop(struct store *store, struct walk *walk, struct record_header *header, uint32_t *place)
{
    uint32_t stopped = walk->offset, limit = stopped + record_bytes(FORMAT_PAGE);
    int found = 0;

    for (uint32_t at = stopped; !found && at <= limit && at + FORMAT_ITEM_BYTES <= walk->end; at += FORMAT_UNIT)
        found = header_at(store, walk, at, header, place);
    walk->offset = found == 1 ? walk->offset + record_bytes(header->length) : stopped;
    return found;
}

int walk_next(struct store *store, struct walk *walk, struct record_header *header, uint32_t *place)
{
    int error;

    if (!walk->summary)
        return hop(store, walk, header, place);
    if (walk->index == walk->records)
        return 0;
    error = summary_header(store, walk, header);
    if (error)
        return error;
    *place = place_of(store, walk->block, walk->offset);
    walk->index++;
    if (!item_valid(header, *place, block_at(store, walk->block)->sequence) || !header_fits(walk, header)) {
        int found = header_at(store, walk, walk->offset, header, place);

        if (found < 0)
            return found;
        if (!found) {
            walk->summary = 0;
            return hop(store, walk, header, place);
        }
    }
    walk->offset += record_bytes(header->length);
    return 1;
}
