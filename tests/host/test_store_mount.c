/*
 * Opening what damage and cuts have left: what can be repaired is repaired, what is lost is an error and nothing else,
 * and a mount that fails changes nothing.
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

static uint64_t buffer[BED_PAGE / 8];

static const struct bed_config SMALL = { .blocks = 24, .block_bytes = 16384, .tail_pages = 16, .seed = 1 };

/* ---- The table ---- */

#define MANY 60u /* names: two pages of the table */

static uint32_t table_place(struct bed *bed, uint32_t index)
{
    return map_get(bed->store, node_at(bed->store, NODE_TABLE), index);
}

static void many_start(struct bed *bed)
{
    char name[12];
    uint32_t id;

    bed_start(bed, &SMALL);
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(bed_make(bed, NODE_ROOT, name, 0100644, &id), 0);
        assert_int_equal(id, i + 2);
    }
    assert_int_equal(bed_commit(bed), 0);
}

/* How many of the names are there, from `first` on. */
static uint32_t names_there(struct bed *bed, uint32_t first, uint32_t end)
{
    char name[12];
    uint32_t id, there = 0;

    for (uint32_t i = first; i < end; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        there += !node_find(bed->store, NODE_ROOT, name, &id);
    }
    return there;
}

static void a_bit_of_the_table_is_repaired(void **state)
{
    struct bed bed;

    (void)state;
    many_start(&bed);
    for (uint32_t index = 0; index < 2; index++) {
        for (uint32_t bit = 0; bit < 8 * 200; bit += 67) {
            uint32_t address = (table_place(&bed, index) * FORMAT_UNIT) + FORMAT_ITEM_BYTES + bit / 8;

            nor_flip(bed.nor, address, (uint8_t)(1u << bit % 8));
            bed_reboot(&bed);
            assert_int_equal(names_there(&bed, 0, MANY), MANY);
            sound(&bed);
            nor_flip(bed.nor, address, (uint8_t)(1u << bit % 8));
        }
    }
    bed_stop(&bed);
}

static void damage_noise(struct bed *bed, uint32_t place)
{
    for (uint32_t i = 0; i < 9; i++)
        nor_flip(bed->nor, place * FORMAT_UNIT + FORMAT_ITEM_BYTES + 5 * i, 0x5a);
}

static void damage_check(struct bed *bed, uint32_t place)
{
    struct record_header header = header_at(bed, place);

    header.payload_crc ^= 1;
    header_put(bed, place, header);
}

static void damage_method(struct bed *bed, uint32_t place)
{
    struct record_header header = header_at(bed, place);

    header.method = 9;
    header_put(bed, place, header);
}

static void damage_lost(struct bed *bed, uint32_t place)
{
    struct record_header header = header_at(bed, place);

    header.kind = RECORD_LOST;
    header.length = 0;
    header_put(bed, place, header);
}

/* A page of the table that is beyond repair: its names are gone, the others are not, nor are their numbers given again. */
static void a_lost_page_of_the_table_is_that_page(void **state)
{
    static void (*const DAMAGE[])(struct bed * bed, uint32_t place) = { damage_noise, damage_check, damage_method,
                                                                        damage_lost };

    (void)state;
    for (uint32_t how = 0; how < 8; how++) {
        uint32_t index = how % 2, id;
        struct bed bed;

        many_start(&bed);
        DAMAGE[how / 2](&bed, table_place(&bed, index));
        bed_reboot(&bed);
        sound(&bed);
        assert_int_equal(names_there(&bed, 0, 30), index ? 30 : 0);
        assert_int_equal(names_there(&bed, 30, MANY), index ? 0 : 30);
        assert_int_equal(bed_make(&bed, NODE_ROOT, "new", 0100644, &id), 0);
        assert_true(id >= MANY + 2);
        bed_stop(&bed);
    }
}

