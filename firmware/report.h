/*
 * What is told of a task that was stopped, and of a firmware that was: lines behind the first one, each beginning with
 * what they are about (`fault`, `panic`).
 *
 *      fault registers pc ra sp gp ...       eight lines of four, in the order of struct trap_frame
 *      fault walk 3fc0201 3fc0601 0: ...     the page-table entries on the way to the address, and what they come to
 *      fault event ...                       the last ones, oldest first
 *      fault trace NAME 10be6 10c02 ... 0    words of the stack that point into code: the runner looks which are calls
 *
 * Of a task they come only with `reports=full` in the boot arguments, which platform/run gives with a command of its own.
 * What a panic says is kept in RAM that a reset leaves alone and no boot clears, under a CRC; the next boot says it again,
 * each line behind `last`. `panic=reboot` in the boot arguments: the machine starts again after a panic, instead of power off.
 *
 * Locking: the kernel lock; a panic reports at any time.
 */
#ifndef FIRMWARE_REPORT_H
#define FIRMWARE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/trap.h"
#include "mm/mm.h"
#include "platform/probe.h"

/* Reads the boot arguments, and tells of the panic that ended the boot before. */
void report_init(const struct platform *platform);
/* That panic's lines again; false: there was none. */
bool report_show_last(void);

/* A line on the console; after report_keep() also in what the next boot finds. */
void report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_keep(void);
/* After a panic. */
_Noreturn void report_end_machine(void);

void report_registers(const char *about, const struct trap_frame *frame);
/* `task` 0: of all tasks. */
void report_events(const char *about, uint32_t task);
/* The kernel's stack from `sp` up. */
void report_kernel_trace(va_t sp);
const char *report_page_state(enum page_state state);
/* All about the running task, which was stopped at `address`; may sleep. */
void report_task(const struct trap_frame *frame, va_t address);

#endif
