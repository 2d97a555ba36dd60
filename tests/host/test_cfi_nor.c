/*
 * The CFI driver on a strict bank of two Intel chips: the query good and broken, the bank in every bad condition, and
 * random operations against a plain array. The bank ends the test when the driver breaks a rule (tests/sim/nor_cfi.h).
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

#include "hal/cfi_nor.h"
#include "tests/host/flash_rig.h"
#include "tests/sim/nor_cfi.h"

#define BLOCK     RIG_BLOCK
#define BLOCKS    4u
#define SIZE      (BLOCK * BLOCKS)
#define BUFFER    1024u
#define SEED      0xcf1u
#define MUTATIONS 200000
#define SUSPEND   (NOR_CFI_SUSPEND_ERASE | NOR_CFI_SUSPEND_PROGRAM)

static struct nor_cfi bank;
static struct cfi_nor driver;

static void bank_new(unsigned features)
{
    struct nor_config config = nor_config_cfi(BLOCKS, BLOCK, BUFFER);

    rig_part(&config);
    nor_cfi_open(&bank, nor, features);
}

static int probe(void)
{
    int error = cfi_nor_init(&driver, &bank.bus, rig_clock_us);

    if (!error)
        assert_int_equal(flash_open_window(&driver.flash, 0, driver.flash.geometry.size_bytes), 0);
    return error;
}

static int setup(void **state)
{
    (void)state;
    bank_new(SUSPEND | NOR_CFI_LOCKS);
    return probe();
}

static int program(uint32_t address, const void *from, uint32_t bytes)
{
    return rig_program(&driver.flash, address, from, bytes);
}

static int erase(uint32_t address)
{
    return rig_erase(&driver.flash, address);
}

static uint8_t pattern[BLOCK], image[BLOCK];

/* ---- The query ---- */

static void geometry_from_the_query(void **state)
{
    const struct flash_geometry *geometry = &driver.flash.geometry;

    (void)state;
    assert_int_equal(geometry->size_bytes, SIZE);
    assert_int_equal(geometry->erase_bytes, BLOCK);
    assert_int_equal(geometry->program_bytes, BUFFER);
    assert_int_equal(geometry->program_typical_us, 512);
    assert_int_equal(geometry->erase_typical_us, 1024000);
    assert_true(geometry->can_suspend);
    assert_true(driver.facts.locks);
    bank_new(0);
    assert_int_equal(probe(), 0);
    assert_false(geometry->can_suspend);
    assert_false(driver.facts.locks);
}

/* What QEMU 7.2 answers on `virt`. */
static void query_of_qemu(void **state)
{
    static const uint8_t start[] = { 'Q',  'R', 'Y', 1,   0,  0x31, 0, 0,   0,   0,   0,    0x45, 0x55,
                                     0,    0,   7,   7,   10, 0,    4, 4,   4,   0,   0x18, 2,    0,
                                     0x0b, 0,   1,   127, 0,  0,    2, 'P', 'R', 'I', '1',  '0' };
    uint8_t query[CFI_QUERY_BYTES] = { 0 };
    struct cfi_facts facts;

    (void)state;
    memcpy(query + 0x10, start, sizeof(start));
    assert_int_equal(cfi_parse(query, sizeof(query), &facts), 0);
    assert_int_equal(facts.size_bytes, 16 << 20);
    assert_int_equal(facts.erase_bytes, 128 << 10);
    assert_int_equal(facts.buffer_bytes, 2048);
    assert_int_equal(facts.program_typical_us, 128);
    assert_int_equal(facts.program_most_us, 128 * 16);
    assert_int_equal(facts.erase_typical_us, 1024000);
    assert_int_equal(facts.erase_most_us, 1024000 * 16);
    assert_false(facts.suspend_erase || facts.suspend_program || facts.locks);
}

static int parse_with(uint32_t at, uint8_t value)
{
    uint8_t query[CFI_QUERY_BYTES];
    struct cfi_facts facts;

    memcpy(query, bank.query, sizeof(query));
    query[at] = value;
    return cfi_parse(query, sizeof(query), &facts);
}

