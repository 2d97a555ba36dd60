/*
 * Garbage collection: one record a step, out of the block that frees most for its age.
 *
 *   victim | dead | live --> COLD or SETTLED | dead | header unreadable: on to the next place that anything points at
 *            cursor ->
 *
 * Also moved: what lives in failing blocks, in void ones when a transaction is wanted, in the least worn block when
 * wear has spread, and swap that is to leave flash.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/crc32c.h"
#include "mm/store/state.h"

#define WEAR_SPREAD_MOST 16u /* beyond this, what lies still is moved for wear alone */
#define STILL_OPENINGS   8u
#define WEAR_HOLDOFF     4u  /* blocks erased between two such moves */
#define DEAD_A_STEP      16u /* dead records passed over in a step */
#define GAIN_LEAST       32u /* a victim frees at least a 32nd of its block */

uint32_t collector_wanted_erased(const struct store *store)
{
    return 3 + store->transaction.blocks;
}

bool collector_voids(const struct store *store)
{
    for (uint32_t i = 0; i < store->block_count; i++) {
        const struct block *block = block_at(store, i);

        if ((block->bits & BLOCK_VOID) && (block->state == BLOCK_FULL || block->state == BLOCK_DIRTY))
            return true;
    }
    return false;
}

void collector_erased(struct store *store)
{
    if (store->collector.wear_holdoff)
        store->collector.wear_holdoff--;
}

void collector_broken(struct store *store)
{
    store->collector.cursor = FORMAT_BLOCK_HEADER;
    store->collector.doubted = NO_PLACE;
}

/* ---- The victim ---- */

/* Live units, from the share of live records. */
static uint32_t live_units(const struct block *block)
{
    return block->records ? (uint32_t)((uint64_t)block->used * block->live / block->records) : 0;
}

static bool movable(const struct block *block)
{
    return block->state == BLOCK_FULL && !(block->bits & BLOCK_STUCK);
}

static bool eligible(const struct store *store, uint32_t index)
{
    const struct block *block = block_at(store, index);

    return movable(block) && !(store->doubt && (block->bits & BLOCK_FILES));
}

/*
 * (1 - u) age / (1 + u): Rosenblum and Ousterhout, "The Design and Implementation of a Log-Structured File System",
 * 1992. When the reserve is touched, what frees most. What would fill a block of its own again, for whole pages leave as
 * much of that blank, frees nothing.
 */
static uint64_t score(const struct store *store, const struct block *block)
{
    uint32_t whole = store->block_bytes / FORMAT_UNIT;
    uint32_t live = live_units(block);
    uint64_t freed = whole - live;

    if (freed < whole / GAIN_LEAST || live > sure_units(store))
        return 0;
    if (store->erased < 2)
        return freed;
    return freed * (uint64_t)(store->sequence - block->sequence + 1) * 256 / (whole + live);
}

static bool for_swap_only(const struct store *store)
{
    return store->erased >= collector_wanted_erased(store);
}

static uint32_t best_victim(const struct store *store)
{
    uint32_t best = NO_BLOCK;
    uint64_t best_score = 0;

    for (uint32_t i = 0; i < store->block_count; i++) {
        uint64_t found = eligible(store, i) && i != store->newest ? score(store, block_at(store, i)) : 0;

        if (for_swap_only(store) && stream_durable(block_stream_of(block_at(store, i))))
            continue;
        if (found > best_score) {
            best_score = found;
            best = i;
        }
    }
    return best;
}

static uint32_t marked_victim(const struct store *store, uint8_t bits)
{
    for (uint32_t i = 0; i < store->block_count; i++)
        if (eligible(store, i) && (block_at(store, i)->bits & bits))
            return i;
    return NO_BLOCK;
}

static uint32_t leaving_victim(const struct store *store)
{
    uint32_t best = NO_BLOCK, least = UINT32_MAX;

    for (uint32_t i = 0; i < store->block_count; i++) {
        uint32_t live = live_units(block_at(store, i));

        if (!eligible(store, i) || stream_durable(block_stream_of(block_at(store, i))) || live >= least)
            continue;
        least = live;
        best = i;
    }
    return best;
}

