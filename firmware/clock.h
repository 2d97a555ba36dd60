/* The time of day, as far as it is known: the boot argument `time=` (seconds since 1970) and what has passed since. */
#ifndef FIRMWARE_CLOCK_H
#define FIRMWARE_CLOCK_H

#include <stdint.h>

void clock_init(int64_t real_s_at_boot);
/* Since the firmware began. */
uint64_t clock_monotonic_ns(void);
int64_t clock_real_s(void);
/* Since 1970, in parts. */
void clock_real(int64_t *s, int64_t *ns);
/* The tick of a clock_monotonic_ns() value; TIMER_NEVER if that is too far away. */
uint64_t clock_tick_at(uint64_t monotonic_ns);

#endif
