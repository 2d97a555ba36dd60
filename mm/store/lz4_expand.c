/*
 * From an LZ4 block to a page. The block may be hostile: every length and offset is checked before it is used.
 *
 * Two loops in one. While both sides are far from their ends, sequences whose lengths fit in the token are taken with
 * one test a side (take_short_sequences); any other sequence is taken alone, with all tests.
 */
#include "mm/store/lz4.h"

#include <errno.h>
#include <stdbool.h>

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

static inline void copy_8(uint8_t *to, const uint8_t *from)
{
    copy_4(to, from);
    copy_4(to + 4, from + 4);
}

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
        if (match == LZ4_NIBBLE_MAX || literals == LZ4_NIBBLE_MAX)
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
        match += LZ4_MATCH_MIN;
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

    if (nibble < LZ4_NIBBLE_MAX)
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

    size_t bytes = take_length(s, nibble) + LZ4_MATCH_MIN, to_room = (size_t)(s->to_end - s->to);
    if (bytes > to_room)
        return false;
    copy_run(s->to, s->to - offset, bytes, to_room - bytes >= LONG_ROOM_BYTES);
    s->to += bytes;
    return true;
}

int lz4_expand(const uint8_t *in, uint32_t bytes, uint8_t *page)
{
    struct stream s = { .in = in, .in_end = in + bytes };

    s.page = s.to = page;
    s.to_end = page + PAGE_BYTES;
    while (take_short_sequences(&s) && s.in < s.in_end) {
        size_t token = *s.in++;
        if (!take_literals(&s, token >> 4))
            break;
        if (s.in == s.in_end)
            return s.to == s.to_end ? 0 : -EILSEQ;
        if (!take_match(&s, token & 15))
            break;
    }
    return -EILSEQ;
}
