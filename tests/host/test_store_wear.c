/*
 * Wear: what lies still is moved before the blocks around it have been erased much more often.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/host/store_rig.h"

#define BLOCKS      40u
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
    const struct bed_config config = { .blocks = BLOCKS, .block_bytes = 16384, .tail_pages = 8, .seed = 3 };
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_nobody_changes_are_moved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
