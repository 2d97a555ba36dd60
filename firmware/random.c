/* ChaCha20 as a generator. */
#include "firmware/random.h"

#include <string.h>

#define WORDS         16u
#define KEY_WORDS     8u
#define BLOCK_BYTES   64u
#define DOUBLE_ROUNDS 10

static struct {
    uint32_t key[KEY_WORDS];
    uint64_t blocks;
} generator;

static uint32_t rotate(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

static void quarter(uint32_t *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
    x[a] += x[b];
    x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = rotate(x[b] ^ x[c], 7);
}

/* RFC 8439, section 2.3, with a 64-bit counter and a nonce of zeros. */
static void block_next(uint32_t out[WORDS])
{
    uint32_t in[WORDS] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

    memcpy(in + 4, generator.key, sizeof(generator.key));
    in[12] = (uint32_t)generator.blocks;
    in[13] = (uint32_t)(generator.blocks >> 32);
    generator.blocks++;
    memcpy(out, in, sizeof(in));
    for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) {
        for (unsigned n = 0; n < 4; n++)
            quarter(out, n, 4 + n, 8 + n, 12 + n);
        for (unsigned n = 0; n < 4; n++)
            quarter(out, n, 4 + (n + 1) % 4, 8 + (n + 2) % 4, 12 + (n + 3) % 4);
    }
    for (unsigned i = 0; i < WORDS; i++)
        out[i] += in[i];
}

static void replace_key(void)
{
    uint32_t block[WORDS];

    block_next(block);
    memcpy(generator.key, block, sizeof(generator.key));
    memset(block, 0, sizeof(block));
}

void random_stir(const void *bytes, size_t count)
{
    const uint8_t *from = bytes;
    uint8_t *key = (uint8_t *)generator.key;

    for (size_t i = 0; i < count; i++) {
        key[i % sizeof(generator.key)] ^= from[i];
        if ((i + 1) % sizeof(generator.key) == 0)
            replace_key();
    }
    replace_key();
}

void random_fill(void *bytes, size_t count)
{
    uint8_t *to = bytes;
    uint32_t block[WORDS];

    while (count) {
        size_t here = count < BLOCK_BYTES ? count : BLOCK_BYTES;

        block_next(block);
        memcpy(to, block, here);
        to += here;
        count -= here;
    }
    replace_key();
    memset(block, 0, sizeof(block));
}
