/*
 * One table of 1 KiB, a byte to a step, four bytes to a load. Slicing by 4 would need 3 KiB more.
 */
#include "mm/store/crc32c.h"

/* Memory seen as words, whatever its declared type. */
typedef uint32_t __attribute__((may_alias)) word_t;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a word's first byte is its low one");

/* The remainder of each bit of a byte. Bit 7 leaves first: the polynomial itself; the others are a division step more. */
#define STEP(remainder) ((remainder) >> 1 ^ ((remainder) % 2 ? 0x82f63b78u : 0u))
enum bit_remainder {
    BIT_7 = 0x82f63b78u,
    BIT_6 = STEP(BIT_7),
    BIT_5 = STEP(BIT_6),
    BIT_4 = STEP(BIT_5),
    BIT_3 = STEP(BIT_4),
    BIT_2 = STEP(BIT_3),
    BIT_1 = STEP(BIT_2),
    BIT_0 = STEP(BIT_1),
};

/* The remainder of a byte is the sum of those of its bits. */
#define IF(byte, bit) ((byte) >> (bit)&1 ? (uint32_t)BIT_##bit : 0)
#define BYTE(b)       IF(b, 0) ^ IF(b, 1) ^ IF(b, 2) ^ IF(b, 3) ^ IF(b, 4) ^ IF(b, 5) ^ IF(b, 6) ^ IF(b, 7)
#define BYTES_4(b)    BYTE(b), BYTE((b) + 1), BYTE((b) + 2), BYTE((b) + 3)
#define BYTES_16(b)   BYTES_4(b), BYTES_4((b) + 4), BYTES_4((b) + 8), BYTES_4((b) + 12)
#define BYTES_64(b)   BYTES_16(b), BYTES_16((b) + 16), BYTES_16((b) + 32), BYTES_16((b) + 48)

static const uint32_t byte_remainder[256] = { BYTES_64(0), BYTES_64(64), BYTES_64(128), BYTES_64(192) };

static inline uint32_t divide_byte(uint32_t crc)
{
    return byte_remainder[crc & 255] ^ crc >> 8;
}

uint32_t crc32c(uint32_t crc, const void *data, uint32_t bytes)
{
    const uint8_t *at = data, *end = at + bytes;

    crc = ~crc;
    for (; at < end && (uintptr_t)at % sizeof(word_t) != 0; at++)
        crc = divide_byte(crc ^ *at);
    for (; end - at >= (int)sizeof(word_t); at += sizeof(word_t))
        crc = divide_byte(divide_byte(divide_byte(divide_byte(crc ^ *(const word_t *)at))));
    for (; at < end; at++)
        crc = divide_byte(crc ^ *at);
    return ~crc;
}
