/*
 * Which method a page takes, and the two methods that need no algorithm. Sequences and matches: mm/store/lz4.h.
 */
#include "mm/store/codec.h"

#include <errno.h>
#include <stdbool.h>

#include "mm/assert.h"
#include "mm/store/lz4.h"

#define PAGE_WORDS (PAGE_BYTES / 8)

static void copy_page(word_t *to, const word_t *from)
{
    for (size_t i = 0; i < PAGE_WORDS; i += 4) {
        to[i] = from[i];
        to[i + 1] = from[i + 1];
        to[i + 2] = from[i + 2];
        to[i + 3] = from[i + 3];
    }
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

    if (method == CODEC_LZ4)
        return lz4_expand(in, bytes, page);
    if (method == CODEC_FILL && bytes == sizeof(word_t))
        return fill_expand(*(const word_t *)in, page);
    if (method == CODEC_RAW && bytes == PAGE_BYTES) {
        copy_page(page, in);
        return 0;
    }
    return -EILSEQ;
}

/* The words of `bytes` bytes, the last one whole. */
static word_t add(const word_t *word, uint32_t bytes)
{
    const word_t *end = word + (bytes + sizeof(word_t) - 1) / sizeof(word_t), *end_of_eights = word + bytes / 64 * 8;
    word_t sum = 0;

    for (; word != end_of_eights; word += 8)
        sum += word[0] + word[1] + word[2] + word[3] + word[4] + word[5] + word[6] + word[7];
    for (; word < end; word++)
        sum += *word;
    return sum;
}

uint32_t codec_sum_of(uint64_t words, const void *payload, uint32_t bytes)
{
    uint32_t rest = bytes % sizeof(word_t);

    if (rest) {
        word_t last = ((const word_t *)payload)[bytes / sizeof(word_t)];

        words += (last << (8 * (sizeof(word_t) - rest))) - last;
    }
    return (uint32_t)words + (uint32_t)(words >> 32);
}

uint32_t codec_sum(const void *payload, uint32_t bytes)
{
    return codec_sum_of(add(payload, bytes), payload, bytes);
}

uint64_t codec_copy(void *to_, const void *from_, uint32_t bytes)
{
    const word_t *from = from_;
    word_t *to = to_;
    const word_t *end = from + (bytes + sizeof(word_t) - 1) / sizeof(word_t), *end_of_eights = from + bytes / 64 * 8;
    word_t sum = 0;

    for (; from != end_of_eights; from += 8, to += 8) {
        word_t a = from[0], b = from[1], c = from[2], d = from[3], e = from[4], f = from[5], g = from[6], h = from[7];

        to[0] = a, to[1] = b, to[2] = c, to[3] = d, to[4] = e, to[5] = f, to[6] = g, to[7] = h;
        sum += a + b + c + d + e + f + g + h;
    }
    for (; from < end; sum += *from++)
        *to++ = *from;
    return sum;
}
