/*
 * The firmware's processor: what hal/cpu.h promises to the portable code, and what only the firmware may ask for.
 *
 * The firmware is compiled with `-include hal/cpu_riscv.h`, so that cpu_direct() is one addition in every source,
 * while the portable sources go on including hal/cpu.h alone and contain no `#if`.
 *
 * Errata. Two chips cannot be trusted to flush one address:
 *   FU540 (U54): sfence.vma with an address does not work at all (so says OpenSBI's platform code for this chip);
 *   FU740 (U74): CIP-1200, sfence.vma with an address may fail to flush (FU740-C000 errata; fixed after mimpid
 *                0x..200630). Both flush everything instead.
 * On early U54 and U74 cores (CIP-453) stval is not sign-extended after instruction faults.
 *
 * Attributes. T-Head's cores (C906, C910) can be told by the machine-mode firmware to take a page's cache attributes from
 * bits 59 to 63 of its PTE ("Xuantie-Openc906-Usermanual", extended page attributes; sxstatus.MAEE). RAM then is slow, and
 * its atomic instructions fault, unless every leaf says that it is cacheable.
 */
#ifndef HAL_CPU_RISCV_H
#define HAL_CPU_RISCV_H

/* Physical address p is seen at CPU_DIRECT_BASE + p when it lies in the frame pool, and nowhere else. */
#define CPU_DIRECT_BASE 0xffffffc000000000

#ifndef __ASSEMBLER__

#include "hal/cpu.h"
#include "hal/csr.h"

#define cpu_direct(pa) ((void *)((pa).raw + CPU_DIRECT_BASE))

/* The way back: only for addresses that cpu_direct() gave out. */
static inline pa_t cpu_direct_pa(const void *view)
{
    return (pa_t){ (uint64_t)view - CPU_DIRECT_BASE };
}

enum cpu_errata { CPU_ERRATA_NONE, CPU_ERRATA_FU540, CPU_ERRATA_FU740 };

/*
 * Once, on the boot hart, with Sv39 on and interrupts off: probes the ASID width, opens cycle, time and instret to user
 * mode, and sets SUM = 0, MXR = 0, FS = VS = off.
 */
void cpu_init(enum cpu_errata errata);

/* What this hart reports of itself through SBI needs, if anything. The ids are 0 where SBI cannot tell. */
enum cpu_errata cpu_errata_of(uint64_t mvendorid, uint64_t marchid, uint64_t mimpid);

enum cpu_errata cpu_errata(void);

/* Bits that leaves on RAM and on devices need besides on a hart of this vendor. Runs translated or not. */
struct cpu_attributes {
    uint64_t memory, device;
};
struct cpu_attributes cpu_attributes_probe(uint64_t mvendorid);

/*
 * Translates by this satp value from now on (as space_activate() makes it). Where there are no ASIDs this also flushes;
 * where there are, a recycled ASID has to be flushed by its owner. Nothing happens when it is the current one.
 */
void cpu_space_switch(uint64_t satp);

/* The satp value of a root table; `asid` < 1 << cpu_asid_bits(). */
static inline uint64_t cpu_satp(pa_t root, unsigned asid)
{
    return (uint64_t)SATP_MODE_SV39 << SATP_MODE_SHIFT | (uint64_t)asid << SATP_ASID_SHIFT | root.raw >> PAGE_SHIFT;
}

/* After a change of a global (kernel) mapping: the page at `va` in every space. */
void cpu_tlb_flush_kernel_page(va_t va);

/* stval of a fault as an address: sign-extended where CIP-453 left that out. */
va_t cpu_fault_address(uint64_t scause, uint64_t stval);
/* The same on a hart with these errata. */
va_t cpu_fault_address_with(enum cpu_errata errata, uint64_t scause, uint64_t stval);

/*
 * Words of the processor's entropy source (Zkr), of at least 8 bits of entropy each. false: it has none, it gives none, or
 * machine mode keeps it for itself. At boot only, with interrupts off: for a moment traps go nowhere else.
 */
bool cpu_entropy(uint16_t *words, unsigned count);

static inline uint64_t cpu_cycles(void)
{
    return csr_read(cycle);
}

static inline uint64_t cpu_instructions(void)
{
    return csr_read(instret);
}

/* Whether that counts instructions: an emulator may give the time of its host. */
bool cpu_counts_instructions(void);

/* Sleeps until an interrupt that sie enables is pending, whether sstatus.SIE is set or not. May return early. */
static inline void cpu_wait(void)
{
    __asm__ volatile("wfi" ::: "memory");
}

static inline void cpu_interrupts_on(void)
{
    csr_set(sstatus, SSTATUS_SIE);
}

static inline void cpu_interrupts_off(void)
{
    csr_clear(sstatus, SSTATUS_SIE);
}

#endif
#endif
