#include "tests/host/campaign_faults.h"

#include <errno.h>

#include "mm/store/state.h"

#define LATE_NS 1000000000u

/* ---- Striking ---- */

/* Where a page of a committed file lies whose payload is longer than any program. NO_PLACE: none was found. */
static uint32_t some_page(struct bed *bed, const struct model *model)
{
    for (uint32_t i = 0; i < 200; i++) {
        const struct model_file *file = &model->committed.files[bed_below(bed, MODEL_FILES)];
        const struct record_header *header;
        uint32_t id, place;

        if (!file->used || file->directory || file->parent || node_find(bed->store, NODE_ROOT, file->name, &id))
            continue;
        place = map_get(bed->store, node_at(bed->store, id), bed_below(bed, MODEL_PAGES));
        if (!place || (place & MAP_HOLE))
            continue;
        header = (const struct record_header *)(const void *)(bed->nor->cells + bed->store_config.base +
                                                              (size_t)place * FORMAT_UNIT);
        if (header->length > bed->nor->config.page_bytes)
            return place;
    }
    return NO_PLACE;
}

static bool stray(struct bed *bed, const struct model *model, bool *hides)
{
    struct nor_operation *operation = &bed->nor->operation;
    uint32_t place = some_page(bed, model);
    uint32_t address = bed->store_config.base + place * FORMAT_UNIT;

    if (!place)
        return false;
    *hides = operation->kind == NOR_ERASE;
    operation->address = *hides ? address - address % operation->bytes : address + FORMAT_ITEM_BYTES;
    return true;
}

bool campaign_strike(struct bed *bed, const struct model *model, enum campaign_fault fault, bool *hides)
{
    struct nor *nor = bed->nor;
    uint32_t block = nor->operation.address - nor->operation.address % bed->config.block_bytes;

    *hides = false;
    switch (fault) {
    case CAMPAIGN_FAILS:
        nor_fail_at(nor, 0);
        return true;
    case CAMPAIGN_LOST:
        nor_lose_at(nor, 0);
        return true;
    case CAMPAIGN_LATE:
        nor->operation.end_ns += LATE_NS;
        return true;
    case CAMPAIGN_STUCK:
        nor->operation.end_ns = NOR_NEVER;
        return true;
    case CAMPAIGN_STRAYS:
        return stray(bed, model, hides);
    default:
        nor_set_faults(nor, block, bed->config.block_bytes, 1u << (fault - CAMPAIGN_BLOCK));
        return true;
    }
}

/* ---- Judging ---- */

/* Pages of files that may answer -EIO: those that were hit, and what lies in a block that cannot be read any more. */
static uint32_t lost_most(enum campaign_fault fault)
{
    if (fault == CAMPAIGN_STRAYS)
        return 1;
    return fault >= CAMPAIGN_BLOCK && 1u << (fault - CAMPAIGN_BLOCK) == NOR_FAULT_READ_FLIPS ? UINT32_MAX : 0;
}

/* Whatever is there: a page holds what was written to some page once, or zeros, or says -EIO. */
static const char *nothing_strange(struct bed *bed, const struct model *model)
{
    uint64_t page[BED_PAGE / 8];
    struct node_info info = { 0 };

    while (!node_next(bed->store, NODE_ROOT, info.id, &info)) {
        for (uint32_t i = 0; (info.mode & 0170000u) == 0100000u && i < MODEL_PAGES; i++) {
            uint64_t name = 0;

            if (bed_read(bed, info.id, i, page))
                continue;
            while (name <= model->names && !page_is(name, page))
                name++;
            if (name > model->names)
                return "a page holds what nobody wrote";
        }
    }
    return store_check(bed->store);
}

static const char *compare(struct bed *bed, const struct model *model, uint32_t most)
{
    uint32_t lost = 0;
    const char *what = model_compare_lossy(bed, &model->committed, &lost);

    if (what && model->committing) {
        lost = 0;
        what = model_compare_lossy(bed, &model->wanted, &lost);
    }
    if (!what && lost > most)
        what = "pages of files were lost";
    return what ? what : store_check(bed->store);
}

/* A file more is made and committed. */
static const char *goes_on(struct bed *bed)
{
    uint32_t id;
    int error = bed_make(bed, NODE_ROOT, "after", 0100644, &id);

    if (!error)
        error = bed_begin(bed, 1);
    if (error == -ENOSPC)
        return NULL;
    if (!error)
        error = bed_write(bed, id, 0, 77);
    if (!error)
        error = bed_commit(bed);
    if (error)
        return "the store does not go on";
    return bed_settle(bed, 100000) ? store_check(bed->store) : "the store does not come to rest";
}

const char *campaign_judge(struct bed *bed, const struct model *model, enum campaign_fault fault, bool hides)
{
    const char *what = store_check(bed->store);

    if (what)
        return what;
    nor_triggers_clear(bed->nor);
    nor_power_cut(bed->nor, NOR_TEAR_LOST);
    bed_forget(bed);
    if (bed_open(bed))
        return "the store does not open";
    what = hides ? nothing_strange(bed, model) : compare(bed, model, lost_most(fault));
    if (!what)
        what = goes_on(bed);
    return what || bed_guards_stand(bed) ? what : "what lies around the partition has changed";
}
