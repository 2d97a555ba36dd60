#include "hal/cfi_nor.h"

#include <errno.h>
#include <string.h>

#define CHIPS      2u
#define BANK_BYTES 4u

/* Intel 28F256J3 / P30 data sheets, "Bus Operations and Commands"; each goes to both chips. */
enum command {
    CMD_BLOCK_ERASE = 0x20,
    CMD_WORD_PROGRAM = 0x40,
    CMD_CLEAR_STATUS = 0x50,
    CMD_LOCK_SETUP = 0x60,
    CMD_READ_STATUS = 0x70,
    CMD_QUERY = 0x98,
    CMD_SUSPEND = 0xb0,
    CMD_CONFIRM = 0xd0, /* also: resume, and unlock after CMD_LOCK_SETUP */
    CMD_BUFFERED_PROGRAM = 0xe8,
    CMD_READ_ARRAY = 0xff,
};

/* "Status Register" of the same; both chips at once. */
#define BOTH(bits)       ((uint32_t)(bits) << 16 | (uint32_t)(bits))
#define STATUS_READY     BOTH(0x80)
#define STATUS_SUSPENDED BOTH(0x44) /* erase 6, program 2 */
#define STATUS_ERRORS    BOTH(0x3a) /* erase 5, program 4, voltage 3, locked 1 */

#define QUERY_ADDRESS      (0x55u * BANK_BYTES)
#define FOUND_BUSY_MOST_US 5000000u /* the longest block erase of the family is 4 s */
#define BOUND_FACTOR       2u       /* on the data sheet's maxima, for worn parts and cold rooms */
#define SUSPEND_MOST_US    1000u    /* the family's latency is below 75 us */
#define RESUME_GAP_US      500u     /* P30, W602: from the start or resume of an erase to its suspend */
#define UNLOCK_MOST_US     1000u

/* ---- The bank ---- */

static uint32_t mmio_read(struct cfi_bus *bus, uint32_t offset)
{
    return *((volatile uint32_t *)bus->device + offset / BANK_BYTES);
}

static void mmio_write(struct cfi_bus *bus, uint32_t offset, uint32_t value)
{
    *((volatile uint32_t *)bus->device + offset / BANK_BYTES) = value;
}

void cfi_bus_mmio(struct cfi_bus *bus, volatile uint32_t *base)
{
    *bus = (struct cfi_bus){ .read = mmio_read, .write = mmio_write, .direct = base, .device = (void *)base };
}

static void command(struct cfi_nor *nor, uint32_t address, enum command command)
{
    nor->array_mode = command == CMD_READ_ARRAY;
    nor->bus->write(nor->bus, address, BOTH(command));
}

static uint32_t read_status(struct cfi_nor *nor)
{
    command(nor, 0, CMD_READ_STATUS);
    return nor->bus->read(nor->bus, 0);
}

static bool ready(uint32_t status)
{
    return (status & STATUS_READY) == STATUS_READY;
}

/* Ready, and not because an operation is suspended. */
static bool ended(uint32_t status)
{
    return ready(status) && !(status & STATUS_SUSPENDED);
}

/* The clock is read before the status: a wait that was itself interrupted for long still sees a part that is ready. */
static int wait_ready(struct cfi_nor *nor, uint32_t most_us, uint32_t *status)
{
    uint64_t start = nor->now_us();

    for (;;) {
        bool late = nor->now_us() - start > most_us;

        *status = read_status(nor);
        if (ready(*status))
            return 0;
        if (late)
            return -ETIMEDOUT;
    }
}

static int check_errors(struct cfi_nor *nor, uint32_t status)
{
    if (!(status & STATUS_ERRORS))
        return 0;
    command(nor, 0, CMD_CLEAR_STATUS);
    return -EIO;
}

static uint32_t array_word(struct cfi_nor *nor, uint32_t offset)
{
    return nor->bus->direct ? nor->bus->direct[offset / BANK_BYTES] : nor->bus->read(nor->bus, offset);
}

