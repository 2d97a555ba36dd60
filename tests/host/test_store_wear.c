/*
 * Wear: what lies still is moved before the blocks around it have been erased much more often; and what is erased stays
 * within a declared life.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"
#include "tests/host/store_rig.h"

#define BLOCKS      40u
#define BLOCK_BYTES 16384u
#define FILE_PAGES  100u
#define SLOTS       60u
#define SPREAD_MOST 24u /* what lies still is collected when it is 16 erases behind */

static uint64_t buffer[BED_PAGE / 8];

static uint32_t cold_file(struct bed *bed)
{
    uint32_t id;

    assert_int_equal(bed_make(bed, NODE_ROOT, "cold", 0100644, &id), 0);
    for (uint32_t at = 0; at < FILE_PAGES; at += 10) {
        assert_int_equal(bed_begin(bed, 10), 0);
        for (uint32_t i = at; i < at + 10; i++)
            assert_int_equal(bed_write(bed, id, i, 100 + i), 0);
        assert_int_equal(bed_commit(bed), 0);
    }
    return id;
}

/* Swap alone, until some block has been erased `erases` times. */
static void swap_until_worn(struct bed *bed, uint32_t erases)
{
    slot_t slots[SLOTS] = { 0 };
    struct store_statistics statistics;

    do {
        for (uint32_t i = 0; i < 200; i++)
            assert_int_equal(bed_save(bed, &slots[bed_below(bed, SLOTS)], 0, bed_random(bed)), 0);
        store_statistics(bed->store, &statistics);
    } while (statistics.wear_max < erases);
    assert_true(statistics.wear_max - statistics.wear_min <= SPREAD_MOST);
}

/* The second time the newest commit is one that a cut has left in doubt, and nothing but swap goes on. */
static void files_that_nobody_changes_are_moved(void **state)
{
    const struct bed_config config = { .blocks = BLOCKS, .block_bytes = BLOCK_BYTES, .tail_pages = 8, .seed = 3 };
    struct bed bed;
    uint32_t id;

    (void)state;
    bed_start(&bed, &config);
    id = cold_file(&bed);
    swap_until_worn(&bed, 24);
    bed_reboot(&bed);
    swap_until_worn(&bed, 56);
    for (uint32_t i = 0; i < FILE_PAGES; i++) {
        assert_int_equal(bed_read(&bed, id, i, buffer), 0);
        assert_true(page_is(100 + i, buffer));
    }
    assert_null(store_check(bed.store));
    bed_stop(&bed);
}

/*
 * Few pages come and go, as a program's do whose page is in no slot once it is stored to: what is written dies soon, wherever
 * it stands. Its blocks must not run ahead of all others, which would then be erased for nothing but their wear.
 */
static void blocks_are_filled_before_they_are_erased(void **state)
{
    const struct bed_config config = { .blocks = 96, .block_bytes = 16384, .tail_pages = 8, .seed = 7 };
    struct store_statistics statistics;
    slot_t slots[24] = { 0 };
    struct bed bed;

    (void)state;
    bed_start(&bed, &config);
    (void)cold_file(&bed);
    do {
        slot_t *slot = &slots[bed_below(&bed, 24)];

        if (*slot)
            slot_put(bed.store, *slot);
        *slot = 0;
        assert_int_equal(bed_save(&bed, slot, 0, bed_random(&bed)), 0);
        (void)bed_settle(&bed, 1000);
        store_statistics(bed.store, &statistics);
    } while (statistics.records_to_flash < 4000);
    /* Each block is erased once before its first use. */
    assert_in_range(bed.nor->counters.erases, 1, bed.nor->counters.program_bytes / 16384 * 9 / 8 + config.blocks);
    assert_true(statistics.wear_max - statistics.wear_min <= SPREAD_MOST);
    bed_stop(&bed);
}

/* Pages that do not compress fill all that was promised, and blocks die: what room is left must not be moved round and round. */
static void an_idle_store_wears_nothing_out(void **state)
{
    const struct bed_config config = { .blocks = 30, .block_bytes = BLOCK_BYTES, .tail_pages = 16, .seed = 5 };
    slot_t slots[120] = { 0 };
    uint32_t count = 0, bad;
    struct bed bed;

    (void)state;
    bed_start(&bed, &config);
    for (uint32_t i = 0; i < BED_PAGE / 8; i++)
        buffer[i] = bed_random(&bed);
    for (; !store_promise(bed.store, 1); count++)
        while (slot_save(bed.store, &slots[count], 0, buffer) == -EAGAIN)
            (void)store_step(bed.store);
    for (uint32_t dead = 0; dead < 7; dead++) {
        uint64_t erases;

        assert_true(bed_settle(&bed, 10000));
        erases = bed.nor->counters.erases;
        assert_true(bed_settle(&bed, 10000));
        assert_int_equal(bed.nor->counters.erases, erases);
        nor_fail_at(bed.nor, 1);
        bad = bed.store->bad;
        for (uint32_t i = 0; i < 2000 && bed.store->bad == bad; i++)
            for (uint32_t j = 0; j < 200 && slot_save(bed.store, &slots[i % count], 0, buffer) == -EAGAIN; j++)
                (void)store_step(bed.store);
        nor_triggers_clear(bed.nor);
    }
    bed_stop(&bed);
}

