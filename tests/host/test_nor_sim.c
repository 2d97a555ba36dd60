/*
 * The simulated NOR array and its flash.h front: the judge is judged. Cells, times, wear, copies, violations, every
 * tear of a power cut and every fault, and random operations against a plain array.
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

#include "tests/sim/nor_flash.h"

#define BLOCK  4096u
#define BLOCKS 16u
#define SIZE   (BLOCK * BLOCKS)
#define SEED   0x5eedu

static struct nor *nor;
static struct nor_flash front;

static void part_new(struct nor_config config, uint32_t erase_bytes)
{
    nor_free(nor);
    nor = nor_new(&config);
    nor_flash_open(&front, nor, erase_bytes);
}

static int setup(void **state)
{
    (void)state;
    part_new(nor_config_blocks(BLOCKS, BLOCK), BLOCK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nor_free(nor);
    nor = NULL;
    return 0;
}

static void part_forgiving(bool strict_once)
{
    struct nor_config config = nor_config_blocks(BLOCKS, BLOCK);

    config.violations_continue = true;
    config.strict_once = strict_once;
    part_new(config, BLOCK);
}

static int program(uint32_t address, const void *from, uint32_t bytes)
{
    struct flash_request request = { .operation = FLASH_PROGRAM, .address = address, .bytes = bytes, .from = from };

    return flash_run(&front.flash, &request);
}

static int erase(uint32_t address)
{
    struct flash_request request = { .operation = FLASH_ERASE,
                                     .address = address,
                                     .bytes = front.flash.geometry.erase_bytes };

    return flash_run(&front.flash, &request);
}

static int fill(uint32_t address, int value, uint32_t bytes)
{
    static uint8_t image[SIZE];

    memset(image, value, bytes);
    return program(address, image, bytes);
}

static uint8_t byte_at(uint32_t address)
{
    uint8_t byte = 0;

    assert_int_equal(flash_read(&front.flash, address, &byte, 1), 0);
    return byte;
}

static bool all_are(uint32_t address, uint32_t bytes, uint8_t value)
{
    static uint8_t image[SIZE];

    assert_int_equal(flash_read(&front.flash, address, image, bytes), 0);
    for (uint32_t i = 0; i < bytes; i++)
        if (image[i] != value)
            return false;
    return true;
}

/* After a power cut. */
static void reboot(void)
{
    nor_power_on(nor);
    nor_flash_open(&front, nor, BLOCK);
}

/* ---- Cells, time, wear ---- */

static void programs_only_clear(void **state)
{
    (void)state;
    assert_true(all_are(0, SIZE, 0xff));
    assert_int_equal(fill(100, 0xf0, 1), 0);
    assert_int_equal(fill(100, 0x30, 1), 0);
    assert_int_equal(byte_at(100), 0x30);
    assert_int_equal(byte_at(99), 0xff);
    assert_int_equal(fill(BLOCK - 1, 0, 2), 0);
    assert_int_equal(erase(0), 0);
    assert_true(all_are(0, BLOCK, 0xff));
    assert_int_equal(byte_at(BLOCK), 0);
}

static void times_are_those_of_the_data_sheet(void **state)
{
    static const uint32_t units[3][2] = { { 4096, 48000 }, { 32768, 160000 }, { 65536, 304000 } };
    uint64_t start;

    (void)state;
    part_new(nor_config_is25wp256(1 << 20), 65536);
    for (int i = 0; i < 3; i++) {
        start = nor_now_us(nor);
        assert_int_equal(nor_erase_begin(nor, 0, units[i][0]), 0);
        assert_true(nor_busy(nor));
        assert_true(nor_advance_to_end(nor));
        assert_int_equal(nor_now_us(nor) - start, units[i][1]);
    }
    start = nor_now_us(nor);
    assert_int_equal(fill(0, 0x55, 1024), 0);
    assert_in_range(nor_now_us(nor) - start, 4 * 200, 4 * 200 + 4);
    start = nor_now_us(nor);
    assert_true(all_are(0, 1024, 0x55));
    assert_in_range(nor_now_us(nor) - start, 41, 42);
    assert_int_equal(nor->counters.program_ns, 4 * 200000);
    assert_int_equal(nor->counters.erase_ns, 512000000);
    assert_int_equal(nor->counters.read_ns, 1000 + 1024 * 40);
}

