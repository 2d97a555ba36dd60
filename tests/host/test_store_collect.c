/*
 * Collection: what it does about records that cannot be read, and what it leaves where it lies.
 *
 * Each record of a block in turn is damaged; then the block fails, so that what lives in it must move.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mm/store/state.h"
#include "tests/host/store_files.h"

#define PAGES      4u
#define SLOTS      60u
#define STEPS      20000u
#define LIVE_LEAST 5u

static const struct bed_config CONFIG = { .blocks = 24, .block_bytes = 16384, .tail_pages = 16, .seed = 1 };

/* ---- One record of a stream's block is damaged, and its block fails ---- */

enum part { HEADER = 0, PAYLOAD = FORMAT_ITEM_BYTES };
enum cure { NEVER, AT_SECOND_LOOK, ONE_AFTER_THE_OTHER };

/* More bits than are repaired; in a header before a swap record's tag, which its check does not cover. */
static void bits_turn(struct bed *bed, uint32_t place, enum part part)
{
    nor_flip(bed->nor, place * FORMAT_UNIT + part + 1, 0x05);
    nor_flip(bed->nor, place * FORMAT_UNIT + part + 6, 0x40);
}

/* The nth record on flash of the stream's block; NO_PLACE: there are fewer. */
static uint32_t record_place(struct bed *bed, enum block_stream index, uint32_t nth)
{
    const struct stream *stream = &bed->store->streams[index];
    uint32_t at = FORMAT_BLOCK_HEADER;

    assert_int_not_equal(stream->block, NO_BLOCK);
    for (;; nth--) {
        uint32_t place = place_of(bed->store, stream->block, at);

        if (at >= stream->programmed)
            return NO_PLACE;
        if (!nth)
            return place;
        at += record_bytes(header_at(bed, place).length); /* the first four bytes are those of a swap record's, too */
    }
}

/* Until collection doubts that part of the record; it is as it was then. */
static void doubted(struct bed *bed, uint32_t place, enum part part)
{
    uint32_t at = place + part / FORMAT_UNIT;

    for (uint32_t i = 0; i < STEPS && bed->store->collector.doubted != at; i++)
        (void)store_step(bed->store);
    assert_int_equal(bed->store->collector.doubted, at);
    bits_turn(bed, place, part);
}

/* The block fails, and is gone through. Its state then. */
static enum block_state collect_damaged(struct bed *bed, enum block_stream index, uint32_t place, enum part part,
                                        enum cure cure)
{
    uint32_t block = place_block(bed->store, place);
    struct block_info info;

    bits_turn(bed, place, part);
    stream_break(bed->store, index, true); /* as after a program that failed */
    if (cure != NEVER)
        doubted(bed, place, part);
    if (cure == ONE_AFTER_THE_OTHER) {
        bits_turn(bed, place, PAYLOAD);
        doubted(bed, place, PAYLOAD);
    }
    assert_true(bed_settle(bed, STEPS));
    sound(bed);
    assert_int_equal(store_block(bed->store, block, &info), 0);
    return info.state;
}

/* ---- Files ---- */

/* Two files in one block; all pages of one have been replaced in it. */
static void files_start(struct bed *bed)
{
    uint32_t id;

    bed_start(bed, &CONFIG);
    id = file_make(bed, "f", PAGES, 100);
    assert_int_equal(bed_begin(bed, PAGES), 0);
    for (uint32_t i = 0; i < PAGES; i++)
        assert_int_equal(bed_write(bed, id, i, 200 + i), 0);
    assert_int_equal(bed_commit(bed), 0);
    file_make(bed, "g", 2, 30);
    assert_true(bed_settle(bed, STEPS));
}

static uint32_t files_lost(struct bed *bed)
{
    return file_lost(bed, "f", PAGES, 200) + file_lost(bed, "g", 2, 30);
}

enum held { DEAD, COMMIT, TABLE, PAGE, HELD_KINDS };

static enum held held_as(struct bed *bed, uint32_t place)
{
    struct record_header header;

