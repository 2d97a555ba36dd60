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

#include "tests/host/store_rig.h"

static uint64_t buffer[BED_PAGE / 8];

static const struct bed_config SMALL = {.blocks = 24, .block_bytes = 16384, .tail_pages = 16, .seed = 1};
static const struct bed_config NO_FLASH = {.tail_pages = 64, .seed = 2};

static void sound(struct bed *bed)
{
    const char *broken = store_check(bed->store);

    if (broken)
        fail_msg("%s", broken);
}

/* ---- Slots ---- */

static void save_all(struct bed *bed, slot_t *slots, uint64_t *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        names[i] = bed_random(bed);
        assert_int_equal(bed_save(bed, &slots[i], 0, names[i]), 0);
    }
}

static uint32_t load_all(struct bed *bed, const slot_t *slots, const uint64_t *names, uint32_t count)
{
    uint32_t from_flash = 0;

    for (uint32_t i = 0; i < count; i++) {
        int source = bed_load(bed, slots[i], 0, buffer);

        assert_true(source == SLOT_TAIL || source == SLOT_FLASH);
        assert_true(page_is(names[i], buffer));
        from_flash += source == SLOT_FLASH;
    }
    return from_flash;
}

static void slots_come_back(void **state)
{
    struct bed bed;
    slot_t slots[100] = {0};
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
    slot_t slots[64] = {0};
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
    slot_t slots[150] = {0};
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
    slot_t slots[41] = {0};
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

static uint32_t file_make(struct bed *bed, const char *name, uint32_t pages, uint64_t first)
{
    uint32_t id;

    assert_int_equal(bed_make(bed, NODE_ROOT, name, 0100644, &id), 0);
    assert_int_equal(bed_begin(bed, pages), 0);
    for (uint32_t i = 0; i < pages; i++)
        assert_int_equal(bed_write(bed, id, i, first + i), 0);
    assert_int_equal(bed_resize(bed, id, (uint64_t)pages * BED_PAGE, 5), 0);
    assert_int_equal(bed_commit(bed), 0);
    return id;
}

static void file_is(struct bed *bed, const char *name, uint32_t pages, uint64_t first)
{
    uint32_t id;
    struct node_info info;

    assert_int_equal(node_find(bed->store, NODE_ROOT, name, &id), 0);
    assert_int_equal(node_get(bed->store, id, &info), 0);
    assert_int_equal(info.bytes, (uint64_t)pages * BED_PAGE);
    for (uint32_t i = 0; i < pages; i++) {
        assert_int_equal(bed_read(bed, id, i, buffer), 0);
        assert_true(page_is(first + i, buffer));
    }
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_come_back),
        cmocka_unit_test(tail_alone),
        cmocka_unit_test(overwrites_collect_garbage),
        cmocka_unit_test(sharing_counts),
        cmocka_unit_test(keys_separate_families),
        cmocka_unit_test(files_survive_a_reboot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
