/*
 * Time: the `time` counter, and one alarm for the hart, by stimecmp (Sstc) where the hart has it, through SBI otherwise.
 *
 * A tick is one step of `time`; timer_hz() of them are a second. The alarm raises the S-mode timer interrupt
 * (SIE_STIE), which stays pending until the next timer_set().
 */
#ifndef HAL_TIMER_H
#define HAL_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "hal/csr.h"

#define TIMER_NEVER UINT64_MAX

/* `timebase_hz` > 0. `sstc`: the device tree lists it; it is used only if the hart lets S-mode write stimecmp. */
void timer_init(uint32_t timebase_hz, bool sstc);

uint32_t timer_hz(void);
bool timer_is_direct(void); /* Sstc is in use: setting the alarm costs one instruction */

static inline uint64_t timer_now(void)
{
    return csr_read(time);
}

/* One alarm at the tick `deadline` or soon after; it replaces the previous one. TIMER_NEVER: none. */
void timer_set(uint64_t deadline);

/* Conversions round up to ticks and down from them; exact over the whole range of the counter. */
uint64_t timer_ticks_from_us(uint64_t us);
uint64_t timer_ns_from_ticks(uint64_t ticks);

#endif
