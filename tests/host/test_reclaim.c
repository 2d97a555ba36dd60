/*
 * Which pages leave when frames are short, in which order, and how: the clock of mm/vm/reclaim.c, over the simulated hart.
 *
 * Frames are taken by calling reclaim() for them, so that nothing but the policy decides; the hart's TLB has one entry, so
 * that an access is one of the page and not of the TLB.
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

#define DATA       0x40000000ull
#define TEXT       0x50000000ull
#define AT(page)   ((va_t)(page)*PAGE_BYTES)
#define READ_WRITE (MAP_READ | MAP_WRITE)
#define TAIL_PAGES 24u

static struct space *space;

static int start_with(uint32_t spare, unsigned tlb_entries, unsigned flash_blocks)
{
    struct rig_config config = { .seed = 1,
                                 .asid_bits = 16,
                                 .tlb_entries = tlb_entries,
                                 .spare_pages = spare,
                                 .tail_pages = TAIL_PAGES,
                                 .flash_blocks = flash_blocks,
                                 .hardware_ad = true };

    rig_start(&config);
    space = space_create("unit");
    return space ? 0 : -1;
}

static int start(void **state)
{
    (void)state;
    return start_with(200, 1, 64);
}

static int start_with_a_tlb(void **state)
{
    (void)state;
    return start_with(200, 64, 64);
}

static int start_without_flash(void **state)
{
    (void)state;
    return start_with(200, 1, 0);
}

static int stop(void **state)
{
    (void)state;
    rig_check();
    rig_leave(space);
    space_put(space);
    rig_check();
    rig_stop();
    return 0;
}

/* ---- Shorthand ---- */

static void map(va_t address, uint32_t pages, uint32_t protection, struct object *object)
{
    struct map_request request = {
        .address = address, .bytes = AT(pages), .protection = protection, .flags = REGION_FIXED, .object = object
    };

    assert_int_equal(RIG_WAIT(space_map(space, &request)), (int64_t)address);
}

static void map_text(uint32_t pages)
{
    struct object *object;
    uint32_t node = rig_file("text", pages);

    assert_int_equal(RIG_WAIT(object_of_node(node, &object)), 0);
    map(TEXT, pages, MAP_READ | MAP_EXECUTE, object);
    object_put(object);
}

static void store(va_t va, uint64_t word)
{
    assert_int_equal(rig_store(space, va, &word, sizeof(word)), 0);
}

static uint64_t load(va_t va)
{
    uint64_t word = 0;

    assert_int_equal(rig_load(space, va, &word, sizeof(word)), 0);
    return word;
}

static void load_all(va_t va, uint32_t pages)
{
    for (uint32_t page = 0; page < pages; page++)
        (void)load(va + AT(page));
}

static void store_all(va_t va, uint32_t pages)
{
    for (uint32_t page = 0; page < pages; page++)
        store(va + AT(page), page + 1);
}

/* Contents that do not compress. */
static void store_noise(va_t va)
{
    uint64_t words[PAGE_BYTES / sizeof(uint64_t)];

    for (unsigned i = 0; i < PAGE_BYTES / sizeof(uint64_t); i++)
        words[i] = rig_random();
    assert_int_equal(rig_store(space, va, words, sizeof(words)), 0);
}

static uint32_t frame_behind(va_t va)
{
    return entry_frame(*space_entry(space, (uint32_t)(va >> PAGE_SHIFT)));
}

static bool resident(va_t va)
{
    struct page_info info;

    space_page(space, va, &info);
    return info.state == PAGE_RESIDENT;
}

static uint32_t resident_among(va_t va, uint32_t pages)
{
    uint32_t count = 0;

    for (uint32_t page = 0; page < pages; page++)
        count += resident(va + AT(page));
    return count;
}

/* At least so many pages leave; what is saved takes a frame of the tail now and then, and makes one more leave. */
static void push_out(uint32_t pages)
{
    uint32_t stay = mm.kinds[FRAME_ANONYMOUS] + mm.kinds[FRAME_OBJECT] - pages;

    while (mm.kinds[FRAME_ANONYMOUS] + mm.kinds[FRAME_OBJECT] > stay) {
        int error = RIG_WAIT(reclaim(mm.free + 1));

        assert_true(error == 0 || mm.kinds[FRAME_ANONYMOUS] + mm.kinds[FRAME_OBJECT] <= stay);
    }
}

/* ---- Who leaves ---- */

static void test_clean_before_dirty(void **state)
{
    (void)state;
    map(DATA, 40, READ_WRITE, NULL);
    map_text(40);
    store_all(DATA, 40);
    load_all(TEXT, 40);
    push_out(40);
    assert_int_equal(resident_among(TEXT, 40), 0);
    assert_int_equal(resident_among(DATA, 40), 40);
    assert_int_equal(mm.evict_dirty, 0);
    /* Credits put a write off, they do not forbid it. */
    push_out(10);
    assert_in_range(resident_among(DATA, 40), 25, 30);
    assert_int_equal(mm.evict_dirty, 40 - resident_among(DATA, 40));
}

