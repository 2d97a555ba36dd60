/*
 * What the files of the simulated hart share: its state, the fields of satp and PTEs, the walk. For tests/sim/mmu*.c.
 *
 *   mmu.c         RAM, the TLB, fences: hal/cpu.h
 *   mmu_walk.c    the walk through the tables, and cached pointers to them
 *   mmu_access.c  one access: permission, marks, audit; and a task's repeated attempts
 *
 * Section numbers are those of the privileged specification, version 1.12.
 */
#ifndef TESTS_SIM_MMU_STATE_H
#define TESTS_SIM_MMU_STATE_H

#include "tests/sim/mmu.h"

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

struct mmu {
    struct mmu_config config;
    struct mmu_figures figures;
    uint8_t *ram;
    struct tlb_entry tlb[MMU_TLB_MAX];
    struct pointer_entry pointers[MMU_POINTERS_MAX];
    struct icache_page icache[MMU_ICACHE_PAGES];
    unsigned tlb_next, pointer_next, icache_next;
    uint64_t clock, random;
    uint64_t satp; /* 0: no user table is current */
};
extern struct mmu mmu;

struct walk {
    uint64_t pte; /* the last one read */
    uint64_t at;  /* its physical address */
    unsigned level;
    bool leaf; /* valid, well formed, a leaf */
};

/* ---- Fields ---- */

/* satp.ASID is WARL: bits beyond the width do not exist. */
static inline unsigned satp_asid(uint64_t satp)
{
    return (unsigned)(satp >> SATP_ASID_SHIFT) & ((1u << mmu.config.asid_bits) - 1);
}

static inline uint64_t satp_root(uint64_t satp)
{
    return (satp & SATP_PPN_MASK) << PAGE_SHIFT;
}

static inline uint64_t pte_frame(uint64_t pte)
{
    return ((pte >> PTE_PPN_SHIFT) & PTE_PPN_MASK) << PAGE_SHIFT;
}

static inline bool same_part(uint64_t vpn, uint64_t other, unsigned level)
{
    return (vpn ^ other) >> (INDEX_BITS * level) == 0;
}

/* 4.4.1: bits 63-39 must all equal bit 38. */
static inline bool va_canonical(va_t va)
{
    return (uint64_t)((int64_t)(va << (64 - VA_BITS)) >> (64 - VA_BITS)) == va;
}

static inline uint64_t va_page(va_t va)
{
    return (va & ((1ull << VA_BITS) - 1)) >> PAGE_SHIFT;
}

/* The physical address of `va` under a leaf of `level`; of a superpage, the page's own part is added. */
static inline uint64_t leaf_address(uint64_t pte, unsigned level, va_t va)
{
    uint64_t inside = (1ull << (PAGE_SHIFT + INDEX_BITS * level)) - 1;

    return (pte_frame(pte) & ~inside) | (va & inside);
}

/* ---- mmu.c ---- */

void mmu_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t mmu_entry_read(uint64_t at);
/* NULL, or why this frame must not be used so. */
const char *mmu_refusal(uint64_t frame, enum mmu_use use);
uint64_t mmu_identity(uint64_t frame);
struct tlb_entry *tlb_find(unsigned asid, uint64_t vpn);
/* Keeps what a walk has found, also where A or D is missing, and an absence if so configured; else NULL. */
struct tlb_entry *tlb_fill(unsigned asid, uint64_t vpn, const struct walk *walk);

/* ---- mmu_walk.c: each answers false when the walk ends in a page fault ---- */

/* What the tables in memory say now, without any cache. */
bool walk_memory(uint64_t satp, uint64_t vpn, struct walk *walk);
/* What this hart finds, by the pointers that it has cached. */
bool walk_cached(uint64_t satp, uint64_t vpn, struct walk *walk);

#endif
