/*
 * Parts of the store by themselves: checks and their repair, maps, keys, the tail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mm/store/crc32c.h"
#include "mm/store/state.h"
#include "tests/host/store_rig.h"

static const struct bed_config NO_FLASH = { .tail_pages = 24, .seed = 5 };

/* ---- Checks ---- */

static void one_bit_of_an_item_is_repaired(void **state)
{
    struct record_header header = { .kind = RECORD_PAGE, .length = 100, .node = 3, .version = 77 };
    struct record_header damaged;

    (void)state;
    item_seal(&header, 1234, 9);
    for (uint32_t bit = 0; bit < sizeof header * 8; bit++) {
        damaged = header;
        ((uint8_t *)&damaged)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(item_valid(&damaged, 1234, 9));
        assert_memory_equal(&damaged, &header, sizeof header);
    }
}

static void two_and_three_bits_are_refused(void **state)
{
    struct record_header header = { .kind = RECORD_PAGE, .length = 100, .node = 3, .version = 77 };
    struct record_header damaged;

    (void)state;
    item_seal(&header, 1234, 9);
    for (uint32_t one = 0; one < 256; one++) {
        for (uint32_t other = one + 1; other < 256; other++) {
            uint32_t third = (one * 7 + other * 13) % 256;

            damaged = header;
            ((uint8_t *)&damaged)[one / 8] ^= (uint8_t)(1u << one % 8);
            ((uint8_t *)&damaged)[other / 8] ^= (uint8_t)(1u << other % 8);
            assert_false(item_valid(&damaged, 1234, 9));
            if (third == one || third == other)
                continue;
            ((uint8_t *)&damaged)[third / 8] ^= (uint8_t)(1u << third % 8);
            assert_false(item_valid(&damaged, 1234, 9));
        }
    }
}

static void items_belong_to_their_place(void **state)
{
    struct record_header header = { .kind = RECORD_PAGE };
    uint8_t blank[FORMAT_ITEM_BYTES];

    (void)state;
    item_seal(&header, 100, 5);
    assert_true(item_valid(&header, 100, 5));
    assert_false(item_valid(&header, 101, 5));
    assert_false(item_valid(&header, 100, 6));
    memset(blank, 0xff, sizeof blank);
    assert_false(item_valid(blank, 100, 5));
    memset(blank, 0, sizeof blank);
    assert_false(item_valid(blank, 100, 5));
}

