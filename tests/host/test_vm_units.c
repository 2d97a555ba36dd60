/*
 * The memory code, one behaviour a test, over the simulated hart and a real store: which fault does what, what is shared and
 * copied, what leaves and comes back, what is promised and refused, what is durable.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mm/vm/object.h"
#include "mm/vm/space.h"
#include "mm/vm/vm.h"
#include "tests/host/vm_rig.h"

#define AREA       0x40000000ull
#define TEXT       0x50000000ull
#define OTHER      0x60000000ull
#define AT(page)   ((page)*PAGE_BYTES)
#define READ_WRITE (MAP_READ | MAP_WRITE)

static struct space *space;

static int start_with(uint32_t spare, uint32_t blocks, unsigned asid_bits, bool hardware_ad)
{
    struct rig_config config = { .seed = 1,
                                 .asid_bits = asid_bits,
                                 .tlb_entries = 32,
                                 .spare_pages = spare,
                                 .tail_pages = 24,
                                 .flash_blocks = blocks,
                                 .hardware_ad = hardware_ad,
                                 .cache_invalid = true,
                                 .refill = true,
                                 .pointer_entries = 16 };

    rig_start(&config);
    space = space_create("unit");
    return space ? 0 : -1;
}

static int start(void **state)
{
    (void)state;
    return start_with(200, 16, 16, false);
}

static int start_hardware(void **state)
{
    (void)state;
    return start_with(200, 16, 16, true);
}

static int start_small(void **state)
{
    (void)state;
    return start_with(20, 16, 1, false);
}

static int start_without_flash(void **state)
{
    (void)state;
    return start_with(200, 0, 16, false);
}

static int stop(void **state)
{
    (void)state;
    rig_check();
    if (space) {
        rig_leave(space);
        space_put(space);
    }
    assert_int_equal(RIG_WAIT(object_sync_all()), 0);
    while (object_drop_idle())
        continue;
    rig_check();
    assert_int_equal(mm.kinds[FRAME_TABLE] + mm.kinds[FRAME_ANONYMOUS] + mm.kinds[FRAME_OBJECT], 0);
    assert_int_equal(mm.promised, 0);
    assert_int_equal(mm.pinned, mm.store_share);
    rig_stop();
    return 0;
}

/* ---- Shorthand ---- */

static int64_t try_map(va_t address, uint64_t pages, uint32_t protection, uint32_t flags, struct object *source)
{
    struct map_request request = { .address = address,
                                   .bytes = AT(pages),
                                   .protection = protection,
                                   .flags = flags | REGION_FIXED,
                                   .object = source,
                                   .limit_bytes = AT(64) };

    return RIG_WAIT(space_map(space, &request));
}

static void map(va_t address, uint64_t pages, uint32_t protection, uint32_t flags, struct object *source)
{
    assert_int_equal(try_map(address, pages, protection, flags, source), (int64_t)address);
}

/* One access by the hart of a task in `in`; expects one fault of that kind. */
#define ONE_FAULT(kind, access)                                  \
    do {                                                         \
        uint64_t before_ = mm.faults[kind], all_ = all_faults(); \
        assert_int_equal(access, 0);                             \
        assert_int_equal(mm.faults[kind], before_ + 1);          \
        assert_int_equal(all_faults(), all_ + 1);                \
        rig_check();                                             \
    } while (0)

static uint64_t all_faults(void)
{
    uint64_t sum = 0;

    for (unsigned kind = 0; kind < FAULT_KINDS; kind++)
        sum += kind == FAULT_SPURIOUS ? 0 : mm.faults[kind];
    return sum;
}

static int store(struct space *in, va_t va, uint64_t word)
{
    return rig_store(in, va, &word, sizeof(word));
}

static int load(struct space *in, va_t va)
{
    uint64_t word;

    return rig_load(in, va, &word, sizeof(word));
}

static uint64_t word_at(struct space *in, va_t va)
{
    uint64_t word = 0;

    assert_int_equal(rig_load(in, va, &word, sizeof(word)), 0);
    return word;
}

static uint32_t frame_behind(struct space *in, va_t va)
{
    const entry_t *entry = space_entry(in, (uint32_t)(va >> PAGE_SHIFT));

    return entry && (*entry & ENTRY_U) ? entry_frame(*entry) : 0;
}

