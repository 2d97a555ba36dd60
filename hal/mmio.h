/*
 * Device registers: one load or store of exactly this width, ordered against other device accesses and against memory.
 * Little-endian, as RISC-V buses are. `registers` is a mapped window (firmware/kmap.h), `offset` in bytes.
 */
#ifndef HAL_MMIO_H
#define HAL_MMIO_H

#include <stdint.h>

typedef volatile uint8_t *mmio_t;

/* A load is not over before later memory accesses begin; a store begins after earlier memory accesses are over. */
#define MMIO_AFTER_READ()   __asm__ volatile("fence i, ir" ::: "memory")
#define MMIO_BEFORE_WRITE() __asm__ volatile("fence iorw, o" ::: "memory")

static inline uint8_t mmio_read8(mmio_t registers, uint32_t offset)
{
    uint8_t value = registers[offset];

    MMIO_AFTER_READ();
    return value;
}

static inline uint16_t mmio_read16(mmio_t registers, uint32_t offset)
{
    uint16_t value = *(volatile uint16_t *)(registers + offset);

    MMIO_AFTER_READ();
    return value;
}

static inline uint32_t mmio_read32(mmio_t registers, uint32_t offset)
{
    uint32_t value = *(volatile uint32_t *)(registers + offset);

    MMIO_AFTER_READ();
    return value;
}

static inline void mmio_write8(mmio_t registers, uint32_t offset, uint8_t value)
{
    MMIO_BEFORE_WRITE();
    registers[offset] = value;
}

static inline void mmio_write16(mmio_t registers, uint32_t offset, uint16_t value)
{
    MMIO_BEFORE_WRITE();
    *(volatile uint16_t *)(registers + offset) = value;
}

static inline void mmio_write32(mmio_t registers, uint32_t offset, uint32_t value)
{
    MMIO_BEFORE_WRITE();
    *(volatile uint32_t *)(registers + offset) = value;
}

#endif
