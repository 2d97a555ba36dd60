/* Time of day. */
#include "firmware/clock.h"

#include "hal/timer.h"

#define NS_PER_S  1000000000ull
#define NS_PER_US 1000u

static struct {
    uint64_t boot_tick;
    int64_t boot_s;
} clock;

void clock_init(int64_t real_s_at_boot)
{
    clock.boot_tick = timer_now();
    clock.boot_s = real_s_at_boot;
}

uint64_t clock_monotonic_ns(void)
{
    return timer_ns_from_ticks(timer_now() - clock.boot_tick);
}

void clock_real(int64_t *s, int64_t *ns)
{
    uint64_t now = clock_monotonic_ns();

    *s = clock.boot_s + (int64_t)(now / NS_PER_S);
    *ns = (int64_t)(now % NS_PER_S);
}

int64_t clock_real_s(void)
{
    int64_t s, ns;

    clock_real(&s, &ns);
    return s;
}

uint64_t clock_tick_at(uint64_t monotonic_ns)
{
    /* One hundred years; what is further away never comes. */
    if (monotonic_ns > 100ull * 366 * 86400 * NS_PER_S)
        return TIMER_NEVER;
    return clock.boot_tick + timer_ticks_from_us((monotonic_ns + NS_PER_US - 1) / NS_PER_US);
}