    assert_int_equal(record_read_header(bed->store, place, &header), 0);
    if (!record_held(bed->store, &header, place, NO_PLACE))
        return DEAD;
    if (header.kind == RECORD_COMMIT)
        return COMMIT;
    return header.node == NODE_TABLE ? TABLE : PAGE;
}

static uint32_t commits_in(const struct store *store, uint32_t block)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < 2; i++)
        count += store->commit_place[i] && place_block(store, store->commit_place[i]) == block;
    return count;
}

/*
 * The page of the damaged header is lost, its older version does not come back, and all others are whole: now, after a
 * boot, and after the next commit. Commits are not looked for behind a lost header: they keep the block until the next.
 */
static void file_header(struct bed *bed, uint32_t place, enum held held)
{
    uint32_t block = place_block(bed->store, place), lost = held == PAGE;
    enum block_state state = collect_damaged(bed, STREAM_DURABLE, place, HEADER, NEVER);

    assert_int_equal(block_at(bed->store, block)->live, commits_in(bed->store, block));
    assert_true(state == BLOCK_BAD || block_at(bed->store, block)->live);
    assert_int_equal(files_lost(bed), lost);
    assert_int_equal(store_verify(bed->store), lost + (held == TABLE));
    if (held == TABLE) /* it is in RAM, and written anew */
        assert_int_equal(bed_commit(bed), 0);
    bed_reboot(bed);
    assert_int_equal(files_lost(bed), lost);
    sound(bed);
    file_make(bed, "h", 3, 70);
    assert_true(bed_settle(bed, STEPS));
    sound(bed);
    assert_int_equal(block_at(bed->store, block)->live, 0);
    bed_reboot(bed);
    assert_int_equal(files_lost(bed), lost);
    file_is(bed, "h", 3, 70);
    sound(bed);
}

static void a_lost_header_is_one_page(void **state)
{
    uint32_t met[HELD_KINDS] = { 0 };
    struct bed bed;

    (void)state;
    for (uint32_t nth = 0;; nth++) {
        uint32_t place;
        enum held held;

        files_start(&bed);
        place = record_place(&bed, STREAM_DURABLE, nth);
        if (place == NO_PLACE)
            break;
        held = held_as(&bed, place);
        met[held]++;
        file_header(&bed, place, held);
        bed_stop(&bed);
    }
    bed_stop(&bed);
    for (uint32_t i = 0; i < HELD_KINDS; i++)
        assert_true(met[i] > 0);
}

/* It moves as it is: an error stays an error, and is one record's. What was the bus is none. */
static void damaged_payload(struct bed *bed, uint32_t place, enum cure cure)
{
    uint64_t bad = bed->store->statistics.bad_records;
    uint32_t lost = cure == NEVER;

    assert_int_equal(collect_damaged(bed, STREAM_DURABLE, place, PAYLOAD, cure), BLOCK_BAD);
    assert_int_equal(bed->store->statistics.bad_records, bad + lost);
    assert_int_equal(files_lost(bed), lost);
    file_make(bed, "h", 3, 70);
    bed_reboot(bed);
    assert_int_equal(files_lost(bed), lost);
    assert_int_equal(store_verify(bed->store), lost);
    sound(bed);
}

static void a_damaged_payload_goes_on_to_fail(void **state)
{
    uint32_t pages = 0, nth = 0, place;

    (void)state;
    do {
        for (enum cure cure = NEVER; cure <= AT_SECOND_LOOK; cure++) {
            struct bed bed;

            files_start(&bed);
            place = record_place(&bed, STREAM_DURABLE, nth);
            if (place != NO_PLACE && held_as(&bed, place) == PAGE) {
                damaged_payload(&bed, place, cure);
                pages++;
            }
            bed_stop(&bed);
        }
        nth++;
    } while (place != NO_PLACE);
    assert_true(pages >= 4);
}

/* ---- Files in a transaction ---- */

