/*
 * Loads, stores and fetches of tasks, and the kernel's copies.
 */
#include <errno.h>
#include <string.h>

#include "tests/host/vm_operations.h"
#include "tests/host/vm_rig.h"

#define COPY_MAX (3u * PAGE_BYTES)

static const char *const access_names[] = {
    [ACCESS_LOAD] = "load", [ACCESS_STORE] = "store", [ACCESS_FETCH] = "fetch"
};

/* ---- Drawing ---- */

/* An address and a length: mostly small, at times a whole page or across pages. */
static va_t draw_address(struct model_space *space, uint32_t bytes_max, uint32_t *bytes)
{
    static const uint64_t wild[] = { 0,
                                     0xfff,
                                     USER_BASE - 1,
                                     USER_TOP - 1,
                                     USER_TOP,
                                     0x4000000000ull,
                                     0x8000000000ull,
                                     0xffffffc000000000ull,
                                     0xffffffffffffff00ull };
    uint64_t number, pages;
    va_t va;

    draw_range(space, 88, 4, &number, &pages);
    va = number << PAGE_SHIFT;
    *bytes = rig_chance(15) ? PAGE_BYTES : 1 + rig_below(rig_chance(90) ? 64 : bytes_max);
    if (rig_chance(3))
        return wild[rig_below(sizeof(wild) / sizeof(wild[0]))];
    if (*bytes != PAGE_BYTES)
        va += rig_chance(20) ? PAGE_BYTES - 1 - rig_below(64) : rig_below(PAGE_BYTES);
    return va;
}

/* ---- Comparing ---- */

/* Only what was never promised may be refused for want of memory. */
static bool page_error_right(struct model_space *space, va_t va, enum access access, int error)
{
    const struct model_page *page = model_page(space, va >> PAGE_SHIFT);
    int expected = model_access(space, va >> PAGE_SHIFT, access);

    if (error == expected)
        return true;
    if (expected == -ENXIO && error == 0)
        return page->doubtful; /* a private copy that outlives the object's end */
    return page && error == -ENOMEM && (page->flags & REGION_NORESERVE);
}

/* The same where a stack may have had to grow first: that may be refused. */
static bool error_right(struct model_space *space, va_t va, enum access access, int error)
{
    if (model_grows(space, va >> PAGE_SHIFT)) {
        if (error == -ENOMEM)
            return true;
        model_grow(space, va >> PAGE_SHIFT);
    }
    return page_error_right(space, va, access, error);
}

bool page_seen(struct model_space *space, uint64_t number, uint8_t *bytes)
{
    return RIG_WAIT(space_read(space->real, bytes, number << PAGE_SHIFT, PAGE_BYTES)) == 0;
}

static void stored(struct model_space *space, va_t va, const void *from, uint32_t bytes, bool maybe)
{
    struct model_page *page = model_page(space, va >> PAGE_SHIFT);
    uint8_t seen[PAGE_BYTES];

    if ((page->doubtful || maybe) && !page_seen(space, page->number, seen))
        rig_fail("%s: page 0x%llx was stored to and cannot be read", space->name, (unsigned long long)page->number);
    if (!model_stored(page, (uint32_t)(va % PAGE_BYTES), from, bytes, seen, maybe))
        rig_fail("%s: a store at 0x%llx has left bytes that nobody wrote", space->name, (unsigned long long)va);
}

static void compare(struct model_space *space, va_t va, const uint8_t *seen, uint32_t bytes, const char *what)
{
    struct model_page *page = model_page(space, va >> PAGE_SHIFT);
    uint32_t at = (uint32_t)(va % PAGE_BYTES), i = 0;
    const uint8_t *expected;

    if (page && model_look(page, at, seen, bytes))
        return;
    expected = page ? model_bytes(page) + at : NULL;
    while (expected && expected[i] == seen[i])
        i++;
    rig_fail("%s: %s at 0x%llx, byte %u, sees 0x%02x, expected 0x%02x", space->name, what, (unsigned long long)va, i,
             seen[i], expected ? expected[i] : 0);
}

