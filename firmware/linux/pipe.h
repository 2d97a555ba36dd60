/*
 * Pipes.
 *
 *      writer --> pages[(written / page) % 16] --> reader
 *
 * A pipe has one page of its own from the beginning, so that it always gets on; more are taken while a writer is ahead
 * and memory is to be had, and are given back when they have been read. A pipe that gets no more is full earlier.
 */
#ifndef FIRMWARE_LINUX_PIPE_H
#define FIRMWARE_LINUX_PIPE_H

#include <stdbool.h>
#include <stdint.h>

#define PIPE_PAGES 16u
#define PIPE_BYTES 65536u

struct file;
bool file_is_pipe(const struct file *file); /* either end of one */

/* How many there are, for the check at the end. */
uint32_t pipe_count(void);

#endif
