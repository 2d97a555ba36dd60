/*
 * Random sequences of every call against the model, the invariants checked as they go, with and without flash, with
 * reboots, with little RAM, with time that stands still while the flash is busy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/host/store_files.h"
#include "tests/host/store_model.h"

static const struct model_mix EVERYTHING = { .slots = 500,
                                             .slots_most = 120,
                                             .tree = 100,
                                             .transactions = 30,
                                             .pages_most = 12,
                                             .files_most = 12,
                                             .file_pages_most = 10 };
static const struct model_mix FILES = { .slots = 0,
                                        .slots_most = 1,
                                        .tree = 300,
                                        .transactions = 100,
                                        .pages_most = 24,
                                        .files_most = 20,
                                        .file_pages_most = 20 };
static const struct model_mix SLOTS = { .slots = 800, .slots_most = 256 };

static void run(const struct bed_config *config, const struct model_mix *mix, uint32_t operations,
                uint32_t reboot_every)
{
    struct bed bed;
    struct model *model = malloc(sizeof *model);

    assert_non_null(model);
    bed_start(&bed, config);
    model_start(model, &bed, mix);
    for (uint32_t i = 1; i <= operations; i++) {
        model_operate(model);
        sound(&bed);
        if (reboot_every && i % reboot_every == 0) {
            bed_reboot(&bed);
            model_reboot(model);
            model->now = model->committed;
            assert_null(model_compare(&bed, &model->committed));
            sound(&bed);
        }
    }
    model_verify(model);
    printf("seed %llu: %u commits, %u refused\n", (unsigned long long)config->seed, model->committed_count,
           model->refused);
    bed_stop(&bed);
    free(model);
}

static void everything(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct bed_config config = { .blocks = 40, .block_bytes = 16384, .tail_pages = 24, .seed = seed };

        run(&config, &EVERYTHING, 4000, 0);
    }
}

static void with_reboots(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 14; seed++) {
        struct bed_config config = { .blocks = 24, .block_bytes = 32768, .tail_pages = 16, .seed = seed };

        run(&config, &EVERYTHING, 3000, 97);
    }
}

static void files_only(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed <= 24; seed++) {
        struct bed_config config = { .blocks = 48, .block_bytes = 16384, .tail_pages = 8, .seed = seed };

        run(&config, &FILES, 1500, seed % 2 ? 150 : 0);
    }
}

static void slots_under_pressure(void **state)
{
    (void)state;
    for (uint64_t seed = 31; seed <= 33; seed++) {
        struct bed_config config = { .blocks = 40, .block_bytes = 16384, .tail_pages = 12, .seed = seed };

        run(&config, &SLOTS, 12000, 0);
    }
}

static void time_stands_still(void **state)
{
    (void)state;
    for (uint64_t seed = 41; seed <= 43; seed++) {
        struct bed_config config = {
            .blocks = 40, .block_bytes = 16384, .tail_pages = 24, .seed = seed, .manual_time = true
        };

        run(&config, &EVERYTHING, 1500, 0);
    }
}

static void little_ram(void **state)
{
    (void)state;
    for (uint64_t seed = 51; seed <= 53; seed++) {
        struct bed_config config = {
            .blocks = 40, .block_bytes = 16384, .tail_pages = 40, .page_limit = 32, .seed = seed
        };
        struct model_mix mix = EVERYTHING;

        mix.tree = 0;
        mix.transactions = 0;
        run(&config, &mix, 4000, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything),           cmocka_unit_test(with_reboots),      cmocka_unit_test(files_only),
        cmocka_unit_test(slots_under_pressure), cmocka_unit_test(time_stands_still), cmocka_unit_test(little_ram),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
