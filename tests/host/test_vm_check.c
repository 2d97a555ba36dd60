/*
 * mm_check() finds what it is there to find: each test breaks one thing in a small, lively machine, expects the rule that
 * names it, and mends it again.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/vm/object.h"
#include "mm/vm/space.h"
#include "mm/vm/vm.h"
#include "tests/host/vm_rig.h"

#define AREA     0x40000000ull /* private memory: a page stored to, one in a slot, one read, one shared by fork */
#define TEXT     0x50000000ull /* executable */
#define LOOSE    0x60000000ull /* NORESERVE */
#define FILED    0x70000000ull /* a shared object */
#define AT(page) ((page)*PAGE_BYTES)

static struct space *parent, *child;
static struct object *object;

static void map(struct space *space, va_t address, uint64_t pages, uint32_t protection, uint32_t flags,
                struct object *source)
{
    struct map_request request = { .address = address,
                                   .bytes = pages * PAGE_BYTES,
                                   .protection = protection,
                                   .flags = flags | REGION_FIXED,
                                   .object = source };

    assert_int_equal(RIG_WAIT(space_map(space, &request)), (int64_t)address);
}

static void store_word(struct space *space, va_t va)
{
    uint64_t word = va | 1;

    assert_int_equal(RIG_WAIT(space_write(space, va, &word, sizeof(word))), 0);
}

static int start(void **state)
{
    struct rig_config config = {
        .seed = 1, .asid_bits = 16, .tlb_entries = 32, .spare_pages = 200, .tail_pages = 24, .flash_blocks = 16
    };

    (void)state;
    rig_start(&config);
    parent = space_create("parent");
    assert_non_null(parent);
    map(parent, AREA, 16, MAP_READ | MAP_WRITE, 0, NULL);
    store_word(parent, AREA);
    store_word(parent, AREA + AT(1));
    store_word(parent, AREA + AT(3));
    assert_int_equal(RIG_WAIT(fault(parent, AREA + AT(2), ACCESS_LOAD)), 0);
    assert_int_equal(RIG_WAIT(space_fork(parent, &child)), 0);
    store_word(parent, AREA);
    assert_int_equal(RIG_WAIT(frame_evict(entry_frame(*space_entry(parent, (AREA + AT(1)) >> PAGE_SHIFT)))), 0);
    map(parent, TEXT, 2, MAP_READ | MAP_EXECUTE, 0, NULL);
    map(parent, LOOSE, 2, MAP_READ | MAP_WRITE, REGION_NORESERVE, NULL);
    store_word(parent, LOOSE);
    assert_int_equal(RIG_WAIT(object_make(AT(4), &object)), 0);
    map(parent, FILED, 4, MAP_READ | MAP_WRITE, REGION_SHARED, object);
    store_word(parent, FILED);
    store_word(parent, FILED + AT(1));
    (void)space_activate(parent);
    (void)space_activate(child);
    rig_check();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_check();
    rig_leave(child);
    space_put(child);
    space_put(parent);
    object_put(object);
    rig_check();
    assert_int_equal(mm.kinds[FRAME_TABLE] + mm.kinds[FRAME_ANONYMOUS] + mm.kinds[FRAME_OBJECT], 0);
    assert_int_equal(mm.promised, 0);
    rig_stop();
    return 0;
}

static void expect(const char *rule)
{
    int line = mm_check();

    assert_int_not_equal(line, 0);
    assert_string_equal(rig_rule(line), rule);
}

/* Sets a field, expects the rule, and sets it back. */
#define BREAK(field, value, rule)        \
    do {                                 \
        __typeof__(field) kept_ = field; \
        field = (value);                 \
        expect(rule);                    \
        field = kept_;                   \
        assert_int_equal(mm_check(), 0); \
    } while (0)

static entry_t *entry_at(va_t va)
{
    return space_entry(parent, (uint32_t)(va >> PAGE_SHIFT));
}

static struct frame *frame_behind(va_t va)
{
    return frame_at(entry_frame(*entry_at(va)));
}

/* ---- Frames ---- */

static void test_free_list(void **state)
{
    uint64_t *view;
    uint32_t number = mm.free_head;

    (void)state;
    BREAK(mm.free, mm.free + 1, "the free list is shorter than the count of free frames");
    BREAK(mm.free, mm.free - 1, "the free list is longer than the count of free frames");
    BREAK(mm.free_head, entry_frame(*entry_at(AREA)), "a frame in the free list is in use");
    BREAK(frame_at(number)->page, mm.count, "the free list leaves the pool");
    while (number && !(frame_at(number)->bits & FRAME_ZEROED))
        number = frame_at(number)->page;
    if (!number) {
        number = mm.free_head;
        page_clear(frame_view(number));
        frame_at(number)->bits = FRAME_ZEROED;
    }
    view = frame_view(number);
    BREAK(view[511], 1, "a free frame that should be zeros is not");
    BREAK(frame_at(mm.free_head)->slot, 5, "a free frame is mapped or has a slot");
}

