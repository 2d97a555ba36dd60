#include "tests/sim/nor_cells.h"

#include <errno.h>
#include <string.h>

/* --- Triggers: what happens to the operation of a given number --- */

static void trigger_add(struct nor *nor, enum nor_trigger_kind kind, uint64_t nth, uint32_t argument)
{
    for (int i = 0; i < NOR_TRIGGERS; i++) {
        if (nor->triggers[i].kind != NOR_TRIGGER_NONE)
            continue;
        nor->triggers[i] = (struct nor_trigger){ kind, nor->operations + nth, argument };
        return;
    }
    nor_violation(nor, "more than %d triggers", NOR_TRIGGERS);
}

/* The trigger of this kind for the operation in flight; it is used up. */
static bool trigger_take(struct nor *nor, enum nor_trigger_kind kind, uint32_t *argument)
{
    for (int i = 0; i < NOR_TRIGGERS; i++) {
        struct nor_trigger *trigger = &nor->triggers[i];

        if (trigger->kind != kind || trigger->operation != nor->operation.number)
            continue;
        *argument = trigger->argument;
        trigger->kind = NOR_TRIGGER_NONE;
        return true;
    }
    return false;
}

void nor_cut_at(struct nor *nor, uint64_t nth, enum nor_tear tear)
{
    trigger_add(nor, NOR_TRIGGER_CUT, nth, (uint32_t)tear);
}

void nor_misdirect_at(struct nor *nor, uint64_t nth, uint32_t address)
{
    trigger_add(nor, NOR_TRIGGER_MISDIRECT, nth, address);
}

void nor_stick_at(struct nor *nor, uint64_t nth)
{
    trigger_add(nor, NOR_TRIGGER_STICK, nth, 0);
}

void nor_linger_at(struct nor *nor, uint64_t nth, uint32_t us)
{
    trigger_add(nor, NOR_TRIGGER_LINGER, nth, us);
}

void nor_fail_at(struct nor *nor, uint64_t nth)
{
    trigger_add(nor, NOR_TRIGGER_FAIL, nth, 0);
}

void nor_lose_at(struct nor *nor, uint64_t nth)
{
    trigger_add(nor, NOR_TRIGGER_LOSE, nth, 0);
}

void nor_fail_read_at(struct nor *nor, uint64_t nth)
{
    nor_fail_reads_at(nor, nth, 1);
}

void nor_fail_reads_at(struct nor *nor, uint64_t nth, uint32_t count)
{
    nor->read_fails = nth;
    nor->read_fails_more = count - 1;
}

void nor_triggers_clear(struct nor *nor)
{
    nor->read_fails = 0;
    memset(nor->triggers, 0, sizeof nor->triggers);
}

/* --- The end of an operation --- */

static int finish(struct nor *nor, enum nor_tear tear)
{
    return nor->operation.kind == NOR_ERASE ? nor_finish_erase(nor, tear) : nor_finish_program(nor, tear);
}

static void operation_end(struct nor *nor)
{
    uint32_t argument = 0;

    if (trigger_take(nor, NOR_TRIGGER_CUT, &argument)) {
        nor_power_cut(nor, (enum nor_tear)argument);
        return;
    }
    if (trigger_take(nor, NOR_TRIGGER_FAIL, &argument)) {
        finish(nor, nor_random_below(nor, 2) ? NOR_TEAR_EARLY : NOR_TEAR_DONE);
        nor->status = -EIO;
    } else if (trigger_take(nor, NOR_TRIGGER_LOSE, &argument)) {
        finish(nor, NOR_TEAR_LOST);
        nor->status = 0;
    } else {
        nor->status = finish(nor, NOR_TEAR_DONE);
    }
    nor->operation.kind = NOR_IDLE;
}

void nor_power_cut(struct nor *nor, enum nor_tear tear)
{
    if (nor->powered && nor->operation.kind != NOR_IDLE)
        finish(nor, tear);
    nor->operation.kind = NOR_IDLE;
    nor->powered = false;
}

void nor_power_on(struct nor *nor)
{
    nor->powered = true;
    nor->status = 0;
}

/* --- Time --- */

uint64_t nor_now_us(const struct nor *nor)
{
    return nor->now_ns / 1000;
}

static bool running(const struct nor *nor)
{
    return nor->operation.kind != NOR_IDLE && !nor->operation.suspended;
}

void nor_advance_ns(struct nor *nor, uint64_t ns)
{
    nor->now_ns += ns;
    if (running(nor) && nor->operation.end_ns <= nor->now_ns)
        operation_end(nor);
}