/* ---- A declared life ---- */

static const struct bed_config SHORT_LIFE = {
    .blocks = BLOCKS, .block_bytes = BLOCK_BYTES, .tail_pages = 8, .life_erases_per_day = 60, .seed = 5
};

/* ---- Cuts at the first erase ---- */

#define LONG_LIFE 4000u

/* Saves until an erase has begun. false: none is allowed now. */
static bool until_an_erase(struct bed *bed, slot_t *slots, uint64_t erases)
{
    for (uint32_t i = 0; bed->nor->counters.erases < erases; i++) {
        int error = slot_save(bed->store, &slots[i % SLOTS], 0, buffer);

        if (error == -ENOMEM)
            return false;
        assert_true(!error || error == -EAGAIN);
        (void)store_step(bed->store);
    }
    return true;
}

/* What the store may spend now is no more than it had, and has earned, less the erases that there were. */
static void charged_for_all(const struct bed *bed, int64_t had, uint64_t erases_before)
{
    struct store_statistics statistics;
    int64_t earned = (int64_t)(bed->seconds * LONG_LIFE / 86400);

    store_statistics(bed->store, &statistics);
    assert_true(statistics.life_erases <= had + earned - (int64_t)(bed->nor->counters.erases - erases_before));
}

/*
 * Each of many boots ends in the middle of its first erase, some of them behind it. A block that was being erased has no
 * stamp; when there is nothing else to erase, a boot goes on when it has earned an erase itself.
 */
static void first_erases_are_charged(bool used, uint32_t boots, uint32_t longer_one_in)
{
    static const enum nor_tear TEARS[] = { NOR_TEAR_DONE, NOR_TEAR_MIDDLE, NOR_TEAR_MARGINAL, NOR_TEAR_WEAK };
    struct bed_config config = SHORT_LIFE;
    struct store_statistics statistics;
    struct bed bed;
    uint32_t waited = 0;
    uint64_t before;

    config.life_erases_per_day = LONG_LIFE;
    bed_start(&bed, &config);
    if (used)
        swap_until_worn(&bed, 3);
    store_statistics(bed.store, &statistics);
    before = bed.nor->counters.erases;
    bed_reboot(&bed);
    for (uint32_t i = 0; i < BED_PAGE / 8; i++)
        buffer[i] = bed_random(&bed); /* does not compress, and so fills the tail at once */
    for (uint32_t boot = 0; boot < boots; boot++) {
        bool longer = longer_one_in && !bed_below(&bed, longer_one_in);
        uint64_t most = bed.nor->counters.erases + 1 + (longer ? 1 + bed_below(&bed, 3) : 0);
        slot_t slots[SLOTS] = { 0 };

        if (!until_an_erase(&bed, slots, most)) {
            waited++;
            bed.seconds += 86400 / LONG_LIFE + 1;
            (void)store_step(bed.store);
            assert_true(until_an_erase(&bed, slots, most));
        }
        for (uint32_t i = longer ? bed_below(&bed, 6) : 0; i; i--)
            (void)store_step(bed.store);
        nor_power_cut(bed.nor, TEARS[bed_below(&bed, sizeof TEARS / sizeof TEARS[0])]);
        bed_reboot(&bed);
        charged_for_all(&bed, statistics.life_erases, before);
    }
    assert_true(longer_one_in || waited > boots / 2);
    store_statistics(bed.store, &statistics);
    assert_true(statistics.life_erases > (int64_t)LONG_LIFE / 2); /* nor much more */
    bed_stop(&bed);
}

static void first_erases_of_a_new_store_are_charged(void **state)
{
    (void)state;
    first_erases_are_charged(false, 400, 0);
}

static void first_erases_of_a_used_store_are_charged(void **state)
{
    (void)state;
    first_erases_are_charged(true, 100, 0);
}

static void first_and_later_erases_are_charged(void **state)
{
    (void)state;
    first_erases_are_charged(false, 120, 3);
    first_erases_are_charged(true, 120, 2);
}

