/*
 * What the store refuses, and with which error; and what it does at the ends of its tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/store/state.h"
#include "tests/host/store_files.h"

static uint64_t buffer[BED_PAGE / 8];

static const struct bed_config SMALL = { .blocks = 24, .block_bytes = 16384, .tail_pages = 16, .seed = 1 };
static const struct bed_config NO_FLASH = { .tail_pages = 24, .seed = 2 };

/* ---- Geometry ---- */

#define KIB 1024u

static const struct {
    uint32_t size, erase, base, bytes;
    int error;
} GEOMETRIES[] = {
    { 4096 * KIB, 4 * KIB, 0, 4096 * KIB, -EINVAL },           /* blocks too small */
    { 16384 * KIB, 1024 * KIB, 0, 16384 * KIB, -EINVAL },      /* too large */
    { 4080 * KIB, 24 * KIB, 0, 4080 * KIB, -EINVAL },          /* not a power of two */
    { 4096 * KIB, 64 * KIB, 32 * KIB, 1024 * KIB, -EINVAL },   /* begins within a block */
    { 4096 * KIB, 64 * KIB, 0, 1056 * KIB, -EINVAL },          /* ends within one */
    { 4096 * KIB, 64 * KIB, 8192 * KIB, 1024 * KIB, -EINVAL }, /* beyond the part */
    { 4096 * KIB, 64 * KIB, 4032 * KIB, 1024 * KIB, -EINVAL }, /* across its end */
    { 4096 * KIB, 64 * KIB, 64 * KIB, 4294967232 * 1u, -EINVAL } /* around the end of addresses */,
    { 4096 * KIB, 64 * KIB, 0, 9 * 64 * KIB, -EINVAL }, /* too few */
    { 4096 * KIB, 64 * KIB, 0, 10 * 64 * KIB, 0 },
};

static void partitions_are_checked(void **state)
{
    struct bed bed;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    for (uint32_t i = 0; i < sizeof GEOMETRIES / sizeof GEOMETRIES[0]; i++) {
        struct nor_config config = nor_config_blocks(GEOMETRIES[i].size / (64 * KIB), 64 * KIB);
        struct nor *nor = nor_new(&config);
        struct nor_flash front;
        struct store_config wanted = bed.store_config;
        struct store *store = NULL;

        nor_flash_open(&front, nor, 64 * KIB);
        front.flash.geometry.erase_bytes = GEOMETRIES[i].erase;
        wanted.flash = &front.flash;
        wanted.base = GEOMETRIES[i].base;
        wanted.bytes = GEOMETRIES[i].bytes;
        assert_int_equal(store_format(&wanted), GEOMETRIES[i].error);
        assert_int_equal(store_open(&wanted, &store), GEOMETRIES[i].error);
        assert_true(!store == !!GEOMETRIES[i].error);
        if (store)
            store_close(store);
        nor_free(nor);
    }
    bed_stop(&bed);
}

/* 8,192 blocks are used of more; 2,032 retired ones can be listed, and more do no harm. */
static void blocks_have_an_end(void **state)
{
    struct bed_config config = { .blocks = 8200, .block_bytes = 8192, .tail_pages = 8, .seed = 3 };
    struct store_statistics statistics;
    struct bed bed;

    (void)state;
    bed_start(&bed, &config);
    store_statistics(bed.store, &statistics);
    assert_int_equal(statistics.blocks, FORMAT_BLOCKS_MAX);
    file_make(&bed, "f", 3, 10);
    for (uint32_t i = 0; i < FORMAT_BLOCKS_MAX && bed.store->bad < 2100; i++)
        if (block_at(bed.store, i)->state == BLOCK_DIRTY) {
            block_at(bed.store, i)->state = BLOCK_BAD;
            bed.store->bad++;
        }
    assert_int_equal(bed.store->bad, 2100);
    file_make(&bed, "g", 3, 20);
    sound(&bed);
    bed_reboot(&bed);
    sound(&bed);
    store_statistics(bed.store, &statistics);
    assert_int_equal(statistics.blocks_bad, FORMAT_COMPRESSED_MAX / 2);
    file_is(&bed, "f", 3, 10);
    file_is(&bed, "g", 3, 20);
    bed_stop(&bed);
}