static void one_bit_of_a_page_is_repaired(void **state)
{
    static uint8_t page[BED_PAGE], damaged[BED_PAGE];
    uint32_t crc;

    (void)state;
    page_of(99, page);
    crc = crc32c(0, page, sizeof page);
    for (uint32_t bit = 0; bit < BED_PAGE * 8; bit += 41) {
        memcpy(damaged, page, sizeof page);
        damaged[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(crc_repair(damaged, BED_PAGE, crc32c(0, damaged, BED_PAGE), crc));
        assert_memory_equal(damaged, page, sizeof page);
    }
}

/* ---- Maps ---- */

#define MAP_PAGES 5000u

static void maps_hold_what_they_are_given(void **state)
{
    struct bed bed;
    struct node_entry node = { 0 };
    uint32_t *model = calloc(MAP_PAGES, sizeof *model);

    (void)state;
    assert_non_null(model);
    bed_start(&bed, &NO_FLASH);
    for (uint32_t i = 0; i < 4000; i++) {
        uint32_t page = bed_below(&bed, 1u << (1 + bed_below(&bed, 12)));

        assert_int_equal(map_get(bed.store, &node, page), model[page]);
        assert_int_equal(map_reserve(bed.store, &node, page), 0);
        model[page] = 1 + bed_below(&bed, 1000);
        map_set(bed.store, &node, page, model[page]);
    }
    for (uint32_t page = 0, expected = 0, entry;; page++, expected++) {
        bool found = map_next(bed.store, node.map, node.map_height, &page, &entry);

        while (expected < MAP_PAGES && !model[expected])
            expected++;
        assert_int_equal(found, expected < MAP_PAGES);
        if (!found)
            break;
        assert_int_equal(page, expected);
        assert_int_equal(entry, model[page]);
    }
    map_drop(bed.store, node.map, node.map_height);
    for (uint32_t i = 0; i < CELL_PAGES; i++)
        assert_null(bed.store->nodes->cell_pages[i]);
    free(model);
    bed_stop(&bed);
}

static void small_maps_are_small(void **state)
{
    struct bed bed;
    struct node_entry nodes[60] = { { 0 } };

    (void)state;
    bed_start(&bed, &NO_FLASH);
    for (uint32_t i = 0; i < 60; i++)
        assert_int_equal(map_reserve(bed.store, &nodes[i], 15), 0);
    assert_non_null(bed.store->nodes->cell_pages[0]);
    assert_null(bed.store->nodes->cell_pages[1]);
    assert_int_equal(map_reserve(bed.store, &nodes[0], UINT32_MAX), -EFBIG);
    bed_stop(&bed);
}

/* ---- Keys ---- */

static void closed_keys_stay_closed(void **state)
{
    struct bed bed;
    store_key_t keys[300], again;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    for (uint32_t i = 0; i < 300; i++) {
        keys[i] = store_key_open(bed.store);
        assert_int_not_equal(keys[i], 0);
        for (uint32_t j = 0; j < i; j++)
            assert_memory_not_equal(key_find(bed.store, keys[i]), key_find(bed.store, keys[j]), SEAL_KEY_BYTES);
    }
    store_key_close(bed.store, keys[7]);
    assert_null(key_find(bed.store, keys[7]));
    again = store_key_open(bed.store);
    assert_int_not_equal(again, keys[7]);
    assert_null(key_find(bed.store, keys[7]));
    assert_non_null(key_find(bed.store, again));
    bed_stop(&bed);
}

/* ---- Tail ---- */

/* One page lives for ever while others come and go: frame numbers run far ahead of it, and round. */
static void an_old_record_does_not_stop_the_ring(void **state)
{
    static uint64_t page[BED_PAGE / 8];
    struct bed bed;
    slot_t old = 0, slots[8] = { 0 };

    (void)state;
    bed_start(&bed, &NO_FLASH);
    assert_int_equal(bed_save(&bed, &old, 0, 4242), 0);
    for (uint32_t i = 0; i < 20000; i++) {
        assert_int_equal(bed_save(&bed, &slots[i % 8], 0, 1 + i), 0);
        if (i % 500 == 0)
            assert_null(store_check(bed.store));
    }
    assert_int_equal(bed_load(&bed, old, 0, page), SLOT_TAIL);
    assert_true(page_is(4242, page));
    assert_true(bed.store->tail.pages < 12);
    bed_stop(&bed);
}

static void slots_give_their_tables_back(void **state)
{
    struct bed_config config = { .tail_pages = 200, .seed = 3 };
    struct bed bed;
    slot_t *slots = calloc(2000, sizeof *slots);
    uint32_t before;

    (void)state;
    assert_non_null(slots);
    bed_start(&bed, &config);
    before = bed.pages;
    for (uint32_t i = 0; i < 2000; i++)
        assert_int_equal(bed_save(&bed, &slots[i], 0, 0), 0);
    assert_true(bed.pages > before + 4);
    for (uint32_t i = 0; i < 2000; i++)
        slot_put(bed.store, slots[i]);
    assert_null(store_check(bed.store));
    assert_true(bed.pages <= before + 3);
    free(slots);
    bed_stop(&bed);
}

/* ---- Records on their way ---- */

static const struct bed_config WITH_FLASH = { .blocks = 24, .block_bytes = 16384, .tail_pages = 24, .seed = 6 };

#define FILLING 400u /* more than fit */

/* Saves until the tail is full; how many. */
static uint32_t fill(struct bed *bed, slot_t *slots, uint32_t most, store_key_t key)
{
    uint64_t page[BED_PAGE / 8];
    uint32_t saved = 0;

    while (saved < most && (page_of(1 + saved, page), slot_save(bed->store, &slots[saved], key, page)) == 0)
        saved++;
    return saved;
}

static slot_t step_until_taken(struct bed *bed)
{
    for (uint32_t i = 0; i < 1000 && bed->store->append.state != APPEND_START; i++)
        (void)store_step(bed->store);
    assert_int_equal(bed->store->append.state, APPEND_START);
    return bed->store->append.owner;
}

/* A record that was taken up to be written is put, and its key closed; its number may be another page's at once. */
static void a_slot_put_while_taken_is_not_lost(void **state)
{
    uint64_t page[BED_PAGE / 8];

    (void)state;
    for (uint32_t reused = 0; reused < 2; reused++) {
        struct bed bed;
        store_key_t key, other;
        slot_t slots[FILLING] = { 0 }, taken, again = 0;

        bed_start(&bed, &WITH_FLASH);
        key = store_key_open(bed.store);
        other = store_key_open(bed.store);
        assert_in_range(fill(&bed, slots, FILLING, key), 10, FILLING - 1);
        taken = step_until_taken(&bed);
        for (uint32_t i = 0; i < FILLING; i++)
            if (slots[i] && slots[i] != taken)
                slot_put(bed.store, slots[i]);
        slot_put(bed.store, taken);
        store_key_close(bed.store, key);
        if (reused) {
            page_of(4242, page);
            assert_int_equal(slot_save(bed.store, &again, other, page), 0);
            assert_int_equal(again, taken);
        }
        (void)bed_settle(&bed, 1000);
        assert_null(store_check(bed.store));
        assert_int_equal(bed.store->statistics.bad_records, 0);
        if (reused) {
            assert_int_equal(bed_load(&bed, again, other, page), SLOT_TAIL);
            assert_true(page_is(4242, page));
        }
        bed_stop(&bed);
    }
}

/* A collected record waits in the carry, dies, and its block is erased: nothing may bring the slot back to the old place. */
static void a_record_from_an_erased_block_does_not_land(void **state)
{
    struct bed bed;
    struct stream *cold;
    struct pending waits = { .slot = 5, .old_where = PLACE_FLASH }, other = waits;

    (void)state;
    bed_start(&bed, &WITH_FLASH);
    cold = &bed.store->streams[STREAM_COLD];
    waits.old = place_of(bed.store, 7, 64);
    other.old = place_of(bed.store, 8, 64);
    cold->pending[0] = waits;
    cold->pending[1] = other;
    cold->pending_count = 2;
    block_at(bed.store, 8)->state = BLOCK_ERASED;
    bed.store->eraser.block = 7;
    eraser_erased(bed.store, 0);
    assert_int_equal(cold->pending[0].slot, 0);
    assert_int_equal(cold->pending[1].slot, 5);
    bed_stop(&bed);
}

/* ---- A full tail that nothing takes from ---- */

static void expect_full_and_whole(struct bed *bed)
{
    uint64_t page[BED_PAGE / 8];
    slot_t slots[FILLING] = { 0 }, more = 0;
    uint32_t saved = fill(bed, slots, FILLING, 0);

    assert_in_range(saved, 10, FILLING - 1);
    page_of(77, page);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(slot_save(bed->store, &more, 0, page), -ENOMEM);
    assert_int_equal(more, 0);
    assert_int_equal(slot_save(bed->store, &slots[0], 0, page), -ENOMEM);
    assert_null(store_check(bed->store));
    for (uint32_t i = 0; i < saved; i++) {
        assert_int_equal(bed_load(bed, slots[i], 0, page), SLOT_TAIL);
        assert_true(page_is(1 + i, page));
    }
    for (uint32_t i = 0; i < saved; i += 2)
        slot_put(bed->store, slots[i]);
    assert_int_equal(bed_save(bed, &more, 0, 77), 0);
}

static void a_full_tail_without_flash_refuses(void **state)
{
    struct bed bed;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    expect_full_and_whole(&bed);
    bed_stop(&bed);
}

static void a_full_tail_with_swap_off_refuses(void **state)
{
    struct bed bed;

    (void)state;
    bed_start(&bed, &WITH_FLASH);
    assert_int_equal(store_swap_set(bed.store, 0), 0);
    expect_full_and_whole(&bed);
    bed_stop(&bed);
}

/* What compaction cannot make denser it does not promise to. */
static void ram_that_is_refused_is_not_waited_for(void **state)
{
    uint64_t page[BED_PAGE / 8];
    struct bed bed;
    slot_t first = 0, second = 0;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    memset(page, 0, sizeof page);
    assert_int_equal(slot_save(bed.store, &first, 0, page), 0);
    for (uint32_t i = 0; i < BED_PAGE / 8; i++)
        page[i] = bed_random(&bed);
    bed.config.page_limit = bed.pages;
    assert_int_equal(slot_save(bed.store, &second, 0, page), -ENOMEM);
    bed.config.page_limit = 0;
    assert_int_equal(slot_save(bed.store, &second, 0, page), 0);
    bed_stop(&bed);
}

/* The tail is thin and RAM is refused once: what there is goes to flash, and is not turned round in the tail for ever. */
static void refused_ram_is_made_by_writing_back(void **state)
{
    uint64_t page[BED_PAGE / 8];
    struct bed bed;
    slot_t slots[12] = { 0 }, more = 0;

    (void)state;
    bed_start(&bed, &WITH_FLASH);
    assert_true(bed_settle(&bed, 10000));
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(bed_save(&bed, &slots[i], 0, 30 + i), 0);
    for (uint32_t i = 0; i < 12; i++)
        if (i % 5)
            slot_put(bed.store, slots[i]);
    assert_true(tail_thin(bed.store));
    for (uint32_t i = 0; i < BED_PAGE / 8; i++)
        page[i] = bed_random(&bed);
    bed.page_refused = 1;
    assert_int_equal(slot_save(bed.store, &more, 0, page), -EAGAIN);
    assert_true(bed_settle(&bed, 200));
    for (uint32_t i = 0; i < 3 && slot_save(bed.store, &more, 0, page) == -EAGAIN; i++)
        assert_true(bed_settle(&bed, 200));
    assert_int_not_equal(more, 0);
    for (uint32_t i = 0; i < 12; i += 5) {
        assert_true(bed_load(&bed, slots[i], 0, page) > 0);
        assert_true(page_is(30 + i, page));
    }
    assert_null(store_check(bed.store));
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bit_of_an_item_is_repaired),
        cmocka_unit_test(two_and_three_bits_are_refused),
        cmocka_unit_test(items_belong_to_their_place),
        cmocka_unit_test(one_bit_of_a_page_is_repaired),
        cmocka_unit_test(maps_hold_what_they_are_given),
        cmocka_unit_test(small_maps_are_small),
        cmocka_unit_test(closed_keys_stay_closed),
        cmocka_unit_test(an_old_record_does_not_stop_the_ring),
        cmocka_unit_test(slots_give_their_tables_back),
        cmocka_unit_test(a_slot_put_while_taken_is_not_lost),
        cmocka_unit_test(a_full_tail_without_flash_refuses),
        cmocka_unit_test(a_full_tail_with_swap_off_refuses),
        cmocka_unit_test(ram_that_is_refused_is_not_waited_for),
        cmocka_unit_test(refused_ram_is_made_by_writing_back),
        cmocka_unit_test(a_record_from_an_erased_block_does_not_land),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
