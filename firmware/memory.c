/*
 * memcpy, memmove and memset in words. The C library's are loops over bytes (it was built for size), and these are on
 * the way of every system call that moves data.
 *
 * memcpy() between places of different alignment reads whole words of the source and shifts them together: at most the
 * bytes of a word that has bytes of the source are read, so never another page.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WORD       sizeof(uint64_t)
#define BLOCK      8u /* words at a time */
#define SMALL      16u
#define WORD_BITS  64u
#define BYTE_BITS  8u
#define EVERY_BYTE 0x0101010101010101ull

static inline size_t misalignment(const void *at)
{
    return (uintptr_t)at % WORD;
}

static inline void copy_bytes(uint8_t **to, const uint8_t **from, size_t count)
{
    for (const uint8_t *end = *from + count; *from != end;)
        *(*to)++ = *(*from)++;
}

/* Both aligned. */
static size_t copy_words(uint64_t *to, const uint64_t *from, size_t words)
{
    size_t blocks = words / BLOCK * BLOCK, i = 0;

    for (; i < blocks; i += BLOCK) {
        uint64_t a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];
        uint64_t e = from[i + 4], f = from[i + 5], g = from[i + 6], h = from[i + 7];

        to[i] = a, to[i + 1] = b, to[i + 2] = c, to[i + 3] = d;
        to[i + 4] = e, to[i + 5] = f, to[i + 6] = g, to[i + 7] = h;
    }
    for (; i < words; i++)
        to[i] = from[i];
    return words;
}

/* `to` is aligned, `from` is not. Little endian: the earlier byte is the lower one. */
static size_t merge_words(uint64_t *to, const uint8_t *from, size_t words)
{
    const uint64_t *aligned = (const uint64_t *)(const void *)(from - misalignment(from));
    unsigned low = (unsigned)misalignment(from) * BYTE_BITS, high = WORD_BITS - low;
    uint64_t here = aligned[0];

    for (size_t i = 0; i < words; i++) {
        uint64_t next = aligned[i + 1];

        to[i] = here >> low | next << high;
        here = next;
    }
    return words;
}

void *memcpy(void *restrict to_, const void *restrict from_, size_t bytes)
{
    const uint8_t *from = from_;
    uint8_t *to = to_;

    if (bytes >= SMALL) {
        size_t head = (WORD - misalignment(to)) % WORD, words = (bytes - head) / WORD;
        uint64_t *out;

        copy_bytes(&to, &from, head);
        out = (uint64_t *)(void *)to;
        if (misalignment(from))
            words = merge_words(out, from, words);
        else
            words = copy_words(out, (const uint64_t *)(const void *)from, words);
        to += words * WORD;
        from += words * WORD;
        bytes -= head + words * WORD;
    }
    copy_bytes(&to, &from, bytes);
    return to_;
}

/* Downwards only where the places overlap so; that is rare. */
void *memmove(void *to_, const void *from_, size_t bytes)
{
    const uint8_t *from = from_;
    uint8_t *to = to_;

    if ((uintptr_t)to - (uintptr_t)from >= bytes) {
        if ((uintptr_t)from - (uintptr_t)to >= bytes)
            return memcpy(to_, from_, bytes);
        copy_bytes(&to, &from, bytes);
        return to_;
    }
    while (bytes--)
        to[bytes] = from[bytes];
    return to_;
}

void *memset(void *to_, int value, size_t bytes)
{
    uint64_t word = (uint8_t)value * EVERY_BYTE;
    uint8_t *to = to_, *end = to + bytes;

    for (; to != end && misalignment(to); to++)
        *to = (uint8_t)value;
    for (; (size_t)(end - to) >= BLOCK * WORD; to += BLOCK * WORD) {
        uint64_t *out = (uint64_t *)(void *)to;

        out[0] = word, out[1] = word, out[2] = word, out[3] = word;
        out[4] = word, out[5] = word, out[6] = word, out[7] = word;
    }
    for (; (size_t)(end - to) >= WORD; to += WORD)
        *(uint64_t *)(void *)to = word;
    for (; to != end; to++)
        *to = (uint8_t)value;
    return to_;
}
