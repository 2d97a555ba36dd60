/*
 * The start, and the frames that the firmware and the store ask for. Both promise what they take: it is never evicted.
 */
#include <string.h>

#include "mm/vm/vm.h"

/* Frames of the store that come with use: the first of its slot table; of keys, of places of nodes' pages, of changes. */
#define STORE_SLOTS 1u
#define STORE_SPARE 3u

/* ---- Start ---- */

static uint32_t descriptor_frames(uint32_t frames)
{
    return pages_of((uint64_t)frames * sizeof(struct frame));
}

uint32_t mm_minimum_frames(void)
{
    return MINIMUM_FRAMES + descriptor_frames(MINIMUM_FRAMES);
}

static void lay_out(const struct mm_config *config)
{
    uint32_t count = config->frames, first = config->taken + descriptor_frames(count);
    struct frame *frames = frame_view(config->taken);

    mm.count = count;
    mm.first = first;
    mm.frames = frames;
    memset(frames, 0, (size_t)count * sizeof(struct frame));
    for (uint32_t number = 0; number < first; number++) {
        frames[number].kind = FRAME_FIRMWARE;
        frames[number].bits = FOR_BOOT;
    }
    mm.kinds[FRAME_FIRMWARE] = first;
    mm.kinds[FRAME_FREE] = count - first;
    for (uint32_t number = first; number < count; number++)
        frames[number].page = number + 1;
    frames[count - 1].page = 0;
    mm.free_head = first;
    mm.free = mm.lowest_free = count - first;
}

int mm_init(const struct mm_config *config)
{
    uint64_t overhead = (uint64_t)config->taken + descriptor_frames(config->frames);

    if (config->frames < overhead + MINIMUM_FRAMES)
        return -ENOMEM;
    memset(&mm, 0, sizeof(mm));
    mm.view = cpu_direct(config->pool);
    mm.pool_ppn = config->pool.raw >> PAGE_SHIFT;
    mm.leaf_bits = config->leaf_bits;
    mm.origin = (uint64_t)(uintptr_t)mm.view - config->pool.raw;
    /* Descriptors lie across frames: the view of the pool must be one piece. */
    ASSERT(cpu_direct((pa_t){ config->pool.raw + ((uint64_t)(config->frames - 1) << PAGE_SHIFT) }) ==
           mm.view + ((uint64_t)(config->frames - 1) << PAGE_SHIFT));
    lay_out(config);
    mm.zero = frame_take_zeroed(FRAME_ZERO, 0, 0);
    mm.usable = mm.free;
    mm.hand = mm.idle_hand = mm.first;
    mm.share_kernel = config->share_kernel;
    mm.regions = (struct pool)POOL_OF(struct region);
    mm.spaces = (struct pool)POOL_OF(struct space);
    mm.families_pool = (struct pool)POOL_OF(struct family);
    mm.objects_pool = (struct pool)POOL_OF(struct object);
    mm.generation = 1;
    mm_refuse(NULL);
    mm.asid_last = (1u << cpu_asid_bits()) - 1;
    mm.asid_next = 1;
    return 0;
}

/*
 * The tail takes its share frame by frame, and the first entries of the store's maps need a few more: what it may still take
 * is nobody else's to promise.
 */
void mm_attach(struct store *store)
{
    struct store_statistics statistics;

    ASSERT(!mm.store);
    mm.store = store;
    store_statistics(store, &statistics);
    mm.store_base = mm.store_share + statistics.tail_share_pages - statistics.tail_pages + STORE_SLOTS + STORE_SPARE;
    promise_force(0, mm.store_base - mm.store_share);
    mm.store_share = mm.store_base;
    mm.store_spare = STORE_SPARE;
}

struct store *mm_store(void)
{
    return mm.store;
}

/* A floor that no number of free frames reaches, and to which a few more can be added. */
void mm_refuse(bool (*refuse)(enum mm_request request))
{
    mm.refuse = refuse;
    mm.floor = refuse ? UINT32_MAX / 2 : RESERVE_FRAMES;
    mm.fault_floor = mm.floor + FAULT_FRAMES;
    mm.copied = refuse ? 0 : USER_TOP - USER_BASE;
}

/* ---- Frames for the firmware and the store ---- */

int frame_pinned(enum firmware_use use, uint32_t *number)
{
    int error = promise_change(0, 1);

    if (error)
        return error;
    error = frames_ensure(1);
    if (error) {
        promise_return(0, 1);
        return error;
    }
    *number = use == FOR_POOL ? frame_take(FRAME_FIRMWARE, 0, 0) : frame_take_zeroed(FRAME_FIRMWARE, 0, 0);
    frame_at(*number)->bits = (uint8_t)use;
    return 0;
}

int mm_frame_get(pa_t *frame)
{
    uint32_t number;
    int error = frame_pinned(FOR_FIRMWARE, &number);

    if (error)
        return error;
    frame->raw = (mm.pool_ppn + number) << PAGE_SHIFT;
    return 0;
}

void mm_frame_put(pa_t frame)
{
    uint32_t number = (uint32_t)((frame.raw >> PAGE_SHIFT) - mm.pool_ppn);

    ASSERT(number < mm.count && frame_at(number)->kind == FRAME_FIRMWARE && frame_at(number)->bits == FOR_FIRMWARE);
    frame_free(number);
    promise_return(0, 1);
}

bool mm_page_ask(void *context)
{
    (void)context;
    if (!mm.store_spare)
        return promise_extend_store();
    mm.store_spare--;
    return true;
}

void mm_page_unask(void *context)
{
    (void)context;
    if (mm.store && mm.store_spare < STORE_SPARE) {
        mm.store_spare++;
        return;
    }
    mm.store_share--;
    promise_return(0, 1);
}

void *mm_page_get(void *context)
{
    uint32_t number;

    (void)context;
    if (mm.refuse && mm.refuse(MM_STORE_FRAME))
        return NULL;
    if (!mm.free || (mm.store_frames == mm.store_share && !promise_extend_store()))
        return NULL;
    mm.store_frames++;
    number = frame_take_zeroed(FRAME_FIRMWARE, 0, 0);
    frame_at(number)->bits = FOR_STORE;
    return frame_view(number);
}

void mm_page_put(void *context, void *page)
{
    uint32_t number = frame_of(page);

    (void)context;
    ASSERT(number < mm.count && frame_at(number)->kind == FRAME_FIRMWARE && frame_at(number)->bits == FOR_STORE);
    mm.store_frames--;
    frame_free(number);
}
