#include "hal/spi_nor.h"

#include <errno.h>
#include <string.h>

/* Opcodes and status bits as the data sheets of all makers in spi_nor_parts.c have them (e.g. IS25WP256D, "Device
 * Operation"). */
enum opcode {
    OP_PROGRAM = 0x02,
    OP_READ = 0x03,
    OP_READ_STATUS = 0x05,
    OP_WRITE_ENABLE = 0x06,
    OP_PROGRAM_4B = 0x12,
    OP_READ_4B = 0x13,
    OP_ERASE_4K = 0x20,
    OP_ERASE_4K_4B = 0x21,
    OP_READ_SFDP = 0x5a,
    OP_RESET_ENABLE = 0x66,
    OP_READ_QUAD = 0x6b,
    OP_READ_QUAD_4B = 0x6c,
    OP_RESET = 0x99,
    OP_READ_ID = 0x9f,
    OP_RELEASE_POWER_DOWN = 0xab,
    OP_ERASE_64K = 0xd8,
    OP_ERASE_64K_4B = 0xdc,
    OP_EXIT_CONTINUOUS_READ = 0xff,
};

#define STATUS_WIP    0x01u
#define STATUS_WEL    0x02u
#define STATUS_NOBODY 0xffu /* a bus that nobody drives */

#define PLAIN_READ_MOST_HZ  50000000u /* what every listed part allows for 03 and 13 */
#define WAKE_US             50u       /* tRES1 is at most 35 us */
#define RESET_US            100u      /* tRST of an idle part is at most 60 us */
#define FOUND_BUSY_MOST_US  4000000u  /* the longest block erase of the table, and some */
#define BOUND_FACTOR        2u        /* on the data sheet's maxima, for worn parts and cold rooms */
#define SUSPEND_SLACK_US    100u
#define SIXTEEN_MIB         (16u << 20)
#define PROTECT_BLOCK_BYTES 65536u

static struct spi_nor *nor_of(struct flash *flash)
{
    return flash->device;
}

/* ---- Single commands ---- */

static int command(struct spi_nor *nor, uint8_t opcode)
{
    return nor->setup.spi->transact(nor->setup.spi, &(struct spi_transaction){ .opcode = opcode, .data_lanes = 1 });
}

static int register_read(struct spi_nor *nor, uint8_t opcode, void *into, uint32_t bytes)
{
    const struct spi_transaction read = { .opcode = opcode, .data_lanes = 1, .bytes = bytes, .into = into };

    return nor->setup.spi->transact(nor->setup.spi, &read);
}

static int array_read(struct spi_nor *nor, uint32_t address, void *into, uint32_t bytes)
{
    const struct spi_transaction read = {
        .opcode = nor->read_opcode,
        .address_bytes = nor->address_bytes,
        .dummy_bytes = nor->read_dummy,
        .data_lanes = nor->read_lanes,
        .address = address,
        .bytes = bytes,
        .into = into,
    };

    return nor->setup.spi->transact(nor->setup.spi, &read);
}

/* 1: a bit of the register is set; 0: none, or the part has no such register; or an error. */
static int register_test(struct spi_nor *nor, struct spi_nor_register which)
{
    uint8_t value = 0;
    int error = which.opcode ? register_read(nor, which.opcode, &value, 1) : 0;

    return error ? error : (value & which.bits) != 0;
}

static int busy(struct spi_nor *nor)
{
    return register_test(nor, (struct spi_nor_register){ OP_READ_STATUS, STATUS_WIP });
}

static void delay_us(struct spi_nor *nor, uint64_t us)
{
    uint64_t start = nor->setup.now_us();

    while (nor->setup.now_us() - start <= us)
        ;
}