/* A file's bytes beyond its end, in its last page, are left alone: what they hold is nobody's promise. */
static uint32_t clip_to_object(struct model_space *space, va_t va, uint32_t bytes)
{
    const struct model_page *page = model_page(space, va >> PAGE_SHIFT);
    uint64_t at;

    if (!page || !(page->flags & REGION_SHARED))
        return bytes;
    at = (uint64_t)page->object_page * PAGE_BYTES + va % PAGE_BYTES;
    if (at >= page->object->bytes && page->object_page < (page->object->bytes + PAGE_BYTES - 1) / PAGE_BYTES)
        return 0;
    return page->object->bytes - at < bytes && at < page->object->bytes ? (uint32_t)(page->object->bytes - at) : bytes;
}

/* ---- Accesses of a task, a page's part at a time ---- */

static int access_make(struct model_space *space, va_t va, enum access access, uint8_t *data, uint32_t bytes)
{
    switch (access) {
    case ACCESS_STORE:
        return rig_store(space->real, va, data, bytes);
    case ACCESS_FETCH:
        return rig_fetch(space->real, va, data, bytes);
    case ACCESS_LOAD:
    default:
        return rig_load(space->real, va, data, bytes);
    }
}

static bool access_part(struct model_space *space, va_t va, enum access access, uint8_t *data, uint32_t bytes)
{
    int error = access_make(space, va, access, data, bytes);

    rig_result(error);
    if (!error_right(space, va, access, error))
        rig_fail("%s: %s at 0x%llx answers %d, expected %d", space->name, access_names[access], (unsigned long long)va,
                 error, model_access(space, va >> PAGE_SHIFT, access));
    if (error)
        return false;
    if (access == ACCESS_STORE)
        stored(space, va, data, bytes, false);
    else
        compare(space, va, data, bytes, access_names[access]);
    return true;
}

static bool access_run(enum access access)
{
    struct model_space *space = draw_space();
    uint8_t data[COPY_MAX];
    uint32_t bytes;
    va_t va;

    if (!space)
        return false;
    va = draw_address(space, COPY_MAX, &bytes);
    draw_bytes(data, bytes);
    rig_operation("%s: %s 0x%llx, %u", space->name, access_names[access], (unsigned long long)va, bytes);
    for (uint32_t done = 0; done < bytes;) {
        uint32_t room = PAGE_BYTES - (uint32_t)((va + done) % PAGE_BYTES),
                 part = bytes - done < room ? bytes - done : room;

        if (access == ACCESS_STORE && clip_to_object(space, va + done, part) < part)
            part = clip_to_object(space, va + done, part);
        if (part == 0 || !access_part(space, va + done, access, data + done, part))
            return false;
        done += part;
    }
    return true;
}

static bool load_run(void)
{
    return access_run(ACCESS_LOAD);
}

static bool store_run(void)
{
    return access_run(ACCESS_STORE);
}

static bool fetch_run(void)
{
    return access_run(ACCESS_FETCH);
}

static enum access sweep_access(struct model_space *space, va_t va, uint32_t bytes)
{
    if (model_access(space, va >> PAGE_SHIFT, ACCESS_STORE) == 0 && clip_to_object(space, va, bytes) == bytes)
        return ACCESS_STORE;
    return model_access(space, va >> PAGE_SHIFT, ACCESS_FETCH) == 0 ? ACCESS_FETCH : ACCESS_LOAD;
}

/* One page after the other, as programs do that use more memory than there is. */
static bool sweep_run(void)
{
    struct model_space *space = draw_space();
    uint32_t count = 1 + rig_below(120), bytes = rig_chance(50) ? PAGE_BYTES : 64, first;
    uint8_t data[PAGE_BYTES];

    if (!space || !space->count)
        return false;
    first = rig_below(space->count);
    draw_bytes(data, bytes);
    for (uint32_t i = first; i < first + count && i < space->count; i++) {
        uint64_t number = space->pages[i].number;
        va_t va = (number << PAGE_SHIFT) + rig_below(PAGE_BYTES / bytes) * bytes;
        enum access access = sweep_access(space, va, bytes);

        rig_operation("%s: sweep %s 0x%llx", space->name, access_names[access], (unsigned long long)va);
        (void)access_part(space, va, access, data, bytes);
    }
    return true;
}

