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
