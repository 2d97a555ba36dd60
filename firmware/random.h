/*
 * Random bytes for programs (AT_RANDOM, getrandom, /dev/urandom) and for the keys of the store, all from one pool.
 *
 * The pool is a ChaCha20 key. Giving out replaces it by the generator's own output (seal_random()), so what was given
 * cannot be computed back from memory. Stirring in exclusive-ors up to 32 bytes into it and replaces it likewise, as
 * _rs_rekey() of OpenBSD's arc4random(3) does: bytes that somebody knows take nothing away, and from the new pool nobody
 * computes the old one or what was stirred in.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_RANDOM_H
#define FIRMWARE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of any quality. */
void random_stir(const void *bytes, size_t count);
/* Less than 4 GiB. */
void random_fill(void *bytes, size_t count);

#endif
