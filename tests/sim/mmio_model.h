/*
 * Takes the place of hal/mmio.h, so that a driver's source, included behind this header, runs on the host over a model of
 * the device's registers. The test defines the two functions; `width` is the access's size in bytes.
 */
#ifndef TESTS_SIM_MMIO_MODEL_H
#define TESTS_SIM_MMIO_MODEL_H

#define HAL_MMIO_H

#include <stdint.h>

typedef volatile uint8_t *mmio_t;

uint32_t mmio_model_read(mmio_t registers, uint32_t offset, unsigned width);
void mmio_model_write(mmio_t registers, uint32_t offset, unsigned width, uint32_t value);

static inline uint8_t mmio_read8(mmio_t registers, uint32_t offset)
{
    return (uint8_t)mmio_model_read(registers, offset, 1);
}

static inline uint32_t mmio_read32(mmio_t registers, uint32_t offset)
{
    return mmio_model_read(registers, offset, 4);
}

static inline void mmio_write8(mmio_t registers, uint32_t offset, uint8_t value)
{
    mmio_model_write(registers, offset, 1, value);
}

static inline void mmio_write32(mmio_t registers, uint32_t offset, uint32_t value)
{
    mmio_model_write(registers, offset, 4, value);
}

#endif
