/*
 * The SPI NOR driver on one strict part of each maker and size that hal/spi_nor_parts.c lists: found with and without
 * SFDP, used, read during an erase where it can be suspended, and left as it was found: protection bits and the
 * quad-enable bit are never touched, with protection in any form.
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

#include "tests/host/spi_rig.h"

#define BYTES      3000u
#define BP_LEVELS  32u
#define SFDP_4BAIT 0x80u

enum sfdp { NO_SFDP, SFDP_3_BYTE, SFDP_4_BYTE };

static const struct part {
    const char *name;
    uint32_t id, size;
    uint8_t protect_bits; /* of the status register */
    bool needs_sfdp;      /* parts with this id exist without the opcodes that its size needs */
    bool tells_errors;
} parts[] = {
    { "IS25LP128", 0x9d6018, 16 * MIB, 0x3c, false, true },  { "IS25WP128", 0x9d7018, 16 * MIB, 0x3c, false, true },
    { "IS25LP256", 0x9d6019, 32 * MIB, 0x3c, false, true },  { "IS25WP256", 0x9d7019, 32 * MIB, 0x3c, false, true },
    { "W25Q128JV", 0xef4018, 16 * MIB, 0x3c, false, false }, { "W25Q128FW", 0xef6018, 16 * MIB, 0x3c, false, false },
    { "W25Q256JV", 0xef4019, 32 * MIB, 0x3c, true, false },  { "W25Q256JW", 0xef6019, 32 * MIB, 0x3c, true, false },
    { "MT25QL128", 0x20ba18, 16 * MIB, 0x5c, false, true },  { "MT25QU128", 0x20bb18, 16 * MIB, 0x5c, false, true },
    { "MT25QL256", 0x20ba19, 32 * MIB, 0x5c, true, true },   { "MT25QU256", 0x20bb19, 32 * MIB, 0x5c, true, true },
    { "MX25L128", 0xc22018, 16 * MIB, 0x3c, false, true },   { "MX25U128", 0xc22538, 16 * MIB, 0x3c, false, true },
    { "MX25L256", 0xc22019, 32 * MIB, 0x3c, true, true },    { "MX25U256", 0xc22539, 32 * MIB, 0x3c, true, true },
    { "GD25Q128", 0xc84018, 16 * MIB, 0x3c, false, false },  { "GD25LQ128", 0xc86018, 16 * MIB, 0x3c, false, false },
    { "GD25Q256", 0xc84019, 32 * MIB, 0x3c, true, false },   { "GD25LQ256", 0xc86019, 32 * MIB, 0x3c, true, false },
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void put32(uint32_t at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        chip.sfdp[at + i] = (uint8_t)(value >> (8 * i));
}

/* JESD216 "4-byte Address Instruction Table": a second header, and both DWORDs. */
static void add_four_byte_table(void)
{
    static const uint8_t header[8] = { 0x84, 0, 1, 2, SFDP_4BAIT, 0, 0, 0xff };

    memcpy(chip.sfdp + 16, header, sizeof(header));
    chip.sfdp[6] = 1;
    put32(SFDP_4BAIT, 0xffff);
    put32(SFDP_4BAIT + 4, 0xffdc5c21);
}

static int open_part(const struct part *part, enum sfdp sfdp)
{
    part_new(part->id);
    if (sfdp == NO_SFDP)
        chip.sfdp_bytes = 0;
    else if (sfdp == SFDP_4_BYTE)
        add_four_byte_table();
    return probe();
}

static uint8_t got[BYTES];

/* In the last 64 KiB, which 3 address bytes would not reach on the larger parts. */
static void use(const struct part *part)
{
    uint32_t at = part->size - BLOCK;

    assert_int_equal(erase(at), 0);
    assert_int_equal(program(at + 77, pattern, BYTES), 0);
    assert_int_equal(flash_read(&driver.flash, at + 77, got, BYTES), 0);
    assert_memory_equal(got, pattern, BYTES);
    if (part->size > 16 * MIB) {
        assert_int_equal(flash_read(&driver.flash, at - 16 * MIB + 77, got, BYTES), 0);
        for (uint32_t i = 0; i < BYTES; i++)
            assert_int_equal(got[i], 0xff);
    }
    assert_int_equal(erase(at), 0);
    assert_int_equal(flash_read(&driver.flash, at + 77, got, 1), 0);
    assert_int_equal(got[0], 0xff);
}

static int prepare(void **state)
{
    (void)state;
    rig_pattern(pattern, sizeof(pattern));
    return 0;
}

static void test_found_and_used(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PARTS; i++) {
        assert_int_equal(open_part(&parts[i], SFDP_4_BYTE), 0);
        assert_int_equal(driver.flash.geometry.size_bytes, parts[i].size);
        assert_int_equal(driver.facts.protect_bits, parts[i].protect_bits);
        use(&parts[i]);
    }
}

static void test_without_sfdp(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PARTS; i++) {
        int error = open_part(&parts[i], NO_SFDP);

        assert_int_equal(error, parts[i].needs_sfdp ? -ENOTSUP : 0);
        if (!error)
            use(&parts[i]);
    }
}