/* Version 3 of all pages, not committed, in the block that is open. The place of the first one. */
static uint32_t rewrite(struct bed *bed)
{
    uint32_t id, block;

    assert_int_equal(node_find(bed->store, NODE_ROOT, "f", &id), 0);
    assert_int_equal(bed_begin(bed, PAGES), 0);
    for (uint32_t i = 0; i < PAGES; i++)
        assert_int_equal(bed_write(bed, id, i, 300 + i), 0);
    assert_true(bed_settle(bed, STEPS));
    block = bed->store->streams[STREAM_DURABLE].block;
    for (uint32_t i = 0; i < PAGES; i++) {
        uint32_t place = map_get(bed->store, node_at(bed->store, id), i);

        if (place_block(bed->store, place) == block)
            return place;
    }
    fail_msg("nothing was written to the open block");
    return NO_PLACE;
}

/* What is lost was not committed: a cut finds what it replaced, a commit does not bring that back. */
static void a_lost_header_in_a_transaction(void **state)
{
    (void)state;
    for (uint32_t commits = 0; commits < 2; commits++) {
        struct bed bed;

        files_start(&bed);
        (void)collect_damaged(&bed, STREAM_DURABLE, rewrite(&bed), HEADER, NEVER);
        assert_int_equal(file_lost(&bed, "f", PAGES, 300), 1);
        if (commits)
            assert_int_equal(bed_commit(&bed), 0);
        bed_reboot(&bed);
        assert_int_equal(file_lost(&bed, "f", PAGES, commits ? 300 : 200), commits);
        file_is(&bed, "g", 2, 30);
        file_make(&bed, "h", 3, 70);
        bed_reboot(&bed);
        assert_int_equal(file_lost(&bed, "f", PAGES, commits ? 300 : 200), commits);
        file_is(&bed, "g", 2, 30);
        sound(&bed);
        bed_stop(&bed);
    }
}

/* A page of the table that is lost while a commit is under way, which has nothing of it to write: the next one does. */
static void a_lost_page_of_the_table_is_written_again(void **state)
{
    uint32_t place, first = 0, id;
    char name[8];
    struct bed bed;

    (void)state;
    bed_start(&bed, &CONFIG);
    for (uint32_t i = 0; i < NODES_PER_PAGE + 4; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(bed_make(&bed, NODE_ROOT, name, 0100644, &id), 0);
        first = first ? first : id;
    }
    assert_int_equal(bed_commit(&bed), 0);
    assert_true(bed_settle(&bed, STEPS));
    place = map_get(bed.store, node_at(bed.store, NODE_TABLE), 1);
    stream_abandon(bed.store, STREAM_DURABLE);
    bits_turn(&bed, place, HEADER);
    assert_int_equal(node_describe(bed.store, first, 0100600, 1), 0);
    assert_int_equal(store_commit(bed.store), -EAGAIN);
    bed.store->collector.victim = place_block(bed.store, place);
    bed.store->collector.cursor = FORMAT_BLOCK_HEADER;
    while (!bed.store->nodes->lost) {
        (void)operation_poll(bed.store);
        if (append_step(bed.store) == STORE_IDLE)
            (void)collector_step(bed.store);
    }
    assert_int_equal(bed_commit(&bed), 0);
    assert_int_equal(bed_commit(&bed), 0);
    bed_reboot(&bed);
    sound(&bed);
    assert_int_equal(node_find(bed.store, NODE_ROOT, name, &id), 0);
    assert_int_equal(bed_resize(&bed, id, 0, 2), 0);
    assert_int_equal(bed_commit(&bed), 0);
    bed_stop(&bed);
}

/* ---- Swap ---- */

static void save_one(struct bed *bed, slot_t *slots, uint64_t *names)
{
    uint32_t at = bed_below(bed, SLOTS);

    names[at] = bed_random(bed);
    assert_int_equal(bed_save(bed, &slots[at], 0, names[at]), 0);
}

