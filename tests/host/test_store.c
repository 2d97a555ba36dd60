/*
 * The store through its public interface: slots in the tail and on flash, nodes, transactions, reboots, wear, life.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/store/format.h"
#include "tests/host/store_files.h"

static uint64_t buffer[BED_PAGE / 8];

static const struct bed_config SMALL = { .blocks = 24, .block_bytes = 16384, .tail_pages = 16, .seed = 1 };
static const struct bed_config NO_FLASH = { .tail_pages = 64, .seed = 2 };

/* ---- Slots ---- */

static void slots_come_back(void **state)
{
    struct bed bed;
    slot_t slots[100] = { 0 };
    uint64_t names[100];

    (void)state;
    bed_start(&bed, &SMALL);
    save_all(&bed, slots, names, 40);
    assert_true(load_all(&bed, slots, names, 40) > 0);
    sound(&bed);
    for (uint32_t i = 0; i < 40; i++)
        slot_put(bed.store, slots[i]);
    sound(&bed);
    bed_stop(&bed);
}

static void tail_alone(void **state)
{
    struct bed bed;
    slot_t slots[64] = { 0 };
    uint64_t names[64];
    uint32_t count;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    count = (uint32_t)store_capacity_pages(bed.store);
    assert_in_range(count, 50, 60);
    for (uint32_t round = 0; round < 2000; round++) {
        uint32_t i = bed_below(&bed, count);

        names[i] = round + 1;
        assert_int_equal(slot_save(bed.store, &slots[i], 0, (page_of(names[i], buffer), buffer)), 0);
        if (round % 50 == 0)
            sound(&bed);
        if (round % 7 == 0) {
            assert_int_equal(slot_load(bed.store, slots[i], 0, buffer), SLOT_TAIL);
            assert_true(page_is(names[i], buffer));
        }
    }
    bed_stop(&bed);
}

static void overwrites_collect_garbage(void **state)
{
    struct bed bed;
    slot_t slots[150] = { 0 };
    uint64_t names[150];
    struct store_statistics statistics;

    (void)state;
    bed_start(&bed, &SMALL);
    save_all(&bed, slots, names, 150);
    for (uint32_t round = 0; round < 3000; round++) {
        uint32_t i = bed_below(&bed, 150);

        names[i] = bed_random(&bed);
        assert_int_equal(bed_save(&bed, &slots[i], 0, names[i]), 0);
        if (round % 20 == 0)
            sound(&bed);
    }
    load_all(&bed, slots, names, 150);
    assert_int_equal(store_verify(bed.store), 0);
    store_statistics(bed.store, &statistics);
    assert_true(statistics.wear_total > 50);
    assert_true(statistics.gc_moved_records > 0);
    bed_stop(&bed);
}

static void sharing_counts(void **state)
{
    struct bed bed;
    slot_t slot = 0;

    (void)state;
    bed_start(&bed, &SMALL);
    assert_int_equal(bed_save(&bed, &slot, 0, 7), 0);
    slot_share(bed.store, slot);
    assert_int_equal(slot_references(bed.store, slot), 2);
    slot_put(bed.store, slot);
    assert_int_equal(bed_load(&bed, slot, 0, buffer), SLOT_TAIL);
    slot_put(bed.store, slot);
    sound(&bed);
    bed_stop(&bed);
}

static void keys_separate_families(void **state)
{
    struct bed bed;
    slot_t slots[41] = { 0 };
    store_key_t one, other;

    (void)state;
    bed_start(&bed, &SMALL);
    one = store_key_open(bed.store);
    other = store_key_open(bed.store);
    assert_true(one && other && one != other);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(bed_save(&bed, &slots[i], one, 2 + i), 0);
    for (uint32_t i = 0; i < 40; i++) {
        assert_true(bed_load(&bed, slots[i], one, buffer) > 0);
        assert_int_equal(bed_load(&bed, slots[i], other, buffer), -EIO);
        assert_int_equal(bed_load(&bed, slots[i], 0, buffer), -EIO);
    }
    store_key_close(bed.store, one);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(bed_load(&bed, slots[i], one, buffer), -EIO);
    bed_stop(&bed);
}

/* ---- Nodes ---- */

