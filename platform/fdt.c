/*
 * The flattened device tree, read in place. fdt_open() is the only judge of its form; see platform/fdt.h.
 */
#include "platform/fdt.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Devicetree Specification v0.4, section 5.2 "Header": offsets of big-endian words */
enum {
    HEADER_MAGIC = 0,
    HEADER_STRUCTURE_OFFSET = 8,
    HEADER_STRINGS_OFFSET = 12,
    HEADER_RESERVATIONS_OFFSET = 16,
    HEADER_VERSION = 20,
    HEADER_COMPATIBLE_VERSION = 24,
    HEADER_STRINGS_BYTES = 32,
    HEADER_STRUCTURE_BYTES = 36,
    HEADER_BYTES = 40,
};
#define FDT_MAGIC   0xd00dfeedu
#define FDT_VERSION 17u

/* Section 5.4.1 "Lexical structure"; TOKEN_BROKEN is ours, for anything that does not fit into the block. */
enum token {
    TOKEN_BROKEN = 0,
    TOKEN_BEGIN_NODE = 1,
    TOKEN_END_NODE = 2,
    TOKEN_PROPERTY = 3,
    TOKEN_NOP = 4,
    TOKEN_END = 9,
};

#define CELL_BYTES        4u
#define RESERVATION_BYTES 16u
#define PHANDLE_NONE      0u

static uint32_t big32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint64_t big64(const uint8_t *bytes)
{
    return (uint64_t)big32(bytes) << 32 | big32(bytes + CELL_BYTES);
}

/* ---- The form of the blob ---- */

/* How many bytes the text at `at` takes in the structure block, with its end and padding; 0: it does not end. */
static uint32_t text_span(const struct fdt *fdt, uint32_t at)
{
    const uint8_t *text = fdt->structure + at;
    const uint8_t *end = memchr(text, 0, fdt->structure_bytes - at);

    return end ? ((uint32_t)(end - text) + CELL_BYTES) & ~(CELL_BYTES - 1) : 0;
}

/* The token at *at, which moves behind it and all that belongs to it. *at is a multiple of 4 within the block. */
static enum token token_next(const struct fdt *fdt, uint32_t *at)
{
    uint32_t left = fdt->structure_bytes - *at;
    uint64_t span = CELL_BYTES;
    uint32_t token;

    if (left < CELL_BYTES)
        return TOKEN_BROKEN;
    token = big32(fdt->structure + *at);
    if (token == TOKEN_BEGIN_NODE) {
        uint32_t name = text_span(fdt, *at + CELL_BYTES);

        if (!name)
            return TOKEN_BROKEN;
        span += name;
    } else if (token == TOKEN_PROPERTY) {
        if (left < 3 * CELL_BYTES)
            return TOKEN_BROKEN;
        span += 2 * CELL_BYTES +
                (((uint64_t)big32(fdt->structure + *at + CELL_BYTES) + CELL_BYTES - 1) & ~(uint64_t)(CELL_BYTES - 1));
    } else if (token != TOKEN_END_NODE && token != TOKEN_NOP && token != TOKEN_END) {
        return TOKEN_BROKEN;
    }
    if (span > left)
        return TOKEN_BROKEN;
    *at += (uint32_t)span;
    return (enum token)token;
}

/* One root, properties inside nodes and with names, nodes closed and not too deep, an end. */
static bool structure_is_sound(const struct fdt *fdt)
{
    uint32_t at = 0;
    uint32_t nodes = 0;
    int depth = -1;

    for (;;) {
        uint32_t here = at;

        switch (token_next(fdt, &at)) {
        case TOKEN_BEGIN_NODE:
            if (++depth >= FDT_DEPTH_MAX || (depth == 0 && nodes != 0))
                return false;
            nodes++;
            break;
        case TOKEN_END_NODE:
            if (--depth < -1)
                return false;
            break;
        case TOKEN_PROPERTY:
            if (depth < 0 || big32(fdt->structure + here + 2 * CELL_BYTES) >= fdt->strings_bytes)
                return false;
            break;
        case TOKEN_NOP:
            break;
        case TOKEN_END:
            return depth == -1 && nodes != 0;
        default:
            return false;
        }
    }
}

