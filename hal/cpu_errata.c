/*
 * Errata as facts: which core has which, and what a fault address means there. See hal/cpu_riscv.h; nothing here touches the
 * processor, so it is tested on the host.
 */
#include "hal/cpu_riscv.h"

#define SIFIVE_VENDOR_ID      0x489u
#define SIFIVE_U54_ID         0x1u
#define SIFIVE_U74_ID         0x8000000000000007u
#define CIP_1200_LAST_MIMPID  0x200630u /* of the lower 24 bits */
#define CIP_1200_FIXED_MIMPID 0x1200626u

#define VA_BITS 39u

enum cpu_errata cpu_errata_of(uint64_t mvendorid, uint64_t marchid, uint64_t mimpid)
{
    if (mvendorid != SIFIVE_VENDOR_ID || (mimpid & 0xffffff) > CIP_1200_LAST_MIMPID || mimpid == CIP_1200_FIXED_MIMPID)
        return CPU_ERRATA_NONE;
    if (marchid == SIFIVE_U54_ID)
        return CPU_ERRATA_FU540;
    return marchid == SIFIVE_U74_ID ? CPU_ERRATA_FU740 : CPU_ERRATA_NONE;
}

va_t cpu_fault_address_with(enum cpu_errata errata, uint64_t scause, uint64_t stval)
{
    if (errata == CPU_ERRATA_NONE || (scause != CAUSE_FETCH_ACCESS && scause != CAUSE_FETCH_PAGE))
        return stval;
    return (va_t)((int64_t)(stval << (64 - VA_BITS)) >> (64 - VA_BITS));
}