static void files_survive_a_reboot(void **state)
{
    struct bed bed;

    (void)state;
    bed_start(&bed, &SMALL);
    file_make(&bed, "one", 5, 100);
    file_make(&bed, "two", 20, 200);
    sound(&bed);
    file_is(&bed, "one", 5, 100);
    bed_reboot(&bed);
    sound(&bed);
    file_is(&bed, "one", 5, 100);
    file_is(&bed, "two", 20, 200);
    file_make(&bed, "three", 3, 300);
    bed_reboot(&bed);
    file_is(&bed, "one", 5, 100);
    file_is(&bed, "two", 20, 200);
    file_is(&bed, "three", 3, 300);
    assert_int_equal(store_verify(bed.store), 0);
    bed_stop(&bed);
}

static void names_are_checked(void **state)
{
    struct bed bed;
    char name[NODE_NAME_MAX + 2];
    uint32_t id, directory;

    (void)state;
    bed_start(&bed, &SMALL);
    assert_int_equal(bed_make(&bed, NODE_ROOT, "", 0100644, &id), -EINVAL);
    assert_int_equal(bed_make(&bed, NODE_ROOT, "..", 0100644, &id), -EINVAL);
    assert_int_equal(bed_make(&bed, NODE_ROOT, "a/b", 0100644, &id), -EINVAL);
    memset(name, 'n', sizeof name);
    name[NODE_NAME_MAX + 1] = 0;
    assert_int_equal(bed_make(&bed, NODE_ROOT, name, 0100644, &id), -ENAMETOOLONG);
    name[NODE_NAME_MAX] = 0;
    assert_int_equal(bed_make(&bed, NODE_ROOT, name, 0100644, &id), 0);
    assert_int_equal(bed_make(&bed, NODE_ROOT, name, 0100644, &id), -EEXIST);
    assert_int_equal(bed_make(&bed, id, "x", 0100644, &id), -ENOTDIR);
    assert_int_equal(bed_make(&bed, NODE_ROOT, "d", 040755, &directory), 0);
    assert_int_equal(bed_make(&bed, directory, "e", 040755, &id), 0);
    assert_int_equal(bed_rename(&bed, directory, id, "loop"), -EINVAL);
    assert_int_equal(bed_remove(&bed, directory), -ENOTEMPTY);
    assert_int_equal(bed_rename(&bed, id, NODE_ROOT, "d"), -EEXIST);
    assert_int_equal(bed_rename(&bed, id, NODE_ROOT, "f"), 0);
    assert_int_equal(bed_remove(&bed, directory), 0);
    assert_int_equal(bed_remove(&bed, directory), -ENOENT);
    assert_int_equal(bed_remove(&bed, NODE_ROOT), -EBUSY);
    assert_int_equal(node_find(bed.store, NODE_ROOT, "nothing", &id), -ENOENT);
    bed_stop(&bed);
}

static void shortened_files_stay_short(void **state)
{
    struct bed bed;
    uint32_t id;

    (void)state;
    bed_start(&bed, &SMALL);
    id = file_make(&bed, "f", 12, 50);
    assert_int_equal(bed_resize(&bed, id, 4 * BED_PAGE, 6), 0);
    assert_int_equal(bed_resize(&bed, id, 12 * BED_PAGE, 7), 0);
    assert_int_equal(bed_commit(&bed), 0);
    for (uint32_t boot = 0; boot < 3; boot++) {
        bed_reboot(&bed);
        sound(&bed);
        assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &id), 0);
        for (uint32_t i = 0; i < 12; i++) {
            assert_int_equal(bed_read(&bed, id, i, buffer), 0);
            assert_true(page_is(i < 4 ? 50 + i : 0, buffer));
        }
        file_make(&bed, (const char *[]){ "g", "h", "i" }[boot], 4, 500);
    }
    bed_stop(&bed);
}

