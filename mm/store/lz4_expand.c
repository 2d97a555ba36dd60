/*
 * From an LZ4 block to a page. The block may be hostile: every length and offset is checked before it is used.
 *
 * Two loops in one. While both sides are far from their ends, a sequence whose lengths fit in the token is taken with one
 * test a side (take_sequences), and longer runs with tests of their own; near an end each sequence is taken alone, with all
 * tests.
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

/* From here on, further bytes tell a match's length. */
#define LONG_MATCH_MIN (LZ4_NIBBLE_MAX + LZ4_MATCH_MIN)

/* A long run needs this much room beyond its end, to read and to write. */
#define LONG_ROOM_BYTES 24u

/* From here on, aligning pays. */
#define ALIGN_BYTES 24u

static inline void copy_8(uint8_t *to, const uint8_t *from)
{
    copy_4(to, from);
    copy_4(to + 4, from + 4);
}

/* The first bytes of a match, up to 16 or 20. Two at a time where most matches end. */
static inline void copy_short_match(uint8_t *to, const uint8_t *from, size_t bytes)
{
    copy_4(to, from);
    if (bytes <= 4)
        return;
    to[4] = from[4];
    to[5] = from[5];
    if (bytes <= 6)
        return;
    to[6] = from[6];
    to[7] = from[7];
    if (bytes <= 8)
        return;
    copy_4(to + 8, from + 8);
    if (bytes <= 12)
        return;
    copy_4(to + 12, from + 12);
    if (bytes > 16)
        copy_4(to + 16, from + 16);
}

/* Fills pairs of words from `to` until `end` is reached, from bytes at any address at least 8 before `to`. */
static void copy_words(word_t *to, const uint8_t *end, const uint8_t *from)
{
    const word_t *word = word_of(from);
    unsigned shift = (unsigned)((uintptr_t)from * 8) & 63;

    if (shift == 0) {
        do {
            to[0] = word[0];
            to[1] = word[1];
            to += 2;
            word += 2;
        } while ((const uint8_t *)to < end);
        return;
    }
    uint64_t low = *word;
    do {
        uint64_t middle = word[1];
        to[0] = low >> shift | middle << (64 - shift);
        low = word[2];
        to[1] = middle >> shift | low << (64 - shift);
        to += 2;
        word += 2;
    } while ((const uint8_t *)to < end);
}

/*
 * Goes on with a run, overlapping or not, of which 16 bytes stand, up to LONG_ROOM_BYTES beyond its end.
 *
 * A match nearer than a word repeats a pattern: any multiple of the pattern's length is as good a distance, and one of at
 * least 8 is taken.
 */
static void copy_aligned(uint8_t *to, const uint8_t *from, const uint8_t *end)
{
    size_t pattern = (uintptr_t)to - (uintptr_t)from, head = 16 - ((uintptr_t)to & 7);

    for (size_t distance = pattern; distance < 8; distance += pattern)
        from -= pattern;
    copy_words((word_t *)(to + head), end, from + head);
}

/* Copies a run, overlapping or not, and up to LONG_ROOM_BYTES more. */
static void copy_long(uint8_t *to, const uint8_t *from, size_t bytes)
{
    uint8_t *end = to + bytes;

    if (bytes >= ALIGN_BYTES) {
        copy_8(to, from);
        copy_8(to + 8, from + 8);
        copy_aligned(to, from, end);
        return;
    }
    do {
        copy_8(to, from);
        to += 8;
        from += 8;
    } while (to < end);
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

/* What the further bytes of a length add. If the input ends in it, what needs input next refuses. */
static inline size_t take_length(struct stream *s)
{
    size_t length = 0;
    uint8_t more = 255;

    while (more == 255 && s->in < s->in_end) {
        more = *s->in++;
        length += more;
    }
    return length;
}

/*
 * What a match has beyond the bytes that a token can tell, of which 16 stand: its length's further bytes, and the rest of the
 * match. Steps forward by what it is longer. False: it reaches beyond the page.
 */
static __attribute__((noinline)) bool take_long_match(struct stream *s, const uint8_t *from)
{
    size_t more = take_length(s), bytes = more + LONG_MATCH_MIN, room = (size_t)(s->to_end - s->to);

    if (bytes > room)
        return false;
    if (bytes >= ALIGN_BYTES && room - bytes >= LONG_ROOM_BYTES)
        copy_aligned(s->to, from, s->to + bytes);
    else
        copy_run(s->to + 16, from + 16, bytes - 16, room - bytes >= LONG_ROOM_BYTES);
    s->to += more;
    return true;
}

/* Literals whose number did not fit in the token: how many; 0: there is no room for a short match behind them. */
static __attribute__((noinline)) size_t take_long_literals(struct stream *s)
{
    size_t bytes = LZ4_NIBBLE_MAX + take_length(s);

    if ((size_t)(s->in_end - s->in) < bytes + LONG_ROOM_BYTES || (size_t)(s->to_end - s->to) < bytes + SHORT_OUT_BYTES)
        return 0;
    copy_long(s->to, s->in, bytes);
    return bytes;
}

/*
 * Takes sequences for as long as both sides have room. Returns false at a match that starts before the page, or reaches
 * beyond it. Longer than 45 lines, so that the loop's variables stay in registers.
 */
static inline bool take_sequences(struct stream *s)
{
    if (s->in_end - s->in < (ptrdiff_t)SHORT_IN_BYTES)
        return true;
    const uint8_t *in = s->in, *in_last = s->in_end - SHORT_IN_BYTES, *page = s->page;
    uint8_t *to = s->to, *to_last = s->to_end - SHORT_OUT_BYTES;

    while (in <= in_last && to <= to_last) {
        size_t literals = *in >> 4, match = (*in & 15) + LZ4_MATCH_MIN;

        if (literals) {
            if (__builtin_expect(literals == LZ4_NIBBLE_MAX, 0)) {
                s->in = in + 1;
                s->to = to;
                literals = take_long_literals(s);
                if (!literals)
                    break;
                in = s->in - 1;
            } else {
                copy_short_literals(to, in + 1, literals);
            }
            in += literals;
            to += literals;
        }
        size_t offset = in[1] | (size_t)in[2] << 8;
        in += 3;
        if ((uintptr_t)to - offset < (uintptr_t)page || offset == 0)
            return false;
        copy_short_match(to, to - offset, match);
        if (__builtin_expect(match == LONG_MATCH_MIN, 0)) {
            s->in = in;
            s->to = to;
            if (!take_long_match(s, to - offset))
                return false;
            in = s->in;
            to = s->to;
        }
        to += match;
    }
    s->in = in;
    s->to = to;
    return true;
}

static inline bool take_literals(struct stream *s, size_t nibble)
{
    size_t bytes = nibble == LZ4_NIBBLE_MAX ? nibble + take_length(s) : nibble;
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

    size_t bytes = nibble + LZ4_MATCH_MIN + (nibble == LZ4_NIBBLE_MAX ? take_length(s) : 0);
    size_t to_room = (size_t)(s->to_end - s->to);
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
    while (take_sequences(&s) && s.in < s.in_end) {
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
