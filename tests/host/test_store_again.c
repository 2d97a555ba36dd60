/*
 * What is done again before anything is concluded from it: reads that fail, at mount and of what was just written; the
 * commit in doubt, whoever asks meanwhile; openings, behind a boot that knows nothing of a block that failed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"
#include "tests/host/store_files.h"

#define STEPS 20000u

static const struct bed_config SMALL = { .blocks = 24, .block_bytes = 16384, .tail_pages = 12, .seed = 1 };

static void name_add(struct bed *bed, const char *name)
{
    uint32_t id;

    assert_int_equal(bed_make(bed, NODE_ROOT, name, 0100644, &id), 0);
    assert_int_equal(bed_commit(bed), 0);
}

/* ---- Mount ---- */

/* Reads fail for longer than one is tried again: the mount is refused, or nothing of it is taken for damage. */
static void reads_that_fail_at_a_mount_cost_no_name(void **state)
{
    (void)state;
    for (uint32_t count = 2; count <= 5; count++) {
        uint32_t refused = 0, mounted = 0;

        for (uint32_t nth = 1; !mounted; nth++) {
            struct bed bed;
            int error;

            bed_start(&bed, &SMALL);
            file_make(&bed, "kept", 5, 10);
            bed_forget(&bed);
            nor_fail_reads_at(bed.nor, nth, count);
            error = bed_open(&bed);
            mounted += !error && bed.nor->read_fails;
            nor_triggers_clear(bed.nor);
            refused += error != 0;
            assert_true(!error || error == -EIO);
            assert_int_equal(error ? bed_open(&bed) : 0, 0);
            name_add(&bed, "new");
            bed_reboot(&bed);
            file_is(&bed, "kept", 5, 10);
            file_is(&bed, "new", 0, 0);
            sound(&bed);
            bed_stop(&bed);
        }
        assert_true(refused > 20);
    }
}

/* The names of a page of the table that is damaged are lost, and it says so for ever; nobody comes to have their numbers. */
static void a_damaged_page_of_the_table_stays_one(void **state)
{
    struct bed bed;
    uint32_t id, last = 0;

    (void)state;
    bed_start(&bed, &SMALL);
    for (uint32_t i = 0; i < 2 * NODES_PER_PAGE - NODE_ROOT - 1; i++)
        assert_int_equal(bed_make(&bed, NODE_ROOT, (const char[]){ 'f', (char)('0' + i), 0 }, 0100644, &id), 0);
    assert_int_equal(bed_commit(&bed), 0);
    for (uint32_t i = 0; i < 8; i++)
        cells_at(&bed, map_get(bed.store, node_at(bed.store, NODE_TABLE), 0))[40 + 3 * i] ^= 0x11;
    for (uint32_t boot = 0; boot < 3; boot++) {
        bed_reboot(&bed);
        assert_int_equal(node_find(bed.store, NODE_ROOT, "f0", &id), -ENOENT);
        assert_int_equal(node_find(bed.store, NODE_ROOT, "fX", &id), 0);
        for (uint32_t i = NODE_ROOT + 1; i < NODES_PER_PAGE; i++)
            assert_int_equal(node_at(bed.store, i)->bits, NODE_UNREADABLE);
        name_add(&bed, (const char[]){ 'n', (char)('0' + boot), 0 });
        assert_int_equal(node_find(bed.store, NODE_ROOT, (const char[]){ 'n', (char)('0' + boot), 0 }, &id), 0);
        assert_true(NODE_NUMBER(id) >= 2 * NODES_PER_PAGE && NODE_NUMBER(id) != last);
        last = NODE_NUMBER(id);
        sound(&bed);
    }
    bed_stop(&bed);
}

/* ---- What was written is read back ---- */

/* Pages of a file, written until its blocks are full, while `count` reads fail from the nth on. Blocks retired. */
static uint32_t retired_when(uint32_t nth, uint32_t count, bool *hit)
{
    struct store_statistics statistics;
    struct bed bed;
    uint32_t id;

    bed_start(&bed, &SMALL);
    id = file_make(&bed, "f", 8, 10);
    nor_fail_reads_at(bed.nor, nth, count);
    for (uint32_t round = 0; round < 2; round++) {
        assert_int_equal(bed_begin(&bed, 8), 0);
        for (uint32_t i = 0; i < 8; i++)
            assert_int_equal(bed_write(&bed, id, i, 10 + i), 0);
        assert_int_equal(bed_commit(&bed), 0);
    }
    *hit = !bed.nor->read_fails;
    nor_triggers_clear(bed.nor);
    assert_true(bed_settle(&bed, STEPS));
    sound(&bed);
    store_statistics(bed.store, &statistics);
    bed_reboot(&bed);
    file_is(&bed, "f", 8, 10);
    sound(&bed);
    bed_stop(&bed);
    return (uint32_t)statistics.retired_blocks;
}

