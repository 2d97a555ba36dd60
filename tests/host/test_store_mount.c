/*
 * Opening what damage, cuts and strangers have left: what does not belong there is ignored, what can be repaired is
 * repaired, what is lost is an error and nothing else, and a mount that fails changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mm/store/crc32c.h"
#include "mm/store/state.h"
#include "tests/host/store_files.h"

static uint64_t buffer[BED_PAGE / 8];

static const struct bed_config SMALL = { .blocks = 24, .block_bytes = 16384, .tail_pages = 16, .seed = 1 };

/* ---- Putting things on flash behind the store's back ---- */

static uint8_t *cells_at(struct bed *bed, uint32_t place)
{
    return bed->nor->cells + (size_t)place * FORMAT_UNIT;
}

static struct record_header header_at(struct bed *bed, uint32_t place)
{
    struct record_header header;

    memcpy(&header, cells_at(bed, place), sizeof header);
    return header;
}

/* The header at `place`, with the check that belongs there. */
static void header_put(struct bed *bed, uint32_t place, struct record_header header)
{
    item_seal(&header, place, block_of_place(bed->store, place)->sequence);
    nor_load(bed->nor, place * FORMAT_UNIT, &header, sizeof header);
}

/* Behind the last record of the open block of files; where the next one would go. */
static uint32_t forge(struct bed *bed, uint32_t offset, struct record_header header, const void *payload)
{
    uint32_t block = bed->store->streams[STREAM_DURABLE].block, place = place_of(bed->store, block, offset);

    if (payload)
        header.payload_crc = crc32c(0, payload, header.length);
    header_put(bed, place, header);
    if (payload)
        nor_load(bed->nor, place * FORMAT_UNIT + FORMAT_ITEM_BYTES, payload, header.length);
    return offset + record_bytes(header.length);
}

static uint32_t table_place(struct bed *bed, uint32_t index)
{
    return map_get(bed->store, node_at(bed->store, NODE_TABLE), index);
}

/* ---- Records of strangers ---- */

static void what_belongs_to_nobody_is_ignored(void **state)
{
    struct bed bed;
    struct store_statistics before, after;
    uint32_t id, offset;

    (void)state;
    bed_start(&bed, &SMALL);
    file_make(&bed, "g", 2, 30);
    id = file_make(&bed, "f", 3, 10);
    for (uint32_t round = 0; round < 2; round++) {
        uint64_t counts = bed.store->counts;
        uint32_t serial = node_at(bed.store, id)->serial;
        const struct record_header forged[] = {
            { .kind = 'X', .node = id, .serial = serial, .page = 0, .version = counts },
            { .kind = RECORD_HOLE, .node = 5000, .serial = serial, .version = counts },
            { .kind = RECORD_HOLE, .node = id, .serial = serial + 1, .version = counts },
            { .kind = RECORD_HOLE, .node = id + 9, .serial = 0, .version = counts },
            { .kind = RECORD_HOLE, .node = NODE_TABLE, .serial = 5, .version = counts },
            { .kind = RECORD_HOLE, .node = id, .serial = serial, .page = NODE_PAGES_MAX, .version = counts },
            { .kind = RECORD_HOLE, .node = id, .serial = serial, .page = 1, .version = counts + 1000 },
        };

        offset = bed.store->streams[STREAM_DURABLE].end;
        for (uint32_t i = 0; i < sizeof forged / sizeof forged[0]; i++)
            offset = forge(&bed, offset, forged[i], NULL);
        store_statistics(bed.store, &before);
        bed_reboot(&bed);
        sound(&bed);
        file_is(&bed, "f", 3, 10);
        file_is(&bed, "g", 2, 30);
        store_statistics(bed.store, &after);
        assert_int_equal(after.blocks_bad, before.blocks_bad);
        file_make(&bed, round ? "i" : "h", 3, 50);
        file_is(&bed, "f", 3, 10);
        sound(&bed);
    }
    bed_stop(&bed);
}

