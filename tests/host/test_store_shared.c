/*
 * Two stores on one part, which cannot suspend: each finds it busy with the other's program or erase again and again,
 * at every step that it takes. Both must come through as if they were alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/host/store_files.h"
#include "tests/host/store_model.h"

#define BLOCKS      30u
#define BLOCK_BYTES 16384u
#define PATIENCE    2000u /* steps of 100 us: more than an erase takes */

static const struct model_mix MIX = { .slots = 500,
                                      .slots_most = 80,
                                      .tree = 100,
                                      .transactions = 40,
                                      .pages_most = 8,
                                      .files_most = 8,
                                      .file_pages_most = 8 };

struct pair {
    struct bed one, other; /* `other` is given the part of `one`, behind it */
    struct model models[2];
};

/* While one waits, the other works and time goes by. */
static void other_steps(struct bed *bed)
{
    struct bed *other = bed->observer;

    (void)store_step(other->store);
}

static void pair_start(struct pair *pair, uint64_t seed)
{
    struct bed_config config = {
        .blocks = 2 * BLOCKS, .block_bytes = BLOCK_BYTES, .tail_pages = 16, .seed = seed, .cannot_suspend = true
    };

    bed_prepare(&pair->one, &config);
    config.seed = seed + 100;
    bed_prepare(&pair->other, &config);
    nor_free(pair->other.nor);
    pair->other.nor = pair->one.nor;
    pair->other.store_config.flash = &pair->one.front.flash;
    pair->one.store_config.bytes = BLOCKS * BLOCK_BYTES;
    pair->other.store_config.bytes = BLOCKS * BLOCK_BYTES;
    pair->other.store_config.base = BLOCKS * BLOCK_BYTES;
    assert_int_equal(store_format(&pair->one.store_config), 0);
    assert_int_equal(store_format(&pair->other.store_config), 0);
    assert_int_equal(bed_mount(&pair->one), 0);
    assert_int_equal(bed_mount(&pair->other), 0);
    pair->one.front.manual_time = true;
    pair->one.config.manual_time = true;
    pair->other.config.manual_time = true;
    pair->one.idle_most = PATIENCE;
    pair->other.idle_most = PATIENCE;
    pair->one.observer = &pair->other;
    pair->other.observer = &pair->one;
    pair->one.stepped = other_steps;
    pair->other.stepped = other_steps;
    model_start(&pair->models[0], &pair->one, &MIX);
    model_start(&pair->models[1], &pair->other, &MIX);
}

static void pair_stop(struct pair *pair)
{
    pair->one.front.manual_time = false;
    store_close(pair->other.store);
    assert_int_equal(pair->other.pages, 0);
    free(pair->other.store_config.context);
    bed_stop(&pair->one);
}

static void neither_disturbs_the_other(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);
    struct store_statistics statistics;

    (void)state;
    assert_non_null(pair);
    for (uint64_t seed = 1; seed <= 2; seed++) {
        pair_start(pair, seed);
        for (uint32_t i = 0; i < 2500; i++) {
            model_operate(&pair->models[i % 2]);
            sound(&pair->one);
            sound(&pair->other);
        }
        model_verify(&pair->models[0]);
        model_verify(&pair->models[1]);
        store_statistics(pair->one.store, &statistics);
        assert_int_equal(statistics.retired_blocks, 0);
        assert_true(statistics.gc_moved_records > 0);
        store_statistics(pair->other.store, &statistics);
        assert_int_equal(statistics.retired_blocks, 0);
        printf("seed %llu: %llu and %llu commits\n", (unsigned long long)seed,
               (unsigned long long)pair->models[0].committed_count,
               (unsigned long long)pair->models[1].committed_count);
        pair_stop(pair);
    }
    free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neither_disturbs_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