/* Each page of RAM that a mount of two pages of names asks for is refused: then so is the mount, and nothing is lost. */
static void many_names_want_ram(void **state)
{
    struct bed bed;
    uint64_t asked;
    uint32_t refused = 0;

    (void)state;
    many_start(&bed);
    asked = bed.pages_asked;
    bed_reboot(&bed);
    asked = bed.pages_asked - asked;
    for (uint32_t nth = 1; nth <= asked; nth++) {
        int error;

        bed_forget(&bed);
        bed.page_refused = nth;
        error = bed_open(&bed);
        assert_true(!error || error == -ENOMEM);
        refused += error != 0;
        if (error)
            assert_int_equal(bed_open(&bed), 0);
        assert_int_equal(names_there(&bed, 0, MANY), MANY);
        sound(&bed);
    }
    assert_int_equal(refused, asked);
    bed_stop(&bed);
}

/* Entries that no store has written are no files. */
static void unsound_entries_are_none(void **state)
{
    (void)state;
    for (uint32_t how = 0; how < 3; how++) {
        struct bed bed;
        struct node_entry *entry;

        many_start(&bed);
        entry = node_at(bed.store, 10);
        entry->parent = how == 0 ? 4000 : entry->parent;
        entry->parent = how == 1 ? 0 : entry->parent;
        entry->name_bytes = how == 2 ? 200 : entry->name_bytes;
        assert_int_equal(node_describe(bed.store, 11, 0100600, 1), 0);
        assert_int_equal(bed_commit(&bed), 0);
        bed_reboot(&bed);
        assert_int_equal(names_there(&bed, 0, MANY), MANY - 1);
        sound(&bed);
        bed_stop(&bed);
    }
}

/* ---- Headers ---- */

/* In a block with a summary: pages whose header is lost are an error, what they replaced stays replaced, others are whole. */
static void headers_lost_under_a_summary(void **state)
{
    struct bed bed;
    uint32_t id, hurt = 0, lost = 0;

    (void)state;
    bed_start(&bed, &(struct bed_config){ .blocks = 40, .block_bytes = 16384, .tail_pages = 8, .seed = 3 });
    id = file_make(&bed, "f", 12, 100);
    for (uint32_t version = 2; version <= 3; version++) {
        assert_int_equal(bed_begin(&bed, 12), 0);
        for (uint32_t i = 0; i < 12; i++)
            assert_int_equal(bed_write(&bed, id, i, 100 * version + i), 0);
        assert_int_equal(bed_commit(&bed), 0);
    }
    for (uint32_t block = 0; block < 40; block++) {
        const struct block *full = block_at(bed.store, block);
        uint32_t at = FORMAT_BLOCK_HEADER;

        if (full->state != BLOCK_FULL && full->state != BLOCK_DIRTY)
            continue;
        while (at < full->used * FORMAT_UNIT) {
            struct record_header header = header_at(&bed, place_of(bed.store, block, at));

            for (uint32_t byte = 0; byte < 8; byte++)
                nor_flip(bed.nor, block * SMALL.block_bytes + at + byte, 0x3c);
            at += record_bytes(header.length);
            hurt++;
        }
    }
    assert_true(hurt > 20);
    bed_reboot(&bed);
    sound(&bed);
    lost = file_lost(&bed, "f", 12, 300);
    assert_in_range(lost, 1, 12);
    bed_stop(&bed);
}

/* Some version of each page or an error; what no damaged header stands before is as it was written last. */
static void some_version_is_there(struct bed *bed, uint32_t id)
{
    for (uint32_t i = 0; i < 4; i++) {
        int error = bed_read(bed, id, i, buffer);

        assert_true(error == -EIO || page_is(100 + i, buffer) || page_is(200 + i, buffer) || page_is(300 + i, buffer) ||
                    page_is(0, buffer));
        assert_true(i != 3 || error || page_is(303, buffer));
    }
}

