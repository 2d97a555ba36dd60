/*
 * The simulated Sv39 hart of tests/sim/mmu.h. Section numbers are those of the privileged specification, version 1.12.
 */
#include "tests/sim/mmu.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 4.4.1, figure "Sv39 page table entry": V R W X U G A D, RSW, then 44 bits of physical page number, then reserved. */
#define PTE_V         (1ull << 0)
#define PTE_R         (1ull << 1)
#define PTE_W         (1ull << 2)
#define PTE_X         (1ull << 3)
#define PTE_U         (1ull << 4)
#define PTE_G         (1ull << 5)
#define PTE_A         (1ull << 6)
#define PTE_D         (1ull << 7)
#define PTE_PPN_SHIFT 10u
#define PTE_PPN_MASK  ((1ull << 44) - 1)
/* Bits 60-54 are reserved; 63 (N) and 62-61 (PBMT) are reserved where Svnapot and Svpbmt are not implemented. */
#define PTE_RESERVED (0x3ffull << 54)

#define LEVELS     3
#define INDEX_BITS 9u
#define VA_BITS    39u

/* 4.1.11: satp of RV64. */
#define SATP_MODE(satp) ((satp) >> 60)
#define SATP_MODE_SV39  8u
#define SATP_ASID_SHIFT 44u
#define SATP_PPN_MASK   ((1ull << 44) - 1)

/* A task's access that faults this often, each time "resolved", makes no progress. */
#define ATTEMPTS_MAX 64

struct tlb_entry {
    bool valid, global;
    unsigned asid;
    unsigned level;    /* 0: 4 KiB, 1: 2 MiB, 2: 1 GiB */
    uint64_t vpn;      /* of the page that was asked for */
    uint64_t pte;      /* as it was read; V=0: a cached absence */
    uint64_t identity; /* of the frame when the entry was read */
    uint64_t used;
};

/* A cached non-leaf entry: the table of `level` for all pages whose numbers begin as `vpn`. */
struct pointer_entry {
    bool valid;
    unsigned asid;
    unsigned level;
    uint64_t vpn;
    uint64_t table;
};

struct icache_page {
    bool valid;
    uint64_t frame;
    uint8_t bytes[PAGE_BYTES];
};

static struct {
    struct mmu_config config;
    struct mmu_figures figures;
    uint8_t *ram;
    struct tlb_entry tlb[MMU_TLB_MAX];
    struct pointer_entry pointers[MMU_POINTERS_MAX];
    struct icache_page icache[MMU_ICACHE_PAGES];
    unsigned tlb_next, pointer_next, icache_next;
    uint64_t clock, random;
    uint64_t satp; /* 0: no user table is current */
} mmu;

struct walk {
    uint64_t pte; /* the last one read */
    uint64_t at;  /* its physical address */
    unsigned level;
    bool leaf; /* valid, well formed, a leaf */
};

static const char *const access_names[MMU_ACCESSES] = { "load", "store", "fetch" };

/* ---- Reports ---- */

__attribute__((format(printf, 1, 2))) static void violation(const char *format, ...)
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

static uint64_t entry_read(uint64_t at)
{
    return __atomic_load_n((uint64_t *)cpu_direct((pa_t){ at }), __ATOMIC_RELAXED);
}

static const char *refusal(uint64_t frame, enum mmu_use use)
{
    if (!in_ram(frame)) {
        return "outside RAM";
    }
    return mmu.config.refuse ? mmu.config.refuse(mmu.config.context, (pa_t){ frame }, use) : NULL;
}

static uint64_t frame_identity(uint64_t frame)
{
    return mmu.config.identity && in_ram(frame) ? mmu.config.identity(mmu.config.context, (pa_t){ frame }) : 0;
}

/* ---- Fields ---- */

/* satp.ASID is WARL: bits beyond the width do not exist. */
static unsigned satp_asid(uint64_t satp)
{
    return (unsigned)(satp >> SATP_ASID_SHIFT) & ((1u << mmu.config.asid_bits) - 1);
}

static uint64_t satp_root(uint64_t satp)
{
    return (satp & SATP_PPN_MASK) << PAGE_SHIFT;
}

