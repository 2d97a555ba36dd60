#include "tests/sim/nor_cells.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Random choices: splitmix64 --- */

uint64_t nor_random(struct nor *nor)
{
    uint64_t z = (nor->random += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t nor_random_below(struct nor *nor, uint32_t limit)
{
    return (uint32_t)(nor_random(nor) % limit);
}

void nor_seed(struct nor *nor, uint64_t seed)
{
    nor->random = seed;
}

/* --- Configurations --- */

struct nor_config nor_config_is25wp256(uint32_t size_bytes)
{
    return (struct nor_config){
        .size_bytes = size_bytes,
        .page_bytes = 256,
        .erase = { { 4096, 48000 }, { 32768, 160000 }, { 65536, 304000 } },
        .program_us = 200,
        .suspend_us = 56,
        .resume_gap_us = 448,
        .read_ns_per_byte = 40,
        .command_ns = 1000,
        .seed = 1,
    };
}

struct nor_config nor_config_blocks(uint32_t block_count, uint32_t block_bytes)
{
    struct nor_config config = nor_config_is25wp256(block_count * block_bytes);

    memset(config.erase, 0, sizeof config.erase);
    config.erase[0].bytes = block_bytes;
    config.erase[0].typical_us = (uint32_t)((uint64_t)304000 * block_bytes / 65536);
    if (config.page_bytes > block_bytes)
        config.page_bytes = block_bytes;
    return config;
}

/* --- Life --- */

static void *zeroed(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);

    if (!memory)
        abort();
    return memory;
}

static bool config_is_nor(const struct nor_config *config)
{
    uint32_t below = config->page_bytes;

    if (config->page_bytes < NOR_ONCE_BYTES || config->page_bytes > NOR_PAGE_MAX || !config->erase[0].bytes)
        return false;
    for (int i = 0; i < NOR_ERASE_KINDS && config->erase[i].bytes; i++) {
        uint32_t bytes = config->erase[i].bytes;

        if (bytes < below || bytes & (bytes - 1) || config->size_bytes % bytes)
            return false;
        below = bytes;
    }
    return config->size_bytes != 0;
}

static size_t once_bytes(const struct nor *nor)
{
    return nor->config.size_bytes / NOR_ONCE_BYTES / 8 + 1;
}

struct nor *nor_new(const struct nor_config *config)
{
    struct nor *nor = zeroed(1, sizeof *nor);

    if (!config_is_nor(config)) {
        fprintf(stderr, "nor: this configuration is no NOR flash\n");
        abort();
    }
    nor->config = *config;
    nor->random = config->seed;
    nor->powered = true;
    nor->unit_bytes = config->erase[0].bytes;
    nor->unit_count = config->size_bytes / nor->unit_bytes;
    nor->units = zeroed(nor->unit_count, sizeof *nor->units);
    nor->cells = zeroed(config->size_bytes, 1);
    nor->loose = zeroed(config->size_bytes, 1);
    nor->once = zeroed(once_bytes(nor), 1);
    memset(nor->cells, 0xff, config->size_bytes);
    return nor;
}

void nor_free(struct nor *nor)
{
    if (!nor)
        return;
    free(nor->units);
    free(nor->cells);
    free(nor->loose);
    free(nor->once);
    free(nor);
}

static void copy_contents(struct nor *to, const struct nor *from)
{
    uint32_t bytes = from->unit_bytes;

    for (uint32_t i = 0; i < from->unit_count; i++) {
        size_t at = (size_t)i * bytes;

        if (to->units[i].stamp != from->units[i].stamp)
            memcpy(to->cells + at, from->cells + at, bytes);
        if (to->units[i].loose || from->units[i].loose)
            memcpy(to->loose + at, from->loose + at, bytes);
    }
    memcpy(to->units, from->units, from->unit_count * sizeof *from->units);
    memcpy(to->once, from->once, once_bytes(from));
}

void nor_copy(struct nor *to, const struct nor *from)
{
    struct nor_unit *units = to->units;
    uint8_t *cells = to->cells, *loose = to->loose, *once = to->once;

    if (to->config.size_bytes != from->config.size_bytes || to->unit_bytes != from->unit_bytes)
        abort();
    copy_contents(to, from);
    *to = *from;
    to->units = units;
    to->cells = cells;
    to->loose = loose;
    to->once = once;
}

void nor_violation(struct nor *nor, const char *format, ...)
{
    char text[sizeof nor->violation_text];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!nor->violations++)
        memcpy(nor->violation_text, text, sizeof text);
    if (nor->config.violations_continue)
        return;
    fprintf(stderr, "nor: violation at operation %llu: %s\n", (unsigned long long)nor->operations, text);
    abort();
}