static uint32_t most_worn(const struct store *store)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < store->block_count; i++)
        if (block_at(store, i)->state != BLOCK_BAD && block_at(store, i)->erases > most)
            most = block_at(store, i)->erases;
    return most;
}

/* What lies still on the least worn block. Files that a commit in doubt holds there: it is written anew first. */
static uint32_t worn_victim(struct store *store)
{
    uint32_t best = NO_BLOCK, least = UINT32_MAX;

    if (store->collector.wear_holdoff || store->erased < 3)
        return NO_BLOCK;
    for (uint32_t i = 0; i < store->block_count; i++) {
        const struct block *block = block_at(store, i);

        if (movable(block) && i != store->newest && block->erases < least) {
            least = block->erases;
            best = i;
        }
    }
    if (best == NO_BLOCK || most_worn(store) - least <= WEAR_SPREAD_MOST)
        return NO_BLOCK;
    if (!eligible(store, best)) {
        store->doubt_pressing = true;
        return NO_BLOCK;
    }
    store->collector.wear_holdoff = WEAR_HOLDOFF;
    return best;
}

/* The others have opened many blocks since. One that is written to fills up and is closed for that. */
static bool lies_still(const struct store *store, const struct block *block)
{
    return store->sequence - block->sequence > STILL_OPENINGS;
}

/* A stream that nobody writes to keeps its block from wearing: it is closed, so that what it holds can move. */
static enum store_work worn_stream(struct store *store)
{
    uint32_t most = most_worn(store);

    for (uint32_t i = 0; i < STREAM_COUNT; i++) {
        const struct stream *stream = &store->streams[i];
        const struct block *block = stream->block == NO_BLOCK ? NULL : block_at(store, stream->block);

        if (block && (stream->summary_write || (most - block->erases > WEAR_SPREAD_MOST && lies_still(store, block))))
            return stream_close(store, (enum block_stream)i);
    }
    return STORE_IDLE;
}

static uint32_t choose(struct store *store)
{
    uint32_t victim = marked_victim(store, BLOCK_FAILING);

    if (victim == NO_BLOCK)
        victim = worn_victim(store);
    if (victim == NO_BLOCK && store->transaction.state == TRANSACTION_WANTED)
        victim = marked_victim(store, BLOCK_VOID);
    if (victim == NO_BLOCK && (store->erased < collector_wanted_erased(store) || swap_crowded(store)))
        victim = best_victim(store);
    if (victim == NO_BLOCK && swap_shrinking(store) && (!store->swap_blocks_max || swap_gains(store)))
        victim = leaving_victim(store);
    return victim;
}

/* ---- Moving: payloads are read in the step that has read the header, so the part is not at something else ---- */

/* true: `stream`, or the one that stands in for it, has room. */
static bool destination(struct store *store, enum block_stream *stream, uint32_t bytes, enum store_work *work)
{
    enum block_stream other = stream_durable(*stream) ? STREAM_DURABLE : STREAM_HOT;

    if (stream_ready(store, *stream, bytes, work))
        return true;
    if (*work != STORE_IDLE || !stream_fits(store, other, bytes))
        return false;
    *stream = other;
    return true;
}

/* The part has erased and stamped a block, or somebody asks for space anew. */
void collector_recovered(struct store *store)
{
    for (uint32_t i = 0; i < store->block_count; i++)
        block_at(store, i)->bits &= (uint8_t)~BLOCK_STUCK;
    collector_due(store);
}

/* Where a record's payload lies: its header was read before, and is not what is doubted. */
static uint32_t payload_of(uint32_t place)
{
    return place + FORMAT_ITEM_BYTES / FORMAT_UNIT;
}

/* What cannot be read, or does not pass its check, is read once more before it is believed: it may be the bus. */
static bool looked_at_twice(struct store *store, uint32_t place)
{
    bool again = store->collector.doubted == place;

    store->collector.doubted = again ? NO_PLACE : place;
    return again;
}

/* What cannot be read at all may be readable later, when the part is no longer busy: its block is left as it is. */
static enum store_work unread(struct store *store, uint32_t place)
{
    if (looked_at_twice(store, place)) {
        block_at(store, store->collector.victim)->bits |= BLOCK_STUCK;
        store->collector.victim = NO_BLOCK;
    }
    return STORE_MORE;
}

