/*
 * The SPI NOR driver on a strict chip: found in any state, used at random against a plain array, and in every bad
 * condition. The chip ends the test when the driver breaks a rule of NOR (tests/sim/nor_spi.h).
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

#include "hal/spi_nor.h"
#include "tests/sim/nor_spi.h"

#define MIB       (1u << 20)
#define BLOCK     65536u
#define IS25WP256 NOR_SPI_IS25WP256
#define IS25WP128 0x9d7018u
#define W25Q128   0xef4018u
#define MX25L128  0xc22018u
#define MT25QL128 0x20ba18u
#define UNKNOWN   0x3456u /* a part of 1 MiB in no table */
#define SEED      0x5b1u

static struct nor *nor;
static struct nor_spi chip;
static struct spi_nor driver;

/* Looking at the clock costs a microsecond, so that a loop that only looks at it ends. */
static uint64_t clock_us(void)
{
    nor_advance_ns(nor, 1000);
    return nor_now_us(nor);
}

static void part_new(uint32_t id)
{
    uint32_t size = (id & 0xff) == 0x19 ? 32 * MIB : 16 * MIB;
    struct nor_config config = nor_config_is25wp256((id >> 16) ? size : MIB);

    if (id == W25Q128)
        config.suspend_us = config.resume_gap_us = 20;
    nor_free(nor);
    nor = nor_new(&config);
    nor_spi_open(&chip, nor, id);
}

static int probe_with(uint32_t erase_bytes)
{
    const struct spi_nor_setup setup = {
        .spi = &chip.spi, .now_us = clock_us, .hz = 50000000, .erase_bytes = erase_bytes
    };
    int error = spi_nor_init(&driver, &setup);

    if (!error)
        assert_int_equal(flash_open_window(&driver.flash, 0, driver.flash.geometry.size_bytes), 0);
    return error;
}

static int probe(void)
{
    return probe_with(BLOCK);
}

static int setup(void **state)
{
    (void)state;
    part_new(IS25WP128);
    return 0;
}

static int setup_probed(void **state)
{
    setup(state);
    return probe();
}

static int teardown(void **state)
{
    (void)state;
    nor_free(nor);
    nor = NULL;
    return 0;
}

static struct flash_request request_of(enum flash_operation operation, uint32_t address, uint32_t bytes)
{
    return (struct flash_request){ .operation = operation, .address = address, .bytes = bytes };
}

static int program(uint32_t address, const void *from, uint32_t bytes)
{
    struct flash_request request = request_of(FLASH_PROGRAM, address, bytes);

    request.from = from;
    return flash_run(&driver.flash, &request);
}

static int erase(uint32_t address)
{
    struct flash_request request = request_of(FLASH_ERASE, address, driver.flash.geometry.erase_bytes);

    return flash_run(&driver.flash, &request);
}

static uint8_t pattern[BLOCK];

