/* Rounding to pages. */
#ifndef FIRMWARE_PAGES_H
#define FIRMWARE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "hal/cpu.h"

static inline uint64_t page_down(uint64_t bytes)
{
    return bytes & ~(uint64_t)(PAGE_BYTES - 1);
}

/* Wraps to 0 above the last page of 64 bits. */
static inline uint64_t page_up(uint64_t bytes)
{
    return page_down(bytes + PAGE_BYTES - 1);
}

static inline bool is_page_aligned(uint64_t bytes)
{
    return bytes % PAGE_BYTES == 0;
}

#endif