static void test_read_overtakes_an_erase(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PARTS; i++) {
        struct flash_request erase = { .operation = FLASH_ERASE, .address = 0, .bytes = BLOCK };
        uint64_t before;

        assert_int_equal(open_part(&parts[i], SFDP_4_BYTE), 0);
        assert_true(driver.flash.geometry.can_suspend);
        nor_load(nor, 2 * BLOCK, pattern, BYTES);
        assert_int_equal(flash_start(&driver.flash, &erase), 0);
        before = nor_now_us(nor);
        assert_int_equal(flash_read(&driver.flash, 2 * BLOCK, got, BYTES), 0);
        assert_memory_equal(got, pattern, BYTES);
        assert_true(nor_now_us(nor) - before < 2000);
        while (erase.status == FLASH_PENDING)
            flash_poll(&driver.flash);
        assert_int_equal(erase.status, 0);
    }
}

static void test_failures_that_the_part_tells(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PARTS; i++) {
        if (!parts[i].tells_errors)
            continue;
        assert_int_equal(open_part(&parts[i], SFDP_4_BYTE), 0);
        nor_fail_at(nor, 1);
        assert_int_equal(erase(0), -EIO);
        assert_int_equal(erase(0), 0);
        nor_fail_at(nor, 1);
        assert_int_equal(program(0, pattern, 256), -EIO);
    }
}

/*
 * Whatever the bits say at start: they say it at the end, and no byte under them has changed. Only where their meaning is
 * known may a part of the flash still be written.
 */
static void test_protection_is_left_as_found(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PARTS; i++) {
        assert_int_equal(open_part(&parts[i], SFDP_4_BYTE), 0);
        for (unsigned level = 0; level < BP_LEVELS; level++) {
            bool understood = parts[i].id >> 16 == 0x9d, any = (level << 2 & parts[i].protect_bits) != 0;
            int error;

            chip.protect = (uint8_t)(level << 2);
            error = spi_nor_init(&driver, &driver.setup);
            assert_int_equal(error, 0);
            assert_int_equal(flash_open_window(&driver.flash, 0, parts[i].size), 0);
            nor_load(nor, parts[i].size - BYTES, pattern, BYTES);
            error = erase(parts[i].size - BLOCK);
            if (any)
                assert_int_equal(error, -EROFS);
            error = program(0, pattern, 16);
            if (any && !understood)
                assert_int_equal(error, -EROFS);
            assert_int_equal(chip.protect, level << 2);
            assert_int_equal(flash_read(&driver.flash, parts[i].size - BYTES, got, BYTES), 0);
            if (any)
                assert_memory_equal(got, pattern, BYTES);
        }
    }
}

/* Locks of single blocks in place of the BP bits, and BP bits turned about: everything is taken to be protected. */
static void test_other_protection_is_honoured(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PARTS; i++) {
        uint32_t maker = parts[i].id >> 16;
        bool can_turn = maker == 0xef || maker == 0xc8, can_lock = maker == 0xef || maker == 0xc2;

        for (unsigned which = 0; which < 2; which++) {
            if (!(which ? can_lock : can_turn))
                continue;
            assert_int_equal(open_part(&parts[i], SFDP_4_BYTE), 0);
            chip.protect_turned = !which;
            chip.protect_single = which;
            assert_int_equal(spi_nor_init(&driver, &driver.setup), 0);
            assert_int_equal(flash_open_window(&driver.flash, 0, parts[i].size), 0);
            assert_int_equal(erase(0), -EROFS);
            assert_int_equal(program(parts[i].size - 1, pattern, 1), -EROFS);
            assert_true(chip.protect_turned || chip.protect_single);
        }
    }
}

/* Four lanes only if reads prove them; a part whose quad-enable bit is clear is used by one lane and not changed. */
static void test_quad_enable_is_left_as_found(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PARTS; i++) {
        for (unsigned enabled = 0; enabled < 2; enabled++) {
            assert_int_equal(open_part(&parts[i], SFDP_4_BYTE), 0);
            chip.quad_enable = enabled;
            nor_load(nor, 0, pattern, BYTES);
            assert_int_equal(spi_nor_try_quad(&driver), enabled);
            assert_int_equal(flash_read(&driver.flash, 5, got, BYTES - 5), 0);
            assert_memory_equal(got, pattern + 5, BYTES - 5);
            assert_int_equal(chip.quad_enable, enabled);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_found_and_used, prepare, rig_teardown),
        cmocka_unit_test_setup_teardown(test_without_sfdp, prepare, rig_teardown),
        cmocka_unit_test_setup_teardown(test_read_overtakes_an_erase, prepare, rig_teardown),
        cmocka_unit_test_setup_teardown(test_failures_that_the_part_tells, prepare, rig_teardown),
        cmocka_unit_test_setup_teardown(test_protection_is_left_as_found, prepare, rig_teardown),
        cmocka_unit_test_setup_teardown(test_other_protection_is_honoured, prepare, rig_teardown),
        cmocka_unit_test_setup_teardown(test_quad_enable_is_left_as_found, prepare, rig_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