/* The reservation block has no length: it ends with an entry of zeros. */
static bool reservations_count(struct fdt *fdt, uint32_t bytes)
{
    for (uint32_t count = 0; count < bytes / RESERVATION_BYTES; count++) {
        const uint8_t *entry = fdt->reservations + count * RESERVATION_BYTES;

        if (big64(entry) == 0 && big64(entry + 8) == 0) {
            fdt->reservations_count = count;
            return true;
        }
    }
    return false;
}

int fdt_open(struct fdt *fdt, const void *blob, uint32_t bytes)
{
    const uint8_t *header = blob;
    uint32_t structure, strings, reservations;

    if (bytes < HEADER_BYTES || big32(header + HEADER_MAGIC) != FDT_MAGIC)
        return -EINVAL;
    if (big32(header + HEADER_VERSION) < FDT_VERSION || big32(header + HEADER_COMPATIBLE_VERSION) > FDT_VERSION)
        return -EINVAL;
    structure = big32(header + HEADER_STRUCTURE_OFFSET);
    strings = big32(header + HEADER_STRINGS_OFFSET);
    reservations = big32(header + HEADER_RESERVATIONS_OFFSET);
    if (structure > bytes || strings > bytes || reservations > bytes || structure % CELL_BYTES)
        return -EINVAL;

    *fdt = (struct fdt){
        .structure = header + structure,
        .structure_bytes = big32(header + HEADER_STRUCTURE_BYTES),
        .strings = (const char *)header + strings,
        .strings_bytes = big32(header + HEADER_STRINGS_BYTES),
        .reservations = header + reservations,
    };
    if (fdt->structure_bytes > bytes - structure || fdt->strings_bytes > bytes - strings)
        return -EINVAL;
    /* A final NUL ends every name that begins inside the block. */
    if (fdt->strings_bytes && fdt->strings[fdt->strings_bytes - 1] != '\0')
        return -EINVAL;
    if (!reservations_count(fdt, bytes - reservations) || !structure_is_sound(fdt))
        return -EINVAL;
    return 0;
}

/* ---- Walking ---- */

bool fdt_next(const struct fdt *fdt, struct fdt_node *node)
{
    uint32_t at = 0;

    if (node->depth >= 0) {
        at = node->path[node->depth];
        token_next(fdt, &at);
    }
    for (;;) {
        uint32_t here = at;

        switch (token_next(fdt, &at)) {
        case TOKEN_BEGIN_NODE:
            node->path[++node->depth] = here;
            return true;
        case TOKEN_END_NODE:
            node->depth--;
            break;
        case TOKEN_PROPERTY:
        case TOKEN_NOP:
            break;
        default:
            return false;
        }
    }
}

bool fdt_next_child(const struct fdt *fdt, const struct fdt_node *parent, struct fdt_node *child)
{
    while (fdt_next(fdt, child) && child->depth > parent->depth) {
        if (child->depth == parent->depth + 1)
            return true;
    }
    return false;
}

struct fdt_node fdt_parent(const struct fdt_node *node)
{
    struct fdt_node parent = *node;

    parent.depth--;
    return parent;
}

const char *fdt_name(const struct fdt *fdt, const struct fdt_node *node)
{
    return (const char *)fdt->structure + node->path[node->depth] + CELL_BYTES;
}

/* Whether a node's name is this path component; a component without a unit address fits any. */
static bool name_fits(const char *name, const char *component, size_t length)
{
    if (strncmp(name, component, length) != 0)
        return false;
    return name[length] == '\0' || (name[length] == '@' && !memchr(component, '@', length));
}

