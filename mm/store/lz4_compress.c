/*
 * From a page to an LZ4 block: a finder of repetitions and a writer of sequences.
 *
 * Greedy, with a look at one position more. What makes it cheap:
 *  - The finder loads eight bytes once and takes four positions from them by shifting.
 *  - A table entry carries 20 bits of the bytes it speaks of: a wrong candidate is refused without a look at the page.
 *
 * Locking: one static table, guarded by the kernel lock.
 */
#include "mm/store/lz4.h"

#include <stdbool.h>

/* Eight bytes from any address, by two aligned loads: the word of the byte and the word behind it are read. */
static inline uint64_t load_8(const uint8_t *at)
{
    const word_t *word = word_of(at);
    unsigned shift = (unsigned)((uintptr_t)at * 8);

    return word[0] >> (shift & 63) | word[1] << 1 << (~shift & 63);
}

/* ---- The finder ----------------------------------------------------------------------------------------------- */

/*
 * Where four bytes were seen last, by a hash of them. Guarded by the kernel lock.
 *
 *       31                                12 11             0
 *      +------------------------------------+----------------+
 *      | tag: the low 20 bits of the bytes  | their position |
 *      +------------------------------------+----------------+
 *
 * All entries start as the claim about position 0, which is true of any slot: so there is no empty entry to tell from
 * a full one, and a candidate always lies before the position that asks.
 */
#define TABLE_BITS    11u
#define TABLE_ENTRIES (1u << TABLE_BITS)
static uint32_t table[TABLE_ENTRIES] __attribute__((aligned(8)));

#define TAG_SHIFT     PAGE_SHIFT
#define POSITION_MASK (PAGE_BYTES - 1)

/* Positions taken from one eight-byte window; the last has four bytes there, and one more remains to look ahead. */
#define WINDOW_POSITIONS 4u
#define FIND_END         (PAGE_BYTES - LZ4_MATCH_START_TAIL - WINDOW_POSITIONS + 1)

/* After 8 windows without a match, skip 1 byte between windows, after 16 skip 2, ...: gives up on noise quickly. */
#define SKIP_SHIFT 3u

/* A shorter match than this is held against the one that starts a byte later. */
#define GOOD_MATCH_BYTES 8u

/* A sequence beyond its literals: token, two lengths of up to 17 bytes, offset, 3 bytes that copy_4() runs over. */
#define SEQUENCE_MAX_BYTES (1u + 17 + 17 + 2 + 3)

struct finder {
    const uint8_t *page;
    size_t at;       /* this position ... */
    size_t from;     /* ... perhaps repeats this earlier one */
    uint64_t window; /* the bytes from `at` on, five at least */
};

static void table_reset(const uint8_t *page)
{
    uint64_t claim = (uint32_t)(*(const word_t *)page << TAG_SHIFT);
    word_t *pair = (word_t *)table;

    claim |= claim << 32;
    for (size_t i = 0; i < TABLE_ENTRIES / 2; i += 4) {
        pair[i] = claim;
        pair[i + 1] = claim;
        pair[i + 2] = claim;
        pair[i + 3] = claim;
    }
}

/* Enters `at` and returns the old entry XOR the new: the tag bits are zero if the old one may be a match. */
static inline uint64_t table_exchange(uint64_t window, size_t at)
{
    uint32_t *entry = &table[(uint32_t)window * 2654435761u >> (32 - TABLE_BITS)]; /* 2^32 / golden ratio */
    uint64_t now = window << TAG_SHIFT | at;
    uint64_t difference = *entry ^ now;

    *entry = (uint32_t)now;
    return difference;
}

static inline bool tags_equal(uint64_t difference)
{
    return (uint32_t)difference >> TAG_SHIFT == 0;
}

/* Given equal tags: bytes 0 and 1 and half of byte 2 are the same already. */
static inline bool same_4(const struct finder *f)
{
    const uint8_t *at = f->page + f->at, *from = f->page + f->from;

    return at[2] == from[2] && at[3] == from[3];
}

/* Moves `at` on to the next position whose tag was seen before, and sets `from`. */
static inline bool find_candidate(struct finder *f)
{
    for (size_t windows = 0; f->at < FIND_END; f->at += windows++ >> SKIP_SHIFT) {
        size_t end = f->at + WINDOW_POSITIONS;

        f->window = load_8(f->page + f->at);
        do {
            uint64_t difference = table_exchange(f->window, f->at);
            if (tags_equal(difference)) {
                f->from = (difference ^ f->at) & POSITION_MASK;
                return true;
            }
            f->window >>= 8;
        } while (++f->at < end);
    }
    return false;
}

/* How many of the low bytes of a word that is not zero are zero. The ISA counts no zeros before Zbb. */
static inline size_t zero_bytes(uint64_t x)
{
    size_t n = 0;

    if ((uint32_t)x == 0) {
        n += 4;
        x >>= 32;
    }
    if ((uint16_t)x == 0) {
        n += 2;
        x >>= 16;
    }
    return n + ((uint8_t)x == 0);
}

