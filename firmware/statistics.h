/* The figures of a run, and whether the invariants of mm/DESIGN.md held to its end. */
#ifndef FIRMWARE_STATISTICS_H
#define FIRMWARE_STATISTICS_H

#include <stdbool.h>

#include "hal/flash.h"

/* One line: `vellum: stats key=value ...`. `flash` NULL: there is none. */
void statistics_print(const struct flash *flash);

/* NULL, or where the rule of mm_check() stands that does not hold; overwritten by the next call. */
const char *statistics_check_memory(void);

/* False: a line `vellum: check failed: ...` has said which one does not hold. */
bool statistics_check(void);

#endif
