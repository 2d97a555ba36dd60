/*
 * The seal against the vectors of RFC 8439, against libsodium, and against everyone who changes a bit.
 *
 * The source itself is included: the vectors that break a Poly1305 with a carry missing need its parts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "mm/store/seal.c"

#define SEED 0x5ea1ed0000000001u

static uint64_t random_state;

static uint64_t random_64(void) /* xorshift64* */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1du;
}

static void random_fill(uint8_t *to, uint32_t bytes)
{
    while (bytes--)
        *to++ = (uint8_t)(random_64() >> 32);
}

/* Bytes from "00 ff:15 01", hexadecimal, where ":n" repeats the byte before it. Returns how many. */
static uint32_t parse(const char *text, uint8_t *to)
{
    uint8_t *start = to;

    while (*text) {
        char *end;
        unsigned long value = strtoul(text, &end, 16);
        unsigned long count = *end == ':' ? strtoul(end + 1, &end, 10) : 1;
        for (; count; count--)
            *to++ = (uint8_t)value;
        for (text = end; *text == ' ';)
            text++;
    }
    return (uint32_t)(to - start);
}

/* ---- Vectors ---- */

/* RFC 8439, A.3, #5 to #11, and one more for the carry that they leave out: sums and products at the edges of their words. */
static void poly1305_edges(void **state)
{
    static const struct {
        const char *r, *s, *data, *tag;
    } vectors[] = {
        { "02 00:15", "00:16", "ff:16", "03 00:15" },
        { "02 00:15", "ff:16", "02 00:15", "03 00:15" },
        { "01 00:15", "00:16", "ff:16 f0 ff:15 11 00:15", "05 00:15" },
        { "01 00:15", "00:16", "ff:16 fb fe:15 01:16", "00:16" },
        { "02 00:15", "00:16", "fd ff:15", "fa ff:15" },
        { "01 00:7 04 00:7", "00:16", "e3 35 94 d7 50 5e 43 b9 00:8 33 94 d7 50 5e 43 79 cd 01 00:7 00:16 01 00:15",
          "14 00:7 55 00:7" },
        { "01 00:7 04 00:7", "00:16", "e3 35 94 d7 50 5e 43 b9 00:8 33 94 d7 50 5e 43 79 cd 01 00:7 00:16",
          "13 00:15" },
        { "01 00:15", "00:16", "ff:16 00:96", "09 00:15" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        word_t key[4], data[14], tag[2];
        uint64_t got[2];
        struct poly p;

        parse(vectors[i].r, (uint8_t *)key);
        parse(vectors[i].s, (uint8_t *)(key + 2));
        uint32_t bytes = parse(vectors[i].data, (uint8_t *)data);
        parse(vectors[i].tag, (uint8_t *)tag);
        poly_start(&p, key);
        poly_blocks(&p, data, bytes / 16);
        poly_finish(&p, got);
        assert_memory_equal(got, tag, 16);
    }
}

/* Keys and blocks made of the bytes at which carries happen. */
static void poly1305_extremes_against_sodium(void **state)
{
    static const uint8_t bytes[] = { 0x00, 0xff, 0xfe, 0xfb, 0xfc, 0x01, 0x05, 0x0f, 0x80, 0x7f };

    (void)state;
    for (int run = 0; run < 20000; run++) {
        word_t key[4], data[12];
        uint8_t expected[16];
        uint64_t got[2];
        struct poly p;
        uint8_t common = bytes[random_64() % sizeof(bytes)];

        for (size_t i = 0; i < sizeof(key); i++)
            ((uint8_t *)key)[i] = random_64() % 4 ? 0xff : bytes[random_64() % sizeof(bytes)];
        for (size_t i = 0; i < sizeof(data); i++)
            ((uint8_t *)data)[i] = random_64() % 8 ? common : bytes[random_64() % sizeof(bytes)];
        uint32_t blocks = 1 + (uint32_t)(random_64() % 6);
        poly_start(&p, key);
        poly_blocks(&p, data, blocks);
        poly_finish(&p, got);
        crypto_onetimeauth_poly1305(expected, (uint8_t *)data, blocks * 16, (uint8_t *)key);
        assert_memory_equal(got, expected, 16);
    }
}

/* RFC 8439, 2.3.2: key 00..1f, nonce, counter 1. */
static void chacha20_block(void **state)
{
    uint8_t key[32], nonce[12], expected[64];
    struct chacha c;

    (void)state;
    for (uint8_t i = 0; i < 32; i++)
        key[i] = i;
    parse("00 00 00 09 00 00 00 4a 00:4", nonce);
    parse("10 f1 e7 e4 d1 3b 59 15 50 0f dd 1f a3 20 71 c4 c7 d1 f4 c7 33 c0 68 03 04 22 aa 9a c3 d4 6c 4e "
          "d2 82 64 46 07 9f aa 09 14 c2 d7 05 d9 8b 02 a2 b5 12 9c d1 de 16 4e b9 cb d0 83 e8 a2 50 3c 4e",
          expected);
    chacha_start(&c, key, nonce);
    chacha_block(&c);
    chacha_block(&c);
    assert_memory_equal(c.stream.byte, expected, sizeof(expected));
}

static void assert_closes_to(const char *key_text, const char *nonce_text, const char *aad_text, const char *plain,
                             const char *tag_text)
{
    uint8_t key[32], nonce[12], aad[64], expected[16], tag[16];
    uint32_t bytes = (uint32_t)strlen(plain), aad_bytes = parse(aad_text, aad);
    uint8_t *data = malloc(bytes);

    assert_non_null(data);
    memcpy(data, plain, bytes);
    parse(key_text, key);
    parse(nonce_text, nonce);
    parse(tag_text, expected);
    seal_close(key, nonce, aad, aad_bytes, data, bytes, tag);
    assert_memory_equal(tag, expected, 16);
    assert_int_equal(seal_open(key, nonce, aad, aad_bytes, data, bytes, tag), 0);
    assert_memory_equal(data, plain, bytes);
    free(data);
}

/* RFC 8439, 2.8.2 and A.5. The tag covers every byte of the ciphertext. */
static void aead_vectors(void **state)
{
    (void)state;
    assert_closes_to("80 81 82 83 84 85 86 87 88 89 8a 8b 8c 8d 8e 8f 90 91 92 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f",
                     "07 00 00 00 40 41 42 43 44 45 46 47", "50 51 52 53 c0 c1 c2 c3 c4 c5 c6 c7",
                     "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
                     "sunscreen would be it.",
                     "1a e1 0b 59 4f 09 e2 6a 7e 90 2e cb d0 60 06 91");
    assert_closes_to("1c 92 40 a5 eb 55 d3 8a f3 33 88 86 04 f6 b5 f0 47 39 17 c1 40 2b 80 09 9d ca 5c bc 20 70 75 c0",
                     "00 00 00 00 01 02 03 04 05 06 07 08", "f3 33 88 86 00 00 00 00 00 00 4e 91",
                     "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
                     "replaced, or obsoleted by other documents at any time. It is inappropriate to use "
                     "Internet-Drafts as reference material or to cite them other than as "
                     "/\xe2\x80\x9cwork in progress./\xe2\x80\x9d",
                     "ee ad 9d 67 89 0c bb 22 39 23 36 fe a1 85 1f 38");
}

/* ---- Against libsodium ---- */

/* One record, in buffers of exact size; all but `data` at odd addresses. */
struct record {
    uint32_t bytes, aad_bytes;
    uint8_t *plain, *data, *aad, *key, *nonce, *tag;
    uint8_t *aad_buffer, *small;
};

static struct record record_make(uint32_t bytes, uint32_t aad_bytes)
{
    struct record r = { .bytes = bytes, .aad_bytes = aad_bytes };

    r.plain = malloc(bytes + 1);
    r.data = malloc(bytes ? bytes : 1);
    r.aad_buffer = malloc(aad_bytes + 1);
    r.small = malloc(1 + SEAL_KEY_BYTES + SEAL_NONCE_BYTES + SEAL_TAG_BYTES);
    assert_true(r.plain && r.data && r.aad_buffer && r.small);
    r.aad = r.aad_buffer + 1;
    r.key = r.small + 1;
    r.nonce = r.key + SEAL_KEY_BYTES;
    r.tag = r.nonce + SEAL_NONCE_BYTES;
    random_fill(r.plain, bytes);
    random_fill(r.aad, aad_bytes);
    random_fill(r.key, SEAL_KEY_BYTES + SEAL_NONCE_BYTES);
    if (bytes)
        memcpy(r.data, r.plain, bytes);
    seal_close(r.key, r.nonce, r.aad, aad_bytes, r.data, bytes, r.tag);
    return r;
}

static void record_free(struct record *r)
{
    free(r->plain);
    free(r->data);
    free(r->aad_buffer);
    free(r->small);
}

static int record_open(struct record *r)
{
    return seal_open(r->key, r->nonce, r->aad, r->aad_bytes, r->data, r->bytes, r->tag);
}

static void check_against_sodium(uint32_t bytes, uint32_t aad_bytes)
{
    struct record r = record_make(bytes, aad_bytes);
    uint8_t *expected = malloc(bytes + 1), tag[16];

    assert_non_null(expected);
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(expected, tag, NULL, r.plain, bytes, r.aad, aad_bytes, NULL,
                                                       r.nonce, r.key);
    assert_memory_equal(r.data, expected, bytes);
    assert_memory_equal(r.tag, tag, 16);
    assert_int_equal(record_open(&r), 0);
    assert_memory_equal(r.data, r.plain, bytes);
    free(expected);
    record_free(&r);
}

static void same_as_sodium(void **state)
{
    (void)state;
    for (uint32_t bytes = 0; bytes < 300; bytes++)
        check_against_sodium(bytes, bytes % 41);
    for (uint32_t aad_bytes = 0; aad_bytes < 100; aad_bytes++)
        check_against_sodium(64, aad_bytes);
    for (int run = 0; run < 1000; run++)
        check_against_sodium((uint32_t)(random_64() % 4097), (uint32_t)(random_64() % 33));
}

/* ---- Against change ---- */

static void assert_refused_and_zeroed(struct record *r)
{
    assert_int_equal(record_open(r), -EBADMSG);
    for (uint32_t i = 0; i < r->bytes; i++)
        assert_int_equal(r->data[i], 0);
}

/* Flips each bit of `field` in turn; a refusal clears the data, so it is put back from a copy. */
static void flip_every_bit(struct record *r, uint8_t *field, uint32_t bytes)
{
    uint8_t *sealed = malloc(r->bytes + 1);

    assert_non_null(sealed);
    memcpy(sealed, r->data, r->bytes);
    for (uint32_t bit = 0; bit < bytes * 8; bit++) {
        field[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_refused_and_zeroed(r);
        memcpy(r->data, sealed, r->bytes);
        if (field != r->data)
            field[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(sealed);
}

static void every_flipped_bit_is_refused(void **state)
{
    static const uint32_t sizes[] = { 1, 8, 63, 64, 65, 1650 };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct record r = record_make(sizes[i], 16);
        flip_every_bit(&r, r.data, r.bytes);
        flip_every_bit(&r, r.tag, SEAL_TAG_BYTES);
        flip_every_bit(&r, r.aad, r.aad_bytes);
        flip_every_bit(&r, r.nonce, SEAL_NONCE_BYTES);
        flip_every_bit(&r, r.key, SEAL_KEY_BYTES);
        assert_int_equal(record_open(&r), 0);
        assert_memory_equal(r.data, r.plain, r.bytes);
        record_free(&r);
    }
}

/* Every length up to 200 but the right one: zeros that fill a block up must not pass for data. */
static void other_lengths_are_refused(void **state)
{
    uint8_t key[32], nonce[12], tag[16], aad[200] = { 0 };
    word_t plain[25], data[25];

    (void)state;
    random_fill(key, sizeof(key));
    random_fill(nonce, sizeof(nonce));
    for (uint32_t length = 0; length <= 200; length++) {
        memset(plain, 0, sizeof(plain));
        seal_close(key, nonce, aad, 100, plain, 100, tag);
        memcpy(data, plain, sizeof(data));
        int result = seal_open(key, nonce, aad, 100, data, length, tag);
        assert_int_equal(result, length == 100 ? 0 : -EBADMSG);
        memcpy(data, plain, sizeof(data));
        result = seal_open(key, nonce, aad, length, data, 100, tag);
        assert_int_equal(result, length == 100 ? 0 : -EBADMSG);
    }
}

/* ---- The generator ---- */

static void random_is_the_erased_stream(void **state)
{
    static const uint8_t no_nonce[12];

    (void)state;
    for (uint32_t bytes = 0; bytes < 300; bytes++) {
        uint8_t key[SEAL_KEY_BYTES], stream[SEAL_KEY_BYTES + 300], *out = malloc(bytes + 1);

        assert_non_null(out);
        random_fill(key, sizeof(key));
        crypto_stream_chacha20_ietf(stream, sizeof(stream), no_nonce, key);
        seal_random(key, out, bytes);
        assert_memory_equal(key, stream, SEAL_KEY_BYTES);
        assert_memory_equal(out, stream + SEAL_KEY_BYTES, bytes);
        free(out);
    }
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
        cmocka_unit_test_setup(poly1305_edges, seed),
        cmocka_unit_test_setup(poly1305_extremes_against_sodium, seed),
        cmocka_unit_test_setup(chacha20_block, seed),
        cmocka_unit_test_setup(aead_vectors, seed),
        cmocka_unit_test_setup(same_as_sodium, seed),
        cmocka_unit_test_setup(every_flipped_bit_is_refused, seed),
        cmocka_unit_test_setup(other_lengths_are_refused, seed),
        cmocka_unit_test_setup(random_is_the_erased_stream, seed),
    };

    if (sodium_init() < 0)
        return 1;
    print_message("seed 0x%llx\n", (unsigned long long)SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