/* From `start` to `at`, or to `end` where that comes first. */
static inline size_t bytes_between(const uint8_t *start, const uint8_t *at, const uint8_t *end)
{
    return (size_t)((at < end ? at : end) - start);
}

/* The length of a match whose first four bytes are known to be the same. */
static inline size_t match_bytes(const struct finder *f)
{
    const uint8_t *start = f->page + f->at, *at = start + 7, *from = f->page + f->from + 7;
    const uint8_t *end = f->page + PAGE_BYTES - LZ4_MATCH_TAIL;

    if (at[-3] != from[-3])
        return 4;
    if (at[-2] != from[-2])
        return 5;
    if (at[-1] != from[-1])
        return 6;
    for (; at < end - 3; at += 8, from += 8) {
        uint64_t difference = load_8(at) ^ load_8(from);
        if (difference)
            return bytes_between(start, at + zero_bytes(difference), end);
    }
    while (at < end && *at == *from) {
        at++;
        from++;
    }
    return bytes_between(start, at, end);
}

/* Is there a longer match one byte later? Then moves there. Returns the length of the better one. */
static inline size_t look_ahead(struct finder *f, size_t bytes)
{
    struct finder next = { .page = f->page, .at = f->at + 1 };
    uint64_t difference = table_exchange(f->window >> 8, next.at);

    if (!tags_equal(difference))
        return bytes;
    next.from = (difference ^ next.at) & POSITION_MASK;
    if (next.page[next.at + bytes] != next.page[next.from + bytes] || !same_4(&next))
        return bytes;

    size_t next_bytes = match_bytes(&next);
    if (next_bytes <= bytes)
        return bytes;
    *f = next;
    return next_bytes;
}

/* What the finder skipped may still belong to the match. Returns its new length. */
static inline size_t extend_back(struct finder *f, size_t start, size_t bytes)
{
    while (f->at > start && f->from > 0 && f->page[f->at - 1] == f->page[f->from - 1]) {
        f->at--;
        f->from--;
        bytes++;
    }
    return bytes;
}

/* ---- The writer ----------------------------------------------------------------------------------------------- */

/* The part of a length that is beyond the token. */
static inline uint8_t *put_length(uint8_t *to, size_t length)
{
    for (; length >= 255; length -= 255)
        *to++ = 255;
    *to++ = (uint8_t)length;
    return to;
}

/* May read and write 3 bytes more: before the last sequence there is room. */
static inline void put_long_literals(uint8_t *to, const uint8_t *from, size_t bytes)
{
    for (uint8_t *end = to + bytes; to < end; to += 4, from += 4)
        copy_4(to, from);
}

static inline uint8_t *put_sequence(uint8_t *to, const uint8_t *literals, size_t literal_bytes, size_t offset,
                                    size_t bytes)
{
    uint8_t *token = to++;
    size_t lengths = literal_bytes << 4;

    if (literal_bytes >= LZ4_NIBBLE_MAX) {
        lengths = LZ4_NIBBLE_MAX << 4;
        to = put_length(to, literal_bytes - LZ4_NIBBLE_MAX);
        put_long_literals(to, literals, literal_bytes);
    } else if (literal_bytes) {
        copy_short_literals(to, literals, literal_bytes);
    }
    to += literal_bytes;
    to[0] = (uint8_t)offset;
    to[1] = (uint8_t)(offset >> 8);
    to += 2;

    bytes -= LZ4_MATCH_MIN;
    if (bytes < LZ4_NIBBLE_MAX) {
        lengths |= bytes;
    } else {
        lengths |= LZ4_NIBBLE_MAX;
        to = put_length(to, bytes - LZ4_NIBBLE_MAX);
    }
    *token = (uint8_t)lengths;
    return to;
}

static uint8_t *put_last_literals(uint8_t *to, const uint8_t *from, size_t bytes)
{
    if (bytes < LZ4_NIBBLE_MAX) {
        *to++ = (uint8_t)(bytes << 4);
    } else {
        *to++ = LZ4_NIBBLE_MAX << 4;
        to = put_length(to, bytes - LZ4_NIBBLE_MAX);
    }
    for (const uint8_t *end = from + bytes; from < end;)
        *to++ = *from++;
    return to;
}

uint32_t lz4_compress(const uint8_t *page, uint8_t *out)
{
    struct finder f = { .page = page, .at = 1 };
    uint8_t *to = out, *limit = out + LZ4_MAX_BYTES - SEQUENCE_MAX_BYTES;
    size_t literals = 0; /* from here to the finder, nothing is written yet */

    table_reset(page);
    while (find_candidate(&f)) {
        if (!same_4(&f)) {
            f.at++;
            continue;
        }
        size_t bytes = match_bytes(&f);
        if (bytes < GOOD_MATCH_BYTES)
            bytes = look_ahead(&f, bytes);
        bytes = extend_back(&f, literals, bytes);
        if (to + (f.at - literals) > limit)
            return 0;
        to = put_sequence(to, page + literals, f.at - literals, f.at - f.from, bytes);
        literals = f.at += bytes;
    }
    if (to + (PAGE_BYTES - literals) > limit)
        return 0;
    return (uint32_t)(put_last_literals(to, page + literals, PAGE_BYTES - literals) - out);
}
