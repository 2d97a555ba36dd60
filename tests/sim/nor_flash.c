#include "tests/sim/nor_flash.h"

#include <errno.h>
#include <stdlib.h>

#define TYPICAL_TIMES_UNTIL_STUCK 8
#define STUCK_LOOK_NS             100000u /* from one look at a part that does not come back to the next */

static struct nor_flash *front_of(struct flash *flash)
{
    return flash->device;
}

static bool overlaps(const struct flash_request *a, const struct flash_request *b)
{
    return a->address < b->address + b->bytes && b->address < a->address + a->bytes;
}

/* Suspends what is in flight, waiting out the least time since its last resume. */
static bool quiet(struct nor_flash *front)
{
    struct nor *nor = front->nor;
    uint64_t gap_ns = nor->config.resume_gap_us * 1000ull;

    if (nor->operation.kind == NOR_IDLE || nor->operation.suspended)
        return true;
    if (!nor->config.suspend_us)
        return false;
    if (nor->operation.resumed && nor->now_ns - nor->operation.resumed_ns < gap_ns)
        nor_advance_ns(nor, gap_ns - (nor->now_ns - nor->operation.resumed_ns));
    nor_charge_ns(nor, nor->config.command_ns);
    if (nor_suspend(nor))
        nor_charge_ns(nor, nor->config.suspend_us * 1000ull);
    return true;
}

static int read_start(struct nor_flash *front, struct flash_request *request)
{
    const struct nor_config *config = &front->nor->config;
    const struct flash_request *other = front->flash.in_flight;

    if (other != request && other && overlaps(other, request))
        return -EBUSY;
    if (!quiet(front))
        return -EBUSY;
    nor_charge_ns(front->nor, config->command_ns + (uint64_t)config->read_ns_per_byte * request->bytes);
    flash_finish(&front->flash, request, nor_read(front->nor, request->address, request->into, request->bytes));
    return 0;
}

/* Begins the next page, or the erase. */
static int step_start(struct nor_flash *front, struct flash_request *request)
{
    struct nor *nor = front->nor;
    uint32_t page = nor->config.page_bytes;
    uint32_t address = request->address + front->done_bytes;
    uint32_t left = request->bytes - front->done_bytes;
    uint64_t typical_us = front->flash.geometry.erase_typical_us;

    front->step_bytes = left;
    if (request->operation == FLASH_PROGRAM) {
        front->step_bytes = left < page - address % page ? left : page - address % page;
        typical_us = nor->config.program_us;
        nor_advance_ns(nor, (uint64_t)nor->config.program_ns_per_byte * front->step_bytes);
    }
    nor_advance_ns(nor, nor->config.command_ns);
    front->deadline_ns = nor->now_ns + typical_us * 1000 * TYPICAL_TIMES_UNTIL_STUCK;
    if (request->operation == FLASH_ERASE)
        return nor_erase_begin(nor, address, request->bytes);
    return nor_program_begin(nor, address, (const uint8_t *)request->from + front->done_bytes, front->step_bytes);
}

/* As drivers do: a part that was late is waited for, and then given up. */
static int stuck_start(struct nor_flash *front, struct flash_request *request)
{
    nor_resume(front->nor);
    if (!front->manual_time)
        nor_advance_ns(front->nor, STUCK_LOOK_NS);
    if (front->nor->now_ns < front->deadline_ns + FLASH_STUCK_US * 1000ull)
        return -EBUSY;
    flash_finish(&front->flash, request, -ETIMEDOUT);
    return 0;
}

static int front_start(struct flash *flash, struct flash_request *request)
{
    struct nor_flash *front = front_of(flash);
    int error;

    if (request->operation == FLASH_READ)
        return read_start(front, request);
    if (front->nor->operation.kind != NOR_IDLE) /* it never ended, or not yet */
        return stuck_start(front, request);
    front->done_bytes = 0;
    error = step_start(front, request);
    if (error)
        flash_finish(flash, request, error);
    return 0;
}

/* The page or erase in flight has ended: the next page, or the end of the request. */
static void step_end(struct nor_flash *front, struct flash_request *request)
{
    int error = front->nor->powered ? front->nor->status : -EIO;

    front->done_bytes += front->step_bytes;
    if (!error && front->done_bytes < request->bytes)
        error = step_start(front, request);
    else if (!error) {
        flash_finish(&front->flash, request, 0);
        return;
    }
    if (error)
        flash_finish(&front->flash, request, error);
}

static void front_poll(struct flash *flash)
{
    struct nor_flash *front = front_of(flash);
    struct nor *nor = front->nor;

    nor_resume(nor);
    if (!front->manual_time && nor->operation.kind != NOR_IDLE) {
        uint64_t until = nor->operation.end_ns < front->deadline_ns ? nor->operation.end_ns : front->deadline_ns;

        nor_advance_ns(nor, until > nor->now_ns ? until - nor->now_ns : 0);
    }
    if (nor->operation.kind == NOR_IDLE)
        step_end(front, flash->in_flight);
    else if (nor->now_ns >= front->deadline_ns)
        flash_finish(flash, flash->in_flight, -ETIMEDOUT);
}

static const struct flash_driver nor_flash_driver = {
    .name = "simulated NOR",
    .start = front_start,
    .poll = front_poll,
};

static uint32_t erase_typical_us(const struct nor *nor, uint32_t erase_bytes)
{
    for (int i = 0; i < NOR_ERASE_KINDS; i++)
        if (nor->config.erase[i].bytes == erase_bytes)
            return nor->config.erase[i].typical_us;
    abort();
}

void nor_flash_open(struct nor_flash *front, struct nor *nor, uint32_t erase_bytes)
{
    *front = (struct nor_flash){ .nor = nor };
    front->flash = (struct flash){
        .driver = &nor_flash_driver,
        .device = front,
        .geometry = {
            .size_bytes = nor->config.size_bytes,
            .erase_bytes = erase_bytes,
            .program_bytes = nor->config.page_bytes,
            .program_typical_us = nor->config.program_us,
            .erase_typical_us = erase_typical_us(nor, erase_bytes),
            .can_suspend = nor->config.suspend_us != 0,
        },
        .window_bytes = nor->config.size_bytes,
    };
    nor_resume(nor);
    nor_advance_to_end(nor);
}
