/*
 * The seed that goes from boot to boot. A boot here has no entropy but the kept seed, as the worst of boards: its keys and
 * the next seed are computed from that alone.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mm/store/seal.h"
#include "tests/host/store_rig.h"

static const struct bed_config SMALL = { .blocks = 24, .block_bytes = 16384, .tail_pages = 16, .seed = 11 };
static const struct bed_config LEAST = { .blocks = 12, .block_bytes = 8192, .tail_pages = 8, .seed = 12 };

#define BOOTS_MAX 4u
#define PAGES     80u /* more than the tail holds */

struct boots {
    struct bed bed;
    uint8_t used[BOOTS_MAX][STORE_SEED_BYTES]; /* seeds of boots that could write swap */
    unsigned count;
};

static void never_used(const struct boots *boots, const uint8_t *seed)
{
    for (unsigned i = 0; i < boots->count; i++)
        if (memcmp(boots->used[i], seed, STORE_SEED_BYTES) == 0)
            fail_msg("the seed of boot %u came back", i);
}

static uint32_t swap_records(const struct bed *bed)
{
    struct store_statistics statistics;

    store_statistics(bed->store, &statistics);
    return (uint32_t)statistics.records_to_flash;
}

static void invariants_hold(struct bed *bed)
{
    const char *broken = store_check(bed->store);

    if (broken)
        fail_msg("%s", broken);
}

/* As firmware/entropy.c; the errors of a cut are the caller's to see. */
static int draw(struct boots *boots, struct store_seed *kept)
{
    uint8_t pool[SEAL_KEY_BYTES], now[STORE_SEED_BYTES];
    struct store_seed next = { .strong = true };

    if (!store_seed_kept(boots->bed.store, kept))
        memset(kept, 0, sizeof *kept);
    never_used(boots, kept->bytes);
    memcpy(pool, kept->bytes, sizeof pool);
    seal_random(pool, now, sizeof now);
    seal_random(pool, next.bytes, sizeof next.bytes);
    store_seed_set(boots->bed.store, now, &next);
    return bed_begin(&boots->bed, 0);
}

/* A boot: the seed, then swap until some of it is on flash. */
static void boot(struct boots *boots)
{
    struct store_seed kept;
    slot_t slots[PAGES] = { 0 };
    int error = draw(boots, &kept);

    if (!error)
        error = bed_commit(&boots->bed);
    for (unsigned i = 0; i < PAGES && !error && !swap_records(&boots->bed); i++)
        error = bed_save(&boots->bed, &slots[i], 0, 1000 + i);
    invariants_hold(&boots->bed);
    if (store_seed_state(boots->bed.store) == STORE_SEED_DONE)
        memcpy(boots->used[boots->count++], kept.bytes, STORE_SEED_BYTES);
}

static void seed_of(uint8_t byte, bool strong, struct store_seed *seed)
{
    memset(seed->bytes, byte, sizeof seed->bytes);
    seed->strong = strong;
}

static void kept_from_commit_on(void **state)
{
    struct store_seed first, second, seed;
    struct bed bed;
    uint32_t id;

    (void)state;
    seed_of(1, true, &first);
    seed_of(2, false, &second);
    bed_start(&bed, &SMALL);
    assert_false(store_seed_kept(bed.store, &seed));
    store_seed_set(bed.store, first.bytes, &first);
    assert_int_equal(store_seed_state(bed.store), STORE_SEED_DUE);
    bed_reboot(&bed);
    assert_false(store_seed_kept(bed.store, &seed));

    store_seed_set(bed.store, first.bytes, &first);
    assert_int_equal(bed_commit(&bed), 0);
    assert_int_equal(store_seed_state(bed.store), STORE_SEED_DONE);
    bed_reboot(&bed);
    assert_true(store_seed_kept(bed.store, &seed));
    assert_memory_equal(seed.bytes, first.bytes, sizeof seed.bytes);
    assert_true(seed.strong);

    /* A commit of files takes it along. */
    store_seed_set(bed.store, first.bytes, &second);
    assert_int_equal(bed_make(&bed, NODE_ROOT, "file", 0100644, &id), 0);
    assert_int_equal(bed_begin(&bed, 1), 0);
    assert_int_equal(bed_write(&bed, id, 0, 7), 0);
    assert_int_equal(bed_commit(&bed), 0);
    bed_reboot(&bed);
    assert_true(store_seed_kept(bed.store, &seed));
    assert_memory_equal(seed.bytes, second.bytes, sizeof seed.bytes);
    assert_false(seed.strong);
    /* It is no name in the tree. */
    struct node_info info;
    assert_int_equal(node_next(bed.store, NODE_ROOT, 0, &info), 0);
    assert_string_equal(info.name, "file");
    assert_int_equal(node_next(bed.store, NODE_ROOT, info.id, &info), -ENOENT);
    bed_stop(&bed);
}

