/*
 * The tail: the newest part of the log, in frames.
 *
 *      oldest          scan                         end
 *   | dead | live dead | live live | gone | live live |
 *      frame             records may cross frames      -> slot_save() appends here
 *      given back when its last record dies
 *
 * A place in the tail is a frame's number and an offset in units of 8 bytes; numbers go on for ever and are folded onto
 * the ring, which has room for frames that are gone.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/codec.h"
#include "mm/store/state.h"

#define FRAME_HEADER      ((uint32_t)sizeof(struct tail_frame))
#define RECORD_HEADER     ((uint32_t)sizeof(struct tail_record))
#define FRAME_ROOM        (FORMAT_PAGE - FRAME_HEADER)
#define FRAMES_PER_RECORD 2u  /* at most, behind the frame that the tail ends in */
#define COMPACTION_FRAMES 2u  /* left to the moving of old records, so that it can always begin */
#define RING_SPARE        32u /* numbers kept for the moving of records that make the tail too long */
#define COMPACT_BOUND     64u /* records moved for one save while flash is there to help */

_Static_assert(sizeof(struct tail_frame) == 8 && sizeof(struct tail_record) == 16, "tail layout");

uint32_t tail_units(uint32_t length)
{
    return (RECORD_HEADER + tail_padded(length)) / 8;
}

static uint32_t to_place(struct cursor at)
{
    return at.frame * TAIL_UNITS_PER_FRAME + at.offset / 8;
}

static struct cursor to_cursor(uint32_t place)
{
    return (struct cursor){ place / TAIL_UNITS_PER_FRAME, place % TAIL_UNITS_PER_FRAME * 8 };
}

int tail_init(struct store *store)
{
    struct tail *tail = &store->tail;

    if (store->config.tail_pages < STORE_TAIL_LEAST)
        return -EINVAL;
    tail->pages_max = store->config.tail_pages;
    if (tail->pages_max > TAIL_DIRECTORIES * PAGE_POINTERS / 2)
        tail->pages_max = TAIL_DIRECTORIES * PAGE_POINTERS / 2;
    tail->ring_frames = PAGE_POINTERS;
    while (tail->ring_frames < 2 * tail->pages_max)
        tail->ring_frames *= 2;
    tail->high = tail->pages_max - (tail->pages_max / 8 > 4 ? tail->pages_max / 8 : 4);
    tail->end = (struct cursor){ 0, FORMAT_PAGE };
    for (uint32_t i = 0; i < tail->ring_frames / PAGE_POINTERS; i++) {
        tail->ring[i] = page_get(store);
        if (!tail->ring[i])
            return -ENOMEM;
    }
    return 0;
}

void tail_free(struct store *store)
{
    struct tail *tail = &store->tail;

    for (uint32_t i = 0; i < TAIL_DIRECTORIES && tail->ring[i]; i++) {
        for (uint32_t j = 0; j < PAGE_POINTERS; j++)
            page_put(store, tail->ring[i][j]);
        page_put(store, tail->ring[i]);
        tail->ring[i] = NULL;
    }
}

/* ---- Frames ---- */

static void skip_gone(struct tail *tail)
{
    while (tail->oldest != tail->end.frame && !*tail_frame_slot(tail, tail->oldest))
        tail->oldest++;
}

static void frame_release(struct store *store, uint32_t frame)
{
    struct tail *tail = &store->tail;
    struct tail_frame **slot = tail_frame_slot(tail, frame);

    page_put(store, *slot);
    *slot = NULL;
    tail->pages--;
    skip_gone(tail);
}

/* Frames behind the end, for a record that needs `count` more. */
static int frames_add(struct store *store, uint32_t count)
{
    struct tail *tail = &store->tail;

    if (tail->pages + count > tail->pages_max || tail->end.frame + count + 1 - tail->oldest > tail->ring_frames)
        return -EAGAIN;
    for (uint32_t i = 1; i <= count; i++) {
        struct tail_frame *frame = page_get(store);

        if (!frame) {
            while (--i > 0)
                frame_release(store, tail->end.frame + i);
            return -ENOMEM;
        }
        *tail_frame_slot(tail, tail->end.frame + i) = frame;
        tail->pages++;
    }
    return 0;
}

static void frame_enter(struct store *store)
{
    struct tail *tail = &store->tail;
    uint32_t left = tail->end.frame;

    tail->end = (struct cursor){ left + 1, FRAME_HEADER };
    if (*tail_frame_slot(tail, left) && !(*tail_frame_slot(tail, left))->live)
        frame_release(store, left);
    skip_gone(tail);
}

