/*
 * The codec against the real LZ4 library, in both directions, and against damaged payloads. Every buffer is allocated
 * with its exact size, so that the address sanitizer sees the first byte too many.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lz4.h>
#include <lz4hc.h>

#include "mm/store/codec.h"

#define PAGE        4096
#define LZ4_MAX     3840
#define SEED        0x5eed0fc0dec00001u
#define DAMAGE_RUNS 1000000

/* ---- Seeded pages ---- */

static uint64_t random_state;

static uint64_t random_64(void) /* xorshift64* */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1du;
}

static uint32_t random_below(uint32_t limit)
{
    return (uint32_t)((random_64() >> 32) * limit >> 32);
}

static void make_noise(uint8_t *page)
{
    for (int i = 0; i < PAGE; i++)
        page[i] = (uint8_t)random_64();
}

static void make_text(uint8_t *page)
{
    static const char *const words[] = { "page ",  "frame ",  "the ",   "of ",      "fault ",  "evict ",
                                         "clean ", "record ", "block ", "erased, ", "flash. ", "task ",
                                         "\n    ", "and ",    "swap ",  "a " };
    size_t at = 0;

    while (at < PAGE) {
        const char *word = words[random_below(sizeof(words) / sizeof(*words))];
        for (; *word && at < PAGE; word++)
            page[at++] = (uint8_t)(random_below(50) ? *word : '0' + (int)random_below(10));
    }
}

/* Like a heap: words that are pointers into one region, small counts, or zero. */
static void make_heap(uint8_t *page)
{
    for (int i = 0; i < PAGE; i += 8) {
        uint64_t kinds[] = { 0, random_below(300), 0x0000003fb7c00000u + 16 * random_below(4096), random_64() };
        uint32_t kind = random_below(16);
        memcpy(page + i, &kinds[kind < 4 ? 0 : kind < 8 ? 1 : kind < 15 ? 2 : 3], 8);
    }
}

static void make_sparse(uint8_t *page)
{
    memset(page, 0, PAGE);
    for (uint32_t n = 1 + random_below(40); n; n--)
        page[random_below(PAGE)] = (uint8_t)random_64();
}

/* A pattern of 1 to 80 bytes, with a few bytes disturbed: long overlapping matches at every distance. */
static void make_periodic(uint8_t *page)
{
    uint32_t period = 1 + random_below(80);

    for (uint32_t i = 0; i < PAGE; i++)
        page[i] = i < period ? (uint8_t)random_64() : page[i - period];
    for (uint32_t n = random_below(12); n; n--)
        page[random_below(PAGE)] ^= (uint8_t)random_64();
}

/* Copies of earlier parts of any length and place, between pieces of noise: every length code, every alignment. */
static void make_copies(uint8_t *page)
{
    uint32_t at = 0, longest = 8u << random_below(8);

    while (at < PAGE) {
        for (uint32_t n = random_below(longest / 2); n && at < PAGE; n--)
            page[at++] = (uint8_t)random_64();
        uint32_t distance = at ? 1 + random_below(at) : 0;
        for (uint32_t n = distance ? random_below(longest) : 0; n && at < PAGE; n--, at++)
            page[at] = page[at - distance];
    }
}

/* Noise up to some place and text behind it: near the limit between LZ4 and RAW, and all ends of the page. */
static void make_mixed(uint8_t *page)
{
    uint8_t noise[PAGE];

    make_text(page);
    make_noise(noise);
    memcpy(page, noise, random_below(PAGE + 1));
}

typedef void make_page(uint8_t *page);
static make_page *const kinds[] = { make_noise,    make_text,   make_heap, make_sparse,
                                    make_periodic, make_copies, make_mixed };
#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* ---- Exact buffers ---- */

struct payload {
    enum codec_method method;
    uint32_t bytes;
    uint8_t *data; /* malloc'ed, exactly `bytes` */
};

static uint8_t *exact_copy(const void *from, uint32_t bytes)
{
    uint8_t *to = malloc(bytes ? bytes : 1);

    assert_non_null(to);
    if (bytes)
        memcpy(to, from, bytes);
    return to;
}