/* A page that came back and was not stored to since is clean: its copy is as good as ever. */
static void test_a_live_copy_is_clean(void **state)
{
    uint64_t written;

    (void)state;
    map(DATA, 40, READ_WRITE, NULL);
    store_all(DATA, 40);
    push_out(40);
    assert_int_equal(mm.evict_dirty, 40);
    load_all(DATA, 20);
    store_all(DATA + AT(20), 20);
    written = mm.evict_dirty;
    push_out(20);
    assert_int_equal(resident_among(DATA, 20), 0);
    assert_int_equal(resident_among(DATA + AT(20), 20), 20);
    assert_int_equal(mm.evict_dirty, written);
}

static void test_accessed_pages_get_another_round(void **state)
{
    (void)state;
    map_text(60);
    load_all(TEXT, 60);
    push_out(1); /* every page has lost its A */
    for (unsigned round = 0; round < 5; round++) {
        load_all(TEXT + AT(45), 15);
        push_out(8);
        assert_int_equal(resident_among(TEXT + AT(45), 15), 15);
    }
    assert_in_range(resident_among(TEXT, 45), 45 - 1 - 5 * 8, 45 - 5 * 8);
    /* Without accesses they go as all others do. */
    push_out(resident_among(TEXT, 60));
    assert_int_equal(resident_among(TEXT, 60), 0);
}

/*
 * A stream of pages that are stored to once runs past a program that is in use. Its text may go once in each turn of all
 * frames (new dirty pages have more credits than it): 61 loads here, 1,200 if it went each time that a page is looked for.
 */
static void test_text_in_use_stays(void **state)
{
    const uint32_t text = 20, stream = 600;

    (void)state;
    map_text(text);
    map(DATA, stream, READ_WRITE, NULL);
    for (uint32_t page = 0; page < stream; page++) {
        store_noise(DATA + AT(page));
        if (page % 10 == 0)
            load_all(TEXT, text);
    }
    assert_true(mm.evict_dirty > stream / 2);
    assert_true(mm.faults[FAULT_FILE] < 4 * text);
    rig_check();
}

/* ---- A full tail ---- */

static void give_credits(va_t va, uint32_t pages)
{
    for (uint32_t page = 0; page < pages; page++)
        frame_at(frame_behind(va + AT(page)))->bits |= FRAME_CREDITS;
}

/* More data than the tail holds, in frames, and text that was in use for long. */
static void fill_frames(void)
{
    map_text(30);
    map(DATA, 120, READ_WRITE, NULL);
    for (uint32_t page = 0; page < 120; page++)
        store_noise(DATA + AT(page));
    load_all(TEXT, 30);
    give_credits(TEXT, 30);
}

/* Until a page that is to leave has to wait; text goes on being used. */
static void fill_the_tail(void)
{
    int error;

    do {
        load_all(TEXT, 30);
        give_credits(TEXT, 30);
        error = reclaim(mm.free + 1);
    } while (!error);
    assert_int_equal(error, -EAGAIN);
    assert_in_range(resident_among(DATA, 120), 120 - TAIL_PAGES, 119);
}

/*
 * While the store is behind, however often one asks, nothing is aged: text that was in use a moment ago stays, and the
 * victim that waits stays the same.
 */
static void test_waiting_ages_nobody(void **state)
{
    uint32_t victim, data, wanted;

    (void)state;
    fill_frames();
    fill_the_tail();
    load_all(TEXT, 30);
    data = resident_among(DATA, 120);
    victim = mm.hand;
    wanted = mm.free + 8;
    for (unsigned again = 0; again < 100; again++)
        assert_int_equal(reclaim(wanted), -EAGAIN);
    assert_int_equal(mm.hand, victim);
    assert_int_equal(resident_among(DATA, 120), data);
    assert_int_equal(resident_among(TEXT, 30), 30);
    /* Once the store has worked it is that page's turn, and that of some behind it. */
    assert_int_equal(RIG_WAIT(reclaim(wanted)), 0);
    assert_true(resident_among(DATA, 120) < data);
    assert_int_equal(resident_among(TEXT, 30), 30);
}

/* What many rounds without an access come to. */
static void make_idle(va_t va)
{
    frame_at(frame_behind(va))->bits &= (uint8_t)~FRAME_CREDITS;
    *space_entry(space, (uint32_t)(va >> PAGE_SHIFT)) &= ~ENTRY_A;
    space_flush_page(space, va);
    mm.none_idle = false;
}

/* Pages that are idle and clean need no room in the tail: they go before anybody waits. */
static void test_idle_clean_pages_go_at_once(void **state)
{
    uint32_t data, victim;

    (void)state;
    fill_frames();
    fill_the_tail();
    data = resident_among(DATA, 120);
    victim = mm.hand;
    for (uint32_t page = 0; page < 20; page++)
        make_idle(TEXT + AT(page));
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(reclaim(mm.free + 1), 0);
    assert_int_equal(reclaim(mm.free + 1), -EAGAIN);
    assert_int_equal(resident_among(TEXT, 20), 0);
    assert_int_equal(resident_among(TEXT + AT(20), 10), 10);
    assert_int_equal(resident_among(DATA, 120), data);
    assert_int_equal(mm.hand, victim);
}

