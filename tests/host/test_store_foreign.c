/*
 * What is not ours, or not what it says: records and stamps of strangers are ignored or refused; formatting, which takes
 * all of it, and probing, which tells it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "mm/store/crc32c.h"
#include "mm/store/state.h"
#include "tests/host/store_files.h"

static uint64_t buffer[BED_PAGE / 8];

#define SMALL_BLOCK 16384u

static const struct bed_config SMALL = { .blocks = 24, .block_bytes = SMALL_BLOCK, .tail_pages = 16, .seed = 1 };

/* ---- Records of strangers ---- */

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

/* The store is sound, keeps the file that it had, and takes another one over a boot; the end of a test. */
static void goes_on(struct bed *bed)
{
    sound(bed);
    file_is(bed, "f", 3, 10);
    file_make(bed, "g", 3, 20);
    bed_reboot(bed);
    file_is(bed, "g", 3, 20);
    bed_stop(bed);
}

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
        goes_on(&bed);
    }
}

/* An entry of a size that no file may have, whatever its check says, is none: whoever reads it would not end. */
static void no_file_is_larger_than_may_be(void **state)
{
    static const uint64_t SIZES[] = { (uint64_t)NODE_PAGES_MAX * BED_PAGE + 1, (uint64_t)1 << 45, UINT64_MAX };
    struct bed bed;
    uint32_t id;

    (void)state;
    for (uint32_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        bed_start(&bed, &SMALL);
        id = file_make(&bed, "f", 3, 10);
        bed.store->nodes->pages[NODE_NUMBER(id) / NODES_PER_PAGE][NODE_NUMBER(id) % NODES_PER_PAGE].bytes = SIZES[i];
        file_make(&bed, "g", 3, 20);
        bed_reboot(&bed);
        assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &id), -ENOENT);
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

/* One that retires the block it lies in is the newest all the same, lies nowhere then, and nothing else there is believed. */
static void a_commit_may_retire_its_own_block(void **state)
{
    struct store_statistics before, after;
    struct bed bed;
    struct block_info info;
    struct record_header commit = { .kind = RECORD_COMMIT, .length = sizeof(uint16_t), .page = 1 };
    uint16_t own;

    (void)state;
    bed_start(&bed, &SMALL);
    file_make(&bed, "f", 3, 10);
    assert_true(bed_settle(&bed, 1000));
    store_statistics(bed.store, &before);
    own = (uint16_t)bed.store->streams[STREAM_DURABLE].block;
    commit.version = bed.store->version_next;
    commit.node = (uint32_t)bed.store->counts;
    (void)forge(&bed, bed.store->streams[STREAM_DURABLE].end, commit, &own);
    for (uint32_t boot = 0; boot < 2; boot++) {
        bed_reboot(&bed);
        store_statistics(bed.store, &after);
        assert_int_equal(after.blocks_bad, before.blocks_bad + 1);
        assert_int_equal(store_block(bed.store, own, &info), 0);
        assert_int_equal(info.state, BLOCK_BAD);
        assert_int_equal(info.live_bytes, 0);
        assert_int_equal(!bed.store->commit_place[0], !boot);
        assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &(uint32_t){ 0 }), -ENOENT);
        sound(&bed);
        file_make(&bed, boot ? "h" : "g", 3, 20);
    }
    file_is(&bed, "g", 3, 20);
    bed_stop(&bed);
}

/* One of the pair that names them is damaged, and a read of the mount fails, and once more: they are known, or nothing is mounted. */
static void retired_blocks_are_not_forgotten(uint32_t damaged)
{
    struct store_statistics statistics;
    struct block_info info;
    uint32_t refused = 0, bad = 0;
    struct bed bed;
    int error;

    bed_start(&bed, &SMALL);
    while (store_block(bed.store, bad, &info) || info.state != BLOCK_ERASED)
        bad++;
    block_failed(bed.store, bad);
    file_make(&bed, "f", 3, 10);
    *cells_at(&bed, bed.store->commit_place[damaged] + FORMAT_ITEM_BYTES / FORMAT_UNIT) ^= 0x56;
    bed_reboot(&bed);
    store_statistics(bed.store, &statistics);
    for (uint32_t nth = 1; nth <= statistics.mount_reads; nth++) {
        nor_fail_reads_at(bed.nor, nth, 2);
        bed_forget(&bed);
        error = bed_open(&bed);
        nor_triggers_clear(bed.nor);
        refused += error != 0;
        if (error)
            bed_reboot(&bed);
        assert_int_equal(store_block(bed.store, bad, &info), 0);
        assert_int_equal(info.state, BLOCK_BAD);
    }
    assert_true(refused > 0);
    bed_stop(&bed);
}

