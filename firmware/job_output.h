/*
 * A file that remembers the last line written to it: standard output of the tasks of a job.
 */
#ifndef FIRMWARE_JOB_OUTPUT_H
#define FIRMWARE_JOB_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/linux/file.h"

#define JOB_LINE_BYTES 160u

struct job_output {
    uint32_t length;           /* of `line`, without its final 0 */
    bool ended;                /* the line had its '\n': the next byte begins another */
    char line[JOB_LINE_BYTES]; /* longer lines lose their end */
};

/* A descriptor table with `output` as 1, nothing to read at 0, and the console's standard error. NULL: no memory. */
struct files *job_output_files(struct job_output *output);

#endif