static uint32_t get_word(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

/* A word of memory that the caller may know as something else. */
typedef uint32_t __attribute__((may_alias)) any_word_t;

/* Whole words, word for word: most of the time of a read from flash is spent here. */
static uint32_t words_read(const struct cfi_nor *nor, uint32_t address, uint8_t *into, uint32_t bytes)
{
    const volatile uint32_t *from = nor->bus->direct + address / BANK_BYTES;
    any_word_t *words = (void *)into;

    for (uint32_t i = 0; i < bytes / BANK_BYTES; i++)
        words[i] = from[i];
    return bytes & ~(BANK_BYTES - 1);
}

/* The bank is only ever read in aligned words, and data is put where it belongs by bytes where that is not aligned. */
static void array_read(struct cfi_nor *nor, uint32_t address, uint8_t *into, uint32_t bytes)
{
    if (!nor->array_mode)
        command(nor, 0, CMD_READ_ARRAY);
    while (bytes) {
        uint32_t skip = address % BANK_BYTES;
        uint32_t step = BANK_BYTES - skip < bytes ? BANK_BYTES - skip : bytes;

        if (nor->bus->direct && !skip && step == BANK_BYTES && !((uintptr_t)into % BANK_BYTES)) {
            step = words_read(nor, address, into, bytes);
        } else {
            uint32_t word = array_word(nor, address - skip) >> (8 * skip);

            for (uint32_t i = 0; i < step; i++)
                into[i] = (uint8_t)(word >> (8 * i));
        }
        address += step;
        into += step;
        bytes -= step;
    }
}

/* ---- Requests ---- */

static struct cfi_nor *nor_of(struct flash *flash)
{
    return flash->device;
}

static uint32_t block_of(const struct cfi_nor *nor, uint32_t address)
{
    return address & ~(nor->flash.geometry.erase_bytes - 1);
}

static int unlock(struct cfi_nor *nor, uint32_t block)
{
    uint32_t status;
    int error;

    if (!nor->facts.locks)
        return 0;
    command(nor, block, CMD_LOCK_SETUP);
    command(nor, block, CMD_CONFIRM);
    error = wait_ready(nor, UNLOCK_MOST_US, &status);
    return error ? error : check_errors(nor, status);
}

/* Contents of the word at `address` now. Not while anything is in flight. */
static uint32_t old_word(struct cfi_nor *nor, uint32_t address)
{
    if (!nor->array_mode)
        command(nor, 0, CMD_READ_ARRAY);
    return array_word(nor, address);
}

/* A word at an edge of the step in flight. Bytes outside the request keep their `old` value: that programs nothing, and
 * does no harm on models that overwrite where NOR would clear bits. */
static uint32_t edge_word(const struct cfi_nor *nor, const struct flash_request *request, uint32_t address,
                          uint32_t old)
{
    uint32_t start = request->address + nor->done_bytes;
    const uint8_t *from = (const uint8_t *)request->from + nor->done_bytes;
    uint32_t word = old;

    for (uint32_t i = 0; i < BANK_BYTES; i++) {
        uint32_t mask = 0xffu << (8 * i);

        if (address + i >= start && address + i - start < nor->step_bytes)
            word = (word & ~mask) | (uint32_t)from[address + i - start] << (8 * i);
    }
    return word;
}

/* The status after e8 says whether the write buffer is free. */
static int buffer_claim(struct cfi_nor *nor, uint32_t address)
{
    uint64_t began = nor->now_us();

    for (;;) {
        bool late = nor->now_us() - began > BOUND_FACTOR * nor->facts.program_most_us;

        command(nor, address, CMD_BUFFERED_PROGRAM);
        if (ready(nor->bus->read(nor->bus, address)))
            return 0;
        if (late)
            return -ETIMEDOUT;
    }
}

/* Fills the claimed write buffer from the word at `first` to that at `last`, which are given: `edges`. */
static void buffer_fill(struct cfi_nor *nor, const struct flash_request *request, uint32_t first, uint32_t last,
                        const uint32_t edges[2])
{
    const uint8_t *from = (const uint8_t *)request->from + (first + BANK_BYTES - request->address);

    nor->bus->write(nor->bus, first, edges[0]);
    for (uint32_t at = first + BANK_BYTES; at < last; at += BANK_BYTES, from += BANK_BYTES)
        nor->bus->write(nor->bus, at, get_word(from));
    nor->bus->write(nor->bus, last, edges[1]);
}

/*
 * Programs as much of the request as lies in one write buffer. The count goes to the buffer's own first address, which
 * some models take for its place; and a single word goes by 40, as some models take a count of 0 for none.
 */
static int program_start(struct cfi_nor *nor, const struct flash_request *request)
{
    uint32_t buffer_bytes = nor->flash.geometry.program_bytes;
    uint32_t start = request->address + nor->done_bytes;
    uint32_t buffer = start & ~(buffer_bytes - 1);
    uint32_t room = buffer + buffer_bytes - start;
    uint32_t left = request->bytes - nor->done_bytes;
    uint32_t first = start & ~(BANK_BYTES - 1), last, edges[2];
    int error;

    nor->step_bytes = left < room ? left : room;
    last = (start + nor->step_bytes - 1) & ~(BANK_BYTES - 1);
    edges[0] = edge_word(nor, request, first, old_word(nor, first));
    edges[1] = edge_word(nor, request, last, old_word(nor, last));
    if (first == last) {
        command(nor, first, CMD_WORD_PROGRAM);
        nor->bus->write(nor->bus, first, edges[0]);
        return 0;
    }
    error = buffer_claim(nor, buffer);
    if (error)
        return error;
    nor->bus->write(nor->bus, buffer, BOTH((last - first) / BANK_BYTES));
    buffer_fill(nor, request, first, last, edges);
    command(nor, buffer, CMD_CONFIRM);
    return 0;
}

static int step_start(struct cfi_nor *nor, const struct flash_request *request)
{
    bool program = request->operation == FLASH_PROGRAM;
    uint32_t most_us;
    int error = unlock(nor, block_of(nor, request->address + nor->done_bytes));

    if (!error && program)
        error = program_start(nor, request);
    if (!error && !program) {
        nor->step_bytes = request->bytes;
        command(nor, request->address, CMD_BLOCK_ERASE);
        command(nor, request->address, CMD_CONFIRM);
    }
    nor->resumed_us = nor->now_us();
    most_us = program ? nor->facts.program_most_us : nor->facts.erase_most_us;
    nor->deadline_us = nor->resumed_us + BOUND_FACTOR * most_us;
    return error;
}

/* ---- Suspend and resume ---- */

static int suspend(struct cfi_nor *nor)
{
    uint32_t status;
    int error;

    while (nor->now_us() - nor->resumed_us <= RESUME_GAP_US)
        if (ready(read_status(nor)))
            return 0;
    command(nor, 0, CMD_SUSPEND);
    error = wait_ready(nor, SUSPEND_MOST_US, &status);
    /* Without the bit the operation has ended by itself, and there is nothing to resume. */
    nor->suspended = !error && status & STATUS_SUSPENDED;
    nor->suspended_us = nor->now_us();
    return error;
}

static void resume(struct cfi_nor *nor)
{
    command(nor, 0, CMD_CONFIRM);
    nor->resumed_us = nor->now_us();
    if (nor->suspended)
        nor->deadline_us += nor->resumed_us - nor->suspended_us;
    nor->suspended = false;
}

/* Makes the array readable while `other` is in flight. */
static int quiet(struct cfi_nor *nor, const struct flash_request *other, const struct flash_request *request)
{
    bool can = other->operation == FLASH_ERASE ? nor->facts.suspend_erase : nor->facts.suspend_program;

    if (request->address < other->address + other->bytes && other->address < request->address + request->bytes)
        return -EBUSY;
    if (nor->suspended || ready(read_status(nor)))
        return 0;
    return can ? suspend(nor) : -EBUSY;
}

/* ---- The driver ---- */

/* Ends a program or an erase, and leaves the bank readable as memory. */
static void finish(struct cfi_nor *nor, struct flash_request *request, int error)
{
    nor->stuck = error == -ETIMEDOUT;
    nor->suspended = false;
    command(nor, 0, CMD_READ_ARRAY);
    flash_finish(&nor->flash, request, error);
}

static int read_start(struct cfi_nor *nor, struct flash_request *request)
{
    const struct flash_request *other = nor->flash.in_flight;
    int error = other && other != request ? quiet(nor, other, request) : 0;

    if (error == -EBUSY)
        return error;
    if (!error)
        array_read(nor, request->address, request->into, request->bytes);
    flash_finish(&nor->flash, request, error);
    return 0;
}

static int cfi_nor_start(struct flash *flash, struct flash_request *request)
{
    struct cfi_nor *nor = nor_of(flash);
    int error;

    nor->stuck = nor->stuck && !ended(read_status(nor));
    if (nor->stuck && nor->now_us() < nor->deadline_us + FLASH_STUCK_US)
        return -EBUSY;
    error = nor->stuck ? -ETIMEDOUT : 0;
    if (!error && request->operation == FLASH_READ)
        return read_start(nor, request);
    nor->done_bytes = 0;
    if (!error)
        error = step_start(nor, request);
    if (error)
        finish(nor, request, error);
    return 0;
}

/* The step in flight has ended well: the next buffer, or the end of the request. */
static int step_end(struct cfi_nor *nor, struct flash_request *request)
{
    nor->done_bytes += nor->step_bytes;
    if (nor->done_bytes < request->bytes)
        return step_start(nor, request);
    finish(nor, request, 0);
    return 0;
}

static void cfi_nor_poll(struct flash *flash)
{
    struct cfi_nor *nor = nor_of(flash);
    struct flash_request *request = flash->in_flight;
    bool late = nor->now_us() > nor->deadline_us;
    uint32_t status;
    int error = 0;

    if (nor->suspended) {
        resume(nor);
        return;
    }
    status = read_status(nor);
    if (ready(status) && status & STATUS_SUSPENDED && !late) {
        resume(nor); /* the suspend came after its bound, or the resume got lost */
        return;
    }
    if (ended(status))
        error = check_errors(nor, status);
    else if (late)
        error = -ETIMEDOUT;
    else
        return;
    if (!error)
        error = step_end(nor, request);
    if (error)
        finish(nor, request, error);
}

static const struct flash_driver driver = { .name = "cfi-nor", .start = cfi_nor_start, .poll = cfi_nor_poll };

/* ---- Finding the bank ---- */

/* The query of both chips, which must be the same. */
static int query_read(struct cfi_nor *nor, uint8_t *query)
{
    int error = 0;

    command(nor, 0, CMD_READ_ARRAY);
    command(nor, QUERY_ADDRESS, CMD_QUERY);
    for (uint32_t i = 0; i < CFI_QUERY_BYTES; i++) {
        uint32_t word = nor->bus->read(nor->bus, i * BANK_BYTES);

        if (i >= CFI_QRY && i < CFI_END && (word & 0xff) != (word >> 16 & 0xff))
            error = -ENODEV;
        query[i] = (uint8_t)word;
    }
    command(nor, 0, CMD_READ_ARRAY);
    return error;
}

static int find(struct cfi_nor *nor)
{
    uint8_t query[CFI_QUERY_BYTES];
    int error = query_read(nor, query);

    return error ? error : cfi_parse(query, sizeof(query), &nor->facts);
}

/* A reset of the processor does not reset the flash: what it was at is waited out, what was suspended is ended, and the
 * errors of then are not ours. */
static int settle(struct cfi_nor *nor)
{
    uint32_t status;
    int error = wait_ready(nor, FOUND_BUSY_MOST_US, &status);

    if (!error && status & STATUS_SUSPENDED) {
        command(nor, 0, CMD_CONFIRM);
        error = wait_ready(nor, FOUND_BUSY_MOST_US, &status);
    }
    if (!error)
        (void)check_errors(nor, status);
    return error;
}

static void describe(struct cfi_nor *nor)
{
    const struct cfi_facts *facts = &nor->facts;

    nor->flash = (struct flash){
        .driver = &driver,
        .device = nor,
        .geometry = {
            .size_bytes = facts->size_bytes * CHIPS,
            .erase_bytes = facts->erase_bytes * CHIPS,
            .program_bytes = facts->buffer_bytes * CHIPS,
            .program_typical_us = facts->program_typical_us,
            .erase_typical_us = facts->erase_typical_us,
            .can_suspend = facts->suspend_erase,
        },
    };
}

/*
 * The query is tried first as things are: some models (QEMU's) call themselves busy for ever once their status has been
 * cleared, and answer the query all the same. A chip that is really busy ignores it, and is waited for.
 */
int cfi_nor_init(struct cfi_nor *nor, struct cfi_bus *bus, uint64_t (*now_us)(void))
{
    int error;

    *nor = (struct cfi_nor){ .bus = bus, .now_us = now_us };
    error = find(nor);
    if (error == -ENODEV) {
        error = settle(nor);
        if (!error)
            error = find(nor);
    } else if (!error && ready(read_status(nor))) {
        error = settle(nor);
    }
    command(nor, 0, CMD_READ_ARRAY);
    if (!error)
        describe(nor);
    return error;
}
