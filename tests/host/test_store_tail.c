/*
 * The tail at its edges: frames that end exactly, compaction in little room, RAM that is refused, records whose key is
 * gone, records that only wait for the end of a page on flash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"
#include "tests/host/store_files.h"

static uint64_t buffer[BED_PAGE / 8];

static const struct bed_config NO_FLASH = { .tail_pages = 24, .seed = 2 };
static const struct bed_config WITH_FLASH = { .blocks = 24, .block_bytes = 16384, .tail_pages = 24, .seed = 6 };

#define HEADER ((uint32_t)sizeof(struct tail_record))

/* A page that does not compress. */
static void noise(struct bed *bed)
{
    for (uint32_t i = 0; i < BED_PAGE / 8; i++)
        buffer[i] = bed_random(bed);
}

static slot_t save_noise(struct bed *bed)
{
    slot_t slot = 0;

    noise(bed);
    assert_int_equal(slot_save(bed->store, &slot, 0, buffer), 0);
    return slot;
}

static slot_t save_zeros(struct bed *bed)
{
    slot_t slot = 0;

    memset(buffer, 0, sizeof buffer);
    assert_int_equal(slot_save(bed->store, &slot, 0, buffer), 0);
    return slot;
}

/* ---- Frames ---- */

/* The frame that the tail ends in has no room for a header, and nothing alive: it is given back when the next begins. */
static void a_dead_last_frame_is_given_back(void **state)
{
    slot_t slots[FORMAT_PAGE / HEADER];
    uint32_t count = 0;
    struct bed bed;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    do
        slots[count++] = save_zeros(&bed);
    while (FORMAT_PAGE - bed.store->tail.end.offset >= HEADER);
    for (uint32_t i = 0; i < count; i++)
        slot_put(bed.store, slots[i]);
    assert_int_equal(bed.store->tail.pages, 1);
    slots[0] = save_zeros(&bed);
    assert_int_equal(bed.store->tail.pages, 1);
    sound(&bed);
    assert_int_equal(slot_load(bed.store, slots[0], 0, buffer), SLOT_TAIL);
    assert_true(page_is(0, buffer));
    bed_stop(&bed);
}

/* Frames in the middle are gone and no record begins in the last one: the walk ends there, and finds what comes after. */
static void a_walk_passes_what_is_gone(void **state)
{
    slot_t first, noises[4], last;
    uint32_t place;
    struct bed bed;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    first = save_zeros(&bed);
    for (uint32_t i = 0; i < 4; i++)
        noises[i] = save_noise(&bed);
    for (uint32_t i = 0; i < 4; i++)
        slot_put(bed.store, noises[i]);
    assert_true(tail_oldest(bed.store, &place));
    assert_int_equal(place, slot_at(bed.store, first)->place);
    assert_false(tail_oldest(bed.store, &place));
    last = save_zeros(&bed);
    assert_true(tail_oldest(bed.store, &place));
    if (place == slot_at(bed.store, first)->place)
        assert_true(tail_oldest(bed.store, &place));
    assert_int_equal(place, slot_at(bed.store, last)->place);
    assert_false(tail_oldest(bed.store, &place));
    slot_put(bed.store, first);
    slot_put(bed.store, last);
    assert_false(tail_oldest(bed.store, &place));
    sound(&bed);
    bed_stop(&bed);
}

/* ---- Compaction ---- */

/* What was saved is there. */
/* A record whose second frame is not there any more, as a turned bit in a place may find one. */
static void a_record_without_its_end_is_bad(void **state)
{
    struct bed bed;
    slot_t slot;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    (void)save_zeros(&bed);
    slot = save_noise(&bed);

    struct tail_frame **next = tail_frame_slot(&bed.store->tail, bed.store->tail.end.frame), *kept = *next;

    assert_non_null(kept);
    *next = NULL;
    assert_int_equal(slot_load(bed.store, slot, 0, buffer), -EIO);
    *next = kept;
    assert_int_equal(slot_load(bed.store, slot, 0, buffer), SLOT_TAIL);
    bed_stop(&bed);
}

static void noises_are(struct bed *bed, const slot_t *slots, const uint64_t *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(slot_load(bed->store, slots[i], 0, buffer), SLOT_TAIL);
        assert_int_equal(buffer[0], names[i]);
    }
}

/* Out of a full tail's middle, wherever its frames end: it takes no frame too many, stops when there is none, loses nothing. */
static void compaction_keeps_to_its_share(void **state)
{
    uint32_t refused = 0;

    (void)state;
    for (uint32_t pads = 0; pads < FORMAT_PAGE / (HEADER + 8); pads += 3) {
        slot_t slots[64] = { 0 };
        uint64_t names[64];
        uint32_t count = 0;
        struct bed bed;

        bed_start(&bed, &NO_FLASH);
        for (uint32_t i = 0; i < pads; i++)
            (void)save_zeros(&bed);
        while (noise(&bed), !slot_save(bed.store, &slots[count], 0, buffer))
            names[count++] = buffer[0];
        bed.store->tail.scan = (struct cursor){ bed.store->tail.oldest + bed.store->tail.pages / 2, 0 };
        for (uint32_t i = 0; i < 40; i++) {
            refused += !tail_compact(bed.store);
            assert_true(bed.store->tail.pages <= bed.store->tail.pages_max);
        }
        sound(&bed);
        noises_are(&bed, slots, names, count);
        bed_stop(&bed);
    }
    assert_true(refused > 0);
}

