/*
 * The devices of the board, brought up from what platform_probe() found. None of them is needed to run: what is missing
 * or does not answer is left out, and a line says so.
 */
#ifndef FIRMWARE_BOARD_H
#define FIRMWARE_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "hal/flash.h"
#include "platform/probe.h"

/* The console's line; after kmap_init(). */
void board_init_console(const struct platform *platform);
/* Interrupts; after task_init() and trap_init(). */
void board_init_interrupts(const struct platform *platform);
/* NULL: there is none that works. The window is empty. */
struct flash *board_init_flash(const struct platform *platform);
/* Whether bits of the part itself keep any of the range from being written; they are never changed. */
bool board_flash_is_protected(const struct platform *platform, uint32_t start, uint32_t bytes);

#endif