/* Longer than a page, or than its block: not a record. What stands behind it is found. */
static void records_that_do_not_fit_are_ignored(void **state)
{
    struct bed bed;
    uint32_t offset, places[2], lengths[2] = { 5000, 65000 };
    struct stream *stream;

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        bed_start(&bed, &SMALL);
        file_make(&bed, "f", 3, 10);
        stream = &bed.store->streams[STREAM_DURABLE];
        offset = stream->end;
        places[0] = place_of(bed.store, stream->block, offset);
        places[1] = place_of(bed.store, stream->block, bed.store->block_bytes - 2 * FORMAT_ITEM_BYTES);
        header_put(&bed, places[i],
                   (struct record_header){ .kind = RECORD_HOLE, .length = (uint16_t)(i ? 4000 : lengths[i]) });
        bed_reboot(&bed);
        sound(&bed);
        file_is(&bed, "f", 3, 10);
        file_make(&bed, "g", 3, 20);
        bed_reboot(&bed);
        file_is(&bed, "g", 3, 20);
        bed_stop(&bed);
    }
}

/* A commit that names blocks as retired: once each, and only those that are there. */
static void retired_blocks_are_those_listed(void **state)
{
    uint16_t list[4] = { 5000, 0, 0, 24 };
    struct store_statistics before, after;
    struct bed bed;
    struct record_header commit = { .kind = RECORD_COMMIT, .length = sizeof list, .page = 4 };
    struct block_info info;

    (void)state;
    bed_start(&bed, &SMALL);
    file_make(&bed, "f", 3, 10);
    for (uint16_t i = 0; i < SMALL.blocks; i++)
        if (!store_block(bed.store, i, &info) && info.state == BLOCK_ERASED)
            list[1] = list[2] = i;
    assert_true(bed_settle(&bed, 1000));
    store_statistics(bed.store, &before);
    commit.version = bed.store->version_next;
    commit.node = (uint32_t)bed.store->counts;
    (void)forge(&bed, bed.store->streams[STREAM_DURABLE].end, commit, list);
    bed_reboot(&bed);
    store_statistics(bed.store, &after);
    assert_int_equal(after.blocks_bad, before.blocks_bad + 1);
    assert_int_equal(store_block(bed.store, list[1], &info), 0);
    assert_int_equal(info.state, BLOCK_BAD);
    sound(&bed);
    file_is(&bed, "f", 3, 10);
    file_make(&bed, "g", 3, 20);
    bed_reboot(&bed);
    assert_int_equal(store_block(bed.store, list[1], &info), 0);
    assert_int_equal(info.state, BLOCK_BAD);
    file_is(&bed, "g", 3, 20);
    bed_stop(&bed);
}

/* A record that passes its check, in the place of another: it is not this page. */
static void exchanged_records_are_refused(void **state)
{
    struct bed bed;
    struct record_header whole, changed[7];
    uint32_t id, place;

    (void)state;
    bed_start(&bed, &SMALL);
    id = file_make(&bed, "f", 3, 100);
    place = map_get(bed.store, node_at(bed.store, id), 1);
    whole = header_at(&bed, place);
    for (uint32_t i = 0; i < 7; i++)
        changed[i] = whole;
    changed[0].kind = RECORD_LOST;
    changed[1].node++;
    changed[2].page = 0;
    changed[3].serial++;
    changed[4].method = 9;
    changed[5].length = FORMAT_PAGE;
    changed[6].length = 5000;
    for (uint32_t i = 0; i < 7; i++) {
        header_put(&bed, place, changed[i]);
        assert_int_equal(bed_read(&bed, id, 1, buffer), -EIO);
    }
    header_put(&bed, place, whole);
    file_is(&bed, "f", 3, 100);
    memset(buffer, 0, sizeof buffer);
    whole.length = FORMAT_PAGE;
    whole.payload_crc = crc32c(0, cells_at(&bed, place) + FORMAT_ITEM_BYTES, FORMAT_PAGE);
    header_put(&bed, place, whole); /* a page's length, compressed */
    assert_int_equal(bed_read(&bed, id, 1, buffer), -EIO);
    bed_stop(&bed);
}

