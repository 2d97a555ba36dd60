/*
 * What can be known about spaces, regions and pages. Changes nothing.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

void space_statistics(const struct space *space, struct space_statistics *out)
{
    for (unsigned kind = 0; kind < FAULT_KINDS; kind++)
        out->faults[kind] = space->faults[kind];
    out->mapped_pages = space->mapped;
    out->promised_pages = space->promised + space->loose;
    out->resident_pages = space->resident;
    out->resident_peak_pages = space->resident_peak;
    out->swapped_pages = space->swapped;
    out->table_frames = space->tree.nodes;
}

const char *space_name(const struct space *space)
{
    return space->name;
}

static void count_frame(const struct frame *frame, entry_t entry, struct region_info *info)
{
    bool dirty = entry & ENTRY_D || (frame->kind == FRAME_OBJECT ? frame->bits & FRAME_DIRTY : !frame->slot);

    info->resident++;
    info->dirty += dirty;
    info->shared += frame->maps > 1;
    info->shared_dirty += dirty && frame->maps > 1;
    info->referenced += (entry & ENTRY_A) != 0;
    info->anonymous += frame->kind == FRAME_ANONYMOUS;
    info->share_bytes += PAGE_BYTES / (frame->maps ? frame->maps : 1u);
}

static void count_page(entry_t entry, struct region_info *info)
{
    if (!(entry & ENTRY_U))
        *(slot_where(mm.store, entry_slot(entry)) == SLOT_TAIL ? &info->tail : &info->flash) += 1;
    else if (frame_at(entry_frame(entry))->kind != FRAME_ZERO)
        count_frame(frame_at(entry_frame(entry)), entry, info);
}

int space_region(struct space *space, va_t above, bool count_pages, struct region_info *info)
{
    const struct region *region = above >> PAGE_SHIFT < USER_TOP_PAGE
                                      ? region_after(space, (uint32_t)(above >> PAGE_SHIFT))
                                      : NULL;

    if (!region)
        return -ENOENT;
    *info = (struct region_info){
        .start = page_va(region->start),
        .end = page_va(region->end),
        .protection = region->protection,
        .flags = region->flags & REGION_KEPT,
        .object = region->object,
        .offset = (uint64_t)region->offset << PAGE_SHIFT,
        .name = region->name,
    };
    if (!count_pages)
        return 0;
    for (uint64_t page = tree_next(&space->tree, region->start, region->end); page < region->end;
         page = tree_next(&space->tree, page + 1, region->end))
        count_page(*space_entry(space, (uint32_t)page), info);
    return 0;
}

static void describe_slot(slot_t slot, struct page_info *info)
{
    info->slot = slot;
    info->state = slot_where(mm.store, slot) == SLOT_TAIL ? PAGE_TAIL : PAGE_FLASH;
}

static void describe_frame(uint32_t number, struct page_info *info)
{
    info->frame.raw = (mm.pool_ppn + number) << PAGE_SHIFT;
    info->maps = frame_at(number)->maps;
    info->descriptor = frame_at(number);
    info->descriptor_bytes = sizeof(struct frame);
    info->slot = frame_at(number)->slot;
    info->state = number == mm.zero ? PAGE_ZERO : PAGE_RESIDENT;
}

/* A page that this space has not touched may be there for others: then the first access costs no reading. */
static void describe_object(const struct region *region, uint32_t page, struct page_info *info)
{
    const struct object *object = region->object;
    uint32_t index = region->offset + (page - region->start);
    const entry_t *entry = object && index < object_pages(object) ? tree_find(&object->tree, index) : NULL;

    if (!entry || !*entry)
        return;
    if (*entry & ENTRY_V)
        describe_frame(entry_frame(*entry), info);
    else
        describe_slot(entry_slot(*entry), info);
}

void space_page(struct space *space, va_t va, struct page_info *info)
{
    uint32_t page = (uint32_t)(va >> PAGE_SHIFT);
    const struct region *region = va < USER_TOP ? region_at(space, page) : NULL;
    entry_t entry = space->tree.root;

    *info = (struct page_info){ .state = region ? PAGE_NONE : PAGE_UNMAPPED };
    if (va >= USER_TOP)
        return;
    for (unsigned level = 3; level > 0 && (entry & ENTRY_V); level--) {
        entry_t *node = frame_view(entry_frame(entry));

        info->entry = &node[(page >> (TABLE_SHIFT * (level - 1))) & (TABLE_ENTRIES - 1)];
        entry = *info->entry;
        info->pte[info->levels++] = entry;
    }
    if (info->levels == 3 && (entry & ENTRY_U))
        describe_frame(entry_frame(entry), info);
    else if (info->levels == 3 && entry)
        describe_slot(entry_slot(entry), info);
    else if (region)
        describe_object(region, page, info);
}

void mm_statistics(struct mm_statistics *out)
{
    for (unsigned kind = 0; kind < FAULT_KINDS; kind++)
        out->faults[kind] = mm.faults[kind];
    out->evict_clean = mm.evict_clean;
    out->evict_dirty = mm.evict_dirty;
    out->evict_zero = mm.evict_zero;
    out->frames_total = mm.count;
    out->frames_free = mm.free;
    out->frames_peak = mm.count - mm.lowest_free;
    out->frames_firmware = mm.kinds[FRAME_FIRMWARE];
    out->frames_table = mm.kinds[FRAME_TABLE];
    out->frames_anonymous = mm.kinds[FRAME_ANONYMOUS];
    out->frames_object = mm.kinds[FRAME_OBJECT];
    out->promised_pages = mm.promised;
    out->promise_limit_pages = promise_frames(mm.pinned) + (mm.store ? store_capacity_pages(mm.store) : 0);
    out->pinned_frames = (uint32_t)mm.pinned;
    out->pinned_store_frames = mm.store_share;
    out->pinned_limit_frames = mm.usable - WORKING_FRAMES;
}
