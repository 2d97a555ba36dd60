/*
 * Parallel NOR with the Intel command set behind hal/flash.h: two x16 chips side by side make a bank of 32 bits (as on
 * QEMU `virt`), every command and every status is doubled, and an erase block of the bank is one block of each chip.
 *
 * All that differs between parts comes from the CFI query (JESD68.01) and the Intel primary table (Intel AP-646).
 * Requests behave as in hal/spi_nor.h: a program goes buffer by buffer across polls, a read suspends what is in flight
 * where the part can, the next poll resumes it.
 */
#ifndef HAL_CFI_NOR_H
#define HAL_CFI_NOR_H

#include "hal/flash.h"

/* How the bank is reached; `offset` in bytes, a multiple of 4. */
struct cfi_bus {
    uint32_t (*read)(struct cfi_bus *bus, uint32_t offset);
    void (*write)(struct cfi_bus *bus, uint32_t offset, uint32_t value);
    const volatile uint32_t *direct; /* the bank in memory, for data; NULL: data comes by read(), too */
    void *device;
};

/* The bank as plain memory. `base` is 4-byte aligned and uncached. */
void cfi_bus_mmio(struct cfi_bus *bus, volatile uint32_t *base);

/* Sizes are of one chip. */
struct cfi_facts {
    uint32_t size_bytes, erase_bytes;
    uint32_t buffer_bytes;                        /* one buffered program at most; aligned to this */
    uint32_t program_typical_us, program_most_us; /* one buffer */
    uint32_t erase_typical_us, erase_most_us;
    bool suspend_erase, suspend_program;
    bool locks; /* blocks wake up locked, and 60 d0 unlocks one at once */
};

/* Enough of the query for any primary table in use; and the part of it that is the same in all. */
#define CFI_QUERY_BYTES 128u
enum { CFI_QRY = 0x10, CFI_END = 0x31 };

/*
 * `query[i]` is the byte of one chip's query at CFI offset i. Never reads beyond `bytes`.
 * -ENODEV: no query. -ENOTSUP: another command set, no write buffer, or unequal erase blocks. -EINVAL: contradictions.
 */
int cfi_parse(const uint8_t *query, uint32_t bytes, struct cfi_facts *facts) __attribute__((warn_unused_result));

struct cfi_nor {
    struct flash flash; /* what the rest of the firmware uses */
    struct cfi_bus *bus;
    uint64_t (*now_us)(void);
    struct cfi_facts facts; /* of one chip */
    bool array_mode;        /* the bank answers reads with data, not with its status */

    /* The request in flight. */
    uint32_t done_bytes, step_bytes;
    uint64_t deadline_us;
    uint64_t suspended_us; /* when */
    uint64_t resumed_us;   /* when the step began or was resumed */
    bool suspended;
    bool stuck; /* the last one never ended */
};

/* `now_us`: any monotonic clock. Errors as cfi_parse(), -ENODEV also where the two chips differ, -ETIMEDOUT where the
 * bank stays busy with what a reset found it at. The window is empty afterwards. */
int cfi_nor_init(struct cfi_nor *nor, struct cfi_bus *bus, uint64_t (*now_us)(void))
    __attribute__((warn_unused_result));

#endif