bool fdt_find(const struct fdt *fdt, const char *path, struct fdt_node *node)
{
    *node = FDT_BEGIN;
    if (*path != '/' || !fdt_next(fdt, node))
        return false;
    for (path += strspn(path, "/"); *path && *path != ':'; path += strspn(path, "/")) {
        size_t length = strcspn(path, "/:");
        struct fdt_node child = *node;
        bool found = false;

        while (!found && fdt_next_child(fdt, node, &child))
            found = name_fits(fdt_name(fdt, &child), path, length);
        if (!found)
            return false;
        *node = child;
        path += length;
    }
    return true;
}

bool fdt_find_phandle(const struct fdt *fdt, uint32_t phandle, struct fdt_node *node)
{
    *node = FDT_BEGIN;
    while (phandle != PHANDLE_NONE && fdt_next(fdt, node)) {
        if (fdt_cell(fdt, node, "phandle", 0, PHANDLE_NONE) == phandle)
            return true;
    }
    return false;
}

bool fdt_next_compatible(const struct fdt *fdt, const char *compatible, struct fdt_node *node)
{
    while (fdt_next(fdt, node)) {
        if (fdt_compatible(fdt, node, compatible) && fdt_enabled(fdt, node))
            return true;
    }
    return false;
}

/* ---- Properties ---- */

static const void *property_find(const struct fdt *fdt, const struct fdt_node *node, const char *name, size_t length,
                                 uint32_t *bytes)
{
    uint32_t at = node->path[node->depth];

    token_next(fdt, &at);
    for (;;) {
        const uint8_t *here = fdt->structure + at;
        enum token token = token_next(fdt, &at);
        const char *found;

        if (token == TOKEN_NOP)
            continue;
        if (token != TOKEN_PROPERTY)
            return NULL;
        found = fdt->strings + big32(here + 2 * CELL_BYTES);
        if (strncmp(found, name, length) == 0 && found[length] == '\0') {
            *bytes = big32(here + CELL_BYTES);
            return here + 3 * CELL_BYTES;
        }
    }
}

const void *fdt_property(const struct fdt *fdt, const struct fdt_node *node, const char *name, uint32_t *bytes)
{
    uint32_t unwanted;

    return property_find(fdt, node, name, strlen(name), bytes ? bytes : &unwanted);
}

uint32_t fdt_cell(const struct fdt *fdt, const struct fdt_node *node, const char *name, uint32_t index,
                  uint32_t otherwise)
{
    uint32_t bytes;
    const uint8_t *value = fdt_property(fdt, node, name, &bytes);

    return value && index < bytes / CELL_BYTES ? big32(value + (size_t)index * CELL_BYTES) : otherwise;
}

bool fdt_number(const struct fdt *fdt, const struct fdt_node *node, const char *name, uint64_t *number)
{
    uint32_t bytes;
    const uint8_t *value = fdt_property(fdt, node, name, &bytes);

    if (!value || (bytes != CELL_BYTES && bytes != 2 * CELL_BYTES))
        return false;
    *number = bytes == CELL_BYTES ? big32(value) : big64(value);
    return true;
}

const char *fdt_string(const struct fdt *fdt, const struct fdt_node *node, const char *name)
{
    uint32_t bytes;
    const char *value = fdt_property(fdt, node, name, &bytes);

    return value && memchr(value, 0, bytes) ? value : NULL;
}

bool fdt_compatible(const struct fdt *fdt, const struct fdt_node *node, const char *compatible)
{
    uint32_t bytes = 0;
    const char *list = fdt_property(fdt, node, "compatible", &bytes);

    for (uint32_t at = 0; list && at < bytes;) {
        const char *end = memchr(list + at, 0, bytes - at);

        if (!end)
            return false;
        if (strcmp(list + at, compatible) == 0)
            return true;
        at = (uint32_t)(end + 1 - list);
    }
    return false;
}

