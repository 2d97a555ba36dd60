#include "tests/sim/nor_cfi.h"

#include <stdlib.h>
#include <string.h>

#define BANK_BYTES 4u
#define ACCESS_NS  100u
#define NONE       UINT32_MAX

#define SR_READY           0x80u
#define SR_ERASE_SUSPEND   0x40u
#define SR_ERASE_ERROR     0x20u
#define SR_PROGRAM_ERROR   0x10u
#define SR_PROGRAM_SUSPEND 0x04u
#define SR_LOCKED          0x02u

static uint32_t erase_bytes(const struct nor_cfi *bank)
{
    return bank->nor->config.erase[0].bytes;
}

static uint32_t block_of(const struct nor_cfi *bank, uint32_t offset)
{
    return offset - offset % erase_bytes(bank);
}

/* Sees the end of a program or erase: its error, if any, stays until it is cleared. */
static void settle(struct nor_cfi *bank)
{
    uint16_t error = bank->operating == NOR_ERASE ? SR_ERASE_ERROR : SR_PROGRAM_ERROR;

    if (bank->operating == NOR_IDLE || bank->nor->operation.kind != NOR_IDLE)
        return;
    bank->operating = NOR_IDLE;
    bank->second_ready_ns = bank->nor->now_ns + bank->second_late_us * 1000ull;
    if (bank->nor->status)
        bank->errors |= error;
    if (bank->second_fails_next)
        bank->errors_high |= error;
    bank->second_fails_next = false;
}

static uint32_t status_of(const struct nor_cfi *bank)
{
    const struct nor_operation *operation = &bank->nor->operation;
    bool busy = nor_busy(bank->nor);
    bool second_busy = busy || bank->nor->now_ns < bank->second_ready_ns;
    uint32_t status = bank->errors;

    if (operation->kind != NOR_IDLE && operation->suspended)
        status |= operation->kind == NOR_ERASE ? SR_ERASE_SUSPEND : SR_PROGRAM_SUSPEND;
    return (status | (busy ? 0 : SR_READY)) | (status | bank->errors_high | (second_busy ? 0 : SR_READY)) << 16;
}

static uint32_t query_word(const struct nor_cfi *bank, uint32_t offset)
{
    uint32_t at = offset / BANK_BYTES;
    uint32_t value = at < CFI_QUERY_BYTES ? bank->query[at] : 0;

    return value | (value ^ (bank->second_differs && at == 0x27 ? 1 : 0)) << 16;
}

static uint32_t bank_read(struct cfi_bus *bus, uint32_t offset)
{
    struct nor_cfi *bank = bus->device;
    uint32_t word = UINT32_MAX;

    nor_charge_ns(bank->nor, ACCESS_NS);
    settle(bank);
    if (offset % BANK_BYTES || offset >= bank->nor->config.size_bytes)
        nor_violation(bank->nor, "bus read at 0x%x", offset);
    else if (bank->absent || !bank->nor->powered)
        return word;
    else if (bank->mode == NOR_CFI_QUERY)
        return query_word(bank, offset);
    else if (bank->mode == NOR_CFI_STATUS || nor_busy(bank->nor))
        return status_of(bank);
    else
        (void)nor_read(bank->nor, offset, &word, sizeof word);
    return word;
}

/* ---- Writes ---- */

static void to_step(struct nor_cfi *bank, enum nor_cfi_step step, uint32_t offset)
{
    bank->step = step;
    bank->mode = NOR_CFI_STATUS;
    bank->block = block_of(bank, offset);
}

/* A locked block refuses, and says so. */
static bool refused(struct nor_cfi *bank, uint32_t block, uint16_t error)
{
    if (!bank->locked[block / erase_bytes(bank)])
        return false;
    bank->errors |= (uint16_t)(SR_LOCKED | error);
    return true;
}

static void erase_confirm(struct nor_cfi *bank, uint32_t offset)
{
    if (refused(bank, block_of(bank, offset), SR_ERASE_ERROR))
        return;
    bank->operating = NOR_ERASE;
    (void)nor_erase_begin(bank->nor, block_of(bank, offset), erase_bytes(bank));
}