static void wear_counts_units(void **state)
{
    uint32_t least, most;

    (void)state;
    part_new(nor_config_is25wp256(1 << 20), 65536);
    assert_int_equal(erase(65536), 0);
    assert_int_equal(erase(65536), 0);
    assert_int_equal(nor_erase_begin(nor, 65536, 4096), 0);
    assert_true(nor_advance_to_end(nor));
    assert_int_equal(nor_wear(nor, 65536), 3);
    assert_int_equal(nor_wear(nor, 65536 + 4096), 2);
    assert_int_equal(nor_wear(nor, 0), 0);
    nor_wear_range(nor, 65536, 65536, &least, &most);
    assert_int_equal(least, 2);
    assert_int_equal(most, 3);
    assert_int_equal(nor->counters.erases, 3);
    assert_int_equal(nor->counters.erase_bytes, 2 * 65536 + 4096);
}

/* ---- Against a plain array ---- */

static uint8_t model[SIZE];

static void random_step(void)
{
    static uint8_t image[SIZE];
    uint32_t address = (uint32_t)rand() % SIZE, bytes = 1 + (uint32_t)rand() % 700;

    bytes = bytes < SIZE - address ? bytes : SIZE - address;
    switch (rand() % 8) {
    case 0:
        address -= address % BLOCK;
        assert_int_equal(erase(address), 0);
        memset(model + address, 0xff, BLOCK);
        break;
    case 1:
    case 2:
    case 3:
        for (uint32_t i = 0; i < bytes; i++)
            model[address + i] = image[i] = (uint8_t)(rand() & model[address + i]);
        assert_int_equal(program(address, image, bytes), 0);
        break;
    default:
        assert_int_equal(flash_read(&front.flash, address, image, bytes), 0);
        assert_memory_equal(image, model + address, bytes);
    }
}

static void random_operations(void **state)
{
    (void)state;
    printf("seed 0x%x\n", SEED);
    srand(SEED);
    memset(model, 0xff, SIZE);
    for (int i = 0; i < 20000; i++)
        random_step();
    assert_memory_equal(nor->cells, model, SIZE);
    assert_int_equal(nor->violations, 0);
}

/* ---- Violations ---- */

static void violated(const char *text)
{
    assert_int_equal(nor->violations, 1);
    if (!strstr(nor->violation_text, text))
        fail_msg("\"%s\" does not say \"%s\"", nor->violation_text, text);
    nor->violations = 0;
}

static void mistakes_are_violations(void **state)
{
    uint8_t image[600] = { 0 };

    (void)state;
    part_forgiving(false);
    assert_int_equal(nor_program_begin(nor, 200, image, 100), 0);
    violated("across a page");
    assert_int_equal(nor_program_begin(nor, SIZE - 4, image, 5), 0);
    violated("outside the part");
    assert_int_equal(nor_program_begin(nor, 0, image, 0), 0);
    violated("outside the part");
    assert_int_equal(nor_erase_begin(nor, 2048, BLOCK), 0);
    violated("erase of 0x800");
    assert_int_equal(nor_erase_begin(nor, 0, 2 * BLOCK), 0);
    violated("no such unit");
    assert_int_equal(nor_read(nor, SIZE, image, 1), 0);
    violated("outside the part");
    assert_int_equal(nor_program_begin(nor, 0, image, 4), 0);
    assert_int_equal(nor_program_begin(nor, 512, image, 4), 0);
    violated("in flight");
    assert_int_equal(nor_read(nor, 512, image, 4), 0);
    violated("busy");
    assert_int_equal(nor_erase_begin(nor, 0, BLOCK), 0);
    violated("in flight");
    assert_true(nor_advance_to_end(nor));
    image[0] = 1;
    assert_int_equal(nor_program_begin(nor, 2, image, 1), 0);
    violated("raises bits");
    assert_int_equal(nor_program_begin(nor, 4, image, 1), 0);
    assert_true(nor_advance_to_end(nor));
    assert_int_equal(nor->violations, 0);
    assert_true(nor->powered && nor->status == 0);
}