/* The clock is read before the status: a wait that was itself interrupted for long still sees a part that is ready. */
static int wait_ready(struct spi_nor *nor, uint64_t most_us)
{
    uint64_t start = nor->setup.now_us();

    for (;;) {
        bool late = nor->setup.now_us() - start > most_us;
        int is_busy = busy(nor);

        if (is_busy <= 0)
            return is_busy;
        if (late)
            return -ETIMEDOUT;
    }
}

/* ---- Suspend and resume ---- */

static int suspend(struct spi_nor *nor)
{
    int error;

    while (nor->was_suspended && nor->setup.now_us() - nor->resumed_us <= nor->facts.resume_gap_us) {
        int is_busy = busy(nor);

        if (is_busy <= 0)
            return is_busy;
    }
    nor->was_suspended = true; /* if it comes too late, too: what is idle is then not taken for done */
    error = command(nor, nor->facts.suspend);
    if (!error)
        error = wait_ready(nor, nor->facts.suspend_most_us * BOUND_FACTOR + SUSPEND_SLACK_US);
    if (error)
        return error;
    nor->suspended = true;
    nor->suspended_us = nor->setup.now_us();
    return 0;
}

static int resume(struct spi_nor *nor)
{
    int error = command(nor, nor->facts.resume);

    nor->resumed_us = nor->setup.now_us();
    if (nor->suspended && nor->deadline_us)
        nor->deadline_us += nor->resumed_us - nor->suspended_us;
    nor->suspended = false;
    return error;
}

/* Makes the array readable while `other` is in flight. */
static int quiet(struct spi_nor *nor, const struct flash_request *other, const struct flash_request *request)
{
    int is_busy;

    if (request->address < other->address + other->bytes && other->address < request->address + request->bytes)
        return -EBUSY;
    if (nor->suspended)
        return 0;
    is_busy = busy(nor);
    if (is_busy <= 0)
        return is_busy;
    return nor->facts.suspend ? suspend(nor) : -EBUSY;
}

/* ---- Requests ---- */

/* The write-enable latch set, and seen to be set: a part that is busy, protected by a pin or not there ends here. */
static int write_enable(struct spi_nor *nor)
{
    uint8_t status = 0;
    int error = command(nor, OP_WRITE_ENABLE);

    if (!error)
        error = register_read(nor, OP_READ_STATUS, &status, 1);
    if (error)
        return error;
    if (status & STATUS_WIP)
        return -ETIMEDOUT;
    return status & STATUS_WEL ? 0 : -EIO;
}

/* Begins the next page of a program, or the erase. */
static int step_start(struct spi_nor *nor, const struct flash_request *request)
{
    uint32_t page = nor->facts.page_bytes;
    uint32_t left = request->bytes - nor->done_bytes;
    bool program = request->operation == FLASH_PROGRAM;
    struct spi_transaction step = {
        .opcode = program ? nor->program_opcode : nor->erase_opcode,
        .address_bytes = nor->address_bytes,
        .data_lanes = 1,
        .address = request->address + nor->done_bytes,
    };
    int error = write_enable(nor);

    if (error)
        return error;
    nor->step_bytes = left;
    if (program) {
        uint32_t room = page - step.address % page;

        nor->step_bytes = left < room ? left : room;
        step.bytes = nor->step_bytes;
        step.from = (const uint8_t *)request->from + nor->done_bytes;
    }
    nor->was_suspended = false;
    nor->deadline_us = 0;
    return nor->setup.spi->transact(nor->setup.spi, &step);
}

static int read_start(struct spi_nor *nor, struct flash_request *request)
{
    const struct flash_request *other = nor->flash.in_flight;
    int error = other && other != request ? quiet(nor, other, request) : 0;

    if (error == -EBUSY)
        return error;
    if (!error)
        error = array_read(nor, request->address, request->into, request->bytes);
    flash_finish(&nor->flash, request, error);
    return 0;
}

