/* Which slots of the stack area are taken. */
#include "firmware/stack.h"

#include <errno.h>
#include <string.h>

#include "firmware/kmap.h"
#include "mm/mm.h"

static uint64_t taken[KERNEL_STACK_SLOTS / 64];

/* The last one given back stays mapped, for the next task: a shell's children come and go one by one. */
static struct {
    void *top; /* NULL: none */
    uint16_t slot;
    pa_t frames[KERNEL_STACK_FRAMES];
} spare;

static int slot_take(uint16_t *slot)
{
    for (unsigned i = 0; i < KERNEL_STACK_SLOTS; i++)
        if (!(taken[i / 64] >> i % 64 & 1)) {
            taken[i / 64] |= 1ull << i % 64;
            *slot = (uint16_t)i;
            return 0;
        }
    return -ENOMEM;
}

static void slot_release(uint16_t slot)
{
    taken[slot / 64] &= ~(1ull << slot % 64);
}

static int frames_get(pa_t frames[KERNEL_STACK_FRAMES])
{
    for (unsigned i = 0; i < KERNEL_STACK_FRAMES; i++) {
        int error = mm_frame_get(&frames[i]);

        if (error) {
            while (i--)
                mm_frame_put(frames[i]);
            return error;
        }
    }
    return 0;
}

int stack_get(uint16_t *slot, pa_t frames[KERNEL_STACK_FRAMES], void **top)
{
    int error;

    if (spare.top) {
        *top = spare.top;
        *slot = spare.slot;
        memcpy(frames, spare.frames, sizeof(spare.frames));
        spare.top = NULL;
        return 0;
    }
    error = slot_take(slot);
    if (error)
        return error;
    error = frames_get(frames);
    if (error)
        slot_release(*slot);
    else
        *top = kmap_stack(*slot, frames);
    return error;
}

void stack_put(uint16_t slot, const pa_t frames[KERNEL_STACK_FRAMES], void *top)
{
    if (!spare.top) {
        spare.top = top;
        spare.slot = slot;
        memcpy(spare.frames, frames, sizeof(spare.frames));
        return;
    }
    kmap_unstack(slot);
    for (unsigned i = 0; i < KERNEL_STACK_FRAMES; i++)
        mm_frame_put(frames[i]);
    slot_release(slot);
}