static void put_bytes(struct store *store, const uint8_t *from, uint32_t bytes)
{
    struct tail *tail = &store->tail;

    while (bytes) {
        uint32_t part = FORMAT_PAGE - tail->end.offset;

        if (!part) {
            frame_enter(store);
            (*tail_frame_slot(tail, tail->end.frame))->live++;
            continue;
        }
        if (part > bytes)
            part = bytes;
        memcpy((uint8_t *)*tail_frame_slot(tail, tail->end.frame) + tail->end.offset, from, part);
        tail->end.offset += part;
        from += part;
        bytes -= part;
    }
}

int tail_append(struct store *store, const struct tail_record *record, const void *payload, uint32_t *place)
{
    struct tail *tail = &store->tail;
    uint32_t need = tail_units(record->length) * 8;
    uint32_t room = FORMAT_PAGE - tail->end.offset;
    struct tail_frame *frame;
    int error = 0;

    if (room < RECORD_HEADER)
        room = 0;
    if (need > room)
        error = frames_add(store, (need - room + FRAME_ROOM - 1) / FRAME_ROOM);
    if (error)
        return error;
    if (!room)
        frame_enter(store);
    frame = *tail_frame_slot(tail, tail->end.frame);
    frame->live++;
    if (!frame->first)
        frame->first = (uint16_t)tail->end.offset;
    *place = to_place(tail->end);
    put_bytes(store, (const uint8_t *)record, RECORD_HEADER);
    put_bytes(store, payload, tail_padded(record->length));
    tail->records++;
    tail->bytes += need;
    if (tail->pages * FORMAT_PAGE > store->statistics.tail_peak_bytes)
        store->statistics.tail_peak_bytes = tail->pages * FORMAT_PAGE;
    return 0;
}

/* ---- Records ---- */

/* NULL: it is not one of the tail's, or not any more. `frame` as a place keeps it. */
static struct tail_frame *frame_find(const struct tail *tail, uint32_t frame)
{
    return ((frame - tail->oldest) & TAIL_PLACE_FRAMES) > tail->end.frame - tail->oldest
               ? NULL
               : *tail_frame_slot(tail, frame);
}

const struct tail_record *tail_at(const struct store *store, uint32_t place)
{
    struct cursor at = to_cursor(place);

    return (const struct tail_record *)((const uint8_t *)*tail_frame_slot(&store->tail, at.frame) + at.offset);
}

uint8_t *tail_locate(const struct store *store, uint32_t place, uint32_t *bytes)
{
    struct cursor at = to_cursor(place);
    uint32_t all = RECORD_HEADER + tail_at(store, place)->length;

    *bytes = FORMAT_PAGE - at.offset < all ? FORMAT_PAGE - at.offset : all;
    return (uint8_t *)*tail_frame_slot(&store->tail, at.frame) + at.offset;
}

/* Where the record at `at` ends: always in the frame of its last byte. */
static struct cursor record_end(struct cursor at, uint32_t units)
{
    uint32_t left = 8 * units;

    while (left > FORMAT_PAGE - at.offset) {
        left -= FORMAT_PAGE - at.offset;
        at = (struct cursor){ at.frame + 1, FRAME_HEADER };
    }
    at.offset += left;
    return at;
}

/* Bits of the slot that says so may have turned: no frame is taken for one that is not there. */
void tail_died(struct store *store, uint32_t place, uint32_t units)
{
    struct tail *tail = &store->tail;
    struct cursor at = to_cursor(place);
    uint32_t last = record_end(at, units).frame;

    tail->records--;
    tail->bytes -= 8 * units;
    for (uint32_t frame = at.frame; frame <= last; frame++) {
        struct tail_frame *touched = frame_find(tail, frame);

        if (touched && touched->live && !--touched->live && touched != *tail_frame_slot(tail, tail->end.frame))
            frame_release(store, frame);
    }
}

/* ---- From the oldest to the newest ---- */

/* To the next record at or after `at`; false: there is none before the end. */
static bool seek(const struct tail *tail, struct cursor *at)
{
    while (at->frame - tail->oldest <= tail->end.frame - tail->oldest) {
        const struct tail_frame *frame = *tail_frame_slot(tail, at->frame);

        if (frame && !at->offset)
            at->offset = frame->first;
        if (at->frame == tail->end.frame && at->offset >= tail->end.offset)
            return false;
        if (frame && at->offset && FORMAT_PAGE - at->offset >= RECORD_HEADER)
            return true;
        *at = (struct cursor){ at->frame + 1, 0 };
    }
    return false;
}

