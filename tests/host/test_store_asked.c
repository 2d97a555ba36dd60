/*
 * RAM that nobody promised: asked for before it is taken, unasked when it is given back or when there is none. What is
 * refused has changed nothing, and each page that was asked for is unasked once (the rig looks at the end of every test).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "mm/store/state.h"
#include "tests/host/store_files.h"

static uint64_t buffer[BED_PAGE / 8];

static const struct bed_config SMALL = { .blocks = 24, .block_bytes = 16384, .tail_pages = 16, .seed = 1 };

/* The tail and the slots have their share, and ask nobody; keys, files and their changes are told, and go on later. */
static void what_is_refused_has_changed_nothing(void **state)
{
    slot_t slot = 0;
    uint32_t id, asked, pages;
    struct bed bed;

    (void)state;
    bed_start(&bed, &SMALL);
    id = file_make(&bed, "f", 6, 10);
    asked = bed.asked;
    pages = bed.pages;
    bed.ask_refused = true;
    assert_int_equal(store_key_open(bed.store), 0);
    assert_int_equal(node_resize(bed.store, id, 2 * BED_PAGE, 1), -ENOMEM);
    assert_int_equal(bed.asked, asked);
    assert_int_equal(bed.pages, pages);
    assert_int_equal(bed_save(&bed, &slot, 0, 7), 0);
    assert_int_equal(bed_load(&bed, slot, 0, buffer), SLOT_TAIL);
    assert_true(page_is(7, buffer));
    file_is(&bed, "f", 6, 10);
    sound(&bed);
    bed.ask_refused = false;
    assert_int_not_equal(store_key_open(bed.store), 0);
    assert_int_equal(bed.asked, asked + 1);
    assert_int_equal(node_resize(bed.store, id, 2 * BED_PAGE, 1), 0);
    assert_int_equal(bed_commit(&bed), 0);
    file_is(&bed, "f", 2, 10);
    bed_stop(&bed);
}

/* Nor is a store opened: it gives back all that it has. */
static void a_store_is_not_opened_without(void **state)
{
    struct bed bed;

    (void)state;
    bed_start(&bed, &SMALL);
    file_make(&bed, "f", 3, 10);
    bed_forget(&bed);
    bed.ask_refused = true;
    assert_int_equal(bed_open(&bed), -ENOMEM);
    assert_int_equal(bed.pages, 0);
    assert_int_equal(store_format(&bed.store_config), -ENOMEM);
    assert_int_equal(bed.pages, 0);
    assert_int_equal(bed.asked, 0);
    bed.ask_refused = false;
    assert_int_equal(bed_open(&bed), 0);
    file_is(&bed, "f", 3, 10);
    bed_stop(&bed);
}

/* Granted, and then there is none after all: it is not held as asked for. */
static void what_is_not_there_is_unasked(void **state)
{
    struct bed bed;
    uint32_t asked;

    (void)state;
    bed_start(&bed, &SMALL);
    asked = bed.asked;
    bed.page_refused = 1;
    assert_int_equal(store_key_open(bed.store), 0);
    assert_int_equal(bed.asked, asked);
    bed_stop(&bed);
}

/* Without anyone to ask, page_get() alone refuses. */
static void nobody_need_be_asked(void **state)
{
    struct bed bed;

    (void)state;
    bed_prepare(&bed, &SMALL);
    bed.store_config.page_ask = NULL;
    bed.store_config.page_unask = NULL;
    bed.ask_refused = true;
    assert_int_equal(store_format(&bed.store_config), 0);
    assert_int_equal(bed_open(&bed), 0);
    file_make(&bed, "f", 3, 10);
    bed.page_refused = 1;
    assert_int_equal(store_key_open(bed.store), 0);
    assert_int_not_equal(store_key_open(bed.store), 0);
    bed_reboot(&bed);
    file_is(&bed, "f", 3, 10);
    sound(&bed);
    bed_stop(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused_has_changed_nothing),
        cmocka_unit_test(a_store_is_not_opened_without),
        cmocka_unit_test(what_is_not_there_is_unasked),
        cmocka_unit_test(nobody_need_be_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