static enum page_state state_of(struct space *in, va_t va)
{
    struct page_info info;

    space_page(in, va, &info);
    return info.state;
}

static void evict(struct space *in, va_t va)
{
    assert_int_equal(RIG_WAIT(frame_evict(frame_behind(in, va))), 0);
    rig_check();
}

/* ---- Faults ---- */

static void test_zero(void **state)
{
    (void)state;
    map(AREA, 4, READ_WRITE, 0, NULL);
    ONE_FAULT(FAULT_ZERO_READ, load(space, AREA));
    assert_int_equal(frame_behind(space, AREA), mm.zero);
    ONE_FAULT(FAULT_ZERO, store(space, AREA, 1));
    ONE_FAULT(FAULT_ZERO, store(space, AREA + AT(1), 2));
    assert_int_equal(word_at(space, AREA + AT(1) + 8), 0);
    assert_int_equal(load(space, AREA + AT(4)), -EFAULT);
    assert_int_equal(load(space, 0x1000), -EFAULT);
    assert_int_equal(fault(space, USER_TOP, ACCESS_LOAD), -EFAULT);
    assert_int_equal(fault(space, UINT64_MAX, ACCESS_STORE), -EFAULT);
    assert_int_equal(fault(space, AREA, ACCESS_FETCH), -EACCES);
    assert_int_equal(space_unmap(space, AREA, AT(4)), 0);
    assert_int_equal(space->tree.nodes, 1);
}

static void test_fork_copies_at_stores(void **state)
{
    struct space *child;

    (void)state;
    map(AREA, 4, READ_WRITE, 0, NULL);
    assert_int_equal(store(space, AREA, 1), 0);
    assert_int_equal(store(space, AREA + AT(1), 1), 0);
    assert_int_equal(RIG_WAIT(space_fork(space, &child)), 0);
    assert_int_equal(frame_behind(child, AREA), frame_behind(space, AREA));
    ONE_FAULT(FAULT_COPY, store(space, AREA, 2));
    assert_int_equal(word_at(child, AREA), 1);
    /* Alone again: no copy. */
    ONE_FAULT(FAULT_MAPPED, store(child, AREA, 3));
    /* Put out while shared: one slot for both, one frame when both have read it. */
    evict(space, AREA + AT(1));
    assert_int_equal(state_of(child, AREA + AT(1)), PAGE_TAIL);
    ONE_FAULT(FAULT_TAIL, load(space, AREA + AT(1)));
    ONE_FAULT(FAULT_MAPPED, load(child, AREA + AT(1)));
    assert_int_equal(frame_behind(child, AREA + AT(1)), frame_behind(space, AREA + AT(1)));
    ONE_FAULT(FAULT_COPY, store(child, AREA + AT(1), 4));
    assert_int_equal(word_at(space, AREA + AT(1)), 1);
    rig_leave(child);
    space_put(child);
}

static void test_out_and_in(void **state)
{
    struct mm_statistics before, after;

    (void)state;
    map(AREA, 4, READ_WRITE, 0, NULL);
    assert_int_equal(store(space, AREA, 7), 0);
    assert_int_equal(store(space, AREA + AT(1), 0), 0);
    mm_statistics(&before);
    evict(space, AREA);
    evict(space, AREA + AT(1));
    mm_statistics(&after);
    assert_int_equal(after.evict_dirty, before.evict_dirty + 1);
    assert_int_equal(after.evict_zero, before.evict_zero + 1);
    assert_int_equal(state_of(space, AREA + AT(1)), PAGE_NONE);
    ONE_FAULT(FAULT_TAIL, load(space, AREA));
    /* Clean: it goes again without being written. */
    evict(space, AREA);
    mm_statistics(&after);
    assert_int_equal(after.evict_clean, before.evict_clean + 1);
    assert_int_equal(after.evict_dirty, before.evict_dirty + 1);
    assert_int_equal(word_at(space, AREA), 7);
    /* Stored to: the slot is out of date, and the page is saved anew. */
    assert_int_equal(store(space, AREA, 8), 0);
    evict(space, AREA);
    mm_statistics(&after);
    assert_int_equal(after.evict_dirty, before.evict_dirty + 2);
    assert_int_equal(word_at(space, AREA), 8);
}

