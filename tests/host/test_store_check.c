/*
 * The checker itself: each invariant of a sound store is broken by hand, and store_check() names it; store_verify()
 * counts what cannot be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"
#include "tests/host/store_files.h"

#define SLOTS 60u

static const struct bed_config CONFIG = { .blocks = 24, .block_bytes = 16384, .tail_pages = 16, .seed = 1 };

struct full {
    struct bed bed;
    slot_t slots[SLOTS];
    uint64_t names[SLOTS];
};

/* A store with something of everything: a file, slots in the tail and on flash, a free slot. */
static void full_start(struct full *full)
{
    memset(full, 0, sizeof *full);
    bed_start(&full->bed, &CONFIG);
    file_make(&full->bed, "f", 9, 100);
    save_all(&full->bed, full->slots, full->names, SLOTS);
    slot_put(full->bed.store, full->slots[5]);
    sound(&full->bed);
}

static void full_stop(struct full *full)
{
    bed_forget(&full->bed);
    bed_stop(&full->bed);
}

/* ---- What is broken ---- */

static struct block *some_block(struct store *store, bool alive)
{
    for (uint32_t i = 0; i < store->block_count; i++)
        if (block_at(store, i)->state == (alive ? BLOCK_FULL : BLOCK_ERASED) && (block_at(store, i)->live > 0) == alive)
            return block_at(store, i);
    fail_msg("no such block");
    return NULL;
}

static struct slot_entry *some_slot(struct store *store, enum slot_place where)
{
    for (slot_t i = 1; i < SLOTS_PER_PAGE; i++)
        if (slot_place_of(slot_at(store, i)) == where)
            return slot_at(store, i);
    fail_msg("no such slot");
    return NULL;
}

static struct stream *some_stream(struct store *store)
{
    for (uint32_t i = 0; i < STREAM_COUNT; i++)
        if (store->streams[i].block != NO_BLOCK)
            return &store->streams[i];
    fail_msg("no stream is open");
    return NULL;
}

static void live_count(struct store *store)
{
    some_block(store, true)->live++;
}

static void alive_in_dirty(struct store *store)
{
    some_block(store, true)->state = BLOCK_DIRTY;
}

static void more_alive_than_written(struct store *store)
{
    struct block *block = some_block(store, true);

    block->records = block->live - 1;
}

static void open_without_stream(struct store *store)
{
    some_block(store, true)->state = BLOCK_OPEN;
}

static void erased_with_nothing_behind(struct store *store)
{
    struct stream *stream = some_stream(store);

    stream->moved_from = place_of(store, stream->block, FORMAT_BLOCK_HEADER);
    store->eraser.block = stream->block;
}

static void erased_count(struct store *store)
{
    store->erased++;
}

static void bad_count(struct store *store)
{
    store->bad++;
}

static void unreferenced_slot(struct store *store)
{
    some_slot(store, PLACE_FLASH)->references = 0;
}

static void referenced_free_slot(struct store *store)
{
    some_slot(store, PLACE_FREE)->references = 1;
}

static void anothers_record(struct store *store)
{
    ((struct tail_record *)tail_at(store, some_slot(store, PLACE_TAIL)->place))->slot++;
}

static void slot_count(struct store *store)
{
    store->slots_used++;
}

static void tail_record_count(struct store *store)
{
    store->tail.records++;
}

static void used_slot_on_free_list(struct store *store)
{
    store->slot_free = (slot_t)(some_slot(store, PLACE_FLASH) - store->slots[0]);
}

static void free_list_round(struct store *store)
{
    slot_at(store, store->slot_free)->place = store->slot_free;
}

static void free_list_short(struct store *store)
{
    store->slot_free = 0;
}

static void stream_ahead_of_its_end(struct store *store)
{
    struct stream *stream = some_stream(store);

    stream->programmed = stream->end + FORMAT_UNIT;
}

static void stream_past_its_block(struct store *store)
{
    some_stream(store)->end = store->block_bytes + FORMAT_UNIT;
}

static void stream_end_in_a_unit(struct store *store)
{
    some_stream(store)->end += 1;
}

static void stream_programmed_in_a_unit(struct store *store)
{
    struct stream *stream = some_stream(store);

    stream->programmed = stream->end - 1;
}

static void no_seed_for_the_next_boot(struct store *store)
{
    store->seeded = false;
}

static struct tail_frame *some_frame(struct store *store)
{
    const struct tail *tail = &store->tail;

    for (uint32_t at = tail->oldest; at != tail->end.frame; at++)
        if (tail->ring[0][at % tail->ring_frames])
            return tail->ring[0][at % tail->ring_frames];
    fail_msg("the tail is one frame");
    return NULL;
}

