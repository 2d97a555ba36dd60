/*
 * The SPI NOR driver on a strict chip: used at random against a plain array, in every bad condition, and with reads that
 * overtake. The chip ends the test when the driver breaks a rule of NOR (tests/sim/nor_spi.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/host/spi_rig.h"

#define SEED 0x5b1u

/* ---- Bad conditions ---- */

static void write_enable_that_does_not_take(void **state)
{
    (void)state;
    chip.never_write_enables = true;
    assert_int_equal(erase(0), -EIO);
    assert_int_equal(program(0, "x", 1), -EIO);
    chip.never_write_enables = false;
    assert_int_equal(program(0, "x", 1), 0);
    assert_int_equal(driver.flash.counters.failures, 2);
}

static void failed_operations(void **state)
{
    static const uint32_t ids[] = { IS25WP128, MT25QL128, MX25L128 };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        part_new(ids[i]);
        assert_int_equal(probe(), 0);
        nor_fail_at(nor, 1);
        assert_int_equal(erase(0), -EIO);
        assert_int_equal(erase(0), 0);
        nor_fail_at(nor, 3);
        assert_int_equal(program(0, pattern, 1024), -EIO);
        assert_int_equal(nor->operations, 5);
        assert_int_equal(erase(0), 0);
        assert_int_equal(program(0, pattern, 1024), 0);
    }
}

static void a_part_that_stays_busy(void **state)
{
    uint8_t byte;
    uint64_t start;

    (void)state;
    nor_stick_at(nor, 1);
    start = nor_now_us(nor);
    assert_int_equal(erase(0), -ETIMEDOUT);
    assert_in_range(nor_now_us(nor) - start, 2 * 2432000, 2 * 2432000 + 100);
    assert_int_equal(flash_read(&driver.flash, BLOCK, &byte, 1), -EBUSY);
    assert_int_equal(program(0, "x", 1), -EBUSY);
    nor_advance_ns(nor, FLASH_STUCK_US * 1000ull);
    assert_int_equal(flash_read(&driver.flash, BLOCK, &byte, 1), -ETIMEDOUT);
    assert_int_equal(program(0, "x", 1), -ETIMEDOUT);
    nor_power_cut(nor, NOR_TEAR_LOST);
    nor_spi_power_on(&chip);
    assert_int_equal(flash_read(&driver.flash, BLOCK, &byte, 1), 0);
    nor_stick_at(nor, 2);
    start = nor_now_us(nor);
    assert_int_equal(program(0, pattern, 512), -ETIMEDOUT);
    assert_in_range(nor_now_us(nor) - start, 2 * 1200, 2 * 1200 + 400);
}

static void a_controller_that_dies(void **state)
{
    struct flash_request request = rig_request(FLASH_ERASE, 0, BLOCK);
    uint8_t byte;

    (void)state;
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    chip.controller_dead = true;
    flash_poll(&driver.flash);
    assert_int_equal(request.status, -ETIMEDOUT);
    nor->operation.end_ns += FLASH_STUCK_US * 1000ull;
    assert_int_equal(flash_read(&driver.flash, 0, &byte, 1), -EBUSY);
    nor_advance_ns(nor, FLASH_STUCK_US * 1000ull);
    assert_int_equal(flash_read(&driver.flash, 0, &byte, 1), -ETIMEDOUT);
    assert_int_equal(erase(0), -ETIMEDOUT);
    /* It is back, and the erase that nobody watched is still going on. */
    chip.controller_dead = false;
    assert_int_equal(flash_read(&driver.flash, BLOCK, &byte, 1), -ETIMEDOUT);
    assert_true(nor_advance_to_end(nor));
    assert_int_equal(flash_read(&driver.flash, BLOCK, &byte, 1), 0);
    assert_int_equal(erase(0), 0);
}

static void power_cuts_end(void **state)
{
    uint8_t byte;

    (void)state;
    put_pattern(0, 1000);
    nor_cut_at(nor, 2, NOR_TEAR_RANDOM);
    assert_true(program(BLOCK, pattern, 1000) < 0);
    assert_true(program(BLOCK, pattern, 1000) < 0);
    assert_true(flash_read(&driver.flash, 0, &byte, 1) < 0);
    nor_spi_power_on(&chip);
    assert_int_equal(probe(), 0);
    reads_pattern(0, 1000);
}

/* ---- Suspend ---- */

static void reads_overtake_an_erase(void **state)
{
    struct flash_request request = rig_request(FLASH_ERASE, 0, BLOCK);
    uint8_t byte;

    (void)state;
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    flash_poll(&driver.flash);
    assert_int_equal(request.status, FLASH_PENDING);
    assert_in_range(rig_read_us(&driver.flash, BLOCK), 56, 120);
    assert_in_range(rig_read_us(&driver.flash, 2 * BLOCK), 1, 60);
    assert_int_equal(flash_read(&driver.flash, BLOCK - 1, &byte, 2), -EBUSY);
    flash_poll(&driver.flash);
    assert_in_range(rig_read_us(&driver.flash, BLOCK), 448 + 56, 448 + 130);
    assert_int_equal(nor->counters.suspends, 2);
    while (request.status == FLASH_PENDING)
        flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
    assert_int_equal(nor->operation.kind, NOR_IDLE);
}