/* Where hardware sets D, a cell of RAM that loses it must not make a page that was stored to leave as clean. */
static void test_a_lost_d_loses_nothing(void **state)
{
    (void)state;
    map(AREA, 1, READ_WRITE, 0, NULL);
    assert_int_equal(store(space, AREA, 7), 0);
    evict(space, AREA);
    ONE_FAULT(FAULT_TAIL, load(space, AREA));
    assert_int_not_equal(frame_at(frame_behind(space, AREA))->slot, 0);
    assert_int_equal(store(space, AREA, 8), 0);
    *space_entry(space, AREA >> PAGE_SHIFT) &= ~ENTRY_D;
    evict(space, AREA);
    assert_int_equal(word_at(space, AREA), 8);
}

static void test_files(void **state)
{
    uint32_t node = rig_file("text", 3);
    struct object *object;
    struct space *child;

    (void)state;
    assert_int_equal(RIG_WAIT(object_of_node(node, &object)), 0);
    map(TEXT, 3, MAP_READ | MAP_EXECUTE, 0, object);
    map(AREA, 4, READ_WRITE, 0, object);
    map(OTHER, 3, READ_WRITE, REGION_SHARED, object);
    ONE_FAULT(FAULT_FILE, load(space, TEXT));
    ONE_FAULT(FAULT_MAPPED, load(space, AREA));
    assert_int_equal(frame_behind(space, TEXT), frame_behind(space, AREA));
    ONE_FAULT(FAULT_COPY, store(space, AREA, 1));
    assert_int_equal(word_at(space, TEXT), 0x6161616161616161ull);
    assert_int_equal(RIG_WAIT(space_fork(space, &child)), 0);
    ONE_FAULT(FAULT_FILE, store(space, OTHER + AT(1), 2));
    assert_int_equal(word_at(child, OTHER + AT(1)), 2);
    assert_int_equal(word_at(child, TEXT + AT(1)), 2);
    assert_int_equal(load(space, AREA + AT(3)), -ENXIO);
    /* Unmodified pages are dropped, modified ones go to a slot. */
    evict(space, TEXT);
    assert_int_equal(state_of(space, TEXT), PAGE_NONE);
    evict(child, TEXT + AT(1));
    assert_int_equal(state_of(space, OTHER + AT(1)), PAGE_TAIL);
    assert_int_equal(word_at(space, OTHER + AT(1)), 2);
    object_put(object);
    rig_leave(child);
    space_put(child);
}

static void test_spurious_faults_are_bounded(void **state)
{
    unsigned repeats = 0;
    int error;

    (void)state;
    map(AREA, 2, READ_WRITE, 0, NULL);
    assert_int_equal(fault(space, AREA, ACCESS_STORE), 0);
    while ((error = fault(space, AREA, ACCESS_STORE)) == 0)
        assert_true(++repeats <= 1000);
    assert_int_equal(error, -EIO);
    assert_int_equal(repeats, 1000);
    assert_int_equal(fault(space, AREA + AT(1), ACCESS_STORE), 0);
    assert_int_equal(fault(space, AREA, ACCESS_STORE), 0);
}

/* ---- Shapes ---- */

static void test_regions_merge_and_split(void **state)
{
    (void)state;
    map(AREA, 4, READ_WRITE, 0, NULL);
    map(AREA + AT(4), 4, READ_WRITE, 0, NULL);
    assert_int_equal(space->regions, 1);
    assert_int_equal(space_protect(space, AREA + AT(2), AT(2), MAP_READ), 0);
    assert_int_equal(space->regions, 3);
    assert_int_equal(space_protect(space, AREA + AT(2), AT(2), READ_WRITE), 0);
    assert_int_equal(space->regions, 1);
    assert_int_equal(space_unmap(space, AREA + AT(1), AT(1)), 0);
    assert_int_equal(space->regions, 2);
    assert_int_equal(space_protect(space, AREA, AT(8), MAP_READ), -EFAULT);
    assert_int_equal(space_protect(space, AREA, AT(1), MAP_WRITE | MAP_EXECUTE), -EACCES);
    assert_int_equal(try_map(AREA, 1, MAP_WRITE | MAP_EXECUTE, 0, NULL), -EACCES);
    assert_int_equal(try_map(AREA, 1, MAP_READ, REGION_NOREPLACE, NULL), -EEXIST);
}