static uint64_t pte_frame(uint64_t pte)
{
    return ((pte >> PTE_PPN_SHIFT) & PTE_PPN_MASK) << PAGE_SHIFT;
}

static bool same_part(uint64_t vpn, uint64_t other, unsigned level)
{
    return (vpn ^ other) >> (INDEX_BITS * level) == 0;
}

/* 4.4.1: bits 63-39 must all equal bit 38. */
static bool va_canonical(va_t va)
{
    return (uint64_t)((int64_t)(va << (64 - VA_BITS)) >> (64 - VA_BITS)) == va;
}

static uint64_t va_page(va_t va)
{
    return (va & ((1ull << VA_BITS) - 1)) >> PAGE_SHIFT;
}

/* The physical address of `va` under a leaf of `level`; of a superpage, the page's own part is added. */
static uint64_t leaf_address(uint64_t pte, unsigned level, va_t va)
{
    uint64_t inside = (1ull << (PAGE_SHIFT + INDEX_BITS * level)) - 1;

    return (pte_frame(pte) & ~inside) | (va & inside);
}

/* ---- The walk (4.3.2) ---- */

/* Step 3, and 4.4.1: in a pointer to the next table, D, A and U are reserved. */
static bool entry_malformed(uint64_t pte)
{
    bool pointer = (pte & (PTE_R | PTE_W | PTE_X)) == 0;

    return !(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || (pte & PTE_RESERVED) ||
           (pointer && (pte & (PTE_D | PTE_A | PTE_U)));
}

static bool superpage_misaligned(uint64_t pte, unsigned level)
{
    return (pte_frame(pte) & ((1ull << (PAGE_SHIFT + INDEX_BITS * level)) - 1)) != 0;
}

/* Steps 2 to 4 and 6 from the table of `level` at `table` down. False: the walk ends in a page fault. */
static bool walk_from(uint64_t table, unsigned level, uint64_t vpn, struct walk *walk)
{
    const char *why = refusal(table, MMU_USE_TABLE);

    *walk = (struct walk){ .level = level };
    for (;;) {
        if (why) {
            violation("the walk for page 0x%" PRIx64 " reads a level %u table at 0x%" PRIx64 ": %s", vpn, level, table,
                      why);
            return false;
        }
        walk->level = level;
        walk->at = table + ((vpn >> (INDEX_BITS * level)) & ((1u << INDEX_BITS) - 1)) * sizeof(uint64_t);
        walk->pte = entry_read(walk->at);
        if (entry_malformed(walk->pte)) {
            return false;
        }
        if (walk->pte & (PTE_R | PTE_X)) {
            walk->leaf = !superpage_misaligned(walk->pte, level);
            return walk->leaf;
        }
        if (level == 0) {
            return false;
        }
        table = pte_frame(walk->pte);
        level--;
        why = refusal(table, MMU_USE_TABLE);
    }
}

/* What the tables in memory say now, without any cache. */
static bool walk_memory(uint64_t satp, uint64_t vpn, struct walk *walk)
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

    if (mmu.config.pointer_entries == 0 || walk->level == LEVELS - 1 || (known && known->level <= walk->level)) {
        return;
    }
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
        uint64_t pte = entry_read(table +
                                  ((vpn >> (INDEX_BITS * level)) & ((1u << INDEX_BITS) - 1)) * sizeof(uint64_t));

        table = pte_frame(pte);
        if (entry_malformed(pte) || (pte & (PTE_R | PTE_X)) ||
            (level == pointer->level + 1 && table != pointer->table)) {
            violation("stale pointer used: page 0x%" PRIx64 " asid %u: level %u table cached at 0x%" PRIx64
                      ", the tables hold entry 0x%" PRIx64 " at level %u (a fence of the whole ASID is missing)",
                      vpn, pointer->asid, pointer->level, pointer->table, pte, level);
            return;
        }
    }
}