static void put_pattern(uint32_t address, uint32_t bytes)
{
    for (uint32_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (uint8_t)(i * 37 + i / 256);
    nor_load(nor, address, pattern, bytes);
}

static void reads_pattern(uint32_t address, uint32_t bytes)
{
    static uint8_t image[BLOCK];

    assert_int_equal(flash_read(&driver.flash, address, image, bytes), 0);
    assert_memory_equal(image, pattern, bytes);
}

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
    struct flash_request request = request_of(FLASH_ERASE, 0, BLOCK);
    uint8_t byte;

    (void)state;
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    chip.controller_dead = true;
    flash_poll(&driver.flash);
    assert_int_equal(request.status, -ETIMEDOUT);
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

static uint64_t read_us(uint32_t address)
{
    uint64_t start = nor_now_us(nor);
    uint8_t bytes[256];

    assert_int_equal(flash_read(&driver.flash, address, bytes, sizeof(bytes)), 0);
    return nor_now_us(nor) - start;
}

static void reads_overtake_an_erase(void **state)
{
    struct flash_request request = request_of(FLASH_ERASE, 0, BLOCK);
    uint8_t byte;

    (void)state;
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    flash_poll(&driver.flash);
    assert_int_equal(request.status, FLASH_PENDING);
    assert_in_range(read_us(BLOCK), 56, 120);
    assert_in_range(read_us(2 * BLOCK), 1, 60);
    assert_int_equal(flash_read(&driver.flash, BLOCK - 1, &byte, 2), -EBUSY);
    flash_poll(&driver.flash);
    assert_in_range(read_us(BLOCK), 448 + 56, 448 + 130);
    assert_int_equal(nor->counters.suspends, 2);
    while (request.status == FLASH_PENDING)
        flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
    assert_int_equal(nor->operation.kind, NOR_IDLE);
}

static void reads_overtake_a_program(void **state)
{
    struct flash_request request = request_of(FLASH_PROGRAM, 5, 1000);

    (void)state;
    put_pattern(BLOCK, 256);
    request.from = pattern;
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    while (request.status == FLASH_PENDING) {
        (void)read_us(BLOCK);
        flash_poll(&driver.flash);
        flash_poll(&driver.flash);
    }
    assert_int_equal(request.status, 0);
    reads_pattern(5, 1000);
}

static void a_lost_resume_is_noticed(void **state)
{
    struct flash_request request = request_of(FLASH_ERASE, 0, BLOCK);

    (void)state;
    put_pattern(0, 100);
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    (void)read_us(BLOCK);
    chip.loses_next_resume = true;
    while (request.status == FLASH_PENDING)
        flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
    assert_int_equal(nor->operation.kind, NOR_IDLE);
    assert_int_equal(nor->cells[0], 0xff);
}

static void a_lost_suspend_has_a_bound(void **state)
{
    struct flash_request request = request_of(FLASH_ERASE, 0, BLOCK);
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
    struct flash_request request = request_of(FLASH_ERASE, 0, BLOCK);
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
    struct flash_request request = request_of(FLASH_ERASE, 0, BLOCK);

    (void)state;
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    (void)read_us(BLOCK);
    nor_advance_ns(nor, 10000000000);
    while (request.status == FLASH_PENDING)
        flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
}

static void no_suspend_where_none_is_known(void **state)
{
    struct flash_request request = request_of(FLASH_ERASE, 0, BLOCK);
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
        assert_in_range(read_us(0), 5, 30);
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

/* ---- At random, against a plain array ---- */

#define PLAY_BLOCKS 4u
#define PLAY        (PLAY_BLOCKS * BLOCK)

static uint8_t model[PLAY], image[PLAY];

static void check_read(const struct flash_request *other)
{
    uint32_t address = (uint32_t)rand() % PLAY, bytes = 1 + (uint32_t)rand() % 600;
    int expected;

    bytes = bytes < PLAY - address ? bytes : PLAY - address;
    expected = other && address < other->address + other->bytes && other->address < address + bytes ? -EBUSY : 0;
    assert_int_equal(flash_read(&driver.flash, address, image, bytes), expected);
    if (!expected)
        assert_memory_equal(image, model + address, bytes);
}

static void play(struct flash_request *request)
{
    assert_int_equal(flash_start(&driver.flash, request), 0);
    while (request->status == FLASH_PENDING) {
        if (rand() % 4 == 0)
            check_read(request);
        nor_advance_ns(nor, (uint64_t)(rand() % 3) * 1000 * (uint64_t)(rand() % 20000));
        flash_poll(&driver.flash);
    }
    assert_int_equal(request->status, 0);
}

static void play_random(void)
{
    static uint8_t data[PLAY];
    uint32_t address = (uint32_t)rand() % PLAY, bytes = 1 + (uint32_t)rand() % 900;
    struct flash_request request = request_of(FLASH_ERASE, address - address % BLOCK, BLOCK);

    if (rand() % 6 == 0) {
        play(&request);
        memset(model + request.address, 0xff, BLOCK);
        return;
    }
    bytes = bytes < PLAY - address ? bytes : PLAY - address;
    for (uint32_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(rand() & model[address + i]);
    request = request_of(FLASH_PROGRAM, address, bytes);
    request.from = data;
    play(&request);
    memcpy(model + address, data, bytes);
}

static void random_operations(void **state)
{
    static const uint32_t ids[] = { IS25WP128, IS25WP256, W25Q128, MT25QL128, MX25L128 };

    (void)state;
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        printf("part %06x, seed 0x%x\n", ids[i], SEED + i);
        srand(SEED + i);
        part_new(ids[i]);
        assert_int_equal(probe(), 0);
        memset(model, 0xff, sizeof(model));
        put_pattern(PLAY, BLOCK);
        for (int n = 0; n < 600; n++) {
            play_random();
            check_read(NULL);
            if (n == 300)
                assert_true(spi_nor_try_quad(&driver));
        }
        assert_memory_equal(nor->cells, model, sizeof(model));
        assert_int_equal(nor->violations, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_is25wp256, setup, teardown),
        cmocka_unit_test_setup_teardown(small_erases, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_part_with_sfdp, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_there, setup, teardown),
        cmocka_unit_test_setup_teardown(sfdp_garbage, setup, teardown),
        cmocka_unit_test_setup_teardown(found_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(found_busy_for_ever, setup, teardown),
        cmocka_unit_test_setup_teardown(found_asleep, setup, teardown),
        cmocka_unit_test_setup_teardown(found_suspended, setup, teardown),
        cmocka_unit_test_setup_teardown(found_suspended_for_good, setup, teardown),
        cmocka_unit_test_setup_teardown(volatile_state_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(protection_at_the_top, setup, teardown),
        cmocka_unit_test_setup_teardown(protection_at_the_bottom, setup, teardown),
        cmocka_unit_test_setup_teardown(protection_that_is_not_understood, setup, teardown),
        cmocka_unit_test_setup_teardown(protection_that_came_later, setup_probed, teardown),
        cmocka_unit_test_setup_teardown(write_enable_that_does_not_take, setup_probed, teardown),
        cmocka_unit_test_setup_teardown(failed_operations, setup, teardown),
        cmocka_unit_test_setup_teardown(a_part_that_stays_busy, setup_probed, teardown),
        cmocka_unit_test_setup_teardown(a_controller_that_dies, setup_probed, teardown),
        cmocka_unit_test_setup_teardown(power_cuts_end, setup_probed, teardown),
        cmocka_unit_test_setup_teardown(reads_overtake_an_erase, setup_probed, teardown),
        cmocka_unit_test_setup_teardown(reads_overtake_a_program, setup_probed, teardown),
        cmocka_unit_test_setup_teardown(a_lost_resume_is_noticed, setup_probed, teardown),
        cmocka_unit_test_setup_teardown(a_lost_suspend_has_a_bound, setup_probed, teardown),
        cmocka_unit_test_setup_teardown(a_late_suspend_is_not_the_end, setup_probed, teardown),
        cmocka_unit_test_setup_teardown(suspended_time_is_not_held_against_the_part, setup_probed, teardown),
        cmocka_unit_test_setup_teardown(no_suspend_where_none_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(quad_after_a_proof, setup, teardown),
        cmocka_unit_test_setup_teardown(quad_that_does_not_work, setup_probed, teardown),
        cmocka_unit_test_setup_teardown(random_operations, setup, teardown),
    };

    return cmocka_run_group_tests_name("SPI NOR driver", tests, NULL, NULL);
}