static void test_no_access_keeps_the_page(void **state)
{
    (void)state;
    map(AREA, 1, READ_WRITE, 0, NULL);
    assert_int_equal(store(space, AREA, 5), 0);
    assert_int_equal(space_protect(space, AREA, AT(1), 0), 0);
    rig_check();
    assert_int_equal(load(space, AREA), -EACCES);
    evict(space, AREA);
    assert_int_equal(space_protect(space, AREA, AT(1), MAP_READ), 0);
    assert_int_equal(word_at(space, AREA), 5);
    assert_int_equal(store(space, AREA, 6), -EACCES);
}

static void test_stack_grows_to_its_guard(void **state)
{
    va_t top = AREA + AT(100);

    (void)state;
    map(top - AT(2), 2, READ_WRITE, REGION_GROWSDOWN, NULL);
    map(top - AT(50), 1, READ_WRITE, 0, NULL);
    assert_int_equal(store(space, top - AT(10), 1), 0);
    assert_int_equal(region_at(space, (uint32_t)((top - AT(10)) >> PAGE_SHIFT))->start, (top - AT(10)) >> PAGE_SHIFT);
    assert_int_equal(store(space, top - AT(33), 1), 0);
    assert_int_equal(store(space, top - AT(34), 1), -EFAULT);
    assert_int_equal(space_unmap(space, top - AT(50), AT(1)), 0);
    assert_int_equal(store(space, top - AT(64), 1), 0);
    assert_int_equal(store(space, top - AT(65), 1), -EFAULT);
}

static void test_moving_shared_pages(void **state)
{
    struct space *child;

    (void)state;
    map(AREA, 4, READ_WRITE, 0, NULL);
    assert_int_equal(store(space, AREA, 1), 0);
    assert_int_equal(RIG_WAIT(space_fork(space, &child)), 0);
    assert_int_equal(store(space, AREA + AT(1), 2), 0);
    assert_int_equal(RIG_WAIT(space_remap(space, AREA, AT(4), AT(8), REMAP_MAYMOVE | REMAP_FIXED, OTHER)),
                     (int64_t)OTHER);
    rig_check();
    assert_int_equal(word_at(space, OTHER), 1);
    assert_int_equal(word_at(space, OTHER + AT(1)), 2);
    assert_int_equal(word_at(child, AREA), 1);
    assert_int_equal(load(space, AREA), -EFAULT);
    assert_int_equal(store(space, OTHER, 3), 0);
    assert_int_equal(word_at(child, AREA), 1);
    assert_int_equal(RIG_WAIT(space_remap(space, OTHER, AT(8), AT(1), 0, 0)), (int64_t)OTHER);
    assert_int_equal(RIG_WAIT(space_remap(space, OTHER, AT(1), AT(3), 0, 0)), (int64_t)OTHER);
    assert_int_equal(space->regions, 1);
    assert_int_equal(space->mapped, 3);
    rig_leave(child);
    space_put(child);
}

