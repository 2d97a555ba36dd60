/*
 * What a SPI NOR part can do: from a table by its JEDEC id, and from its own SFDP tables where it answers them.
 *
 * The table is believed about what a part can do, SFDP about times; SFDP is used only where its size agrees with the
 * table's (a bus that drops bits must not change what we know). For an unknown id SFDP alone decides.
 */
#ifndef HAL_SPI_NOR_PARTS_H
#define HAL_SPI_NOR_PARTS_H

#include <stdbool.h>
#include <stdint.h>

/* As much of the SFDP space as is looked at; the parts known to us keep their tables below. */
#define SFDP_BYTES 512u

struct spi_nor_times {
    uint32_t typical_us, most_us;
};

/* A status-like register, read by `opcode`, and the bits that matter in it. opcode 0: the part has none. */
struct spi_nor_register {
    uint8_t opcode, bits;
};

struct spi_nor_facts {
    uint32_t size_bytes;
    uint32_t page_bytes;
    bool four_byte; /* opcodes 13 12 21 dc 6c exist: needed above 16 MiB */
    bool quad;      /* reads by 6b or 6c, one dummy byte; to be verified on the board */
    struct spi_nor_times program, erase_4k, erase_64k;
    uint8_t suspend, resume; /* opcodes; 0: cannot, or not known to */
    uint32_t suspend_most_us;
    uint32_t resume_gap_us;            /* at least, from a resume to the next suspend */
    struct spi_nor_register suspended; /* a bit is set while an erase or program is suspended */
    struct spi_nor_register errors;    /* a bit is set when the last erase or program failed */
    uint8_t errors_clear;              /* opcode that clears them; 0: the next operation does */
    uint8_t protect_bits;              /* BP bits of the status register (05) */
    /* Where known, BP value n > 0 protects 2^(n-1) blocks of 64 KiB at the top of the part, or at its bottom when this
     * bit is set, and the BP bits are adjacent. opcode 0: not known, any BP bit is taken to protect everything. */
    struct spi_nor_register protect_bottom;
    struct spi_nor_register
        protect_others[2]; /* a bit that turns the BP bits about, or sets other locks in their place */
};

/*
 * The facts of the part with this id (manufacturer byte first, as in 0x9d7019). `sfdp`: the first `sfdp_bytes` of its
 * SFDP space, whatever was read there. -ENOTSUP: unknown, or known to lack what is needed.
 */
int spi_nor_facts(uint32_t id, const uint8_t *sfdp, uint32_t sfdp_bytes, struct spi_nor_facts *facts)
    __attribute__((warn_unused_result));

/*
 * JESD216 (SFDP), revisions up to F: header, basic flash parameter table, 4-byte address instruction table.
 * Fills what the tables say and leaves the rest of `facts` 0; times only where the table is long enough (rev. A).
 * Never reads outside `image`. -EINVAL: no SFDP, or a basic table that contradicts itself.
 */
int sfdp_parse(const uint8_t *image, uint32_t bytes, struct spi_nor_facts *facts) __attribute__((warn_unused_result));

#endif
