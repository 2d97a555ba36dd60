/*
 * A commit that was refused although its record lies readable on flash: the part said that the program failed, and no
 * other block could be had. Whenever power goes then, the next boot finds nothing of the transaction, or all of it;
 * and nothing of it once the refusal has answered and a block could be had again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "mm/store/state.h"
#include "tests/host/store_rig.h"

#define BLOCKS      40u
#define BLOCK_BYTES 16384u
#define PAGES       16u
#define OLD         100u
#define NEW         500u
#define NEWER       900u
#define SLOTS       90u
#define TRIMMED     160u /* pages: their holes want another page of RAM */

static uint64_t buffer[BED_PAGE / 8];

static void scene(struct bed *bed, uint64_t seed, slot_t *slots)
{
    const struct bed_config config = { .blocks = BLOCKS, .block_bytes = BLOCK_BYTES, .tail_pages = 8, .seed = seed };
    uint32_t id;

    bed_start(bed, &config);
    assert_int_equal(bed_make(bed, NODE_ROOT, "f", 0100644, &id), 0);
    for (uint32_t i = 0; i < SLOTS; i++)
        assert_int_equal(bed_save(bed, &slots[i], 0, bed_random(bed)), 0);
    assert_int_equal(bed_begin(bed, PAGES), 0);
    for (uint32_t i = 0; i < PAGES; i++)
        assert_int_equal(bed_write(bed, id, i, OLD + i), 0);
    assert_int_equal(bed_commit(bed), 0);
    assert_int_equal(bed_begin(bed, PAGES + 1), 0);
    for (uint32_t i = 0; i < PAGES; i++)
        assert_int_equal(bed_write(bed, id, i, NEW + i), 0);
    assert_true(bed_settle(bed, 10000));
}

/* Every block that a program could go to denies it; with `dirty` there will be others, once they are erased. */
static void deny(struct bed *bed, uint64_t seed, bool dirty)
{
    slot_t slots[SLOTS] = { 0 };
    struct block_info info;

    scene(bed, seed, slots);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(store_block(bed->store, i, &info), 0);
        if (!dirty || info.state == BLOCK_ERASED || info.state == BLOCK_OPEN)
            nor_set_faults(bed->nor, i * BLOCK_BYTES, BLOCK_BYTES, NOR_FAULT_PROGRAM_DENIED);
    }
    for (uint32_t i = 0; i < SLOTS; i++)
        slot_put(bed->store, slots[i]);
}

static void refuse(struct bed *bed, uint64_t seed, bool dirty)
{
    deny(bed, seed, dirty);
    assert_int_equal(bed_commit(bed), -EIO);
}

static uint32_t pages_at(struct bed *bed, uint64_t first)
{
    uint32_t id, count = 0;

    assert_int_equal(node_find(bed->store, NODE_ROOT, "f", &id), 0);
    for (uint32_t i = 0; i < PAGES; i++)
        count += !bed_read(bed, id, i, buffer) && page_is(first + i, buffer);
    return count;
}

static void cut_and_look(struct bed *bed, bool old_only)
{
    uint32_t old, new;

    nor_power_cut(bed->nor, NOR_TEAR_RANDOM);
    bed_reboot(bed);
    old = pages_at(bed, OLD);
    new = pages_at(bed, NEW);
    if (old != PAGES && (old_only || new != PAGES))
        fail_msg("%u old and %u new pages", old, new);
    assert_null(store_check(bed->store));
}

/* Power goes at any step after it; `dirty`: blocks can be erased and written again by then. */
static void cut_after_a_refusal(bool dirty)
{
    struct bed bed;
    bool settled = false;

    for (uint32_t steps = 0; !settled; steps += 1 + steps / 16) {
        refuse(&bed, steps, dirty);
        assert_int_equal(pages_at(&bed, OLD), PAGES);
        settled = bed_settle(&bed, steps);
        assert_int_equal(pages_at(&bed, OLD), PAGES);
        cut_and_look(&bed, dirty);
        bed_stop(&bed);
    }
}