/* Enough lives in the block that fresh swap goes to. */
static void swap_start(struct bed *bed, slot_t *slots, uint64_t *names)
{
    const struct stream *hot = &bed->store->streams[STREAM_HOT];

    memset(slots, 0, SLOTS * sizeof *slots);
    save_all(bed, slots, names, SLOTS);
    while (hot->block == NO_BLOCK || block_at(bed->store, hot->block)->live < LIVE_LEAST)
        save_one(bed, slots, names);
}

static bool slot_lives_at(const struct bed *bed, slot_t slot, uint32_t place)
{
    return slot_is_at(bed->store, slot, PLACE_FLASH, place);
}

/* The slot of the damaged header is lost until it is saved again, and all others are whole. */
static void swap_header(struct bed *bed, slot_t *slots, uint64_t *names, uint32_t place, uint32_t *lost)
{
    static uint64_t page[BED_PAGE / 8];
    uint32_t hit = SLOTS;

    for (uint32_t i = 0; i < SLOTS; i++)
        if (slot_lives_at(bed, slots[i], place))
            hit = i;
    *lost += hit < SLOTS;
    assert_int_equal(collect_damaged(bed, STREAM_HOT, place, HEADER, NEVER), BLOCK_BAD);
    for (uint32_t i = 0; i < SLOTS; i++) {
        int source = bed_load(bed, slots[i], 0, page);

        assert_true(i == hit ? source == -EIO : source > 0 && page_is(names[i], page));
    }
    assert_int_equal(store_verify(bed->store), hit < SLOTS);
    save_all(bed, slots, names, SLOTS);
    (void)load_all(bed, slots, names, SLOTS);
    sound(bed);
}

static void a_lost_header_is_one_slot(void **state)
{
    uint32_t nth = 0, place, lost = 0;

    (void)state;
    do {
        slot_t slots[SLOTS];
        uint64_t names[SLOTS];
        struct bed bed;

        bed_start(&bed, &CONFIG);
        swap_start(&bed, slots, names);
        place = record_place(&bed, STREAM_HOT, nth++);
        if (place != NO_PLACE)
            swap_header(&bed, slots, names, place, &lost);
        bed_stop(&bed);
    } while (place != NO_PLACE);
    assert_in_range(lost, LIVE_LEAST, nth);
}

/* ---- Both ---- */

/* It may have been the bus: what is as it was at the second look has lost nothing. */
static void looked_at_twice(enum cure cure)
{
    for (uint32_t nth = 0; nth < LIVE_LEAST - 1; nth++) {
        slot_t slots[SLOTS];
        uint64_t names[SLOTS];
        struct bed bed;
        uint32_t place;

        files_start(&bed);
        place = record_place(&bed, STREAM_DURABLE, nth);
        if (cure == AT_SECOND_LOOK || header_at(&bed, place).length)
            assert_true(collect_damaged(&bed, STREAM_DURABLE, place, HEADER, cure) == BLOCK_BAD ||
                        cure != AT_SECOND_LOOK);
        assert_int_equal(files_lost(&bed), 0);
        swap_start(&bed, slots, names);
        assert_true(collect_damaged(&bed, STREAM_HOT, record_place(&bed, STREAM_HOT, nth), HEADER, cure) == BLOCK_BAD ||
                    cure != AT_SECOND_LOOK);
        assert_true(load_all(&bed, slots, names, SLOTS) > 0);
        bed_reboot(&bed);
        assert_int_equal(files_lost(&bed), 0);
        bed_stop(&bed);
    }
}

static void a_header_is_looked_at_twice(void **state)
{
    (void)state;
    looked_at_twice(AT_SECOND_LOOK);
}

/* The header was well at the second look, and then the payload is not: that is a first look. */
static void and_so_is_its_payload(void **state)
{
    (void)state;
    looked_at_twice(ONE_AFTER_THE_OTHER);
}