static void test_descriptors(void **state)
{
    uint64_t *zeros = frame_view(mm.zero);

    (void)state;
    BREAK(mm.kinds[FRAME_TABLE], 3, "the count of frames of a kind is wrong");
    BREAK(frame_behind(AREA)->kind, FRAME_KINDS, "a frame is in no known state");
    BREAK(frame_behind(AREA)->kind, FRAME_OBJECT, "the count of frames of a kind is wrong");
    BREAK(zeros[7], 1, "the frame of zeros is not zeros");
    BREAK(frame_behind(FILED)->slot, 5, "a dirty page has a live copy");
}

static void test_reverse_map(void **state)
{
    (void)state;
    BREAK(frame_behind(AREA)->maps, 0, "a private frame is mapped by nobody");
    BREAK(frame_behind(AREA + AT(3))->maps, 3, "a private frame's count of mappings is wrong");
    BREAK(frame_behind(FILED)->maps, 2, "an object's frame's count of mappings is wrong");
    BREAK(frame_behind(AREA)->page, 5, "a private frame is mapped at another page");
    BREAK(frame_behind(AREA)->owner, handle_of(parent), "a private frame is mapped outside its family");
    BREAK(frame_behind(FILED)->page, 3, "an object's frame is mapped at another page");
}

/* ---- Entries ---- */

/* The same bits for another frame. */
static entry_t with_frame(entry_t entry, uint32_t number)
{
    return entry - entry_of_frame(entry_frame(entry)) + entry_of_frame(number);
}

static void test_entries(void **state)
{
    entry_t *stored = entry_at(AREA), *slot = entry_at(AREA + AT(1)), *zero = entry_at(AREA + AT(2));

    (void)state;
    BREAK(*stored, *stored | ENTRY_X, "a mapping is writable and executable");
    BREAK(*stored, (*stored & ~ENTRY_W) | ENTRY_X, "a mapping allows more than its region");
    BREAK(*stored, *stored & ~ENTRY_V, "a PTE is valid without rights, or hidden with them");
    BREAK(*stored, *stored & ~ENTRY_RWX, "a leaf looks like a pointer");
    BREAK(*stored, *stored | ENTRY_COW, "a frame that is copied at a store is writable");
    BREAK(*zero, *zero | ENTRY_W, "the frame of zeros is writable");
    BREAK(*entry_at(AREA + AT(3)), *entry_at(AREA + AT(3)) | ENTRY_W, "a frame with several mappings is writable");
    BREAK(*stored, with_frame(*stored, 0), "a PTE reaches beyond the pool, or a firmware frame");
    BREAK(*stored, with_frame(*stored, mm.count), "a PTE reaches beyond the pool, or a firmware frame");
    BREAK(*stored, with_frame(*stored, mm.free_head), "a PTE reaches a frame that is not a task's");
    BREAK(*slot, *slot | ENTRY_R, "a PTE is neither a frame nor a slot");
    BREAK(*stored, *stored | ENTRY_LOOSE, "a page is promised for itself and with its region");
    BREAK(*entry_at(LOOSE), *entry_at(LOOSE) & ~ENTRY_LOOSE, "a space's count of pages promised one by one is wrong");
    BREAK(*slot, 0, "a table's count of entries is wrong");
    BREAK(*entry_at(FILED), *stored, "a private frame is mapped at another page");
}

static void test_slots(void **state)
{
    slot_t slot = entry_slot(*entry_at(AREA + AT(1)));

    (void)state;
    slot_share(mm_store(), slot);
    expect("slots' references are not those that exist");
    slot_put(mm_store(), slot);
    assert_int_equal(mm_check(), 0);
}

