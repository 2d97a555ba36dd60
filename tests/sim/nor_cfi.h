/*
 * A bank of two Intel-command-set chips at the level of its commands, over the simulated array (nor.h): what the CFI
 * driver is tested on. The array is the bank: its erase units and pages are those of both chips together.
 *
 * Strict where QEMU's model is not: an erase begins at its confirmation, programs only clear bits, the bank is busy for
 * its time and then takes no command but 70, b0 and status reads; status errors stay until 50; blocks wake up locked
 * where the query says so; commands go to both chips alike; a write buffer is filled inside its own range, in full, and
 * confirmed. What a driver must never do is a violation (nor.h).
 */
#ifndef TESTS_SIM_NOR_CFI_H
#define TESTS_SIM_NOR_CFI_H

#include "hal/cfi_nor.h"
#include "tests/sim/nor.h"

#define NOR_CFI_BLOCKS_MOST 1024u

enum nor_cfi_mode { NOR_CFI_ARRAY, NOR_CFI_STATUS, NOR_CFI_QUERY };

/* What the next write is. */
enum nor_cfi_step {
    NOR_CFI_READY,
    NOR_CFI_ERASE_SETUP,
    NOR_CFI_LOCK_SETUP,
    NOR_CFI_WORD_DATA,
    NOR_CFI_COUNT,
    NOR_CFI_DATA,
    NOR_CFI_CONFIRM
};

struct nor_cfi {
    struct cfi_bus bus; /* give this to the driver */
    struct nor *nor;
    uint8_t query[CFI_QUERY_BYTES]; /* of each chip */

    enum nor_cfi_mode mode;
    enum nor_cfi_step step;
    uint32_t block;  /* of the program being set up */
    uint32_t start;  /* of its first word; all ones: none yet */
    uint32_t words;  /* still to come */
    uint32_t filled; /* bytes */
    uint8_t buffer[NOR_PAGE_MAX];
    uint16_t errors;      /* status bits 5, 4, 3, 1, of both chips */
    uint16_t errors_high; /* of the second chip only */
    int operating;        /* NOR_PROGRAM or NOR_ERASE: begun, and its end not yet seen */
    bool locked[NOR_CFI_BLOCKS_MOST];

    /* What is wrong with it. */
    bool absent;             /* nobody drives the bus: all ones */
    bool second_differs;     /* the second chip's query says something else */
    bool second_fails_next;  /* the next operation ends in an error of the second chip alone */
    uint32_t second_late_us; /* it becomes ready this much later */
    uint64_t second_ready_ns;
    bool loses_next_suspend;
};

enum nor_cfi_features { NOR_CFI_SUSPEND_ERASE = 2, NOR_CFI_SUSPEND_PROGRAM = 4, NOR_CFI_LOCKS = 32 };

/* The array configuration of a bank as QEMU's `virt` has it, with fewer blocks: 256 KiB blocks, 4 KiB buffers. */
struct nor_config nor_config_cfi(uint32_t block_count, uint32_t block_bytes, uint32_t buffer_bytes);

/* A healthy bank; its query describes the array. `features`: of the primary table. Locks: all blocks locked. */
void nor_cfi_open(struct nor_cfi *bank, struct nor *nor, unsigned features);

/* Power on, after a cut or at any time: read array, no errors, blocks locked. */
void nor_cfi_power_on(struct nor_cfi *bank);

#endif