/* To what lies behind a damaged header: its slot, which loses it, knows where; or else the first one that has a slot. */
static void pass_damaged(struct store *store)
{
    struct cursor *scan = &store->tail.scan;
    uint32_t place = to_place(*scan), end = (place | (TAIL_UNITS_PER_FRAME - 1)) + 1, next;
    slot_t slot = 0;

    if (!slot_next_in(store, PLACE_TAIL, place, end, &next, &slot)) {
        *scan = (struct cursor){ scan->frame + 1, 0 };
    } else if (next != place) {
        scan->offset += 8 * (next - place);
    } else {
        *scan = record_end(*scan, slot_units(slot_at(store, slot)));
        slot_lose(store, slot);
    }
}

bool tail_oldest(struct store *store, uint32_t *place)
{
    struct tail *tail = &store->tail;

    if (!tail->records)
        return false;
    if (tail->scan.frame - tail->oldest > tail->end.frame - tail->oldest)
        tail_rewind(store);
    while (seek(tail, &tail->scan)) {
        const struct tail_record *record = tail_at(store, to_place(tail->scan));
        struct cursor found = tail->scan;

        if (record->head != tail_head_sum(record)) {
            pass_damaged(store);
            continue;
        }
        tail->scan = record_end(found, tail_units(record->length));
        if (slot_is_at(store, record->slot, PLACE_TAIL, to_place(found))) {
            *place = to_place(found);
            return true;
        }
    }
    return false;
}

void tail_rewind(struct store *store)
{
    store->tail.scan = (struct cursor){ store->tail.oldest, 0 };
}

bool tail_thin(const struct store *store)
{
    return (uint64_t)store->tail.bytes * 4 < (uint64_t)store->tail.pages * FRAME_ROOM * 3;
}

/*
 * A few old records have made the tail so long that its numbers run out, though not its frames: they are moved first.
 */
static bool ring_long(const struct tail *tail)
{
    return tail->end.frame + RING_SPARE - tail->oldest > tail->ring_frames;
}

bool tail_compact(struct store *store)
{
    struct tail_record record;
    struct cursor before;
    const void *payload;
    uint32_t from, to;

    if (ring_long(&store->tail))
        tail_rewind(store);
    before = store->tail.scan;
    if (!tail_oldest(store, &from)) {
        tail_rewind(store);
        return false;
    }
    record = *tail_at(store, from);
    payload = tail_payload(store, from, store->bounce);
    if (!payload) {
        slot_lose(store, record.slot);
        return true;
    }
    if (tail_append(store, &record, payload, &to)) {
        store->tail.scan = before;
        return false;
    }
    slot_move(store, record.slot, PLACE_TAIL, to, tail_units(record.length));
    return true;
}

static bool roomy(const struct tail *tail)
{
    return tail->pages + FRAMES_PER_RECORD + COMPACTION_FRAMES <= tail->pages_max && !ring_long(tail);
}

/*
 * Room for a record of any length. What is thinly alive is moved together, and so is a tail that a few old records have
 * made too long; otherwise, where flash writes back, that is waited for. Where nothing does, waiting would not help.
 */
int tail_make_room(struct store *store, bool writes_back)
{
    struct tail *tail = &store->tail;
    uint32_t bound = writes_back ? COMPACT_BOUND : 2 * tail->records + 1;

    if (roomy(tail))
        return 0;
    while (!roomy(tail) && bound-- > 0 && (!writes_back || ring_long(tail) || tail_thin(store)))
        (void)tail_compact(store);
    if (roomy(tail))
        return 0;
    return writes_back ? -EAGAIN : -ENOMEM;
}

/* When the declared life is used up, pages stay here as long as they fit. */
bool tail_above_mark(const struct store *store)
{
    const struct tail *tail = &store->tail;

    if (tail->pinched && tail->records)
        return true;
    return life_left(store) ? tail->pages > tail->high : !roomy(tail);
}

/* What fits however badly it compresses: a frame's room is lost at each end of the ring, and compaction has its own. */
uint32_t tail_capacity_pages(const struct store *store)
{
    return (uint32_t)((uint64_t)(store->tail.pages_max - COMPACTION_FRAMES - 3) * FRAME_ROOM /
                      (RECORD_HEADER + FORMAT_PAGE));
}

const char *tail_check(const struct store *store)
{
    const struct tail *tail = &store->tail;
    uint32_t pages = 0;

    for (uint32_t i = 0; i < tail->ring_frames; i++) {
        const struct tail_frame *frame = tail->ring[i / PAGE_POINTERS][i % PAGE_POINTERS];

        pages += frame != NULL;
        if (frame && !frame->live && *tail_frame_slot(tail, tail->end.frame) != frame)
            return "1: a frame of the tail without a live record is given back";
    }
    return pages == tail->pages ? NULL : "1: the tail's frames are counted";
}
