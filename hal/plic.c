/*
 * The PLIC; see hal/plic.h. Offsets: "RISC-V Platform-Level Interrupt Controller Specification" 1.0.0, section 3
 * "Memory Map".
 */
#include "hal/plic.h"

#define PLIC_PRIORITY(source)      (4 * (source))
#define PLIC_ENABLE(context, word) (0x2000 + 0x80 * (context) + 4 * (word))
#define PLIC_THRESHOLD(context)    (0x200000 + 0x1000 * (context))
#define PLIC_CLAIM(context)        (0x200004 + 0x1000 * (context))
#define PLIC_CONTEXT_BYTES         0x1000u

#define PRIORITY       1u /* 0 is never; all others are above threshold 0 */
#define MEGAPAGE_BYTES 0x200000u

uint32_t plic_window_bytes(uint32_t context)
{
    return (PLIC_THRESHOLD(context) + PLIC_CONTEXT_BYTES + MEGAPAGE_BYTES - 1) & ~(MEGAPAGE_BYTES - 1);
}

void plic_init(struct plic *plic, void *registers, uint32_t sources, uint32_t context)
{
    *plic = (struct plic){ .registers = registers, .context = context, .sources = sources };
    for (uint32_t word = 0; word <= sources / 32; word++)
        mmio_write32(plic->registers, PLIC_ENABLE(context, word), 0);
    mmio_write32(plic->registers, PLIC_THRESHOLD(context), 0);
}

static void enable_set(struct plic *plic, uint32_t source, uint32_t bit)
{
    uint32_t offset = PLIC_ENABLE(plic->context, source / 32);
    uint32_t word = mmio_read32(plic->registers, offset) & ~(1u << source % 32);

    mmio_write32(plic->registers, offset, word | bit);
}

void plic_enable(struct plic *plic, uint32_t source)
{
    mmio_write32(plic->registers, PLIC_PRIORITY(source), PRIORITY);
    enable_set(plic, source, 1u << source % 32);
}

void plic_disable(struct plic *plic, uint32_t source)
{
    enable_set(plic, source, 0);
}

uint32_t plic_claim(struct plic *plic)
{
    return mmio_read32(plic->registers, PLIC_CLAIM(plic->context));
}

void plic_complete(struct plic *plic, uint32_t source)
{
    mmio_write32(plic->registers, PLIC_CLAIM(plic->context), source);
}
