/* Bits that turn under the store: in the records of the tail and in the slots' entries. Never other bytes than were saved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "mm/store/state.h"
#include "tests/host/store_rig.h"

#define HEADER_BITS 128u

#define SAVED 24u

static struct bed bed;
static slot_t slots[SAVED];
static store_key_t key;

static void start(uint32_t blocks)
{
    bed_start(&bed, &(struct bed_config){ .blocks = blocks, .block_bytes = 65536, .tail_pages = 32, .seed = 7 });
    key = store_key_open(bed.store);
    assert_true(key);
    for (uint32_t i = 0; i < SAVED; i++) {
        slots[i] = 0;
        assert_int_equal(bed_save(&bed, &slots[i], key, i + 1), 0);
    }
}

/* What a load gives is the page, or -EIO. */
static int load(uint32_t i)
{
    static _Alignas(8) uint8_t page[BED_PAGE];
    int result = slot_load(bed.store, slots[i], key, page);

    if (result >= 0)
        assert_true(page_is(i + 1, page));
    else
        assert_int_equal(result, -EIO);
    return result;
}

static struct slot_location locate(uint32_t i)
{
    struct slot_location where;

    slot_locate(bed.store, slots[i], &where);
    return where;
}

/* Every bit of every record, one at a time; padding has no meaning and is not a part of what is located. */
static void test_each_bit_of_the_tail(void **state)
{
    (void)state;
    start(0);
    for (uint32_t i = 0; i < SAVED; i++) {
        struct slot_location where = locate(i);

        assert_non_null(where.tail);
        for (uint32_t bit = 0; bit < 8 * where.bytes; bit++) {
            where.tail[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(load(i), -EIO);
            where.tail[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(load(i), SLOT_TAIL);
    }
    assert_null(store_check(bed.store));
    bed_stop(&bed);
}

/* ... and every bit of what lies in the frame that a record goes on in. */
static void test_each_bit_of_the_next_frame(void **state)
{
    uint32_t crossing = 0;

    (void)state;
    start(0);
    for (uint32_t i = 0; i < SAVED; i++) {
        uint32_t place = slot_at(bed.store, slots[i])->place, first = locate(i).bytes;
        uint32_t rest = (uint32_t)sizeof(struct tail_record) + tail_at(bed.store, place)->length - first;
        uint8_t *next = rest ? (uint8_t *)(*tail_frame_slot(&bed.store->tail, place / TAIL_UNITS_PER_FRAME + 1) + 1)
                             : NULL;

        crossing += rest > 0;
        for (uint32_t bit = 0; bit < 8 * rest; bit++) {
            next[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(load(i), -EIO);
            next[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(load(i), SLOT_TAIL);
    }
    assert_true(crossing);
    bed_stop(&bed);
}

/* Two bits that a header's sum does not see together, and the record is longer than any: nothing behind it is read. */
static void test_a_length_beyond_a_page(void **state)
{
    uint32_t tried = 0;

    (void)state;
    start(0);
    for (uint32_t i = 0; i < SAVED; i++) {
        struct tail_record *record = (struct tail_record *)(void *)locate(i).tail;

        for (uint32_t bit = 0; bit < 8; bit++) {
            record->length ^= (uint16_t)(0x101u << bit);
            assert_int_equal(record->head, tail_head_sum(record));
            if (record->length > BED_PAGE) {
                assert_int_equal(load(i), -EIO);
                assert_null(tail_payload(bed.store, slot_at(bed.store, slots[i])->place, bed.store->bounce));
                tried++;
            }
            record->length ^= (uint16_t)(0x101u << bit);
        }
        assert_int_equal(load(i), SLOT_TAIL);
    }
    assert_in_range(tried, 3 * SAVED, 8 * SAVED);
    bed_stop(&bed);
}

/* A damaged record must not be sealed and go to flash as if it were well; those around it do. */
static void test_a_damaged_record_is_not_written_back(void **state)
{
    uint32_t lost = 0, flash = 0;

    (void)state;
    for (uint32_t bit = 0; bit < 400; bit += 7) {
        slot_t more[64] = { 0 };
        struct slot_location where;

        start(16);
        where = locate(3);
        where.tail[bit / 8] ^= (uint8_t)(1u << bit % 8);
        for (uint32_t i = 0; i < 64; i++)
            assert_int_equal(bed_save(&bed, &more[i], key, 1000 + i), 0);
        assert_true(bed_settle(&bed, 100000));
        for (uint32_t i = 0; i < SAVED; i++) {
            int result = load(i);

            assert_true(result >= 0 || i == 3);
            lost += result < 0;
            flash += result == SLOT_FLASH;
        }
        assert_int_equal(load(3), -EIO);
        for (uint32_t i = 0; i < SAVED; i++)
            slot_put(bed.store, slots[i]);
        bed_stop(&bed);
    }
    assert_true(lost && flash);
}

/* Without flash the old records are moved to the tail's end again and again; a damaged payload is lost on the way. */
static void test_a_damaged_record_is_not_moved_on(void **state)
{
    (void)state;
    for (uint32_t bit = 0; bit <= HEADER_BITS + 3; bit += 7) {
        slot_t more[38] = { 0 };

        start(0);
        for (uint32_t i = 0; i < SAVED; i += 2)
            slot_put(bed.store, slots[i]);
        locate(3).tail[bit / 8] ^= (uint8_t)(1u << bit % 8);
        for (uint32_t i = 0; i < 400; i++)
            assert_int_equal(bed_save(&bed, &more[i % 38], key, 1000 + i), 0);
        assert_null(locate(3).tail);
        for (uint32_t i = 1; i < SAVED; i += 2)
            assert_int_equal(load(i), i == 3 ? -EIO : SLOT_TAIL);
        assert_null(store_check(bed.store));
        bed_stop(&bed);
    }
}

/* A record whose header is damaged goes as any other: what it lay in is given back, and nothing else. */
static void test_a_damaged_record_gives_its_frames_back(void **state)
{
    (void)state;
    for (uint32_t bit = 0; bit < HEADER_BITS; bit += 5) {
        struct store_statistics statistics;

        start(0);
        for (uint32_t i = 0; i < SAVED; i++)
            locate(i).tail[bit / 8] ^= (uint8_t)(1u << bit % 8);
        for (uint32_t i = 0; i < SAVED; i++)
            slot_put(bed.store, slots[i]);
        store_statistics(bed.store, &statistics);
        assert_in_range(statistics.tail_pages, 0, 1);
        assert_int_equal(statistics.tail_bytes, 0);
        assert_null(store_check(bed.store));
        bed_stop(&bed);
    }
}

/* A place on flash that is another's, or none at all: it is not the page, and to give the slot up is safe. */
static void test_each_bit_of_a_place(void **state)
{
    (void)state;
    for (uint32_t flash = 0; flash < 2; flash++) {
        for (uint32_t bit = 0; bit < 32; bit++) {
            slot_t more[64] = { 0 };
            uint8_t *entry;

            start(16);
            for (uint32_t i = 0; i < 64; i++)
                assert_int_equal(bed_save(&bed, &more[i], key, 1000 + i), 0);
            assert_true(bed_settle(&bed, 100000));
            assert_int_equal(load(0), SLOT_FLASH);
            slots[3] = flash ? slots[3] : more[63];
            assert_int_equal(slot_where(bed.store, slots[3]), flash ? SLOT_FLASH : SLOT_TAIL);
            entry = locate(3).entry;
            entry[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(load(3), -EIO);
            slot_put(bed.store, slots[3]);
            for (uint32_t i = 4; i < SAVED; i++)
                (void)load(i);
            bed_stop(&bed);
        }
    }
}

/* The walk over the tail passes a damaged record that is nobody's any more: it meets all others, in order, each once. */
static void test_a_dead_damaged_record_is_passed(void **state)
{
    (void)state;
    for (uint32_t dead = 0; dead < SAVED; dead++) {
        uint32_t place;

        start(0);
        locate(dead).tail[dead * 5 % HEADER_BITS / 8] ^= (uint8_t)(1u << dead * 5 % 8);
        slot_put(bed.store, slots[dead]);
        tail_rewind(bed.store);
        for (uint32_t i = 0; i < SAVED; i++) {
            if (i == dead)
                continue;
            assert_true(tail_oldest(bed.store, &place));
            assert_int_equal(place, slot_at(bed.store, slots[i])->place);
            assert_int_equal(load(i), SLOT_TAIL);
        }
        assert_false(tail_oldest(bed.store, &place));
        assert_null(store_check(bed.store));
        bed_stop(&bed);
    }
}

/* Any other place, in the tail or not: where nothing is any more, in the middle of a record, behind the end. */
static void test_each_other_place(void **state)
{
    struct slot_entry *entry;
    uint32_t own, end;

    (void)state;
    start(0);
    for (uint32_t i = 1; i + 1 < SAVED; i++)
        slot_put(bed.store, slots[i]);
    entry = locate(0).entry;
    own = entry->place;
    end = (bed.store->tail.end.frame + 2) * TAIL_UNITS_PER_FRAME;
    assert_true(bed.store->tail.end.frame - own / TAIL_UNITS_PER_FRAME >= bed.store->tail.pages); /* some are gone */
    for (entry->place = 0; entry->place < end; entry->place++)
        assert_int_equal(load(0), entry->place == own ? SLOT_TAIL : -EIO);
    entry->place = own;
    assert_int_equal(load(0), SLOT_TAIL);
    assert_int_equal(load(SAVED - 1), SLOT_TAIL);
    assert_null(store_check(bed.store));
    bed_stop(&bed);
}

/* Where the record is, as the entry says it: another place is another page's, or nobody's. */
static void test_each_bit_of_a_place_in_the_tail(void **state)
{
    (void)state;
    start(0);
    for (uint32_t i = 0; i < SAVED; i++) {
        uint8_t *entry = locate(i).entry;

        for (uint32_t bit = 0; bit < 32; bit++) {
            entry[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(load(i), -EIO);
            assert_non_null(store_check(bed.store));
            entry[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    assert_null(store_check(bed.store));
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_bit_of_the_tail),
        cmocka_unit_test(test_each_bit_of_the_next_frame),
        cmocka_unit_test(test_a_length_beyond_a_page),
        cmocka_unit_test(test_a_damaged_record_is_not_written_back),
        cmocka_unit_test(test_a_damaged_record_is_not_moved_on),
        cmocka_unit_test(test_a_damaged_record_gives_its_frames_back),
        cmocka_unit_test(test_a_dead_damaged_record_is_passed),
        cmocka_unit_test(test_each_other_place),
        cmocka_unit_test(test_each_bit_of_a_place_in_the_tail),
        cmocka_unit_test(test_each_bit_of_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
