/*
 * One access of user mode: permission, marks, audit; and a task's attempts until it succeeds.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/mmu_state.h"

/* A task's access that faults this often, each time "resolved", makes no progress. */
#define ATTEMPTS_MAX 64

static const char *const access_names[MMU_ACCESSES] = { "load", "store", "fetch" };

/* ---- Instruction cache ---- */

static struct icache_page *icache_find(uint64_t frame)
{
    struct icache_page *page;

    for (unsigned i = 0; i < MMU_ICACHE_PAGES; i++) {
        if (mmu.icache[i].valid && mmu.icache[i].frame == frame)
            return &mmu.icache[i];
    }
    page = &mmu.icache[mmu.icache_next];
    mmu.icache_next = (mmu.icache_next + 1) % MMU_ICACHE_PAGES;
    page->valid = true;
    page->frame = frame;
    memcpy(page->bytes, cpu_direct((pa_t){ frame }), PAGE_BYTES);
    return page;
}

static void icache_fetch(uint64_t address, void *to, uint32_t bytes)
{
    uint64_t frame = address & ~(uint64_t)(PAGE_BYTES - 1);
    const uint8_t *cached = icache_find(frame)->bytes + (address - frame);

    if (!mmu.config.no_audit && memcmp(cached, cpu_direct((pa_t){ address }), bytes) != 0)
        mmu_violation("stale instructions fetched at 0x%" PRIx64 ": memory was written since the last fence.i",
                      address);
    memcpy(to, cached, bytes);
}

/* ---- One access ---- */

static bool access_allowed(uint64_t pte, enum mmu_access access)
{
    static const uint64_t needed[MMU_ACCESSES] = { PTE_R, PTE_W, PTE_X };

    return (pte & PTE_V) && (pte & PTE_U) && (pte & needed[access]);
}

static uint64_t access_marks(enum mmu_access access)
{
    return access == MMU_STORE ? PTE_A | PTE_D : PTE_A;
}

/* Step 7 with hardware updating: what the PTE lacks is set in memory, checked and set as one step. */
static void marks_update(struct walk *walk, enum mmu_access access)
{
    uint64_t wanted = walk->pte | access_marks(access);

    if (wanted != walk->pte) {
        __atomic_store_n((uint64_t *)cpu_direct((pa_t){ walk->at }), wanted, __ATOMIC_RELAXED);
        walk->pte = wanted;
        mmu.figures.hardware_updates++;
    }
}

/* An access that is about to complete by a TLB entry: would it still, had the tables been read just now? */
static void hit_audit(uint64_t satp, va_t va, enum mmu_access access, const struct tlb_entry *entry)
{
    struct walk now;
    bool found = walk_memory(satp, va_page(va), &now);
    uint64_t then_at = leaf_address(entry->pte, entry->level, va), frame = then_at & ~(uint64_t)(PAGE_BYTES - 1);
    const char *wrong = NULL;

    if (!found) {
        wrong = "the page is not mapped any more";
    } else if (leaf_address(now.pte, now.level, va) != then_at) {
        wrong = "the page is in another frame now";
    } else if (!access_allowed(now.pte, access)) {
        wrong = "the page does not allow this any more";
    } else if (access == MMU_STORE && !(now.pte & PTE_D)) {
        wrong = "D was cleared without a fence: this store would be lost";
    } else if (mmu_identity(frame) != entry->identity) {
        wrong = "the frame was given to another page since";
    }
    if (wrong) {
        mmu_violation("stale translation used: %s at 0x%" PRIx64 " asid %u: %s (cached pte 0x%" PRIx64
                      ", in the table 0x%" PRIx64 " at level %u)",
                      access_names[access], va, entry->asid, wrong, entry->pte, now.pte, now.level);
    } else if (!(now.pte & PTE_A)) {
        mmu.figures.stale_accessed++;
    }
}

static int page_fault(uint64_t satp, va_t va, enum mmu_access access)
{
    struct walk now;

    mmu.figures.faults[access]++;
    if (va_canonical(va) && walk_memory(satp, va_page(va), &now) && access_allowed(now.pte, access) &&
        (mmu.config.hardware_ad || (now.pte & access_marks(access)) == access_marks(access))) {
        mmu.figures.spurious_faults++;
    }
    return 1;
}

/* Steps 5 and 7 on a cached or a fresh PTE; without hardware updating, missing marks are a fault. */
static bool translation_completes(uint64_t pte, enum mmu_access access)
{
    return access_allowed(pte, access) && (pte & access_marks(access)) == access_marks(access);
}