static void removed_files_last_while_open(void **state)
{
    struct bed bed;
    struct store_statistics before, after;
    uint32_t id;

    (void)state;
    bed_start(&bed, &SMALL);
    assert_int_equal(bed_settle(&bed, 100000), true);
    store_statistics(bed.store, &before);
    id = file_make(&bed, "f", 10, 50);
    node_open(bed.store, id);
    assert_int_equal(bed_remove(&bed, id), 0);
    assert_int_equal(bed_commit(&bed), 0);
    assert_int_equal(node_find(bed.store, NODE_ROOT, "f", &(uint32_t){ 0 }), -ENOENT);
    assert_int_equal(bed_read(&bed, id, 9, buffer), 0);
    assert_true(page_is(59, buffer));
    node_close(bed.store, id);
    assert_int_equal(bed_read(&bed, id, 9, buffer), -ENOENT);
    sound(&bed);
    assert_int_equal(bed_settle(&bed, 100000), true);
    store_statistics(bed.store, &after);
    assert_in_range(after.blocks_durable, before.blocks_durable, before.blocks_durable + 1);
    bed_stop(&bed);
}

static void a_full_store_refuses_and_recovers(void **state)
{
    struct bed bed;
    uint32_t ids[64], count = 0;
    char name[8];
    int error = 0;

    (void)state;
    bed_start(&bed, &SMALL);
    while (!error && count < 64) {
        (void)snprintf(name, sizeof name, "f%u", count);
        assert_int_equal(bed_make(&bed, NODE_ROOT, name, 0100644, &ids[count]), 0);
        error = bed_begin(&bed, 6);
        for (uint32_t i = 0; i < 6 && !error; i++)
            error = bed_write(&bed, ids[count], i, 1000 * count + i);
        if (!error)
            error = bed_commit(&bed);
        count += !error;
    }
    assert_int_equal(error, -ENOSPC);
    assert_true(count > 8);
    for (uint32_t i = 0; i < count; i += 2)
        assert_int_equal(bed_remove(&bed, ids[i]), 0);
    assert_int_equal(bed_commit(&bed), 0);
    file_make(&bed, "again", 6, 77);
    bed_reboot(&bed);
    file_is(&bed, "again", 6, 77);
    assert_int_equal(store_verify(bed.store), 0);
    bed_stop(&bed);
}

/* ---- Life ---- */

static void contents_are_told_apart(void **state)
{
    struct bed bed;
    enum store_content content;
    uint8_t version = 2;

    (void)state;
    bed_prepare(&bed, &SMALL);
    assert_int_equal(store_probe(&bed.store_config, &content), 0);
    assert_int_equal(content, STORE_BLANK);
    assert_int_equal(bed_open(&bed), -ENODATA);
    nor_load(bed.nor, 0, "something else altogether", 25);
    assert_int_equal(store_probe(&bed.store_config, &content), 0);
    assert_int_equal(content, STORE_FOREIGN);
    assert_int_equal(bed_open(&bed), -ENODATA);
    assert_int_equal(store_format(&bed.store_config), 0);
    assert_int_equal(store_probe(&bed.store_config, &content), 0);
    assert_int_equal(content, STORE_OURS);
    assert_int_equal(bed_open(&bed), 0);
    bed_forget(&bed);
    {
        struct erase_stamp stamp;

        memcpy(&stamp, bed.nor->cells, sizeof stamp);
        stamp.version = version;
        item_seal(&stamp, 0, 0);
        nor_load(bed.nor, 0, &stamp, sizeof stamp);
    }
    assert_int_equal(store_probe(&bed.store_config, &content), 0);
    assert_int_equal(content, STORE_NEWER);
    assert_int_equal(bed_open(&bed), -EPROTONOSUPPORT);
    bed_stop(&bed);
}

static void format_keeps_erase_counts(void **state)
{
    struct bed bed;
    struct block_info before[24], after;
    slot_t slots[60] = { 0 };
    uint64_t names[60];

    (void)state;
    bed_start(&bed, &SMALL);
    for (uint32_t round = 0; round < 10; round++)
        save_all(&bed, slots, names, 60);
    file_make(&bed, "gone", 8, 1);
    assert_true(bed_settle(&bed, 100000));
    for (uint32_t i = 0; i < 24; i++)
        assert_int_equal(store_block(bed.store, i, &before[i]), 0);
    bed_forget(&bed);
    assert_int_equal(store_format(&bed.store_config), 0);
    assert_int_equal(bed_open(&bed), 0);
    assert_int_equal(node_find(bed.store, NODE_ROOT, "gone", &(uint32_t){ 0 }), -ENOENT);
    for (uint32_t i = 0; i < 24; i++) {
        assert_int_equal(store_block(bed.store, i, &after), 0);
        assert_in_range(after.erases, before[i].erases, before[i].erases + 1);
        assert_in_range(after.erases, nor_wear(bed.nor, i * 16384), nor_wear(bed.nor, i * 16384) + 2);
    }
    bed_stop(&bed);
}

