/*
 * A SPI NOR chip at the level of its commands, over the simulated array (nor.h): what drivers over hal/spi.h are
 * tested on.
 *
 * Strict where QEMU's model is not: the write-enable latch falls after each program and erase, the part is busy for its
 * time, a page program wraps inside its page, BP bits stop programs and erases, a busy or sleeping part ignores
 * commands, a suspend takes its time, reset needs 66 before 99. What a driver must never do is a violation (nor.h):
 * an unknown opcode, wrong address or dummy bytes, a program without write enable, a command to a busy part other than
 * status reads, suspend, ff and ab.
 *
 * Registers besides the status are those of the maker in the id: ISSI 48 81 82, Winbond and GigaDevice 35,
 * Micron 70 50, Macronix 2b, Winbond 15.
 */
#ifndef TESTS_SIM_NOR_SPI_H
#define TESTS_SIM_NOR_SPI_H

#include "hal/spi.h"
#include "tests/sim/nor.h"

#define NOR_SPI_SFDP_BYTES 512u
#define NOR_SPI_IS25WP256  0x9d7019u

struct nor_spi {
    struct spi spi; /* give this to the driver */
    struct nor *nor;
    uint32_t id;
    uint8_t sfdp[NOR_SPI_SFDP_BYTES];
    uint32_t sfdp_bytes; /* 0: the opcode is ignored, as in QEMU 7.2 */
    uint32_t hz;

    /* Kept without power. */
    uint8_t protect_kept; /* what `protect` is after power on and reset */
    bool protect_bottom;  /* TBS of ISSI; other makers' parts protect everything */
    bool quad_enable;     /* without it the part drives one lane only */

    /* Lost without power. */
    uint8_t protect;     /* status bits, BP0 to BP3: 2 to 5, on Micron's parts 2 to 4 and 6 */
    bool protect_turned; /* CMP: what BP bits protect is free, the rest is not */
    bool protect_single; /* each block has a lock of its own in their place, and all are locked */
    bool four_byte_mode; /* opcodes of 3 address bytes are a violation */
    bool write_enabled;
    int operating; /* NOR_PROGRAM or NOR_ERASE: begun, and its end not yet seen */
    bool sleeping; /* deep power-down */
    bool continuous_read;
    bool reset_enabled;
    uint64_t deaf_until_ns; /* waking or resetting */
    bool error_program, error_erase, error_protect;

    /* What is wrong with it. */
    bool absent;              /* nobody drives the bus: all ones */
    bool stuck_low;           /* all zeros */
    bool controller_dead;     /* transact() is -ETIMEDOUT */
    bool never_write_enables; /* 06 does nothing */
    bool quad_miswired;       /* two lanes swapped */
    bool quad_wraps;          /* reads by four lanes come round after 64 bytes, as some parts can be told to */
    bool mute_suspended;      /* no id is answered while suspended */
    bool loses_next_resume;
    bool loses_next_suspend;
};

/* A healthy part with this id, one lane or four, with the SFDP tables of an IS25WP256 cut to the array's size. */
void nor_spi_open(struct nor_spi *chip, struct nor *nor, uint32_t id);

/* Power on, after a cut or at any time: volatile state is lost. */
void nor_spi_power_on(struct nor_spi *chip);

/* SFDP as the IS25WP256 has it: its times, suspend, 3-byte addresses only. Bytes written to `image`, below 256. */
uint32_t nor_spi_sfdp(uint8_t *image, uint32_t size_bytes);

#endif