/* A length that reaches beyond the block is not read. */
static void records_end_with_their_block(void **state)
{
    struct bed bed;
    uint64_t reads;
    uint32_t place;
    struct record_header header = { .kind = RECORD_PAGE, .length = FORMAT_PAGE };

    (void)state;
    bed_start(&bed, &SMALL);
    place = place_of(bed.store, SMALL.blocks - 1, SMALL.block_bytes - FORMAT_PAGE);
    reads = bed.nor->counters.reads;
    assert_int_equal(record_read_payload(bed.store, place, &header, buffer), -EIO);
    assert_int_equal(bed.nor->counters.reads, reads);
    header.length = FORMAT_PAGE - FORMAT_ITEM_BYTES;
    header.payload_crc = crc32c(0, cells_at(&bed, place) + FORMAT_ITEM_BYTES, header.length);
    assert_int_equal(record_read_payload(bed.store, place, &header, buffer), 0);
    bed_stop(&bed);
}

/* The same for swap: the header's check is no secret, so its bytes are believed no further than the tag. */
static void exchanged_swap_is_refused(void **state)
{
    struct bed bed;
    slot_t slots[60] = { 0 };
    uint64_t names[60];

    (void)state;
    bed_start(&bed, &SMALL);
    save_all(&bed, slots, names, 60);
    for (uint32_t i = 0; i < 60; i++) {
        const struct slot_entry *entry = slot_at(bed.store, slots[i]);
        struct swap_header whole, changed[3];

        if (slot_place_of(entry) != PLACE_FLASH)
            continue;
        memcpy(&whole, cells_at(&bed, entry->place), sizeof whole);
        changed[0] = changed[1] = changed[2] = whole;
        changed[0].slot++;
        changed[1].length = 5;
        changed[2].key++;
        for (uint32_t j = 0; j < 3; j++) {
            changed[j].crc = swap_check(&changed[j], entry->place, block_of_place(bed.store, entry->place)->sequence);
            nor_load(bed.nor, entry->place * FORMAT_UNIT, &changed[j], sizeof changed[j]);
            assert_int_equal(bed_load(&bed, slots[i], 0, buffer), -EIO);
        }
        nor_load(bed.nor, entry->place * FORMAT_UNIT, &whole, sizeof whole);
    }
    assert_true(load_all(&bed, slots, names, 60) > 0);
    bed_stop(&bed);
}

/* ---- Stamps ---- */

static void stamp_put(struct bed *bed, uint32_t block, struct erase_stamp stamp)
{
    item_seal(&stamp, block, 0);
    nor_load(bed->nor, block * bed->store->block_bytes, &stamp, sizeof stamp);
}

/* Valid, but not what belongs there: other magics, other versions. */
static void stamps_of_other_kinds_are_not_ours(void **state)
{
    struct bed bed;
    struct block_info info;
    struct erase_stamp stamp;
    uint32_t erased = NO_BLOCK;

    (void)state;
    bed_start(&bed, &SMALL);
    file_make(&bed, "f", 3, 10);
    assert_true(bed_settle(&bed, 10000));
    for (uint32_t i = 0; i < SMALL.blocks; i++)
        if (!store_block(bed.store, i, &info) && info.state == BLOCK_ERASED && i != bed.store->next[0] &&
            i != bed.store->next[1])
            erased = i;
    assert_int_not_equal(erased, NO_BLOCK);
    memcpy(&stamp, bed.nor->cells + erased * SMALL.block_bytes, sizeof stamp);
    stamp.magic = SUMMARY_MAGIC;
    stamp_put(&bed, erased, stamp);
    nor_load(bed.nor, erased * SMALL.block_bytes + FORMAT_ITEM_BYTES, &stamp, sizeof stamp);
    bed_reboot(&bed);
    assert_int_equal(store_block(bed.store, erased, &info), 0);
    assert_int_equal(info.state, BLOCK_DIRTY);
    sound(&bed);
    file_is(&bed, "f", 3, 10);
    file_make(&bed, "g", 3, 20);
    bed_reboot(&bed);
    file_is(&bed, "g", 3, 20);
    bed_stop(&bed);
}

