/*
 * RAM, the TLB and the fences of the simulated hart.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/mmu_state.h"

struct mmu mmu;

/* ---- Reports ---- */

void mmu_violation(const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    mmu.figures.violations++;
    if (mmu.config.report) {
        mmu.config.report(mmu.config.context, text);
        return;
    }
    (void)fprintf(stderr, "mmu: %s\n", text);
    abort();
}

/* ---- Physical memory ---- */

static bool in_ram(uint64_t address)
{
    return address >= mmu.config.base && address - mmu.config.base < (uint64_t)mmu.config.frames * PAGE_BYTES;
}

void *cpu_direct(pa_t pa)
{
    if (!in_ram(pa.raw)) {
        (void)fprintf(stderr, "mmu: cpu_direct(0x%" PRIx64 ") is outside RAM\n", pa.raw);
        abort();
    }
    return mmu.ram + (pa.raw - mmu.config.base);
}

uint64_t mmu_entry_read(uint64_t at)
{
    return __atomic_load_n((uint64_t *)cpu_direct((pa_t){ at }), __ATOMIC_RELAXED);
}

const char *mmu_refusal(uint64_t frame, enum mmu_use use)
{
    if (!in_ram(frame))
        return "outside RAM";
    return mmu.config.refuse ? mmu.config.refuse(mmu.config.context, (pa_t){ frame }, use) : NULL;
}

uint64_t mmu_identity(uint64_t frame)
{
    return mmu.config.identity && in_ram(frame) ? mmu.config.identity(mmu.config.context, (pa_t){ frame }) : 0;
}

/* ---- The TLB ---- */

static bool tlb_matches(const struct tlb_entry *entry, unsigned asid, uint64_t vpn)
{
    return entry->valid && (entry->global || entry->asid == asid) && same_part(vpn, entry->vpn, entry->level);
}

struct tlb_entry *tlb_find(unsigned asid, uint64_t vpn)
{
    for (unsigned i = 0; i < mmu.config.tlb_entries; i++) {
        if (tlb_matches(&mmu.tlb[i], asid, vpn)) {
            mmu.tlb[i].used = ++mmu.clock;
            return &mmu.tlb[i];
        }
    }
    return NULL;
}

static uint64_t random_next(void)
{
    mmu.random ^= mmu.random << 13;
    mmu.random ^= mmu.random >> 7;
    mmu.random ^= mmu.random << 17;
    return mmu.random;
}

static struct tlb_entry *tlb_victim(void)
{
    struct tlb_entry *oldest = &mmu.tlb[0];
    unsigned count = mmu.config.tlb_entries;

    for (unsigned i = 0; i < count; i++) {
        if (!mmu.tlb[i].valid)
            return &mmu.tlb[i];
        if (mmu.tlb[i].used < oldest->used)
            oldest = &mmu.tlb[i];
    }
    switch (mmu.config.replacement) {
    case MMU_LEAST_RECENT:
        return oldest;
    case MMU_RANDOM:
        return &mmu.tlb[random_next() % count];
    case MMU_ROUND_ROBIN:
    default:
        mmu.tlb_next = (mmu.tlb_next + 1) % count;
        return &mmu.tlb[mmu.tlb_next];
    }
}

struct tlb_entry *tlb_fill(unsigned asid, uint64_t vpn, const struct walk *walk)
{
    struct tlb_entry *entry;

    if (!walk->leaf && !mmu.config.cache_invalid)
        return NULL;
    entry = tlb_victim();
    *entry = (struct tlb_entry){ .valid = true, .asid = asid, .vpn = vpn, .used = ++mmu.clock };
    if (walk->leaf) {
        entry->pte = walk->pte;
        entry->level = walk->level;
        entry->global = (walk->pte & PTE_G) != 0;
        entry->identity = mmu_identity(leaf_address(walk->pte, walk->level, vpn << PAGE_SHIFT));
    }
    return entry;
}

/* ---- Fences (4.2.1) ---- */

/* Speculation after a fence: reads again what the fence may have dropped, so a PTE changed after its fence shows. */
static void refill(uint64_t vpn)
{
    struct walk walk;

    if (mmu.satp == 0 || tlb_find(satp_asid(mmu.satp), vpn))
        return;
    if (walk_cached(mmu.satp, vpn, &walk)) {
        mmu.figures.speculative_fills++;
        (void)tlb_fill(satp_asid(mmu.satp), vpn, &walk);
    }
}

