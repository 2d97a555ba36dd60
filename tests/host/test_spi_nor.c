/*
 * The SPI NOR driver on a strict chip: found in any state and left as it was found, its protection, and four lanes. The chip
 * ends the test when the driver breaks a rule of NOR (tests/sim/nor_spi.h).
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

#define SEED 0x5b1u

/* ---- Finding the part ---- */

static void finds_is25wp256(void **state)
{
    (void)state;
    for (int with_sfdp = 0; with_sfdp < 2; with_sfdp++) {
        part_new(IS25WP256);
        if (!with_sfdp)
            chip.sfdp_bytes = 0;
        assert_int_equal(probe(), 0);
        assert_int_equal(driver.id, IS25WP256);
        assert_int_equal(driver.flash.geometry.size_bytes, 32 * MIB);
        assert_int_equal(driver.flash.geometry.erase_bytes, BLOCK);
        assert_int_equal(driver.flash.geometry.program_bytes, 256);
        assert_int_equal(driver.flash.geometry.program_typical_us, 200);
        assert_int_equal(driver.flash.geometry.erase_typical_us, 304000);
        assert_true(driver.flash.geometry.can_suspend);
        assert_int_equal(driver.flash.window_bytes, 32 * MIB);
        assert_int_equal(driver.address_bytes, 4);
        put_pattern(31 * MIB + 77, 1000);
        reads_pattern(31 * MIB + 77, 1000);
        assert_int_equal(erase(31 * MIB), 0);
        assert_int_equal(program(31 * MIB + 200, pattern, 500), 0);
        reads_pattern(31 * MIB + 200, 500);
        assert_int_equal(nor_wear(nor, 31 * MIB), 1);
        assert_int_equal(nor_wear(nor, 15 * MIB), 0);
    }
}

static void small_erases(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        part_new(i ? IS25WP256 : IS25WP128);
        assert_int_equal(probe_with(4096), 0);
        assert_int_equal(driver.flash.geometry.erase_bytes, 4096);
        assert_int_equal(driver.flash.geometry.erase_typical_us, 48000);
        assert_int_equal(erase(3 * 4096), 0);
        assert_int_equal(nor_wear(nor, 3 * 4096), 1);
        assert_int_equal(nor_wear(nor, 4 * 4096), 0);
        assert_int_equal(nor->counters.erase_bytes, 4096);
    }
}

static void unknown_part_with_sfdp(void **state)
{
    (void)state;
    part_new(UNKNOWN);
    assert_int_equal(probe(), 0);
    assert_int_equal(driver.flash.geometry.size_bytes, MIB);
    assert_int_equal(program(MIB - 10, "0123456789", 10), 0);
    chip.sfdp_bytes = 0;
    assert_int_equal(probe(), -ENOTSUP);
}

static void nobody_there(void **state)
{
    uint64_t start = nor_now_us(nor);

    (void)state;
    chip.absent = true;
    assert_int_equal(probe(), -ENODEV);
    assert_in_range(nor_now_us(nor) - start, 0, 1000);
    chip.absent = false;
    chip.stuck_low = true;
    assert_int_equal(probe(), -ENODEV);
    chip.stuck_low = false;
    chip.controller_dead = true;
    assert_int_equal(probe(), -ETIMEDOUT);
    chip.controller_dead = false;
    chip.id = 0xffffff;
    assert_int_equal(probe(), -ENODEV);
    chip.id = 0x010203;
    chip.sfdp_bytes = 0;
    assert_int_equal(probe(), -ENOTSUP);
}

static void sfdp_garbage(void **state)
{
    (void)state;
    printf("seed 0x%x\n", SEED);
    srand(SEED);
    for (int run = 0; run < 200; run++) {
        for (uint32_t i = run % 2 ? 0 : 8; i < NOR_SPI_SFDP_BYTES; i++)
            chip.sfdp[i] = (uint8_t)rand();
        assert_int_equal(probe(), 0);
        assert_int_equal(driver.flash.geometry.size_bytes, 16 * MIB);
        assert_int_equal(driver.flash.geometry.program_bytes, 256);
        assert_true(driver.erase.most_us >= driver.erase.typical_us);
    }
}

static void found_busy(void **state)
{
    (void)state;
    assert_int_equal(nor_erase_begin(nor, 0, BLOCK), 0);
    put_pattern(BLOCK, 100);
    assert_int_equal(probe(), 0);
    assert_true(nor_now_us(nor) > 304000);
    assert_int_equal(nor->operation.kind, NOR_IDLE);
    reads_pattern(BLOCK, 100);
}

static void found_busy_for_ever(void **state)
{
    (void)state;
    nor_stick_at(nor, 1);
    assert_int_equal(nor_erase_begin(nor, 0, BLOCK), 0);
    assert_int_equal(probe(), -ETIMEDOUT);
    assert_in_range(nor_now_us(nor), 4000000, 4100000);
}

static void found_asleep(void **state)
{
    (void)state;
    chip.sleeping = true;
    assert_int_equal(probe(), 0);
    assert_false(chip.sleeping);
    chip.continuous_read = true;
    assert_int_equal(probe(), 0);
    assert_false(chip.continuous_read);
}

static void suspend_an_erase(uint32_t id)
{
    part_new(id);
    put_pattern(0, BLOCK);
    assert_int_equal(nor_erase_begin(nor, 0, BLOCK), 0);
    assert_true(nor_suspend(nor));
}

/* It goes on to its end, whether the part can say that it is suspended or not. */
static void found_suspended(void **state)
{
    static const uint32_t ids[] = { IS25WP256, W25Q128, MX25L128, UNKNOWN };

    (void)state;
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        suspend_an_erase(ids[i]);
        chip.protect = 1 << 2;
        assert_int_equal(probe(), 0);
        assert_int_equal(nor->operation.kind, NOR_IDLE);
        memset(pattern, 0xff, BLOCK);
        reads_pattern(0, BLOCK);
        assert_int_equal(chip.protect, 1 << 2);
    }
}