static void a_tail_is_neither_tiny_nor_endless(void **state)
{
    struct store_config wanted;
    struct store *store;
    struct bed bed;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    wanted = bed.store_config;
    wanted.tail_pages = 7;
    assert_int_equal(store_open(&wanted, &store), -EINVAL);
    assert_null(store);
    wanted.tail_pages = 4096;
    assert_int_equal(store_open(&wanted, &store), 0);
    assert_int_equal(store->tail.pages_max, 4096);
    assert_null(store_check(store));
    store_close(store);
    wanted.tail_pages = 5000;
    assert_int_equal(store_open(&wanted, &store), 0);
    assert_int_equal(store->tail.pages_max, 4096);
    store_close(store);
    bed_stop(&bed);
}

/* ---- Slots and keys ---- */

/* No more is promised than there are slots, and the one after the last is refused. */
static void slots_have_an_end(void **state)
{
    struct bed_config config = { .tail_pages = 2400, .seed = 4 };
    slot_t *slots = calloc(SLOTS_MOST, sizeof *slots), more = 0;
    struct bed bed;

    (void)state;
    assert_non_null(slots);
    bed_start(&bed, &config);
    memset(buffer, 0, sizeof buffer);
    for (uint32_t i = 0; i < SLOTS_MOST; i++)
        if (slot_save(bed.store, &slots[i], 0, buffer))
            fail_msg("slot %u", i);
    assert_int_equal(slot_save(bed.store, &more, 0, buffer), -ENOSPC);
    assert_int_equal(more, 0);
    slot_put(bed.store, slots[1000]);
    assert_int_equal(slot_save(bed.store, &more, 0, buffer), 0);
    assert_int_equal(more, slots[1000]);
    sound(&bed);
    free(slots);
    bed_forget(&bed);
    bed_stop(&bed);
}

static void promises_end_with_the_slots(void **state)
{
    struct bed_config config = { .blocks = 10, .block_bytes = 16384, .tail_pages = 16, .seed = 4 };
    struct bed bed;

    (void)state;
    bed_start(&bed, &config);
    bed.store->block_count = FORMAT_BLOCKS_MAX;
    bed.store->block_bytes = 512u << 10;
    for (uint32_t i = 0; i < BLOCK_PAGES; i++)
        if (!bed.store->blocks[i])
            bed.store->blocks[i] = page_get(bed.store);
    assert_int_equal(store_capacity_pages(bed.store), SLOTS_MOST);
    assert_int_equal(store_promise(bed.store, SLOTS_MOST + 1), -ENOMEM);
    assert_int_equal(store_promise(bed.store, SLOTS_MOST), 0);
    bed_stop(&bed);
}

static void a_slots_place_is_told(void **state)
{
    struct bed bed;
    slot_t slots[60] = { 0 };
    uint64_t names[60];
    uint32_t flash = 0;

    (void)state;
    bed_start(&bed, &SMALL);
    save_all(&bed, slots, names, 60);
    for (uint32_t i = 0; i < 60; i++) {
        enum slot_source where = slot_where(bed.store, slots[i]);
        struct slot_location place;
        struct swap_header header;

        assert_int_equal(bed_load(&bed, slots[i], 0, buffer), where);
        slot_locate(bed.store, slots[i], &place);
        assert_true(!place.tail == (where == SLOT_FLASH));
        memcpy(&header, bed.nor->cells + place.address, sizeof header);
        assert_true(where == SLOT_TAIL || (header.slot == slots[i] && record_bytes(header.length) == place.bytes));
        flash += where == SLOT_FLASH;
    }
    assert_in_range(flash, 1, 59);
    bed_stop(&bed);
}

/* RAM that is refused is told, and nothing has changed; the same call goes through when there is some. */
static void refused_ram_changes_nothing(void **state)
{
    struct bed bed;
    slot_t slot = 0;
    uint32_t id;

    (void)state;
    bed_start(&bed, &SMALL);
    id = file_make(&bed, "f", 6, 10);
    memset(buffer, 0, sizeof buffer);
    bed.page_refused = 1;
    assert_int_equal(slot_save(bed.store, &slot, 0, buffer), -ENOMEM);
    assert_int_equal(slot, 0);
    assert_int_equal(slot_save(bed.store, &slot, 0, buffer), 0);
    bed.page_refused = 1;
    assert_int_equal(node_resize(bed.store, id, 2 * BED_PAGE, 1), -ENOMEM);
    file_is(&bed, "f", 6, 10);
    bed.page_refused = 1;
    assert_int_equal(node_resize(bed.store, id, 0, 1), -ENOMEM);
    file_is(&bed, "f", 6, 10);
    assert_int_equal(node_resize(bed.store, id, 2 * BED_PAGE, 1), 0);
    assert_int_equal(bed_commit(&bed), 0);
    file_is(&bed, "f", 2, 10);
    sound(&bed);
    bed_stop(&bed);
}