/* After a step that ended in an error: is the part there again? It may be busy, or suspended, its resume lost. */
static int unstick(struct spi_nor *nor)
{
    int state = nor->stuck ? busy(nor) : 0;

    if (nor->stuck && !state) {
        state = register_test(nor, nor->facts.suspended);
        if (state > 0)
            (void)command(nor, nor->facts.resume);
    }
    nor->stuck = state != 0;
    return state > 0 ? -ETIMEDOUT : state;
}

static void fail(struct spi_nor *nor, struct flash_request *request, int error)
{
    nor->stuck = true;
    nor->suspended = false;
    flash_finish(&nor->flash, request, error);
}

static int spi_nor_start(struct flash *flash, struct flash_request *request)
{
    struct spi_nor *nor = nor_of(flash);
    int error = unstick(nor);

    if (error == -ETIMEDOUT && nor->setup.now_us() < nor->deadline_us + FLASH_STUCK_US)
        return -EBUSY;
    if (!error && request->operation == FLASH_READ)
        return read_start(nor, request);
    if (!error)
        error = spi_nor_writable(nor, request->address, request->bytes);
    nor->done_bytes = 0;
    if (!error)
        error = step_start(nor, request);
    if (error)
        fail(nor, request, error);
    return 0;
}

/* -EIO when the part says that its last operation failed; the bits are cleared for the next one. */
static int check_errors(struct spi_nor *nor)
{
    int failed = register_test(nor, nor->facts.errors);

    if (failed > 0 && nor->facts.errors_clear)
        (void)command(nor, nor->facts.errors_clear);
    return failed > 0 ? -EIO : failed;
}

/* The time that a step may take is counted from the first look that finds it under way. */
static bool is_late(struct spi_nor *nor)
{
    uint64_t now = nor->setup.now_us();
    bool program = nor->flash.in_flight->operation == FLASH_PROGRAM;

    if (!nor->deadline_us)
        nor->deadline_us = now + BOUND_FACTOR * (program ? nor->facts.program.most_us : nor->erase.most_us);
    return now > nor->deadline_us;
}

/*
 * 1: the step in flight goes on; 0: it has ended well; or its error. Of a part that is ready the clock is not asked: some
 * processors go through a trap for it. One found busy too late is looked at again, for that may have been long ago.
 */
static int step_poll(struct spi_nor *nor)
{
    int state = busy(nor);
    bool late = (state > 0 || nor->was_suspended) && is_late(nor);

    if (state > 0 && late)
        state = busy(nor);
    if (!state && nor->was_suspended) {
        /* A part whose resume got lost is idle and not done. */
        state = register_test(nor, nor->facts.suspended);
        if (state > 0 && !late)
            return resume(nor) ? -EIO : 1;
    }
    if (state)
        return state > 0 && late ? -ETIMEDOUT : state;
    return check_errors(nor);
}

/* The step in flight has ended well: the next page, or the end of the request. */
static int step_end(struct spi_nor *nor, struct flash_request *request)
{
    nor->done_bytes += nor->step_bytes;
    if (nor->done_bytes < request->bytes)
        return step_start(nor, request);
    flash_finish(&nor->flash, request, 0);
    return 0;
}

static void spi_nor_poll(struct flash *flash)
{
    struct spi_nor *nor = nor_of(flash);
    struct flash_request *request = flash->in_flight;
    int state;

    if (nor->suspended) {
        state = resume(nor);
    } else {
        /* Pages that end at once, as an emulator's do, are not waited for one by one. */
        do {
            state = step_poll(nor);
            if (!state)
                state = step_end(nor, request);
        } while (!state && flash->in_flight == request);
    }
    if (state < 0)
        fail(nor, request, state);
}

/* ---- Finding the part ---- */

/*
 * A reset of the processor does not reset the flash. In this order: a continuous read (1-4-4 with mode bits) ends after
 * 16 clocks with IO0 high; deep power-down ends by ab, which a busy part ignores; an erase under way is waited out.
 */
