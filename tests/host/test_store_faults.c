/*
 * One thing goes wrong, at every place in turn. A day of a store (mounting, transactions, swapping, collecting, swap
 * taken off flash, mounting again) is run once to count its reads, its programs and erases and the pages of RAM it asks
 * for; then once for each of them, in which the nth fails.
 *
 * Whatever fails: no wrong page, the invariants hold, every file is as of its last commit that answered 0, and the day
 * after finds the same. What a failure may cost is said beside its kind.
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

#define SLOTS     48u
#define PAGES     6u
#define KEPT      7u
#define VERSIONS  3u
#define OLD_LEAST 2u

static const struct bed_config CONFIG = { .blocks = 30, .block_bytes = 16384, .tail_pages = 12, .seed = 1 };

enum fault { FAULT_NONE, FAULT_READ, FAULT_RAM, FAULT_OPERATION, FAULT_STUCK, FAULT_LATE, FAULT_LOST };

static const struct kind {
    const char *name;
    uint32_t lost_most; /* records that cannot be read afterwards */
    bool dead;          /* nothing more can be written */
} KINDS[] = {
    [FAULT_NONE] = { "nothing", 0, false },
    [FAULT_READ] = { "a read", 1, false },
    [FAULT_RAM] = { "a page of RAM", 0, false },
    [FAULT_OPERATION] = { "a program or erase", 0, false },
    [FAULT_STUCK] = { "a program or erase that never ends", 0, true },
    [FAULT_LATE] = { "a program or erase that ends a second late", 0, false },
    [FAULT_LOST] = { "a program or erase that is not done and says it was", PENDING_MAX, false },
};

struct day {
    struct bed bed;
    const struct kind *kind;
    enum fault fault;
    uint64_t nth;
    slot_t slots[SLOTS];
    uint64_t names[SLOTS];
    uint32_t committed; /* version of the file */
    bool unanswered;    /* a commit after it did not answer 0 */
};

static void wrong(const struct day *day, const char *what, long found)
{
    fail_msg("%s, number %llu: %s (%ld)", day->kind->name, (unsigned long long)day->nth, what, found);
}

static void must(const struct day *day, bool good, const char *what, long found)
{
    if (!good)
        wrong(day, what, found);
}

/* ---- What is done ---- */

static void morning(struct day *day)
{
    bed_start(&day->bed, &CONFIG);
    file_make(&day->bed, "kept", KEPT, 10);
    for (uint32_t round = 0; round < 2; round++)
        save_all(&day->bed, day->slots, day->names, SLOTS);
    file_make(&day->bed, "file", PAGES, 100);
    file_make(&day->bed, "old", 4, 40);
    memset(day->slots, 0, sizeof day->slots);
}

static void strike(struct day *day)
{
    struct bed *bed = &day->bed;

    switch (day->fault) {
    case FAULT_READ:
        nor_fail_read_at(bed->nor, day->nth);
        break;
    case FAULT_RAM:
        bed->page_refused = (uint32_t)day->nth;
        break;
    case FAULT_OPERATION:
        nor_fail_at(bed->nor, day->nth);
        break;
    case FAULT_STUCK:
        nor_stick_at(bed->nor, day->nth);
        break;
    case FAULT_LATE:
        nor_linger_at(bed->nor, day->nth, 1000000);
        break;
    case FAULT_LOST:
        nor_lose_at(bed->nor, day->nth);
        break;
    case FAULT_NONE:
        break;
    }
}

/* A mount that is refused changes nothing: the next one finds everything. */
static void mount_again(struct day *day)
{
    int error;

    bed_forget(&day->bed);
    error = bed_open(&day->bed);
    if (error) {
        must(day, error == -EIO || error == -ENOMEM, "store_open", error);
        must(day, !day->bed.store && !day->bed.pages, "a store that was refused keeps pages", day->bed.pages);
        error = bed_open(&day->bed);
    }
    must(day, !error, "store_open once more", error);
}

/* RAM that was refused once is asked for again. */
#define TWICE(call)              \
    ({                           \
        int answered = (call);   \
        if (answered == -ENOMEM) \
            answered = (call);   \
        answered;                \
    })