static enum store_work swap_to_tail(struct store *store, struct tail_record *record)
{
    uint32_t place;

    tail_protect(record, store->work);
    if (tail_make_room(store, false) || tail_append(store, record, store->work, &place))
        return STORE_IDLE;
    slot_move(store, record->slot, PLACE_TAIL, place, tail_units(record->length));
    return STORE_MORE;
}

static enum store_work swap_move(struct store *store, const struct swap_header *header, uint32_t place)
{
    struct tail_record record = {
        .slot = header->slot, .key = header->key, .length = header->length, .method = header->method
    };
    enum block_stream stream = STREAM_COLD;
    enum store_work work = STORE_IDLE;
    uint32_t bytes = record_bytes(header->length);
    int error;

    if (slot_heat(slot_at(store, header->slot)) > SLOT_HEAT_HOT && stream_fits(store, STREAM_HOT, bytes))
        stream = STREAM_HOT;
    if (store->swap_blocks_max && !destination(store, &stream, bytes, &work))
        return work;
    error = read_block(store, store->collector.victim, store->collector.cursor + FORMAT_ITEM_BYTES, store->work,
                       header->length);
    if (error)
        return unread(store, payload_of(place));
    if (swap_open(store, header, place, store->work)) {
        if (!looked_at_twice(store, payload_of(place)))
            return STORE_MORE;
        slot_lose(store, header->slot);
    } else if (!store->swap_blocks_max) {
        work = swap_to_tail(store, &record);
        if (work == STORE_IDLE)
            return work;
    } else {
        append_swap(store, stream, &record, place, PLACE_FLASH);
    }
    store->collector.cursor += bytes;
    return STORE_MORE;
}

/* As it is: what does not pass its check must go on not to pass. */
static enum store_work durable_move(struct store *store, const struct record_header *header, uint32_t place)
{
    enum block_stream stream = STREAM_SETTLED;
    enum store_work work = STORE_IDLE;
    struct append what = { .kind = header->kind,
                           .method = header->method,
                           .length = header->length,
                           .moved = true,
                           .old = place,
                           .owner = header->node,
                           .serial = header->serial,
                           .page = header->page,
                           .version = header->version,
                           .payload_crc = header->payload_crc };
    int error;

    if (!destination(store, &stream, record_bytes(header->length), &work))
        return work;
    error = header->length ? read_block(store, place_block(store, place),
                                        place_offset(store, place) + FORMAT_ITEM_BYTES, store->work, header->length)
                           : 0;
    if (error)
        return unread(store, payload_of(place));
    if (crc32c(0, store->work, header->length) != header->payload_crc) {
        if (!looked_at_twice(store, payload_of(place)))
            return STORE_MORE;
        store->statistics.bad_records++;
    }
    append_durable(store, stream, &what);
    store->collector.cursor += record_bytes(header->length);
    return STORE_MORE;
}

/* ---- Headers that cannot be read ---- */

/*
 * A page whose record is lost must go on being lost after the next boot: a record says so. It counts when the lost one
 * did: now, or with the next commit. Of the table it is in RAM, and the next commit writes it anew, not the one that is
 * under way: that has room for what it began with.
 */
static enum store_work node_lose(struct store *store, uint32_t id, uint32_t page, uint32_t place)
{
    const struct record_header lost = { .kind = RECORD_LOST,
                                        .node = id,
                                        .page = page,
                                        .version = store->counts + change_wrote(store, place),
                                        .serial = id == NODE_TABLE ? 0 : node_at(store, id)->serial };

    if (id == NODE_TABLE && !nodes_grow(store, page + 1)) {
        bool committing = store->transaction.state == TRANSACTION_COMMITTING;

        *(committing ? &store->nodes->lost : &store->nodes->dirty) |= 1ull << page;
    }
    return durable_move(store, &lost, place);
}

/* On to the next place in the block that anything points at; what points here is lost. */
static enum store_work derailed(struct store *store, uint32_t place)
{
    struct collector *collector = &store->collector;
    uint32_t end = place_of(store, collector->victim + 1, 0);
    uint32_t at_slot, at_node, id = 0, page = 0, next;
    slot_t slot = 0;