bool nor_advance_to_end(struct nor *nor)
{
    if (nor->operation.kind == NOR_IDLE)
        return true;
    if (!running(nor) || nor->operation.end_ns == NOR_NEVER)
        return false;
    nor_advance_ns(nor, nor->operation.end_ns > nor->now_ns ? nor->operation.end_ns - nor->now_ns : 0);
    return true;
}

void nor_charge_ns(struct nor *nor, uint64_t ns)
{
    nor->counters.read_ns += ns;
    nor_advance_ns(nor, ns);
}

bool nor_busy(const struct nor *nor)
{
    return running(nor) || (nor->operation.kind != NOR_IDLE && nor->now_ns < nor->operation.quiet_ns);
}

bool nor_suspend(struct nor *nor)
{
    struct nor_operation *operation = &nor->operation;

    nor_advance_ns(nor, 0);
    if (!running(nor))
        return operation->kind != NOR_IDLE;
    if (!nor->config.suspend_us) {
        nor_violation(nor, "this part cannot suspend");
        return false;
    }
    if (operation->resumed && nor->now_ns - operation->resumed_ns < nor->config.resume_gap_us * 1000ull)
        nor_violation(nor, "a suspend too soon after a resume");
    nor->counters.suspends++;
    operation->remaining_ns = operation->end_ns == NOR_NEVER ? NOR_NEVER : operation->end_ns - nor->now_ns;
    operation->quiet_ns = nor->now_ns + nor->config.suspend_us * 1000ull;
    operation->suspended = true;
    return true;
}

void nor_resume(struct nor *nor)
{
    struct nor_operation *operation = &nor->operation;

    if (operation->kind == NOR_IDLE || !operation->suspended)
        return;
    if (nor_busy(nor))
        nor_violation(nor, "resumed before the suspend took effect");
    operation->suspended = false;
    operation->resumed = true;
    operation->resumed_ns = nor->now_ns;
    operation->end_ns = operation->remaining_ns == NOR_NEVER ? NOR_NEVER : nor->now_ns + operation->remaining_ns;
}

/* --- Operations --- */

static bool overlaps_operation(const struct nor *nor, uint32_t address, uint32_t bytes)
{
    const struct nor_operation *operation = &nor->operation;

    return address < operation->address + operation->bytes && operation->address < address + bytes;
}

/* Each read that touches a unit with NOR_FAULT_READ_FLIPS sees one bit turned. */
static void flip_read(struct nor *nor, uint32_t address, uint8_t *into, uint32_t bytes)
{
    for (uint32_t done = 0; done < bytes;) {
        uint32_t step = nor->unit_bytes - (address + done) % nor->unit_bytes;

        step = step < bytes - done ? step : bytes - done;
        if (nor_unit_of(nor, address + done)->faults & NOR_FAULT_READ_FLIPS)
            into[done + nor_random_below(nor, step)] ^= (uint8_t)(1u << nor_random_below(nor, 8));
        done += step;
    }
}

static void draw_loose(struct nor *nor, uint32_t address, uint8_t *into, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        if (nor->loose[address + i])
            into[i] ^= (uint8_t)(nor->loose[address + i] & (nor_random(nor) >> 24));
}

int nor_read(struct nor *nor, uint32_t address, void *into, uint32_t bytes)
{
    bool loose = false;

    if (!nor->powered)
        return -EIO;
    if (!nor_in_part(nor, address, bytes))
        nor_violation(nor, "read of 0x%x+0x%x, outside the part", address, bytes);
    else if (nor_busy(nor))
        nor_violation(nor, "read of 0x%x while busy", address);
    else if (nor->operation.kind != NOR_IDLE && overlaps_operation(nor, address, bytes))
        nor_violation(nor, "read of 0x%x, where an operation is suspended", address);
    if (!nor_in_part(nor, address, bytes) || nor_busy(nor))
        return 0;
    if (nor->read_fails && !--nor->read_fails) {
        if (nor->read_fails_more) {
            nor->read_fails = 1;
            nor->read_fails_more--;
        }
        return -EIO;
    }
    nor->counters.reads++;
    nor->counters.read_bytes += bytes;
    memcpy(into, nor->cells + address, bytes);
    for (uint32_t at = address - address % nor->unit_bytes; at < address + bytes; at += nor->unit_bytes)
        loose |= nor_unit_of(nor, at)->loose;
    if (loose)
        draw_loose(nor, address, into, bytes);
    flip_read(nor, address, into, bytes);
    return 0;
}