static void a_refused_commit_does_not_come_back(void **state)
{
    (void)state;
    cut_after_a_refusal(true);
}

/* No block takes the old commit either: nothing of what could still be found whole is touched. */
static void nor_in_part_when_nothing_can_be_written(void **state)
{
    (void)state;
    cut_after_a_refusal(false);
}

/* Another transaction is wanted, and power goes while the way is cleared for it. */
static void nor_with_the_next_transaction(void **state)
{
    struct bed bed;
    int error = -EAGAIN;

    (void)state;
    for (uint32_t steps = 0; error == -EAGAIN; steps += 1 + steps / 16) {
        refuse(&bed, steps, true);
        for (uint32_t i = 0; i <= steps && error == -EAGAIN; i++) {
            error = store_begin(bed.store, 2);
            (void)store_step(bed.store);
        }
        cut_and_look(&bed, true);
        bed_stop(&bed);
    }
    assert_true(!error || error == -ENOSPC);
}

/* Who waits for the next transaction asks before each question of the one whose own is refused. */
static void hears_of_it(struct bed *bed)
{
    int error = -EAGAIN;

    for (uint32_t i = 0; i < 100000 && error == -EAGAIN; i++) {
        assert_int_equal(store_begin(bed->store, 0), -EAGAIN);
        error = store_commit(bed->store);
        (void)store_step(bed->store);
    }
    assert_int_equal(error, -EIO);
    assert_int_equal(pages_at(bed, OLD), PAGES);
    error = bed_begin(bed, 0);
    assert_true(!error || error == -ENOSPC);
}

static void who_made_it_hears_of_it(void **state)
{
    struct bed bed;

    (void)state;
    for (uint32_t dirty = 0; dirty < 2; dirty++) {
        deny(&bed, dirty, dirty);
        hears_of_it(&bed);
        bed_stop(&bed);
    }
}

/* Its last page could not be written: nobody asks for a page any more. */
static void and_of_a_page(void **state)
{
    struct bed bed;
    uint32_t id;

    (void)state;
    for (uint32_t asks = 0; asks < 2; asks++) {
        deny(&bed, asks, false);
        assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &id), 0);
        assert_int_equal(bed_write(&bed, id, PAGES, NEW), 0);
        assert_true(bed_settle(&bed, 10000));
        if (asks) {
            assert_int_equal(bed_write(&bed, id, PAGES, NEW), -EIO);
            assert_int_equal(bed_begin(&bed, 0), -ENOSPC);
        } else {
            hears_of_it(&bed);
        }
        bed_stop(&bed);
    }
}

static void another(struct bed *bed, uint32_t id)
{
    nor_set_faults(bed->nor, 0, BLOCKS * BLOCK_BYTES, 0);
    assert_int_equal(bed_begin(bed, 1), 0);
    assert_int_equal(bed_write(bed, id, PAGES, OLD), 0);
    assert_int_equal(bed_commit(bed), 0);
}

/* Whoever made it gives up while a page is on its way, and once it is there; the next one begins and ends as any. */
static void nor_what_was_given_up(void **state)
{
    struct bed bed;
    uint32_t id;

    (void)state;
    for (uint32_t steps = 0; steps < 40; steps += 1 + steps / 4) {
        slot_t slots[SLOTS] = { 0 };

        scene(&bed, steps, slots);
        assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &id), 0);
        assert_int_equal(bed_write(&bed, id, PAGES, NEW), 0);
        (void)bed_settle(&bed, steps);
        store_abort(bed.store);
        assert_true(bed_settle(&bed, 10000));
        store_abort(bed.store);
        assert_null(store_check(bed.store));
        assert_int_equal(pages_at(&bed, OLD), PAGES);
        another(&bed, id);
        cut_and_look(&bed, true);
        bed_stop(&bed);
    }
}

