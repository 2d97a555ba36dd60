/*
 * Faults of the flash: a driver before the driver, and a bus before the bus.
 *
 * What a fault does to the part is done by operations of the real driver, one after the other, while the request waits: so
 * a torn erase leaves zeros from some place to the block's end (where an erase that was stopped has only got to its first
 * half), and a corrupted program has a cell too many at 0. A misplaced one keeps its place within the page or block, and
 * passes the gate as any other: it cannot leave the partition. A part that stays busy, or calls itself by another name,
 * says so on the bus, and it is the driver's own bounds that are tried; while it is busy it takes no commands.
 */
#include <errno.h>
#include <string.h>

#include "firmware/inject.h"
#include "firmware/log.h"
#include "hal/sbi.h"
#include "hal/timer.h"

#define ZEROS_BYTES 256u

/* JEDEC commands, and the status bit; CFI: where the query begins, and both chips' status bit. */
#define SPI_READ_ID     0x9fu
#define SPI_READ_STATUS 0x05u
#define SPI_STATUS_WIP  0x01u
#define CFI_QUERY_START 0x40u
#define CFI_READY       0x00800080u

static struct {
    const struct flash_driver *real;
    struct flash_request *held; /* accepted, not begun */
    uint64_t held_until, busy_until;
    struct spi spi;
    struct cfi_bus cfi;
} wrapped;

/* ---- The bus ---- */

static bool is_busy(void)
{
    return timer_now() < wrapped.busy_until;
}

static int transact(struct spi *spi, const struct spi_transaction *transaction)
{
    int error = wrapped.spi.transact(spi, transaction);

    if (error || !transaction->into)
        return error;
    if (transaction->opcode == SPI_READ_STATUS && is_busy())
        *(uint8_t *)transaction->into |= SPI_STATUS_WIP;
    if (transaction->opcode == SPI_READ_ID && inject_hit(INJECT_ID, 0, 0))
        *(uint8_t *)transaction->into ^= UINT8_MAX;
    return 0;
}

static uint32_t bus_read(struct cfi_bus *bus, uint32_t offset)
{
    uint32_t value = wrapped.cfi.read(bus, offset);

    if (is_busy())
        value &= ~CFI_READY;
    if (!wrapped.real && offset >= CFI_QUERY_START && inject_hit(INJECT_ID, 0, 0))
        value = ~value;
    return value;
}

static void bus_write(struct cfi_bus *bus, uint32_t offset, uint32_t value)
{
    if (!is_busy())
        wrapped.cfi.write(bus, offset, value);
}

void inject_spi(struct spi *spi)
{
    if (!inject_is_on())
        return;
    wrapped.spi = *spi;
    spi->transact = transact;
}

void inject_cfi(struct cfi_bus *bus)
{
    if (!inject_is_on())
        return;
    wrapped.cfi = *bus;
    bus->read = bus_read;
    bus->write = bus_write;
}

/* ---- Operations ---- */

/* One of our own, to its end, in the place of the request that waits, if any; the part is idle. */
static int perform(struct flash *flash, struct flash_request own)
{
    const struct flash_driver *ours = flash->driver;
    struct flash_request *waiting = flash->in_flight;
    int status;

    own.done = NULL;
    flash->driver = wrapped.real;
    flash->in_flight = NULL;
    status = flash_run(flash, &own);
    flash->in_flight = waiting;
    flash->driver = ours;
    return status;
}

int inject_flash_flip(struct flash *flash, uint32_t address, uint32_t bit, uint32_t bytes)
{
    uint8_t byte = 0, mask = (uint8_t)(UINT8_MAX << bit % 8);
    int error = -ENOENT;

    for (uint32_t at = bit / 8; at < bytes; at++, mask = UINT8_MAX) {
        error = perform(flash, (struct flash_request){
                                   .operation = FLASH_READ, .address = address + at, .bytes = 1, .into = &byte });
        if (error)
            return error;
        if (!(byte & mask)) {
            error = -ENOENT;
            continue;
        }
        byte &= (uint8_t) ~(byte & mask & -(byte & mask));
        return perform(flash, (struct flash_request){
                                  .operation = FLASH_PROGRAM, .address = address + at, .bytes = 1, .from = &byte });
    }
    return error;
}

static int program_zeros(struct flash *flash, uint32_t address, uint32_t bytes)
{
    uint8_t zeros[ZEROS_BYTES] = { 0 };
    int error = 0;

    for (uint32_t part; bytes && !error; address += part, bytes -= part) {
        part = bytes < ZEROS_BYTES ? bytes : ZEROS_BYTES;
        error = perform(flash, (struct flash_request){
                                   .operation = FLASH_PROGRAM, .address = address, .bytes = part, .from = zeros });
    }
    return error;
}

