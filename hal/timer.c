/*
 * Time and the alarm; see hal/timer.h. "RISC-V Sstc Extension", version 1.0: stimecmp.
 */
#include "hal/timer.h"

#include "hal/sbi.h"

#define US_PER_SECOND 1000000u
#define NS_PER_SECOND 1000000000u

static uint32_t hz;
static bool direct;

/*
 * Writes stimecmp and tells whether that is allowed: a hart may have Sstc and the machine-mode firmware still not have
 * passed it on (menvcfg.STCE), and then the write traps. stvec leads past it meanwhile; interrupts are off.
 */
static bool stimecmp_probe(void)
{
    uint64_t allowed = 0, handler;

    __asm__ volatile("lla %1, 1f\n"
                     "csrrw %1, stvec, %1\n"
                     "csrw %3, %2\n"
                     "li %0, 1\n"
                     ".balign 4\n"
                     "1: csrw stvec, %1"
                     : "+r"(allowed), "=&r"(handler)
                     : "r"(TIMER_NEVER), "i"(CSR_STIMECMP)
                     : "memory");
    return allowed;
}

void timer_init(uint32_t timebase_hz, bool sstc)
{
    hz = timebase_hz;
    direct = sstc && stimecmp_probe();
    timer_set(TIMER_NEVER);
}

uint32_t timer_hz(void)
{
    return hz;
}

bool timer_is_direct(void)
{
    return direct;
}

void timer_set(uint64_t deadline)
{
    if (direct)
        csr_write(CSR_STIMECMP, deadline);
    else
        sbi_timer_set(deadline);
}

/* Whole seconds and the rest apart, so that no product overflows before the result does. */
uint64_t timer_ticks_from_us(uint64_t us)
{
    uint64_t seconds = us / US_PER_SECOND, rest = us % US_PER_SECOND;

    if (seconds >= UINT64_MAX / hz)
        return TIMER_NEVER;
    return seconds * hz + (rest * hz + US_PER_SECOND - 1) / US_PER_SECOND;
}

uint64_t timer_ns_from_ticks(uint64_t ticks)
{
    return ticks / hz * NS_PER_SECOND + ticks % hz * NS_PER_SECOND / hz;
}
