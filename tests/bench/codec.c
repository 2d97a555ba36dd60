/*
 * codec FILE ... : what the firmware's own codec takes for the whole pages of these files, in instructions a page, and what
 * it makes of them. The codec is built as the firmware has it, for cores that trap on a misaligned access.
 *
 * codec text FILE pages N: what it takes of `fault_tail` with the same words (tests/programs/bench.c), on the same pages.
 */
#include "mm/assert.h"
#include "mm/store/codec.h"
#include "tests/programs/common.h"

#define PAGE TEXT_PAGE

static struct {
    uint64_t compress, expand, bytes, pages;
} total;

_Noreturn void assert_failed(const char *file, int line)
{
    die("codec: %s:%d: ASSERT failed", file, line);
}

static uint64_t instructions(void)
{
#ifdef __riscv
    uint64_t now;
    __asm__ volatile("rdinstret %0" : "=r"(now)::"memory");
    return now;
#else
    return 0;
#endif
}

static void measure(const char *from)
{
    static _Alignas(8) uint8_t page[PAGE], payload[CODEC_PAYLOAD_MAX_BYTES], back[PAGE];
    enum codec_method method;

    memcpy(page, from, PAGE);
    uint64_t start = instructions();
    uint32_t bytes = codec_compress(page, payload, &method);
    uint64_t middle = instructions();
    int error = codec_expand(method, payload, bytes, back);
    total.expand += instructions() - middle;
    total.compress += middle - start;
    total.bytes += bytes;
    total.pages++;
    if (error || memcmp(page, back, PAGE) != 0)
        die("codec: page %llu does not come back", (unsigned long long)total.pages);
}

static void measure_text(const struct text *text, size_t pages)
{
    char *at = allocate(pages * PAGE);

    fill_pages(text, at, 0, pages);
    for (size_t i = 0; i < pages; i++)
        measure(at + i * PAGE);
    free(at);
    printf("bench fault_tail_codec %.1f insn\n", (double)total.expand / (double)total.pages);
}

static void measure_files(int count, char **paths)
{
    for (int i = 0; i < count; i++) {
        struct text text = map_text(paths[i]);

        for (size_t at = 0; at + PAGE <= text.bytes; at += PAGE)
            measure(text.at + at);
    }
    if (total.pages == 0)
        die("codec: no whole page");
    /* In tens: some of the pages differ by a few bytes from one run to the next. */
    printf("bench codec_compress %.0f0 insn\n", (double)total.compress / (double)total.pages / 10);
    printf("bench codec_decompress %.0f0 insn\n", (double)total.expand / (double)total.pages / 10);
    printf("bench codec_ratio %.2f ratio\n", (double)(total.pages * PAGE) / (double)total.bytes);
}

int main(int count, char **arguments)
{
    if (count == 5 && strcmp(arguments[1], "text") == 0 && strcmp(arguments[3], "pages") == 0) {
        struct text text = map_text(arguments[2]);

        measure_text(&text, number(count, arguments, 4, 1));
    } else {
        measure_files(count - 1, arguments + 1);
    }
    return 0;
}
