/*
 * A SPI controller as the SPI NOR driver sees it: one transaction, chip select held from its start to its end.
 * Behind it: the SiFive controller (hal/spi_sifive.c) and the command-level chip model of the host simulation.
 */
#ifndef HAL_SPI_H
#define HAL_SPI_H

#include <stdint.h>

/* A JEDEC-style command: opcode, 0 to 4 address bytes (most significant first), dummy bytes, then data one way. */
struct spi_transaction {
    uint8_t opcode;
    uint8_t address_bytes;
    uint8_t dummy_bytes;
    uint8_t data_lanes; /* 1 or 4; opcode and address always use one lane */
    uint32_t address;
    uint32_t bytes;   /* of data */
    void *into;       /* read data, or NULL */
    const void *from; /* write data, or NULL */
};

struct spi {
    /* 0, or -ETIMEDOUT when the controller does not move, -ENOTSUP for lanes it lacks. */
    int (*transact)(struct spi *spi, const struct spi_transaction *transaction);
    /* Sets SCK to at most `hz`; returns the clock that results. */
    uint32_t (*set_clock)(struct spi *spi, uint32_t hz);
    void *device;
};

#endif