static void program(struct nor_cfi *bank, uint32_t offset, const void *from, uint32_t bytes)
{
    if (refused(bank, block_of(bank, offset), SR_PROGRAM_ERROR))
        return;
    bank->operating = NOR_PROGRAM;
    (void)nor_program_begin(bank->nor, offset, from, bytes);
}

static void take_count(struct nor_cfi *bank, uint32_t offset, uint32_t value)
{
    uint32_t words = (value & 0xffff) + 1;

    if (value >> 16 != (value & 0xffff) || block_of(bank, offset) != bank->block)
        nor_violation(bank->nor, "write buffer count 0x%x at 0x%x", value, offset);
    if (words > bank->nor->config.page_bytes / BANK_BYTES) {
        nor_violation(bank->nor, "write buffer of %u words", words);
        words = 1;
    }
    bank->words = words;
    bank->filled = 0;
    bank->start = NONE;
    bank->step = NOR_CFI_DATA;
}

static void take_data(struct nor_cfi *bank, uint32_t offset, uint32_t value)
{
    uint32_t page = bank->nor->config.page_bytes;

    if (bank->start == NONE)
        bank->start = offset;
    if (offset != bank->start + bank->filled || offset / page != bank->start / page ||
        block_of(bank, offset) != bank->block)
        nor_violation(bank->nor, "write buffer data at 0x%x, of a buffer begun at 0x%x", offset, bank->start);
    memcpy(bank->buffer + bank->filled, &value, sizeof value);
    bank->filled += BANK_BYTES;
    bank->step = --bank->words ? NOR_CFI_DATA : NOR_CFI_CONFIRM;
}

/* The second write of a command of two, or a later one. */
static void continue_command(struct nor_cfi *bank, uint32_t offset, uint32_t value)
{
    enum nor_cfi_step step = bank->step;
    bool confirmed = value == 0x00d000d0;

    bank->step = NOR_CFI_READY;
    if (step == NOR_CFI_COUNT)
        take_count(bank, offset, value);
    else if (step == NOR_CFI_DATA)
        take_data(bank, offset, value);
    else if (step == NOR_CFI_WORD_DATA)
        program(bank, offset, &value, sizeof value);
    else if (!confirmed || block_of(bank, offset) != bank->block)
        nor_violation(bank->nor, "0x%x at 0x%x where a confirmation belongs", value, offset);
    else if (step == NOR_CFI_ERASE_SETUP)
        erase_confirm(bank, offset);
    else if (step == NOR_CFI_LOCK_SETUP)
        bank->locked[bank->block / erase_bytes(bank)] = false;
    else
        program(bank, bank->start, bank->buffer, bank->filled);
}

static void begin_command(struct nor_cfi *bank, uint32_t offset, uint8_t command)
{
    switch (command) {
    case 0xff:
        bank->mode = NOR_CFI_ARRAY;
        return;
    case 0x98:
        bank->mode = NOR_CFI_QUERY;
        return;
    case 0x50:
        bank->errors = bank->errors_high = 0;
        return;
    case 0xd0: /* with nothing suspended it is ignored */
        nor_resume(bank->nor);
        bank->mode = NOR_CFI_STATUS;
        return;
    case 0x20:
        to_step(bank, NOR_CFI_ERASE_SETUP, offset);
        return;
    case 0x40:
        to_step(bank, NOR_CFI_WORD_DATA, offset);
        return;
    case 0x60:
        to_step(bank, NOR_CFI_LOCK_SETUP, offset);
        return;
    case 0xe8:
        to_step(bank, NOR_CFI_COUNT, offset);
        return;
    default:
        nor_violation(bank->nor, "unknown command %02x", command);
    }
}

