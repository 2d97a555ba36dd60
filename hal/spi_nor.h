/*
 * SPI NOR flash behind hal/flash.h, over any hal/spi.h.
 *
 *      start(program | erase)        poll: WIP gone, no error bit
 *      idle -------------------> busy -----------------------------> next page, or done
 *                                |  ^
 *              a read: 75, wait  v  |  poll: 7a
 *                              suspended: reads as often as they come
 *
 * An erase that a read has overtaken stays suspended until the next flash_poll(), so that faults in a row pay for one
 * suspend. Reads end inside flash_start().
 *
 * Nothing that a program or an erase needs is taken on trust: the write-enable latch is read back before each one, the
 * busy time has a bound from the data sheet, error bits are looked at where the part has them, and a suspend that was
 * never resumed does not count as an end.
 *
 * A part is left as it was found. Only its array is written: no status or configuration register, so protection bits and
 * the quad-enable bit stay; opcodes are those that work in 3-byte and in 4-byte mode, so the mode stays; and it is not
 * reset (66 99), which would take volatile protection and modes with it, unless it cannot be used otherwise.
 *
 * Programs go by one lane. Four would be proved by writing, which costs the store a block, and need a controller that
 * turns its lanes about; on an Unleashed they take 251 us for a page where one lane takes 274, as the part's own program
 * time is most of it.
 */
#ifndef HAL_SPI_NOR_H
#define HAL_SPI_NOR_H

#include "hal/flash.h"
#include "hal/spi.h"
#include "hal/spi_nor_parts.h"

struct spi_nor_setup {
    struct spi *spi;
    uint64_t (*now_us)(void); /* any monotonic clock; bounds and intervals are taken from it */
    uint32_t hz;              /* SCK at most; the driver asks for no more than 50 MHz */
    uint32_t erase_bytes;     /* 65536 or 4096 */
};

struct spi_nor {
    struct flash flash; /* what the rest of the firmware uses */
    struct spi_nor_setup setup;
    struct spi_nor_facts facts;
    uint32_t id;                /* JEDEC id, manufacturer byte first */
    uint32_t hz;                /* SCK as it came out */
    struct spi_nor_times erase; /* one setup.erase_bytes */
    uint8_t address_bytes;
    uint8_t read_opcode, read_dummy, read_lanes, program_opcode, erase_opcode;
    uint32_t protected_start, protected_bytes; /* by BP bits, as found */

    /* The request in flight. */
    uint32_t done_bytes; /* of a program: pages that have ended */
    uint32_t step_bytes; /* its page in flight */
    uint64_t deadline_us;
    uint64_t suspended_us, resumed_us; /* when */
    bool suspended;
    bool was_suspended; /* since the page or erase began */
    bool stuck;         /* the last one never ended */
};

/*
 * Finds the part, in whatever state a reset of the processor left it: busy, suspended, in deep power-down or in a
 * continuous read. An erase under way, or suspended, goes on to its end, for which it may wait a few seconds. -ENODEV: nobody answers. -ENOTSUP: a part we do not know
 * how to drive. -ETIMEDOUT: it stays busy, or the controller does not move. The window is empty afterwards.
 */
int spi_nor_init(struct spi_nor *nor, const struct spi_nor_setup *setup) __attribute__((warn_unused_result));

/* -EROFS: block-protection bits cover a part of the range. Programs and erases there end in -EROFS. */
int spi_nor_writable(const struct spi_nor *nor, uint32_t start, uint32_t bytes) __attribute__((warn_unused_result));

/*
 * Reads by four lanes from now on, if a place with telling contents reads the same as by one lane. An erased part tells
 * nothing; call again once something is on it. Not while a request is in flight. Is it quad now?
 */
bool spi_nor_try_quad(struct spi_nor *nor);

#endif
