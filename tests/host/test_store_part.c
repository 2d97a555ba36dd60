/*
 * A part that does what it was not asked: one program of a workload hits another place, or one operation never ends.
 * Files and swap must be right or an error then, and after the next boot files as of a commit that answered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/host/store_rig.h"

#define BLOCKS      24u
#define BLOCK_BYTES 16384u
#define FILES       6u
#define PAGES       3u
#define SLOTS       40u
#define ROUNDS      9u
#define OPERATIONS  1000u

static uint64_t buffer[BED_PAGE / 8];

struct run {
    struct bed bed;
    slot_t slots[SLOTS];
    uint64_t slot_names[SLOTS];
    uint64_t committed[FILES][PAGES], wanted[FILES][PAGES]; /* names; wanted: of a commit that did not answer 0 */
    bool program[OPERATIONS];                               /* what each operation of the workload is, in order */
    uint64_t first, operations;                             /* of the array, before and in the workload */
    int error;                                              /* that ended the workload */
};

static void stepped(struct bed *bed)
{
    struct run *run = bed->observer;
    uint64_t number = bed->nor->operation.number - run->first;

    if (bed->nor->operation.kind == NOR_IDLE || number > OPERATIONS)
        return;
    run->program[number - 1] = bed->nor->operation.kind == NOR_PROGRAM;
    run->operations = number;
}

static int rewrite(struct run *run, uint32_t file)
{
    char name[8];
    uint32_t id;
    int error = 0;

    (void)snprintf(name, sizeof name, "f%u", file);
    if (node_find(run->bed.store, NODE_ROOT, name, &id))
        error = bed_make(&run->bed, NODE_ROOT, name, 0100644, &id);
    if (!error)
        error = bed_begin(&run->bed, PAGES);
    for (uint32_t i = 0; i < PAGES && !error; i++) {
        run->wanted[file][i] = bed_random(&run->bed);
        error = bed_write(&run->bed, id, i, run->wanted[file][i]);
    }
    if (!error)
        error = bed_commit(&run->bed);
    if (!error)
        memcpy(run->committed[file], run->wanted[file], sizeof run->wanted[file]);
    return error;
}

static int save(struct run *run)
{
    uint32_t i = bed_below(&run->bed, SLOTS);

    run->slot_names[i] = 0;
    if (run->slots[i])
        slot_put(run->bed.store, run->slots[i]);
    run->slots[i] = 0;
    run->slot_names[i] = bed_random(&run->bed);
    return bed_save(&run->bed, &run->slots[i], 0, run->slot_names[i]);
}

static void begin(struct run *run)
{
    const struct bed_config config = {
        .blocks = BLOCKS, .block_bytes = BLOCK_BYTES, .tail_pages = 8, .seed = 11, .violations_continue = true
    };

    memset(run, 0, sizeof *run);
    bed_start(&run->bed, &config);
    run->first = run->bed.nor->operations;
    run->bed.stepped = stepped;
    run->bed.observer = run;
}

/* Until it ends, or something is refused. */
static void work(struct run *run)
{
    for (uint32_t round = 0; round < ROUNDS && !run->error; round++) {
        run->error = rewrite(run, round % FILES);
        for (uint32_t i = 0; i < 12 && !run->error; i++)
            run->error = save(run);
    }
}

/* How many pages of files are errors; what is neither right nor an error fails the test. */
static uint32_t files_lost(struct run *run, const char *when, uint64_t nth)
{
    uint32_t lost = 0;
    char name[8];

    for (uint32_t f = 0; f < FILES; f++) {
        uint32_t id, right = 0, newer = 0, errors = 0;

        if (!run->committed[f][0])
            continue;
        (void)snprintf(name, sizeof name, "f%u", f);
        if (node_find(run->bed.store, NODE_ROOT, name, &id))
            fail_msg("operation %llu, %s: %s is missing", (unsigned long long)nth, when, name);
        for (uint32_t i = 0; i < PAGES; i++) {
            int error = bed_read(&run->bed, id, i, buffer);

            errors += error != 0;
            right += error || page_is(run->committed[f][i], buffer);
            newer += error || page_is(run->wanted[f][i], buffer);
        }
        if (right != PAGES && newer != PAGES)
            fail_msg("operation %llu, %s: %s holds other pages", (unsigned long long)nth, when, name);
        lost += errors;
    }
    return lost;
}

static uint32_t slots_lost(struct run *run, uint64_t nth)
{
    uint32_t lost = 0;

    for (uint32_t i = 0; i < SLOTS; i++) {
        int source = run->slots[i] ? bed_load(&run->bed, run->slots[i], 0, buffer) : -EIO;

        if (source > 0 && !page_is(run->slot_names[i], buffer))
            fail_msg("operation %llu: slot %u is another page", (unsigned long long)nth, i);
        lost += run->slots[i] && source < 0;
    }
    return lost;
}

/* ---- Programs that go elsewhere ---- */

/* To where nothing is yet: a place that is programmed later, or never. */
static uint32_t blank_address(struct bed *bed)
{
    static const uint8_t erased[256] = { [0 ... 255] = 0xff };
    uint32_t address;

    do
        address = bed_below(bed, BLOCKS * BLOCK_BYTES) & ~255u;
    while (memcmp(bed->nor->cells + address, erased, sizeof erased) != 0);
    return address;
}

static void a_program_elsewhere_costs_no_file(void **state)
{
    static struct run plain, run;
    uint32_t swap_lost = 0, tried = 0;

    (void)state;
    begin(&plain);
    work(&plain);
    assert_int_equal(plain.error, 0);
    assert_in_range(plain.operations, 200, OPERATIONS);
    for (uint64_t nth = 1; nth <= plain.operations; nth += 7) {
        if (!plain.program[nth - 1])
            continue;
        tried++;
        begin(&run);
        nor_misdirect_at(run.bed.nor, nth, blank_address(&run.bed));
        work(&run);
        assert_int_equal(run.error, 0);
        assert_int_equal(files_lost(&run, "same boot", nth), 0);
        swap_lost += slots_lost(&run, nth);
        assert_null(store_check(run.bed.store));
        bed_reboot(&run.bed);
        assert_int_equal(files_lost(&run, "next boot", nth), 0);
        bed_stop(&run.bed);
    }
    printf("%u programs went elsewhere: %u swapped pages lost\n", tried, swap_lost);
    bed_stop(&plain.bed);
}

/* ---- Operations that never end ---- */

static void a_part_that_stays_busy_is_an_error(void **state)
{
    static struct run plain, run;

    (void)state;
    begin(&plain);
    work(&plain);
    for (uint64_t nth = 1; nth <= plain.operations; nth += 7) {
        begin(&run);
        nor_stick_at(run.bed.nor, nth);
        work(&run);
        if (run.error == -EDEADLK || run.error == -ETIMEDOUT)
            fail_msg("operation %llu: nobody says that the part is stuck", (unsigned long long)nth);
        assert_true(bed_settle(&run.bed, 100000));
        (void)slots_lost(&run, nth);
        assert_null(store_check(run.bed.store));
        nor_power_cut(run.bed.nor, NOR_TEAR_RANDOM);
        bed_reboot(&run.bed);
        assert_int_equal(files_lost(&run, "after the power was off", nth), 0);
        bed_stop(&run.bed);
    }
    bed_stop(&plain.bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_elsewhere_costs_no_file),
        cmocka_unit_test(a_part_that_stays_busy_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