/* A busy bank takes a status read and a suspend; ff and 98 it ignores, as a driver that finds it busy may send them. */
static void busy_command(struct nor_cfi *bank, uint8_t command)
{
    if (command == 0x70 || command == 0xb0)
        bank->mode = NOR_CFI_STATUS;
    else if (command != 0xff && command != 0x98)
        nor_violation(bank->nor, "command %02x while busy", command);
    if (command == 0xb0 && !bank->loses_next_suspend)
        (void)nor_suspend(bank->nor);
    bank->loses_next_suspend &= command != 0xb0;
}

static void bank_write(struct cfi_bus *bus, uint32_t offset, uint32_t value)
{
    struct nor_cfi *bank = bus->device;
    uint8_t command = (uint8_t)value;

    nor_advance_ns(bank->nor, ACCESS_NS);
    settle(bank);
    if (bank->absent || !bank->nor->powered)
        return;
    if (offset % BANK_BYTES || offset >= bank->nor->config.size_bytes) {
        nor_violation(bank->nor, "bus write at 0x%x", offset);
    } else if (bank->step != NOR_CFI_READY) {
        continue_command(bank, offset, value);
    } else if (value != (command | (uint32_t)command << 16)) {
        nor_violation(bank->nor, "command 0x%x is not the same for both chips", value);
    } else if (nor_busy(bank->nor) || bank->nor->now_ns < bank->second_ready_ns) {
        busy_command(bank, command);
    } else if (command == 0x70 || command == 0xb0) {
        bank->mode = NOR_CFI_STATUS;
    } else {
        begin_command(bank, offset, command);
    }
}

/* ---- A healthy bank ---- */

struct nor_config nor_config_cfi(uint32_t block_count, uint32_t block_bytes, uint32_t buffer_bytes)
{
    struct nor_config config = nor_config_blocks(block_count, block_bytes);

    config.page_bytes = buffer_bytes;
    config.program_us = 512;
    config.erase[0].typical_us = 1024000;
    config.suspend_us = 25;
    config.resume_gap_us = 500;
    return config;
}

static uint8_t log2_of(uint32_t value)
{
    return (uint8_t)(31 - __builtin_clz(value));
}

static void fill_query(struct nor_cfi *bank, unsigned features)
{
    const struct nor_config *config = &bank->nor->config;
    uint32_t blocks = config->size_bytes / erase_bytes(bank), block_256 = erase_bytes(bank) / 2 / 256;
    uint8_t *query = bank->query;

    memcpy(query + 0x10, "QRY\x01\x00\x31\x00", 7);
    query[0x1f] = query[0x20] = log2_of(config->program_us);
    query[0x21] = log2_of(config->erase[0].typical_us / 1000);
    query[0x23] = query[0x24] = query[0x25] = 2;
    query[0x27] = log2_of(config->size_bytes / 2);
    query[0x28] = 1;
    query[0x2a] = log2_of(config->page_bytes / 2);
    query[0x2c] = 1;
    query[0x2d] = (uint8_t)(blocks - 1);
    query[0x2e] = (uint8_t)((blocks - 1) >> 8);
    query[0x2f] = (uint8_t)block_256;
    query[0x30] = (uint8_t)(block_256 >> 8);
    memcpy(query + 0x31, "PRI11", 5);
    query[0x36] = (uint8_t)features;
}

void nor_cfi_power_on(struct nor_cfi *bank)
{
    nor_power_on(bank->nor);
    bank->mode = NOR_CFI_ARRAY;
    bank->step = NOR_CFI_READY;
    bank->errors = bank->errors_high = 0;
    bank->operating = NOR_IDLE;
    bank->second_ready_ns = 0;
    for (uint32_t i = 0; i < NOR_CFI_BLOCKS_MOST; i++)
        bank->locked[i] = bank->query[0x36] & NOR_CFI_LOCKS;
}

void nor_cfi_open(struct nor_cfi *bank, struct nor *nor, unsigned features)
{
    *bank = (struct nor_cfi){ .nor = nor };
    if (nor->config.size_bytes / erase_bytes(bank) > NOR_CFI_BLOCKS_MOST)
        abort();
    bank->bus = (struct cfi_bus){ .read = bank_read, .write = bank_write, .device = bank };
    fill_query(bank, features);
    nor_cfi_power_on(bank);
}
