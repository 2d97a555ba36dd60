/*
 * Frames: the descriptors and the free list. These are on the shortest ways and built for speed; mm/vm/start.c is not.
 *
 * Owns invariant 1: a frame is in exactly one state. The free list is last in, first out, so that a table that has just
 * become empty (all zeros) is the next table, and need not be cleared.
 */
#include "mm/vm/vm.h"

struct mm mm;

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