static struct payload compress(const uint8_t *page)
{
    uint8_t *in = exact_copy(page, PAGE), *out = malloc(PAGE);
    struct payload p = { .method = (enum codec_method)99 };

    assert_non_null(out);
    p.bytes = codec_compress(in, out, &p.method);
    assert_memory_equal(in, page, PAGE);
    switch (p.method) {
    case CODEC_LZ4:
        assert_in_range(p.bytes, 1, LZ4_MAX);
        break;
    case CODEC_FILL:
        assert_int_equal(p.bytes, 8);
        break;
    default:
        assert_int_equal(p.method, CODEC_RAW);
        assert_int_equal(p.bytes, PAGE);
    }
    p.data = exact_copy(out, p.bytes);
    free(in);
    free(out);
    return p;
}

/* Expands twice, over different rubbish: a success must write every byte. Returns what codec_expand() did. */
static int expand(const struct payload *p, uint8_t *page)
{
    uint8_t *first = malloc(PAGE), *second = malloc(PAGE);

    assert_non_null(first);
    assert_non_null(second);
    memset(first, 0x55, PAGE);
    int result = codec_expand(p->method, p->data, p->bytes, first);
    if (result == 0) {
        memset(second, 0xaa, PAGE);
        assert_int_equal(codec_expand(p->method, p->data, p->bytes, second), 0);
        assert_memory_equal(first, second, PAGE);
        memcpy(page, first, PAGE);
    } else {
        assert_int_equal(result, -EILSEQ);
    }
    free(first);
    free(second);
    return result;
}

static void assert_expands_to(const struct payload *p, const uint8_t *page)
{
    uint8_t back[PAGE];

    assert_int_equal(expand(p, back), 0);
    assert_memory_equal(back, page, PAGE);
}

static void assert_refused(enum codec_method method, const void *data, uint32_t bytes)
{
    struct payload p = { method, bytes, exact_copy(data, bytes) };
    uint8_t back[PAGE];

    assert_int_equal(expand(&p, back), -EILSEQ);
    free(p.data);
}

struct walk {
    bool zero_offset;
    uint32_t last_match_start, last_literals;
};

/* Reads the sequences of a stream that the library accepts. */
static struct walk walk_stream(const struct payload *p)
{
    struct walk w = { .last_literals = 0 };
    uint32_t at = 0, produced = 0;

    while (at < p->bytes) {
        uint32_t token = p->data[at++], literals = token >> 4, match = (token & 15) + 4;
        for (uint32_t more = literals == 15 ? 255 : 0; more == 255; literals += more)
            more = p->data[at++];
        at += literals;
        produced += literals;
        w.last_literals = literals;
        if (at >= p->bytes)
            break;
        w.zero_offset |= p->data[at] == 0 && p->data[at + 1] == 0;
        at += 2;
        w.last_match_start = produced;
        for (uint32_t more = match == 19 ? 255 : 0; more == 255; match += more)
            more = p->data[at++];
        produced += match;
    }
    return w;
}

/* ---- Tests ---- */

static void assert_lz4_reads(const struct payload *p, const uint8_t *page)
{
    uint8_t back[PAGE];
    struct walk w = walk_stream(p);

    assert_int_equal(LZ4_decompress_safe((char *)p->data, (char *)back, (int)p->bytes, PAGE), PAGE);
    assert_memory_equal(back, page, PAGE);
    assert_in_range(w.last_literals, 5, PAGE); /* what the format asks of a writer */
    assert_in_range(w.last_match_start, 0, PAGE - 12);
}

static void ours_is_read_by_us_and_by_lz4(void **state)
{
    uint8_t page[PAGE];

    (void)state;
    for (uint32_t i = 0; i < KINDS * 400; i++) {
        kinds[i % KINDS](page);
        struct payload p = compress(page);
        assert_expands_to(&p, page);
        if (p.method == CODEC_LZ4)
            assert_lz4_reads(&p, page);
        free(p.data);
    }
}

