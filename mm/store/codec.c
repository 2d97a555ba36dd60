/*
 * LZ4 blocks for single pages. A block is a row of sequences: some literal bytes, then a match that repeats earlier
 * output.
 *
 *      token            literal length     literals   offset       match length
 *      +-------+-------++----------------+-----------+-------------+---------------+
 *      | lits  | n - 4 || 255 255 .. x   | lits bytes| 2 bytes, LE | 255 .. x      |   ... the last has literals only
 *      +-------+-------++----------------+-----------+-------------+---------------+
 *        4 bit   4 bit    if lits >= 15                              if n - 4 >= 15
 *
 * The format asks of a writer that the last 5 bytes are literals and that no match starts in the last 12.
 *
 * What makes it fast where an unaligned word costs ten instructions:
 *  - The finder reads eight bytes once and takes four positions from them by shifting.
 *  - A table entry carries 20 bits of the bytes it speaks of, so a wrong candidate is refused without a look at them.
 *  - Most runs are shorter than eight bytes: they are copied and compared byte by byte, in steps of four without a
 *    test, running over the run's end where both sides have room. Only long runs are worth aligning.
 */
#include "mm/store/codec.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "hal/cpu.h"
#include "mm/assert.h"

#define MATCH_MIN        4u
#define MATCH_TAIL       5u  /* bytes at the end that must be literals */
#define MATCH_START_TAIL 12u /* no match starts this near the end */
#define NIBBLE_MAX       15u /* a length in a token; this value says that more bytes follow */

#define PAGE_WORDS (PAGE_BYTES / 8)

/* Memory seen as words, whatever its declared type. */
typedef uint64_t __attribute__((may_alias)) word_t;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "shifts below take the first byte from the low end");

/* The word that holds this byte. Arithmetic on the pointer instead of the address would cost the hot paths 2 %. */
static inline const word_t *word_of(const uint8_t *at)
{
    return (const word_t *)((uintptr_t)at & ~(uintptr_t)7); /* NOLINT(performance-no-int-to-ptr) */
}

/* Eight bytes from any address, by two aligned loads: the word of the byte and the word behind it are read. */
static inline uint64_t load_8(const uint8_t *at)
{
    const word_t *word = word_of(at);
    unsigned shift = (unsigned)((uintptr_t)at * 8);

    return word[0] >> (shift & 63) | word[1] << 1 << (~shift & 63);
}

/* Byte after byte, first to last: right for any overlap with from < to. */
static inline void copy_4(uint8_t *to, const uint8_t *from)
{
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
}

static inline void copy_8(uint8_t *to, const uint8_t *from)
{
    copy_4(to, from);
    copy_4(to + 4, from + 4);
}

/* Up to 14 bytes, rounded up to whole steps of 2 or 4; the common one or two cost least. */
static inline void copy_short_literals(uint8_t *to, const uint8_t *from, size_t bytes)
{
    to[0] = from[0];
    to[1] = from[1];
    if (bytes <= 2)
        return;
    to[2] = from[2];
    to[3] = from[3];
    if (bytes <= 4)
        return;
    copy_4(to + 4, from + 4);
    if (bytes <= 8)
        return;
    copy_4(to + 8, from + 8);
    if (bytes > 12) {
        to[12] = from[12];
        to[13] = from[13];
    }
}

static void copy_page(word_t *to, const word_t *from)
{
    for (size_t i = 0; i < PAGE_WORDS; i += 4) {
        to[i] = from[i];
        to[i + 1] = from[i + 1];
        to[i + 2] = from[i + 2];
        to[i + 3] = from[i + 3];
    }
}

/* ---- Compression: the finder ---------------------------------------------------------------------------------- */

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
#define FIND_END         (PAGE_BYTES - MATCH_START_TAIL - WINDOW_POSITIONS)

/* After 8 windows without a match, skip 1 byte between windows, after 16 skip 2, ...: gives up on noise quickly. */
#define SKIP_SHIFT 3u

/* A shorter match than this is held against the one that starts a byte later. */
#define GOOD_MATCH_BYTES 8u

/* No more than this may be written: LZ4 must save a sixteenth. */
#define LZ4_MAX_BYTES (PAGE_BYTES - PAGE_BYTES / 16)

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
    const uint8_t *end = f->page + PAGE_BYTES - MATCH_TAIL;

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