static void test_asids_run_out(void **state)
{
    struct space *others[3];

    (void)state;
    map(AREA, 1, READ_WRITE, 0, NULL);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(RIG_WAIT(space_fork(space, &others[i])), 0);
    for (uint64_t turn = 0; turn < 3; turn++)
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(store(others[i], AREA, 10 * i + turn), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(word_at(others[i], AREA), 10 * i + 2);
    assert_true(mm.generation > 3);
    rig_leave(space);
    for (unsigned i = 0; i < 3; i++)
        space_put(others[i]);
}

/* ---- Promises ---- */

static void test_refused_at_map_time(void **state)
{
    struct mm_statistics before, after;
    uint64_t room;

    (void)state;
    mm_statistics(&before);
    room = before.promise_limit_pages - before.promised_pages;
    assert_int_equal(try_map(AREA, room + 1, READ_WRITE, 0, NULL), -ENOMEM);
    mm_statistics(&after);
    assert_int_equal(after.promised_pages, before.promised_pages);
    assert_int_equal(after.pinned_frames, before.pinned_frames);
    assert_int_equal(mm_check(), 0);
    /* Unwritable and unreserved memory of any size is granted. */
    map(AREA, room * 4, MAP_READ, 0, NULL);
    map(OTHER, 1u << 20, READ_WRITE, REGION_NORESERVE, NULL);
    assert_int_equal(try_map(AREA, room * 4, READ_WRITE, 0, NULL), -ENOMEM);
    assert_int_equal(space_protect(space, AREA, AT(room * 4), READ_WRITE), -ENOMEM);
    assert_int_equal(mm_check(), 0);
    assert_int_equal(load(space, AREA), 0);
}

/* Two regions in one node of the lowest level, one far away: three nodes of level 1, two of level 2. */
static void test_tables_are_counted_exactly(void **state)
{
    (void)state;
    map(AREA, 1, MAP_READ, 0, NULL);
    assert_int_equal(space->tables, 2);
    map(AREA + AT(100), 1, MAP_READ, 0, NULL);
    assert_int_equal(space->tables, 2);
    map(AREA + AT(511), 2, MAP_READ, 0, NULL);
    assert_int_equal(space->tables, 3);
    map(AREA + (1ull << 31), 1, MAP_READ, 0, NULL);
    assert_int_equal(space->tables, 5);
    assert_int_equal(space_unmap(space, AREA, AT(1)), 0);
    assert_int_equal(space->tables, 5);
    assert_int_equal(space_unmap(space, AREA + AT(100), AT(412)), 0);
    assert_int_equal(space->tables, 4);
    map(OTHER, 1, 0, 0, NULL);
    assert_int_equal(space->tables, 4);
    assert_int_equal(space_protect(space, OTHER, AT(1), MAP_READ), 0);
    assert_int_equal(space->tables, 5);
}

/* As much as can be promised; the pages of it. */
static uint64_t map_all(void)
{
    struct mm_statistics statistics;
    uint64_t pages;

    mm_statistics(&statistics);
    pages = statistics.promise_limit_pages - 8;
    while (try_map(AREA, pages, READ_WRITE, 0, NULL) < 0)
        pages--;
    assert_true(pages > statistics.frames_total);
    return pages;
}

/* Everything that was granted can be stored to and read back, with frames for a fraction of it. */
static void fill_and_look(uint64_t pages)
{
    uint64_t word;

    for (uint64_t page = 0; page < pages; page++) {
        uint64_t contents[512];

        for (unsigned i = 0; i < 512; i++)
            contents[i] = rig_random();
        contents[0] = page;
        assert_int_equal(RIG_WAIT(space_write(space, AREA + AT(page), contents, sizeof(contents))), 0);
    }
    rig_check();
    for (uint64_t page = 0; page < pages; page++) {
        assert_int_equal(RIG_WAIT(space_read(space, &word, AREA + AT(page), sizeof(word))), 0);
        assert_int_equal(word, page);
    }
}

static void test_promised_pages_fit(void **state)
{
    (void)state;
    fill_and_look(map_all());
}

/* The tree takes frames as it grows: what is promised to pages, and the tail's share, is not among them. */
static void test_names_take_nobodys_frames(void **state)
{
    uint64_t pages = map_all();
    uint32_t node, made = 0;
    char name[16];
    int error;

    (void)state;
    do {
        (void)snprintf(name, sizeof(name), "name %u", made++);
        error = node_make(mm_store(), NODE_ROOT, name, 0100644, &node);
    } while (!error);
    assert_int_equal(error, -ENOMEM);
    assert_in_range(made, 32, 1000);
    rig_check();
    fill_and_look(pages);
}

static void test_locked_pages_stay(void **state)
{
    (void)state;
    map(AREA, 4, READ_WRITE, 0, NULL);
    assert_int_equal(RIG_WAIT(space_lock(space, AREA, AT(2), true)), 0);
    assert_int_equal(state_of(space, AREA + AT(1)), PAGE_RESIDENT);
    assert_int_equal(frame_evict(frame_behind(space, AREA)), -EBUSY);
    assert_int_equal(space->locked, 2);
    assert_int_equal(space->promised, 2);
    assert_int_equal(space_advise(space, AREA, AT(1), ADVICE_DROP), -EINVAL);
    rig_check();
    assert_int_equal(RIG_WAIT(space_lock(space, AREA, AT(4), false)), 0);
    assert_int_equal(space->promised, 4);
    evict(space, AREA);
    assert_int_equal(space_lock(space, AREA, AT(5), true), -EFAULT);
}

/* Without flash nothing ever leaves the tail: advice ends when it is full, and is not waited for. */
static void test_advice_ends_at_a_full_tail(void **state)
{
    const uint64_t pages = 60;
    uint64_t word, resident = 0;

    (void)state;
    map(AREA, pages, READ_WRITE, 0, NULL);
    for (uint64_t page = 0; page < pages; page++) {
        uint64_t contents[512];

        for (unsigned i = 0; i < 512; i++)
            contents[i] = rig_random();
        contents[0] = page;
        assert_int_equal(space_write(space, AREA + AT(page), contents, sizeof(contents)), 0);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(space_advise(space, AREA, AT(pages), ADVICE_OUT), 0);
    for (uint64_t page = 0; page < pages; page++)
        resident += state_of(space, AREA + AT(page)) == PAGE_RESIDENT;
    assert_in_range(resident, pages - 24, pages - 10);
    rig_check();
    for (uint64_t page = 0; page < pages; page++) {
        assert_int_equal(space_read(space, &word, AREA + AT(page), sizeof(word)), 0);
        assert_int_equal(word, page);
    }
}

static void test_limit_of_the_space(void **state)
{
    (void)state;
    assert_int_equal(space_limit(space, AT(8)), 0);
    map(AREA, 8, MAP_READ, 0, NULL);
    assert_int_equal(try_map(OTHER, 1, MAP_READ, 0, NULL), -ENOMEM);
    map(AREA, 8, READ_WRITE, 0, NULL);
    assert_int_equal(RIG_WAIT(space_remap(space, AREA, AT(8), AT(9), REMAP_MAYMOVE, 0)), -ENOMEM);
}

/* ---- Copies ---- */

static void test_user_copies(void **state)
{
    char text[16];
    uint32_t old;

    (void)state;
    map(AREA, 2, READ_WRITE, 0, NULL);
    assert_int_equal(RIG_WAIT(space_write(space, AREA + PAGE_BYTES - 3, "across", 7)), 0);
    assert_int_equal(RIG_WAIT(space_read_string(space, text, AREA + PAGE_BYTES - 3, sizeof(text))), 6);
    assert_string_equal(text, "across");
    assert_int_equal(RIG_WAIT(space_read_string(space, text, AREA + PAGE_BYTES - 3, 6)), -ENAMETOOLONG);
    assert_int_equal(space_read(space, text, AREA + AT(2) - 1, 2), -EFAULT);
    assert_int_equal(space_read(space, text, UINT64_MAX - 1, 16), -EFAULT);
    assert_int_equal(space_protect(space, AREA, AT(1), MAP_READ), 0);
    assert_int_equal(space_write(space, AREA, "x", 1), -EACCES);
    assert_int_equal(space_zero(space, AREA + AT(1), 8), 0);
    assert_int_equal(RIG_WAIT(space_compare_swap(space, AREA + AT(1), 0, 9, &old)), 0);
    assert_int_equal(old, 0);
    assert_int_equal(RIG_WAIT(space_compare_swap(space, AREA + AT(1), 0, 8, &old)), 0);
    assert_int_equal(old, 9);
    assert_int_equal(space_compare_swap(space, AREA + AT(1) + 2, 0, 8, &old), -EINVAL);
}

/* ---- Durability ---- */

static void read_durable(uint32_t node, uint32_t index, uint64_t *word)
{
    uint64_t page[512];

    assert_int_equal(RIG_WAIT(node_read_page(mm_store(), node, index, page)), 0);
    *word = page[0];
}

/* What is stored after a page was written stays dirty beyond the commit. */
static void test_stores_during_a_sync(void **state)
{
    uint32_t node = rig_file("data", 4);
    struct object *object;
    uint64_t word;
    int error;

    (void)state;
    assert_int_equal(RIG_WAIT(object_of_node(node, &object)), 0);
    map(AREA, 4, READ_WRITE, REGION_SHARED, object);
    assert_int_equal(store(space, AREA, 1), 0);
    assert_int_equal(store(space, AREA + AT(1), 1), 0);
    evict(space, AREA + AT(1));
    error = object_sync(object);
    assert_int_equal(error, -EAGAIN);
    while (frame_behind(space, AREA) && !(frame_at(frame_behind(space, AREA))->bits & FRAME_WRITTEN)) {
        rig_step();
        error = object_sync(object);
    }
    assert_int_equal(store(space, AREA, 2), 0);
    while (mm.syncing) {
        rig_step();
        mm_step();
        rig_check();
    }
    read_durable(node, 0, &word);
    assert_int_equal(word, 1);
    assert_int_equal(word_at(space, AREA), 2);
    assert_int_equal(RIG_WAIT(object_sync(object)), 0);
    read_durable(node, 0, &word);
    assert_int_equal(word, 2);
    read_durable(node, 1, &word);
    assert_int_equal(word, 1);
    assert_int_equal(object->unsynced, 0);
    assert_int_equal(RIG_WAIT(space_sync(space, AREA, AT(4))), 0);
    object_put(object);
}

/* What was cut off does not come back when the file grows again, synced between or not. */
static void test_cut_and_grown(void **state)
{
    uint32_t node = rig_file("cut", 4);
    struct object *object;
    uint8_t page[PAGE_BYTES];

    (void)state;
    assert_int_equal(RIG_WAIT(object_of_node(node, &object)), 0);
    map(AREA, 4, MAP_READ, REGION_SHARED, object);
    assert_int_equal(load(space, AREA + AT(2)), 0);
    assert_int_equal(RIG_WAIT(object_resize(object, AT(1) + 10)), 0);
    rig_check();
    assert_int_equal(load(space, AREA + AT(2)), -ENXIO);
    assert_int_equal(RIG_WAIT(object_resize(object, AT(3))), 0);
    assert_int_equal(word_at(space, AREA + AT(2)), 0);
    assert_int_equal(RIG_WAIT(object_read(object, AT(1), NULL, (va_t)(uintptr_t)page, PAGE_BYTES)), PAGE_BYTES);
    assert_int_equal(page[9], 'b');
    assert_int_equal(page[10], 0);
    assert_int_equal(RIG_WAIT(object_read(object, AT(2) + 100, NULL, (va_t)(uintptr_t)page, PAGE_BYTES)),
                     PAGE_BYTES - 100);
    assert_int_equal(RIG_WAIT(object_sync(object)), 0);
    assert_int_equal(RIG_WAIT(node_read_page(mm_store(), node, 1, page)), 0);
    assert_int_equal(page[10], 0);
    assert_int_equal(RIG_WAIT(node_read_page(mm_store(), node, 2, page)), 0);
    assert_int_equal(page[0], 0);
    object_put(object);
}

/* Emptied and as long again as on flash: its size is the old one, its contents are not. */
static void test_same_size_again(void **state)
{
    uint32_t node = rig_file("same", 2);
    struct node_info info;
    struct object *object;
    uint64_t word;

    (void)state;
    assert_int_equal(RIG_WAIT(object_of_node(node, &object)), 0);
    assert_int_equal(RIG_WAIT(object_resize(object, 0)), 0);
    assert_int_equal(RIG_WAIT(object_resize(object, AT(2))), 0);
    assert_int_equal(RIG_WAIT(object_sync(object)), 0);
    assert_int_equal(node_get(mm_store(), node, &info), 0);
    assert_int_equal(info.bytes, AT(2));
    read_durable(node, 1, &word);
    assert_int_equal(word, 0);
    object_put(object);
}

/* The entries of a region that lies in two nodes, the first of them missing, move away: no node stays behind. */
static void test_moving_across_nodes(void **state)
{
    (void)state;
    map(AREA - AT(4), 8, READ_WRITE, 0, NULL);
    assert_int_equal(store(space, AREA + AT(1), 1), 0);
    assert_int_equal(RIG_WAIT(space_remap(space, AREA - AT(4), AT(8), AT(9), REMAP_MAYMOVE | REMAP_FIXED, OTHER)),
                     (int64_t)OTHER);
    rig_check();
    assert_int_equal(word_at(space, OTHER + AT(5)), 1);
    assert_int_equal(space->tree.nodes, 3);
}

/* Nobody has it open, and it is dirty: it is kept, and found by who syncs everything. */
static void test_closed_and_dirty(void **state)
{
    uint32_t node = rig_file("left", 1);
    struct object *object;
    uint64_t word = 77;

    (void)state;
    assert_int_equal(RIG_WAIT(object_of_node(node, &object)), 0);
    assert_int_equal(RIG_WAIT(object_write(object, 0, NULL, (va_t)(uintptr_t)&word, sizeof(word))), sizeof(word));
    object_put(object);
    assert_false(object_drop_idle());
    assert_int_equal(RIG_WAIT(object_sync_all()), 0);
    assert_true(object_drop_idle());
    read_durable(node, 0, &word);
    assert_int_equal(word, 77);
}

static bool refuse_frames(enum mm_request request)
{
    return request == MM_FRAMES;
}

/* A page that is out cannot be brought back for it: nothing of the file is changed, and the next sync begins anew. */
static void test_a_sync_that_gives_up(void **state)
{
    uint32_t node = rig_file("given up", 3);
    struct object *object;
    uint64_t word, before;

    (void)state;
    read_durable(node, 0, &before);
    assert_int_equal(RIG_WAIT(object_of_node(node, &object)), 0);
    map(AREA, 3, READ_WRITE, REGION_SHARED, object);
    assert_int_equal(store(space, AREA + AT(2), 33), 0);
    assert_int_equal(RIG_WAIT(space_advise(space, AREA + AT(2), AT(1), ADVICE_OUT)), 0);
    assert_int_equal(store(space, AREA, 11), 0);
    assert_int_equal(store(space, AREA + AT(1), 22), 0);
    mm_refuse(refuse_frames);
    assert_int_equal(RIG_WAIT(object_sync(object)), -ENOMEM);
    mm_refuse(NULL);
    rig_check();
    read_durable(node, 0, &word);
    assert_int_equal(word, before);
    /* When it is not the caller who finds that out, he is told at his next try, and nothing begins anew. */
    for (; !mm.syncing; rig_step())
        assert_int_equal(object_sync(object), -EAGAIN);
    mm_refuse(refuse_frames);
    while (mm.syncing) {
        rig_step();
        mm_step();
    }
    mm_refuse(NULL);
    assert_int_equal(object_sync(object), -ENOMEM);
    assert_null(mm.syncing);
    rig_check();
    assert_int_equal(RIG_WAIT(object_sync(object)), 0);
    read_durable(node, 0, &word);
    assert_int_equal(word, 11);
    read_durable(node, 1, &word);
    assert_int_equal(word, 22);
    read_durable(node, 2, &word);
    assert_int_equal(word, 33);
    object_put(object);
}

#define UNIT(test)             cmocka_unit_test_setup_teardown(test, start, stop)
#define UNIT_IN(test, machine) cmocka_unit_test_setup_teardown(test, machine, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(test_zero),
        UNIT_IN(test_zero, start_hardware),
        UNIT(test_fork_copies_at_stores),
        UNIT(test_out_and_in),
        UNIT_IN(test_out_and_in, start_hardware),
        UNIT(test_files),
        UNIT(test_spurious_faults_are_bounded),
        UNIT_IN(test_a_lost_d_loses_nothing, start_hardware),
        UNIT(test_regions_merge_and_split),
        UNIT(test_no_access_keeps_the_page),
        UNIT(test_stack_grows_to_its_guard),
        UNIT(test_moving_shared_pages),
        UNIT_IN(test_asids_run_out, start_small),
        UNIT(test_refused_at_map_time),
        UNIT(test_tables_are_counted_exactly),
        UNIT_IN(test_promised_pages_fit, start_small),
        UNIT_IN(test_names_take_nobodys_frames, start_small),
        UNIT(test_locked_pages_stay),
        UNIT_IN(test_advice_ends_at_a_full_tail, start_without_flash),
        UNIT(test_limit_of_the_space),
        UNIT(test_user_copies),
        UNIT(test_stores_during_a_sync),
        UNIT(test_cut_and_grown),
        UNIT(test_same_size_again),
        UNIT(test_closed_and_dirty),
        UNIT(test_a_sync_that_gives_up),
        UNIT(test_moving_across_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