/* Drops the entries of an ASID, or of all (`everything`: global ones too), and then refills those in use now. */
static void fence_whole(unsigned asid, bool everything)
{
    uint64_t dropped[MMU_TLB_MAX];
    unsigned count = 0;

    for (unsigned i = 0; i < mmu.config.tlb_entries; i++) {
        struct tlb_entry *entry = &mmu.tlb[i];

        if (entry->valid && (everything || (!entry->global && entry->asid == asid))) {
            if (entry->pte && mmu.satp && entry->asid == satp_asid(mmu.satp))
                dropped[count++] = entry->vpn;
            entry->valid = false;
        }
    }
    for (unsigned i = 0; i < mmu.config.pointer_entries; i++) {
        if (everything || mmu.pointers[i].asid == asid)
            mmu.pointers[i].valid = false;
    }
    for (unsigned i = 0; mmu.config.refill && i < count; i++)
        refill(dropped[i]);
}

/* Leaf entries of that address alone: cached pointers stay, global entries stay. */
static void fence_page(unsigned asid, va_t va)
{
    for (unsigned i = 0; i < mmu.config.tlb_entries; i++) {
        if (tlb_matches(&mmu.tlb[i], asid, va_page(va)) && !mmu.tlb[i].global)
            mmu.tlb[i].valid = false;
    }
    if (mmu.config.refill && mmu.satp && asid == satp_asid(mmu.satp))
        refill(va_page(va));
}

static void asid_check(unsigned asid)
{
    if (asid >> mmu.config.asid_bits)
        mmu_violation("a fence names asid %u, this hart has %u ASID bits", asid, mmu.config.asid_bits);
}

void cpu_tlb_flush_page(unsigned asid, va_t va)
{
    mmu.figures.flushes_page++;
    asid_check(asid);
    if (mmu.config.page_fence_widened) {
        fence_whole(asid, false);
    } else if (!mmu.config.page_fence_broken) {
        fence_page(asid, va);
    }
}

void cpu_tlb_flush_asid(unsigned asid)
{
    mmu.figures.flushes_asid++;
    asid_check(asid);
    fence_whole(asid, false);
}

void cpu_tlb_flush_all(void)
{
    mmu.figures.flushes_all++;
    fence_whole(0, true);
}

unsigned cpu_asid_bits(void)
{
    return mmu.config.asid_bits;
}

void mmu_speculate(uint64_t satp, va_t va)
{
    mmu.satp = satp;
    if (va_canonical(va))
        refill(va_page(va));
}

unsigned mmu_cached(uint64_t satp, va_t va)
{
    unsigned count = 0;

    for (unsigned i = 0; i < mmu.config.tlb_entries; i++)
        count += tlb_matches(&mmu.tlb[i], satp_asid(satp), va_page(va)) && mmu.tlb[i].pte;
    return count;
}

/* ---- Instruction cache ---- */

void mmu_icache_forget(pa_t frame)
{
    for (unsigned i = 0; i < MMU_ICACHE_PAGES; i++) {
        if (mmu.icache[i].frame == frame.raw)
            mmu.icache[i].valid = false;
    }
}

void cpu_icache_sync(void)
{
    mmu.figures.icache_syncs++;
    for (unsigned i = 0; i < MMU_ICACHE_PAGES; i++)
        mmu.icache[i].valid = false;
}

/* ---- Life ---- */

void mmu_leave(void)
{
    mmu.satp = 0;
}

const struct mmu_figures *mmu_figures(void)
{
    return &mmu.figures;
}

void mmu_start(const struct mmu_config *config)
{
    size_t bytes = (size_t)config->frames * PAGE_BYTES;

    mmu_stop();
    memset(&mmu, 0, sizeof(mmu));
    mmu.config = *config;
    mmu.random = config->seed | 1;
    mmu.ram = aligned_alloc(PAGE_BYTES, bytes);
    if (!mmu.ram || config->tlb_entries == 0 || config->tlb_entries > MMU_TLB_MAX ||
        config->pointer_entries > MMU_POINTERS_MAX || config->asid_bits > 16 || config->base % PAGE_BYTES) {
        (void)fprintf(stderr, "mmu: this configuration cannot be simulated\n");
        abort();
    }
    memset(mmu.ram, 0xa5, bytes);
}

void mmu_stop(void)
{
    free(mmu.ram);
    mmu.ram = NULL;
}
