/*
 * One table of 1 KiB, a byte to a step, four bytes to a load. Slicing by 4 would need 3 KiB more.
 */
#include "mm/store/crc32c.h"

/* Memory seen as words, whatever its declared type. */
typedef uint32_t __attribute__((may_alias)) word_t;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a word's first byte is its low one");

#define POLYNOMIAL 0x82f63b78u /* bits reversed */

/* Made at the first use: 1 KiB of RAM instead of the image's. Guarded like all of the store. */
static uint32_t byte_remainder[256];

static void make_remainders(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t remainder = byte;

        for (unsigned bit = 0; bit < 8; bit++)
            remainder = remainder >> 1 ^ (remainder % 2 ? POLYNOMIAL : 0);
        byte_remainder[byte] = remainder;
    }
}

static inline uint32_t divide_byte(uint32_t crc)
{
    return byte_remainder[crc & 255] ^ crc >> 8;
}

uint32_t crc32c(uint32_t crc, const void *data, uint32_t bytes)
{
    const uint8_t *at = data, *end = at + bytes;

    if (!byte_remainder[1])
        make_remainders();
    crc = ~crc;
    for (; at < end && (uintptr_t)at % sizeof(word_t) != 0; at++)
        crc = divide_byte(crc ^ *at);
    for (; end - at >= (int)sizeof(word_t); at += sizeof(word_t))
        crc = divide_byte(divide_byte(divide_byte(divide_byte(crc ^ *(const word_t *)at))));
    for (; at < end; at++)
        crc = divide_byte(crc ^ *at);
    return ~crc;
}
