/*
 * What the memory code asks of a processor: Sv39 translation fences, and a view of physical memory.
 *
 * Two implementations stand behind this contract: the firmware's (hal/cpu_riscv.c) and the host simulation's
 * (tests/sim/mmu.c), whose TLB stays stale until it is flushed.
 *
 * Addresses: a physical address is a struct, a virtual one an integer, so that the compiler refuses to mix them.
 */
#ifndef HAL_CPU_H
#define HAL_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SHIFT 12u
#define PAGE_BYTES 4096u

typedef struct {
    uint64_t raw;
} pa_t;

typedef uint64_t va_t;

/* The firmware's own view of one page of RAM; `pa` need not be aligned, the view is valid to the end of its page. */
void *cpu_direct(pa_t pa);

/* Width of satp.ASID as probed at boot, 0 to 16 bits. 0 is legal: every switch then flushes. */
unsigned cpu_asid_bits(void);

/*
 * Fences (privileged specification 1.12, section 4.2.1). Each orders earlier writes of page-table entries before later
 * translations. A chip that cannot flush by address (FU540, FU740 erratum CIP-1200) widens the first to the second or
 * third by itself. All are local to the calling hart; with more harts running, the same calls reach them by SBI RFENCE.
 */
void cpu_tlb_flush_page(unsigned asid, va_t va);
void cpu_tlb_flush_asid(unsigned asid);
void cpu_tlb_flush_all(void);

/* Makes the instructions written to memory visible to later fetches (fence.i). */
void cpu_icache_sync(void);

#endif
