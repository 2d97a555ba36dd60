/*
 * Checks of what lies on flash. A CRC-32C tells two codewords of less than 655 bytes apart by 6 bits, and of a page by
 * 4 (Koopman, "32-Bit Cyclic Redundancy Codes for Internet Applications", 2002): one turned bit can be found and turned
 * back, and two or three are still seen as damage in the items, two in a page.
 */
#include "mm/store/format.h"

#include <string.h>

#include "mm/assert.h"
#include "mm/store/crc32c.h"

#define CHECKED_BYTES    (FORMAT_ITEM_BYTES - 4u)
#define CRC32C_REFLECTED 0x82f63b78u

/* Memory seen as words, whatever its declared type. */
typedef uint64_t __attribute__((may_alias)) word_t;

static uint32_t bound_crc(uint32_t place, uint32_t sequence, const void *data, uint32_t bytes)
{
    uint32_t binding[2] = { place, sequence };

    return crc32c(crc32c(0, binding, sizeof binding), data, bytes);
}

void item_seal(void *item, uint32_t place, uint32_t sequence)
{
    uint32_t crc = bound_crc(place, sequence, item, CHECKED_BYTES);

    memcpy((uint8_t *)item + CHECKED_BYTES, &crc, sizeof crc);
}

/*
 * A turned bit changes the check by a value that depends on its distance from the end alone: that of the last bit is
 * the polynomial, and each bit further away is one more step of the register. A turned bit of the check itself is one
 * bit.
 */
bool crc_repair(void *data, uint32_t bytes, uint32_t found, uint32_t stored)
{
    uint32_t wanted = found ^ stored;
    uint32_t effect = CRC32C_REFLECTED;

    if (!(wanted & (wanted - 1)))
        return true;
    for (uint32_t bit = bytes * 8; bit-- > 0;) {
        if (effect == wanted) {
            ((uint8_t *)data)[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            return true;
        }
        effect = (effect >> 1) ^ (CRC32C_REFLECTED & (0u - (effect & 1u)));
    }
    return false;
}

bool item_valid(void *item, uint32_t place, uint32_t sequence)
{
    uint32_t stored;
    uint32_t found = bound_crc(place, sequence, item, CHECKED_BYTES);

    memcpy(&stored, (uint8_t *)item + CHECKED_BYTES, sizeof stored);
    if (found == stored)
        return true;
    if (is_erased(item, FORMAT_ITEM_BYTES) || !crc_repair(item, CHECKED_BYTES, found, stored))
        return false;
    item_seal(item, place, sequence);
    return true;
}

uint32_t swap_check(const struct swap_header *header, uint32_t place, uint32_t sequence)
{
    return bound_crc(place, sequence, header, (uint32_t)offsetof(struct swap_header, crc));
}

bool swap_valid(const struct swap_header *header, uint32_t place, uint32_t sequence)
{
    return header->kind == RECORD_SWAP && header->crc == swap_check(header, place, sequence);
}

bool is_erased(const void *data, uint32_t bytes)
{
    const word_t *word = data;

    ASSERT(((uintptr_t)data | bytes) % sizeof(word_t) == 0);
    for (; bytes; bytes -= (uint32_t)sizeof(word_t))
        if (*word++ != UINT64_MAX)
            return false;
    return true;
}