static void suspend_mistakes_are_violations(void **state)
{
    uint8_t byte;

    (void)state;
    part_forgiving(false);
    assert_int_equal(nor_erase_begin(nor, BLOCK, BLOCK), 0);
    assert_true(nor_suspend(nor));
    assert_int_equal(nor_read(nor, 0, &byte, 1), 0);
    violated("while busy");
    nor_resume(nor);
    violated("before the suspend took effect");
    assert_true(nor_suspend(nor));
    violated("too soon");
    nor_advance_ns(nor, 56000);
    assert_int_equal(nor_read(nor, 0, &byte, 1), 0);
    assert_int_equal(nor->violations, 0);
    assert_int_equal(nor_read(nor, BLOCK + 5, &byte, 1), 0);
    violated("suspended");
    assert_int_equal(nor_program_begin(nor, 0, &byte, 1), 0);
    violated("in flight");
    nor_resume(nor);
    assert_true(nor_advance_to_end(nor));
    assert_false(nor_suspend(nor));
    nor->config.suspend_us = 0;
    assert_int_equal(nor_erase_begin(nor, BLOCK, BLOCK), 0);
    assert_false(nor_suspend(nor));
    violated("cannot suspend");
}

static void strict_once_counts_granules(void **state)
{
    (void)state;
    part_forgiving(true);
    assert_int_equal(fill(0, 0x0f, 16), 0);
    assert_int_equal(fill(16, 0x0f, 8), 0);
    assert_int_equal(nor->violations, 0);
    assert_int_equal(nor_program_begin(nor, 24, "\0", 1), 0);
    violated("programmed since the last erase");
    assert_int_equal(nor_program_begin(nor, 15, "\0", 1), 0);
    violated("programmed since the last erase");
    assert_int_equal(fill(32, 0xff, 16), 0);
    assert_int_equal(nor_program_begin(nor, 32, "\0", 1), 0);
    violated("programmed since the last erase");
    assert_int_equal(erase(0), 0);
    assert_int_equal(fill(0, 0, 64), 0);
    assert_int_equal(nor->violations, 0);
}

/* ---- Copies ---- */

static bool same_state(const struct nor *a, const struct nor *b)
{
    return !memcmp(a->cells, b->cells, SIZE) && !memcmp(a->loose, b->loose, SIZE) &&
           !memcmp(a->units, b->units, BLOCKS * sizeof(*a->units)) && a->now_ns == b->now_ns &&
           a->operations == b->operations && a->random == b->random;
}

static void copies_go_their_own_ways(void **state)
{
    struct nor_config config = nor_config_blocks(BLOCKS, BLOCK);
    struct nor *copy = nor_new(&config);

    (void)state;
    printf("seed 0x%x\n", SEED);
    srand(SEED);
    memset(model, 0xff, SIZE);
    for (int i = 0; i < 300; i++) {
        struct nor *other = nor;

        random_step();
        nor_copy(copy, nor);
        assert_true(same_state(copy, nor));
        nor_cut_at(copy, 1, NOR_TEAR_RANDOM);
        assert_int_equal(nor_erase_begin(copy, (uint32_t)i % BLOCKS * BLOCK, BLOCK), 0);
        assert_true(nor_advance_to_end(copy));
        assert_false(copy->powered);
        assert_memory_equal(nor->cells, model, SIZE);
        nor_flip(copy, (uint32_t)rand() % SIZE, 1);
        nor_loosen(copy, (uint32_t)rand() % SIZE, 1);
        if (i % 3)
            continue;
        /* On from a copy: contents and future are the same. */
        nor_copy(copy, nor);
        nor = copy;
        copy = other;
        nor_flash_open(&front, nor, BLOCK);
    }
    nor_free(copy);
}

static void a_copy_takes_what_is_in_flight(void **state)
{
    struct nor_config config = nor_config_blocks(BLOCKS, BLOCK);
    struct nor *copy = nor_new(&config);

    (void)state;
    assert_int_equal(nor_program_begin(nor, 512, "abcd", 4), 0);
    nor_copy(copy, nor);
    assert_true(nor_advance_to_end(copy));
    assert_memory_equal(copy->cells + 512, "abcd", 4);
    assert_true(nor_busy(nor));
    assert_int_equal(nor->cells[512], 0xff);
    nor_free(copy);
}

/* ---- Power cuts ---- */

