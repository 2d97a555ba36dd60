/*
 * The walk through the tables, and the pointers to tables that a hart may keep.
 */
#include <inttypes.h>
#include <stddef.h>

#include "tests/sim/mmu_state.h"

/* ---- The walk (4.3.2) ---- */

/* Step 3, and 4.4.1: in a pointer to the next table, D, A and U are reserved; in a leaf, all but the chip's attributes. */
static bool entry_malformed(uint64_t pte)
{
    bool pointer = (pte & (PTE_R | PTE_W | PTE_X)) == 0;

    return !(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W ||
           (pte & PTE_RESERVED) != (pointer ? 0 : mmu.config.leaf_bits) || (pointer && (pte & (PTE_D | PTE_A | PTE_U)));
}

static bool superpage_misaligned(uint64_t pte, unsigned level)
{
    return (pte_frame(pte) & ((1ull << (PAGE_SHIFT + INDEX_BITS * level)) - 1)) != 0;
}

/* The physical address of the entry for a page in a table of `level`. */
static uint64_t entry_address(uint64_t table, unsigned level, uint64_t vpn)
{
    return table + ((vpn >> (INDEX_BITS * level)) & ((1u << INDEX_BITS) - 1)) * sizeof(uint64_t);
}

static bool table_readable(uint64_t table, unsigned level, uint64_t vpn)
{
    const char *why = mmu_refusal(table, MMU_USE_TABLE);

    if (why)
        mmu_violation("the walk for page 0x%" PRIx64 " reads a level %u table at 0x%" PRIx64 ": %s", vpn, level, table,
                      why);
    return !why;
}

/* Steps 2 to 4 and 6 from the table of `level` at `table` down. False: the walk ends in a page fault. */
static bool walk_from(uint64_t table, unsigned level, uint64_t vpn, struct walk *walk)
{
    *walk = (struct walk){ .level = level };
    while (table_readable(table, walk->level, vpn)) {
        walk->at = entry_address(table, walk->level, vpn);
        walk->pte = mmu_entry_read(walk->at);
        if (entry_malformed(walk->pte))
            return false;
        if (walk->pte & (PTE_R | PTE_X)) {
            walk->leaf = !superpage_misaligned(walk->pte, walk->level);
            return walk->leaf;
        }
        if (walk->level == 0)
            return false;
        table = pte_frame(walk->pte);
        walk->level--;
    }
    return false;
}

bool walk_memory(uint64_t satp, uint64_t vpn, struct walk *walk)
{
    return walk_from(satp_root(satp), LEVELS - 1, vpn, walk);
}

/* ---- Cached pointers to tables ---- */

static const struct pointer_entry *pointer_find(unsigned asid, uint64_t vpn)
{
    const struct pointer_entry *best = NULL;

    for (unsigned i = 0; i < mmu.config.pointer_entries; i++) {
        const struct pointer_entry *entry = &mmu.pointers[i];

        if (entry->valid && entry->asid == asid && same_part(vpn, entry->vpn, entry->level + 1) &&
            (!best || entry->level < best->level)) {
            best = entry;
        }
    }
    return best;
}

/* Keeps the table of level 0 or 1 that a walk has just gone through. */
static void pointer_keep(unsigned asid, uint64_t vpn, const struct walk *walk)
{
    const struct pointer_entry *known = pointer_find(asid, vpn);

    if (mmu.config.pointer_entries == 0 || walk->level == LEVELS - 1 || (known && known->level <= walk->level))
        return;
    mmu.pointers[mmu.pointer_next] = (struct pointer_entry){
        .valid = true, .asid = asid, .level = walk->level, .vpn = vpn, .table = walk->at & ~(uint64_t)(PAGE_BYTES - 1)
    };
    mmu.pointer_next = (mmu.pointer_next + 1) % mmu.config.pointer_entries;
}

/* A cached pointer must still be what the tables say, or a fence without an address is missing since a table went. */
static void pointer_audit(uint64_t satp, uint64_t vpn, const struct pointer_entry *pointer)
{
    uint64_t table = satp_root(satp);

    for (unsigned level = LEVELS - 1; level > pointer->level; level--) {
        uint64_t pte = mmu_entry_read(entry_address(table, level, vpn));

        table = pte_frame(pte);
        if (entry_malformed(pte) || (pte & (PTE_R | PTE_X)) ||
            (level == pointer->level + 1 && table != pointer->table)) {
            mmu_violation("stale pointer used: page 0x%" PRIx64 " asid %u: level %u table cached at 0x%" PRIx64
                          ", the tables hold entry 0x%" PRIx64 " at level %u (a fence of the whole ASID is missing)",
                          vpn, pointer->asid, pointer->level, pointer->table, pte, level);
            return;
        }
    }
}

bool walk_cached(uint64_t satp, uint64_t vpn, struct walk *walk)
{
    unsigned asid = satp_asid(satp);
    const struct pointer_entry *pointer = pointer_find(asid, vpn);
    bool found;

    if (pointer) {
        mmu.figures.pointer_hits++;
        if (!mmu.config.no_audit)
            pointer_audit(satp, vpn, pointer);
        found = walk_from(pointer->table, pointer->level, vpn, walk);
    } else {
        found = walk_memory(satp, vpn, walk);
    }
    pointer_keep(asid, vpn, walk);
    return found;
}
