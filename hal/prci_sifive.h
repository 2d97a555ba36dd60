/*
 * The clock unit (PRCI) of FU540-C000 and FU740-C000, as far as it says what the boot stages have set the input clock of
 * the SPI controllers to. Only read.
 *
 *      FU540: crystal -> [core PLL]   -> core select -> / 1 or 2    -> TLCLK
 *      FU740: crystal -> [hfpclk PLL] -> select      -> / (div + 2) -> PCLK
 */
#ifndef HAL_PRCI_SIFIVE_H
#define HAL_PRCI_SIFIVE_H

#include <stdbool.h>
#include <stdint.h>

/* In Hz. 0: what the registers say is no clock. `registers`: the mapped unit. */
uint32_t prci_sifive_spi_hz(const volatile uint32_t *registers, uint32_t crystal_hz, bool fu740);

#endif
