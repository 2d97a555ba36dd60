/*
 * What is known of SPI NOR parts: the table, SFDP images good and broken, and how the two go together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "hal/spi_nor_parts.h"
#include "tests/sim/nor_spi.h"

#define SEED      0x5fd9u
#define MUTATIONS 200000
#define MIB       (1u << 20)
#define BASIC     0x30u

static uint8_t image[NOR_SPI_SFDP_BYTES];
static struct spi_nor_facts facts;

static int setup(void **state)
{
    (void)state;
    memset(image, 0xff, sizeof(image));
    (void)nor_spi_sfdp(image, 32 * MIB);
    return 0;
}

static void put32(uint32_t at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        image[at + i] = (uint8_t)(value >> (8 * i));
}

/* DWORD `number` of the basic table, from 1. */
static void put_basic(uint32_t number, uint32_t value)
{
    put32(BASIC + 4 * (number - 1), value);
}

static void issi_as_the_part_answers(void **state)
{
    (void)state;
    assert_int_equal(sfdp_parse(image, sizeof(image), &facts), 0);
    assert_int_equal(facts.size_bytes, 32 * MIB);
    assert_int_equal(facts.page_bytes, 256);
    assert_int_equal(facts.program.typical_us, 200);
    assert_int_equal(facts.program.most_us, 1200);
    assert_int_equal(facts.erase_4k.typical_us, 48000);
    assert_int_equal(facts.erase_4k.most_us, 384000);
    assert_int_equal(facts.erase_64k.typical_us, 304000);
    assert_int_equal(facts.erase_64k.most_us, 2432000);
    assert_int_equal(facts.suspend, 0x75);
    assert_int_equal(facts.resume, 0x7a);
    assert_int_equal(facts.suspend_most_us, 56);
    assert_int_equal(facts.resume_gap_us, 448);
    assert_true(facts.quad);
    assert_false(facts.four_byte);
}

/* The tables of the part do not say that it has the 4-byte opcodes; ours does. */
static void table_and_sfdp_together(void **state)
{
    (void)state;
    put_basic(11, 2u | 8u << 4 | 30u << 8);
    assert_int_equal(spi_nor_facts(0x9d7019, image, sizeof(image), &facts), 0);
    assert_true(facts.four_byte);
    assert_int_equal(facts.program.typical_us, 31 * 8);
    assert_int_equal(facts.suspended.opcode, 0x48);
    memset(image, 0, sizeof(image));
    assert_int_equal(spi_nor_facts(0x9d7019, image, sizeof(image), &facts), 0);
    assert_int_equal(facts.program.typical_us, 200);
    assert_int_equal(facts.size_bytes, 32 * MIB);
    assert_int_equal(facts.suspend, 0x75);
}

/* A bus that drops bits: the size contradicts the id, so nothing of it is believed. */
static void sfdp_of_another_size_is_not_believed(void **state)
{
    (void)state;
    put_basic(2, 16 * MIB * 8 - 1);
    put_basic(11, 2u | 9u << 4 | 30u << 8);
    assert_int_equal(spi_nor_facts(0x9d7019, image, sizeof(image), &facts), 0);
    assert_int_equal(facts.size_bytes, 32 * MIB);
    assert_int_equal(facts.page_bytes, 256);
    assert_int_equal(facts.program.typical_us, 200);
}

static int learn(uint32_t id)
{
    return spi_nor_facts(id, image, sizeof(image), &facts);
}

static void add_four_byte_table(uint32_t supported)
{
    static const uint8_t header[8] = { 0x84, 0, 1, 2, 0x80, 0, 0, 0xff };

    memcpy(image + 16, header, sizeof(header));
    image[6] = 1;
    put32(0x80, supported);
    put32(0x84, 0xffdc5c21);
}

static void four_byte_opcodes_are_not_guessed(void **state)
{
    (void)state;
    assert_int_equal(learn(0xef4019), 0);
    assert_true(facts.four_byte);
    image[9] = 5;
    assert_int_equal(learn(0xef4019), -ENOTSUP);
    assert_int_equal(learn(0x20ba19), -ENOTSUP);
    add_four_byte_table(0xffff);
    assert_int_equal(learn(0x20ba19), 0);
    assert_int_equal(learn(0xef4019), 0);
    add_four_byte_table(0xffff & ~(1u << 6));
    assert_int_equal(learn(0x20ba19), -ENOTSUP);
    memset(image, 0, sizeof(image));
    assert_int_equal(learn(0xc22019), -ENOTSUP);
    assert_int_equal(learn(0xc84019), -ENOTSUP);
    assert_int_equal(learn(0xef4018), 0);
    assert_int_equal(facts.size_bytes, 16 * MIB);
    assert_false(facts.four_byte);
}

