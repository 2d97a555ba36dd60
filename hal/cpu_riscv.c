/*
 * Sv39 harts; see hal/cpu_riscv.h for the errata.
 */
#include "hal/cpu_riscv.h"

/* sxstatus.MAEE, and the bits of a leaf: strong order, cacheable, bufferable, shareable */
#define THEAD_VENDOR_ID  0x5b7u
#define CSR_TH_SXSTATUS  0x5c0
#define TH_SXSTATUS_MAEE (1u << 21)
#define TH_LEAF_SO       (1ull << 63)
#define TH_LEAF_C        (1ull << 62)
#define TH_LEAF_B        (1ull << 61)
#define TH_LEAF_SH       (1ull << 60)

static unsigned asid_bits;
static enum cpu_errata errata;

void *(cpu_direct)(pa_t pa)
{
    return cpu_direct(pa);
}

unsigned cpu_asid_bits(void)
{
    return asid_bits;
}

enum cpu_errata cpu_errata(void)
{
    return errata;
}

struct cpu_attributes cpu_attributes_probe(uint64_t mvendorid)
{
    if (mvendorid != THEAD_VENDOR_ID || !(csr_read(CSR_TH_SXSTATUS) & TH_SXSTATUS_MAEE))
        return (struct cpu_attributes){ 0 };
    return (struct cpu_attributes){ .memory = TH_LEAF_C | TH_LEAF_B | TH_LEAF_SH, .device = TH_LEAF_SO | TH_LEAF_SH };
}

/* satp.ASID is WARL: only the bits that exist stay set. The kernel's mappings are global, so any ASID finds them. */
static unsigned asid_bits_probe(void)
{
    uint64_t satp = csr_read(satp);
    uint64_t kept;
    unsigned bits = 0;

    csr_write(satp, satp | (uint64_t)SATP_ASID_MASK << SATP_ASID_SHIFT);
    kept = csr_read(satp) >> SATP_ASID_SHIFT & SATP_ASID_MASK;
    csr_write(satp, satp);
    while (kept >> bits & 1)
        bits++;
    return bits;
}

void cpu_init(enum cpu_errata known)
{
    errata = known;
    asid_bits = asid_bits_probe();
    csr_clear(sstatus, SSTATUS_SIE | SSTATUS_SUM | SSTATUS_MXR | SSTATUS_FS | SSTATUS_VS);
    csr_write(scounteren, SCOUNTEREN_CY | SCOUNTEREN_TM | SCOUNTEREN_IR);
    cpu_tlb_flush_all();
}

void cpu_space_switch(uint64_t satp)
{
    if (csr_read(satp) == satp)
        return;
    csr_write(satp, satp);
    if (asid_bits == 0)
        cpu_tlb_flush_all();
}

void cpu_tlb_flush_all(void)
{
    __asm__ volatile("sfence.vma" ::: "memory");
}

void cpu_tlb_flush_asid(unsigned asid)
{
    if (asid_bits == 0)
        cpu_tlb_flush_all();
    else
        __asm__ volatile("sfence.vma zero, %0" : : "r"((uint64_t)asid) : "memory");
}

void cpu_tlb_flush_page(unsigned asid, va_t va)
{
    if (errata != CPU_ERRATA_NONE)
        cpu_tlb_flush_all();
    else
        __asm__ volatile("sfence.vma %0, %1" : : "r"(va), "r"((uint64_t)asid) : "memory");
}

void cpu_tlb_flush_kernel_page(va_t va)
{
    if (errata != CPU_ERRATA_NONE)
        cpu_tlb_flush_all();
    else
        __asm__ volatile("sfence.vma %0" : : "r"(va) : "memory");
}

void cpu_icache_sync(void)
{
    __asm__ volatile("fence.i" ::: "memory");
}

va_t cpu_fault_address(uint64_t scause, uint64_t stval)
{
    return cpu_fault_address_with(errata, scause, stval);
}

#define LOOP_TURNS 64

/* What instret says of a loop of two instructions a turn, with one before and the reading itself. */
static uint64_t loop_instructions(void)
{
    uint64_t before, after, turns;

    __asm__ volatile("csrr %[before], instret\n\t"
                     "li %[turns], %[most]\n"
                     "1:\n\t"
                     "addi %[turns], %[turns], -1\n\t"
                     "bnez %[turns], 1b\n\t"
                     "csrr %[after], instret"
                     : [before] "=&r"(before), [after] "=r"(after), [turns] "=&r"(turns)
                     : [most] "i"(LOOP_TURNS));
    return after - before;
}

/* More than once: the time of the first turn, which an emulator translates, is never that of the next. */
bool cpu_counts_instructions(void)
{
    for (unsigned i = 0; i < 3; i++)
        if (loop_instructions() != 2 * LOOP_TURNS + 2)
            return false;
    return true;
}

/*
 * Reads the seed CSR. Where it is not ours (mseccfg.SSEED is 0) or not there, the instruction is illegal, and the trap goes
 * to the instruction behind it.
 */
static uint32_t seed_read(void)
{
    uint64_t value = (uint64_t)SEED_OPST_DEAD << SEED_OPST_SHIFT, vector;

    __asm__ volatile("la %[vector], 1f\n\t"
                     "csrrw %[vector], stvec, %[vector]\n\t"
                     "csrrw %[value], " CSR_TEXT(CSR_SEED) ", zero\n\t"
                                                           ".balign 4\n" /* as stvec wants it */
                                                           "1:\n\t"
                                                           "csrw stvec, %[vector]"
                     : [vector] "=&r"(vector), [value] "+&r"(value)
                     :
                     : "memory");
    return (uint32_t)value;
}

#define SEED_POLLS 100000u

bool cpu_entropy(uint16_t *words, unsigned count)
{
    for (unsigned polls = 0; count && polls < SEED_POLLS; polls++) {
        uint32_t seed = seed_read();

        if (seed >> SEED_OPST_SHIFT == SEED_OPST_DEAD)
            return false;
        if (seed >> SEED_OPST_SHIFT == SEED_OPST_ES16)
            words[--count] = (uint16_t)seed;
    }
    return count == 0;
}