/* No way to resume is known, or no id is answered: a reset gives the erase up, and the block is torn as by a power cut. */
static void found_suspended_for_good(void **state)
{
    (void)state;
    for (int mute = 0; mute < 2; mute++) {
        suspend_an_erase(mute ? IS25WP128 : MT25QL128);
        chip.mute_suspended = mute;
        chip.sfdp_bytes = mute ? chip.sfdp_bytes : 0;
        assert_int_equal(probe(), 0);
        assert_int_equal(nor->operation.kind, NOR_IDLE);
        assert_int_equal(erase(0), 0);
    }
}

/* What lasts until power is off, and a reset would end: the board's own boot stage may count on it. */
static void volatile_state_is_left(void **state)
{
    (void)state;
    part_new(IS25WP256);
    chip.four_byte_mode = true;
    chip.protect = 8 << 2;
    chip.protect_bottom = true;
    assert_int_equal(probe(), 0);
    assert_int_equal(erase(128 * BLOCK - 1), -EINVAL);
    assert_int_equal(erase(127 * BLOCK), -EROFS);
    assert_int_equal(erase(128 * BLOCK), 0);
    assert_int_equal(program(31 * MIB, "x", 1), 0);
    assert_true(chip.four_byte_mode);
    assert_int_equal(chip.protect, 8 << 2);
}

/* ---- Protection ---- */

static void protection_at_the_top(void **state)
{
    uint32_t last = 16 * MIB - BLOCK;

    (void)state;
    chip.protect = 1 << 2;
    assert_int_equal(probe(), 0);
    assert_int_equal(spi_nor_writable(&driver, 0, last), 0);
    assert_int_equal(spi_nor_writable(&driver, 0, last + 1), -EROFS);
    assert_int_equal(spi_nor_writable(&driver, last, BLOCK), -EROFS);
    assert_int_equal(erase(last), -EROFS);
    assert_int_equal(program(last + 100, "x", 1), -EROFS);
    assert_int_equal(program(last - 1, "xy", 2), -EROFS);
    assert_int_equal(program(last - 1, "x", 1), 0);
    assert_int_equal(chip.protect, 1 << 2);
    assert_int_equal(nor->operations, 1);
}

static void protection_at_the_bottom(void **state)
{
    (void)state;
    chip.protect = 3 << 2;
    chip.protect_bottom = true;
    assert_int_equal(probe(), 0);
    assert_int_equal(erase(3 * BLOCK), -EROFS);
    assert_int_equal(erase(4 * BLOCK), 0);
    chip.protect = 9 << 2;
    assert_int_equal(probe(), 0);
    assert_int_equal(spi_nor_writable(&driver, 16 * MIB - 1, 1), -EROFS);
}

static void protection_that_is_not_understood(void **state)
{
    (void)state;
    part_new(W25Q128);
    chip.protect = 1 << 2;
    assert_int_equal(probe(), 0);
    assert_int_equal(spi_nor_writable(&driver, 0, 1), -EROFS);
    assert_int_equal(erase(8 * MIB), -EROFS);
    chip.protect = 0;
    chip.protect_turned = true;
    assert_int_equal(probe(), 0);
    assert_int_equal(erase(8 * MIB), -EROFS);
    chip.protect_turned = false;
    assert_int_equal(probe(), 0);
    assert_int_equal(erase(8 * MIB), 0);
}

/* BP bits that somebody set behind our back: the part refuses, and says so. */
static void protection_that_came_later(void **state)
{
    (void)state;
    chip.protect = 0xf << 2;
    assert_int_equal(erase(0), -EIO);
    chip.protect = 0;
    assert_int_equal(erase(0), 0);
}

/* ---- Four lanes ---- */

static void quad_after_a_proof(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        part_new(i ? IS25WP256 : IS25WP128);
        assert_int_equal(probe(), 0);
        assert_false(spi_nor_try_quad(&driver));
        put_pattern(9 * BLOCK, BLOCK);
        assert_true(spi_nor_try_quad(&driver));
        assert_true(spi_nor_try_quad(&driver));
        assert_int_equal(driver.read_lanes, 4);
        reads_pattern(9 * BLOCK, 5000);
        assert_in_range(rig_read_us(&driver.flash, 0), 5, 30);
    }
}

static void quad_that_does_not_work(void **state)
{
    (void)state;
    put_pattern(9 * BLOCK, BLOCK);
    chip.quad_miswired = true;
    assert_false(spi_nor_try_quad(&driver));
    reads_pattern(9 * BLOCK, 5000);
    chip.quad_miswired = false;
    chip.quad_wraps = true;
    assert_false(spi_nor_try_quad(&driver));
    chip.quad_wraps = false;
    chip.quad_enable = false;
    assert_false(spi_nor_try_quad(&driver));
    reads_pattern(9 * BLOCK, 5000);
    assert_int_equal(driver.read_lanes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_is25wp256, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(small_erases, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(unknown_part_with_sfdp, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(nobody_there, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(sfdp_garbage, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(found_busy, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(found_busy_for_ever, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(found_asleep, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(found_suspended, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(found_suspended_for_good, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(volatile_state_is_left, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(protection_at_the_top, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(protection_at_the_bottom, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(protection_that_is_not_understood, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(protection_that_came_later, setup_probed, rig_teardown),
        cmocka_unit_test_setup_teardown(quad_after_a_proof, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(quad_that_does_not_work, setup_probed, rig_teardown),
    };

    return cmocka_run_group_tests_name("SPI NOR driver: finding", tests, NULL, NULL);
}
