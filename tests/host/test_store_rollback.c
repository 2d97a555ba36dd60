/*
 * Transactions that fail half-way, after every kind of change: in RAM the pages are those of the last commit again, names
 * and sizes stay as they were asked for, the invariants hold, and the next boot finds the last commit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"
#include "tests/host/store_files.h"

#define PAGES 12u

static uint64_t buffer[BED_PAGE / 8];

static const struct bed_config SMALL = { .blocks = 24, .block_bytes = 16384, .tail_pages = 16, .seed = 1 };

static void faults(struct bed *bed, unsigned kinds)
{
    nor_set_faults(bed->nor, 0, SMALL.blocks * SMALL.block_bytes, kinds);
}

static void write_over(struct bed *bed, uint32_t id, uint32_t first, uint32_t end, uint64_t name)
{
    for (uint32_t i = first; i < end; i++)
        assert_int_equal(bed_write(bed, id, i, name + i), 0);
}

/* What a transaction does between its begin and its failure. */
static void then_nothing(struct bed *bed, uint32_t id)
{
    (void)bed;
    (void)id;
}

static void then_shorten(struct bed *bed, uint32_t id)
{
    assert_int_equal(bed_resize(bed, id, 4 * BED_PAGE, 6), 0);
}

static void then_empty(struct bed *bed, uint32_t id)
{
    assert_int_equal(bed_resize(bed, id, 0, 6), 0);
}

static void then_write_again_and_shorten(struct bed *bed, uint32_t id)
{
    write_over(bed, id, 3, 6, 800);
    then_shorten(bed, id);
}

static void then_shorten_and_write_again(struct bed *bed, uint32_t id)
{
    then_shorten(bed, id);
    write_over(bed, id, 2, 7, 800);
    then_shorten(bed, id);
}

static void then_write_another_and_empty(struct bed *bed, uint32_t id)
{
    uint32_t other;

    assert_int_equal(node_find(bed->store, NODE_ROOT, "other", &other), 0);
    write_over(bed, other, 0, 3, 600);
    then_empty(bed, id);
}

static const struct {
    void (*what)(struct bed *bed, uint32_t id);
    uint32_t pages; /* of the file in RAM afterwards */
} STEPS[] = {
    { then_nothing, PAGES },
    { then_shorten, 4 },
    { then_empty, 0 },
    { then_write_again_and_shorten, 4 },
    { then_shorten_and_write_again, 4 },
    { then_write_another_and_empty, 0 },
};

/* Pages of the last commit up to `pages`, zeros behind them. */
static void pages_are(struct bed *bed, uint32_t id, uint32_t pages)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        assert_int_equal(bed_read(bed, id, i, buffer), 0);
        assert_true(page_is(i < pages ? 50 + i : 0, buffer));
    }
}

static void failures_take_back_pages(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        struct bed bed;
        uint32_t id;

        bed_start(&bed, &SMALL);
        file_make(&bed, "other", 3, 30);
        id = file_make(&bed, "f", PAGES, 50);
        assert_int_equal(bed_begin(&bed, 20), 0);
        write_over(&bed, id, 0, 8, 900);
        STEPS[i].what(&bed, id);
        faults(&bed, NOR_FAULT_PROGRAM_FAILS);
        assert_int_equal(bed_commit(&bed), -EIO);
        sound(&bed);
        pages_are(&bed, id, STEPS[i].pages);
        file_is(&bed, "other", 3, 30);
        assert_int_equal(bed_begin(&bed, 1), -ENOSPC); /* nothing takes a program any more */
        faults(&bed, 0);
        bed_reboot(&bed);
        sound(&bed);
        file_is(&bed, "f", PAGES, 50);
        file_is(&bed, "other", 3, 30);
        file_make(&bed, "after", 2, 70);
        bed_reboot(&bed);
        file_is(&bed, "f", PAGES, 50);
        file_is(&bed, "after", 2, 70);
        bed_stop(&bed);
    }
}

/* A failure is told at the next begin, too, when nobody asked for the commit. */
static void a_failed_transaction_can_be_begun_anew(void **state)
{
    struct bed bed;
    uint32_t id;
    int error = 0;

    (void)state;
    bed_start(&bed, &SMALL);
    id = file_make(&bed, "f", PAGES, 50);
    assert_int_equal(bed_begin(&bed, 6), 0);
    write_over(&bed, id, 0, 3, 900);
    faults(&bed, NOR_FAULT_PROGRAM_FAILS);
    for (uint32_t i = 0; i < 3 && !error; i++)
        error = bed_write(&bed, id, 3, 903);
    assert_int_equal(error, -EIO);
    pages_are(&bed, id, PAGES);
    faults(&bed, 0);
    error = bed_begin(&bed, 1);
    assert_true(!error || error == -ENOSPC);
    pages_are(&bed, id, PAGES);
    sound(&bed);
    bed_stop(&bed);
}