static int write_version(struct day *day, uint32_t id, uint32_t version)
{
    struct bed *bed = &day->bed;
    int error = TWICE(bed_begin(bed, PAGES));

    for (uint32_t i = 0; i < PAGES && !error; i++)
        error = TWICE(bed_write(bed, id, i, 100 * version + i));
    if (!error)
        error = TWICE(bed_resize(bed, id, PAGES * BED_PAGE, version));
    if (error)
        store_abort(bed->store);
    return error ? error : bed_commit(bed);
}

static void transaction(struct day *day, uint32_t version)
{
    uint32_t id;
    int error = node_find(day->bed.store, NODE_ROOT, "file", &id);

    must(day, !error, "the file is missing", error);
    if (day->kind->dead)
        day->unanswered = true;
    error = write_version(day, id, version);
    if ((error == -EIO && !day->kind->dead) || error == -ENOMEM)
        error = write_version(day, id, version);
    must(day, !error || (day->kind->dead && (error == -EIO || error == -ENOSPC)), "a transaction", error);
    if (error)
        return;
    day->committed = version;
    day->unanswered = false;
}

static void swap(struct day *day)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        uint64_t name = bed_random(&day->bed);
        int error = TWICE(bed_save(&day->bed, &day->slots[i], 0, name));

        must(day, !error || (day->kind->dead && error == -ENOMEM), "slot_save", error);
        if (!error)
            day->names[i] = name;
    }
}

static void swap_off_and_on(struct day *day)
{
    int error = -EAGAIN;

    for (uint32_t i = 4; i < SLOTS; i++) {
        if (day->slots[i])
            slot_put(day->bed.store, day->slots[i]);
        day->slots[i] = 0;
    }
    for (uint32_t i = 0; i < 20000 && (error = store_swap_set(day->bed.store, 0)) == -EAGAIN; i++)
        (void)store_step(day->bed.store);
    must(day, !error || (day->kind->dead && (error == -EAGAIN || error == -ENOSPC)), "swap off", error);
    must(day, !store_swap_set(day->bed.store, UINT32_MAX), "swap on", 0);
}

/* ---- What is found ---- */

static uint32_t slots_lost(struct day *day)
{
    uint64_t page[BED_PAGE / 8];
    uint32_t lost = 0;

    for (uint32_t i = 0; i < SLOTS; i++) {
        int source = day->slots[i] ? bed_load(&day->bed, day->slots[i], 0, page) : SLOT_TAIL;

        must(day, source > 0 || source == -EIO, "slot_load", source);
        must(day, !day->slots[i] || source < 0 || page_is(day->names[i], page), "a slot's page", (long)i);
        lost += source < 0;
    }
    return lost;
}

/* All pages of the file are of one version: the last one committed, or a later one whose commit did not answer. */
static uint32_t version_found(struct day *day)
{
    uint64_t page[BED_PAGE / 8];
    uint32_t id;

    must(day, !node_find(day->bed.store, NODE_ROOT, "file", &id), "the file is missing", 0);
    for (uint32_t i = 0; i < PAGES; i++)
        for (uint32_t version = day->committed; version <= VERSIONS && !bed_read(&day->bed, id, i, page); version++)
            if (page_is(100 * version + i, page))
                return version;
    return day->committed;
}

/* The file that is shortened keeps its first pages. */
static uint32_t old_lost(struct day *day)
{
    uint64_t page[BED_PAGE / 8];
    uint32_t id, lost = 0;

    must(day, !node_find(day->bed.store, NODE_ROOT, "old", &id), "the old file is missing", 0);
    for (uint32_t i = 0; i < OLD_LEAST; i++) {
        int error = bed_read(&day->bed, id, i, page);

        must(day, error ? error == -EIO : page_is(40 + i, page), "a page of the old file", error);
        lost += error != 0;
    }
    return lost;
}

