#include "hal/flash.h"

#include <errno.h>

/* Is `bytes` at `address` wholly inside `area_bytes` at `area`? No sum is formed that could overflow. */
static bool inside(uint32_t address, uint32_t bytes, uint32_t area, uint32_t area_bytes)
{
    return address >= area && address - area <= area_bytes && bytes <= area_bytes - (address - area);
}

static bool erase_aligned(const struct flash *flash, uint32_t value)
{
    return value % flash->geometry.erase_bytes == 0;
}

int flash_open_window(struct flash *flash, uint32_t start, uint32_t bytes)
{
    if (!inside(start, bytes, 0, flash->geometry.size_bytes))
        return -EINVAL;
    if (!erase_aligned(flash, start) || !erase_aligned(flash, bytes))
        return -EINVAL;
    flash->window_start = start;
    flash->window_bytes = bytes;
    return 0;
}

/* What may reach a driver. The range comes before the window: a request that is no request at all is -EINVAL. */
static int check(const struct flash *flash, const struct flash_request *request)
{
    if (!request->bytes || !inside(request->address, request->bytes, 0, flash->geometry.size_bytes))
        return -EINVAL;
    switch (request->operation) {
    case FLASH_READ:
        return 0;
    case FLASH_ERASE:
        if (request->bytes != flash->geometry.erase_bytes || !erase_aligned(flash, request->address))
            return -EINVAL;
        break;
    case FLASH_PROGRAM:
        break;
    default:
        return -EINVAL;
    }
    if (!inside(request->address, request->bytes, flash->window_start, flash->window_bytes))
        return -EPERM;
    return flash->in_flight ? -EBUSY : 0;
}

static void count(struct flash_counters *counters, enum flash_operation operation, uint32_t bytes)
{
    switch (operation) {
    case FLASH_READ:
        counters->reads++;
        counters->read_bytes += bytes;
        break;
    case FLASH_PROGRAM:
        counters->programs++;
        counters->program_bytes += bytes;
        break;
    case FLASH_ERASE:
        counters->erases++;
        break;
    }
}

/*
 * `in_flight` is set before the driver sees the request, so that a driver which ends it at once, and a `done` which
 * starts the next one from there, find the books in order. A read that overtakes leaves the overtaken request there.
 */
int flash_start(struct flash *flash, struct flash_request *request)
{
    enum flash_operation operation = request->operation;
    uint32_t bytes = request->bytes;
    int error = check(flash, request);

    if (error)
        return error;
    request->status = FLASH_PENDING;
    if (!flash->in_flight)
        flash->in_flight = request;
    error = flash->driver->start(flash, request);
    if (error) {
        if (flash->in_flight == request)
            flash->in_flight = 0;
        request->status = error;
        return error;
    }
    count(&flash->counters, operation, bytes);
    return 0;
}

void flash_poll(struct flash *flash)
{
    if (flash->in_flight)
        flash->driver->poll(flash);
}

void flash_finish(struct flash *flash, struct flash_request *request, int status)
{
    if (flash->in_flight == request)
        flash->in_flight = 0;
    if (status)
        flash->counters.failures++;
    request->status = status;
    if (request->done)
        request->done(request);
}

int flash_run(struct flash *flash, struct flash_request *request)
{
    int error = flash_start(flash, request);

    if (error)
        return error;
    while (request->status == FLASH_PENDING)
        flash_poll(flash);
    return request->status;
}

int flash_read(struct flash *flash, uint32_t address, void *into, uint32_t bytes)
{
    struct flash_request request = { .operation = FLASH_READ, .address = address, .bytes = bytes, .into = into };

    return flash_run(flash, &request);
}
