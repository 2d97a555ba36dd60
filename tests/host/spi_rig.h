/* What the tests of the SPI NOR driver share: a strict chip (tests/sim/nor_spi.h), the driver over it, and a pattern. */
#ifndef TESTS_HOST_SPI_RIG_H
#define TESTS_HOST_SPI_RIG_H

#include "hal/spi_nor.h"
#include "tests/host/flash_rig.h"
#include "tests/sim/nor_spi.h"

#define MIB       (1u << 20)
#define BLOCK     RIG_BLOCK
#define IS25WP256 NOR_SPI_IS25WP256
#define IS25WP128 0x9d7018u
#define W25Q128   0xef4018u
#define MX25L128  0xc22018u
#define MT25QL128 0x20ba18u
#define UNKNOWN   0x3456u /* a part of 1 MiB in no table */

extern struct nor_spi chip;
extern struct spi_nor driver;
extern uint8_t pattern[BLOCK];

/* A new chip with this id, times of its data sheet, and SFDP. */
void part_new(uint32_t id);

/* The driver finds the chip behind `spi`; then its window is all of the part. */
int probe_over(struct spi *spi, uint32_t erase_bytes);
int probe_with(uint32_t erase_bytes);
int probe(void);

/* Of cmocka: an IS25WP128, not yet found, or found. */
int setup(void **state);
int setup_probed(void **state);

int program(uint32_t address, const void *from, uint32_t bytes);
int erase(uint32_t address);

/* Fills `pattern`, and puts it into the cells. */
void put_pattern(uint32_t address, uint32_t bytes);
void reads_pattern(uint32_t address, uint32_t bytes);

#endif