static void dead_frame(struct store *store)
{
    some_frame(store)->live = 0;
}

static void frame_count(struct store *store)
{
    store->tail.pages++;
}

static const struct {
    void (*breaks)(struct store *store);
    const char *named;
} BREAKS[] = {
    { live_count, "11: a block's live records" },
    { alive_in_dirty, "11: what is alive" },
    { more_alive_than_written, "11: no more records" },
    { open_without_stream, "10: an open block" },
    { erased_count, "12: erased and retired" },
    { bad_count, "12: erased and retired" },
    { unreferenced_slot, "4: a slot in use" },
    { referenced_free_slot, "4: a slot in use" },
    { anothers_record, "4: a slot's record" },
    { slot_count, "4: slots and tail records" },
    { tail_record_count, "4: slots and tail records" },
    { used_slot_on_free_list, "4: the free list" },
    { free_list_round, "4: the free list" },
    { free_list_short, "4: the free list" },
    { erased_with_nothing_behind, "14: what is erased" },
    { stream_ahead_of_its_end, "10: streams" },
    { stream_past_its_block, "10: streams" },
    { stream_end_in_a_unit, "10: streams" },
    { stream_programmed_in_a_unit, "10: streams" },
    { no_seed_for_the_next_boot, "13: no swap record" },
    { dead_frame, "1: a frame of the tail" },
    { frame_count, "1: the tail's frames" },
};

static void what_is_broken_is_named(void **state)
{
    static struct full full;

    (void)state;
    for (uint32_t i = 0; i < sizeof BREAKS / sizeof BREAKS[0]; i++) {
        const char *found;

        full_start(&full);
        BREAKS[i].breaks(full.bed.store);
        found = store_check(full.bed.store);
        if (!found || strncmp(found, BREAKS[i].named, strlen(BREAKS[i].named)))
            fail_msg("expected \"%s\", found \"%s\"", BREAKS[i].named, found ? found : "nothing");
        full_stop(&full);
    }
}

/* ---- What cannot be read ---- */

static void each_read_that_fails_is_one_bad_record(void **state)
{
    static struct full full;
    uint64_t reads;

    (void)state;
    full_start(&full);
    assert_true(bed_settle(&full.bed, 100000));
    reads = full.bed.nor->counters.reads;
    assert_int_equal(store_verify(full.bed.store), 0);
    reads = full.bed.nor->counters.reads - reads;
    assert_true(reads > SLOTS / 2);
    for (uint64_t nth = 1; nth <= reads; nth++) {
        nor_fail_read_at(full.bed.nor, nth);
        assert_int_equal(store_verify(full.bed.store), 1);
    }
    assert_int_equal(store_verify(full.bed.store), 0);
    sound(&full.bed);
    bed_stop(&full.bed);
}

/* The work page is a writer's, and there is no other: it cannot be told. */
static void verifying_wants_a_page(void **state)
{
    static struct full full;
    uint32_t id;

    (void)state;
    full_start(&full);
    assert_int_equal(node_find(full.bed.store, NODE_ROOT, "f", &id), 0);
    assert_int_equal(bed_begin(&full.bed, 1), 0);
    assert_int_equal(bed_write(&full.bed, id, 3, 777), 0);
    full.bed.page_refused = 1;
    assert_int_equal(store_verify(full.bed.store), UINT32_MAX);
    assert_int_equal(store_verify(full.bed.store), 0);
    assert_int_equal(bed_commit(&full.bed), 0);
    sound(&full.bed);
    bed_stop(&full.bed);
}

/* ---- What can be known ---- */

static void blocks_end(void **state)
{
    struct bed bed;
    struct block_info info;

    (void)state;
    bed_start(&bed, &CONFIG);
    assert_int_equal(store_block(bed.store, CONFIG.blocks - 1, &info), 0);
    assert_int_equal(store_block(bed.store, CONFIG.blocks, &info), -EINVAL);
    bed_stop(&bed);
}

static void no_flash_no_wear(void **state)
{
    static const struct bed_config no_flash = { .tail_pages = 24, .seed = 2 };
    struct store_statistics statistics;
    struct bed bed;

    (void)state;
    bed_start(&bed, &no_flash);
    store_statistics(bed.store, &statistics);
    assert_int_equal(statistics.blocks, 0);
    assert_int_equal(statistics.wear_min, 0);
    assert_int_equal(statistics.wear_max, 0);
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_broken_is_named), cmocka_unit_test(each_read_that_fails_is_one_bad_record),
        cmocka_unit_test(verifying_wants_a_page),  cmocka_unit_test(blocks_end),
        cmocka_unit_test(no_flash_no_wear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