/* The page that is on its way finds no block any more. */
static void nor_what_was_given_up_without_a_block(void **state)
{
    struct bed bed;
    uint32_t id;

    (void)state;
    deny(&bed, 1, false);
    assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &id), 0);
    assert_int_equal(bed_write(&bed, id, PAGES, NEW), 0);
    store_abort(bed.store);
    assert_int_equal(store_commit(bed.store), -EAGAIN);
    assert_true(bed_settle(&bed, 10000));
    assert_int_equal(pages_at(&bed, OLD), PAGES);
    nor_set_faults(bed.nor, 0, BLOCKS * BLOCK_BYTES, 0);
    cut_and_look(&bed, true);
    bed_stop(&bed);
}

/* It is too late: the commit ends as it ends, nobody is told, and nobody waits for its maker. */
static void who_gives_up_a_commit_holds_up_nobody(void **state)
{
    struct bed bed;
    uint32_t id, kept = 0, taken_back = 0;

    (void)state;
    for (uint32_t steps = 0; steps < 60; steps++) {
        slot_t slots[SLOTS] = { 0 };
        bool denied = steps % 2;

        if (denied)
            deny(&bed, steps, true);
        else
            scene(&bed, steps, slots);
        assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &id), 0);
        assert_int_equal(store_commit(bed.store), -EAGAIN);
        (void)bed_settle(&bed, steps);
        store_abort(bed.store);
        another(&bed, id);
        kept += pages_at(&bed, NEW) == PAGES;
        taken_back += pages_at(&bed, OLD) == PAGES;
        assert_int_equal(kept + taken_back, steps + 1);
        bed_reboot(&bed);
        assert_int_equal(pages_at(&bed, denied && taken_back ? OLD : NEW), PAGES);
        assert_null(store_check(bed.store));
        bed_stop(&bed);
    }
    assert_true(kept && taken_back);
}

/* A commit that is refused RAM ends its transaction as any that is refused. */
static void nor_when_ram_is_refused(void **state)
{
    slot_t slots[SLOTS] = { 0 };
    struct bed bed;
    uint32_t id;

    (void)state;
    scene(&bed, 1, slots);
    assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &id), 0);
    assert_int_equal(bed_resize(&bed, id, (PAGES + TRIMMED) * BED_PAGE, 1), 0);
    assert_int_equal(bed_commit(&bed), 0);
    for (uint32_t i = 0; i < TRIMMED; i++) {
        if (i % 40 == 0)
            assert_int_equal(bed_begin(&bed, 40), 0);
        assert_int_equal(bed_write(&bed, id, PAGES + i, 0), 0);
        if (i % 40 == 39)
            assert_int_equal(bed_commit(&bed), 0);
    }
    assert_int_equal(bed_begin(&bed, PAGES), 0);
    for (uint32_t i = 0; i < PAGES; i++)
        assert_int_equal(bed_write(&bed, id, i, NEWER + i), 0);
    assert_int_equal(bed_resize(&bed, id, PAGES * BED_PAGE, 2), 0);
    bed.page_refused = 1;
    assert_int_equal(bed_commit(&bed), -ENOMEM);
    assert_true(bed_settle(&bed, 10000));
    assert_int_equal(pages_at(&bed, NEW), PAGES);
    another(&bed, id);
    bed_reboot(&bed);
    assert_int_equal(pages_at(&bed, NEW), PAGES);
    assert_null(store_check(bed.store));
    bed_stop(&bed);
}

/* The faults of all blocks that a program could go to; not of what collection has open. */
static void faults_set(struct bed *bed, bool open_only, unsigned faults)
{
    struct block_info info;

    for (uint32_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(store_block(bed->store, i, &info), 0);
        if ((info.state == BLOCK_OPEN && info.stream != STREAM_SETTLED) || (info.state == BLOCK_ERASED && !open_only))
            nor_set_faults(bed->nor, i * BLOCK_BYTES, BLOCK_BYTES, faults);
    }
}