static unsigned save_until_refused(struct bed *bed, slot_t *slots, int *error)
{
    unsigned saved = 0;

    *error = 0;
    while (saved < PAGES && !(*error = bed_save(bed, &slots[saved], 0, 2000 + saved)))
        saved++;
    return saved;
}

/* The tail fills up, and goes out as soon as the seed is on flash, or given up. */
static void swap_waits_for_it(void **state)
{
    for (unsigned given_up = 0; given_up < 2; given_up++) {
        struct store_seed next;
        slot_t slots[PAGES] = { 0 };
        struct bed bed;
        int error;

        (void)state;
        seed_of(3, true, &next);
        bed_start(&bed, &SMALL);
        store_seed_set(bed.store, next.bytes, &next);
        unsigned saved = save_until_refused(&bed, slots, &error);
        assert_int_equal(error, -EDEADLK);
        assert_in_range(saved, 1, PAGES - 1);
        assert_int_equal(swap_records(&bed), 0);
        assert_int_equal(store_seed_state(bed.store), STORE_SEED_PRESSING);
        assert_true(store_wants_step(bed.store));
        if (given_up)
            store_seed_set(bed.store, next.bytes, NULL);
        else
            assert_int_equal(bed_commit(&bed), 0);
        assert_int_equal(store_seed_state(bed.store), STORE_SEED_DONE);
        memset(slots, 0, sizeof slots);
        assert_int_equal(save_until_refused(&bed, slots, &error), PAGES);
        assert_true(swap_records(&bed) > 0);
        invariants_hold(&bed);
        /* Too late for another one: the checker would have seen it. */
        store_seed_set(bed.store, next.bytes, &next);
        assert_non_null(strstr(store_check(bed.store), "13: "));
        bed_stop(&bed);
    }
}

static void without_flash_nothing_is_kept(void **state)
{
    static const struct bed_config no_flash = { .tail_pages = 24, .seed = 5 };
    struct store_seed seed;
    struct bed bed;

    (void)state;
    bed_start(&bed, &no_flash);
    assert_false(store_seed_kept(bed.store, &seed));
    seed_of(4, true, &seed);
    store_seed_set(bed.store, seed.bytes, &seed);
    assert_int_equal(store_seed_state(bed.store), STORE_SEED_DONE);
    bed_stop(&bed);
}

/* Four boots, the second of them cut at its `nth` operation. Whether there was such an operation. */
static bool boots_with_cut(uint64_t nth, enum nor_tear tear)
{
    static struct boots boots;
    bool cut;

    boots.count = 0;
    bed_start(&boots.bed, &LEAST);
    bed_reboot(&boots.bed);
    boots.bed.stepped = invariants_hold;
    boot(&boots);
    assert_int_equal(boots.count, 1);
    bed_reboot(&boots.bed);
    nor_cut_at(boots.bed.nor, nth, tear);
    boot(&boots);
    cut = !boots.bed.nor->powered;
    for (unsigned i = 2; i < BOOTS_MAX; i++) {
        bed_reboot(&boots.bed);
        nor_triggers_clear(boots.bed.nor);
        boot(&boots);
    }
    /* Those that nobody cut have gone to work. */
    assert_true(boots.count >= BOOTS_MAX - 1);
    bed_stop(&boots.bed);
    return cut;
}

static void no_cut_brings_one_back(void **state)
{
    (void)state;
    for (enum nor_tear tear = 0; tear < NOR_TEARS; tear++) {
        uint64_t nth = 1;

        while (boots_with_cut(nth, tear))
            nth++;
        assert_true(nth > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_from_commit_on),
        cmocka_unit_test(swap_waits_for_it),
        cmocka_unit_test(without_flash_nothing_is_kept),
        cmocka_unit_test(no_cut_brings_one_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
