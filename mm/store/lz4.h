/*
 * LZ4 blocks for single pages (private to the codec). A block is a row of sequences: some literal bytes, then a match
 * that repeats earlier output.
 *
 *      token            literal length     literals    offset        match length
 *      +-------+-------++----------------+------------+-------------++-------------+
 *      | lits  | n - 4 || 255 255 .. x   | lits bytes | 2 bytes, LE || 255 .. x    |  ...  the last: literals only
 *      +-------+-------++----------------+------------+-------------++-------------+
 *       4 bits  4 bits    if lits >= 15                               if n - 4 >= 15
 *
 * The format asks of a writer that the last 5 bytes are literals and that no match starts in the last 12
 * ("LZ4 Block Format Description", lz4 project, 2022-07).
 *
 * An unaligned word costs ten instructions on the cores this is for, and most runs are shorter than eight bytes: so short
 * runs are copied and compared byte by byte, several bytes to a test, running over the run's end where both sides have
 * room. Only long runs are worth aligning.
 */
#ifndef MM_STORE_LZ4_H
#define MM_STORE_LZ4_H

#include <stddef.h>
#include <stdint.h>

#include "hal/cpu.h"

#define LZ4_MATCH_MIN        4u
#define LZ4_MATCH_TAIL       5u  /* bytes at the end that must be literals */
#define LZ4_MATCH_START_TAIL 12u /* no match starts this near the end */
#define LZ4_NIBBLE_MAX       15u /* a length in a token; this value says that more bytes follow */

/* No more than this may be written: LZ4 must save a sixteenth. */
#define LZ4_MAX_BYTES (PAGE_BYTES - PAGE_BYTES / 16)

/* Memory seen as words, whatever its declared type. */
typedef uint64_t __attribute__((may_alias)) word_t;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "shifts below take the first byte from the low end");

/* The word that holds this byte. Arithmetic on the pointer instead of the address would cost the hot paths 2 %. */
static inline const word_t *word_of(const uint8_t *at)
{
    return (const word_t *)((uintptr_t)at & ~(uintptr_t)7); /* NOLINT(performance-no-int-to-ptr) */
}

/* Byte after byte, first to last: right for any overlap with from < to. */
static inline void copy_4(uint8_t *to, const uint8_t *from)
{
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
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

/* One block from a page, 8-byte aligned. Returns its bytes, or 0 if they would be more than LZ4_MAX_BYTES. */
uint32_t lz4_compress(const uint8_t *page, uint8_t *out);

/* As codec_expand(). */
int lz4_expand(const uint8_t *in, uint32_t bytes, uint8_t *page) __attribute__((warn_unused_result));

#endif