/* A block fails while a transaction writes to it, what it holds is moved, and then no other can be had. */
static void nor_what_was_moved(void **state)
{
    struct bed bed;
    uint32_t id;

    (void)state;
    for (uint32_t written = 0; written < PAGES; written++) {
        slot_t slots[SLOTS] = { 0 };

        scene(&bed, written, slots);
        assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &id), 0);
        assert_int_equal(bed_commit(&bed), 0);
        assert_int_equal(bed_begin(&bed, PAGES), 0);
        for (uint32_t i = 0; i < PAGES; i++) {
            if (i == written)
                faults_set(&bed, true, NOR_FAULT_PROGRAM_FAILS);
            assert_int_equal(bed_write(&bed, id, i, NEWER + i), 0);
            assert_true(bed_settle(&bed, 10000));
        }
        faults_set(&bed, false, NOR_FAULT_PROGRAM_DENIED);
        for (uint32_t i = 0; i < SLOTS; i++)
            slot_put(bed.store, slots[i]);
        assert_int_equal(bed_commit(&bed), -EIO);
        assert_int_equal(pages_at(&bed, NEW), PAGES);
        another(&bed, id);
        bed_reboot(&bed);
        assert_int_equal(pages_at(&bed, NEW), PAGES);
        assert_null(store_check(bed.store));
        bed_stop(&bed);
    }
}

/*
 * Collection takes a block that holds nothing but pages written in the transaction, until none is alive there. It is to be
 * erased last.
 */
static void collect(struct bed *bed, uint32_t id)
{
    uint32_t victim = place_block(bed->store, map_get(bed->store, node_at(bed->store, id), 0));

    assert_int_equal(block_at(bed->store, victim)->state, BLOCK_FULL);
    bed->store->collector.victim = victim;
    bed->store->collector.cursor = FORMAT_BLOCK_HEADER;
    for (uint32_t i = 0; i < 1000 && block_at(bed->store, victim)->state != BLOCK_DIRTY; i++)
        (void)store_step(bed->store);
    assert_int_equal(block_at(bed->store, victim)->state, BLOCK_DIRTY);
    block_at(bed->store, victim)->erases += 10;
}

/* What it was moved away from must not show it either, once a later transaction has counted. */
static void nor_where_it_was_moved_from(void **state)
{
    (void)state;
    for (uint32_t kept = 0; kept < 2; kept++) {
        slot_t slots[SLOTS] = { 0 };
        struct bed bed;
        uint32_t id;

        scene(&bed, 1, slots);
        assert_int_equal(bed_commit(&bed), 0);
        assert_true(bed_settle(&bed, 10000));
        stream_abandon(bed.store, STREAM_DURABLE); /* it is to lie in blocks of its own */
        stream_abandon(bed.store, STREAM_SETTLED);
        assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &id), 0);
        assert_int_equal(bed_begin(&bed, 2 * PAGES), 0);
        for (uint32_t i = 0; i < 2 * PAGES; i++)
            assert_int_equal(bed_write(&bed, id, i % PAGES, NEWER + i % PAGES), 0);
        collect(&bed, id);
        if (!kept)
            faults_set(&bed, false, NOR_FAULT_PROGRAM_DENIED);
        for (uint32_t i = 0; i < SLOTS; i++)
            slot_put(bed.store, slots[i]);
        assert_int_equal(bed_commit(&bed), kept ? 0 : -EIO);
        assert_int_equal(collector_voids(bed.store), !kept);
        another(&bed, id);
        bed_reboot(&bed);
        assert_int_equal(pages_at(&bed, kept ? NEWER : NEW), PAGES);
        assert_null(store_check(bed.store));
        bed_stop(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_commit_does_not_come_back),
        cmocka_unit_test(nor_in_part_when_nothing_can_be_written),
        cmocka_unit_test(nor_with_the_next_transaction),
        cmocka_unit_test(who_made_it_hears_of_it),
        cmocka_unit_test(and_of_a_page),
        cmocka_unit_test(nor_what_was_moved),
        cmocka_unit_test(nor_where_it_was_moved_from),
        cmocka_unit_test(nor_what_was_given_up),
        cmocka_unit_test(nor_what_was_given_up_without_a_block),
        cmocka_unit_test(who_gives_up_a_commit_holds_up_nobody),
        cmocka_unit_test(nor_when_ram_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
