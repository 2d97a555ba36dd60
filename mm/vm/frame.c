/*
 * Frames: the descriptors, the free list, and frames for the firmware and the store.
 *
 * Owns invariant 1: a frame is in exactly one state. The free list is last in, first out, so that a table that has just
 * become empty (all zeros) is the next table, and need not be cleared.
 */
#include <string.h>

#include "mm/vm/vm.h"

struct mm mm;

/* Frames of the store that come with use: the first of its slot table; of keys, of places of nodes' pages, of changes. */
#define STORE_SLOTS 1u
#define STORE_SPARE 3u

#define WORDS (PAGE_BYTES / sizeof(uint64_t))

/* Sixteen stores a turn: the loop costs one instruction in nine. */
void page_clear(void *page)
{
    uint64_t *word = page;

    for (uint64_t *end = word + WORDS; word != end; word += 16) {
        word[0] = 0, word[1] = 0, word[2] = 0, word[3] = 0;
        word[4] = 0, word[5] = 0, word[6] = 0, word[7] = 0;
        word[8] = 0, word[9] = 0, word[10] = 0, word[11] = 0;
        word[12] = 0, word[13] = 0, word[14] = 0, word[15] = 0;
    }
}

static inline void copy_eight(uint64_t *out, const uint64_t *in)
{
    uint64_t a = in[0], b = in[1], c = in[2], d = in[3], e = in[4], f = in[5], g = in[6], h = in[7];

    out[0] = a, out[1] = b, out[2] = c, out[3] = d;
    out[4] = e, out[5] = f, out[6] = g, out[7] = h;
}

void page_copy(void *to, const void *from)
{
    uint64_t *out = to;
    const uint64_t *in = from;

    for (uint64_t *end = out + WORDS; out != end; out += 32, in += 32) {
        copy_eight(out, in);
        copy_eight(out + 8, in + 8);
        copy_eight(out + 16, in + 16);
        copy_eight(out + 24, in + 24);
    }
}

bool page_is_zero(const void *page)
{
    const uint64_t *word = page;

    for (const uint64_t *end = word + WORDS; word != end; word += 4) {
        if (word[0] | word[1] | word[2] | word[3])
            return false;
    }
    return true;
}

static void set_kind(struct frame *frame, enum frame_kind kind)
{
    mm.kinds[frame->kind]--;
    mm.kinds[kind]++;
    frame->kind = (uint8_t)kind;
}

static inline __attribute__((always_inline)) uint32_t take(enum frame_kind kind, uint32_t owner, uint32_t page,
                                                           bool *zeroed)
{
    uint32_t number = mm.free_head;
    struct frame *frame = frame_at(number);

    ASSERT(number && frame->kind == FRAME_FREE);
    mm.free_head = frame->page;
    if (--mm.free < mm.lowest_free)
        mm.lowest_free = mm.free;
    *zeroed = frame->bits & FRAME_ZEROED;
    set_kind(frame, kind);
    frame->owner = owner;
    frame->page = page;
    frame->bits = 0;
    return number;
}

uint32_t frame_take(enum frame_kind kind, uint32_t owner, uint32_t page)
{
    bool zeroed;

    return take(kind, owner, page, &zeroed);
}

uint32_t frame_take_zeroed(enum frame_kind kind, uint32_t owner, uint32_t page)
{
    bool zeroed;
    uint32_t number = take(kind, owner, page, &zeroed);

    if (!zeroed)
        page_clear(frame_view(number));
    return number;
}

static void give(uint32_t number, uint8_t bits)
{
    struct frame *frame = frame_at(number);

    ASSERT(frame->kind != FRAME_FREE && !frame->maps && !frame->slot);
    set_kind(frame, FRAME_FREE);
    frame->owner = 0;
    frame->page = mm.free_head;
    frame->bits = bits;
    mm.free_head = number;
    mm.free++;
}

void frame_free(uint32_t number)
{
    give(number, 0);
}

void frame_free_zeroed(uint32_t number)
{
    give(number, FRAME_ZEROED);
}

void frame_stale(struct frame *frame)
{
    if (frame->slot) {
        slot_put(mm.store, frame->slot);
        frame->slot = 0;
    }
}

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
    mm.count = config->frames;
    mm.first = config->taken + descriptor_frames(config->frames);
    mm.frames = frame_view(config->taken);
    memset(mm.frames, 0, (size_t)mm.count * sizeof(struct frame));
    for (uint32_t number = 0; number < mm.first; number++) {
        mm.frames[number].kind = FRAME_FIRMWARE;
        mm.frames[number].bits = FOR_BOOT;
    }
    mm.kinds[FRAME_FIRMWARE] = mm.first;
    mm.kinds[FRAME_FREE] = mm.count - mm.first;
    for (uint32_t number = mm.count; number-- > mm.first;) {
        mm.frames[number].page = mm.free_head;
        mm.free_head = number;
    }
    mm.free = mm.lowest_free = mm.count - mm.first;
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
