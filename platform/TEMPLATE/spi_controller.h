/*
 * The SPI controller of CHIP ("MANUAL", revision), by its FIFOs. Say here what it does not do, and how far it was tested.
 */
#ifndef PLATFORM_TEMPLATE_SPI_CONTROLLER_H
#define PLATFORM_TEMPLATE_SPI_CONTROLLER_H

#include "hal/mmio.h"
#include "hal/spi.h"

struct spi_controller {
    struct spi spi; /* what the flash driver uses */
    mmio_t registers;
    uint32_t input_hz;
};

/* `registers`: the mapped window. `input_hz`: from the device tree. Selects nobody; a slow clock until set_clock(). */
void spi_controller_init(struct spi_controller *controller, void *registers, uint32_t input_hz);

#endif