/* A repetition that starts at each of the last places of the page. */
static void repetition_near_the_end(void **state)
{
    uint8_t page[PAGE];

    (void)state;
    for (uint32_t start = PAGE - 40; start < PAGE; start++) {
        make_noise(page);
        memset(page, 0, PAGE - 96);
        memcpy(page + start, page + PAGE - 90, PAGE - start);
        struct payload p = compress(page);
        assert_int_equal(p.method, CODEC_LZ4);
        assert_expands_to(&p, page);
        assert_lz4_reads(&p, page);
        free(p.data);
    }
}

static void lz4_is_read_by_us(void **state)
{
    uint8_t page[PAGE];
    char out[LZ4_COMPRESSBOUND(PAGE)];

    (void)state;
    for (uint32_t i = 0; i < KINDS * 200; i++) {
        kinds[i % KINDS](page);
        for (int level = -1; level <= LZ4HC_CLEVEL_MAX; level += 3) {
            int bytes = level < 0 ? LZ4_compress_default((char *)page, out, PAGE, sizeof(out))
                                  : LZ4_compress_HC((char *)page, out, PAGE, sizeof(out), level);
            assert_true(bytes > 0);
            struct payload p = { CODEC_LZ4, (uint32_t)bytes, exact_copy(out, (uint32_t)bytes) };
            assert_expands_to(&p, page);
            free(p.data);
        }
    }
}

/* Not a promise of the format, but the reason to have it: we are about as good as the library's fast mode. */
static void ratio_is_that_of_lz4(void **state)
{
    uint8_t page[PAGE];
    char out[LZ4_COMPRESSBOUND(PAGE)];

    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        uint64_t ours = 0, theirs = 0;
        for (int i = 0; i < 200; i++) {
            kinds[kind](page);
            struct payload p = compress(page);
            int bytes = LZ4_compress_default((char *)page, out, PAGE, sizeof(out));
            ours += p.bytes;
            theirs += (uint64_t)(bytes < PAGE ? bytes : PAGE);
            free(p.data);
        }
        print_message("kind %zu: %llu bytes a page, lz4 %llu\n", kind, (unsigned long long)ours / 200,
                      (unsigned long long)theirs / 200);
        assert_true(ours <= theirs + theirs / 10);
    }
}

static void result_depends_on_the_page_alone(void **state)
{
    uint8_t page[PAGE], other[PAGE];

    (void)state;
    for (uint32_t i = 0; i < KINDS * 20; i++) {
        kinds[i % KINDS](page);
        kinds[random_below(KINDS)](other);
        struct payload first = compress(page), between = compress(other), again = compress(page);
        assert_int_equal(first.method, again.method);
        assert_int_equal(first.bytes, again.bytes);
        assert_memory_equal(first.data, again.data, first.bytes);
        free(first.data);
        free(between.data);
        free(again.data);
    }
}

static void fill_pages(void **state)
{
    uint64_t words[PAGE / 8];

    (void)state;
    for (int i = 0; i < 200; i++) {
        uint64_t pattern = i ? random_64() : 0;
        for (int j = 0; j < PAGE / 8; j++)
            words[j] = pattern;
        struct payload p = compress((uint8_t *)words);
        assert_int_equal(p.method, CODEC_FILL);
        assert_memory_equal(p.data, &pattern, 8);
        assert_expands_to(&p, (uint8_t *)words);
        free(p.data);

        words[i == 0 ? 0 : i == 1 ? PAGE / 8 - 1 : (int)random_below(PAGE / 8)] ^= 1u << random_below(32);
        p = compress((uint8_t *)words);
        assert_int_equal(p.method, CODEC_LZ4);
        assert_expands_to(&p, (uint8_t *)words);
        free(p.data);
    }
}

static void raw_pages(void **state)
{
    uint8_t page[PAGE];

    (void)state;
    make_noise(page);
    struct payload p = compress(page);
    assert_int_equal(p.method, CODEC_RAW);
    assert_memory_equal(p.data, page, PAGE);
    assert_expands_to(&p, page);
    free(p.data);
}