static void keys_have_an_end(void **state)
{
    struct bed bed;
    store_key_t first, last = 0, key;
    uint32_t count = 1;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    first = store_key_open(bed.store);
    while ((key = store_key_open(bed.store)) != 0) {
        last = key;
        count++;
    }
    assert_int_equal(count, KEYS_PER_PAGE * KEY_PAGES);
    store_key_close(bed.store, first);
    key = store_key_open(bed.store);
    assert_int_not_equal(key, 0);
    assert_int_not_equal(key, first);
    assert_int_equal(store_key_open(bed.store), 0);
    store_key_close(bed.store, first); /* closed before: nothing */
    assert_non_null(key_find(bed.store, key));
    assert_non_null(key_find(bed.store, last));
    bed_stop(&bed);
}

static void keys_that_never_were_are_nobodys(void **state)
{
    struct bed bed;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    assert_null(key_find(bed.store, 4242)); /* in a page that is not there */
    assert_null(key_find(bed.store, 4095)); /* beyond the table */
    bed.page_refused = 1;
    assert_int_equal(store_key_open(bed.store), 0);
    assert_int_not_equal(store_key_open(bed.store), 0);
    bed_stop(&bed);
}

/* ---- Nodes ---- */

static void nodes_that_are_not_there(void **state)
{
    static const uint32_t NOBODY[] = { NODE_TABLE, 7, 5000 };
    struct node_info info;
    struct bed bed;
    uint32_t file, id;

    (void)state;
    bed_start(&bed, &SMALL);
    file = file_make(&bed, "f", 1, 1);
    assert_int_equal(bed_begin(&bed, 1), 0);
    for (uint32_t i = 0; i < sizeof NOBODY / sizeof NOBODY[0]; i++) {
        assert_int_equal(node_get(bed.store, NOBODY[i], &info), -ENOENT);
        assert_int_equal(node_remove(bed.store, NOBODY[i]), -ENOENT);
        assert_int_equal(node_resize(bed.store, NOBODY[i], 1, 1), -ENOENT);
        assert_int_equal(node_describe(bed.store, NOBODY[i], 0, 1), -ENOENT);
        assert_int_equal(node_rename(bed.store, NOBODY[i], NODE_ROOT, "g"), -ENOENT);
        assert_int_equal(node_replace(bed.store, NOBODY[i], file), -ENOENT);
        assert_int_equal(node_replace(bed.store, file, NOBODY[i]), -ENOENT);
        assert_int_equal(node_make(bed.store, NOBODY[i], "g", 0100644, &id), -ENOENT);
        assert_int_equal(node_write_page(bed.store, NOBODY[i], 0, buffer), -ENOENT);
    }
    assert_int_equal(node_read_page(bed.store, 7, 0, buffer), -ENOENT);
    assert_int_equal(bed_commit(&bed), 0);
    file_is(&bed, "f", 1, 1);
    bed_stop(&bed);
}

/* Open, but without a name: it can be read and written, and nothing can be made in it or of it. */
static void nodes_without_a_name(void **state)
{
    struct bed bed;
    uint32_t file, directory, id;

    (void)state;
    bed_start(&bed, &SMALL);
    file = file_make(&bed, "f", 2, 10);
    assert_int_equal(bed_make(&bed, NODE_ROOT, "d", 040755, &directory), 0);
    node_open(bed.store, file);
    node_open(bed.store, file);
    node_open(bed.store, directory);
    assert_int_equal(node_remove(bed.store, file), 0);
    assert_int_equal(node_remove(bed.store, directory), 0);
    assert_int_equal(node_make(bed.store, directory, "g", 0100644, &id), -ENOENT);
    assert_int_equal(node_rename(bed.store, file, NODE_ROOT, "g"), -ENOENT);
    assert_int_equal(node_replace(bed.store, file, directory), -ENOENT);
    assert_int_equal(node_remove(bed.store, file), -ENOENT);
    assert_int_equal(bed_commit(&bed), 0);
    node_close(bed.store, file);
    assert_int_equal(bed_read(&bed, file, 1, buffer), 0);
    assert_true(page_is(11, buffer));
    node_close(bed.store, directory);
    node_close(bed.store, file);
    assert_int_equal(bed_read(&bed, file, 1, buffer), -ENOENT);
    sound(&bed);
    bed_stop(&bed);
}