/* A fault that no hardware asked for: the same page again, or a wrong one. */
static bool fault_run(void)
{
    struct model_space *space = draw_space();
    enum access access = (enum access)rig_below(3);
    uint32_t bytes;
    int error;
    va_t va;

    if (!space)
        return false;
    va = draw_address(space, 1, &bytes);
    rig_operation("%s: fault 0x%llx, %s", space->name, (unsigned long long)va, access_names[access]);
    error = RIG_WAIT(fault(space->real, va, access));
    rig_result(error);
    if (!error_right(space, va, access, error))
        rig_fail("%s: fault at 0x%llx answers %d, expected %d", space->name, (unsigned long long)va, error,
                 model_access(space, va >> PAGE_SHIFT, access));
    if (error == 0 && access == ACCESS_STORE)
        stored(space, va, model_bytes(model_page(space, va >> PAGE_SHIFT)) + va % PAGE_BYTES, 0, false);
    return error == 0;
}

static bool speculate_run(void)
{
    struct model_space *space = draw_space();

    if (!space)
        return false;
    for (int i = 0; i < 8; i++) {
        uint64_t number, pages;

        draw_range(space, 60, 1, &number, &pages);
        rig_speculate(space->real, number << PAGE_SHIFT);
    }
    return true;
}

/* ---- The kernel's copies ---- */

/* The bytes before the first page that must refuse, and in *error why it must; all bytes and 0 when none must. */
static uint32_t copy_prefix(struct model_space *space, va_t va, uint32_t bytes, enum access access, int *error)
{
    *error = 0;
    for (uint32_t done = 0; done < bytes; done += PAGE_BYTES - (uint32_t)((va + done) % PAGE_BYTES)) {
        *error = model_access(space, (va + done) >> PAGE_SHIFT, access);
        if (*error)
            return done;
    }
    return bytes;
}

static bool range_certain(struct model_space *space, va_t va, uint32_t bytes)
{
    for (uint64_t number = va >> PAGE_SHIFT; number <= (va + bytes - 1) >> PAGE_SHIFT; number++) {
        const struct model_page *page = model_page(space, number);

        if (page ? page->doubtful || (page->flags & REGION_NORESERVE) : model_grows(space, number))
            return false;
    }
    return true;
}

static bool range_clipped(struct model_space *space, va_t va, uint32_t bytes)
{
    for (uint32_t done = 0, part; done < bytes; done += part) {
        uint32_t room = PAGE_BYTES - (uint32_t)((va + done) % PAGE_BYTES);

        part = bytes - done < room ? bytes - done : room;
        if (clip_to_object(space, va + done, part) < part)
            return true;
    }
    return false;
}

/* The kernel wrote for the task, whose fence.i it is then. */
static void code_written(struct model_space *space, va_t va)
{
    struct page_info info;

    space_page(space->real, va, &info);
    if (info.state == PAGE_RESIDENT)
        mmu_icache_forget(info.frame);
}

static void copied_out(struct model_space *space, va_t va, const uint8_t *from, uint32_t bytes, bool maybe)
{
    for (uint32_t done = 0, part; done < bytes; done += part) {
        uint32_t room = PAGE_BYTES - (uint32_t)((va + done) % PAGE_BYTES);

        part = bytes - done < room ? bytes - done : room;
        stored(space, va + done, from + done, part, maybe);
        code_written(space, va + done);
    }
}

/* Draws the range of a copy; false: one that this test cannot judge. */
static bool copy_draw(struct model_space **space, va_t *va, uint32_t *bytes, enum access access, const char *name)
{
    *space = draw_space();
    if (!*space)
        return false;
    *va = draw_address(*space, COPY_MAX, bytes);
    rig_operation("%s: %s 0x%llx, %u", (*space)->name, name, (unsigned long long)*va, *bytes);
    return range_certain(*space, *va, *bytes) && (access == ACCESS_LOAD || !range_clipped(*space, *va, *bytes));
}

static void copy_error_check(struct model_space *space, const char *name, va_t va, int error, int expected)
{
    rig_result(error);
    if (error != expected && !(expected == -ENXIO && error == -EFAULT))
        rig_fail("%s: %s at 0x%llx answers %d, expected %d", space->name, name, (unsigned long long)va, error,
                 expected);
}

