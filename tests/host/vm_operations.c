/*
 * What the random operations share: drawing spaces, ranges and bytes; sets of errors; the comparison of regions.
 */
#include "tests/host/vm_operations.h"

#include "tests/host/vm_rig.h"

/* ---- Drawing ---- */

struct model_space *draw_space(void)
{
    struct model_space *all = model_spaces(), *there[MODEL_SPACES];
    uint32_t count = 0;

    for (unsigned i = 0; i < MODEL_SPACES; i++)
        if (all[i].real)
            there[count++] = &all[i];
    return count ? there[rig_below(count)] : NULL;
}

/* From a page that is mapped, and mostly no further than the run of mapped pages that it is in. */
static void draw_mapped(struct model_space *space, uint64_t *number, uint64_t *pages)
{
    uint32_t index = rig_below(space->count), run = 1;

    *number = space->pages[index].number;
    while (index + run < space->count && space->pages[index + run].number == *number + run)
        run++;
    if (*pages > run && rig_chance(80))
        *pages = run;
}

void draw_range(struct model_space *space, unsigned mapped, uint32_t pages_max, uint64_t *number, uint64_t *pages)
{
    /* The first page, the edges of a last and of a middle table, and the last page. */
    static const uint64_t windows[] = { USER_BASE >> PAGE_SHIFT, (0x200000 >> PAGE_SHIFT) - 24,
                                        (0x40000000 >> PAGE_SHIFT) - 24, (USER_TOP >> PAGE_SHIFT) - 48 };

    *pages = 1 + (rig_chance(75) ? rig_below(pages_max / 4 + 1) : rig_below(pages_max));
    if (space->count && rig_chance(mapped)) {
        draw_mapped(space, number, pages);
        return;
    }
    *number = windows[rig_below(4)] + rig_below(48);
    if (*number + *pages > USER_TOP >> PAGE_SHIFT && rig_chance(90))
        *number = (USER_TOP >> PAGE_SHIFT) - *pages;
}

void draw_bytes(uint8_t *bytes, uint32_t count)
{
    uint32_t kind = rig_below(6);
    uint8_t value = (uint8_t)rig_random();

    for (uint32_t i = 0; i < count; i++)
        bytes[i] = kind == 0 ? 0 : kind == 1 ? value : kind == 2 ? (uint8_t)(value + i / 16) : (uint8_t)rig_random();
}

/* ---- Comparing ---- */

void errors_add(errors_t set, int error)
{
    set[-error / 64] |= 1ull << (-error % 64);
}

bool errors_has(const errors_t set, int64_t error)
{
    return error < 0 && error > -256 && (set[-error / 64] >> (-error % 64) & 1);
}

bool errors_any(const errors_t set)
{
    return (set[0] | set[1] | set[2] | set[3]) != 0;
}

static void check_region_page(const struct model_space *space, const struct region_info *info,
                              const struct model_page *page, uint64_t number)
{
    uint64_t into = number - (info->start >> PAGE_SHIFT);

    if (!page || page->protection != info->protection || (page->flags & KEPT_FLAGS) != (info->flags & KEPT_FLAGS) ||
        (page->object ? page->object->real : NULL) != info->object ||
        (info->object && page->object_page != (info->offset >> PAGE_SHIFT) + into))
        rig_fail("%s: page 0x%llx is not as its region 0x%llx-0x%llx says", space->name, (unsigned long long)number,
                 (unsigned long long)info->start, (unsigned long long)info->end);
}

void check_regions(struct model_space *space)
{
    struct space_statistics statistics;
    struct region_info info;
    uint64_t pages = 0;
    va_t above = 0;

    while (space_region(space->real, above, pages % 4 == 0, &info) == 0) {
        if (info.start < above || info.end <= info.start)
            rig_fail("%s: the regions are not in order", space->name);
        for (uint64_t number = info.start >> PAGE_SHIFT; number < info.end >> PAGE_SHIFT; number++, pages++)
            check_region_page(space, &info, model_page(space, number), number);
        above = info.end;
    }
    space_statistics(space->real, &statistics);
    if (pages != space->count || statistics.mapped_pages != pages)
        rig_fail("%s: %llu pages in regions, %u in the statistics, %u expected", space->name, (unsigned long long)pages,
                 statistics.mapped_pages, space->count);
}
