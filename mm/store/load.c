/*
 * A page back from the log, and what protects it while it lies in the tail. The path of every fault that finds its page
 * there: built for speed, and small for that.
 *
 * The tail is RAM like any other, but a bit that turns in a compressed page is hundreds of wrong bytes. So each record has a
 * sum of its header's fields, in which each bit turns one, and one of its payload: its words are added up, and the two
 * halves of what comes out. One turned bit changes that sum by a power of two, or by one more: it is always noticed. Two
 * are, unless they stand at the same place of two words, or of their halves, and turn opposite ways. A payload is padded
 * to whole words with zeros for it.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/codec.h"
#include "mm/store/state.h"

#define WORD_BYTES     ((uint32_t)sizeof(uint64_t))
#define FIRST_ROOM     (FORMAT_PAGE - (uint32_t)sizeof(struct tail_record))
#define FRAME_ROOM     (FORMAT_PAGE - (uint32_t)sizeof(struct tail_frame))
#define AT_ONCE        16u /* words */
#define COPIED_AT_ONCE 8u

/* ---- Sums ---- */

static uint32_t fold(uint64_t sum)
{
    return (uint32_t)sum + (uint32_t)(sum >> 32);
}

static uint64_t add(const uint64_t *word, uint32_t words)
{
    const uint64_t *end = word + words, *end_of_rows = end - words % AT_ONCE;
    uint64_t sum = 0;

    for (; word != end_of_rows; word += AT_ONCE) {
        sum += word[0] + word[1] + word[2] + word[3] + word[4] + word[5] + word[6] + word[7];
        sum += word[8] + word[9] + word[10] + word[11] + word[12] + word[13] + word[14] + word[15];
    }
    for (; word != end; word++)
        sum += *word;
    return sum;
}

static inline uint64_t row_copy(uint64_t *to, const uint64_t *from)
{
    uint64_t a = from[0], b = from[1], c = from[2], d = from[3], e = from[4], f = from[5], g = from[6], h = from[7];

    to[0] = a, to[1] = b, to[2] = c, to[3] = d, to[4] = e, to[5] = f, to[6] = g, to[7] = h;
    return a + b + c + d + e + f + g + h;
}

/* The same, and copies them. */
static uint64_t add_copy(uint64_t *to, const uint64_t *from, uint32_t words)
{
    const uint64_t *end = from + words, *end_of_rows = end - words % COPIED_AT_ONCE;
    uint64_t sum = 0;

    for (; from != end_of_rows; from += COPIED_AT_ONCE, to += COPIED_AT_ONCE)
        sum += row_copy(to, from);
    for (; from != end; sum += *from++)
        *to++ = *from;
    return sum;
}

void tail_protect(struct tail_record *record, uint8_t *payload)
{
    uint32_t words = tail_padded(record->length) / WORD_BYTES;

    memset(payload + record->length, 0, words * WORD_BYTES - record->length);
    record->head = tail_head_sum(record);
    record->sum = fold(add((const uint64_t *)payload, words));
}

/* ---- From the tail ---- */

const struct tail_record *tail_find(const struct store *store, uint32_t place, slot_t slot)
{
    const struct tail *tail = &store->tail;
    uint32_t number = place / TAIL_UNITS_PER_FRAME;
    const struct tail_frame *frame;
    const struct tail_record *record;

    if (((number - tail->oldest) & TAIL_PLACE_FRAMES) > tail->end.frame - tail->oldest)
        return NULL;
    frame = *tail_frame_slot(tail, number);
    if (!frame)
        return NULL;
    record = (const struct tail_record *)((const uint64_t *)frame + place % TAIL_UNITS_PER_FRAME);
    return record->slot == slot && record->head == tail_head_sum(record) ? record : NULL;
}

/*
 * Of a payload that goes on in the next frame: the sum, and the whole of it in `into`. False: that frame is gone, as behind a
 * place in which a bit has turned.
 */
static bool gather(const struct tail *tail, uint32_t number, const void *from, uint32_t room, uint32_t left,
                   uint8_t *to, uint64_t *sum)
{
    for (*sum = 0; left > room; room = FRAME_ROOM) {
        const struct tail_frame *frame = *tail_frame_slot(tail, ++number);

        if (!frame)
            return false;
        *sum += add_copy((uint64_t *)to, from, room / WORD_BYTES);
        to += room;
        left -= room;
        from = frame + 1;
    }
    *sum += add_copy((uint64_t *)to, from, left / WORD_BYTES);
    return true;
}

const void *tail_payload(const struct store *store, uint32_t place, void *into)
{
    const struct tail_record *record = tail_at(store, place);
    uint32_t bytes = tail_padded(record->length), room = FIRST_ROOM - place % TAIL_UNITS_PER_FRAME * WORD_BYTES;
    const void *payload = record + 1;
    uint64_t sum;

    if (bytes > FORMAT_PAGE)
        return NULL;
    if (bytes <= room) {
        sum = add(payload, bytes / WORD_BYTES);
    } else {
        if (!gather(&store->tail, place / TAIL_UNITS_PER_FRAME, payload, room, bytes, into, &sum))
            return NULL;
        payload = into;
    }
    return fold(sum) == record->sum ? payload : NULL;
}

static inline int load_tail(struct store *store, slot_t slot, uint32_t place, store_key_t key, void *page)
{
    const struct tail_record *record = tail_find(store, place, slot);
    const void *payload;

    if (!record || record->key != key || (key && !key_entry_find(store, key)))
        return -EIO;
    payload = tail_payload(store, place, store->bounce);
    if (!payload)
        return -EIO;
    return codec_expand((enum codec_method)record->method, payload, record->length, page) ? -EIO : 0;
}

/* ---- From wherever it is ---- */

int slot_load(struct store *store, slot_t slot, store_key_t key, void *page)
{
    const struct slot_entry *entry = slot_held(store, slot);
    enum slot_place where = slot_place_of(entry);
    int error;

    if (where == PLACE_LOST)
        return -EIO;
    error = where == PLACE_TAIL ? load_tail(store, slot, entry->place, key, page)
                                : swap_read(store, slot, entry, key, page);
    if (error) {
        store->statistics.bad_records += error == -EIO;
        return error;
    }
    if (where == PLACE_TAIL) {
        store->statistics.tail_loads++;
        return SLOT_TAIL;
    }
    store->statistics.flash_loads++;
    return SLOT_FLASH;
}
