/*
 * Signals: sending, and what happens to those that wait when a task is on its way to user mode.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_LINUX_SIGNAL_H
#define FIRMWARE_LINUX_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/process.h"

/* `signal` in 1..SIGNALS. To the process as a whole, for any of its threads. Never sleeps; also from interrupts. */
void signal_send(struct process *process, int signal);

/* The calling task's exception. True: its handler will run; false: it has none and is to end. */
bool signal_fault(int signal, int code, va_t address, uint64_t cause);

/* For ATTENTION_SIGNAL, which it clears: the calling task's signals that are not blocked take effect. */
void signal_deliver(struct trap_frame *frame);

#endif