static bool read_run(void)
{
    struct model_space *space;
    uint8_t data[COPY_MAX];
    uint32_t bytes;
    int expected, error;
    va_t va;

    if (!copy_draw(&space, &va, &bytes, ACCESS_LOAD, "space_read"))
        return false;
    (void)copy_prefix(space, va, bytes, ACCESS_LOAD, &expected);
    error = RIG_WAIT(space_read(space->real, data, va, bytes));
    copy_error_check(space, "space_read", va, error, expected);
    for (uint32_t done = 0, part; error == 0 && done < bytes; done += part) {
        uint32_t room = PAGE_BYTES - (uint32_t)((va + done) % PAGE_BYTES);

        part = bytes - done < room ? bytes - done : room;
        compare(space, va + done, data + done, part, "space_read");
    }
    return error == 0;
}

static bool write_make(bool zero)
{
    const char *name = zero ? "space_zero" : "space_write";
    struct model_space *space;
    uint8_t data[COPY_MAX];
    uint32_t bytes, prefix;
    int expected, error;
    va_t va;

    if (!copy_draw(&space, &va, &bytes, ACCESS_STORE, name))
        return false;
    draw_bytes(data, bytes);
    if (zero)
        memset(data, 0, bytes);
    prefix = copy_prefix(space, va, bytes, ACCESS_STORE, &expected);
    error = RIG_WAIT(zero ? space_zero(space->real, va, bytes) : space_write(space->real, va, data, bytes));
    copy_error_check(space, name, va, error, expected);
    copied_out(space, va, data, prefix, error != 0);
    return error == 0;
}

static bool write_run(void)
{
    return write_make(false);
}

static bool zero_run(void)
{
    return write_make(true);
}

static bool string_run(void)
{
    char text[COPY_MAX + 1], expected_text[COPY_MAX];
    struct model_space *space;
    uint32_t room, prefix, length = 0;
    int64_t got, expected;
    int error;
    va_t va;

    if (!copy_draw(&space, &va, &room, ACCESS_LOAD, "space_read_string"))
        return false;
    prefix = copy_prefix(space, va, room, ACCESS_LOAD, &error);
    for (uint32_t i = 0; i < prefix; i++)
        expected_text[i] = (char)model_bytes(model_page(space, (va + i) >> PAGE_SHIFT))[(va + i) % PAGE_BYTES];
    while (length < prefix && expected_text[length])
        length++;
    expected = length < prefix ? (int64_t)length : error ? error : -ENAMETOOLONG;
    got = RIG_WAIT(space_read_string(space->real, text, va, room));
    rig_result(got);
    if (got != expected && !(expected == -ENXIO && got == -EFAULT))
        rig_fail("space_read_string answers %lld, expected %lld", (long long)got, (long long)expected);
    if (got >= 0 && memcmp(text, expected_text, length + 1) != 0)
        rig_fail("space_read_string has read another string");
    return got >= 0;
}

static bool compare_swap_run(void)
{
    struct model_space *space;
    uint32_t bytes, now, wanted = (uint32_t)rig_random(), expected, old = 0;
    int must, error;
    va_t va;

    if (!copy_draw(&space, &va, &bytes, ACCESS_STORE, "space_compare_swap"))
        return false;
    va &= ~3ull;
    if (clip_to_object(space, va, sizeof(now)) < sizeof(now))
        return false;
    must = model_access(space, va >> PAGE_SHIFT, ACCESS_STORE);
    expected = (uint32_t)rig_random();
    if (must == 0) {
        memcpy(&now, model_bytes(model_page(space, va >> PAGE_SHIFT)) + va % PAGE_BYTES, sizeof(now));
        expected = rig_chance(70) ? now : expected;
    }
    error = RIG_WAIT(space_compare_swap(space->real, va, expected, wanted, &old));
    copy_error_check(space, "space_compare_swap", va, error, must);
    if (error)
        return false;
    if (old != now)
        rig_fail("space_compare_swap at 0x%llx has seen 0x%x, there was 0x%x", (unsigned long long)va, old, now);
    copied_out(space, va, (const uint8_t *)(now == expected ? &wanted : &now), sizeof(now), false);
    return true;
}

