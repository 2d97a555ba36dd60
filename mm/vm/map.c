/*
 * Mapping and unmapping. Each call first decodes and asks for promises, where it may fail, and then performs, where it
 * cannot.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

int range_decode(va_t address, uint64_t bytes, uint32_t *start, uint32_t *end)
{
    if ((address & (PAGE_BYTES - 1)) || address < USER_BASE || address > USER_TOP || bytes > USER_TOP - address)
        return -EINVAL;
    *start = (uint32_t)(address >> PAGE_SHIFT);
    *end = *start + pages_of(bytes);
    return 0;
}

/* ---- Unmapping ---- */

static void unmap_region(struct space *space, struct region *region)
{
    space_release(space, region->start, region->end);
    space->mapped -= region->end - region->start;
    charge_return(space, region, region->flags & (REGION_CHARGED | REGION_LOCKED));
    region_drop(space, region);
}

void unmap_range(struct space *space, uint32_t start, uint32_t end)
{
    struct region *region = region_after(space, start);

    if (region && region->start < start)
        region = region_split(space, region, start);
    while (region && region->start < end) {
        struct region *next;

        if (region->end > end)
            region_split(space, region, end);
        next = region->next;
        unmap_region(space, region);
        region = next;
    }
}

int space_unmap(struct space *space, va_t address, uint64_t bytes)
{
    uint32_t start, end;
    int error = range_decode(address, bytes, &start, &end);

    if (error || !bytes)
        return -EINVAL;
    error = region_cut_ready(space, start, end);
    if (error)
        return error;
    unmap_range(space, start, end);
    return 0;
}

/* ---- Mapping ---- */

static bool protection_is_legal(uint32_t protection)
{
    return !(protection & ~(uint32_t)(MAP_READ | MAP_WRITE | MAP_EXECUTE));
}

static int decode_kind(const struct map_request *request)
{
    if (!request->bytes || request->bytes > USER_TOP || !protection_is_legal(request->protection))
        return -EINVAL;
    if ((request->protection & MAP_WRITE) && (request->protection & MAP_EXECUTE))
        return -EACCES;
    if ((request->flags & REGION_NOWRITE) && (request->protection & MAP_WRITE))
        return -EACCES;
    if (request->offset & (PAGE_BYTES - 1) || request->offset >> PAGE_SHIFT > UINT32_MAX / 4)
        return -EINVAL;
    if ((request->flags & REGION_GROWSDOWN) && (request->object || request->flags & REGION_SHARED))
        return -EINVAL;
    return 0;
}

/* Where: exactly there, at the hint if it is free, or in the highest gap. */
static int decode_place(struct space *space, const struct map_request *request, struct region *wanted)
{
    uint32_t pages = pages_of(request->bytes);
    bool fixed = request->flags & REGION_FIXED;
    bool usable = !range_decode(request->address, request->bytes, &wanted->start, &wanted->end);
    bool is_free = usable && region_is_free(space, wanted->start, wanted->end);

    if (fixed && !usable)
        return request->address & (PAGE_BYTES - 1) ? -EINVAL : -ENOMEM;
    if (fixed && (request->flags & REGION_NOREPLACE) && !is_free)
        return -EEXIST;
    if (fixed || is_free)
        return 0;
    wanted->start = region_gap(space, pages);
    wanted->end = wanted->start + pages;
    return wanted->start ? 0 : -ENOMEM;
}

static int decode_limit(const struct map_request *request, struct region *wanted)
{
    uint64_t limit = pages_of(request->limit_bytes);

    if (!(request->flags & REGION_GROWSDOWN))
        return 0;
    if (limit < wanted->end - wanted->start)
        limit = wanted->end - wanted->start;
    wanted->limit = wanted->end > limit + USER_BASE_PAGE ? (uint32_t)(wanted->end - limit) : USER_BASE_PAGE;
    return 0;
}

static uint32_t pages_in_range(struct space *space, uint32_t start, uint32_t end)
{
    uint32_t pages = 0;

    for (const struct region *region = region_after(space, start); region && region->start < end;
         region = region->next) {
        uint32_t low = region->start > start ? region->start : start;
        uint32_t high = region->end < end ? region->end : end;

        pages += high - low;
    }
    return pages;
}

static int decode(struct space *space, const struct map_request *request, struct region *wanted)
{
    uint32_t pages = pages_of(request->bytes);
    int error = decode_place(space, request, wanted);

    if (!error)
        error = decode_limit(request, wanted);
    if (error)
        return error;
    if (space->regions + 2 > REGIONS_MAX)
        return -ENOMEM;
    if (space->mapped + pages > space->limit &&
        space->mapped + pages - pages_in_range(space, wanted->start, wanted->end) > space->limit)
        return -ENOMEM;
    wanted->protection = (uint16_t)request->protection;
    wanted->flags = (uint16_t)(request->flags & REGION_KEPT);
    wanted->offset = (uint32_t)(request->offset >> PAGE_SHIFT);
    wanted->name = request->name;
    return 0;
}

/* What is replaced stays mapped until it is known that the new region will be promised for: a refusal changes nothing. */
static int clear_place(struct space *space, const struct region *wanted)
{
    int error;

    if (region_is_free(space, wanted->start, wanted->end))
        return 0;
    error = charge_probe(wanted);
    if (!error)
        error = region_cut_ready(space, wanted->start, wanted->end);
    if (!error)
        unmap_range(space, wanted->start, wanted->end);
    return error;
}

/* What is wrong with the request itself comes before what there is no memory for. */
static int refuse(struct space *space, const struct map_request *request, int error)
{
    struct region wanted = { 0 };
    int wrong = decode(space, request, &wanted);

    return wrong ? wrong : error;
}

static int64_t map(struct space *space, const struct map_request *request, struct object *object)
{
    int error = decode_kind(request);
    struct region *region;
    uint32_t start;

    if (error)
        return error;
    error = pool_ready(&mm.regions, 1);
    if (error)
        return refuse(space, request, error);
    region = pool_get(&mm.regions);
    region->object = object;
    error = decode(space, request, region);
    if (!error)
        error = clear_place(space, region);
    if (!error)
        error = region_add(space, region);
    if (error) {
        pool_put(&mm.regions, region);
        return error;
    }
    start = region->start;
    region_merge(space, start, region->end);
    return (int64_t)page_va(start);
}

int64_t space_map(struct space *space, const struct map_request *request)
{
    struct object *object;
    int64_t result;

    if (!(request->flags & REGION_SHARED) || request->object)
        return map(space, request, request->object);
    /* Shared memory without a file is an object that only its regions know. */
    result = object_make((uint64_t)pages_of(request->bytes) << PAGE_SHIFT, &object);
    if (result)
        return result;
    result = map(space, request, object);
    object_put(object);
    return result;
}

int space_limit(struct space *space, uint64_t map_bytes)
{
    uint64_t pages = map_bytes >> PAGE_SHIFT;

    space->limit = pages < USER_TOP_PAGE ? (uint32_t)pages : USER_TOP_PAGE;
    return 0;
}
