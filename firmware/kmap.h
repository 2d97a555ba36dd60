/*
 * The kernel's own half of the address space (picture: firmware/layout.h).
 *
 * All its page tables are static: however much RAM there is, the pool's direct map needs four tables at most besides
 * gigapages, so no frame of the pool is ever taken for it. The mappings of image, pool and devices never change once
 * made; only kernel stacks come and go.
 *
 * Invariants owned here: W^X; one mapping for every frame (a kernel stack's frame, which the direct map shows too, is
 * the exception); PTE_U never; the root entries of the kernel's half are final when kmap_init() returns.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_KMAP_H
#define FIRMWARE_KMAP_H

#include <stdint.h>

#include "firmware/boot.h"
#include "firmware/layout.h"
#include "platform/probe.h"

/* Virtual minus physical address of everything in the image, known from boot.S on. */
extern uint64_t kmap_image_offset;

/* For boot.S alone: builds the tables of the image while translation is off, and returns the satp value for them. */
uint64_t kmap_boot(void);

/* What every leaf on RAM needs besides on this hart (hal/cpu_riscv.h, "Attributes"). */
uint64_t kmap_memory_bits(void);

/* Physical range of the image with .bss and boot stack: whole pages. */
struct fdt_range kmap_image(void);

/* Maps the frame pool. Once, before the first cpu_direct() or kmap_share(). */
void kmap_init(const struct platform *platform);

/* A window on device registers or memory-mapped flash: uncached by the physical attributes. NULL: no room, or a wrap. */
void *kmap_device(uint64_t pa, uint64_t bytes);

/* The same on RAM outside of the pool, to be read only: what a boot stage has left there. */
const void *kmap_ram(uint64_t pa, uint64_t bytes);

/*
 * Puts two frames behind a free stack slot and returns the top of the stack (the first address above it), aligned to
 * 16. kmap_unstack() takes the mapping away again and flushes; the frames are the caller's all the time.
 */
void *kmap_stack(unsigned slot, const pa_t frames[KERNEL_STACK_FRAMES]);
void kmap_unstack(unsigned slot);

/* Addresses of the image's code; and of the kernel stack that holds `sp`, or has overflown to there. Empty: none does. */
struct kmap_range {
    va_t start, end;
};
struct kmap_range kmap_text(void);
struct kmap_range kmap_stack_of(va_t sp);

/* Whether a faulting address lies in a guard of the stack area or of the boot stack: a kernel stack has overflown. */
bool kmap_is_guard(va_t va);

/* Gives a new root table, whose kernel half is zero, the kernel's half. */
void kmap_share(uint64_t *root);

/* The kernel's own root, with an empty user half: for the idle loop and for spaces being torn down. */
pa_t kmap_root(void);

#endif