/* ---- Compression: the writer ---------------------------------------------------------------------------------- */

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

    if (literal_bytes >= NIBBLE_MAX) {
        lengths = NIBBLE_MAX << 4;
        to = put_length(to, literal_bytes - NIBBLE_MAX);
        put_long_literals(to, literals, literal_bytes);
    } else if (literal_bytes) {
        copy_short_literals(to, literals, literal_bytes);
    }
    to += literal_bytes;
    to[0] = (uint8_t)offset;
    to[1] = (uint8_t)(offset >> 8);
    to += 2;

    bytes -= MATCH_MIN;
    if (bytes < NIBBLE_MAX) {
        lengths |= bytes;
    } else {
        lengths |= NIBBLE_MAX;
        to = put_length(to, bytes - NIBBLE_MAX);
    }
    *token = (uint8_t)lengths;
    return to;
}

static uint8_t *put_last_literals(uint8_t *to, const uint8_t *from, size_t bytes)
{
    if (bytes < NIBBLE_MAX) {
        *to++ = (uint8_t)(bytes << 4);
    } else {
        *to++ = NIBBLE_MAX << 4;
        to = put_length(to, bytes - NIBBLE_MAX);
    }
    for (const uint8_t *end = from + bytes; from < end;)
        *to++ = *from++;
    return to;
}

/* One LZ4 block. Returns its bytes, or 0 if it would be longer than LZ4_MAX_BYTES. */
static uint32_t lz4_compress(const uint8_t *page, uint8_t *out)
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

static bool is_fill(const word_t *page)
{
    size_t i = 1;

    while (i < PAGE_WORDS && page[i] == page[0])
        i++;
    return i == PAGE_WORDS;
}

uint32_t codec_compress(const void *page, void *out, enum codec_method *method)
{
    ASSERT((uintptr_t)page % 8 == 0 && (uintptr_t)out % 8 == 0);

    if (is_fill(page)) {
        *(word_t *)out = *(const word_t *)page;
        *method = CODEC_FILL;
        return 8;
    }
    uint32_t bytes = lz4_compress(page, out);
    if (bytes) {
        *method = CODEC_LZ4;
        return bytes;
    }
    copy_page(out, page);
    *method = CODEC_RAW;
    return PAGE_BYTES;
}

/* ---- Expansion ------------------------------------------------------------------------------------------------ */

struct stream {
    const uint8_t *in, *in_end; /* what is left to read */
    uint8_t *to, *to_end;       /* what is left to write */
    uint8_t *page;
};

/*
 * A short sequence has both lengths in its token: at most 14 literals and a match of 18. Copied in steps of 4, it
 * reads and writes at most this much, so one test each side is enough for all of it.
 */
#define SHORT_IN_BYTES  (1u + 14 + 2)
#define SHORT_OUT_BYTES (14u + 20)

/* A long run needs this much room beyond its end, to read and to write. */
#define LONG_ROOM_BYTES 16u

/* From here on, aligning pays. */
#define ALIGN_BYTES 24u

static inline void copy_short_match(uint8_t *to, const uint8_t *from, size_t bytes)
{
    copy_4(to, from);
    if (bytes <= 4)
        return;
    copy_4(to + 4, from + 4);
    if (bytes <= 8)
        return;
    copy_4(to + 8, from + 8);
    if (bytes <= 12)
        return;
    copy_4(to + 12, from + 12);
    if (bytes > 16)
        copy_4(to + 16, from + 16);
}

/* Fills whole words from `to` until `end` is reached, from bytes at any address at least 8 before `to`. */
static void copy_words(word_t *to, const uint8_t *end, const uint8_t *from)
{
    const word_t *word = word_of(from);
    unsigned shift = (unsigned)((uintptr_t)from * 8) & 63;

    if (shift == 0) {
        do
            *to++ = *word++;
        while ((const uint8_t *)to < end);
        return;
    }
    uint64_t low = *word++;
    do {
        uint64_t high = *word++;
        *to++ = low >> shift | high << (64 - shift);
        low = high;
    } while ((const uint8_t *)to < end);
}

/*
 * Copies a run, overlapping or not, and up to LONG_ROOM_BYTES more.
 *
 * A match nearer than a word repeats a pattern: once 16 bytes of it stand, any multiple of the pattern's length is as
 * good a distance, and one of at least 8 is taken.
 */
static void copy_long(uint8_t *to, const uint8_t *from, size_t bytes)
{
    uint8_t *end = to + bytes;

    if (bytes < ALIGN_BYTES) {
        do {
            copy_8(to, from);
            to += 8;
            from += 8;
        } while (to < end);
        return;
    }
    size_t pattern = (uintptr_t)to - (uintptr_t)from, head = 16 - ((uintptr_t)to & 7);
    copy_8(to, from);
    copy_8(to + 8, from + 8);
    to += head;
    from += head;
    for (size_t distance = pattern; distance < 8; distance += pattern)
        from -= pattern;
    copy_words((word_t *)to, end, from);
}

