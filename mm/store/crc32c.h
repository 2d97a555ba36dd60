/*
 * CRC-32C (Castagnoli): the check of durable records. Polynomial 0x1edc6f41, bits reflected, start and end inverted, as in
 * iSCSI (RFC 3720, section 12.1). It finds damage, not intent: swap records are sealed instead (seal.h).
 */
#ifndef MM_STORE_CRC32C_H
#define MM_STORE_CRC32C_H

#include <stdint.h>

/* The CRC of `bytes` at `data`, any alignment. `crc` is 0 at the start, or the CRC of what came before. */
uint32_t crc32c(uint32_t crc, const void *data, uint32_t bytes);

#endif