/* ---- A store that takes nothing more ---- */

/*
 * Dirty pages have nowhere to go: those that are clean go, but not the last that an instruction may need, or a task would
 * put out one with the other for ever.
 */
static void test_the_last_clean_pages_stay(void **state)
{
    const uint32_t clean = 10, dirty = 150;

    (void)state;
    map(DATA, clean + dirty, READ_WRITE, NULL);
    for (uint32_t page = 0; page < clean; page++)
        store_noise(DATA + AT(page));
    push_out(clean);
    for (uint32_t page = 0; page < dirty; page++)
        store_noise(DATA + AT(clean + page));
    while (!mm.store_full) {
        load_all(DATA, clean);
        assert_int_equal(RIG_WAIT(reclaim(mm.free + 1)), 0);
    }
    while (!RIG_WAIT(reclaim(mm.free + 1)))
        ;
    assert_int_equal(resident_among(DATA, clean), 4);
    /* When somebody has made room, nobody is held back. */
    assert_int_equal(RIG_WAIT(space_unmap(space, DATA + AT(clean), AT(dirty))), 0);
    while (!RIG_WAIT(reclaim(mm.free + 1)))
        ;
    assert_int_equal(resident_among(DATA, clean), 0);
}

/* ---- How they leave ---- */

/* Every space's translation is gone from the TLB before the frame is read out or somebody else's. */
static void test_unmapped_and_flushed_before_reuse(void **state)
{
    struct space *child;
    uint64_t flushes;
    uint32_t frame;

    (void)state;
    map(DATA, 8, READ_WRITE, NULL);
    store_all(DATA, 8);
    assert_int_equal(RIG_WAIT(space_fork(space, &child)), 0);
    assert_int_equal(load(DATA), 1);
    assert_int_equal(mmu_cached(space_activate(space), DATA), 1);
    rig_speculate(child, DATA);
    assert_int_equal(mmu_cached(space_activate(child), DATA), 1);
    frame = frame_behind(DATA);
    flushes = mmu_figures()->flushes_page;
    assert_int_equal(RIG_WAIT(frame_evict(frame)), 0);
    assert_int_equal(mmu_figures()->flushes_page, flushes + 2);
    assert_int_equal(mmu_cached(space_activate(space), DATA), 0);
    assert_int_equal(mmu_cached(space_activate(child), DATA), 0);
    assert_int_equal(frame_at(frame)->kind, FRAME_FREE);
    /* The next page gets this very frame; both still see what was theirs. */
    map(DATA + AT(100), 1, READ_WRITE, NULL);
    store(DATA + AT(100), 77);
    assert_int_equal(frame_behind(DATA + AT(100)), frame);
    assert_int_equal(load(DATA), 1);
    rig_leave(space);
    space_put(child);
}

/* A store after the clock has passed is still in the copy: D is looked at once the page can no longer be stored to. */
static void test_the_last_store_is_saved(void **state)
{
    (void)state;
    map(DATA, 1, READ_WRITE, NULL);
    for (uint64_t word = 1; word < 20; word++) {
        store(DATA, word);
        push_out(1);
        assert_false(resident(DATA));
        assert_int_equal(load(DATA), word);
    }
}

static void test_zeros_cost_nothing(void **state)
{
    (void)state;
    map(DATA, 10, READ_WRITE, NULL);
    for (uint32_t page = 0; page < 10; page++)
        store(DATA + AT(page), 0);
    push_out(10);
    assert_int_equal(mm.evict_zero, 10);
    assert_int_equal(mm.evict_dirty, 0);
    assert_int_equal(load(DATA + AT(3)), 0);
}

/* A copy that is out of date goes with the store, and is never written to flash. */
static void test_a_stale_copy_goes_at_once(void **state)
{
    struct store_statistics before, after;

    (void)state;
    map(DATA, 10, READ_WRITE, NULL);
    map_text(10);
    store_all(DATA, 10);
    push_out(10);
    load_all(DATA, 10);
    store_statistics(mm_store(), &before);
    assert_int_equal(before.slots_used, 10);
    store_all(DATA, 10);
    store_statistics(mm_store(), &after);
    assert_int_equal(after.slots_used, 0);
    load_all(TEXT, 10);
    push_out(10);
    assert_int_equal(resident_among(DATA, 10), 10);
}

#define UNIT(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(test_clean_before_dirty),
        UNIT(test_a_live_copy_is_clean),
        UNIT(test_accessed_pages_get_another_round),
        UNIT(test_text_in_use_stays),
        UNIT(test_waiting_ages_nobody),
        UNIT(test_idle_clean_pages_go_at_once),
        cmocka_unit_test_setup_teardown(test_the_last_clean_pages_stay, start_without_flash, stop),
        cmocka_unit_test_setup_teardown(test_unmapped_and_flushed_before_reuse, start_with_a_tlb, stop),
        UNIT(test_the_last_store_is_saved),
        UNIT(test_zeros_cost_nothing),
        UNIT(test_a_stale_copy_goes_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
