/* What becomes of a task that did what it may not: one line on the console, and a signal. */
#ifndef FIRMWARE_FAULT_H
#define FIRMWARE_FAULT_H

#include <stdint.h>

#include "firmware/trap.h"

/*
 * The calling task trapped with `cause` (scause) at `address` (stval); `error` is why a page fault could not be
 * resolved, else 0. A handler of the task is prepared to run, or its process ends and the console gets the line
 *
 *      vellum: fault task=ID name=NAME cause=store-page addr=0x.. pc=0x.. region=".." reason=".." verdict=SIGSEGV
 *
 * and, where firmware/report.h says so, all about it.
 */
void fault_task(struct trap_frame *frame, uint64_t cause, va_t address, int error);

/* The calling task's signal frame cannot be stored, or brought back: its process ends, and the console gets such a line. */
void fault_signal_frame(const struct trap_frame *frame);

#endif