/* Behind the last record, where a write-back has left it, compaction begins at the oldest again. */
static void compaction_begins_again(void **state)
{
    slot_t slots[12];
    struct bed bed;

    (void)state;
    bed_start(&bed, &NO_FLASH);
    for (uint32_t i = 0; i < 12; i++)
        slots[i] = i % 4 ? save_noise(&bed) : save_zeros(&bed);
    for (uint32_t i = 0; i < 12; i++)
        if (i % 4)
            slot_put(bed.store, slots[i]);
    bed.store->tail.scan = bed.store->tail.end;
    assert_false(tail_compact(bed.store));
    assert_true(tail_compact(bed.store));
    sound(&bed);
    bed.store->tail.scan = bed.store->tail.end;
    bed.config.page_limit = bed.pages;
    noise(&bed);
    slots[1] = 0;
    assert_int_equal(slot_save(bed.store, &slots[1], 0, buffer), -EAGAIN); /* frames were given back: once more */
    assert_int_equal(slot_save(bed.store, &slots[1], 0, buffer), 0);
    sound(&bed);
    bed_stop(&bed);
}

/* ---- Write-back ---- */

/* RAM is refused again while all that is left of the tail waits for the end of its page on flash. */
static void what_is_carried_is_flushed_when_ram_is_short(void **state)
{
    (void)state;
    for (uint32_t hot = 0; hot < 2; hot++) {
        slot_t slot, more = 0;
        struct bed bed;
        int error = -EAGAIN;

        bed_start(&bed, &WITH_FLASH);
        assert_true(bed_settle(&bed, 10000));
        slot = save_zeros(&bed);
        for (uint32_t i = 0; i < 4 * hot; i++)
            assert_int_equal(slot_save(bed.store, &slot, 0, buffer), 0);
        more = save_noise(&bed);
        slot_put(bed.store, more);
        more = 0;
        bed.config.page_limit = bed.pages;
        noise(&bed);
        for (uint32_t i = 0; i < 4 && error == -EAGAIN; i++) {
            error = slot_save(bed.store, &more, 0, buffer);
            assert_true(bed_settle(&bed, 200));
        }
        assert_int_equal(error, 0);
        assert_int_equal(slot_where(bed.store, slot), SLOT_FLASH);
        assert_int_equal(bed_load(&bed, slot, 0, buffer), SLOT_FLASH);
        assert_true(page_is(0, buffer));
        sound(&bed);
        bed_stop(&bed);
    }
}

/* A family is gone before its pages are: nothing of them is written, and they are an error, not somebody's bytes. */
static void records_without_a_key_are_lost(void **state)
{
    slot_t theirs[12], ours[60] = { 0 };
    uint64_t names[60];
    store_key_t key;
    struct bed bed;

    (void)state;
    bed_start(&bed, &WITH_FLASH);
    key = store_key_open(bed.store);
    for (uint32_t i = 0; i < 12; i++) {
        theirs[i] = 0;
        assert_int_equal(bed_save(&bed, &theirs[i], key, 300 + i), 0);
    }
    store_key_close(bed.store, key);
    save_all(&bed, ours, names, 60);
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(bed_load(&bed, theirs[i], key, buffer), -EIO);
    assert_true(load_all(&bed, ours, names, 60) > 0);
    assert_int_not_equal(store_verify(bed.store), 0);
    sound(&bed);
    for (uint32_t i = 0; i < 12; i++)
        slot_put(bed.store, theirs[i]);
    assert_int_equal(store_verify(bed.store), 0);
    sound(&bed);
    bed_stop(&bed);
}

/* ---- Promises ---- */

/* What is promised to slots is not given to files, although nothing of it was saved yet. */
static void promises_come_before_files(void **state)
{
    struct bed bed;

    (void)state;
    bed_start(&bed, &WITH_FLASH);
    assert_int_equal(store_promise(bed.store, (int64_t)store_capacity_pages(bed.store)), 0);
    assert_int_equal(bed_begin(&bed, 40), -ENOSPC);
    assert_int_equal(store_promise(bed.store, -(int64_t)bed.store->promised_pages), 0);
    assert_int_equal(bed_begin(&bed, 40), 0);
    assert_int_equal(bed_commit(&bed), 0);
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_last_frame_is_given_back),
        cmocka_unit_test(a_walk_passes_what_is_gone),
        cmocka_unit_test(a_record_without_its_end_is_bad),
        cmocka_unit_test(compaction_keeps_to_its_share),
        cmocka_unit_test(compaction_begins_again),
        cmocka_unit_test(what_is_carried_is_flushed_when_ram_is_short),
        cmocka_unit_test(records_without_a_key_are_lost),
        cmocka_unit_test(promises_come_before_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
