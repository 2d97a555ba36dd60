/*
 * Which state of a file a sync makes durable, and that it ends, whatever others do meanwhile.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/vm/object.h"
#include "mm/vm/vm.h"
#include "tests/host/vm_rig.h"

#define AREA   0x40000000ull
#define AT(n)  ((n)*PAGE_BYTES)
#define PAGES  4u
#define STORED 0x1234567890ull

static struct space *space;
static struct object *file;
static uint32_t node;

static int start(void **state)
{
    struct rig_config config = { .seed = 1,
                                 .asid_bits = 16,
                                 .tlb_entries = 32,
                                 .pointer_entries = 16,
                                 .spare_pages = 60,
                                 .tail_pages = 24,
                                 .flash_blocks = 16 };

    (void)state;
    rig_start(&config);
    space = space_create("sync");
    assert_non_null(space);
    node = rig_file("file", PAGES);
    assert_int_equal(RIG_WAIT(object_of_node(node, &file)), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_while_waiting(NULL);
    rig_check();
    object_put(file);
    rig_leave(space);
    space_put(space);
    assert_int_equal(rig_sync_all(), 0);
    rig_stop();
    return 0;
}

static int64_t map(va_t address, uint64_t pages, uint32_t flags, struct object *object)
{
    struct map_request request = { .address = address,
                                   .bytes = AT(pages),
                                   .protection = MAP_READ | MAP_WRITE,
                                   .flags = flags | REGION_FIXED,
                                   .object = object };

    return RIG_WAIT(space_map(space, &request));
}

static void write_word(struct object *object, uint64_t page, uint64_t word)
{
    assert_int_equal(RIG_WAIT(object_write(object, AT(page), NULL, (va_t)(uintptr_t)&word, sizeof(word))),
                     sizeof(word));
}

static uint64_t durable_bytes(uint32_t of)
{
    struct node_info info;

    assert_int_equal(node_get(mm_store(), of, &info), 0);
    return info.bytes;
}

static uint64_t durable_word(uint32_t of, uint32_t page)
{
    uint64_t words[PAGE_BYTES / sizeof(uint64_t)];

    assert_int_equal(RIG_WAIT(node_read_page(mm_store(), of, page, words)), 0);
    return words[0];
}

/* Another task never stops storing to the file. */
static void store_on(void)
{
    static uint64_t word;

    word++;
    for (uint32_t page = 0; page < PAGES; page++)
        assert_int_equal(rig_store(space, AREA + AT(page), &word, sizeof(word)), 0);
}

static void test_a_sync_ends_while_others_store(void **state)
{
    (void)state;
    assert_int_equal(map(AREA, PAGES, REGION_SHARED, file), (int64_t)AREA);
    store_on();
    rig_while_waiting(store_on);
    assert_int_equal(rig_sync(file), 0);
    assert_int_equal(rig_space_sync(space, AREA, AT(PAGES)), 0);
    assert_int_equal(rig_sync_all(), 0);
}

static bool refuse_frames(enum mm_request request)
{
    return request == MM_FRAMES;
}

/* Of a file that fails, a page is out and cannot be brought back. */
static void test_one_that_fails_keeps_no_other_from_it(void **state)
{
    uint32_t number = rig_file("fails", 1);
    struct object *fails;

    (void)state;
    write_word(file, 0, STORED);
    assert_int_equal(RIG_WAIT(object_of_node(number, &fails)), 0);
    assert_ptr_equal(mm.objects, fails); /* it comes first */
    write_word(fails, 0, STORED);
    assert_int_equal(RIG_WAIT(frame_evict(entry_frame(fails->tree.root))), 0);
    mm_refuse(refuse_frames);
    assert_int_equal(rig_sync_all(), -ENOMEM);
    mm_refuse(NULL);
    assert_int_equal(durable_word(node, 0), STORED);
    assert_int_not_equal(durable_word(number, 0), STORED);
    assert_int_equal(rig_sync_all(), 0);
    assert_int_equal(durable_word(number, 0), STORED);
    object_put(fails);
}

/* Until all of its pages are durable, with the size that they belong to. */
static void test_a_file_is_not_cut_during_its_sync(void **state)
{
    uint64_t since = 0;

    (void)state;
    for (uint32_t page = 0; page < PAGES; page++)
        write_word(file, page, STORED);
    assert_int_equal(object_resize(file, AT(PAGES + 1)), 0);
    while (!mm.syncing || file->cursor < 2) {
        assert_int_equal(object_sync(file, &since), -EAGAIN);
        rig_step();
    }
    int answer = object_resize(file, AT(1));

    while (mm.syncing)
        rig_step();
    assert_int_equal(durable_bytes(node), AT(PAGES + 1));
    for (uint32_t page = 0; page < PAGES; page++)
        assert_int_equal(durable_word(node, page), STORED);
    assert_int_equal(answer, -EAGAIN);
    assert_int_equal(RIG_WAIT(object_resize(file, AT(1))), 0);
}

/* What is added meanwhile comes with the next sync, its size and its bytes together. */
static void test_a_file_grows_during_its_sync(void **state)
{
    uint64_t since = 0;

    (void)state;
    write_word(file, 0, STORED);
    assert_int_equal(object_resize(file, AT(PAGES + 1)), 0);
    while (!mm.syncing)
        if (object_sync(file, &since) == -EAGAIN && !mm.syncing)
            rig_step();
    write_word(file, PAGES + 1, STORED);
    while (mm.syncing)
        rig_step();
    assert_int_equal(durable_bytes(node), AT(PAGES + 1));
    assert_int_equal(rig_sync(file), 0);
    assert_int_equal(durable_bytes(node), AT(PAGES + 1) + sizeof(STORED));
    assert_int_equal(durable_word(node, PAGES + 1), STORED);
}

/* A write that finds no promise makes what is dirty durable: not the size that it is about to give the file. */
static void test_a_write_that_syncs_first(void **state)
{
    uint64_t word = STORED, pages = 0;
    va_t at = AREA;

    (void)state;
    write_word(file, 0, STORED);
    for (uint64_t more = 4096; more; more /= 2)
        while (map(at, more, 0, NULL) > 0) {
            at += AT(more + 512);
            pages += more;
        }
    assert_true(pages);
    while (!mm.syncing) {
        assert_int_equal(object_write(file, AT(PAGES), NULL, (va_t)(uintptr_t)&word, sizeof(word)), -EAGAIN);
        rig_step();
    }
    while (mm.syncing)
        rig_step();
    assert_int_equal(durable_bytes(node), AT(PAGES));
    assert_int_equal(durable_word(node, 0), STORED);
    write_word(file, PAGES, STORED);
}

#define UNIT(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(test_a_sync_ends_while_others_store),    UNIT(test_one_that_fails_keeps_no_other_from_it),
        UNIT(test_a_file_is_not_cut_during_its_sync), UNIT(test_a_file_grows_during_its_sync),
        UNIT(test_a_write_that_syncs_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