static void reads_overtake_a_program(void **state)
{
    struct flash_request request = rig_request(FLASH_PROGRAM, 5, 1000);

    (void)state;
    put_pattern(BLOCK, 256);
    request.from = pattern;
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    while (request.status == FLASH_PENDING) {
        (void)rig_read_us(&driver.flash, BLOCK);
        flash_poll(&driver.flash);
        flash_poll(&driver.flash);
    }
    assert_int_equal(request.status, 0);
    reads_pattern(5, 1000);
}

static void a_lost_resume_is_noticed(void **state)
{
    struct flash_request request = rig_request(FLASH_ERASE, 0, BLOCK);

    (void)state;
    put_pattern(0, 100);
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    (void)rig_read_us(&driver.flash, BLOCK);
    chip.loses_next_resume = true;
    while (request.status == FLASH_PENDING)
        flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
    assert_int_equal(nor->operation.kind, NOR_IDLE);
    assert_int_equal(nor->cells[0], 0xff);
}

static void a_lost_suspend_has_a_bound(void **state)
{
    struct flash_request request = rig_request(FLASH_ERASE, 0, BLOCK);
    uint64_t start;
    uint8_t byte;

    (void)state;
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    chip.loses_next_suspend = true;
    start = nor_now_us(nor);
    assert_int_equal(flash_read(&driver.flash, BLOCK, &byte, 1), -ETIMEDOUT);
    assert_in_range(nor_now_us(nor) - start, 100, 400);
    while (request.status == FLASH_PENDING)
        flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
}

static void a_late_suspend_is_not_the_end(void **state)
{
    struct flash_request request = rig_request(FLASH_ERASE, 0, BLOCK);
    uint8_t byte;

    (void)state;
    put_pattern(0, BLOCK);
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    nor->config.suspend_us = 5000;
    assert_int_equal(flash_read(&driver.flash, BLOCK, &byte, 1), -ETIMEDOUT);
    while (request.status == FLASH_PENDING)
        flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
    assert_int_equal(nor->operation.kind, NOR_IDLE);
    assert_int_equal(nor->cells[0], 0xff);
}

static void suspended_time_is_not_held_against_the_part(void **state)
{
    struct flash_request request = rig_request(FLASH_ERASE, 0, BLOCK);

    (void)state;
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    (void)rig_read_us(&driver.flash, BLOCK);
    nor_advance_ns(nor, 10000000000);
    while (request.status == FLASH_PENDING)
        flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
}

static void no_suspend_where_none_is_known(void **state)
{
    struct flash_request request = rig_request(FLASH_ERASE, 0, BLOCK);
    uint8_t byte;

    (void)state;
    part_new(MX25L128);
    chip.sfdp_bytes = 0;
    assert_int_equal(probe(), 0);
    assert_false(driver.flash.geometry.can_suspend);
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    assert_int_equal(flash_read(&driver.flash, BLOCK, &byte, 1), -EBUSY);
    assert_true(nor_advance_to_end(nor));
    assert_int_equal(flash_read(&driver.flash, BLOCK, &byte, 1), 0);
    flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
}

/* ---- At random, against a plain array ---- */

static void random_operations(void **state)
{
    static const uint32_t ids[] = { IS25WP128, IS25WP256, W25Q128, MT25QL128, MX25L128 };

    (void)state;
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        printf("part %06x, seed 0x%x\n", ids[i], SEED + i);
        srand(SEED + i);
        part_new(ids[i]);
        assert_int_equal(probe(), 0);
        rig_play_begin();
        put_pattern(RIG_PLAY_BYTES, BLOCK);
        rig_play(&driver.flash, 300, 900);
        assert_true(spi_nor_try_quad(&driver));
        rig_play(&driver.flash, 300, 900);
        rig_play_end();
        assert_int_equal(nor->violations, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(write_enable_that_does_not_take, setup_probed, rig_teardown),
        cmocka_unit_test_setup_teardown(failed_operations, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(a_part_that_stays_busy, setup_probed, rig_teardown),
        cmocka_unit_test_setup_teardown(a_controller_that_dies, setup_probed, rig_teardown),
        cmocka_unit_test_setup_teardown(power_cuts_end, setup_probed, rig_teardown),
        cmocka_unit_test_setup_teardown(reads_overtake_an_erase, setup_probed, rig_teardown),
        cmocka_unit_test_setup_teardown(reads_overtake_a_program, setup_probed, rig_teardown),
        cmocka_unit_test_setup_teardown(a_lost_resume_is_noticed, setup_probed, rig_teardown),
        cmocka_unit_test_setup_teardown(a_lost_suspend_has_a_bound, setup_probed, rig_teardown),
        cmocka_unit_test_setup_teardown(a_late_suspend_is_not_the_end, setup_probed, rig_teardown),
        cmocka_unit_test_setup_teardown(suspended_time_is_not_held_against_the_part, setup_probed, rig_teardown),
        cmocka_unit_test_setup_teardown(no_suspend_where_none_is_known, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(random_operations, setup, rig_teardown),
    };

    return cmocka_run_group_tests_name("SPI NOR driver: use", tests, NULL, NULL);
}
