/*
 * Equal copies: what collection has moved lies in two places until the first is erased. Wherever a cut falls on the way, and
 * whatever cells it leaves that read differently each time, the copy that is kept is one that was whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "mm/store/state.h"
#include "tests/host/store_files.h"

#define PAGES 8u
#define SEEDS 2u
#define LOOKS 4u /* boots; what fades is seen by some of them */

static const struct bed_config SMALL = {
    .blocks = 24, .block_bytes = 16384, .tail_pages = 16, .seed = 1, .violations_continue = true
};

/* A full block of which some records live, about to be collected. */
static uint32_t move_begin(struct bed *bed)
{
    uint32_t id, victim;

    bed_start(bed, &SMALL);
    id = file_make(bed, "f", PAGES, 100);
    (void)file_make(bed, "g", 2 * PAGES, 300);
    assert_true(bed_settle(bed, 10000));
    victim = place_block(bed->store, map_get(bed->store, node_at(bed->store, id), 0));
    assert_int_equal(block_at(bed->store, victim)->state, BLOCK_FULL);
    bed->store->collector.victim = victim;
    bed->store->collector.cursor = FORMAT_BLOCK_HEADER;
    return victim;
}

static void both_are(struct bed *bed)
{
    sound(bed);
    file_is(bed, "f", PAGES, 100);
    file_is(bed, "g", 2 * PAGES, 300);
}

/* The stamp of its summary was under way at a cut before: some of its bits are programmed. */
static void stamp_tear(struct bed *bed, uint32_t block)
{
    uint32_t at = (block + 1) * SMALL.block_bytes - FORMAT_ITEM_BYTES;
    uint8_t stamp[FORMAT_ITEM_BYTES];

    memcpy(stamp, bed->nor->cells + at, sizeof stamp);
    for (uint32_t i = 0; i < sizeof stamp; i++)
        stamp[i] |= (uint8_t)(0x81 << i % 5);
    nor_load(bed->nor, at, stamp, sizeof stamp);
}

static void cut_and_look(struct bed *bed, const struct nor *before, enum nor_tear tear, uint64_t seed)
{
    bed_forget(bed);
    nor_copy(bed->nor, before);
    nor_seed(bed->nor, seed);
    nor_power_cut(bed->nor, tear);
    for (uint32_t look = 0; look < LOOKS; look++) {
        bed_reboot(bed);
        both_are(bed);
    }
    assert_int_equal(bed_begin(bed, 0), 0);
    assert_int_equal(bed_commit(bed), 0);
    both_are(bed);
}

/* From the first record's move to the erase of what it was moved from: each operation, every tear. */
static void no_cut_loses_both(void **state)
{
    (void)state;
    for (uint32_t torn = 0; torn < 2; torn++) {
        struct bed bed, shadow;
        uint32_t victim = move_begin(&bed);
        uint64_t operations = bed.nor->operations;

        bed_prepare(&shadow, &SMALL);
        if (torn)
            stamp_tear(&bed, victim);
        while (block_at(bed.store, victim)->state != BLOCK_ERASED) {
            assert_int_not_equal(store_step(bed.store), STORE_IDLE);
            sound(&bed);
            if (bed.nor->operations == operations)
                continue;
            operations = bed.nor->operations;
            for (uint32_t tear = 0; tear < NOR_TEARS; tear++)
                for (uint64_t seed = 1; seed <= SEEDS; seed++)
                    cut_and_look(&shadow, bed.nor, (enum nor_tear)tear, seed);
        }
        bed_forget(&shadow);
        bed_stop(&shadow);
        bed_stop(&bed);
    }
}

/* A stream that has room for a page of a file and no more than that is left without any. */
static void settled_fill(struct bed *bed)
{
    const struct append nobody = {
        .kind = RECORD_HOLE, .moved = true, .owner = FORMAT_NOBODY, .version = bed->store->counts
    };
    struct stream *settled = &bed->store->streams[STREAM_SETTLED];
    uint32_t from = settled->moved_from;

    while (stream_fits(bed->store, STREAM_SETTLED, FORMAT_ITEM_BYTES)) {
        append_durable(bed->store, STREAM_SETTLED, &nobody);
        while (bed->store->append.state != APPEND_IDLE)
            (void)store_step(bed->store);
    }
    settled->moved_from = from;
}

/* Before the erase: a header comes behind what was moved last, or a summary where there is no room for one. */
static void something_stands_behind(void **state)
{
    (void)state;
    for (uint32_t room = 0; room < 2; room++) {
        struct bed bed;
        uint32_t victim = move_begin(&bed), end, block;
        const struct stream *settled = &bed.store->streams[STREAM_SETTLED];

        while (block_at(bed.store, victim)->state != BLOCK_DIRTY)
            assert_int_not_equal(store_step(bed.store), STORE_IDLE);
        assert_int_equal(place_block(bed.store, settled->moved_from), victim);
        if (!room)
            settled_fill(&bed);
        end = settled->end;
        block = settled->block;
        while (bed.store->eraser.block != victim)
            assert_int_not_equal(store_step(bed.store), STORE_IDLE);
        assert_int_equal(settled->moved_from, NO_PLACE);
        assert_int_equal(settled->block == NO_BLOCK, !room);
        if (room)
            assert_int_equal(header_at(&bed, place_of(bed.store, block, end)).kind, RECORD_HOLE);
        both_are(&bed);
        bed_stop(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_cut_loses_both),
        cmocka_unit_test(something_stands_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