static void after_a_cut_everything_is_eio(void **state)
{
    uint8_t byte;

    (void)state;
    nor_cut_at(nor, 2, NOR_TEAR_LOST);
    assert_int_equal(fill(0, 0, 200), 0);
    assert_int_equal(fill(256, 0, 200), -EIO);
    assert_int_equal(fill(512, 0, 200), -EIO);
    assert_int_equal(erase(0), -EIO);
    assert_int_equal(flash_read(&front.flash, 0, &byte, 1), -EIO);
    assert_int_equal(nor->operations, 2);
    reboot();
    assert_true(all_are(0, 200, 0));
    assert_true(all_are(256, 200, 0xff));
}

static void a_cut_hits_a_page_of_a_long_program(void **state)
{
    (void)state;
    nor_cut_at(nor, 3, NOR_TEAR_DONE);
    assert_int_equal(fill(0, 0, 5 * 256), -EIO);
    reboot();
    assert_true(all_are(0, 3 * 256, 0));
    assert_true(all_are(3 * 256, 256, 0xff));
}

/* Each bit is as before or as asked, for each tear; and some tear of each kind leaves something in between. */
static void torn_programs(void **state)
{
    unsigned between[NOR_TEARS] = { 0 }, marginal[NOR_TEARS] = { 0 };

    (void)state;
    for (uint32_t seed = 0; seed < 600; seed++) {
        enum nor_tear tear = (enum nor_tear)(seed % NOR_TEARS);
        bool none, whole;

        part_new(nor_config_blocks(BLOCKS, BLOCK), BLOCK);
        nor_seed(nor, seed);
        nor_cut_at(nor, 1, tear);
        assert_int_equal(fill(BLOCK, 0x0f, 256), -EIO);
        reboot();
        for (uint32_t i = 0; i < 256; i++)
            assert_int_equal(nor->cells[BLOCK + i] & 0x0f, 0x0f);
        none = !memcmp(nor->cells + BLOCK, nor->cells, 256);
        memset(model, 0x0f, 256);
        whole = !memcmp(nor->cells + BLOCK, model, 256);
        assert_true(tear != NOR_TEAR_LOST || none);
        assert_true(tear < NOR_TEAR_MARGINAL ? tear != NOR_TEAR_DONE || whole : whole);
        between[tear] += !none && !whole;
        marginal[tear] += nor->units[1].loose;
        assert_int_equal(nor->units[0].loose || nor->units[2].loose, 0);
    }
    assert_int_equal(between[NOR_TEAR_LOST] + between[NOR_TEAR_DONE], 0);
    assert_true(between[NOR_TEAR_EARLY] > 90 && between[NOR_TEAR_MIDDLE] > 90);
    assert_int_equal(marginal[NOR_TEAR_MARGINAL], 100);
    assert_int_equal(marginal[NOR_TEAR_WEAK], 100);
}

static void an_early_program_is_a_prefix(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 100; seed++) {
        uint32_t i = 0;

        part_new(nor_config_blocks(BLOCKS, BLOCK), BLOCK);
        nor_seed(nor, seed);
        nor_cut_at(nor, 1, NOR_TEAR_EARLY);
        assert_int_equal(fill(0, 0, 256), -EIO);
        while (i < 256 && nor->cells[i] == 0)
            i++;
        for (i++; i < 256; i++)
            assert_int_equal(nor->cells[i], 0xff);
    }
}

static bool reads_differ(uint32_t address, uint32_t bytes)
{
    static uint8_t first[BLOCK], again[BLOCK];
    bool differ = false;

    assert_int_equal(flash_read(&front.flash, address, first, bytes), 0);
    for (int i = 0; i < 20 && !differ; i++) {
        assert_int_equal(flash_read(&front.flash, address, again, bytes), 0);
        differ = memcmp(first, again, bytes) != 0;
    }
    return differ;
}

static void marginal_bytes_last_until_erased(void **state)
{
    (void)state;
    nor_cut_at(nor, 1, NOR_TEAR_MARGINAL);
    assert_int_equal(fill(0, 0, 256), -EIO);
    reboot();
    assert_true(reads_differ(0, 256));
    assert_int_equal(erase(0), 0);
    assert_false(reads_differ(0, BLOCK));
    assert_true(all_are(0, BLOCK, 0xff));
    nor_loosen(nor, 7, 0x80);
    assert_true(reads_differ(7, 1));
    assert_false(reads_differ(8, 200));
}

