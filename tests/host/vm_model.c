#include "tests/host/vm_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Below a stack, as mm/mm.h says. */
#define GUARD_PAGES 16u

static struct model_space spaces[MODEL_SPACES];
static struct model_object objects[MODEL_OBJECTS];
static const uint8_t zeros[PAGE_BYTES];

static void *bytes_new(uint64_t bytes)
{
    void *memory = calloc(1, bytes);

    if (!memory)
        abort();
    return memory;
}

/* ---- Objects ---- */

struct model_object *model_objects(void)
{
    return objects;
}

struct model_object *model_object_new(struct object *real, uint32_t node, uint64_t bytes)
{
    for (unsigned i = 0; i < MODEL_OBJECTS; i++)
        if (!objects[i].used) {
            objects[i] = (struct model_object){ .real = real,
                                                .used = true,
                                                .handle = true,
                                                .node = node,
                                                .bytes = bytes,
                                                .data = bytes_new(MODEL_OBJECT_BYTES) };
            if (node)
                objects[i].synced = bytes_new(MODEL_OBJECT_BYTES);
            return &objects[i];
        }
    return NULL;
}

/* Private copies of pages that the object no longer has may be dropped by the memory code, or kept. */
static void doubt_private_copies(const struct model_object *object, uint64_t bytes)
{
    for (unsigned s = 0; s < MODEL_SPACES; s++)
        for (uint32_t i = 0; i < spaces[s].count; i++) {
            struct model_page *page = &spaces[s].pages[i];

            if (page->object == object && page->data && (uint64_t)page->object_page * PAGE_BYTES >= bytes)
                page->doubtful = true;
        }
}

void model_object_resize(struct model_object *object, uint64_t bytes)
{
    if (bytes < object->bytes) {
        memset(object->data + bytes, 0, MODEL_OBJECT_BYTES - bytes);
        doubt_private_copies(object, bytes);
    }
    object->bytes = bytes;
}

static bool object_mapped(const struct model_object *object)
{
    for (unsigned s = 0; s < MODEL_SPACES; s++)
        for (uint32_t i = 0; i < spaces[s].count; i++)
            if (spaces[s].pages[i].object == object)
                return true;
    return false;
}

void model_objects_collect(void)
{
    for (unsigned i = 0; i < MODEL_OBJECTS; i++) {
        struct model_object *object = &objects[i];

        if (!object->used || object->handle || object_mapped(object))
            continue;
        object->real = NULL;
        if (object->node)
            continue;
        free(object->data);
        *object = (struct model_object){ 0 };
    }
}

/* ---- Spaces ---- */

struct model_space *model_spaces(void)
{
    return spaces;
}

struct model_space *model_space_new(struct space *real)
{
    for (unsigned i = 0; i < MODEL_SPACES; i++)
        if (!spaces[i].real) {
            spaces[i].real = real;
            spaces[i].count = 0;
            spaces[i].limit_bytes = UINT64_MAX;
            (void)snprintf(spaces[i].name, sizeof(spaces[i].name), "s%u", i);
            return &spaces[i];
        }
    return NULL;
}

void model_space_drop(struct model_space *space)
{
    model_unmap(space, 0, UINT64_MAX);
    space->real = NULL;
}

void model_fork(const struct model_space *parent, struct model_space *child)
{
    child->limit_bytes = parent->limit_bytes;
    for (uint32_t i = 0; i < parent->count; i++) {
        struct model_page page = parent->pages[i];

        if (page.flags & REGION_DONTFORK)
            continue;
        page.flags &= ~(uint32_t)REGION_LOCKED;
        if (page.data) {
            page.data = bytes_new(PAGE_BYTES);
            memcpy(page.data, parent->pages[i].data, PAGE_BYTES);
        }
        child->pages[child->count++] = page;
    }
}