/* Each kind of stamp of a newer format: nothing is opened, nothing is written. */
static void newer_stamps_are_refused(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < 3; kind++) {
        struct bed bed;
        struct erase_stamp erase;
        struct open_stamp open;
        struct summary_stamp summary;
        uint32_t block, at;
        uint64_t operations;

        bed_start(&bed, &SMALL);
        file_make(&bed, "f", 20, 10);
        block = bed.store->newest;
        at = block * SMALL.block_bytes;
        memcpy(&erase, bed.nor->cells + at, sizeof erase);
        memcpy(&open, bed.nor->cells + at + FORMAT_ITEM_BYTES, sizeof open);
        summary = (struct summary_stamp){ .magic = SUMMARY_MAGIC, .version = FORMAT_VERSION + 1 };
        erase.version = open.version = FORMAT_VERSION + 1;
        item_seal(&erase, block, 0);
        item_seal(&open, block, 0);
        item_seal(&summary, block, 0);
        if (kind == 0)
            nor_load(bed.nor, at, &erase, sizeof erase);
        if (kind == 1)
            nor_load(bed.nor, at + FORMAT_ITEM_BYTES, &open, sizeof open);
        if (kind == 2) {
            memset(bed.nor->cells + at, 0, FORMAT_BLOCK_HEADER);
            nor_load(bed.nor, at + SMALL.block_bytes - FORMAT_ITEM_BYTES, &summary, sizeof summary);
        }
        operations = bed.nor->operations;
        bed_forget(&bed);
        assert_int_equal(bed_open(&bed), -EPROTONOSUPPORT);
        assert_int_equal(bed.nor->operations, operations);
        assert_int_equal(store_format(&bed.store_config), 0); /* asked for: all of it goes */
        assert_int_equal(bed_open(&bed), 0);
        assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &block), -ENOENT);
        sound(&bed);
        bed_stop(&bed);
    }
}

/* Made for blocks of another size: as foreign as anything else, until it is asked to be formatted; then nothing is left. */
static void other_sizes_are_foreign(void **state)
{
    struct bed_config larger = { .blocks = 12, .block_bytes = 32768, .tail_pages = 16, .seed = 1 };
    struct bed bed, other;
    enum store_content content;
    uint64_t operations;

    (void)state;
    bed_start(&bed, &SMALL);
    file_make(&bed, "f", 20, 10);
    bed_prepare(&other, &larger);
    nor_load(other.nor, 0, bed.nor->cells, 12 * 32768);
    operations = other.nor->operations;
    assert_int_equal(store_probe(&other.store_config, &content), 0);
    assert_int_equal(content, STORE_FOREIGN);
    assert_int_equal(bed_open(&other), -ENODATA);
    assert_int_equal(other.nor->operations, operations);
    assert_int_equal(store_format(&other.store_config), 0);
    assert_int_equal(bed_open(&other), 0);
    file_make(&other, "g", 5, 30);
    bed_reboot(&other);
    file_is(&other, "g", 5, 30);
    bed_forget(&bed);
    nor_load(bed.nor, 0, other.nor->cells, 12 * 32768);
    assert_int_equal(store_probe(&bed.store_config, &content), 0);
    assert_int_equal(content, STORE_FOREIGN);
    assert_int_equal(bed_open(&bed), -ENODATA);
    bed_stop(&other);
    bed_stop(&bed);
}