static void examine(struct day *day)
{
    uint32_t lost, version = version_found(day);
    struct store_statistics statistics;

    sound(&day->bed);
    must(day, version == day->committed || day->unanswered, "a version that was not committed", version);
    lost = slots_lost(day) + old_lost(day) + file_lost(&day->bed, "kept", KEPT, 10) +
           file_lost(&day->bed, "file", PAGES, 100 * version);
    must(day, lost <= day->kind->lost_most, "records were lost", lost);
    store_statistics(day->bed.store, &statistics);
    must(day, statistics.retired_blocks <= 1, "more than the block in hand was retired", statistics.blocks_bad);
    must(day, !day->bed.nor->violations, day->bed.nor->violation_text, 0);
}

static void live(struct day *day)
{
    uint32_t id;
    int error;

    mount_again(day);
    memset(day->slots, 0, sizeof day->slots);
    for (uint32_t version = 2; version <= VERSIONS; version++) {
        swap(day);
        transaction(day, version);
    }
    if (!node_find(day->bed.store, NODE_ROOT, "old", &id)) {
        error = TWICE(bed_resize(&day->bed, id, OLD_LEAST * BED_PAGE, 1));
        must(day, !error, "node_resize", error);
        error = TWICE(bed_commit(&day->bed));
        must(day, !error || day->kind->dead, "a commit of holes", error);
    }
    examine(day);
    swap_off_and_on(day);
    must(day, bed_settle(&day->bed, 100000), "the store does not come to rest", 0);
    examine(day);
}

/* Without the fault: what it has left is all that counts. */
static void next_day(struct day *day)
{
    nor_triggers_clear(day->bed.nor);
    day->bed.page_refused = 0;
    nor_power_cut(day->bed.nor, NOR_TEAR_LOST);
    bed_forget(&day->bed);
    memset(day->slots, 0, sizeof day->slots);
    must(day, !bed_open(&day->bed), "the next day's store_open", 0);
    examine(day);
    file_make(&day->bed, "new", 2, 70);
    examine(day);
    bed_stop(&day->bed);
}

/* How many there are of what the fault hits. */
static uint64_t count_of(const struct bed *bed, enum fault fault)
{
    if (fault == FAULT_READ)
        return bed->nor->counters.reads;
    return fault == FAULT_RAM ? bed->pages_asked : bed->nor->operations;
}

static uint64_t run(enum fault fault, enum fault counted, uint64_t nth)
{
    static struct day day;
    uint64_t before;

    day = (struct day){ .fault = fault, .kind = &KINDS[fault], .nth = nth, .committed = 1 };
    morning(&day);
    before = count_of(&day.bed, counted);
    strike(&day);
    live(&day);
    before = count_of(&day.bed, counted) - before;
    next_day(&day);
    return before;
}

static bool every_one; /* the argument "all"; otherwise one in `stride`, for a run of seconds */

static void each(enum fault fault, uint64_t stride)
{
    uint64_t count = run(FAULT_NONE, fault, 0), runs = 0;

    for (uint64_t nth = 1; nth <= count; nth += every_one ? 1 : stride, runs++)
        (void)run(fault, fault, nth);
    printf("%s: %llu of %llu\n", KINDS[fault].name, (unsigned long long)runs, (unsigned long long)count);
}

static void each_read_fails(void **state)
{
    (void)state;
    each(FAULT_READ, 7);
}

static void each_page_is_refused(void **state)
{
    (void)state;
    each(FAULT_RAM, 11);
}

static void each_operation_fails(void **state)
{
    (void)state;
    each(FAULT_OPERATION, 5);
}

static void each_operation_sticks(void **state)
{
    (void)state;
    each(FAULT_STUCK, 17);
}

static void each_operation_is_late(void **state)
{
    (void)state;
    each(FAULT_LATE, 11);
}

static void each_operation_is_lost(void **state)
{
    (void)state;
    each(FAULT_LOST, 7);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_page_is_refused),  cmocka_unit_test(each_operation_fails),
        cmocka_unit_test(each_operation_sticks), cmocka_unit_test(each_operation_is_lost),
        cmocka_unit_test(each_read_fails),       cmocka_unit_test(each_operation_is_late),
    };

    every_one = argc > 1 && !strcmp(argv[1], "all");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