static uint32_t make_named(struct bed *bed, const char *stem, uint32_t number)
{
    char name[16];
    uint32_t id;

    (void)snprintf(name, sizeof name, "%s%u", stem, number);
    assert_int_equal(bed_make(bed, NODE_ROOT, name, 0100644, &id), 0);
    return id;
}

/* What no commit has named has no place in the table any longer than its last user, and pages of it that are free go. */
static void removed_nodes_leave_the_table(void **state)
{
    uint32_t ids[200], pages, taken;
    char name[16];
    struct bed bed;

    (void)state;
    bed_start(&bed, &SMALL);
    (void)file_make(&bed, "f", 2, 10);
    pages = bed.pages;
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t closed_late = make_named(&bed, "a", i), replaced = make_named(&bed, "b", i);

        node_open(bed.store, closed_late);
        assert_int_equal(node_remove(bed.store, closed_late), 0);
        assert_int_equal(node_replace(bed.store, make_named(&bed, "c", i), replaced), 0);
        node_close(bed.store, closed_late);
        assert_int_equal(node_find(bed.store, NODE_ROOT, "c", &replaced), -ENOENT);
        (void)snprintf(name, sizeof name, "b%u", i);
        assert_int_equal(node_find(bed.store, NODE_ROOT, name, &replaced), 0);
        assert_int_equal(node_remove(bed.store, replaced), 0);
    }
    assert_int_equal(bed.pages, pages);
    for (uint32_t i = 0; i < 200; i++)
        ids[i] = make_named(&bed, "d", i);
    taken = bed.pages;
    assert_int_equal(bed_commit(&bed), 0);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(node_remove(bed.store, ids[i]), 0);
    assert_int_equal(bed.pages, taken); /* flash still names them */
    assert_int_equal(bed_commit(&bed), 0);
    assert_int_equal(bed.pages, pages);
    sound(&bed);
    bed_reboot(&bed);
    sound(&bed);
    assert_int_equal(node_find(bed.store, NODE_ROOT, "d7", &taken), -ENOENT);
    (void)make_named(&bed, "e", 0);
    assert_int_equal(bed_commit(&bed), 0);
    assert_int_equal(bed.pages, pages);
    file_is(&bed, "f", 2, 10);
    bed_stop(&bed);
}

/* Who remembers a node that is gone does not find what has its number now, also in a page of the table that was gone. */
static void numbers_are_given_again_but_not_ids(void **state)
{
    uint32_t before[40], id, directory, other;
    struct node_info info;
    struct bed bed;

    (void)state;
    bed_start(&bed, &SMALL);
    for (uint32_t i = 0; i < 40; i++)
        before[i] = make_named(&bed, "a", i);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(node_remove(bed.store, before[i]), 0);
    for (uint32_t i = 0; i < 40; i++) {
        id = make_named(&bed, "b", i);
        assert_int_equal(NODE_NUMBER(id), NODE_NUMBER(before[i]));
        assert_int_not_equal(id, before[i]);
        assert_int_equal(node_get(bed.store, before[i], &info), -ENOENT);
        assert_int_equal(node_remove(bed.store, before[i]), -ENOENT);
        assert_int_equal(node_rename(bed.store, before[i], NODE_ROOT, "c"), -ENOENT);
        assert_int_equal(node_replace(bed.store, id, before[i]), -ENOENT);
        assert_int_equal(node_describe(bed.store, before[i], 0600, 1), -ENOENT);
        assert_int_equal(node_resize(bed.store, before[i], 1, 1), -ENOENT);
        assert_int_equal(node_get(bed.store, id, &info), 0);
        assert_int_equal(info.id, id);
    }
    assert_int_equal(node_remove(bed.store, id), 0);
    assert_int_equal(bed_make(&bed, NODE_ROOT, "d", 040755, &directory), 0);
    assert_int_equal(NODE_NUMBER(directory), NODE_NUMBER(id));
    assert_int_equal(bed_make(&bed, directory, "e", 040755, &other), 0);
    assert_int_equal(node_get(bed.store, other, &info), 0);
    assert_int_equal(info.parent, directory);
    assert_int_equal(node_rename(bed.store, directory, other, "f"), -EINVAL);
    assert_int_equal(node_find(bed.store, id, "e", &other), -ENOENT);
    assert_int_equal(node_next(bed.store, id, 0, &info), -ENOENT);
    assert_int_equal(node_make(bed.store, id, "g", 0100644, &other), -ENOENT);
    assert_int_equal(bed_begin(&bed, 1), 0);
    assert_int_equal(bed_write(&bed, id, 0, 1), -ENOENT);
    assert_int_equal(bed_commit(&bed), 0);
    assert_int_equal(store_verify(bed.store), 0);
    sound(&bed);
    bed_reboot(&bed);
    assert_int_equal(node_find(bed.store, NODE_ROOT, "d", &id), 0);
    assert_int_equal(node_find(bed.store, id, "e", &other), 0);
    bed_stop(&bed);
}