static void test_tables(void **state)
{
    struct frame *leaf = frame_at(frame_of(entry_at(AREA)));
    uint32_t number = mm.free_head;

    (void)state;
    BREAK(leaf->owner, handle_of(child), "a table belongs elsewhere");
    BREAK(leaf->bits, 2, "a table belongs elsewhere");
    BREAK(parent->tree.nodes, parent->tree.nodes + 1, "a space's count of tables is wrong");
    BREAK(leaf->bits, leaf->bits | FRAME_EXTRA, "a space's count of unpromised tables is wrong");
    assert_int_equal(frame_take(FRAME_TABLE, handle_of(parent), 0), number);
    expect("a table belongs to no space and no object");
    frame_free(number);
    assert_int_equal(frame_take(FRAME_OBJECT, handle_of(object), 3), number);
    expect("an object's frame is not in its object");
    frame_free(number);
}

/* ---- Regions and promises ---- */

static void test_regions(void **state)
{
    struct region *region = region_at(parent, AREA >> PAGE_SHIFT), *text = region_at(parent, TEXT >> PAGE_SHIFT);

    (void)state;
    BREAK(region->end, region->start, "a region is empty or outside user space");
    BREAK(region->end, text->start + 1, "regions overlap or are not sorted");
    BREAK(region->end, region->end + 1, "a space's count of mapped pages is wrong");
    BREAK(text->prev, NULL, "the list of regions is broken");
    BREAK(text->space, handle_of(child), "a region is in another space's list");
    BREAK(text->protection, MAP_WRITE | MAP_EXECUTE, "a region is writable and executable");
    BREAK(text->protection, MAP_READ | MAP_WRITE, "a writable region is not promised");
    BREAK(text->flags, text->flags | REGION_FRESH, "a region's charges were not settled");
    BREAK(parent->regions, parent->regions + 1, "a space has fewer regions than it counts");
    BREAK(parent->regions, parent->regions - 1, "a space has more regions than it counts");
    BREAK(parent->resident, parent->resident + 1, "a space's count of resident pages is wrong");
    BREAK(parent->swapped, parent->swapped + 1, "a space's count of pages in slots is wrong");
    BREAK(region->start, region->start + 1, "a space's count of mapped pages is wrong");
}

static void test_promises(void **state)
{
    struct region *region = region_at(parent, AREA >> PAGE_SHIFT);

    (void)state;
    BREAK(parent->promised, parent->promised + 1, "a space's count of promised pages is wrong");
    BREAK(parent->locked, 1, "a space's count of locked pages is wrong");
    BREAK(parent->tables, parent->tables + 1, "a space's count of promised tables is wrong");
    BREAK(region->flags, region->flags | REGION_LOCKED, "a space's count of promised pages is wrong");
    BREAK(mm.promised, mm.promised + 1, "the sum of promised pages is wrong");
    BREAK(mm.pinned, mm.pinned - 1, "the sum of pinned frames is wrong");
    BREAK(mm.store_frames, mm.store_share + 1, "the store has more frames than its share");
    BREAK(child->asid, parent->asid, "two spaces have one ASID");
    BREAK(child->asid, mm.asid_next, "an ASID is in use that was not given out");
}

/* ---- Objects ---- */

static void test_objects(void **state)
{
    entry_t *entry = tree_find(&object->tree, 1), *other = tree_find(&object->tree, 0);
    struct region *region = region_at(parent, FILED >> PAGE_SHIFT);

    (void)state;
    BREAK(object->pages, object->pages + 1, "an object's count of pages is wrong");
    BREAK(object->unsynced, object->unsynced + 1, "an object's count of dirty pages is wrong");
    BREAK(object->writers, 0, "an object's count of writers is wrong");
    BREAK(object->references, 0, "an object has fewer references than regions");
    BREAK(object->promised, 3, "an object's pages are not promised");
    BREAK(object->tree.nodes, 2, "an object's count of tables is wrong");
    BREAK(object->tables, 0, "an object has tables that nothing promised");
    BREAK(object->bytes, AT(1), "a page beyond the object's end is mapped");
    BREAK(*entry, *other, "an object's entry names a frame of another page");
    BREAK(*entry, entry_of_frame(mm.count) | ENTRY_V, "an object's entry reaches beyond the pool");
    BREAK(region->offset, 1, "an object's frame is mapped at another page");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_free_list, start, stop),
        cmocka_unit_test_setup_teardown(test_descriptors, start, stop),
        cmocka_unit_test_setup_teardown(test_reverse_map, start, stop),
        cmocka_unit_test_setup_teardown(test_entries, start, stop),
        cmocka_unit_test_setup_teardown(test_slots, start, stop),
        cmocka_unit_test_setup_teardown(test_tables, start, stop),
        cmocka_unit_test_setup_teardown(test_regions, start, stop),
        cmocka_unit_test_setup_teardown(test_promises, start, stop),
        cmocka_unit_test_setup_teardown(test_objects, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