/* The block under a transaction fails: what was written moves on and is still taken back, or committed. */
static void written_pages_move_with_their_block(void **state)
{
    (void)state;
    for (uint32_t fails = 0; fails < 2; fails++) {
        struct bed bed;
        uint32_t id, block;

        bed_start(&bed, &SMALL);
        id = file_make(&bed, "f", PAGES, 50);
        assert_int_equal(bed_begin(&bed, 12), 0);
        write_over(&bed, id, 0, 2, 900);
        assert_true(bed_settle(&bed, 1000));
        block = place_block(bed.store, map_get(bed.store, node_at(bed.store, id), 1));
        nor_fail_at(bed.nor, 1);
        write_over(&bed, id, 2, 4, 900);
        for (uint32_t i = 0; i < 2000 && block_at(bed.store, block)->state != BLOCK_BAD; i++)
            (void)store_step(bed.store);
        assert_int_equal(block_at(bed.store, block)->state, BLOCK_BAD);
        sound(&bed);
        if (fails)
            faults(&bed, NOR_FAULT_PROGRAM_FAILS);
        assert_int_equal(bed_commit(&bed), fails ? -EIO : 0);
        sound(&bed);
        for (uint32_t i = 0; i < PAGES; i++) {
            assert_int_equal(bed_read(&bed, id, i, buffer), 0);
            assert_true(page_is(!fails && i < 4 ? 900 + i : 50 + i, buffer));
        }
        faults(&bed, 0);
        bed_reboot(&bed);
        for (uint32_t i = 0; i < PAGES; i++) {
            assert_int_equal(bed_read(&bed, id, i, buffer), 0);
            assert_true(page_is(!fails && i < 4 ? 900 + i : 50 + i, buffer));
        }
        bed_stop(&bed);
    }
}

/* A removed file's last reference goes while its record is being moved: the copy is nobody's. */
static void a_file_forgotten_while_it_moves(void **state)
{
    struct bed bed;
    uint32_t id, other;

    (void)state;
    bed_start(&bed, &SMALL);
    id = file_make(&bed, "f", 3, 50);
    node_open(bed.store, id);
    assert_int_equal(bed_remove(&bed, id), 0);
    assert_int_equal(bed_commit(&bed), 0);
    other = file_make(&bed, "other", 1, 30);
    assert_int_equal(bed_begin(&bed, 1), 0);
    nor_fail_at(bed.nor, 1);
    write_over(&bed, other, 0, 1, 30);
    assert_int_equal(bed_commit(&bed), 0);
    for (uint32_t i = 0; i < 2000; i++) {
        const struct append *append = &bed.store->append;

        if (append->state == APPEND_RUN && append->moved && append->owner == id && append->kind == RECORD_PAGE)
            break;
        (void)store_step(bed.store);
    }
    assert_int_equal(bed.store->append.state, APPEND_RUN);
    node_close(bed.store, id);
    assert_true(bed_settle(&bed, 10000));
    sound(&bed);
    file_is(&bed, "other", 1, 30);
    assert_int_equal(bed_read(&bed, id, 0, buffer), -ENOENT);
    bed_reboot(&bed);
    file_is(&bed, "other", 1, 30);
    bed_stop(&bed);
}

/* The summary that would end a block cannot be written: the block is retired, and its files are not. */
static void a_summary_that_fails_costs_its_block(void **state)
{
    struct bed bed;
    struct stream *stream;
    uint32_t id, block;

    (void)state;
    bed_start(&bed, &SMALL);
    file_make(&bed, "kept", 2, 30);
    id = file_make(&bed, "f", 2, 50);
    stream = &bed.store->streams[STREAM_DURABLE];
    assert_int_equal(bed_begin(&bed, 16), 0);
    for (uint32_t i = 0; i < 16 && !stream->summary_write; i++) {
        page_of(900 + i, buffer);
        while (node_write_page(bed.store, id, i, buffer) == -EAGAIN && !stream->summary_write)
            (void)store_step(bed.store);
    }
    assert_int_not_equal(stream->summary_write, 0);
    block = stream->block;
    nor_fail_at(bed.nor, bed.nor->operation.kind == NOR_IDLE ? 1 : 0);
    assert_int_equal(bed_commit(&bed), 0);
    assert_true(bed_settle(&bed, 10000));
    assert_int_equal(block_at(bed.store, block)->state, BLOCK_BAD);
    sound(&bed);
    file_is(&bed, "kept", 2, 30);
    bed_reboot(&bed);
    sound(&bed);
    file_is(&bed, "kept", 2, 30);
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_take_back_pages),
        cmocka_unit_test(a_failed_transaction_can_be_begun_anew),
        cmocka_unit_test(written_pages_move_with_their_block),
        cmocka_unit_test(a_file_forgotten_while_it_moves),
        cmocka_unit_test(a_summary_that_fails_costs_its_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
