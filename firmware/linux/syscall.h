/*
 * System calls: Linux's numbers, structures and errors. trap.S looks the number up in syscall_table and calls the
 * function there with the program's a0 to a5; what it returns is the program's a0, errors negative.
 *
 * A call that is not supported answers -ENOSYS, and the console names it the first time. To add one: its function where
 * its kind is (firmware/linux/), its prototype in calls.h, its line in table.S.
 *
 * The calling task is task_current(), its registers task_current()->frame. What changes registers other than a0 there
 * sets ATTENTION_FRAME.
 */
#ifndef FIRMWARE_LINUX_SYSCALL_H
#define FIRMWARE_LINUX_SYSCALL_H

#include <stdbool.h>
#include <stdint.h>

/* The name of a call that is not in the table, `*length` bytes and not terminated; "-": Linux has none for it either. */
const char *syscall_name(uint64_t number, unsigned *length);

#endif
