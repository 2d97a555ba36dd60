/*
 * Where a store is in a file whose board nobody has named: a dump of some board's chip, or of its partition alone. Each
 * erase stamp tells the size of its block, and its check the block's number, so one stamp tells the begin.
 */
#include <string.h>

#include "mm/store/format.h"
#include "platform/image/image.h"

#define BLOCK_LEAST  (8u << 10)
#define BLOCK_MOST   (512u << 10)
#define BLOCKS_LEAST 10u

static bool stamp_is(const uint8_t *at, uint32_t block)
{
    struct erase_stamp found, made;

    memcpy(&found, at, sizeof found);
    made = found;
    item_seal(&made, block, 0);
    return memcmp(&found, &made, sizeof found) == 0;
}

/* The stamp at `offset`, if it is one; the block's number is one of those that the offset allows. */
static bool stamp_at(const struct file_flash *file, uint32_t offset, struct image_board *shape)
{
    struct erase_stamp stamp;

    memcpy(&stamp, file->bytes + offset, sizeof stamp);
    if (stamp.magic != ERASE_MAGIC || stamp.block_bytes < BLOCK_LEAST || stamp.block_bytes > BLOCK_MOST ||
        (stamp.block_bytes & (stamp.block_bytes - 1)) != 0)
        return false;
    for (uint32_t block = 0; block <= offset / stamp.block_bytes; block++) {
        if (!stamp_is(file->bytes + offset, block))
            continue;
        shape->start = offset - block * stamp.block_bytes;
        shape->geometry.erase_bytes = stamp.block_bytes;
        return true;
    }
    return false;
}

/* As far as there are stamps; what lies behind is not known to be the store's. */
static uint32_t bytes_stamped(const struct file_flash *file, const struct image_board *shape)
{
    uint32_t block_bytes = shape->geometry.erase_bytes, blocks = (file->size_bytes - shape->start) / block_bytes;

    while (blocks > BLOCKS_LEAST &&
           !stamp_is(file->bytes + shape->start + (size_t)(blocks - 1) * block_bytes, blocks - 1))
        blocks--;
    return blocks * block_bytes;
}

bool image_find_shape(const struct file_flash *file, struct image_board *shape)
{
    *shape = (struct image_board){ .name = "a chip found by its stamps", .geometry = { .program_bytes = 256 } };
    for (uint32_t offset = 0; offset < file->size_bytes / BLOCK_LEAST * BLOCK_LEAST; offset += BLOCK_LEAST) {
        if (!stamp_at(file, offset, shape))
            continue;
        shape->geometry.size_bytes = file->size_bytes;
        shape->bytes = bytes_stamped(file, shape);
        return true;
    }
    return false;
}
