/*
 * The platform-level interrupt controller: "RISC-V Platform-Level Interrupt Controller Specification", version 1.0.0.
 *
 * One context: S-mode of the boot hart. Its number comes from the device tree (struct platform), never from arithmetic
 * on the hart's number, because harts without S-mode have fewer contexts.
 */
#ifndef HAL_PLIC_H
#define HAL_PLIC_H

#include <stdint.h>

#include "hal/mmio.h"

struct plic {
    mmio_t registers;
    uint32_t context;
    uint32_t sources; /* sources are 1..sources; 0 means none */
};

/* How much of the controller's window has to be mapped for this context: whole megapages. */
uint32_t plic_window_bytes(uint32_t context);

/* All sources off for this context, threshold open. The caller sets SIE_SEIE. */
void plic_init(struct plic *plic, void *registers, uint32_t sources, uint32_t context);

/* `source` in 1..sources. All sources get the same priority. */
void plic_enable(struct plic *plic, uint32_t source);
void plic_disable(struct plic *plic, uint32_t source);

/* The next pending source, or 0. Every claimed source is to be completed, after its device was served. */
uint32_t plic_claim(struct plic *plic);
void plic_complete(struct plic *plic, uint32_t source);

#endif
