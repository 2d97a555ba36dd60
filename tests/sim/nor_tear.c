#include "tests/sim/nor_cells.h"

#include <errno.h>
#include <string.h>

/*
 * How a torn operation leaves the cells. The pictures follow what is published on interrupted NOR erases: the part
 * first programs the block to zeros, from its end, then raises it, and only then margins are safe.
 *
 *      erase:   old old old old | old old 00 00 | 00 00 00 00 | 00 00 ff ff | ff ff ?f ff | ff ff ff ff
 *      tear:    LOST              EARLY           MIDDLE ......................MARGINAL, WEAK DONE
 */

static uint8_t random_bits(struct nor *nor)
{
    return (uint8_t)(nor_random(nor) >> 32);
}

static enum nor_tear settle(struct nor *nor, enum nor_tear tear)
{
    return tear >= NOR_TEARS ? (enum nor_tear)nor_random_below(nor, NOR_TEARS) : tear;
}

/* The share of bytes, in 256ths, that a marginal operation leaves loose: a few, many or nearly all. */
static uint32_t draw_share(struct nor *nor)
{
    static const uint8_t shares[] = { 1, 8, 64, 192 };

    return shares[nor_random_below(nor, sizeof shares)];
}

/* --- Program --- */

static uint8_t wanted_clear(const struct nor *nor, uint32_t i)
{
    const struct nor_operation *operation = &nor->operation;

    return (uint8_t)(nor->cells[operation->address + i] & ~nor->data[i]);
}

/* Clears `clear[i]` of the operation's bytes; a granule counts as programmed when a pulse may have reached it. */
static void clear_cells(struct nor *nor, const uint8_t *clear, uint32_t reached_bytes)
{
    uint32_t start = nor->operation.address;

    for (uint32_t i = 0; i < reached_bytes; i++) {
        nor->cells[start + i] = (uint8_t)(nor->cells[start + i] & ~clear[i]);
        nor_once_set(nor, start + i, true);
    }
    if (reached_bytes)
        nor_range_changed(nor, start, reached_bytes);
}

/* Takes one bit that was to be cleared out of `clear`; a program without such a bit stays as it is. */
static void lose_one_bit(struct nor *nor, uint8_t *clear)
{
    uint32_t bytes = nor->operation.bytes;
    uint32_t first = nor_random_below(nor, bytes);

    for (uint32_t n = 0; n < bytes; n++) {
        uint8_t *byte = &clear[(first + n) % bytes];

        if (*byte) {
            *byte &= (uint8_t)(*byte - 1);
            return;
        }
    }
}

static void loosen_programmed(struct nor *nor, const uint8_t *clear, bool one_bit)
{
    uint32_t bytes = nor->operation.bytes;
    uint32_t first = nor_random_below(nor, bytes);
    uint32_t share = draw_share(nor);
    bool any = false;

    for (uint32_t n = 0; n < bytes; n++) {
        uint32_t i = (first + n) % bytes;
        uint8_t lowest = (uint8_t)(clear[i] & -clear[i]), bits;

        if (!clear[i] || (any && (one_bit || nor_random_below(nor, 256) >= share)))
            continue;
        bits = one_bit ? lowest : (uint8_t)(clear[i] & (random_bits(nor) | lowest));
        nor_loosen(nor, nor->operation.address + i, bits);
        any = true;
    }
}

/* Where a block only looked erased: bits get lost, and others never settle. */
static void weaken(struct nor *nor, uint8_t *clear)
{
    for (uint32_t i = 0; i < nor->operation.bytes; i++) {
        if (!nor_unit_of(nor, nor->operation.address + i)->weak)
            continue;
        clear[i] &= (uint8_t)(random_bits(nor) | random_bits(nor) | random_bits(nor));
        if (!nor_random_below(nor, 8))
            nor_loosen(nor, nor->operation.address + i, random_bits(nor));
    }
}

int nor_finish_program(struct nor *nor, enum nor_tear tear)
{
    const struct nor_operation *operation = &nor->operation;
    unsigned faults = nor_range_faults(nor, operation->address, operation->bytes);
    uint32_t reached = operation->bytes;
    uint8_t clear[NOR_PAGE_MAX];

    tear = settle(nor, faults & NOR_FAULT_PROGRAM_FAILS && tear == NOR_TEAR_DONE ? NOR_TEAR_MIDDLE : tear);
    for (uint32_t i = 0; i < operation->bytes; i++)
        clear[i] = (uint8_t)(wanted_clear(nor, i) & (tear == NOR_TEAR_MIDDLE ? random_bits(nor) : 0xff));
    if (faults & NOR_FAULT_PROGRAM_SILENT)
        lose_one_bit(nor, clear);
    weaken(nor, clear);
    if (tear == NOR_TEAR_LOST)
        reached = 0;
    if (tear == NOR_TEAR_EARLY) {
        reached = nor_random_below(nor, operation->bytes + 1);
        if (reached)
            clear[reached - 1] &= random_bits(nor);
    }
    clear_cells(nor, clear, reached);
    if (tear == NOR_TEAR_MARGINAL || tear == NOR_TEAR_WEAK)
        loosen_programmed(nor, clear, tear == NOR_TEAR_WEAK);
    return faults & (NOR_FAULT_PROGRAM_FAILS | NOR_FAULT_PROGRAM_DENIED) ? -EIO : 0;
}