static void broken_queries(void **state)
{
    (void)state;
    assert_int_equal(parse_with(0x10, 'q'), -ENODEV);
    assert_int_equal(parse_with(0x13, 2), -ENOTSUP);
    assert_int_equal(parse_with(0x13, 3), 0);
    assert_int_equal(parse_with(0x2c, 2), -ENOTSUP);
    assert_int_equal(parse_with(0x2a, 0), -ENOTSUP);
    assert_int_equal(parse_with(0x2a, 1), -EINVAL);
    assert_int_equal(parse_with(0x2a, 13), -EINVAL);
    assert_int_equal(parse_with(0x27, 40), -EINVAL);
    assert_int_equal(parse_with(0x27, 18), -EINVAL);
    assert_int_equal(parse_with(0x2d, 7), -EINVAL);
    assert_int_equal(parse_with(0x2f, 3), -EINVAL);
    assert_int_equal(parse_with(0x20, 0), -EINVAL);
    assert_int_equal(parse_with(0x24, 255), -EINVAL);
    assert_int_equal(parse_with(0x25, 16), -EINVAL);
    /* A primary table that is not there, or outside: no features, no failure. */
    assert_int_equal(parse_with(0x15, 0), 0);
    assert_int_equal(parse_with(0x15, 0xff), 0);
    assert_int_equal(parse_with(0x16, 0xff), 0);
    assert_int_equal(parse_with(0x31, 'X'), 0);
}

/* Each in its own allocation: the address sanitizer sees a read past the end. */
static void truncated_and_mutated_queries(void **state)
{
    struct cfi_facts facts;
    unsigned accepted = 0;

    (void)state;
    printf("seed 0x%x\n", SEED);
    srand(SEED);
    for (int i = 0; i < MUTATIONS; i++) {
        uint32_t bytes = i % 2 ? CFI_QUERY_BYTES : (uint32_t)i / 2 % (CFI_QUERY_BYTES + 1);
        uint8_t *query = malloc(bytes ? bytes : 1);

        assert_non_null(query);
        memcpy(query, bank.query, bytes);
        for (int n = rand() % 4; n > 0 && bytes; n--)
            query[(unsigned)rand() % bytes] = (uint8_t)rand();
        if (!cfi_parse(query, bytes, &facts)) {
            accepted++;
            assert_true(facts.buffer_bytes >= 4 && facts.buffer_bytes <= facts.erase_bytes);
            assert_int_equal(facts.size_bytes % facts.erase_bytes, 0);
            assert_true(facts.erase_typical_us <= facts.erase_most_us && facts.erase_most_us <= 65536000);
        }
        free(query);
    }
    printf("%u of %d queries accepted\n", accepted, MUTATIONS);
    assert_true(accepted > MUTATIONS / 10 && accepted < MUTATIONS);
}

/* ---- Finding the bank ---- */

static void nobody_there(void **state)
{
    (void)state;
    bank.absent = true;
    assert_int_equal(probe(), -ENODEV);
    bank.absent = false;
    bank.second_differs = true;
    assert_int_equal(probe(), -ENODEV);
    bank.second_differs = false;
    assert_int_equal(probe(), 0);
}

static void found_busy(void **state)
{
    (void)state;
    assert_int_equal(nor_erase_begin(nor, 0, BLOCK), 0);
    bank.operating = NOR_ERASE;
    assert_int_equal(probe(), 0);
    assert_int_equal(nor->operation.kind, NOR_IDLE);
    assert_int_equal(bank.mode, NOR_CFI_ARRAY);
    nor_stick_at(nor, 1);
    assert_int_equal(nor_erase_begin(nor, 0, BLOCK), 0);
    assert_int_equal(probe(), -ETIMEDOUT);
}

static void found_suspended(void **state)
{
    (void)state;
    assert_int_equal(nor_erase_begin(nor, 0, BLOCK), 0);
    bank.operating = NOR_ERASE;
    assert_true(nor_suspend(nor));
    nor_advance_ns(nor, 25000);
    assert_int_equal(probe(), 0);
    assert_int_equal(nor->operation.kind, NOR_IDLE);
    assert_int_equal(bank.mode, NOR_CFI_ARRAY);
}

static void found_with_errors(void **state)
{
    (void)state;
    bank.errors = 0x20;
    assert_int_equal(probe(), 0);
    assert_int_equal(erase(0), 0);
}

/* ---- Reading and programming ---- */

/* Every alignment of flash address, length and buffer; the edges may share their words with older data. */
static void alignments(void **state)
{
    uint8_t guarded[80];

    (void)state;
    rig_pattern(pattern, sizeof(pattern));
    for (uint32_t skip = 0; skip < 8; skip++) {
        for (uint32_t bytes = 1; bytes < 24; bytes++) {
            uint32_t address = BLOCK + (skip * 24 + bytes) * 64 + skip;

            assert_int_equal(program(address, pattern, bytes), 0);
            assert_int_equal(program(address + bytes, pattern + bytes, 3), 0);
            memset(guarded, 0xa5, sizeof(guarded));
            assert_int_equal(flash_read(&driver.flash, address, guarded + skip, bytes + 3), 0);
            assert_memory_equal(guarded + skip, pattern, bytes + 3);
            assert_int_equal(guarded[skip + bytes + 3], 0xa5);
            assert_true(!skip || guarded[skip - 1] == 0xa5);
        }
    }
}