/* What is read of a block behind its erase is read once more before the block is given up. */
static void an_erased_block_is_looked_at_twice(void **state)
{
    (void)state;
    for (uint32_t failing = 1; failing <= 2; failing++) {
        struct store_statistics statistics;
        slot_t slots[SLOTS] = { 0 };
        struct bed bed;

        bed_start(&bed, &SHORT_LIFE);
        for (uint32_t i = 0; !bed.store->eraser.checked; i++)
            assert_int_equal(bed_save(&bed, &slots[i % SLOTS], 0, i + 1), 0);
        nor_fail_reads_at(bed.nor, 1, failing);
        assert_true(bed_settle(&bed, 10000));
        store_statistics(bed.store, &statistics);
        assert_int_equal(statistics.retired_blocks, failing - 1);
        bed_stop(&bed);
    }
}

/* What the boot has counted beyond the erases that there were. */
static uint64_t overcount(const struct bed *bed)
{
    struct store_statistics statistics;

    store_statistics(bed->store, &statistics);
    return statistics.wear_total - bed->nor->counters.erases;
}

/* A block that failed to be erased has no stamp for ever after; that erase was charged when it failed. */
static void a_retired_block_is_charged_once(void **state)
{
    struct store_statistics statistics;
    struct bed bed;
    uint64_t over;
    uint32_t id;

    (void)state;
    bed_start(&bed, &SHORT_LIFE);
    bed.seconds += 100 * 86400;
    nor_set_faults(bed.nor, 20 * BLOCK_BYTES, BLOCK_BYTES, NOR_FAULT_ERASE_FAILS);
    swap_until_worn(&bed, 8);
    store_statistics(bed.store, &statistics);
    assert_int_equal(statistics.blocks_bad, 1);
    over = overcount(&bed);
    for (uint32_t boot = 0; boot < 4; boot++) {
        swap_until_worn(&bed, statistics.wear_max += 2);
        assert_int_equal(bed_make(&bed, NODE_ROOT, (const char[]){ (char)('a' + boot), 0 }, 0100644, &id), 0);
        assert_int_equal(bed_commit(&bed), 0); /* says which block it is */
        assert_true(bed_settle(&bed, 10000));
        bed_reboot(&bed);
        bed.seconds += 100 * 86400;
        assert_int_equal(overcount(&bed), over);
    }
    bed_stop(&bed);
}

/* The blocks that the newest opening announced are erased again before any is opened, but not before one is wanted. */
static void boots_that_write_nothing_erase_nothing(void **state)
{
    struct bed bed;
    uint64_t erases;

    (void)state;
    bed_start(&bed, &SHORT_LIFE);
    (void)cold_file(&bed);
    assert_true(bed_settle(&bed, 100000));
    erases = bed.nor->counters.erases;
    for (uint32_t boot = 0; boot < 10; boot++) {
        bed_reboot(&bed);
        assert_true(bed_settle(&bed, 100000));
    }
    assert_int_equal(bed.nor->counters.erases, erases);
    bed_stop(&bed);
}

static void nor_are_commits(void **state)
{
    struct bed bed;
    uint32_t id, commits = 0;
    int error;

    (void)state;
    bed_start(&bed, &SHORT_LIFE);
    assert_int_equal(bed_make(&bed, NODE_ROOT, "f", 0100644, &id), 0);
    while ((error = bed_begin(&bed, 1)) == 0 && commits++ < 10000) {
        assert_int_equal(bed_write(&bed, id, 0, commits), 0);
        assert_int_equal(bed_commit(&bed), 0);
    }
    assert_int_equal(error, -ENOSPC);
    assert_in_range(bed.nor->counters.erases, 50, 70);
    assert_int_equal(bed_read(&bed, id, 0, buffer), 0);
    assert_true(page_is(commits, buffer));
    bed.seconds += 86400;
    assert_int_equal(bed_begin(&bed, 1), 0);
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_nobody_changes_are_moved),
        cmocka_unit_test(blocks_are_filled_before_they_are_erased),
        cmocka_unit_test(an_idle_store_wears_nothing_out),
        cmocka_unit_test(nor_are_commits),
        cmocka_unit_test(first_erases_of_a_new_store_are_charged),
        cmocka_unit_test(first_erases_of_a_used_store_are_charged),
        cmocka_unit_test(first_and_later_erases_are_charged),
        cmocka_unit_test(an_erased_block_is_looked_at_twice),
        cmocka_unit_test(a_retired_block_is_charged_once),
        cmocka_unit_test(boots_that_write_nothing_erase_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
