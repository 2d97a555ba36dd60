/*
 * Swap's share of the blocks, changed while swap is out: a smaller one is reached in few steps and erases or not at all, what
 * was promised with it can be kept, and what is more is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"
#include "tests/host/store_files.h"

#define SLOTS 700u

static const struct bed_config FORTY_EIGHT = { .blocks = 48, .block_bytes = 65536, .tail_pages = 16, .seed = 9 };

static slot_t slots[SLOTS];
static uint64_t buffer[BED_PAGE / 8];

static void begin(struct bed *bed, const struct bed_config *config)
{
    bed_start(bed, config);
    memset(slots, 0, sizeof slots);
}

/* A page that does not compress. The error of a store that does nothing for it any more is -EDEADLK. */
static int save(struct bed *bed, slot_t *slot)
{
    uint32_t idle = 0;
    int error;

    for (uint32_t i = 0; i < BED_PAGE / 8; i++)
        buffer[i] = bed_random(bed);
    while ((error = slot_save(bed->store, slot, 0, buffer)) == -EAGAIN && idle < 3)
        idle += store_step(bed->store) == STORE_IDLE;
    return error == -EAGAIN ? -EDEADLK : error;
}

static void save_many(struct bed *bed, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(save(bed, &slots[i]), 0);
}

static void put_others(struct bed *bed, uint32_t count, uint32_t kept)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i % kept == 0)
            continue;
        slot_put(bed->store, slots[i]);
        slots[i] = 0;
    }
}

static void all_readable(struct bed *bed)
{
    for (uint32_t i = 0; i < SLOTS; i++)
        if (slots[i])
            assert_in_range(bed_load(bed, slots[i], 0, buffer), SLOT_TAIL, SLOT_FLASH);
    sound(bed);
}

static int shrink(struct bed *bed, uint32_t blocks, uint32_t *steps)
{
    int error;

    for (*steps = 0; *steps < 20000 && (error = store_swap_set(bed->store, blocks)) == -EAGAIN; ++*steps)
        (void)store_step(bed->store);
    return error;
}

/* ---- Shrinking ---- */

/* Half of what is out has died: the other half is moved together, each block of it once. */
static void fewer_blocks_are_reached(void **state)
{
    struct bed bed;
    uint32_t steps, used;
    uint64_t erases;

    (void)state;
    begin(&bed, &FORTY_EIGHT);
    save_many(&bed, 200);
    put_others(&bed, 200, 2);
    used = swap_blocks_used(bed.store);
    erases = bed.nor->counters.erases;
    assert_in_range(used, 12, 16);
    assert_int_equal(store_swap_set(bed.store, used - 2), -EAGAIN);
    assert_int_equal(shrink(&bed, used - 2, &steps), 0);
    assert_in_range(steps, 10, 4000);
    assert_in_range(bed.nor->counters.erases - erases, 0, used);
    assert_true(swap_blocks_used(bed.store) <= used - 2);
    all_readable(&bed);
    bed_stop(&bed);
}

/* One block after another, down to where it is refused; what is refused would leave no room to collect in. */
static void down_to_what_is_alive(void **state)
{
    struct bed bed;
    uint32_t steps, blocks, used;
    uint64_t erases;
    int error = 0;

    (void)state;
    begin(&bed, &FORTY_EIGHT);
    save_many(&bed, 400);
    put_others(&bed, 400, 3);
    used = swap_blocks_used(bed.store);
    erases = bed.nor->counters.erases;
    for (blocks = used - 1; !error; blocks--)
        error = shrink(&bed, blocks, &steps);
    assert_int_equal(error, -ENOSPC);
    assert_in_range(blocks, 8, 16);
    assert_in_range(bed.nor->counters.erases - erases, 0, 2 * used);
    assert_true(bed_settle(&bed, 20000));
    all_readable(&bed);
    bed_stop(&bed);
}

/* The way to nothing begins before that to less has ended, and tasks take the room in the tail: all is as it was at first. */
static void the_limit_of_before_comes_back(void **state)
{
    struct bed_config config = FORTY_EIGHT;
    struct bed bed;
    uint32_t used;

    (void)state;
    config.tail_pages = 48;
    begin(&bed, &config);
    save_many(&bed, 120);
    put_others(&bed, 120, 6);
    used = swap_blocks_used(bed.store);
    assert_int_equal(store_swap_set(bed.store, used - 1), -EAGAIN);
    assert_int_equal(store_swap_set(bed.store, 0), -EAGAIN);
    for (uint32_t i = 120; i < SLOTS && !slot_save(bed.store, &slots[i], 0, buffer); i++)
        buffer[0] = bed_random(&bed);
    assert_true(bed_settle(&bed, 20000));
    assert_int_equal(bed.store->swap_blocks_max, UINT32_MAX);
    assert_int_equal(store_swap_set(bed.store, 0), -ENOSPC);
    all_readable(&bed);
    bed_stop(&bed);
}

/* ---- A limit kept to ---- */

/* All that may be promised is saved, and saved anew again and again: nothing is refused, and the limit holds. */
static void what_is_promised_within_a_limit_is_kept(void **state)
{
    static const struct {
        uint32_t limit, block_bytes;
    } cases[] = { { 24, 65536 }, { 12, 65536 }, { 31, 8192 }, { 15, 16384 }, { 5, 65536 }, { 4, 65536 } };

    (void)state;
    for (uint32_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct bed_config config = FORTY_EIGHT;
        struct bed bed;
        uint32_t count;

        config.block_bytes = cases[c].block_bytes;
        begin(&bed, &config);
        assert_int_equal(store_swap_set(bed.store, cases[c].limit), 0);
        count = (uint32_t)store_capacity_pages(bed.store);
        assert_int_equal(store_promise(bed.store, count), 0);
        save_many(&bed, count);
        for (uint32_t i = 0; i < 2000; i++) {
            assert_int_equal(save(&bed, &slots[bed_below(&bed, count)]), 0);
            assert_true(swap_blocks_used(bed.store) <= cases[c].limit);
        }
        assert_true(bed_settle(&bed, 20000));
        all_readable(&bed);
        bed_stop(&bed);
    }
}

/* More than was promised: refused in the end, and then nothing is collected in vain for it. */
static void what_is_too_much_for_a_limit_is_refused(void **state)
{
    struct bed bed;
    uint32_t count = 0;
    uint64_t erases;
    int error = 0;

    (void)state;
    begin(&bed, &FORTY_EIGHT);
    assert_int_equal(store_swap_set(bed.store, 12), 0);
    while (!error && count < SLOTS - 1)
        error = save(&bed, &slots[count++]);
    assert_int_equal(error, -ENOMEM);
    assert_true(count > store_capacity_pages(bed.store));
    assert_true(bed_settle(&bed, 20000));
    erases = bed.nor->counters.erases;
    for (uint32_t j = 0; j < 200; j++) {
        error = save(&bed, &slots[bed_below(&bed, count - 1)]);
        assert_true(!error || error == -ENOMEM);
        assert_true(bed_settle(&bed, 20000));
    }
    assert_in_range(bed.nor->counters.erases - erases, 0, 200);
    assert_true(swap_blocks_used(bed.store) <= 12);
    all_readable(&bed);
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fewer_blocks_are_reached),
        cmocka_unit_test(down_to_what_is_alive),
        cmocka_unit_test(the_limit_of_before_comes_back),
        cmocka_unit_test(what_is_promised_within_a_limit_is_kept),
        cmocka_unit_test(what_is_too_much_for_a_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
