/* The pool: 32 bytes, which ChaCha20 replaces. */
#include "firmware/random.h"

#include "mm/store/seal.h"

static uint8_t pool[SEAL_KEY_BYTES];

void random_stir(const void *bytes, size_t count)
{
    const uint8_t *from = bytes;

    for (size_t i = 0; i < count; i++) {
        pool[i % sizeof(pool)] ^= from[i];
        if ((i + 1) % sizeof(pool) == 0 || i + 1 == count)
            seal_random(pool, NULL, 0);
    }
}

void random_fill(void *bytes, size_t count)
{
    seal_random(pool, bytes, (uint32_t)count);
}
