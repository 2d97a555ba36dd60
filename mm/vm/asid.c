/*
 * The ASID that a space runs under; each switch of tasks asks for it.
 *
 * ASIDs are given out in order; when they have run out, everything is flushed and a new generation begins, so an ASID of an
 * old generation has no translations. Without ASIDs (0 bits) every change of the space flushes everything.
 */
#include "mm/vm/space.h"

bool space_recycles(const struct space *space)
{
    return space->generation != mm.generation && mm.asid_last && mm.asid_next > mm.asid_last;
}

static void assign_asid(struct space *space)
{
    if (space_recycles(space)) {
        mm.generation++;
        mm.asid_next = 1;
        cpu_tlb_flush_all();
    }
    space->asid = mm.asid_last ? mm.asid_next++ : 0;
    space->generation = mm.generation;
}

uint64_t space_activate(struct space *space)
{
    if (space->generation != mm.generation)
        assign_asid(space);
    if (!mm.asid_last && mm.active != space)
        cpu_tlb_flush_all();
    mm.active = space;
    return SATP_SV39 | (uint64_t)space->asid << SATP_ASID_LOW | (space->tree.root >> ENTRY_PPN_SHIFT);
}