/* Index of the first page at or above `number`. */
static uint32_t page_index(const struct model_space *space, uint64_t number)
{
    uint32_t low = 0, high = space->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (space->pages[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct model_page *model_page_above(struct model_space *space, uint64_t number)
{
    uint32_t index = page_index(space, number);

    return index < space->count ? &space->pages[index] : NULL;
}

struct model_page *model_page(struct model_space *space, uint64_t number)
{
    struct model_page *page = model_page_above(space, number);

    return page && page->number == number ? page : NULL;
}

static uint32_t range_count(const struct model_space *space, uint32_t first, uint64_t number, uint64_t pages)
{
    uint32_t end = first;

    while (end < space->count && space->pages[end].number - number < pages)
        end++;
    return end - first;
}

uint32_t model_mapped(struct model_space *space, uint64_t number, uint64_t pages)
{
    return range_count(space, page_index(space, number), number, pages);
}

static void pages_remove(struct model_space *space, uint32_t first, uint32_t count)
{
    memmove(&space->pages[first], &space->pages[first + count],
            (space->count - first - count) * sizeof(space->pages[0]));
    space->count -= count;
}

void model_unmap(struct model_space *space, uint64_t number, uint64_t pages)
{
    uint32_t first = page_index(space, number), count = range_count(space, first, number, pages);

    for (uint32_t i = first; i < first + count; i++)
        free(space->pages[i].data);
    pages_remove(space, first, count);
}

static struct model_page *pages_insert(struct model_space *space, uint64_t number, uint64_t count)
{
    uint32_t first = page_index(space, number);

    if (space->count + count > MODEL_PAGES)
        abort();
    memmove(&space->pages[first + count], &space->pages[first], (space->count - first) * sizeof(space->pages[0]));
    space->count += (uint32_t)count;
    return &space->pages[first];
}

void model_map(struct model_space *space, uint64_t number, uint64_t pages, const struct model_page *first)
{
    struct model_page page = *first, *into;

    model_unmap(space, number, pages);
    into = pages_insert(space, number, pages);
    for (uint64_t i = 0; i < pages; i++) {
        page.number = number + i;
        into[i] = page;
        page.object_page++;
    }
}

void model_move(struct model_space *space, uint64_t from, uint64_t to, uint64_t pages)
{
    uint32_t first = page_index(space, from), count = range_count(space, first, from, pages);
    struct model_page *moved = bytes_new((count + 1) * sizeof(*moved)), *into;

    memcpy(moved, &space->pages[first], count * sizeof(*moved));
    pages_remove(space, first, count);
    into = pages_insert(space, to, count);
    for (uint32_t i = 0; i < count; i++) {
        into[i] = moved[i];
        into[i].number = moved[i].number - from + to;
    }
    free(moved);
}

void model_drop(struct model_page *page)
{
    free(page->data);
    page->data = NULL;
    page->doubtful = false;
}

bool model_uniform(struct model_space *space, uint64_t number, uint64_t pages)
{
    const struct model_page *first = model_page(space, number);

    if (!first || model_mapped(space, number, pages) != pages)
        return false;
    for (uint64_t i = 1; i < pages; i++)
        if (first[i].protection != first->protection || first[i].flags != first->flags ||
            first[i].object != first->object || (first->object && first[i].object_page != first->object_page + i))
            return false;
    return true;
}

bool model_grows(struct model_space *space, uint64_t number)
{
    uint32_t index = page_index(space, number);

    if (index == space->count || space->pages[index].number == number)
        return false;
    return (space->pages[index].flags & REGION_GROWSDOWN) && number >= space->pages[index].limit &&
           number >= (USER_BASE >> PAGE_SHIFT) + GUARD_PAGES &&
           (index == 0 || number > space->pages[index - 1].number + GUARD_PAGES);
}

void model_grow(struct model_space *space, uint64_t number)
{
    struct model_page page = *model_page_above(space, number);

    page.data = NULL;
    page.doubtful = false;
    model_map(space, number, page.number - number, &page);
}

/* ---- Contents ---- */

static bool beyond_object(const struct model_page *page)
{
    return page->object && (uint64_t)page->object_page * PAGE_BYTES >= page->object->bytes;
}

int model_access(struct model_space *space, uint64_t number, enum access access)
{
    /* Sv39 has no pages that can be written and not read. */
    static const uint32_t allowed_by[] = {
        [ACCESS_LOAD] = MAP_READ | MAP_WRITE, [ACCESS_STORE] = MAP_WRITE, [ACCESS_FETCH] = MAP_EXECUTE
    };
    const struct model_page *page = model_page(space, number);

    if (!page)
        return -EFAULT;
    if (!(page->protection & allowed_by[access]))
        return -EACCES;
    return beyond_object(page) ? -ENXIO : 0;
}

const uint8_t *model_base(const struct model_page *page)
{
    return page->object && page->object_page < MODEL_OBJECT_PAGES
               ? page->object->data + (uint64_t)page->object_page * PAGE_BYTES
               : zeros;
}

const uint8_t *model_bytes(const struct model_page *page)
{
    return page->data ? page->data : model_base(page);
}

static void write_bytes(struct model_page *page, uint32_t at, const void *from, uint32_t bytes)
{
    if (page->flags & REGION_SHARED) {
        memcpy(page->object->data + (uint64_t)page->object_page * PAGE_BYTES + at, from, bytes);
        return;
    }
    if (!page->data) {
        page->data = bytes_new(PAGE_BYTES);
        memcpy(page->data, model_base(page), PAGE_BYTES);
    }
    memcpy(page->data + at, from, bytes);
}

bool model_look(struct model_page *page, uint32_t at, const void *seen, uint32_t bytes)
{
    if (memcmp(model_bytes(page) + at, seen, bytes) == 0)
        return true;
    if (!page->doubtful || memcmp(model_base(page) + at, seen, bytes) != 0)
        return false;
    model_drop(page);
    return true;
}

static bool patched_equal(const uint8_t *old, uint32_t at, const void *from, uint32_t bytes, const uint8_t *seen)
{
    return memcmp(old, seen, at) == 0 && memcmp(seen + at, from, bytes) == 0 &&
           memcmp(old + at + bytes, seen + at + bytes, PAGE_BYTES - at - bytes) == 0;
}

bool model_stored(struct model_page *page, uint32_t at, const void *from, uint32_t bytes, const uint8_t *seen,
                  bool maybe)
{
    if ((!page->doubtful && !maybe) || patched_equal(model_bytes(page), at, from, bytes, seen)) {
        page->doubtful = false;
        write_bytes(page, at, from, bytes);
        return true;
    }
    if (page->doubtful && patched_equal(model_base(page), at, from, bytes, seen)) {
        model_drop(page);
        write_bytes(page, at, from, bytes);
        return true;
    }
    return maybe && model_look(page, 0, seen, PAGE_BYTES);
}

void model_reset(void)
{
    for (unsigned i = 0; i < MODEL_SPACES; i++)
        model_space_drop(&spaces[i]);
    for (unsigned i = 0; i < MODEL_OBJECTS; i++) {
        free(objects[i].data);
        free(objects[i].synced);
        objects[i] = (struct model_object){ 0 };
    }
}
