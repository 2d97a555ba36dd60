/*
 * A job: tasks that are started together, watched while they run, and judged by what they answer.
 *
 * Its description is a file of the store, at most one page, a task a line; `#` begins a comment:
 *
 *      name | command | expected
 *
 * The command is a program and its arguments, separated by spaces. `expected` is the last line that the task is to
 * print before it exits with status 0, or the name of the signal that is to end it (SIGSEGV).
 *
 * Output of the tasks is not shown, but for standard error.
 *
 * Locking: the kernel lock; may sleep.
 */
#ifndef FIRMWARE_JOB_H
#define FIRMWARE_JOB_H

#include <stdbool.h>

#include "hal/flash.h"

#define JOB_PATH "job"

/* Whether there is a description. */
bool job_exists(const char *path);

/*
 * Runs it and prints the table. `flash` NULL: there is none. 0: all is as expected; 1: something is not; an errno: the
 * job could not be read or begun, and a line has said why.
 */
int job_run(const char *path, const struct flash *flash);

#endif