/* The TLB entry by which this access completes, or NULL: page fault. */
static const struct tlb_entry *translate(uint64_t satp, va_t va, enum mmu_access access)
{
    unsigned asid = satp_asid(satp);
    struct tlb_entry *entry = tlb_find(asid, va_page(va));
    struct walk walk;

    if (entry &&
        (translation_completes(entry->pte, access) || !mmu.config.hardware_ad || !access_allowed(entry->pte, access))) {
        mmu.figures.hits++;
        if (!translation_completes(entry->pte, access))
            return NULL;
        if (!mmu.config.no_audit)
            hit_audit(satp, va, access, entry);
        return entry;
    }
    if (entry) { /* hardware is to set A or D: it reads the PTE anew */
        entry->valid = false;
    }
    if (walk_cached(satp, va_page(va), &walk) && mmu.config.hardware_ad && access_allowed(walk.pte, access))
        marks_update(&walk, access);
    mmu.figures.fills++;
    entry = tlb_fill(asid, va_page(va), &walk);
    return entry && translation_completes(entry->pte, access) ? entry : NULL;
}

static void data_move(uint64_t address, enum mmu_access access, void *data, uint32_t bytes)
{
    switch (access) {
    case MMU_STORE:
        memcpy(cpu_direct((pa_t){ address }), data, bytes);
        mmu_icache_forget((pa_t){ address & ~(uint64_t)(PAGE_BYTES - 1) });
        return;
    case MMU_FETCH:
        icache_fetch(address, data, bytes);
        return;
    case MMU_LOAD:
    case MMU_ACCESSES:
    default:
        memcpy(data, cpu_direct((pa_t){ address }), bytes);
        return;
    }
}

int mmu_access(uint64_t satp, va_t va, enum mmu_access access, void *data, uint32_t bytes)
{
    const struct tlb_entry *entry;
    const char *why;
    uint64_t address;

    if (SATP_MODE(satp) != SATP_MODE_SV39 || (va & (PAGE_BYTES - 1)) + bytes > PAGE_BYTES) {
        mmu_violation("%s of %u bytes at 0x%" PRIx64 " with satp 0x%" PRIx64 " is not one the simulation can make",
                      access_names[access], bytes, va, satp);
        return 1;
    }
    mmu.satp = satp;
    entry = va_canonical(va) ? translate(satp, va, access) : NULL;
    if (!entry)
        return page_fault(satp, va, access);
    address = leaf_address(entry->pte, entry->level, va);
    why = mmu_refusal(address & ~(uint64_t)(PAGE_BYTES - 1), access == MMU_STORE ? MMU_USE_WRITE : MMU_USE_READ);
    if (why) {
        mmu_violation("user %s at 0x%" PRIx64 " reaches physical 0x%" PRIx64 ": %s (pte 0x%" PRIx64 ")",
                      access_names[access], va, address, why, entry->pte);
        return 1;
    }
    data_move(address, access, data, bytes);
    return 0;
}

/* ---- A task's accesses ---- */

static int access_repeat(const struct mmu_task *task, va_t va, enum mmu_access access, void *data, uint32_t bytes)
{
    int error = 0;

    for (int i = 0; i < ATTEMPTS_MAX && error == 0; i++) {
        if (mmu_access(task->satp(task->context), va, access, data, bytes) == 0)
            return 0;
        error = task->fault(task->context, va, access);
    }
    if (error == 0) {
        mmu_violation("%s at 0x%" PRIx64 " faults again and again, each time called resolved", access_names[access],
                      va);
        return -1;
    }
    return error;
}

static int access_pages(const struct mmu_task *task, va_t va, enum mmu_access access, uint8_t *data, uint32_t bytes)
{
    while (bytes > 0) {
        uint32_t room = PAGE_BYTES - (uint32_t)(va & (PAGE_BYTES - 1)), part = bytes < room ? bytes : room;
        int error = access_repeat(task, va, access, data, part);

        if (error)
            return error;
        va += part;
        data += part;
        bytes -= part;
    }
    return 0;
}

int sim_load(const struct mmu_task *task, va_t va, void *to, uint32_t bytes)
{
    return access_pages(task, va, MMU_LOAD, to, bytes);
}

int sim_store(const struct mmu_task *task, va_t va, const void *from, uint32_t bytes)
{
    return access_pages(task, va, MMU_STORE, (uint8_t *)(uintptr_t)from, bytes);
}

int sim_fetch(const struct mmu_task *task, va_t va, void *to, uint32_t bytes)
{
    return access_pages(task, va, MMU_FETCH, to, bytes);
}