static void torn_erase(enum nor_tear tear, uint32_t seed)
{
    part_new(nor_config_blocks(BLOCKS, BLOCK), BLOCK);
    assert_int_equal(fill(0, 0x5a, 3 * BLOCK), 0);
    nor_seed(nor, seed);
    nor_cut_at(nor, 1, tear);
    assert_int_equal(erase(BLOCK), -EIO);
    reboot();
    assert_true(all_are(0, BLOCK, 0x5a));
    assert_true(all_are(2 * BLOCK, BLOCK, 0x5a));
}

static void torn_erases(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 50; seed++) {
        torn_erase(NOR_TEAR_LOST, seed);
        assert_true(all_are(BLOCK, BLOCK, 0x5a));
        torn_erase(NOR_TEAR_DONE, seed);
        assert_true(all_are(BLOCK, BLOCK, 0xff));
        torn_erase(NOR_TEAR_EARLY, seed);
        assert_false(all_are(BLOCK, BLOCK, 0x5a));
        assert_false(all_are(BLOCK, BLOCK, 0xff));
        torn_erase(NOR_TEAR_MIDDLE, seed);
        assert_false(all_are(BLOCK, BLOCK, 0x5a));
        torn_erase(NOR_TEAR_MARGINAL, seed);
        assert_true(reads_differ(BLOCK, BLOCK));
        torn_erase(NOR_TEAR_WEAK, seed);
        assert_true(all_are(BLOCK, BLOCK, 0xff));
        assert_false(reads_differ(BLOCK, BLOCK));
        assert_int_equal(fill(BLOCK, 0, BLOCK), 0);
        assert_false(all_are(BLOCK, BLOCK, 0));
        assert_int_equal(erase(BLOCK), 0);
        assert_int_equal(fill(BLOCK, 0, BLOCK), 0);
        assert_true(all_are(BLOCK, BLOCK, 0));
    }
}

static void cuts_repeat_by_seed(void **state)
{
    struct nor_config config = nor_config_blocks(BLOCKS, BLOCK);
    struct nor *base = nor_new(&config), *kept = nor_new(&config);

    (void)state;
    for (uint32_t seed = 0; seed < 2000; seed++) {
        for (int run = 0; run < 2; run++) {
            nor_copy(nor, base);
            nor_seed(nor, seed);
            nor_flash_open(&front, nor, BLOCK);
            nor_cut_at(nor, 1 + seed % 6, NOR_TEAR_RANDOM);
            if (!fill(BLOCK, 0, 900))
                assert_true(erase(BLOCK) == -EIO || fill(0, 0x11, 256) == -EIO);
            if (run)
                assert_true(same_state(nor, kept) || !memcmp(nor->cells, kept->cells, SIZE));
            else
                nor_copy(kept, nor);
            assert_memory_equal(nor->loose, kept->loose, SIZE);
        }
    }
    nor_free(base);
    nor_free(kept);
}

static void a_cut_without_an_operation(void **state)
{
    (void)state;
    assert_int_equal(fill(0, 0x77, 256), 0);
    nor_power_cut(nor, NOR_TEAR_RANDOM);
    assert_int_equal(fill(0, 0, 1), -EIO);
    reboot();
    assert_true(all_are(0, 256, 0x77));
}

/* ---- Faults ---- */

static void blocks_die_in_five_ways(void **state)
{
    (void)state;
    nor_set_faults(nor, 1 * BLOCK, BLOCK, NOR_FAULT_ERASE_FAILS);
    nor_set_faults(nor, 2 * BLOCK, BLOCK, NOR_FAULT_PROGRAM_FAILS);
    assert_int_equal(fill(3 * BLOCK, 0, 64), 0);
    nor_set_faults(nor, 3 * BLOCK, BLOCK, NOR_FAULT_ERASE_SILENT);
    nor_set_faults(nor, 4 * BLOCK, BLOCK, NOR_FAULT_PROGRAM_SILENT);
    nor_set_faults(nor, 5 * BLOCK, BLOCK, NOR_FAULT_READ_FLIPS);
    assert_int_equal(erase(1 * BLOCK), -EIO);
    assert_int_equal(fill(2 * BLOCK, 0, 64), -EIO);
    assert_int_equal(erase(3 * BLOCK), 0);
    assert_int_equal(byte_at(3 * BLOCK), 0);
    assert_int_equal(fill(4 * BLOCK, 0, 64), 0);
    assert_false(all_are(4 * BLOCK, 64, 0));
    assert_false(all_are(5 * BLOCK, 64, 0xff));
    assert_false(all_are(4 * BLOCK, 2 * BLOCK, 0xff));
    assert_true(all_are(6 * BLOCK, BLOCK, 0xff));
    nor_set_faults(nor, 0, SIZE, 0);
    for (uint32_t block = 1; block < 6; block++)
        assert_int_equal(erase(block * BLOCK), 0);
    assert_true(all_are(0, SIZE, 0xff));
    assert_int_equal(front.flash.counters.failures, 2);
}

