/* What a CFI query says: see hal/cfi_nor.h. */
#include "hal/cfi_nor.h"

#include <errno.h>
#include <string.h>

/* JESD68.01, "Common Flash Interface": offsets. */
enum {
    CFI_COMMAND_SET = 0x13,
    CFI_PRIMARY_TABLE = 0x15,
    CFI_BUFFER_TYPICAL = 0x20, /* 2^n us */
    CFI_ERASE_TYPICAL = 0x21,  /* 2^n ms */
    CFI_BUFFER_MOST = 0x24,    /* 2^n times typical */
    CFI_ERASE_MOST = 0x25,
    CFI_SIZE = 0x27,         /* 2^n bytes */
    CFI_BUFFER_BYTES = 0x2a, /* 2^n, two bytes */
    CFI_REGIONS = 0x2c,
    CFI_REGION_1 = 0x2d, /* blocks - 1, two bytes; block bytes / 256, two bytes */
    COMMAND_SET_INTEL_EXTENDED = 0x0001,
    COMMAND_SET_INTEL_STANDARD = 0x0003,
    PRIMARY_FEATURES = 5, /* offset in the primary table, four bytes */
    PRIMARY_BYTES = 9,
    FEATURE_SUSPEND_ERASE = 1u << 1,
    FEATURE_SUSPEND_PROGRAM = 1u << 2,
    FEATURE_INSTANT_LOCKS = 1u << 5,
};

static uint32_t get16(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
}

static bool power_of_two(uint32_t value)
{
    return value && !(value & (value - 1));
}

static void parse_primary(const uint8_t *query, uint32_t bytes, struct cfi_facts *facts)
{
    uint32_t table = get16(query + CFI_PRIMARY_TABLE);
    uint32_t features;

    if (table < CFI_END || table > bytes || bytes - table < PRIMARY_BYTES || memcmp(query + table, "PRI", 3) != 0)
        return;
    features = query[table + PRIMARY_FEATURES];
    facts->suspend_erase = features & FEATURE_SUSPEND_ERASE;
    facts->suspend_program = features & FEATURE_SUSPEND_PROGRAM;
    facts->locks = features & FEATURE_INSTANT_LOCKS;
}

/* Exponents, checked so that no time exceeds about a minute. */
static int parse_times(const uint8_t *query, struct cfi_facts *facts)
{
    unsigned buffer = query[CFI_BUFFER_TYPICAL], buffer_most = query[CFI_BUFFER_MOST];
    unsigned erase = query[CFI_ERASE_TYPICAL], erase_most = query[CFI_ERASE_MOST];

    if (!buffer || !erase || buffer + buffer_most > 26 || erase + erase_most > 16)
        return -EINVAL;
    facts->program_typical_us = 1u << buffer;
    facts->program_most_us = facts->program_typical_us << buffer_most;
    facts->erase_typical_us = 1000u << erase;
    facts->erase_most_us = facts->erase_typical_us << erase_most;
    return 0;
}

static int parse_geometry(const uint8_t *query, struct cfi_facts *facts)
{
    unsigned size = query[CFI_SIZE];
    uint32_t buffer = get16(query + CFI_BUFFER_BYTES);
    uint32_t blocks = get16(query + CFI_REGION_1) + 1;
    uint32_t block_bytes = get16(query + CFI_REGION_1 + 2) * 256;

    if (query[CFI_REGIONS] != 1 || buffer == 0)
        return -ENOTSUP;
    if (size < 16 || size > 28 || buffer < 2 || buffer > 12 || !power_of_two(block_bytes))
        return -EINVAL;
    facts->size_bytes = 1u << size;
    facts->buffer_bytes = 1u << buffer;
    facts->erase_bytes = block_bytes;
    if ((uint64_t)blocks * block_bytes != facts->size_bytes || facts->buffer_bytes > block_bytes)
        return -EINVAL;
    return 0;
}

int cfi_parse(const uint8_t *query, uint32_t bytes, struct cfi_facts *facts)
{
    uint32_t command_set;
    int error;

    *facts = (struct cfi_facts){ 0 };
    if (bytes < CFI_END || memcmp(query + CFI_QRY, "QRY", 3) != 0)
        return -ENODEV;
    command_set = get16(query + CFI_COMMAND_SET);
    if (command_set != COMMAND_SET_INTEL_EXTENDED && command_set != COMMAND_SET_INTEL_STANDARD)
        return -ENOTSUP;
    error = parse_geometry(query, facts);
    if (!error)
        error = parse_times(query, facts);
    parse_primary(query, bytes, facts);
    return error;
}
