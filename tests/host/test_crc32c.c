/*
 * CRC-32C: published values, and a division bit by bit, at every alignment and split.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/store/crc32c.h"

static uint32_t bit_by_bit(uint32_t crc, const uint8_t *data, uint32_t bytes)
{
    crc = ~crc;
    for (uint32_t i = 0; i < bytes * 8; i++) {
        uint32_t bit = (crc ^ (uint32_t)data[i / 8] >> i % 8) & 1;
        crc = crc >> 1 ^ bit * 0x82f63b78u;
    }
    return ~crc;
}

/* RFC 3720, B.4, and the usual check value. */
static void published_values(void **state)
{
    uint8_t data[32];

    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, "", 0), 0);
    memset(data, 0, sizeof(data));
    assert_int_equal(crc32c(0, data, sizeof(data)), 0x8a9136aa);
    memset(data, 0xff, sizeof(data));
    assert_int_equal(crc32c(0, data, sizeof(data)), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        data[i] = i;
    assert_int_equal(crc32c(0, data, sizeof(data)), 0x46dd794e);
    for (uint8_t i = 0; i < 32; i++)
        data[i] = (uint8_t)(31 - i);
    assert_int_equal(crc32c(0, data, sizeof(data)), 0x113fdb5c);
}

static void every_byte_alignment_and_length(void **state)
{
    (void)state;
    for (uint32_t bytes = 0; bytes < 300; bytes++) {
        for (uint32_t shift = 0; shift < 8; shift++) {
            uint8_t *data = malloc(shift + bytes + 1);
            assert_non_null(data);
            for (uint32_t i = 0; i < bytes; i++)
                data[shift + 1 + i] = (uint8_t)(i * 181 + bytes * 7 + shift);
            assert_int_equal(crc32c(0, data + shift + 1, bytes), bit_by_bit(0, data + shift + 1, bytes));
            free(data);
        }
    }
}

static void parts_join(void **state)
{
    uint8_t data[97];

    (void)state;
    for (uint32_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * i);
    for (uint32_t split = 0; split <= sizeof(data); split++) {
        uint32_t first = crc32c(0, data, split);
        assert_int_equal(crc32c(first, data + split, (uint32_t)sizeof(data) - split), crc32c(0, data, sizeof(data)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values),
        cmocka_unit_test(every_byte_alignment_and_length),
        cmocka_unit_test(parts_join),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