static void a_silent_program_loses_one_bit(void **state)
{
    unsigned lost = 0;

    (void)state;
    nor_set_faults(nor, 0, BLOCK, NOR_FAULT_PROGRAM_SILENT);
    assert_int_equal(fill(0, 0, 256), 0);
    for (uint32_t i = 0; i < 256; i++)
        lost += (unsigned)__builtin_popcount(nor->cells[i]);
    assert_int_equal(lost, 1);
}

static void one_time_faults(void **state)
{
    (void)state;
    nor_fail_at(nor, 2);
    assert_int_equal(fill(0, 0, 100), 0);
    assert_int_equal(fill(256, 0, 100), -EIO);
    assert_int_equal(fill(512, 0, 100), 0);
    nor_misdirect_at(nor, 1, 5 * BLOCK + 3);
    assert_int_equal(fill(1024, 0x33, 8), 0);
    assert_true(all_are(1024, 8, 0xff));
    assert_true(all_are(5 * BLOCK + 3, 8, 0x33));
    nor_misdirect_at(nor, 1, 5 * BLOCK + 99);
    assert_int_equal(erase(9 * BLOCK), 0);
    assert_true(all_are(5 * BLOCK, BLOCK, 0xff));
    nor_flip(nor, 6 * BLOCK, 0x40);
    assert_int_equal(byte_at(6 * BLOCK), 0xbf);
    /* In a place that was never programmed the caller cannot know of the flip. */
    assert_int_equal(fill(6 * BLOCK, 0xff, 1), 0);
    assert_int_equal(byte_at(6 * BLOCK), 0xbf);
    nor_flip_random(nor, 7 * BLOCK, 16, 1);
    assert_false(all_are(7 * BLOCK, 16, 0xff));
    assert_int_equal(nor->violations, 0);
}

static void a_part_that_stays_busy(void **state)
{
    uint64_t start = nor_now_us(nor);

    (void)state;
    nor_stick_at(nor, 1);
    assert_int_equal(erase(0), -ETIMEDOUT);
    assert_in_range(nor_now_us(nor) - start, 8 * 19000, 8 * 19001);
    assert_int_equal(fill(0, 0, 1), -EBUSY);
    nor_advance_ns(nor, FLASH_STUCK_US * 1000ull);
    assert_int_equal(fill(0, 0, 1), -ETIMEDOUT);
    assert_int_equal(erase(0), -ETIMEDOUT);
    nor_power_cut(nor, NOR_TEAR_LOST);
    reboot();
    assert_int_equal(erase(0), 0);
    nor_linger_at(nor, 1, 1000000);
    assert_int_equal(erase(0), -ETIMEDOUT);
    assert_int_equal(erase(BLOCK), -EBUSY);
    nor_advance_ns(nor, 1000000000);
    assert_int_equal(erase(BLOCK), 0);
}

/* ---- Reads that overtake, in manual time ---- */