static void direct_reads(void **state)
{
    uint8_t out[100];

    (void)state;
    rig_pattern(pattern, sizeof(pattern));
    assert_int_equal(program(BLOCK + 3, pattern, sizeof(pattern) / 2), 0);
    bank.bus.direct = (const volatile uint32_t *)(const void *)nor->cells;
    assert_int_equal(bank.mode, NOR_CFI_ARRAY);
    for (uint32_t skip = 0; skip < 8; skip++) {
        assert_int_equal(flash_read(&driver.flash, BLOCK + 3 + skip, out + skip % 4, 91), 0);
        assert_memory_equal(out + skip % 4, pattern + skip, 91);
    }
}

static void a_program_goes_buffer_by_buffer(void **state)
{
    (void)state;
    rig_pattern(pattern, sizeof(pattern));
    assert_int_equal(program(BUFFER - 100, pattern, 3 * BUFFER), 0);
    assert_int_equal(nor->counters.programs, 4);
    assert_int_equal(flash_read(&driver.flash, BUFFER - 100, image, 3 * BUFFER), 0);
    assert_memory_equal(image, pattern, 3 * BUFFER);
}

/* ---- Bad conditions ---- */

static void failed_operations(void **state)
{
    (void)state;
    nor_fail_at(nor, 1);
    assert_int_equal(erase(0), -EIO);
    assert_int_equal(bank.errors, 0);
    assert_int_equal(bank.mode, NOR_CFI_ARRAY);
    assert_int_equal(erase(0), 0);
    nor_fail_at(nor, 2);
    assert_int_equal(program(0, pattern, 3 * BUFFER), -EIO);
    assert_int_equal(nor->operations, 4);
    assert_int_equal(erase(0), 0);
    bank.second_fails_next = true;
    assert_int_equal(erase(0), -EIO);
    assert_int_equal(bank.errors_high, 0);
    assert_int_equal(erase(0), 0);
}

/* One chip is ready before the other: the operation has not ended. */
static void a_slow_second_chip(void **state)
{
    (void)state;
    bank.second_late_us = 3000;
    assert_int_equal(erase(0), 0);
    assert_true(nor->now_ns >= bank.second_ready_ns);
    rig_pattern(pattern, sizeof(pattern));
    assert_int_equal(program(0, pattern, 2 * BUFFER), 0);
    assert_true(nor->now_ns >= bank.second_ready_ns);
    bank.second_late_us = 60000000;
    assert_int_equal(erase(0), -ETIMEDOUT);
}

static void locks_that_the_query_hides(void **state)
{
    (void)state;
    bank_new(SUSPEND);
    assert_int_equal(probe(), 0);
    bank.locked[1] = true;
    assert_int_equal(erase(BLOCK), -EIO);
    assert_int_equal(program(BLOCK, "x", 1), -EIO);
    assert_int_equal(program(2 * BLOCK, "x", 1), 0);
    assert_int_equal(erase(0), 0);
}

static void a_bank_that_stays_busy(void **state)
{
    uint64_t start;

    (void)state;
    nor_stick_at(nor, 1);
    start = nor_now_us(nor);
    assert_int_equal(erase(0), -ETIMEDOUT);
    assert_in_range(nor_now_us(nor) - start, 2 * 4 * 1024000, 2 * 4 * 1024000 + 100);
    assert_int_equal(program(BLOCK, "x", 1), -EBUSY);
    assert_int_equal(flash_read(&driver.flash, BLOCK, image, 1), -EBUSY);
    nor_advance_ns(nor, FLASH_STUCK_US * 1000ull);
    assert_int_equal(program(BLOCK, "x", 1), -ETIMEDOUT);
    assert_int_equal(flash_read(&driver.flash, BLOCK, image, 1), -ETIMEDOUT);
    nor_power_cut(nor, NOR_TEAR_LOST);
    nor_cfi_power_on(&bank);
    assert_int_equal(flash_read(&driver.flash, BLOCK, image, 1), 0);
    nor_stick_at(nor, 2);
    assert_int_equal(program(0, pattern, 2 * BUFFER), -ETIMEDOUT);
}

