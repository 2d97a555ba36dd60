/*
 * The memory management of one RISC-V hart, simulated behind hal/cpu.h: physical memory, the Sv39 walk, a TLB.
 *
 *   sim_load(task, va) -> TLB --hit--> permission, A/D --> audit --> RAM
 *        ^                 |                |
 *        |                 +--miss--> walk (cached pointers, tables in RAM) --> fill the TLB
 *        |                                  |
 *        +---- task->fault(va, access) <----+ page fault
 *
 * Written from "The RISC-V Instruction Set Manual, Volume II: Privileged Architecture", version 1.12: section 4.2.1
 * "Supervisor Memory-Management Fence Instruction", 4.3.1 "Addressing and Memory Protection", 4.3.2 "Virtual Address
 * Translation Process", 4.4.1 (Sv39). It shares nothing with mm/vm/sv39.c, which it tests.
 *
 * The TLB keeps whatever was once read until a fence that covers it, as the specification allows: entries with A=0 or
 * D=0, entries of other ASIDs, pointers to tables (which a fence by address does not cover), invalid entries if asked to.
 * On top of what hardware does, each access is audited: one that hardware would complete by a stale entry, or on a frame
 * that no user may reach, is reported with what was cached and what the tables say.
 *
 * One instance, single-threaded, because hal/cpu.h has no handle.
 */
#ifndef TESTS_SIM_MMU_H
#define TESTS_SIM_MMU_H

#include <stdbool.h>
#include <stdint.h>

#include "hal/cpu.h"

#define MMU_TLB_MAX      256u
#define MMU_POINTERS_MAX 64u
#define MMU_ICACHE_PAGES 128u

enum mmu_access { MMU_LOAD, MMU_STORE, MMU_FETCH, MMU_ACCESSES };
enum mmu_replacement { MMU_ROUND_ROBIN, MMU_RANDOM, MMU_LEAST_RECENT };
enum mmu_use { MMU_USE_READ, MMU_USE_WRITE, MMU_USE_TABLE };

struct mmu_config {
    uint64_t base;            /* physical address of RAM, page aligned */
    uint32_t frames;          /* its size; filled with a pattern at start, not with zeros */
    unsigned asid_bits;       /* 0 to 16 */
    bool hardware_ad;         /* A and D are set by the walk; else an access that needs them faults (Svade) */
    unsigned tlb_entries;     /* 1 to MMU_TLB_MAX */
    unsigned pointer_entries; /* cached non-leaf entries, 0 to MMU_POINTERS_MAX */
    enum mmu_replacement replacement;
    bool cache_invalid; /* an entry with V=0 is kept too, until a fence */
    bool refill;        /* after each fence, what it covers is read again at once, as speculation may */
    uint64_t leaf_bits; /* of bits 54 to 63, what a chip's own attributes want in every leaf on RAM; all else faults */
    bool page_fence_broken;  /* erratum CIP-1200: sfence.vma with an address drops nothing */
    bool page_fence_widened; /* the processor layer knows: by-address fences become by-ASID ones */
    bool no_audit;           /* stale entries are used silently, as silicon would */
    uint64_t seed;           /* of random replacement */

    /* NULL: fine; else why a user access must not reach this frame, or why the walk must not read it as a table. */
    const char *(*refuse)(void *context, pa_t frame, enum mmu_use use);
    /* What the frame holds, as a number that changes when it is given to another page. */
    uint64_t (*identity)(void *context, pa_t frame);
    /* Called for each violation; NULL: print and abort. */
    void (*report)(void *context, const char *text);
    void *context;
};

struct mmu_figures {
    uint64_t hits, fills, speculative_fills, pointer_hits;
    uint64_t flushes_page, flushes_asid, flushes_all;
    uint64_t faults[MMU_ACCESSES];
    uint64_t spurious_faults;  /* of these: the tables would have allowed it, the TLB did not */
    uint64_t hardware_updates; /* PTEs whose A or D the walk has set */
    uint64_t stale_accessed;   /* hits with A cached where the table's A is clear: legal, blurs the clock */
    uint64_t icache_syncs;
    uint64_t violations;
};

/* Replaces the instance before it, if any. */
void mmu_start(const struct mmu_config *config);
void mmu_stop(void);
const struct mmu_figures *mmu_figures(void);

/* From here on no user table is current: nothing is read speculatively until the next access. */
void mmu_leave(void);

/* One access of user mode inside one page. 0 done, 1 page fault: nothing was read or written. */
int mmu_access(uint64_t satp, va_t va, enum mmu_access access, void *data, uint32_t bytes);

/* Reads the translation of `va` into the TLB without an access, as speculation may. */
void mmu_speculate(uint64_t satp, va_t va);

/* Valid entries of the TLB that `satp` would use for `va`. */
unsigned mmu_cached(uint64_t satp, va_t va);

/*
 * Forgets the instructions fetched from this frame. Done for a task's own stores too: a fence.i after those is the task's
 * duty, and only the kernel's missing ones are to be reported.
 */
void mmu_icache_forget(pa_t frame);

/*
 * Accesses as a task makes them: page by page, each page's part repeated until it does not fault. `satp` is asked before
 * every attempt; `fault` is the trap handler: 0 means try again, anything else ends the access and is returned.
 */
struct mmu_task {
    uint64_t (*satp)(void *context);
    int (*fault)(void *context, va_t va, enum mmu_access access);
    void *context;
};

int sim_load(const struct mmu_task *task, va_t va, void *to, uint32_t bytes);
int sim_store(const struct mmu_task *task, va_t va, const void *from, uint32_t bytes);
int sim_fetch(const struct mmu_task *task, va_t va, void *to, uint32_t bytes);

#endif