static void wrong_sizes_and_methods(void **state)
{
    uint8_t data[PAGE + 8] = { 0 };

    (void)state;
    for (uint32_t bytes = 0; bytes <= PAGE + 8; bytes++) {
        if (bytes != PAGE)
            assert_refused(CODEC_RAW, data, bytes);
        if (bytes != 8)
            assert_refused(CODEC_FILL, data, bytes);
        assert_refused((enum codec_method)3, data, bytes);
        assert_refused((enum codec_method)255, data, bytes);
    }
}

/* Builds a stream of one literal run, one match, and a last literal run that fills the page. */
static uint32_t build_stream(uint8_t *to, uint32_t literals, uint32_t offset, uint32_t match, uint32_t last)
{
    uint8_t *start = to;
    uint32_t runs[] = { literals, match - 4, last };

    *to++ = (uint8_t)((runs[0] < 15 ? runs[0] : 15) << 4 | (runs[1] < 15 ? runs[1] : 15));
    for (int run = 0; run < 3; run++) {
        if (run == 2)
            *to++ = (uint8_t)((last < 15 ? last : 15) << 4);
        if (run == 1) {
            *to++ = (uint8_t)offset;
            *to++ = (uint8_t)(offset >> 8);
        }
        if (runs[run] >= 15) {
            uint32_t rest = runs[run] - 15;
            for (; rest >= 255; rest -= 255)
                *to++ = 255;
            *to++ = (uint8_t)rest;
        }
        for (uint32_t i = 0; run != 1 && i < runs[run]; i++)
            *to++ = (uint8_t)random_64();
    }
    return (uint32_t)(to - start);
}

static void every_distance_length_and_alignment(void **state)
{
    uint8_t stream[2 * PAGE], expected[PAGE];

    (void)state;
    for (uint32_t offset = 1; offset <= 40; offset++) {
        for (uint32_t literals = offset; literals < offset + 8; literals++) {
            for (uint32_t match = 4; match < 120; match += 1 + match / 40) {
                uint32_t last = PAGE - literals - match;
                uint32_t bytes = build_stream(stream, literals, offset, match, last);
                struct payload p = { CODEC_LZ4, bytes, exact_copy(stream, bytes) };
                assert_int_equal(LZ4_decompress_safe((char *)stream, (char *)expected, (int)bytes, PAGE), PAGE);
                assert_expands_to(&p, expected);
                free(p.data);
            }
        }
    }
}

/* A match that ends 5 bytes before the page's end at the latest is what writers may write; all lengths up to there. */
static void long_matches_up_to_the_end(void **state)
{
    uint8_t stream[2 * PAGE], expected[PAGE];

    (void)state;
    for (uint32_t offset = 1; offset <= 9; offset++) {
        for (uint32_t last = 5; last < 60; last++) {
            uint32_t bytes = build_stream(stream, 9, offset, PAGE - 9 - last, last);
            struct payload p = { CODEC_LZ4, bytes, exact_copy(stream, bytes) };
            assert_int_equal(LZ4_decompress_safe((char *)stream, (char *)expected, (int)bytes, PAGE), PAGE);
            assert_expands_to(&p, expected);
            free(p.data);
        }
    }
}

static void impossible_streams(void **state)
{
    uint8_t stream[3 * PAGE], endless[PAGE];

    (void)state;
    for (uint32_t shift = 0; shift < 20; shift++) {
        uint32_t literals = 1 + shift, last = PAGE - literals - 40;
        assert_refused(CODEC_LZ4, stream, build_stream(stream, literals, 0, 40, last));
        assert_refused(CODEC_LZ4, stream, build_stream(stream, literals, literals + 1, 40, last));
        assert_refused(CODEC_LZ4, stream, build_stream(stream, literals, 65535, 40, last));
        assert_refused(CODEC_LZ4, stream, build_stream(stream, literals, 1, 40, last - 1));
        assert_refused(CODEC_LZ4, stream, build_stream(stream, literals, 1, 40, last + 1));
        assert_refused(CODEC_LZ4, stream, build_stream(stream, literals, 1, 41 + last, 5));
        assert_refused(CODEC_LZ4, stream, build_stream(stream, PAGE + literals, 1, 40, 5));
    }
    for (uint32_t token = 0; token < 256; token++) { /* lengths that never end */
        memset(endless, 255, sizeof(endless));
        endless[0] = (uint8_t)token;
        assert_refused(CODEC_LZ4, endless, sizeof(endless));
    }
}