bool fdt_enabled(const struct fdt *fdt, const struct fdt_node *node)
{
    const char *status = fdt_string(fdt, node, "status");

    return !status || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

bool fdt_find_alias(const struct fdt *fdt, const char *path, struct fdt_node *node)
{
    uint32_t bytes;
    const char *target;

    if (*path == '/')
        return fdt_find(fdt, path, node);
    if (!fdt_find(fdt, "/aliases", node))
        return false;
    target = property_find(fdt, node, path, strcspn(path, ":"), &bytes);
    return target && memchr(target, 0, bytes) && fdt_find(fdt, target, node);
}

/* ---- Addresses ---- */

/* What #address-cells and #size-cells of a bus say; more than two cells (PCI) are not numbers to us. */
struct cells {
    uint32_t address, size;
};

static struct cells cells_of(const struct fdt *fdt, const struct fdt_node *bus)
{
    return (struct cells){ fdt_cell(fdt, bus, "#address-cells", 0, 2), fdt_cell(fdt, bus, "#size-cells", 0, 1) };
}

static bool cells_are_numbers(struct cells cells)
{
    return cells.address <= 2 && cells.size <= 2;
}

static uint64_t cells_number(const uint8_t *value, uint32_t cells)
{
    return cells == 0 ? 0 : cells == 1 ? big32(value) : big64(value);
}

bool fdt_reg_local(const struct fdt *fdt, const struct fdt_node *node, uint32_t index, struct fdt_range *range)
{
    struct fdt_node parent = fdt_parent(node);
    struct cells cells;
    uint32_t bytes, step;
    const uint8_t *value = fdt_property(fdt, node, "reg", &bytes);

    if (!value || parent.depth < 0)
        return false;
    cells = cells_of(fdt, &parent);
    step = (cells.address + cells.size) * CELL_BYTES;
    if (!cells_are_numbers(cells) || step == 0 || index >= bytes / step)
        return false;
    value += (size_t)index * step;
    range->start = cells_number(value, cells.address);
    range->bytes = cells_number(value + cells.address * CELL_BYTES, cells.size);
    return range->start + range->bytes >= range->start;
}

/* Takes a range through one bus: an empty `ranges` changes nothing, none at all means that nothing passes. */
static bool range_translate(const struct fdt *fdt, const struct fdt_node *bus, struct fdt_range *range)
{
    struct fdt_node above = fdt_parent(bus);
    struct cells below = cells_of(fdt, bus);
    uint32_t upper = cells_of(fdt, &above).address;
    uint32_t bytes, step;
    const uint8_t *value = fdt_property(fdt, bus, "ranges", &bytes);

    if (!value || bytes == 0)
        return value != NULL;
    step = (below.address + upper + below.size) * CELL_BYTES;
    if (!cells_are_numbers(below) || upper > 2 || step == 0)
        return false;
    for (; bytes >= step; bytes -= step, value += step) {
        uint64_t child = cells_number(value, below.address);
        uint64_t parent = cells_number(value + below.address * CELL_BYTES, upper);
        uint64_t length = cells_number(value + (below.address + upper) * CELL_BYTES, below.size);

        uint64_t offset = range->start - child;

        if (range->start >= child && offset <= length && range->bytes <= length - offset) {
            range->start = parent + offset;
            return range->start + range->bytes >= range->start;
        }
    }
    return false;
}

bool fdt_reg(const struct fdt *fdt, const struct fdt_node *node, uint32_t index, struct fdt_range *range)
{
    struct fdt_node bus = fdt_parent(node);

    if (!fdt_reg_local(fdt, node, index, range))
        return false;
    for (; bus.depth > 0; bus.depth--) {
        if (!range_translate(fdt, &bus, range))
            return false;
    }
    return true;
}

bool fdt_reservation(const struct fdt *fdt, uint32_t index, struct fdt_range *range)
{
    const uint8_t *entry = fdt->reservations + (size_t)index * RESERVATION_BYTES;

    if (index >= fdt->reservations_count)
        return false;
    range->start = big64(entry);
    range->bytes = big64(entry + 8);
    return range->start + range->bytes >= range->start;
}