static void names_that_are_none(void **state)
{
    struct bed bed;
    uint32_t id, file;

    (void)state;
    bed_start(&bed, &SMALL);
    file = file_make(&bed, "f", 1, 1);
    assert_int_equal(bed_make(&bed, NODE_ROOT, ".", 0100644, &id), -EINVAL);
    assert_int_equal(node_find(bed.store, NODE_ROOT, "a/b", &id), -EINVAL);
    assert_int_equal(bed_rename(&bed, NODE_ROOT, NODE_ROOT, "root"), -EINVAL);
    assert_int_equal(node_replace(bed.store, NODE_ROOT, file), -EINVAL);
    assert_int_equal(node_replace(bed.store, file, NODE_ROOT), -EBUSY);
    assert_int_equal(node_replace(bed.store, file, file), -EINVAL);
    file_is(&bed, "f", 1, 1);
    bed_stop(&bed);
}

static void a_name_is_taken_with_one_commit(void **state)
{
    struct bed bed;
    uint32_t old, new, directory, inner;
    struct node_info info;

    (void)state;
    bed_start(&bed, &SMALL);
    old = file_make(&bed, "config", 4, 10);
    new = file_make(&bed, "config.new", 3, 20);
    assert_int_equal(bed_make(&bed, NODE_ROOT, "d", 040755, &directory), 0);
    assert_int_equal(bed_make(&bed, directory, "e", 040755, &inner), 0);
    assert_int_equal(node_replace(bed.store, directory, inner), -EINVAL); /* it would stand in itself */
    assert_int_equal(node_replace(bed.store, new, directory), -ENOTEMPTY);
    assert_int_equal(bed_commit(&bed), 0);
    assert_int_equal(node_replace(bed.store, new, old), 0);
    assert_int_equal(node_describe(bed.store, new, 0100600, 99), 0);
    file_is(&bed, "config", 3, 20);
    bed_reboot(&bed);
    file_is(&bed, "config", 4, 10);
    file_is(&bed, "config.new", 3, 20);
    assert_int_equal(node_replace(bed.store, new, old), 0);
    assert_int_equal(node_describe(bed.store, new, 0100600, 99), 0);
    assert_int_equal(bed_commit(&bed), 0);
    bed_reboot(&bed);
    file_is(&bed, "config", 3, 20);
    assert_int_equal(node_find(bed.store, NODE_ROOT, "config.new", &old), -ENOENT);
    assert_int_equal(node_get(bed.store, new, &info), 0);
    assert_int_equal(info.mode, 0100600);
    assert_int_equal(info.modified_s, 99);
    sound(&bed);
    bed_stop(&bed);
}

#define NODES_MOST (NODE_PAGES * NODES_PER_PAGE - 2) /* but the table and the root */

/* As many nodes as the table takes, all found again; a failure with a full table does not lose the last page of it. */
static void nodes_have_an_end(void **state)
{
    struct bed_config config = { .blocks = 40, .block_bytes = 65536, .tail_pages = 8, .seed = 6 };
    struct bed bed;
    uint32_t id, last = 0;
    char name[12];

    (void)state;
    bed_start(&bed, &config);
    for (uint32_t i = 0; i < NODES_MOST; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        if (node_make(bed.store, NODE_ROOT, name, 0100644, &last))
            fail_msg("node %u", i);
    }
    assert_int_equal(node_make(bed.store, NODE_ROOT, "more", 0100644, &id), -ENOSPC);
    assert_int_equal(bed_commit(&bed), 0);
    assert_int_equal(node_describe(bed.store, last, 0100600, 7), 0);
    nor_set_faults(bed.nor, 0, 40 * 65536, NOR_FAULT_PROGRAM_FAILS);
    assert_int_equal(bed_commit(&bed), -EIO);
    assert_int_equal(bed.store->nodes->dirty, UINT64_MAX);
    nor_set_faults(bed.nor, 0, 40 * 65536, 0);
    bed_reboot(&bed);
    sound(&bed);
    for (uint32_t i = 0; i < NODES_MOST; i += 61) {
        (void)snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(node_find(bed.store, NODE_ROOT, name, &id), 0);
    }
    assert_int_equal(node_make(bed.store, NODE_ROOT, "more", 0100644, &id), -ENOSPC);
    assert_int_equal(bed_remove(&bed, id = last), 0);
    assert_int_equal(bed_commit(&bed), 0);
    assert_int_equal(node_make(bed.store, NODE_ROOT, "more", 0100644, &id), 0);
    bed_stop(&bed);
}