static bool copy_in_page(struct model_space *space, va_t va)
{
    uint8_t data[16];
    int error;

    draw_bytes(data, sizeof(data));
    if (model_access(space, va >> PAGE_SHIFT, ACCESS_STORE) != 0 || !range_certain(space, va, sizeof(data)) ||
        range_clipped(space, va, sizeof(data)))
        return false;
    error = RIG_WAIT(space_write(space->real, va, data, sizeof(data)));
    rig_result(error);
    if (error)
        rig_fail("%s: space_write at 0x%llx answers %d", space->name, (unsigned long long)va, error);
    copied_out(space, va, data, sizeof(data), false);
    return true;
}

/* One page through many states in close sequence: in, out, stored to by the task and by the kernel, executed. */
static bool churn_run(void)
{
    struct model_space *space = draw_space();
    uint8_t data[16];
    uint64_t number;
    va_t va;

    if (!space || !space->count)
        return false;
    number = space->pages[rig_below(space->count)].number;
    va = (number << PAGE_SHIFT) + rig_below(PAGE_BYTES - sizeof(data));
    for (unsigned i = 0; i < 8; i++) {
        static const char *const names[] = { "load", "store", "fetch", "out", "write" };
        uint32_t kind = rig_below(5);

        rig_operation("%s: churn %s 0x%llx", space->name, names[kind], (unsigned long long)va);
        if (kind == 3)
            rig_result(RIG_WAIT(space_advise(space->real, number << PAGE_SHIFT, PAGE_BYTES, ADVICE_OUT)));
        else if (kind == 4)
            (void)copy_in_page(space, va);
        else if (kind != ACCESS_STORE || clip_to_object(space, va, sizeof(data)) == sizeof(data))
            (void)access_part(space, va, (enum access)kind, data, sizeof(data));
    }
    return true;
}

/* Pages of instructions that leave and come back, into frames that others of them were fetched from. */
static bool execute_run(void)
{
    struct model_space *space = draw_space();
    bool any = false;

    for (uint32_t i = 0; space && i < 2 * space->count; i++) {
        va_t va = space->pages[rig_below(space->count)].number << PAGE_SHIFT;
        uint8_t code[256];

        if (model_access(space, va >> PAGE_SHIFT, ACCESS_FETCH) != 0)
            continue;
        rig_operation("%s: execute 0x%llx", space->name, (unsigned long long)va);
        if (rig_chance(40))
            rig_result(RIG_WAIT(space_advise(space->real, va, PAGE_BYTES, ADVICE_OUT)));
        any |= access_part(space, va + rig_below(PAGE_BYTES - sizeof(code)), ACCESS_FETCH, code, sizeof(code));
    }
    return any;
}

void probe(struct model_space *space, uint64_t number)
{
    uint8_t data[8];
    va_t va = (number << PAGE_SHIFT) + rig_below(PAGE_BYTES - sizeof(data));

    (void)access_part(space, va, ACCESS_LOAD, data, sizeof(data));
}

void check_contents(struct model_space *space)
{
    uint8_t data[PAGE_BYTES];

    for (uint32_t i = 0; i < space->count; i++) {
        va_t va = space->pages[i].number << PAGE_SHIFT;

        rig_operation("%s: check 0x%llx", space->name, (unsigned long long)va);
        (void)access_part(space, va, ACCESS_LOAD, data, PAGE_BYTES);
    }
}

const struct vm_operation vm_accesses[] = {
    { "load", 30, load_run },
    { "store", 40, store_run },
    { "fetch", 8, fetch_run },
    { "sweep", 5, sweep_run },
    { "churn", 12, churn_run },
    { "execute", 4, execute_run },
    { "fault", 4, fault_run },
    { "speculate", 4, speculate_run },
    { "space_read", 5, read_run },
    { "space_write", 5, write_run },
    { "space_zero", 2, zero_run },
    { "space_read_string", 2, string_run },
    { "space_compare_swap", 3, compare_swap_run },
    { 0 },
};
