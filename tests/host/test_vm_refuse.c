/*
 * mm_refuse(): frames, frames of the store and copies are refused, each request in turn. Calls answer an error that they
 * are allowed, the invariants hold, and what was there before is there afterwards.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/mm.h"
#include "tests/host/vm_rig.h"

#define AREA       0x40000000ull
#define AT(page)   (AREA + (uint64_t)(page)*PAGE_BYTES)
#define PAGES      60u
#define READ_WRITE (MAP_READ | MAP_WRITE)

static struct {
    enum mm_request kind;
    uint32_t asked, nth;
} fault_at;

static bool refuse(enum mm_request request)
{
    return request == fault_at.kind && ++fault_at.asked == fault_at.nth;
}

static void expect(int64_t result, int error)
{
    if (result < 0 && result != error)
        rig_fail("answered %ld", (long)result);
}

/* Stores that fail leave the old value; 0: it was stored. */
static int put(struct space *space, uint32_t page, uint32_t value)
{
    return (int)RIG_WAIT(space_write(space, AT(page), &value, sizeof value));
}

static void day(struct space *space, int error)
{
    const struct map_request more = { .bytes = 8 * PAGE_BYTES, .protection = READ_WRITE };
    struct space *child = NULL;
    int64_t at;

    for (uint32_t page = 0; page < PAGES; page++)
        expect(put(space, page, 1000 + page), error);
    at = RIG_WAIT(space_map(space, &more));
    expect(at, error);
    if (at > 0)
        expect(RIG_WAIT(space_unmap(space, (va_t)at, more.bytes)), error);
    expect(RIG_WAIT(space_fork(space, &child)), error);
    for (uint32_t page = 0; child && page < PAGES; page += 7)
        expect(put(child, page, 5), error);
    expect(RIG_WAIT(space_advise(space, AREA, PAGES * PAGE_BYTES, ADVICE_OUT)), error);
    if (child)
        space_put(child);
}

/* Every page holds what was stored last, or what it held before a store that was refused. */
static void examine(struct space *space)
{
    for (uint32_t page = 0; page < PAGES; page++) {
        uint32_t value = 0;

        assert_int_equal(RIG_WAIT(space_read(space, &value, AT(page), sizeof value)), 0);
        assert_true(value == page + 1 || value == 1000 + page);
    }
    rig_check();
}

static uint32_t run(enum mm_request kind, uint32_t nth)
{
    const struct rig_config config = {
        .seed = nth, .asid_bits = 4, .tlb_entries = 32, .spare_pages = 40, .tail_pages = 24, .flash_blocks = 16
    };
    const struct map_request area = {
        .address = AREA, .bytes = PAGES * PAGE_BYTES, .protection = READ_WRITE, .flags = REGION_FIXED
    };
    struct space *space;

    rig_start(&config);
    space = space_create("refuse");
    assert_non_null(space);
    assert_true(RIG_WAIT(space_map(space, &area)) > 0);
    for (uint32_t page = 0; page < PAGES; page++)
        assert_int_equal(put(space, page, page + 1), 0);
    fault_at.kind = kind;
    fault_at.nth = nth;
    fault_at.asked = 0;
    mm_refuse(refuse);
    day(space, kind == MM_COPY ? -EFAULT : -ENOMEM);
    rig_check();
    mm_refuse(NULL);
    examine(space);
    space_put(space);
    rig_check();
    rig_stop();
    return fault_at.asked;
}

static void each(enum mm_request kind)
{
    uint32_t count = run(kind, 0);

    assert_true(count > 0);
    for (uint32_t nth = 1; nth <= count; nth += 1 + count / 60)
        assert_true(run(kind, nth) >= nth);
}

static void test_frames(void **state)
{
    (void)state;
    each(MM_FRAMES);
}

static void test_frames_of_the_store(void **state)
{
    (void)state;
    each(MM_STORE_FRAME);
}

static void test_copies(void **state)
{
    (void)state;
    each(MM_COPY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_frames_of_the_store),
        cmocka_unit_test(test_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
