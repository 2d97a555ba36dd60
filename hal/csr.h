/*
 * Control and status registers of S-mode, spelled as in "The RISC-V Instruction Set Manual, Volume II: Privileged
 * Architecture", version 1.12, chapter 4 "Supervisor-Level ISA". Usable from assembly.
 */
#ifndef HAL_CSR_H
#define HAL_CSR_H

/* Section 4.1.1, "Supervisor Status Register (sstatus)" */
#define SSTATUS_SIE        (1 << 1)
#define SSTATUS_SPIE       (1 << 5)
#define SSTATUS_SPP        (1 << 8)
#define SSTATUS_FS         (3 << 13)
#define SSTATUS_FS_OFF     (0 << 13)
#define SSTATUS_FS_INITIAL (1 << 13)
#define SSTATUS_FS_CLEAN   (2 << 13)
#define SSTATUS_FS_DIRTY   (3 << 13)
#define SSTATUS_VS         (3 << 9)
#define SSTATUS_SUM        (1 << 18)
#define SSTATUS_MXR        (1 << 19)

/* Section 4.1.3, "Supervisor Interrupt Registers (sip and sie)"; the bit is also the interrupt's cause number */
#define SIE_SSIE (1 << 1)
#define SIE_STIE (1 << 5)
#define SIE_SEIE (1 << 9)

/* Section 4.1.5, "Counter-Enable Register (scounteren)" */
#define SCOUNTEREN_CY (1 << 0)
#define SCOUNTEREN_TM (1 << 1)
#define SCOUNTEREN_IR (1 << 2)

/* Section 4.1.8, "Supervisor Cause Register (scause)", table 4.2 */
#define CAUSE_INTERRUPT_BIT       63
#define CAUSE_FETCH_MISALIGNED    0
#define CAUSE_FETCH_ACCESS        1
#define CAUSE_ILLEGAL_INSTRUCTION 2
#define CAUSE_BREAKPOINT          3
#define CAUSE_LOAD_MISALIGNED     4
#define CAUSE_LOAD_ACCESS         5
#define CAUSE_STORE_MISALIGNED    6
#define CAUSE_STORE_ACCESS        7
#define CAUSE_USER_ECALL          8
#define CAUSE_FETCH_PAGE          12
#define CAUSE_LOAD_PAGE           13
#define CAUSE_STORE_PAGE          15
#define INTERRUPT_SOFTWARE        1
#define INTERRUPT_TIMER           5
#define INTERRUPT_EXTERNAL        9

/* Section 4.1.11, "Supervisor Address Translation and Protection (satp) Register" */
#define SATP_MODE_SHIFT 60
#define SATP_MODE_SV39  8
#define SATP_ASID_SHIFT 44
#define SATP_ASID_MASK  0xffff

/* Section 4.4.1, "Addressing and Memory Protection" of Sv39: the bits of a page-table entry */
#define PTE_V         (1 << 0)
#define PTE_R         (1 << 1)
#define PTE_W         (1 << 2)
#define PTE_X         (1 << 3)
#define PTE_U         (1 << 4)
#define PTE_G         (1 << 5)
#define PTE_A         (1 << 6)
#define PTE_D         (1 << 7)
#define PTE_PPN_SHIFT 10

/* "Supervisor-mode Timer Interrupts (Sstc)", version 1.0: by number, because the assembler may not know the name */
#define CSR_STIMECMP 0x14d

/*
 * "RISC-V Cryptography Extensions Volume I: Scalar & Entropy Source Instructions" 1.0.1, section 4.1 "The seed CSR";
 * by number likewise
 */
#define CSR_SEED        0x015
#define SEED_OPST_SHIFT 30
#define SEED_OPST_BIST  0
#define SEED_OPST_WAIT  1
#define SEED_OPST_ES16  2
#define SEED_OPST_DEAD  3

#ifndef __ASSEMBLER__

#include <stdint.h>

#define CSR_TEXT_(x) #x
#define CSR_TEXT(x)  CSR_TEXT_(x)

#define csr_read(csr)                                                                \
    __extension__({                                                                  \
        uint64_t csr_value_;                                                         \
        __asm__ volatile("csrr %0, " CSR_TEXT(csr) : "=r"(csr_value_) : : "memory"); \
        csr_value_;                                                                  \
    })
#define csr_write(csr, value) __asm__ volatile("csrw " CSR_TEXT(csr) ", %0" : : "rK"((uint64_t)(value)) : "memory")
#define csr_set(csr, bits)    __asm__ volatile("csrs " CSR_TEXT(csr) ", %0" : : "rK"((uint64_t)(bits)) : "memory")
#define csr_clear(csr, bits)  __asm__ volatile("csrc " CSR_TEXT(csr) ", %0" : : "rK"((uint64_t)(bits)) : "memory")

#endif
#endif
