/*
 * The SiFive SPI controller (SPI0 to SPI2 of FU540-C000 and FU740-C000, and QEMU's `sifive_u`), by its FIFOs: no DMA,
 * no interrupts, and not its memory-mapped flash mode.
 *
 * Data goes by one lane, or is read by four; opcode, address and dummy bytes always go by one.
 */
#ifndef HAL_SPI_SIFIVE_H
#define HAL_SPI_SIFIVE_H

#include "hal/spi.h"

struct spi_sifive {
    struct spi spi; /* what the flash driver uses */
    volatile uint32_t *registers;
    uint32_t input_hz; /* tlclk */
    uint32_t format;   /* as last written to fmt, whose write costs a bus access */
};

/*
 * `registers`: the mapped control window, not the flash window. `input_hz`: the controller's input clock, from the
 * device tree. Takes the controller out of flash mode, selects chip 0 in mode 0, and sets a clock of at most 1 MHz
 * until set_clock() is called.
 */
void spi_sifive_init(struct spi_sifive *controller, volatile uint32_t *registers, uint32_t input_hz);

#endif