static void every_truncation(void **state)
{
    uint8_t page[PAGE];

    (void)state;
    for (uint32_t i = 0; i < KINDS * 4; i++) {
        kinds[i % KINDS](page);
        struct payload p = compress(page);
        for (uint32_t bytes = 0; bytes < p.bytes; bytes++)
            assert_refused(p.method, p.data, bytes);
        free(p.data);
    }
}

/* Damages 1 to 4 places, or the length, of a copy. */
static struct payload damage(const struct payload *from)
{
    struct payload p = { CODEC_LZ4, from->bytes, NULL };
    uint8_t work[LZ4_COMPRESSBOUND(PAGE) + 32];

    memcpy(work, from->data, from->bytes);
    for (uint32_t n = 1 + random_below(4); n; n--) {
        uint32_t at = random_below(p.bytes);
        switch (random_below(4)) {
        case 0:
            work[at] ^= (uint8_t)(1u << random_below(8));
            break;
        case 1:
            work[at] = (uint8_t)random_64();
            break;
        case 2:
            work[at] = random_below(2) ? 0xff : 0;
            break;
        default: /* move the rest: what was data is now read as a token */
            memmove(work + at, work + at + (p.bytes - at > 1), p.bytes - at - (p.bytes - at > 1));
        }
    }
    if (random_below(8) == 0)
        p.bytes = 1 + random_below(p.bytes + 16);
    for (uint32_t i = from->bytes; i < p.bytes; i++)
        work[i] = (uint8_t)random_64();
    p.data = exact_copy(work, p.bytes);
    return p;
}

/*
 * What the library accepts, we accept with the same bytes; we never touch a byte outside, nor leave one unwritten. The
 * exception: the library reads a match at distance 0, which the format forbids, as whatever the page held before.
 */
static void random_damage(void **state)
{
    uint8_t page[PAGE], expected[PAGE], got[PAGE];
    uint32_t accepted = 0;

    (void)state;
    for (uint32_t i = 0; i < DAMAGE_RUNS; i += 1000) {
        char out[LZ4_COMPRESSBOUND(PAGE)];
        kinds[i / 1000 % KINDS](page);
        int bytes = LZ4_compress_HC((char *)page, out, PAGE, sizeof(out), (int)random_below(10));
        struct payload whole = { CODEC_LZ4, (uint32_t)bytes, (uint8_t *)out };
        for (uint32_t run = 0; run < 1000; run++) {
            struct payload p = damage(&whole);
            int theirs = LZ4_decompress_safe((char *)p.data, (char *)expected, (int)p.bytes, PAGE);
            bool ours = expand(&p, got) == 0;
            accepted += ours;
            if (theirs == PAGE && !walk_stream(&p).zero_offset) {
                assert_true(ours);
                assert_memory_equal(got, expected, PAGE);
            }
            free(p.data);
        }
    }
    print_message("%u of %u damaged streams still fill a page\n", accepted, DAMAGE_RUNS);
}

static int seed(void **state)
{
    (void)state;
    random_state = SEED;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ours_is_read_by_us_and_by_lz4, seed),
        cmocka_unit_test_setup(repetition_near_the_end, seed),
        cmocka_unit_test_setup(lz4_is_read_by_us, seed),
        cmocka_unit_test_setup(ratio_is_that_of_lz4, seed),
        cmocka_unit_test_setup(result_depends_on_the_page_alone, seed),
        cmocka_unit_test_setup(fill_pages, seed),
        cmocka_unit_test_setup(raw_pages, seed),
        cmocka_unit_test_setup(wrong_sizes_and_methods, seed),
        cmocka_unit_test_setup(every_distance_length_and_alignment, seed),
        cmocka_unit_test_setup(long_matches_up_to_the_end, seed),
        cmocka_unit_test_setup(impossible_streams, seed),
        cmocka_unit_test_setup(every_truncation, seed),
        cmocka_unit_test_setup(random_damage, seed),
    };

    print_message("seed 0x%llx\n", (unsigned long long)SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