static void nor_when_the_first_is_damaged(void **state)
{
    (void)state;
    retired_blocks_are_not_forgotten(0);
}

static void nor_when_the_second_is(void **state)
{
    (void)state;
    retired_blocks_are_not_forgotten(1);
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
    goes_on(&bed);
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

/* A summary that says what cannot be is none: the records are found from header to header. */
static void a_summary_that_cannot_be_is_none(void **state)
{
    static const struct {
        uint32_t records, end;
    } forged[] = { { 0, SMALL_BLOCK }, { 0x8000, SMALL_BLOCK }, { UINT32_MAX, SMALL_BLOCK - 16 },
                   { 1, 0 },           { 0, SMALL_BLOCK + 1 },  { 0x07ffffff, SMALL_BLOCK / 2 } };

    (void)state;
    for (uint32_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        struct summary_stamp summary;
        uint32_t block = 0, at;
        struct bed bed;

        bed_start(&bed, &SMALL);
        file_make(&bed, "f", 30, 10);
        while (block_at(bed.store, block)->state != BLOCK_FULL || !block_at(bed.store, block)->live)
            block++;
        at = (block + 1) * SMALL_BLOCK - FORMAT_ITEM_BYTES;
        memcpy(&summary, bed.nor->cells + at, sizeof summary);
        assert_int_equal(summary.magic, SUMMARY_MAGIC);
        summary.records = forged[i].records;
        summary.end = forged[i].end;
        item_seal(&summary, block, 0);
        nor_load(bed.nor, at, &summary, sizeof summary);
        bed_reboot(&bed);
        file_is(&bed, "f", 30, 10);
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

/* A block of which nothing can be read may hold what counts: nothing is written, and what was there still is. */
static void a_block_that_cannot_be_read_is_not_formatted(void **state)
{
    uint64_t operations, nth = 1;
    struct bed bed;

    (void)state;
    bed_start(&bed, &SMALL);
    file_make(&bed, "f", 6, 10);
    operations = bed.nor->operations;
    for (;; nth++) {
        int error;

        bed_forget(&bed);
        nor_fail_reads_at(bed.nor, nth, 2);
        error = store_format(&bed.store_config);
        nor_triggers_clear(bed.nor);
        assert_int_equal(bed.pages, 0);
        if (bed.nor->operations != operations)
            break;
        assert_int_equal(error, -EIO);
        assert_int_equal(bed_open(&bed), 0);
        file_is(&bed, "f", 6, 10);
        sound(&bed);
    }
    assert_in_range(nth, SMALL.blocks + 2, 3 * SMALL.blocks);
    formatted(&bed);
    bed_stop(&bed);
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
        cmocka_unit_test(no_file_is_larger_than_may_be),
        cmocka_unit_test(retired_blocks_are_those_listed),
        cmocka_unit_test(a_commit_may_retire_its_own_block),
        cmocka_unit_test(nor_when_the_first_is_damaged),
        cmocka_unit_test(nor_when_the_second_is),
        cmocka_unit_test(exchanged_records_are_refused),
        cmocka_unit_test(records_end_with_their_block),
        cmocka_unit_test(exchanged_swap_is_refused),
        cmocka_unit_test(stamps_of_other_kinds_are_not_ours),
        cmocka_unit_test(newer_stamps_are_refused),
        cmocka_unit_test(a_summary_that_cannot_be_is_none),
        cmocka_unit_test(other_sizes_are_foreign),
        cmocka_unit_test(formatting_fails_cleanly),
        cmocka_unit_test(a_block_that_cannot_be_read_is_not_formatted),
        cmocka_unit_test(a_dead_part_cannot_be_formatted),
        cmocka_unit_test(what_cannot_be_erased_is_retired),
        cmocka_unit_test(nothing_is_written_outside_the_window),
        cmocka_unit_test(probing_tells_what_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