/* ---- The table ---- */

#define MANY 60u /* names: two pages of the table */

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
            nor_fail_read_at(bed.nor, nth);
            refused_or_whole(&bed, before, -EIO);
            nor_triggers_clear(bed.nor);
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

/* ---- Formatting ---- */

static void formatted(struct bed *bed)
{
    assert_int_equal(store_format(&bed->store_config), 0);
    assert_int_equal(bed_open(bed), 0);
    assert_int_equal(node_find(bed->store, NODE_ROOT, "f", &(uint32_t){ 0 }), -ENOENT);
    file_make(bed, "new", 3, 70);
    bed_reboot(bed);
    file_is(bed, "new", 3, 70);
    sound(bed);
}

/* Whatever fails at whichever operation: an error, or an empty store; and it can be formatted again. */
static void formatting_fails_cleanly(void **state)
{
    uint64_t count = 1;

    (void)state;
    for (uint32_t kind = 0; kind < 5; kind++) {
        for (uint64_t nth = 1; nth <= count; nth++) {
            struct bed bed;
            uint64_t before;
            int error;

            bed_start(&bed, &SMALL);
            file_make(&bed, "f", 6, 10);
            bed_forget(&bed);
            before = kind == 3 ? bed.nor->counters.reads : kind == 4 ? bed.pages_asked : bed.nor->operations;
            if (kind == 0)
                nor_fail_at(bed.nor, nth);
            if (kind == 1)
                nor_stick_at(bed.nor, nth);
            if (kind == 2)
                nor_cut_at(bed.nor, nth, (enum nor_tear)(nth % NOR_TEARS));
            if (kind == 3)
                nor_fail_read_at(bed.nor, nth);
            if (kind == 4)
                bed.page_refused = (uint32_t)nth;
            error = store_format(&bed.store_config);
            assert_true(!error || error == (kind == 4 ? -ENOMEM : -EIO));
            assert_int_equal(bed.pages, 0);
            if (nth == 1)
                count = 8 +
                        (kind == 3   ? bed.nor->counters.reads
                         : kind == 4 ? bed.pages_asked
                                     : bed.nor->operations) -
                        before;
            nor_triggers_clear(bed.nor);
            nor_power_cut(bed.nor, NOR_TEAR_LOST);
            nor_power_on(bed.nor);
            bed.page_refused = 0;
            if (!error || kind == 2) {
                error = bed_open(&bed);
                assert_true(!error || error == -ENODATA);
                if (!error)
                    sound(&bed);
                bed_forget(&bed);
            }
            formatted(&bed);
            bed_stop(&bed);
        }
    }
}

static const unsigned DEAD[] = { NOR_FAULT_ERASE_FAILS, NOR_FAULT_ERASE_SILENT, NOR_FAULT_PROGRAM_FAILS };

/* A part that takes no erase, or no program: said, and not waited for. */
static void a_dead_part_cannot_be_formatted(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof DEAD / sizeof DEAD[0]; i++) {
        struct bed bed;

        bed_prepare(&bed, &SMALL);
        for (uint32_t block = 0; block < SMALL.blocks; block++)
            nor_load(bed.nor, block * SMALL.block_bytes, "something else", 15);
        nor_set_faults(bed.nor, 0, SMALL.blocks * SMALL.block_bytes, DEAD[i]);
        assert_int_equal(store_format(&bed.store_config), -EIO);
        assert_int_equal(bed.pages, 0);
        nor_set_faults(bed.nor, 0, SMALL.blocks * SMALL.block_bytes, 0);
        formatted(&bed);
        bed_stop(&bed);
    }
}