static inline void copy_run(uint8_t *to, const uint8_t *from, size_t bytes, bool has_room)
{
    if (has_room && bytes) {
        copy_long(to, from, bytes);
        return;
    }
    for (uint8_t *end = to + bytes; to < end;)
        *to++ = *from++;
}

/* Takes short sequences for as long as both sides have room. Returns false at a match that starts before the page. */
static inline bool take_short_sequences(struct stream *s)
{
    if (s->in_end - s->in < (ptrdiff_t)SHORT_IN_BYTES)
        return true;
    const uint8_t *in = s->in, *in_last = s->in_end - SHORT_IN_BYTES;
    uint8_t *to = s->to, *to_last = s->to_end - SHORT_OUT_BYTES, *page = s->page;

    while (in <= in_last && to <= to_last) {
        size_t literals = *in >> 4, match = *in & 15;
        if (match == NIBBLE_MAX || literals == NIBBLE_MAX)
            break;
        in++;
        if (literals) {
            copy_short_literals(to, in, literals);
            in += literals;
            to += literals;
        }
        size_t offset = in[0] | (size_t)in[1] << 8;
        in += 2;
        if (offset - 1 >= (size_t)(to - page))
            return false;
        match += MATCH_MIN;
        copy_short_match(to, to - offset, match);
        to += match;
    }
    s->in = in;
    s->to = to;
    return true;
}

/* A length that starts with `nibble`. If the input ends in it, what needs input next refuses. */
static inline size_t take_length(struct stream *s, size_t nibble)
{
    size_t length = nibble;
    uint8_t more = 255;

    if (nibble < NIBBLE_MAX)
        return nibble;
    while (more == 255 && s->in < s->in_end) {
        more = *s->in++;
        length += more;
    }
    return length;
}

static inline bool take_literals(struct stream *s, size_t nibble)
{
    size_t bytes = take_length(s, nibble);
    size_t in_room = (size_t)(s->in_end - s->in), to_room = (size_t)(s->to_end - s->to);

    if (bytes > in_room || bytes > to_room)
        return false;
    copy_run(s->to, s->in, bytes, in_room - bytes >= LONG_ROOM_BYTES && to_room - bytes >= LONG_ROOM_BYTES);
    s->in += bytes;
    s->to += bytes;
    return true;
}

static inline bool take_match(struct stream *s, size_t nibble)
{
    if (s->in_end - s->in < 2)
        return false;
    size_t offset = s->in[0] | (size_t)s->in[1] << 8;
    s->in += 2;
    if (offset - 1 >= (size_t)(s->to - s->page))
        return false;

    size_t bytes = take_length(s, nibble) + MATCH_MIN, to_room = (size_t)(s->to_end - s->to);
    if (bytes > to_room)
        return false;
    copy_run(s->to, s->to - offset, bytes, to_room - bytes >= LONG_ROOM_BYTES);
    s->to += bytes;
    return true;
}

static int lz4_expand(struct stream *s)
{
    while (take_short_sequences(s) && s->in < s->in_end) {
        size_t token = *s->in++;
        if (!take_literals(s, token >> 4))
            break;
        if (s->in == s->in_end)
            return s->to == s->to_end ? 0 : -EILSEQ;
        if (!take_match(s, token & 15))
            break;
    }
    return -EILSEQ;
}

static int fill_expand(word_t pattern, word_t *page)
{
    for (size_t i = 0; i < PAGE_WORDS; i += 4) {
        page[i] = pattern;
        page[i + 1] = pattern;
        page[i + 2] = pattern;
        page[i + 3] = pattern;
    }
    return 0;
}

int codec_expand(enum codec_method method, const void *in, uint32_t bytes, void *page)
{
    ASSERT((uintptr_t)in % 8 == 0 && (uintptr_t)page % 8 == 0);

    if (method == CODEC_LZ4) {
        uint8_t *to = page;
        return lz4_expand(&(struct stream){ in, (const uint8_t *)in + bytes, to, to + PAGE_BYTES, to });
    }
    if (method == CODEC_FILL && bytes == sizeof(word_t))
        return fill_expand(*(const word_t *)in, page);
    if (method == CODEC_RAW && bytes == PAGE_BYTES) {
        copy_page(page, in);
        return 0;
    }
    return -EILSEQ;
}
