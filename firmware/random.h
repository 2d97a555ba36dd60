/*
 * Random bytes for programs (AT_RANDOM, getrandom) and for the keys of the store: ChaCha20 (RFC 8439) keyed from what
 * the board gives as entropy, with the key replaced by the generator's own output after every request, so that what
 * was given out cannot be computed back from memory.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_RANDOM_H
#define FIRMWARE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stirs in bytes of any quality. The first call makes the generator usable. */
void random_stir(const void *bytes, size_t count);
void random_fill(void *bytes, size_t count);

#endif