static void erase_counts_survive_cuts(void **state)
{
    struct bed bed;
    slot_t slots[80] = { 0 };
    uint64_t names[80];

    (void)state;
    bed_start(&bed, &SMALL);
    for (uint32_t boot = 0; boot < 30; boot++) {
        uint32_t steps = 400 + bed_below(&bed, 400);

        memset(slots, 0, sizeof slots);
        save_all(&bed, slots, names, 80);
        for (uint32_t i = 0; i < steps; i++) {
            int error = slot_save(bed.store, &slots[i % 80], 0, (page_of(i, buffer), buffer));

            assert_true(!error || error == -EAGAIN);
            (void)store_step(bed.store);
        }
        nor_power_cut(bed.nor, NOR_TEAR_RANDOM);
        bed_reboot(&bed);
        for (uint32_t i = 0; i < 24; i++) {
            struct block_info info;

            assert_int_equal(store_block(bed.store, i, &info), 0);
            assert_true(info.erases + 1 >= nor_wear(bed.nor, i * 16384));
        }
    }
    bed_stop(&bed);
}

static void failing_blocks_are_retired(void **state)
{
    struct bed_config config = { .blocks = 32, .block_bytes = 16384, .tail_pages = 16, .seed = 9 };
    struct bed bed;
    slot_t slots[100] = { 0 };
    uint64_t names[100], before;
    struct store_statistics statistics;

    (void)state;
    bed_start(&bed, &config);
    before = store_capacity_pages(bed.store);
    file_make(&bed, "kept", 10, 70);
    save_all(&bed, slots, names, 100);
    nor_set_faults(bed.nor, 3 * 16384, 16384, NOR_FAULT_ERASE_FAILS);
    nor_set_faults(bed.nor, 7 * 16384, 16384, NOR_FAULT_PROGRAM_FAILS);
    nor_set_faults(bed.nor, 11 * 16384, 16384, NOR_FAULT_ERASE_SILENT);
    for (uint32_t round = 0; round < 30; round++) {
        save_all(&bed, slots, names, 100);
        nor_triggers_clear(bed.nor);
        nor_fail_at(bed.nor, 1 + bed_below(&bed, 100000));
        sound(&bed);
    }
    load_all(&bed, slots, names, 100);
    assert_true(bed_settle(&bed, 1000000));
    store_statistics(bed.store, &statistics);
    assert_in_range(statistics.blocks_bad, 3, 12);
    assert_int_equal(statistics.capacity_pages, store_capacity_pages(bed.store));
    assert_true(statistics.capacity_pages < before);
    file_make(&bed, "new", 3, 90);
    bed_reboot(&bed);
    file_is(&bed, "kept", 10, 70);
    file_is(&bed, "new", 3, 90);
    store_statistics(bed.store, &statistics);
    assert_true(statistics.blocks_bad >= 3);
    bed_stop(&bed);
}

/* No block takes a program any more: the transaction fails, and nothing of it has happened. */
static void a_failed_transaction_is_taken_back(void **state)
{
    struct bed bed;
    uint32_t id;
    int error = 0;

    (void)state;
    bed_start(&bed, &SMALL);
    id = file_make(&bed, "f", 12, 50);
    assert_int_equal(bed_begin(&bed, 12), 0);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(bed_write(&bed, id, i, 900 + i), 0);
    assert_int_equal(bed_resize(&bed, id, 8 * BED_PAGE, 6), 0);
    assert_int_equal(bed_write(&bed, id, 2, 990), 0);
    nor_set_faults(bed.nor, 0, 24 * 16384, NOR_FAULT_PROGRAM_FAILS);
    for (uint32_t i = 0; i < 3 && !error; i++)
        error = bed_write(&bed, id, 3, 800 + i);
    if (!error)
        error = bed_commit(&bed);
    assert_int_equal(error, -EIO);
    sound(&bed);
    for (uint32_t i = 0; i < 12; i++) {
        assert_int_equal(bed_read(&bed, id, i, buffer), 0);
        assert_true(page_is(i < 8 ? 50 + i : 0, buffer));
    }
    nor_set_faults(bed.nor, 0, 24 * 16384, 0);
    bed_reboot(&bed);
    sound(&bed);
    file_is(&bed, "f", 12, 50);
    file_make(&bed, "g", 3, 10);
    bed_stop(&bed);
}