static void a_read_that_fails_retires_nothing(void **state)
{
    uint32_t retired = 0, tried = 0;
    bool hit = true;

    (void)state;
    for (uint32_t nth = 1; hit; nth++)
        assert_int_equal(retired_when(nth, 1, &hit), 0);
    hit = true;
    for (; hit; tried++)
        retired += retired_when(tried + 1, 2, &hit);
    assert_in_range(retired, 0, tried / 4); /* what was erased, or a stamp, could not be looked at */
}

/* ---- Commits in doubt ---- */

/* Between the two records that write it anew somebody asks for a commit of nothing. */
static void a_commit_in_doubt_is_one_pair(void **state)
{
    struct bed bed;
    uint64_t version;

    (void)state;
    bed_start(&bed, &SMALL);
    file_make(&bed, "f", 3, 10);
    bed_reboot(&bed);
    assert_true(bed.store->doubt);
    while (bed.store->nodes->dirty) /* the boot's seed */
        assert_int_equal(bed_commit(&bed), 0);
    bed.store->doubt = true;
    version = bed.store->version_next;
    bed.store->doubt_pressing = true;
    while (bed.store->transaction.commit_records != 1)
        (void)store_step(bed.store);
    assert_int_equal(store_commit(bed.store), 0);
    while (bed.store->doubt)
        (void)store_step(bed.store);
    assert_int_equal(bed.store->version_next, version + 2);
    sound(&bed);
    bed_stop(&bed);
}

/* ---- Openings ---- */

/* Swap until a block is being opened: which one. */
static uint32_t until_opening(struct bed *bed)
{
    uint64_t page[BED_PAGE / 8];

    while (bed->store->operation.kind != OPERATION_OPEN) {
        slot_t slot = 0;
        int error;

        page_of(bed_random(bed), page);
        error = slot_save(bed->store, &slot, 0, page);
        assert_true(!error || error == -EAGAIN);
        (void)store_step(bed->store);
    }
    return bed->store->operation.block;
}

/* Many rounds of swap, so that every block has its turn. */
static void swap_around(struct bed *bed)
{
    slot_t slots[40] = { 0 };
    uint64_t names[40];

    for (uint32_t round = 0; round < 12; round++)
        save_all(bed, slots, names, 40);
    assert_true(bed_settle(bed, STEPS));
}

/* Half a stamp that reads as none is in a block that failed when it was opened, and no commit says so before the next boot. */
static void a_failed_opening_is_not_opened_again(void **state)
{
    uint8_t none[FORMAT_ITEM_BYTES];
    uint32_t block;
    struct bed bed;

    (void)state;
    memset(none, 0xff, sizeof none);
    bed_start(&bed, &SMALL);
    file_make(&bed, "f", 3, 10);
    block = until_opening(&bed);
    nor_fail_at(bed.nor, 0);
    while (block_at(bed.store, block)->state != BLOCK_BAD)
        (void)store_step(bed.store);
    nor_load(bed.nor, bed_address(&bed, block) + FORMAT_ITEM_BYTES, none, sizeof none);
    for (uint32_t i = 0; i < 3; i++) { /* the last of them does not announce it */
        (void)until_opening(&bed);
        while (bed.store->operation.kind == OPERATION_OPEN)
            (void)store_step(bed.store);
    }
    bed_reboot(&bed);
    swap_around(&bed);
    assert_int_equal(bed.nor->violations, 0);
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_that_fail_at_a_mount_cost_no_name),
        cmocka_unit_test(a_damaged_page_of_the_table_stays_one),
        cmocka_unit_test(a_read_that_fails_retires_nothing),
        cmocka_unit_test(a_commit_in_doubt_is_one_pair),
        cmocka_unit_test(a_failed_opening_is_not_opened_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
