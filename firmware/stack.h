/*
 * Kernel stacks: slots of the guarded area (firmware/layout.h) with frames behind them. Not for the running stack.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_STACK_H
#define FIRMWARE_STACK_H

#include <stdint.h>

#include "firmware/layout.h"
#include "hal/cpu.h"
#include "mm/store.h"

/* Fills all three; -EAGAIN or -ENOMEM as mm_frame_get(), -ENOMEM when no slot is free. */
int stack_get(uint16_t *slot, pa_t frames[KERNEL_STACK_FRAMES], void **top) MUST_CHECK;
/* What stack_get() has filled. One stack is kept for the next that asks, with what it holds. */
void stack_put(uint16_t slot, const pa_t frames[KERNEL_STACK_FRAMES], void *top);

#endif