static void silent_program_faults_spare_files(void **state)
{
    struct bed bed;

    (void)state;
    bed_start(&bed, &SMALL);
    for (uint32_t i = 0; i < 24; i += 3)
        nor_set_faults(bed.nor, i * 16384, 16384, NOR_FAULT_PROGRAM_SILENT);
    file_make(&bed, "f", 10, 5);
    file_make(&bed, "g", 10, 25);
    file_is(&bed, "f", 10, 5);
    file_is(&bed, "g", 10, 25);
    sound(&bed);
    bed_stop(&bed);
}

static void promises_are_kept(void **state)
{
    struct bed bed;
    slot_t slots[400] = { 0 };
    uint64_t capacity;

    (void)state;
    bed_start(&bed, &SMALL);
    capacity = store_capacity_pages(bed.store);
    assert_in_range(capacity, 40, 399);
    assert_int_equal(store_promise(bed.store, (int64_t)capacity + 1), -ENOMEM);
    assert_int_equal(store_promise(bed.store, (int64_t)capacity), 0);
    assert_int_equal(store_promise(bed.store, 1), -ENOMEM);
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < capacity; i++) {
            int error;

            for (uint32_t w = 0; w < BED_PAGE / 8; w++)
                buffer[w] = bed_random(&bed);
            while ((error = slot_save(bed.store, &slots[i], 0, buffer)) == -EAGAIN)
                assert_int_not_equal(store_step(bed.store), STORE_IDLE);
            assert_int_equal(error, 0);
        }
    }
    assert_int_equal(bed_begin(&bed, 20), -ENOSPC);
    assert_int_equal(store_promise(bed.store, -(int64_t)capacity), 0);
    sound(&bed);
    bed_stop(&bed);
}

static void swap_leaves_flash_when_told(void **state)
{
    struct bed_config config = { .blocks = 24, .block_bytes = 16384, .tail_pages = 80, .seed = 4 };
    struct bed bed;
    slot_t slots[200] = { 0 };
    uint64_t names[200];
    int error;

    (void)state;
    bed_start(&bed, &config);
    save_all(&bed, slots, names, 200);
    assert_true(load_all(&bed, slots, names, 200) > 0);
    assert_int_equal(store_swap_set(bed.store, 0), -ENOSPC);
    assert_in_range(store_swap_lacks(bed.store, 0), 1, 200);
    assert_in_range(store_swap_lacks(bed.store, 1), 1, 200);
    assert_int_equal(store_swap_lacks(bed.store, UINT32_MAX), 0);
    for (uint32_t i = 100; i < 200; i++)
        slot_put(bed.store, slots[i]);
    for (uint32_t i = 0; i < 100000 && (error = store_swap_set(bed.store, 0)) == -EAGAIN; i++)
        (void)store_step(bed.store);
    assert_int_equal(error, 0);
    assert_int_equal(load_all(&bed, slots, names, 100), 0);
    sound(&bed);
    assert_int_equal(store_swap_set(bed.store, UINT32_MAX), 0);
    memset(slots, 0, sizeof slots);
    save_all(&bed, slots, names, 1);
    bed_stop(&bed);
}

/* What tasks save while swap leaves flash fills the tail, which then has no room for the rest. */
static void swap_stays_when_the_tail_fills_meanwhile(void **state)
{
    struct bed_config config = { .blocks = 24, .block_bytes = 16384, .tail_pages = 40, .seed = 4 };
    struct bed bed;
    slot_t slots[120] = { 0 }, more[120] = { 0 };
    uint64_t names[120];
    uint32_t count = 0;
    int error;

    (void)state;
    bed_start(&bed, &config);
    save_all(&bed, slots, names, 120);
    for (uint32_t i = 60; i < 120; i++)
        slot_put(bed.store, slots[i]);
    assert_int_equal(store_swap_set(bed.store, 0), -EAGAIN);
    while (count < 120 && slot_save(bed.store, &more[count], 0, (page_of(1000 + count, buffer), buffer)) == 0)
        count++;
    for (uint32_t i = 0; i < 100000 && (error = store_swap_set(bed.store, 0)) == -EAGAIN; i++)
        (void)store_step(bed.store);
    assert_int_equal(error, -ENOSPC);
    assert_int_equal(bed_save(&bed, &more[count], 0, 77), 0);
    load_all(&bed, slots, names, 60);
    assert_true(bed_settle(&bed, 100000));
    sound(&bed);
    bed_stop(&bed);
}

