/*
 * The SPI controller of Allwinner's D1, D1s and R329 ("sun50i-r329-spi"), by its FIFOs: no DMA, no interrupts.
 *
 * A transaction is a row of bursts of one FIFO each, with the chip select held by hand around them, so that no FIFO can
 * overrun however late the processor is. Data goes by one lane, or is read by four; all else goes by one.
 *
 * This family has no divider in the controller: SCK is the module clock, which is a register of the clock unit. It is
 * run from the crystal, the one clock that every boot stage leaves alone. Pins are as the boot stage left them.
 *
 * Tested on a model of the registers (tests/host/test_spi_sun6i.c); not tried on hardware.
 */
#ifndef HAL_SPI_SUN6I_H
#define HAL_SPI_SUN6I_H

#include "hal/mmio.h"
#include "hal/spi.h"

struct spi_sun6i {
    struct spi spi; /* what the flash driver uses */
    mmio_t registers, clock_unit;
    uint32_t crystal_hz;
    uint32_t control; /* of transfers, as it is with the chip selected */
};

/*
 * `registers`, `clock_unit`: mapped windows of SPI0 and of the clock unit. Turns the controller's clock on, takes it out
 * of reset, selects nobody, and sets a clock of at most 1 MHz until set_clock() is called. -ETIMEDOUT: it stays in reset.
 */
int spi_sun6i_init(struct spi_sun6i *controller, void *registers, void *clock_unit, uint32_t crystal_hz)
    __attribute__((warn_unused_result));

#endif