/* --- Cells --- */

struct nor_unit *nor_unit_of(const struct nor *nor, uint32_t address)
{
    return &nor->units[address / nor->unit_bytes];
}

/* Every change of cells goes with a new stamp: stamps are unique in the process, see struct nor_unit. */
static void unit_changed(struct nor *nor, uint32_t address)
{
    static uint64_t last_stamp;

    nor_unit_of(nor, address)->stamp = ++last_stamp;
}

void nor_range_changed(struct nor *nor, uint32_t address, uint32_t bytes)
{
    for (uint32_t at = address - address % nor->unit_bytes; at < address + bytes; at += nor->unit_bytes)
        unit_changed(nor, at);
}

bool nor_in_part(const struct nor *nor, uint32_t address, uint32_t bytes)
{
    return address < nor->config.size_bytes && bytes && bytes <= nor->config.size_bytes - address;
}

bool nor_once_get(const struct nor *nor, uint32_t address)
{
    uint32_t granule = address / NOR_ONCE_BYTES;

    return nor->once[granule / 8] >> (granule % 8) & 1;
}

void nor_once_set(struct nor *nor, uint32_t address, bool programmed)
{
    uint32_t granule = address / NOR_ONCE_BYTES;
    unsigned bit = 1u << (granule % 8);

    nor->once[granule / 8] = (uint8_t)(programmed ? nor->once[granule / 8] | bit : nor->once[granule / 8] & ~bit);
}

void nor_loosen(struct nor *nor, uint32_t address, uint8_t bits)
{
    if (!bits || !nor_in_part(nor, address, 1))
        return;
    nor->loose[address] |= bits;
    nor_unit_of(nor, address)->loose = true;
}

void nor_load(struct nor *nor, uint32_t address, const void *from, uint32_t bytes)
{
    if (!nor_in_part(nor, address, bytes))
        abort();
    memcpy(nor->cells + address, from, bytes);
    nor_range_changed(nor, address, bytes);
    for (uint32_t at = address - address % NOR_ONCE_BYTES; at < address + bytes; at += NOR_ONCE_BYTES)
        nor_once_set(nor, at, true);
}

void nor_flip(struct nor *nor, uint32_t address, uint8_t bits)
{
    if (!nor_in_part(nor, address, 1))
        return;
    nor->cells[address] ^= bits;
    unit_changed(nor, address);
}

void nor_flip_random(struct nor *nor, uint32_t address, uint32_t bytes, unsigned count)
{
    while (count-- && nor_in_part(nor, address, bytes))
        nor_flip(nor, address + nor_random_below(nor, bytes), (uint8_t)(1u << nor_random_below(nor, 8)));
}

void nor_set_faults(struct nor *nor, uint32_t address, uint32_t bytes, unsigned faults)
{
    if (!nor_in_part(nor, address, bytes))
        return;
    for (uint32_t at = address - address % nor->unit_bytes; at < address + bytes; at += nor->unit_bytes)
        nor_unit_of(nor, at)->faults = (uint8_t)(faults ? nor_unit_of(nor, at)->faults | faults : 0);
}

uint32_t nor_wear(const struct nor *nor, uint32_t address)
{
    return nor_unit_of(nor, address)->wear;
}

void nor_wear_range(const struct nor *nor, uint32_t address, uint32_t bytes, uint32_t *least, uint32_t *most)
{
    *least = UINT32_MAX;
    *most = 0;
    for (uint32_t at = address - address % nor->unit_bytes; at < address + bytes; at += nor->unit_bytes) {
        uint32_t wear = nor_wear(nor, at);

        *least = wear < *least ? wear : *least;
        *most = wear > *most ? wear : *most;
    }
}

unsigned nor_range_faults(const struct nor *nor, uint32_t address, uint32_t bytes)
{
    unsigned faults = 0;

    for (uint32_t at = address - address % nor->unit_bytes; at < address + bytes; at += nor->unit_bytes)
        faults |= nor_unit_of(nor, at)->faults;
    return faults;
}