/* Cells that read differently each time, in the headers of two pages and of the table: the store opens. */
static void marginal_headers(uint32_t history)
{
    struct nor_config config;
    struct nor *before;
    struct bed bed;
    uint32_t id, places[3], there = 0;

    bed_start(&bed, &SMALL);
    for (uint32_t i = 0; i < history; i++)
        file_make(&bed, (const char *[]){ "a", "b", "c", "d", "e", "g" }[i], 5, 30);
    id = file_make(&bed, "f", 4, 100);
    for (uint32_t version = 2; version <= 3; version++) {
        assert_int_equal(bed_begin(&bed, 4), 0);
        for (uint32_t i = 0; i < 4; i++)
            assert_int_equal(bed_write(&bed, id, i, 100 * version + i), 0);
        assert_int_equal(node_describe(bed.store, id, 0100600, version), 0);
        assert_int_equal(bed_commit(&bed), 0);
    }
    places[0] = map_get(bed.store, node_at(bed.store, id), 0);
    places[1] = map_get(bed.store, node_at(bed.store, id), 2);
    places[2] = table_place(&bed, 0);
    config = bed.nor->config;
    before = nor_new(&config);
    nor_copy(before, bed.nor);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        bed_forget(&bed);
        nor_copy(bed.nor, before);
        nor_seed(bed.nor, seed);
        for (uint32_t i = 0; i < 3; i++)
            nor_loosen(bed.nor, places[i] * FORMAT_UNIT + 8, i < 2 ? 0x03 : 0x0f);
        assert_int_equal(bed_open(&bed), 0);
        sound(&bed);
        if (node_find(bed.store, NODE_ROOT, "f", &id))
            continue;
        some_version_is_there(&bed, id);
        there++;
    }
    assert_true(there > 25);
    nor_free(before);
    bed_stop(&bed);
}

static void marginal_headers_do_no_harm(void **state)
{
    (void)state;
    for (uint32_t history = 0; history <= 6; history++)
        marginal_headers(history);
}

/* ---- Mounts that fail ---- */

#define KEPT 20u

/* Two files over several blocks, one of them written over and over: its older versions are there, too. */
static void history_start(struct bed *bed)
{
    uint32_t id, kept;

    bed_start(bed, &SMALL);
    kept = file_make(bed, "kept", KEPT, 50);
    id = file_make(bed, "f", 8, 100);
    for (uint32_t round = 0; round < 6; round++) {
        assert_int_equal(bed_begin(bed, 9), 0);
        for (uint32_t i = 0; i < 8; i++)
            assert_int_equal(bed_write(bed, id, i, 100 + i), 0);
        assert_int_equal(bed_write(bed, kept, round, 50 + round), 0);
        assert_int_equal(bed_commit(bed), 0);
    }
    assert_true(bed_settle(bed, 10000));
}

static void history_is(struct bed *bed)
{
    sound(bed);
    file_is(bed, "kept", KEPT, 50);
    file_is(bed, "f", 8, 100);
}

/* What lives in a block of files is being moved elsewhere: cut when `moved` records are in both places. */
static void move_and_cut(struct bed *bed, uint32_t moved)
{
    struct store *store = bed->store;
    uint64_t before = store->statistics.gc_moved_records;
    uint32_t victim = NO_BLOCK;

    for (uint32_t i = 0; i < store->block_count; i++)
        if (block_at(store, i)->state == BLOCK_FULL && stream_durable(block_stream_of(block_at(store, i))) &&
            block_at(store, i)->live > moved)
            victim = i;
    assert_int_not_equal(victim, NO_BLOCK);
    block_at(store, victim)->bits |= BLOCK_FAILING;
    collector_due(store);
    for (uint32_t i = 0; i < 10000 && store->statistics.gc_moved_records < before + moved; i++)
        (void)store_step(store);
    assert_int_equal(store->statistics.gc_moved_records, before + moved);
    assert_int_equal(block_at(store, victim)->state, BLOCK_FULL);
    nor_power_cut(bed->nor, NOR_TEAR_LOST);
    nor_power_on(bed->nor);
}

/* Headers of records that nothing points at any more, where they lie; or their copies in the summary of a block. */
static void headers_damage(struct bed *bed, bool in_summary)
{
    for (uint32_t block = 0; block < SMALL.blocks; block++) {
        uint32_t end = (block + 1) * SMALL.block_bytes - FORMAT_ITEM_BYTES, at = FORMAT_BLOCK_HEADER;
        struct summary_stamp stamp;

        memcpy(&stamp, bed->nor->cells + end, sizeof stamp);
        if (stamp.magic != SUMMARY_MAGIC || block_at(bed->store, block)->state != BLOCK_FULL)
            continue;
        for (uint32_t i = 0; i < stamp.records; i++) {
            uint32_t place = place_of(bed->store, block, at);
            struct record_header header = header_at(bed, place);

            at += record_bytes(header.length);
            if (!in_summary && record_held(bed->store, &header, place, NO_PLACE))
                continue;
            for (uint32_t byte = 0; byte < 8; byte++)
                nor_flip(bed->nor,
                         in_summary ? end - (stamp.records - i) * FORMAT_ITEM_BYTES + byte : place * FORMAT_UNIT + byte,
                         0x3c);
        }
    }
}

