/*
 * Sealing of swap records: encryption and authentication in one, ChaCha20-Poly1305 as in RFC 8439.
 *
 * A sealed record is data, encrypted in place, and a tag over the data and over bytes that are not encrypted ("associated
 * data": what the record is bound to). A key must never close two records under one nonce: that would give both away.
 *
 * Time and addresses depend on lengths alone, never on keys or contents (on cores whose multiplier takes the same time
 * for all operands: the U54's and U74's do). Little-endian; every access wider than a byte is aligned.
 *
 * No state, so no locking: calls for different data may run side by side.
 */
#ifndef MM_STORE_SEAL_H
#define MM_STORE_SEAL_H

#include <stdint.h>

#define SEAL_KEY_BYTES   32u
#define SEAL_NONCE_BYTES 12u
#define SEAL_TAG_BYTES   16u

/* Encrypts `data`, which is 8-byte aligned (asserted; the other arguments need not be), and writes the tag. */
void seal_close(const uint8_t *key, const uint8_t *nonce, const void *aad, uint32_t aad_bytes, void *data,
                uint32_t bytes, uint8_t *tag);

/* 0: `data` is as it was before seal_close(). -EBADMSG: something was changed, and `data` is now zeros. */
int seal_open(const uint8_t *key, const uint8_t *nonce, const void *aad, uint32_t aad_bytes, void *data, uint32_t bytes,
              const uint8_t *tag) __attribute__((warn_unused_result));

/*
 * Random bytes from a secret state of SEAL_KEY_BYTES, which is replaced before the first byte is given out: who learns
 * the state later cannot find out what was given before (D. J. Bernstein, "Fast-key-erasure random-number generators",
 * 2017). The state is guarded by its owner.
 */
void seal_random(uint8_t *key_state, void *out, uint32_t bytes);

#endif