/* Pages far apart want cells of the map, and those end: what fits is kept, the rest refused. */
static void maps_have_an_end(void **state)
{
    struct bed bed;
    uint32_t id, written = 0;
    int error = 0;

    (void)state;
    bed_start(&bed, &(struct bed_config){ .blocks = 160, .block_bytes = 65536, .tail_pages = 8, .seed = 7 });
    assert_int_equal(bed_make(&bed, NODE_ROOT, "sparse", 0100644, &id), 0);
    assert_int_equal(bed_commit(&bed), 0);
    assert_int_equal(bed_begin(&bed, 1400), 0);
    while (!error && written < 1400) {
        error = bed_write(&bed, id, written * 4096, 0);
        written += !error;
    }
    assert_int_equal(error, -ENOMEM);
    assert_in_range(written, 1200, 1399);
    assert_int_equal(bed_commit(&bed), 0);
    sound(&bed);
    bed_reboot(&bed);
    sound(&bed);
    assert_int_equal(node_find(bed.store, NODE_ROOT, "sparse", &id), 0);
    assert_int_equal(bed_resize(&bed, id, 0, 1), 0);
    assert_int_equal(bed_commit(&bed), 0);
    file_make(&bed, "after", 5, 50);
    file_is(&bed, "after", 5, 50);
    sound(&bed);
    bed_stop(&bed);
}

static void sizes_have_an_end(void **state)
{
    struct bed bed;
    uint32_t id;

    (void)state;
    bed_start(&bed, &SMALL);
    id = file_make(&bed, "f", 2, 1);
    assert_int_equal(node_resize(bed.store, id, (uint64_t)NODE_PAGES_MAX * BED_PAGE + 1, 1), -EFBIG);
    assert_int_equal(node_resize(bed.store, id, (uint64_t)NODE_PAGES_MAX * BED_PAGE, 1), 0);
    assert_int_equal(bed_begin(&bed, 1), 0);
    assert_int_equal(bed_write(&bed, id, NODE_PAGES_MAX, 5), -EFBIG);
    assert_int_equal(bed_write(&bed, id, NODE_PAGES_MAX - 1, 5), 0);
    assert_int_equal(bed_commit(&bed), 0);
    bed_reboot(&bed);
    assert_int_equal(bed_read(&bed, id, NODE_PAGES_MAX - 1, buffer), 0);
    assert_true(page_is(5, buffer));
    assert_int_equal(bed_read(&bed, id, 1, buffer), 0);
    assert_true(page_is(2, buffer));
    bed_stop(&bed);
}

/* More holes than one page of changes holds. */
static void large_files_are_shortened(void **state)
{
    struct bed_config config = { .blocks = 48, .block_bytes = 65536, .tail_pages = 8, .seed = 8 };
    struct bed bed;
    uint32_t id;

    (void)state;
    bed_start(&bed, &config);
    id = file_make(&bed, "f", 2 * CHANGES_PER_PAGE + 40, 1);
    assert_int_equal(bed_resize(&bed, id, 10 * BED_PAGE, 6), 0);
    assert_int_equal(bed_commit(&bed), 0);
    sound(&bed);
    bed_reboot(&bed);
    file_is(&bed, "f", 10, 1);
    assert_int_equal(bed_resize(&bed, id, 600 * BED_PAGE, 6), 0);
    for (uint32_t i = 10; i < 600; i += 7) {
        assert_int_equal(bed_read(&bed, id, i, buffer), 0);
        assert_true(page_is(0, buffer));
    }
    bed_stop(&bed);
}

/* ---- Transactions ---- */