/* A block that cannot be read at all stays as it is, and costs nothing, until somebody asks for space. */
static void what_cannot_be_read_is_tried_again(void **state)
{
    struct bed bed;
    uint32_t block;

    (void)state;
    files_start(&bed);
    block = bed.store->streams[STREAM_DURABLE].block;
    nor_fail_reads_at(bed.nor, 1, UINT32_MAX);
    stream_break(bed.store, STREAM_DURABLE, true);
    assert_true(bed_settle(&bed, STEPS));
    nor_triggers_clear(bed.nor);
    assert_true(bed_settle(&bed, STEPS));
    assert_int_equal(block_at(bed.store, block)->state, BLOCK_FULL);
    assert_true(block_at(bed.store, block)->bits & BLOCK_STUCK);
    assert_int_equal(files_lost(&bed), 0);
    assert_int_equal(bed_begin(&bed, 1), 0);
    assert_int_equal(bed_commit(&bed), 0);
    assert_true(bed_settle(&bed, STEPS));
    assert_int_equal(block_at(bed.store, block)->state, BLOCK_BAD);
    assert_int_equal(bed.store->bad, 1);
    assert_int_equal(files_lost(&bed), 0);
    sound(&bed);
    bed_stop(&bed);
}

/* ---- What is left where it lies ---- */

/* Blocks of files in which nearly all is dead; of each full one the opening's number, else 0. */
static void dead_files(struct bed *bed, uint32_t sequences[])
{
    uint32_t kept = file_make(bed, "kept", 1, 50), id = file_make(bed, "f", PAGES, 100);

    for (uint32_t round = 0; round < 8; round++) {
        assert_int_equal(bed_begin(bed, PAGES + 1), 0);
        assert_int_equal(bed_write(bed, kept, round, 50 + round), 0);
        for (uint32_t i = 0; i < PAGES; i++)
            assert_int_equal(bed_write(bed, id, i, 100 + i), 0);
        assert_int_equal(bed_resize(bed, kept, (round + 1) * (uint64_t)BED_PAGE, 1), 0);
        assert_int_equal(bed_commit(bed), 0);
    }
    assert_true(bed_settle(bed, STEPS));
    for (uint32_t i = 0; i < bed->store->block_count; i++) {
        const struct block *block = block_at(bed->store, i);

        sequences[i] = block->state == BLOCK_FULL && stream_durable(block_stream_of(block)) && block->live
                           ? block->sequence
                           : 0;
    }
}

/* Swap that has come to its share wants room among its own blocks, and takes it from no file, however little lives there. */
static void crowded_swap_moves_no_files(void **state)
{
    slot_t slots[SLOTS] = { 0 };
    uint64_t names[SLOTS];
    uint32_t sequences[40], full = 0;
    struct bed bed;

    (void)state;
    bed_start(&bed, &(struct bed_config){ .blocks = 40, .block_bytes = 16384, .tail_pages = 16, .seed = 5 });
    assert_int_equal(store_swap_set(bed.store, 12), 0);
    dead_files(&bed, sequences);
    save_all(&bed, slots, names, SLOTS);
    for (uint32_t i = 0; i < 600; i++)
        save_one(&bed, slots, names);
    assert_true(bed.store->statistics.gc_moved_records > 0);
    for (uint32_t i = 0; i < 40; i++) {
        assert_true(!sequences[i] || block_at(bed.store, i)->sequence == sequences[i]);
        full += sequences[i] != 0;
    }
    assert_true(full > 2);
    (void)load_all(&bed, slots, names, SLOTS);
    file_is(&bed, "f", PAGES, 100);
    file_is(&bed, "kept", 8, 50);
    sound(&bed);
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_header_is_one_page),
        cmocka_unit_test(a_damaged_payload_goes_on_to_fail),
        cmocka_unit_test(a_lost_header_in_a_transaction),
        cmocka_unit_test(a_lost_header_is_one_slot),
        cmocka_unit_test(a_lost_page_of_the_table_is_written_again),
        cmocka_unit_test(a_header_is_looked_at_twice),
        cmocka_unit_test(and_so_is_its_payload),
        cmocka_unit_test(what_cannot_be_read_is_tried_again),
        cmocka_unit_test(crowded_swap_moves_no_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