/* The part up to `at` of what was asked for. */
static void tear(struct flash *flash, const struct flash_request *request, uint32_t at)
{
    struct flash_request part = *request;

    if (request->operation == FLASH_ERASE) {
        (void)!program_zeros(flash, request->address + at, request->bytes - at);
    } else if (request->operation == FLASH_PROGRAM && at) {
        part.bytes = at;
        (void)!perform(flash, part);
    }
}

/* What an operation that ended well has left behind: of a program or an erase, the first bit that can still be cleared. */
static void spoil(struct flash *flash, const struct flash_request *request, uint32_t at, uint32_t bit)
{
    if (request->operation == FLASH_READ)
        ((uint8_t *)request->into)[at] ^= (uint8_t)(1u << bit);
    else
        (void)!inject_flash_flip(flash, request->address, 8 * at + bit, request->bytes);
}

/* The same request for any other page, or block, of the partition. */
static struct flash_request elsewhere(const struct flash *flash, const struct flash_request *request, uint32_t random)
{
    uint32_t step = request->operation == FLASH_ERASE ? flash->geometry.erase_bytes : flash->geometry.program_bytes;
    uint32_t offset = request->address - flash->window_start;
    uint32_t others = (flash->window_bytes - request->bytes - offset % step) / step;
    uint32_t place = others ? (offset / step + 1 + random % others) % (others + 1) : offset / step;
    struct flash_request other = *request;

    other.address = flash->window_start + place * step + offset % step;
    return other;
}

static _Noreturn void cut(const struct flash_request *request)
{
    log_line("inject: power is cut: operation %u at 0x%x", request->operation, request->address);
    sbi_power_off(true);
}

/* A read may have overtaken what is in flight: it is the driver's from its start to its end. */
static int read_corrupted(struct flash *flash, struct flash_request *request, struct inject_rule *rule)
{
    uint32_t at = inject_random(rule) % request->bytes;
    int error = wrapped.real->start(flash, request);

    if (!error && !request->status)
        spoil(flash, request, at, inject_random(rule) % 8);
    return error;
}

static void damage(struct flash *flash, struct flash_request *request, struct inject_rule *rule)
{
    uint32_t at = inject_random(rule) % request->bytes;
    int status = -EIO;

    if (rule->effect == INJECT_CORRUPT)
        status = perform(flash, *request);
    else if (rule->effect == INJECT_MISPLACE)
        status = perform(flash, elsewhere(flash, request, inject_random(rule)));
    else
        tear(flash, request, at);
    if (rule->effect == INJECT_CUT)
        cut(request);
    if (!status && rule->effect == INJECT_CORRUPT)
        spoil(flash, request, at, inject_random(rule) % 8);
    flash_finish(flash, request, status);
}

/* ---- The driver ---- */

static uint64_t after(uint32_t us)
{
    return timer_now() + timer_ticks_from_us(us);
}

/* Reads are waited for, as their callers do. */
static void delay(struct flash_request *request, uint64_t until)
{
    while (request->operation == FLASH_READ && timer_now() < until)
        ;
    if (request->operation != FLASH_READ) {
        wrapped.held = request;
        wrapped.held_until = until;
    }
}

static int start(struct flash *flash, struct flash_request *request)
{
    struct inject_rule *rule = inject_hit((enum inject_target)request->operation, request->address, request->bytes);
    int error = 0;

    if (!rule)
        return wrapped.real->start(flash, request);
    switch (rule->effect) {
    case INJECT_FAIL:
        flash_finish(flash, request, -EIO);
        break;
    case INJECT_DELAY:
        delay(request, after(rule->key[INJECT_US]));
        return request->operation == FLASH_READ ? wrapped.real->start(flash, request) : 0;
    case INJECT_BUSY:
        error = wrapped.real->start(flash, request);
        wrapped.busy_until = rule->key[INJECT_US] ? after(rule->key[INJECT_US]) : UINT64_MAX;
        break;
    default:
        if (request->operation == FLASH_READ && rule->effect == INJECT_CORRUPT)
            return read_corrupted(flash, request, rule);
        damage(flash, request, rule);
    }
    return error;
}

static void poll(struct flash *flash)
{
    struct flash_request *request = wrapped.held;

    if (!request) {
        wrapped.real->poll(flash);
    } else if (timer_now() >= wrapped.held_until) {
        wrapped.held = NULL;
        int error = wrapped.real->start(flash, request);

        if (error)
            flash_finish(flash, request, error);
    }
}

static const struct flash_driver driver = { .name = "faults", .start = start, .poll = poll };

void inject_flash(struct flash *flash)
{
    if (!inject_is_on())
        return;
    wrapped.real = flash->driver;
    flash->driver = &driver;
}

void inject_flash_clear(void)
{
    wrapped.busy_until = 0;
}