static bool walk_cached(uint64_t satp, uint64_t vpn, struct walk *walk)
{
    unsigned asid = satp_asid(satp);
    const struct pointer_entry *pointer = pointer_find(asid, vpn);
    bool found;

    if (pointer) {
        mmu.figures.pointer_hits++;
        if (!mmu.config.no_audit) {
            pointer_audit(satp, vpn, pointer);
        }
        found = walk_from(pointer->table, pointer->level, vpn, walk);
    } else {
        found = walk_memory(satp, vpn, walk);
    }
    pointer_keep(asid, vpn, walk);
    return found;
}

/* ---- The TLB ---- */

static bool tlb_matches(const struct tlb_entry *entry, unsigned asid, uint64_t vpn)
{
    return entry->valid && (entry->global || entry->asid == asid) && same_part(vpn, entry->vpn, entry->level);
}

static struct tlb_entry *tlb_find(unsigned asid, uint64_t vpn)
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
        if (!mmu.tlb[i].valid) {
            return &mmu.tlb[i];
        }
        if (mmu.tlb[i].used < oldest->used) {
            oldest = &mmu.tlb[i];
        }
    }
    switch (mmu.config.replacement) {
    case MMU_LEAST_RECENT:
        return oldest;
    case MMU_RANDOM:
        return &mmu.tlb[random_next() % mmu.config.tlb_entries];
    case MMU_ROUND_ROBIN:
    default:
        mmu.tlb_next = (mmu.tlb_next + 1) % mmu.config.tlb_entries;
        return &mmu.tlb[mmu.tlb_next];
    }
}

/* Keeps what a walk has found, also where A or D is missing, and an absence if so configured. */
static struct tlb_entry *tlb_fill(unsigned asid, uint64_t vpn, const struct walk *walk)
{
    struct tlb_entry *entry;

    if (!walk->leaf && !mmu.config.cache_invalid) {
        return NULL;
    }
    entry = tlb_victim();
    *entry = (struct tlb_entry){ .valid = true, .asid = asid, .vpn = vpn, .used = ++mmu.clock };
    if (walk->leaf) {
        entry->pte = walk->pte;
        entry->level = walk->level;
        entry->global = (walk->pte & PTE_G) != 0;
        entry->identity = frame_identity(leaf_address(walk->pte, walk->level, vpn << PAGE_SHIFT));
    }
    return entry;
}

/* ---- Fences (4.2.1) ---- */

/* Speculation after a fence: reads again what the fence may have dropped, so a PTE changed after its fence shows. */
static void refill(uint64_t vpn)
{
    struct walk walk;

    if (mmu.satp == 0 || tlb_find(satp_asid(mmu.satp), vpn)) {
        return;
    }
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
            if (entry->pte && mmu.satp && entry->asid == satp_asid(mmu.satp)) {
                dropped[count++] = entry->vpn;
            }
            entry->valid = false;
        }
    }
    for (unsigned i = 0; i < mmu.config.pointer_entries; i++) {
        if (everything || mmu.pointers[i].asid == asid) {
            mmu.pointers[i].valid = false;
        }
    }
    for (unsigned i = 0; mmu.config.refill && i < count; i++) {
        refill(dropped[i]);
    }
}

/* Leaf entries of that address alone: cached pointers stay, global entries stay. */
static void fence_page(unsigned asid, va_t va)
{
    for (unsigned i = 0; i < mmu.config.tlb_entries; i++) {
        if (tlb_matches(&mmu.tlb[i], asid, va_page(va)) && !mmu.tlb[i].global) {
            mmu.tlb[i].valid = false;
        }
    }
    if (mmu.config.refill && mmu.satp && asid == satp_asid(mmu.satp)) {
        refill(va_page(va));
    }
}