static void without_flash_nothing_is_durable(void **state)
{
    struct bed bed;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    assert_int_equal(store_begin(bed.store, 1), -ENOSPC);
    assert_int_equal(store_swap_set(bed.store, 0), 0);
    assert_int_equal(store_swap_set(bed.store, 5), -ENOSPC);
    assert_int_equal(store_step(bed.store), STORE_IDLE);
    assert_false(store_wants_step(bed.store));
    bed_stop(&bed);
}

static void transactions_are_one_at_a_time(void **state)
{
    struct bed bed;
    uint32_t id, made;

    (void)state;
    bed_start(&bed, &SMALL);
    id = file_make(&bed, "f", 2, 10);
    page_of(90, buffer);
    assert_int_equal(node_write_page(bed.store, id, 0, buffer), -EINVAL); /* not begun */
    assert_int_equal(bed_begin(&bed, 1), 0);
    assert_int_equal(store_begin(bed.store, 1), -EAGAIN);
    assert_int_equal(bed_write(&bed, id, 0, 90), 0);
    assert_int_equal(node_write_page(bed.store, id, 1, buffer), -EINVAL); /* more than was said */
    assert_int_equal(node_resize(bed.store, id, BED_PAGE, 1), -EAGAIN);   /* it is being written */
    assert_int_equal(node_remove(bed.store, id), -EAGAIN);
    assert_int_equal(node_read_page(bed.store, id, 0, buffer), -EAGAIN);
    assert_int_equal(store_commit(bed.store), -EAGAIN);
    assert_int_equal(store_begin(bed.store, 1), -EAGAIN);
    assert_int_equal(node_make(bed.store, NODE_ROOT, "g", 0100644, &made), -EAGAIN);
    assert_int_equal(node_rename(bed.store, id, NODE_ROOT, "g"), -EAGAIN);
    assert_int_equal(node_describe(bed.store, id, 0, 1), -EAGAIN);
    assert_int_equal(node_resize(bed.store, id, BED_PAGE, 1), -EAGAIN);
    assert_int_equal(node_remove(bed.store, id), -EAGAIN);
    assert_true(bed_settle(&bed, 10000));
    assert_int_equal(store_begin(bed.store, 1), -EAGAIN); /* its end was not taken yet */
    assert_int_equal(store_commit(bed.store), 0);
    assert_int_equal(store_commit(bed.store), 0); /* nothing to do */
    assert_int_equal(bed_begin(&bed, 1), 0);
    assert_int_equal(bed_commit(&bed), 0);
    bed_stop(&bed);
}

/* Who writes back asks this before it sleeps. */
static void work_is_asked_for(void **state)
{
    struct bed bed;
    slot_t slots[60] = { 0 };
    uint64_t names[60];
    uint32_t id;

    (void)state;
    bed_start(&bed, &SMALL);
    assert_true(bed_settle(&bed, 10000));
    assert_false(store_wants_step(bed.store));
    id = file_make(&bed, "f", 2, 10);
    assert_false(store_wants_step(bed.store) && bed_settle(&bed, 10000) && store_wants_step(bed.store));
    assert_int_equal(bed_begin(&bed, 1), 0);
    assert_true(store_wants_step(bed.store));
    assert_int_equal(bed_write(&bed, id, 0, 90), 0);
    assert_true(store_wants_step(bed.store));
    assert_int_equal(store_commit(bed.store), -EAGAIN);
    for (uint32_t i = 0; i < 1000 && bed.store->transaction.state == TRANSACTION_COMMITTING; i++) {
        assert_true(store_wants_step(bed.store));
        (void)store_step(bed.store);
    }
    assert_int_equal(store_commit(bed.store), 0);
    assert_true(bed_settle(&bed, 10000));
    assert_false(store_wants_step(bed.store));
    save_all(&bed, slots, names, 60);
    for (uint32_t i = 0; i < 10000 && store_wants_step(bed.store); i++)
        (void)store_step(bed.store);
    assert_false(store_wants_step(bed.store));
    assert_true(load_all(&bed, slots, names, 60) > 0);
    for (uint32_t i = 20; i < 60; i++)
        slot_put(bed.store, slots[i]);
    if (store_swap_set(bed.store, 0) == -EAGAIN)
        assert_true(store_wants_step(bed.store));
    bed_stop(&bed);
}

/* ---- Swap's share, life ---- */