static void a_declared_life_is_kept_over_boots(void **state)
{
    struct bed_config config = {
        .blocks = 24, .block_bytes = 16384, .tail_pages = 16, .life_erases_per_day = 40, .seed = 6
    };
    struct bed bed;
    struct store_statistics start, end;
    slot_t slots[80] = { 0 };
    uint64_t names[80], with_flash;

    (void)state;
    bed_start(&bed, &config);
    assert_true(bed_settle(&bed, 100000));
    store_statistics(bed.store, &start);
    with_flash = store_capacity_pages(bed.store);
    for (uint32_t i = 0; i < 2000 && store_capacity_pages(bed.store) == with_flash; i++) {
        assert_int_equal(bed_save(&bed, &slots[i % 80], 0, names[i % 80] = i), 0);
        if (i % 300 == 299) {
            bed_reboot(&bed);
            memset(slots, 0, sizeof slots);
        }
    }
    assert_true(store_capacity_pages(bed.store) < with_flash);
    store_statistics(bed.store, &end);
    assert_in_range(end.wear_total, 36, 48);
    bed_reboot(&bed);
    assert_true(store_capacity_pages(bed.store) < with_flash);
    assert_int_equal(store_promise(bed.store, (int64_t)with_flash), -ENOMEM);
    bed.seconds += 86400;
    assert_true(store_capacity_pages(bed.store) > 20);
    assert_int_equal(store_promise(bed.store, (int64_t)store_capacity_pages(bed.store)), 0);
    bed_stop(&bed);
}

static void little_ram_is_enough(void **state)
{
    struct bed_config config = { .blocks = 512, .block_bytes = 65536, .tail_pages = 8, .seed = 8 };
    struct bed bed;

    (void)state;
    bed_start(&bed, &config);
    printf("RAM of an empty store of 512 blocks: %u pages\n", bed.pages);
    assert_true(bed.pages <= 11);
    bed_stop(&bed);
}

static void two_stores_are_independent(void **state)
{
    struct bed one, other;
    struct bed_config config = SMALL;

    (void)state;
    bed_start(&one, &SMALL);
    config.seed = 99;
    bed_start(&other, &config);
    file_make(&one, "f", 5, 10);
    file_make(&other, "f", 7, 20);
    bed_reboot(&one);
    file_is(&one, "f", 5, 10);
    file_is(&other, "f", 7, 20);
    bed_stop(&one);
    bed_stop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_come_back),
        cmocka_unit_test(tail_alone),
        cmocka_unit_test(overwrites_collect_garbage),
        cmocka_unit_test(sharing_counts),
        cmocka_unit_test(keys_separate_families),
        cmocka_unit_test(files_survive_a_reboot),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(shortened_files_stay_short),
        cmocka_unit_test(removed_files_last_while_open),
        cmocka_unit_test(a_full_store_refuses_and_recovers),
        cmocka_unit_test(contents_are_told_apart),
        cmocka_unit_test(format_keeps_erase_counts),
        cmocka_unit_test(erase_counts_survive_cuts),
        cmocka_unit_test(failing_blocks_are_retired),
        cmocka_unit_test(a_failed_transaction_is_taken_back),
        cmocka_unit_test(silent_program_faults_spare_files),
        cmocka_unit_test(promises_are_kept),
        cmocka_unit_test(swap_leaves_flash_when_told),
        cmocka_unit_test(swap_stays_when_the_tail_fills_meanwhile),
        cmocka_unit_test(a_declared_life_is_kept_over_boots),
        cmocka_unit_test(little_ram_is_enough),
        cmocka_unit_test(two_stores_are_independent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