    if (!looked_at_twice(store, place))
        return STORE_MORE;
    (void)slot_next_in(store, PLACE_FLASH, place, end, &at_slot, &slot);
    (void)node_next_in(store, place, end, &at_node, &id, &page);
    next = at_slot < at_node ? at_slot : at_node;
    if (next > place) {
        collector->cursor = next < end ? place_offset(store, next) : store->block_bytes;
        return STORE_MORE;
    }
    if (at_node == place)
        return node_lose(store, id, page, place);
    slot_lose(store, slot);
    return STORE_MORE;
}

/* ---- One step ---- */

/* Bytes of the dead record at `place`, or 0 with *work: what was done about a live or unreadable one. */
static uint32_t swap_step(struct store *store, uint32_t place, enum store_work *work)
{
    struct swap_header header;
    int error = read_block(store, store->collector.victim, store->collector.cursor, &header, sizeof header);

    if (error)
        *work = unread(store, place);
    else if (!swap_valid(&header, place, block_at(store, store->collector.victim)->sequence) ||
             header.length > FORMAT_PAGE)
        *work = derailed(store, place);
    else if (!slot_is_at(store, header.slot, PLACE_FLASH, place))
        return record_bytes(header.length);
    else
        *work = swap_move(store, &header, place);
    return 0;
}

static uint32_t durable_step(struct store *store, uint32_t place, enum store_work *work)
{
    struct record_header header;
    int error = read_block(store, store->collector.victim, store->collector.cursor, &header, sizeof header);

    if (error)
        *work = unread(store, place);
    else if (!item_valid(&header, place, block_at(store, store->collector.victim)->sequence) ||
             header.length > FORMAT_PAGE)
        *work = derailed(store, place);
    else if (!record_held(store, &header, place, NO_PLACE))
        return record_bytes(header.length);
    else
        *work = durable_move(store, &header, place);
    return 0;
}

/* What was moved last may still be carried; then the block is empty, or holds what cannot be moved. */
static enum store_work victim_end(struct store *store)
{
    enum store_work work = stream_flush(store, STREAM_COLD);

    if (work == STORE_IDLE)
        work = stream_flush(store, STREAM_HOT);
    if (work != STORE_IDLE)
        return work;
    if (block_at(store, store->collector.victim)->state == BLOCK_FULL)
        block_at(store, store->collector.victim)->bits |= BLOCK_STUCK;
    store->collector.victim = NO_BLOCK;
    return STORE_MORE;
}

static enum store_work collect(struct store *store)
{
    struct collector *collector = &store->collector;
    const struct block *block = block_at(store, collector->victim);
    enum store_work work = STORE_MORE;

    for (uint32_t i = 0; i < DEAD_A_STEP; i++) {
        uint32_t place = place_of(store, collector->victim, collector->cursor);
        uint32_t dead;

        if (collector->cursor >= block->used * FORMAT_UNIT)
            return victim_end(store);
        dead = stream_durable(block_stream_of(block)) ? durable_step(store, place, &work)
                                                      : swap_step(store, place, &work);
        if (!dead)
            return work;
        collector->cursor += dead;
    }
    return STORE_MORE;
}

/* Looking at all blocks is dear, and in vain until one of them has changed. */
void collector_due(struct store *store)
{
    store->collector.due = true;
}

static enum store_work look(struct store *store)
{
    struct collector *collector = &store->collector;
    bool pressing = store->doubt_pressing;
    enum store_work work;

    if (!collector->due && !swap_crowded(store))
        return STORE_IDLE;
    work = worn_stream(store);
    if (work != STORE_IDLE)
        return work;
    collector->victim = choose(store);
    collector_broken(store);
    collector->due = collector->victim != NO_BLOCK;
    return collector->due || store->doubt_pressing != pressing ? STORE_MORE : STORE_IDLE;
}

enum store_work collector_step(struct store *store)
{
    struct collector *collector = &store->collector;

    if (collector->victim != NO_BLOCK && block_at(store, collector->victim)->state != BLOCK_FULL)
        collector->victim = NO_BLOCK;
    return collector->victim == NO_BLOCK ? look(store) : collect(store);
}