static void refused_or_whole(struct bed *bed, struct nor *before, int refusal)
{
    int error = bed_mount(bed);

    if (error) {
        assert_int_equal(error, refusal);
        assert_int_equal(bed->pages, 0);
        assert_memory_equal(bed->nor->cells, before->cells, bed->nor->config.size_bytes);
        error = bed_mount(bed);
    }
    assert_int_equal(error, 0);
    history_is(bed);
    bed_forget(bed);
}

static void each_read_and_page_of_a_mount_fails(void **state)
{
    struct nor_config config = nor_config_blocks(SMALL.blocks, SMALL.block_bytes);

    (void)state;
    config.seed = SMALL.seed;
    config.strict_once = true;
    for (uint32_t damaged = 0; damaged < 3; damaged++) {
        struct nor *before = nor_new(&config);
        struct bed bed;
        uint64_t reads, pages;

        history_start(&bed);
        if (damaged)
            headers_damage(&bed, damaged == 2);
        else
            move_and_cut(&bed, 2);
        nor_copy(before, bed.nor);
        bed_forget(&bed);
        reads = bed.nor->counters.reads;
        pages = bed.pages_asked;
        assert_int_equal(bed_open(&bed), 0);
        reads = bed.nor->counters.reads - reads;
        pages = bed.pages_asked - pages;
        bed_forget(&bed);
        for (uint64_t nth = 1; nth <= reads; nth++) {
            nor_fail_reads_at(bed.nor, nth, 2);
            refused_or_whole(&bed, before, -EIO);
            nor_triggers_clear(bed.nor);
            nor_fail_read_at(bed.nor, nth);
            refused_or_whole(&bed, before, 0);
        }
        for (uint32_t nth = 1; nth <= pages; nth++) {
            bed.page_refused = nth;
            refused_or_whole(&bed, before, -ENOMEM);
            assert_int_equal(bed.page_refused, 0);
        }
        nor_free(before);
        bed_stop(&bed);
    }
}

/*
 * The cut falls while the very last block takes what is moved, and no other is erased or can be: what it holds are copies,
 * so it is forgotten. All but that one have died before, and the commit says so.
 */
static void the_last_block_is_taken_back(void **state)
{
    (void)state;
    for (uint32_t moved = 1; moved <= 3; moved++) {
        struct bed bed;

        history_start(&bed);
        for (uint32_t i = 0; i < SMALL.blocks; i++) {
            struct block *block = block_at(bed.store, i);

            if (block->state != BLOCK_ERASED || bed.store->erased == 1)
                continue;
            block->state = BLOCK_BAD;
            bed.store->erased--;
            bed.store->bad++;
        }
        bed.store->doubt = true;
        bed.store->doubt_pressing = true;
        for (uint32_t i = 0; i < 1000 && bed.store->doubt; i++)
            (void)store_step(bed.store);
        assert_false(bed.store->doubt);
        assert_int_equal(bed.store->erased, 1);
        move_and_cut(&bed, moved);
        assert_int_equal(bed.store->erased, 0);
        bed_reboot(&bed);
        history_is(&bed);
        assert_true(bed_settle(&bed, 10000));
        history_is(&bed);
        bed_reboot(&bed);
        history_is(&bed);
        bed_stop(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bit_of_the_table_is_repaired),
        cmocka_unit_test(a_lost_page_of_the_table_is_that_page),
        cmocka_unit_test(many_names_want_ram),
        cmocka_unit_test(unsound_entries_are_none),
        cmocka_unit_test(headers_lost_under_a_summary),
        cmocka_unit_test(marginal_headers_do_no_harm),
        cmocka_unit_test(each_read_and_page_of_a_mount_fails),
        cmocka_unit_test(the_last_block_is_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