static void asid_check(unsigned asid)
{
    if (asid >> mmu.config.asid_bits) {
        violation("a fence names asid %u, this hart has %u ASID bits", asid, mmu.config.asid_bits);
    }
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

/* ---- Instruction cache ---- */

void mmu_user_icache_sync(void)
{
    for (unsigned i = 0; i < MMU_ICACHE_PAGES; i++) {
        mmu.icache[i].valid = false;
    }
}

void cpu_icache_sync(void)
{
    mmu.figures.icache_syncs++;
    mmu_user_icache_sync();
}

static struct icache_page *icache_find(uint64_t frame)
{
    struct icache_page *page;

    for (unsigned i = 0; i < MMU_ICACHE_PAGES; i++) {
        if (mmu.icache[i].valid && mmu.icache[i].frame == frame) {
            return &mmu.icache[i];
        }
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

    if (!mmu.config.no_audit && memcmp(cached, cpu_direct((pa_t){ address }), bytes) != 0) {
        violation("stale instructions fetched at 0x%" PRIx64 ": memory was written since the last fence.i", address);
    }
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
    } else if (frame_identity(frame) != entry->identity) {
        wrong = "the frame was given to another page since";
    }
    if (wrong) {
        violation("stale translation used: %s at 0x%" PRIx64 " asid %u: %s (cached pte 0x%" PRIx64
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
        if (!translation_completes(entry->pte, access)) {
            return NULL;
        }
        if (!mmu.config.no_audit) {
            hit_audit(satp, va, access, entry);
        }
        return entry;
    }
    if (entry) { /* hardware is to set A or D: it reads the PTE anew */
        entry->valid = false;
    }
    if (walk_cached(satp, va_page(va), &walk) && mmu.config.hardware_ad && access_allowed(walk.pte, access)) {
        marks_update(&walk, access);
    }
    mmu.figures.fills++;
    entry = tlb_fill(asid, va_page(va), &walk);
    return entry && translation_completes(entry->pte, access) ? entry : NULL;
}

static void data_move(uint64_t address, enum mmu_access access, void *data, uint32_t bytes)
{
    switch (access) {
    case MMU_STORE:
        memcpy(cpu_direct((pa_t){ address }), data, bytes);
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
        violation("%s of %u bytes at 0x%" PRIx64 " with satp 0x%" PRIx64 " is not one the simulation can make",
                  access_names[access], bytes, va, satp);
        return 1;
    }
    mmu.satp = satp;
    entry = va_canonical(va) ? translate(satp, va, access) : NULL;
    if (!entry) {
        return page_fault(satp, va, access);
    }
    address = leaf_address(entry->pte, entry->level, va);
    why = refusal(address & ~(uint64_t)(PAGE_BYTES - 1), MMU_USE_DATA);
    if (why) {
        violation("user %s at 0x%" PRIx64 " reaches physical 0x%" PRIx64 ": %s (pte 0x%" PRIx64 ")",
                  access_names[access], va, address, why, entry->pte);
        return 1;
    }
    data_move(address, access, data, bytes);
    return 0;
}

void mmu_speculate(uint64_t satp, va_t va)
{
    mmu.satp = satp;
    if (va_canonical(va)) {
        refill(va_page(va));
    }
}

unsigned mmu_cached(uint64_t satp, va_t va)
{
    unsigned count = 0;

    for (unsigned i = 0; i < mmu.config.tlb_entries; i++) {
        count += tlb_matches(&mmu.tlb[i], satp_asid(satp), va_page(va)) && mmu.tlb[i].pte;
    }
    return count;
}

/* ---- A task's accesses ---- */

static int access_repeat(const struct mmu_task *task, va_t va, enum mmu_access access, void *data, uint32_t bytes)
{
    int error = 0;

    for (int i = 0; i < ATTEMPTS_MAX && error == 0; i++) {
        if (mmu_access(task->satp(task->context), va, access, data, bytes) == 0) {
            return 0;
        }
        error = task->fault(task->context, va, access);
    }
    if (error == 0) {
        violation("%s at 0x%" PRIx64 " faults again and again, each time called resolved", access_names[access], va);
        return -1;
    }
    return error;
}

static int access_pages(const struct mmu_task *task, va_t va, enum mmu_access access, uint8_t *data, uint32_t bytes)
{
    while (bytes > 0) {
        uint32_t room = PAGE_BYTES - (uint32_t)(va & (PAGE_BYTES - 1)), part = bytes < room ? bytes : room;
        int error = access_repeat(task, va, access, data, part);

        if (error) {
            return error;
        }
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