/* An erase hits the unit around `address`; a program starts there, or as near as the end of the part allows. */
static uint32_t misdirected(const struct nor *nor, uint32_t address)
{
    uint32_t bytes = nor->operation.bytes;
    uint32_t last = nor->config.size_bytes - bytes;

    address = address < last ? address : last;
    return nor->operation.kind == NOR_ERASE ? address - address % bytes : address;
}

static void operation_begin(struct nor *nor, struct nor_operation operation, uint64_t us)
{
    uint32_t argument = 0;

    nor->status = 0;
    operation.number = ++nor->operations;
    operation.end_ns = nor->now_ns + us * 1000;
    nor->operation = operation;
    if (trigger_take(nor, NOR_TRIGGER_STICK, &argument))
        nor->operation.end_ns = NOR_NEVER;
    if (trigger_take(nor, NOR_TRIGGER_LINGER, &argument))
        nor->operation.end_ns += argument * 1000ull;
    if (trigger_take(nor, NOR_TRIGGER_MISDIRECT, &argument))
        nor->operation.address = misdirected(nor, argument);
}

/* A 0 bit cannot be programmed to 1. Where a bit turned by itself in a granule that was never programmed, the caller
 * could not know. */
static bool raises_bits(const struct nor *nor, uint32_t address, const uint8_t *from, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        uint8_t settled = (uint8_t)~nor->loose[address + i];

        if (from[i] & ~nor->cells[address + i] & settled && nor_once_get(nor, address + i))
            return true;
    }
    return false;
}

static bool programmed_before(const struct nor *nor, uint32_t address, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        if (nor_once_get(nor, address + i))
            return true;
    return false;
}

static const char *program_mistake(const struct nor *nor, uint32_t address, const uint8_t *from, uint32_t bytes)
{
    if (!nor_in_part(nor, address, bytes))
        return "outside the part";
    if (address % nor->config.page_bytes + bytes > nor->config.page_bytes)
        return "across a page";
    if (nor->operation.kind != NOR_IDLE)
        return "while an operation is in flight";
    if (nor->config.strict_once && programmed_before(nor, address, bytes))
        return "where it was programmed since the last erase";
    if (raises_bits(nor, address, from, bytes))
        return "that raises bits";
    return NULL;
}

int nor_program_begin(struct nor *nor, uint32_t address, const void *from, uint32_t bytes)
{
    const char *mistake;
    uint64_t us;

    if (!nor->powered)
        return -EIO;
    mistake = program_mistake(nor, address, from, bytes);
    if (mistake) {
        nor_violation(nor, "program of 0x%x+0x%x %s", address, bytes, mistake);
        return 0;
    }
    us = (uint64_t)nor->config.program_us * bytes / nor->config.page_bytes;
    us = us < nor->config.program_us / 8 ? nor->config.program_us / 8 : us;
    memcpy(nor->data, from, bytes);
    nor->counters.programs++;
    nor->counters.program_bytes += bytes;
    nor->counters.program_ns += us * 1000;
    operation_begin(nor, (struct nor_operation){ .kind = NOR_PROGRAM, .address = address, .bytes = bytes }, us);
    return 0;
}

static const struct nor_erase_kind *erase_kind(const struct nor *nor, uint32_t bytes)
{
    for (int i = 0; i < NOR_ERASE_KINDS; i++)
        if (bytes && nor->config.erase[i].bytes == bytes)
            return &nor->config.erase[i];
    return NULL;
}

int nor_erase_begin(struct nor *nor, uint32_t address, uint32_t bytes)
{
    const struct nor_erase_kind *kind = erase_kind(nor, bytes);

    if (!nor->powered)
        return -EIO;
    if (!kind || address % bytes || !nor_in_part(nor, address, bytes) || nor->operation.kind != NOR_IDLE) {
        nor_violation(nor, "erase of 0x%x+0x%x: no such unit, or while an operation is in flight", address, bytes);
        return 0;
    }
    nor->counters.erases++;
    nor->counters.erase_bytes += bytes;
    nor->counters.erase_ns += kind->typical_us * 1000ull;
    for (uint32_t at = address; at < address + bytes; at += nor->unit_bytes)
        nor_unit_of(nor, at)->wear++;
    operation_begin(nor, (struct nor_operation){ .kind = NOR_ERASE, .address = address, .bytes = bytes },
                    kind->typical_us);
    return 0;
}