static void reads_overtake_an_erase(void **state)
{
    struct flash_request request = { .operation = FLASH_ERASE, .address = BLOCK, .bytes = BLOCK };
    uint8_t byte;
    uint64_t start;

    (void)state;
    front.manual_time = true;
    assert_int_equal(flash_start(&front.flash, &request), 0);
    flash_poll(&front.flash);
    assert_int_equal(request.status, FLASH_PENDING);
    nor_advance_ns(nor, 5000000);
    start = nor_now_us(nor);
    assert_int_equal(flash_read(&front.flash, 0, &byte, 1), 0);
    assert_in_range(nor_now_us(nor) - start, 56, 60);
    assert_int_equal(flash_read(&front.flash, BLOCK, &byte, 1), -EBUSY);
    start = nor_now_us(nor);
    assert_int_equal(flash_read(&front.flash, 0, &byte, 1), 0);
    assert_in_range(nor_now_us(nor) - start, 1, 2);
    flash_poll(&front.flash);
    start = nor_now_us(nor);
    assert_int_equal(flash_read(&front.flash, 0, &byte, 1), 0);
    assert_in_range(nor_now_us(nor) - start, 448 + 56, 448 + 60);
    flash_poll(&front.flash);
    nor_advance_ns(nor, 13000000);
    flash_poll(&front.flash);
    assert_int_equal(request.status, FLASH_PENDING);
    nor_advance_ns(nor, 1000000);
    flash_poll(&front.flash);
    assert_int_equal(request.status, 0);
    assert_int_equal(nor->counters.suspends, 2);
}

static void a_part_that_cannot_suspend(void **state)
{
    struct nor_config config = nor_config_blocks(BLOCKS, BLOCK);
    struct flash_request request = { .operation = FLASH_ERASE, .address = BLOCK, .bytes = BLOCK };
    uint8_t byte;

    (void)state;
    config.suspend_us = 0;
    part_new(config, BLOCK);
    front.manual_time = true;
    assert_false(front.flash.geometry.can_suspend);
    assert_int_equal(flash_start(&front.flash, &request), 0);
    assert_int_equal(flash_read(&front.flash, 0, &byte, 1), -EBUSY);
    nor_advance_ns(nor, 19000000);
    assert_int_equal(flash_read(&front.flash, 0, &byte, 1), 0);
    assert_int_equal(request.status, FLASH_PENDING);
    flash_poll(&front.flash);
    assert_int_equal(request.status, 0);
}

static void a_program_goes_page_by_page(void **state)
{
    static uint8_t image[700];
    struct flash_request request = { .operation = FLASH_PROGRAM, .address = 200, .bytes = 700, .from = image };
    unsigned polls = 0;

    (void)state;
    assert_int_equal(flash_start(&front.flash, &request), 0);
    for (; request.status == FLASH_PENDING; polls++)
        flash_poll(&front.flash);
    assert_int_equal(request.status, 0);
    assert_int_equal(polls, 4);
    assert_int_equal(nor->counters.programs, 4);
    assert_true(all_are(200, 700, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_only_clear),
        cmocka_unit_test(times_are_those_of_the_data_sheet),
        cmocka_unit_test(wear_counts_units),
        cmocka_unit_test(random_operations),
        cmocka_unit_test(mistakes_are_violations),
        cmocka_unit_test(suspend_mistakes_are_violations),
        cmocka_unit_test(strict_once_counts_granules),
        cmocka_unit_test(copies_go_their_own_ways),
        cmocka_unit_test(a_copy_takes_what_is_in_flight),
        cmocka_unit_test(after_a_cut_everything_is_eio),
        cmocka_unit_test(a_cut_hits_a_page_of_a_long_program),
        cmocka_unit_test(torn_programs),
        cmocka_unit_test(an_early_program_is_a_prefix),
        cmocka_unit_test(marginal_bytes_last_until_erased),
        cmocka_unit_test(torn_erases),
        cmocka_unit_test(cuts_repeat_by_seed),
        cmocka_unit_test(a_cut_without_an_operation),
        cmocka_unit_test(blocks_die_in_five_ways),
        cmocka_unit_test(a_silent_program_loses_one_bit),
        cmocka_unit_test(one_time_faults),
        cmocka_unit_test(a_part_that_stays_busy),
        cmocka_unit_test(reads_overtake_an_erase),
        cmocka_unit_test(a_part_that_cannot_suspend),
        cmocka_unit_test(a_program_goes_page_by_page),
    };
    struct CMUnitTest with_part[sizeof(tests) / sizeof(tests[0])];

    memcpy(with_part, tests, sizeof(tests));
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        with_part[i].setup_func = setup;
        with_part[i].teardown_func = teardown;
    }
    return cmocka_run_group_tests_name("NOR model", with_part, NULL, NULL);
}