static void unknown_parts_live_by_sfdp(void **state)
{
    (void)state;
    assert_int_equal(learn(0x123456), -ENOTSUP);
    put_basic(2, 4 * MIB * 8 - 1);
    assert_int_equal(learn(0x123456), 0);
    assert_int_equal(facts.size_bytes, 4 * MIB);
    assert_int_equal(facts.protect_bits, 0x3c);
    assert_int_equal(facts.suspend, 0x75);
    image[11] = 9; /* the short table of the first JESD216: no times */
    assert_int_equal(learn(0x123456), -ENOTSUP);
    memset(image, 0xff, sizeof(image));
    assert_int_equal(learn(0x123456), -ENOTSUP);
}

static void densities(void **state)
{
    (void)state;
    put_basic(2, 1u << 31 | 28);
    assert_int_equal(sfdp_parse(image, sizeof(image), &facts), 0);
    assert_int_equal(facts.size_bytes, 32 * MIB);
    put_basic(2, 1u << 31 | 34);
    assert_int_equal(sfdp_parse(image, sizeof(image), &facts), 0);
    assert_int_equal(facts.size_bytes, 1u << 31);
    put_basic(2, 1u << 31 | 35);
    assert_int_equal(sfdp_parse(image, sizeof(image), &facts), -EINVAL);
    put_basic(2, 1u << 31);
    assert_int_equal(sfdp_parse(image, sizeof(image), &facts), -EINVAL);
    put_basic(2, 100000 * 8 - 1);
    assert_int_equal(sfdp_parse(image, sizeof(image), &facts), -EINVAL);
}

static void contradictions(void **state)
{
    (void)state;
    put_basic(9, 0);
    assert_int_equal(sfdp_parse(image, sizeof(image), &facts), -EINVAL);
    (void)setup(NULL);
    put_basic(11, 2u | 7u << 4 | 24u << 8);
    assert_int_equal(sfdp_parse(image, sizeof(image), &facts), -EINVAL);
    (void)setup(NULL);
    put_basic(12, 1u << 31);
    assert_int_equal(sfdp_parse(image, sizeof(image), &facts), 0);
    assert_int_equal(facts.suspend, 0);
    (void)setup(NULL);
    put_basic(13, 0x757a7530);
    assert_int_equal(sfdp_parse(image, sizeof(image), &facts), 0);
    assert_int_equal(facts.suspend, 0);
    (void)setup(NULL);
    image[0] = 'X';
    assert_int_equal(sfdp_parse(image, sizeof(image), &facts), -EINVAL);
}

/* Images of every length, each in its own allocation: the address sanitizer sees a read past the end. */
static void truncated_images(void **state)
{
    (void)state;
    add_four_byte_table(0xffff);
    for (uint32_t bytes = 0; bytes <= sizeof(image); bytes++) {
        uint8_t *copy = malloc(bytes ? bytes : 1);
        int error;

        assert_non_null(copy);
        memcpy(copy, image, bytes);
        error = sfdp_parse(copy, bytes, &facts);
        assert_int_equal(error, bytes < BASIC + 16 * 4 ? -EINVAL : 0);
        assert_int_equal(facts.four_byte, bytes >= 0x88);
        free(copy);
    }
}

static void mutated_images(void **state)
{
    uint8_t *copy = malloc(sizeof(image));
    unsigned accepted = 0;

    (void)state;
    printf("seed 0x%x\n", SEED);
    srand(SEED);
    assert_non_null(copy);
    add_four_byte_table(0xffff);
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(copy, image, sizeof(image));
        for (int n = rand() % 8; n >= 0; n--)
            copy[(unsigned)rand() % (rand() % 2 ? 32 : sizeof(image))] = (uint8_t)rand();
        if (sfdp_parse(copy, sizeof(image), &facts))
            continue;
        accepted++;
        assert_true(facts.size_bytes && facts.size_bytes % 65536 == 0);
        assert_true(facts.page_bytes >= 256 && facts.page_bytes <= 32768);
        assert_true(facts.program.typical_us <= facts.program.most_us);
        assert_true(facts.erase_64k.typical_us <= facts.erase_64k.most_us);
        assert_true(!facts.suspend == !facts.resume);
    }
    printf("%u of %d images accepted\n", accepted, MUTATIONS);
    assert_true(accepted > MUTATIONS / 10 && accepted < MUTATIONS);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(issi_as_the_part_answers, setup),
        cmocka_unit_test_setup(table_and_sfdp_together, setup),
        cmocka_unit_test_setup(sfdp_of_another_size_is_not_believed, setup),
        cmocka_unit_test_setup(four_byte_opcodes_are_not_guessed, setup),
        cmocka_unit_test_setup(unknown_parts_live_by_sfdp, setup),
        cmocka_unit_test_setup(densities, setup),
        cmocka_unit_test_setup(contradictions, setup),
        cmocka_unit_test_setup(truncated_images, setup),
        cmocka_unit_test_setup(mutated_images, setup),
    };

    return cmocka_run_group_tests_name("SPI NOR parts", tests, NULL, NULL);
}