static int wake(struct spi_nor *nor)
{
    const uint8_t ones = 0xff;
    uint8_t status = 0;
    const struct spi_transaction exit_read = {
        .opcode = OP_EXIT_CONTINUOUS_READ, .data_lanes = 1, .bytes = 1, .from = &ones
    };
    int error = nor->setup.spi->transact(nor->setup.spi, &exit_read);

    if (!error)
        error = command(nor, OP_RELEASE_POWER_DOWN);
    delay_us(nor, WAKE_US);
    if (!error)
        error = register_read(nor, OP_READ_STATUS, &status, 1);
    if (!error && status == STATUS_NOBODY)
        error = -ENODEV;
    return error ? error : wait_ready(nor, FOUND_BUSY_MOST_US);
}

/* Takes the part's volatile protection and modes with it: only for one that cannot be used otherwise. */
static int reset(struct spi_nor *nor)
{
    int error = command(nor, OP_RESET_ENABLE);

    if (!error)
        error = command(nor, OP_RESET);
    delay_us(nor, RESET_US);
    return error ? error : wait_ready(nor, FOUND_BUSY_MOST_US);
}

static int identify(struct spi_nor *nor)
{
    uint8_t id[3] = { 0 };
    int error = register_read(nor, OP_READ_ID, id, sizeof id);

    if (error)
        return error;
    nor->id = (uint32_t)id[0] << 16 | (uint32_t)id[1] << 8 | id[2];
    return nor->id == 0 || nor->id == 0xffffff ? -ENODEV : 0;
}

static int learn(struct spi_nor *nor)
{
    uint8_t sfdp[SFDP_BYTES];
    const struct spi_transaction read = { .opcode = OP_READ_SFDP,
                                          .address_bytes = 3,
                                          .dummy_bytes = 1,
                                          .data_lanes = 1,
                                          .bytes = sizeof sfdp,
                                          .into = sfdp };
    int error = nor->setup.spi->transact(nor->setup.spi, &read);

    return error ? error : spi_nor_facts(nor->id, sfdp, sizeof sfdp, &nor->facts);
}

static int recognize(struct spi_nor *nor)
{
    int error = identify(nor);

    return error ? error : learn(nor);
}

/* What a reset of the processor has left suspended goes on to its end; unless the part says that nothing is. */
static int end_suspended(struct spi_nor *nor)
{
    int state = register_test(nor, nor->facts.suspended);

    if (state < 0 || (!state && (nor->facts.suspended.opcode || !nor->facts.resume)))
        return state;
    if (!nor->facts.resume)
        return reset(nor);
    state = command(nor, nor->facts.resume);
    return state ? state : wait_ready(nor, FOUND_BUSY_MOST_US);
}

static int find(struct spi_nor *nor)
{
    int error = wake(nor);

    if (error)
        return error;
    error = recognize(nor);
    if (error && !reset(nor))
        error = recognize(nor);
    return error ? error : end_suspended(nor);
}

static void choose_opcodes(struct spi_nor *nor)
{
    bool large = nor->facts.size_bytes > SIXTEEN_MIB;
    bool small_erase = nor->setup.erase_bytes == 4096;

    nor->address_bytes = large ? 4 : 3;
    nor->read_opcode = large ? OP_READ_4B : OP_READ;
    nor->read_lanes = 1;
    nor->program_opcode = large ? OP_PROGRAM_4B : OP_PROGRAM;
    nor->erase_opcode = small_erase ? OP_ERASE_4K : OP_ERASE_64K;
    if (large)
        nor->erase_opcode = small_erase ? OP_ERASE_4K_4B : OP_ERASE_64K_4B;
    nor->erase = small_erase ? nor->facts.erase_4k : nor->facts.erase_64k;
}