static void swap_keeps_to_its_share(void **state)
{
    struct bed bed;
    slot_t slots[60] = { 0 };
    uint64_t names[60];
    struct store_statistics statistics;

    (void)state;
    bed_start(&bed, &(struct bed_config){ .blocks = 32, .block_bytes = 16384, .tail_pages = 16, .seed = 5 });
    assert_int_equal(store_promise(bed.store, (int64_t)store_capacity_pages(bed.store)), 0);
    assert_int_equal(store_swap_set(bed.store, 3), -ENOSPC);
    assert_int_equal(store_promise(bed.store, -(int64_t)bed.store->promised_pages), 0);
    assert_int_equal(store_swap_set(bed.store, 12), 0);
    file_make(&bed, "f", 20, 100);
    for (uint32_t round = 0; round < 12; round++) {
        save_all(&bed, slots, names, 60);
        store_statistics(bed.store, &statistics);
        assert_in_range(statistics.blocks_swap, 1, 13);
        sound(&bed);
    }
    assert_true(load_all(&bed, slots, names, 60) > 0);
    assert_int_equal(store_swap_set(bed.store, 2), -ENOSPC);
    load_all(&bed, slots, names, 60);
    bed_stop(&bed);
}

static void credit_has_ends(void **state)
{
    static const struct {
        uint64_t erases_per_day;
        int32_t before, after;
    } CREDITS[] = { { 1ull << 33, LIFE_NEVER_DECLARED, INT32_MAX }, { 1, INT32_MIN + 1, INT32_MIN } };

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct bed bed;

        bed_start(&bed, &(struct bed_config){ .blocks = 24,
                                              .block_bytes = 16384,
                                              .tail_pages = 16,
                                              .life_erases_per_day = CREDITS[i].erases_per_day,
                                              .seed = 1 });
        life_begin(bed.store, CREDITS[i].before);
        for (uint32_t erases = 0; erases < 4; erases++)
            life_erased(bed.store);
        assert_int_equal(life_credit(bed.store), CREDITS[i].after);
        assert_int_equal(life_left(bed.store), CREDITS[i].after > 0);
        bed_stop(&bed);
    }
}

/* ---- Closing ---- */

/* A program or erase in flight is waited for: the part is left as it should be, and all RAM comes back. */
static void closing_waits_for_the_flash(void **state)
{
    struct bed_config config = SMALL;
    struct bed bed;
    uint32_t id;

    (void)state;
    config.manual_time = true;
    bed_start(&bed, &config);
    file_make(&bed, "f", 2, 10);
    id = file_make(&bed, "g", 2, 20);
    assert_int_equal(bed_begin(&bed, 2), 0);
    assert_int_equal(bed_write(&bed, id, 0, 50), 0);
    for (uint32_t i = 0; i < 100 && store_step(bed.store) != STORE_BUSY; i++)
        ;
    assert_int_not_equal(bed.nor->operation.kind, NOR_IDLE);
    bed.front.manual_time = false;
    store_close(bed.store);
    bed.store = NULL;
    assert_int_equal(bed.pages, 0);
    assert_int_equal(bed.nor->operation.kind, NOR_IDLE);
    assert_int_equal(bed_open(&bed), 0);
    file_is(&bed, "f", 2, 10);
    file_is(&bed, "g", 2, 20);
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions_are_checked),
        cmocka_unit_test(blocks_have_an_end),
        cmocka_unit_test(a_tail_is_neither_tiny_nor_endless),
        cmocka_unit_test(slots_have_an_end),
        cmocka_unit_test(promises_end_with_the_slots),
        cmocka_unit_test(a_slots_place_is_told),
        cmocka_unit_test(refused_ram_changes_nothing),
        cmocka_unit_test(keys_have_an_end),
        cmocka_unit_test(keys_that_never_were_are_nobodys),
        cmocka_unit_test(nodes_that_are_not_there),
        cmocka_unit_test(nodes_without_a_name),
        cmocka_unit_test(removed_nodes_leave_the_table),
        cmocka_unit_test(numbers_are_given_again_but_not_ids),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(a_name_is_taken_with_one_commit),
        cmocka_unit_test(nodes_have_an_end),
        cmocka_unit_test(maps_have_an_end),
        cmocka_unit_test(sizes_have_an_end),
        cmocka_unit_test(large_files_are_shortened),
        cmocka_unit_test(without_flash_nothing_is_durable),
        cmocka_unit_test(transactions_are_one_at_a_time),
        cmocka_unit_test(work_is_asked_for),
        cmocka_unit_test(swap_keeps_to_its_share),
        cmocka_unit_test(credit_has_ends),
        cmocka_unit_test(closing_waits_for_the_flash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