/* --- Erase --- */

static void fill(struct nor *nor, uint32_t from, uint32_t to, int value)
{
    memset(nor->cells + nor->operation.address + from, value, to - from);
}

/*
 * Before the zeros are everywhere: old contents with a zeroed end, what is before it beginning to fade, or, on parts
 * that raise at once, with bits raised.
 */
static void tear_early(struct nor *nor)
{
    uint32_t bytes = nor->operation.bytes;
    uint32_t edge = nor_random_below(nor, bytes);
    uint8_t *cells = nor->cells + nor->operation.address;

    if (nor_random_below(nor, 2)) {
        cells[edge] &= random_bits(nor);
        fill(nor, edge + 1, bytes, 0);
        for (uint32_t i = 0; i < edge; i += 1 + nor_random_below(nor, 512))
            nor_loosen(nor, nor->operation.address + i, (uint8_t)(1u << nor_random_below(nor, 8)));
        return;
    }
    for (uint32_t i = 0; i < bytes; i++)
        cells[i] |= (uint8_t)(random_bits(nor) & random_bits(nor));
}

/* After the zeros: ones grow from the end, with a mixed edge of at most a page. */
static void tear_middle(struct nor *nor)
{
    uint32_t bytes = nor->operation.bytes;
    uint32_t edge = nor_random_below(nor, bytes + 1);
    uint32_t mixed = edge < nor->config.page_bytes ? edge : nor->config.page_bytes;

    fill(nor, 0, edge, 0);
    fill(nor, edge, bytes, 0xff);
    for (uint32_t i = edge - mixed; i < edge; i++)
        nor->cells[nor->operation.address + i] = random_bits(nor);
}

static void loosen_erased(struct nor *nor)
{
    uint32_t bytes = nor->operation.bytes;
    uint32_t share = draw_share(nor);

    for (uint32_t i = 0; i < bytes; i++)
        if (nor_random_below(nor, 256) < share)
            nor_loosen(nor, nor->operation.address + i, random_bits(nor));
    nor_loosen(nor, nor->operation.address + nor_random_below(nor, bytes), (uint8_t)(1u << nor_random_below(nor, 8)));
}

static void set_weak(struct nor *nor, bool weak)
{
    const struct nor_operation *operation = &nor->operation;

    for (uint32_t at = operation->address; at < operation->address + operation->bytes; at += nor->unit_bytes)
        nor_unit_of(nor, at)->weak = weak;
}

static void settle_bits(struct nor *nor)
{
    const struct nor_operation *operation = &nor->operation;

    memset(nor->loose + operation->address, 0, operation->bytes);
    for (uint32_t at = operation->address; at < operation->address + operation->bytes; at += nor->unit_bytes)
        nor_unit_of(nor, at)->loose = false;
}

/* After an erase, torn or not, what reads as erased counts as not programmed. */
static void forget_programs(struct nor *nor)
{
    static const uint8_t erased[NOR_ONCE_BYTES] = { 255, 255, 255, 255, 255, 255, 255, 255,
                                                    255, 255, 255, 255, 255, 255, 255, 255 };
    const struct nor_operation *operation = &nor->operation;

    for (uint32_t at = operation->address; at < operation->address + operation->bytes; at += NOR_ONCE_BYTES)
        nor_once_set(nor, at, memcmp(nor->cells + at, erased, sizeof erased) != 0);
}

int nor_finish_erase(struct nor *nor, enum nor_tear tear)
{
    const struct nor_operation *operation = &nor->operation;
    unsigned faults = nor_range_faults(nor, operation->address, operation->bytes);

    tear = settle(nor, faults & NOR_FAULT_ERASE_FAILS && tear == NOR_TEAR_DONE ? NOR_TEAR_EARLY : tear);
    if (faults & NOR_FAULT_ERASE_SILENT || tear == NOR_TEAR_LOST)
        return 0;
    if (tear != NOR_TEAR_EARLY) {
        settle_bits(nor);
        fill(nor, 0, operation->bytes, 0xff);
        set_weak(nor, tear == NOR_TEAR_WEAK);
    }
    if (tear == NOR_TEAR_EARLY)
        tear_early(nor);
    if (tear == NOR_TEAR_MIDDLE)
        tear_middle(nor);
    if (tear == NOR_TEAR_MARGINAL)
        loosen_erased(nor);
    forget_programs(nor);
    nor_range_changed(nor, operation->address, operation->bytes);
    return faults & NOR_FAULT_ERASE_FAILS ? -EIO : 0;
}