static void power_cuts_end(void **state)
{
    (void)state;
    nor_cut_at(nor, 1, NOR_TEAR_RANDOM);
    assert_true(program(BLOCK, pattern, BUFFER) < 0);
    assert_true(erase(0) < 0);
    nor_cfi_power_on(&bank);
    assert_int_equal(probe(), 0);
    assert_int_equal(erase(BLOCK), 0);
}

/* ---- Suspend ---- */

static void reads_overtake_an_erase(void **state)
{
    struct flash_request request = rig_request(FLASH_ERASE, 0, BLOCK);

    (void)state;
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    nor_advance_ns(nor, 1000000);
    flash_poll(&driver.flash);
    assert_int_equal(request.status, FLASH_PENDING);
    assert_in_range(rig_read_us(&driver.flash, BLOCK), 25, 60);
    assert_in_range(rig_read_us(&driver.flash, BLOCK), 5, 10);
    assert_int_equal(flash_read(&driver.flash, 0, image, 1), -EBUSY);
    flash_poll(&driver.flash);
    assert_in_range(rig_read_us(&driver.flash, BLOCK), 500, 560);
    assert_int_equal(nor->counters.suspends, 2);
    nor_advance_ns(nor, 20000000000); /* suspended, which is not held against the bank */
    while (request.status == FLASH_PENDING)
        flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
    assert_int_equal(nor->operation.kind, NOR_IDLE);
}

static void a_lost_suspend_has_a_bound(void **state)
{
    struct flash_request request = rig_request(FLASH_ERASE, 0, BLOCK);

    (void)state;
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    bank.loses_next_suspend = true;
    assert_int_equal(flash_read(&driver.flash, BLOCK, image, 1), -ETIMEDOUT);
    while (request.status == FLASH_PENDING)
        flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
}

static void a_late_suspend_is_not_the_end(void **state)
{
    struct flash_request request = rig_request(FLASH_ERASE, 0, BLOCK);

    (void)state;
    memset(nor->cells, 0, 64);
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    nor_advance_ns(nor, 1000000);
    nor->config.suspend_us = 5000;
    assert_int_equal(flash_read(&driver.flash, BLOCK, image, 1), -ETIMEDOUT);
    while (request.status == FLASH_PENDING)
        flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
    assert_int_equal(nor->operation.kind, NOR_IDLE);
    assert_int_equal(nor->cells[0], 0xff);
}

static void no_suspend_where_the_query_has_none(void **state)
{
    struct flash_request request = rig_request(FLASH_ERASE, 0, BLOCK);

    (void)state;
    bank_new(NOR_CFI_SUSPEND_PROGRAM);
    assert_int_equal(probe(), 0);
    assert_int_equal(flash_start(&driver.flash, &request), 0);
    assert_int_equal(flash_read(&driver.flash, BLOCK, image, 1), -EBUSY);
    assert_true(nor_advance_to_end(nor));
    assert_int_equal(flash_read(&driver.flash, BLOCK, image, 1), 0);
    flash_poll(&driver.flash);
    assert_int_equal(request.status, 0);
}

/* ---- At random, against a plain array ---- */

static void random_operations(void **state)
{
    (void)state;
    for (unsigned run = 0; run < 4; run++) {
        printf("seed 0x%x\n", SEED + run);
        srand(SEED + run);
        bank_new(run == 0 ? 0 : SUSPEND | (run & 1 ? NOR_CFI_LOCKS : 0));
        if (run == 0)
            nor->config.suspend_us = 0;
        assert_int_equal(probe(), 0);
        rig_play_begin();
        rig_play(&driver.flash, 400, 3000);
        rig_play_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(geometry_from_the_query, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(query_of_qemu, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(broken_queries, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(truncated_and_mutated_queries, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(nobody_there, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(found_busy, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(found_suspended, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(found_with_errors, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(alignments, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(direct_reads, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(a_program_goes_buffer_by_buffer, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(failed_operations, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(a_slow_second_chip, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(locks_that_the_query_hides, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(a_bank_that_stays_busy, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(power_cuts_end, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(reads_overtake_an_erase, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(a_lost_suspend_has_a_bound, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(a_late_suspend_is_not_the_end, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(no_suspend_where_the_query_has_none, setup, rig_teardown),
        cmocka_unit_test_setup_teardown(random_operations, setup, rig_teardown),
    };

    return cmocka_run_group_tests_name("CFI NOR driver", tests, NULL, NULL);
}