static int find_protection(struct spi_nor *nor)
{
    const struct spi_nor_facts *facts = &nor->facts;
    uint32_t blocks = facts->size_bytes / PROTECT_BLOCK_BYTES;
    uint8_t status = 0;
    int error = register_read(nor, OP_READ_STATUS, &status, 1);
    int bottom = error ? error : register_test(nor, facts->protect_bottom);
    int others = bottom < 0 ? bottom : register_test(nor, facts->protect_others[0]);
    unsigned level = (unsigned)(status & facts->protect_bits) >> __builtin_ctz(facts->protect_bits);

    if (!others)
        others = register_test(nor, facts->protect_others[1]);
    if (others < 0)
        return others;
    nor->protected_start = 0;
    nor->protected_bytes = level || others ? facts->size_bytes : 0;
    if (level && facts->protect_bottom.opcode && 1u << (level - 1) < blocks) {
        nor->protected_bytes = PROTECT_BLOCK_BYTES << (level - 1);
        nor->protected_start = bottom ? 0 : facts->size_bytes - nor->protected_bytes;
    }
    return 0;
}

int spi_nor_writable(const struct spi_nor *nor, uint32_t start, uint32_t bytes)
{
    uint32_t protected_end = nor->protected_start + nor->protected_bytes;

    return start < protected_end && nor->protected_start < start + bytes ? -EROFS : 0;
}

static const struct flash_driver driver = { .name = "spi-nor", .start = spi_nor_start, .poll = spi_nor_poll };

int spi_nor_init(struct spi_nor *nor, const struct spi_nor_setup *setup)
{
    uint32_t hz = setup->hz < PLAIN_READ_MOST_HZ ? setup->hz : PLAIN_READ_MOST_HZ;
    int error;

    *nor = (struct spi_nor){ .setup = *setup };
    nor->hz = setup->spi->set_clock(setup->spi, hz);
    error = find(nor);
    if (!error)
        error = find_protection(nor);
    if (error)
        return error;
    choose_opcodes(nor);
    if (!nor->erase.most_us)
        return -ENOTSUP;
    nor->flash = (struct flash){
        .driver = &driver,
        .device = nor,
        .geometry = {
            .size_bytes = nor->facts.size_bytes,
            .erase_bytes = setup->erase_bytes,
            .program_bytes = nor->facts.page_bytes,
            .program_typical_us = nor->facts.program.typical_us,
            .erase_typical_us = nor->erase.typical_us,
            .can_suspend = nor->facts.suspend != 0,
        },
    };
    return 0;
}

/* ---- Four lanes ---- */

#define SAMPLE_BYTES 128u /* more than the longest burst that reads by four lanes can be told to wrap in, 64 */

/* Contents in which a lane that is stuck, swapped or late would show. */
static bool telling(const uint8_t *sample)
{
    unsigned changes = 0;

    for (unsigned i = 1; i < SAMPLE_BYTES; i++)
        changes += sample[i] != sample[i - 1];
    return changes >= SAMPLE_BYTES / 4;
}

static void choose_read(struct spi_nor *nor, bool quad)
{
    bool large = nor->address_bytes == 4;

    nor->read_lanes = quad ? 4 : 1;
    nor->read_dummy = quad ? 1 : 0;
    nor->read_opcode = quad ? OP_READ_QUAD : OP_READ;
    if (large)
        nor->read_opcode = quad ? OP_READ_QUAD_4B : OP_READ_4B;
}

bool spi_nor_try_quad(struct spi_nor *nor)
{
    uint32_t step = nor->setup.erase_bytes;
    uint8_t plain[SAMPLE_BYTES], quad[SAMPLE_BYTES];

    if (!nor->facts.quad || nor->flash.in_flight || nor->read_lanes == 4)
        return nor->read_lanes == 4;
    for (uint32_t at = 0; at < nor->facts.size_bytes; at += step) {
        bool same;

        if (array_read(nor, at, plain, sizeof plain) || !telling(plain))
            continue;
        choose_read(nor, true);
        same = !array_read(nor, at, quad, sizeof quad) && !memcmp(plain, quad, sizeof plain);
        if (!same)
            choose_read(nor, false);
        return same;
    }
    return false;
}