/* Blocks of files that cannot be erased any more are retired, and what they hold is not believed again. */
static void what_cannot_be_erased_is_retired(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct store_statistics statistics;
        struct bed bed;

        bed_start(&bed, &SMALL);
        file_make(&bed, "f", 6, 10);
        bed_forget(&bed);
        nor_set_faults(bed.nor, 0, SMALL.blocks * SMALL.block_bytes, DEAD[i]);
        assert_int_equal(store_format(&bed.store_config), 0);
        for (uint32_t boot = 0; boot < 2; boot++) {
            assert_int_equal(bed_open(&bed), 0);
            assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &(uint32_t){ 0 }), -ENOENT);
            store_statistics(bed.store, &statistics);
            assert_in_range(statistics.blocks_bad, 1, 8);
            sound(&bed);
            bed_forget(&bed);
        }
        bed_stop(&bed);
    }
}

/* The gate: a partition that reaches beyond what was opened for writing is refused there, and nothing outside changes. */
static void nothing_is_written_outside_the_window(void **state)
{
    uint32_t half = SMALL.blocks / 2 * SMALL.block_bytes;
    struct bed bed;

    (void)state;
    bed_prepare(&bed, &SMALL);
    for (uint32_t at = 0; at < 2 * half; at += 1024)
        nor_load(bed.nor, at, "not to be touched", 18);
    assert_int_equal(flash_open_window(&bed.front.flash, 0, half), 0);
    bed.store_config.base = half;
    bed.store_config.bytes = half;
    assert_int_equal(store_format(&bed.store_config), -EIO);
    assert_int_equal(bed.nor->operations, 0);
    for (uint32_t at = 0; at < 2 * half; at += 1024)
        assert_memory_equal(bed.nor->cells + at, "not to be touched", 18);
    bed_stop(&bed);
}

static void probing_tells_what_cannot_be_read(void **state)
{
    enum store_content content;
    struct bed bed;
    uint64_t reads;

    (void)state;
    bed_prepare(&bed, &SMALL);
    reads = bed.nor->counters.reads;
    assert_int_equal(store_probe(&bed.store_config, &content), 0);
    assert_int_equal(content, STORE_BLANK);
    reads = bed.nor->counters.reads - reads;
    for (uint64_t nth = 1; nth <= reads; nth++) {
        nor_fail_read_at(bed.nor, nth);
        assert_int_equal(store_probe(&bed.store_config, &content), -EIO);
    }
    nor_load(bed.nor, SMALL.block_bytes - 5, "tail", 4);
    assert_int_equal(store_probe(&bed.store_config, &content), 0);
    assert_int_equal(content, STORE_FOREIGN);
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_belongs_to_nobody_is_ignored),
        cmocka_unit_test(records_that_do_not_fit_are_ignored),
        cmocka_unit_test(retired_blocks_are_those_listed),
        cmocka_unit_test(exchanged_records_are_refused),
        cmocka_unit_test(records_end_with_their_block),
        cmocka_unit_test(exchanged_swap_is_refused),
        cmocka_unit_test(stamps_of_other_kinds_are_not_ours),
        cmocka_unit_test(newer_stamps_are_refused),
        cmocka_unit_test(other_sizes_are_foreign),
        cmocka_unit_test(a_bit_of_the_table_is_repaired),
        cmocka_unit_test(a_lost_page_of_the_table_is_that_page),
        cmocka_unit_test(many_names_want_ram),
        cmocka_unit_test(unsound_entries_are_none),
        cmocka_unit_test(headers_lost_under_a_summary),
        cmocka_unit_test(marginal_headers_do_no_harm),
        cmocka_unit_test(each_read_and_page_of_a_mount_fails),
        cmocka_unit_test(the_last_block_is_taken_back),
        cmocka_unit_test(formatting_fails_cleanly),
        cmocka_unit_test(a_dead_part_cannot_be_formatted),
        cmocka_unit_test(what_cannot_be_erased_is_retired),
        cmocka_unit_test(nothing_is_written_outside_the_window),
        cmocka_unit_test(probing_tells_what_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
