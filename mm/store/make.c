/*
 * What a partition holds, and making an empty store of it.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/scan.h"

#define PROBES 64u

/* ---- Probe ---- */

struct probe {
    bool ours, newer, foreign;
};

static int probe_at(const struct store_config *config, uint32_t block, struct probe *probe)
{
    uint32_t block_bytes = config->flash->geometry.erase_bytes;
    uint32_t address = config->base + block * block_bytes;
    union {
        struct erase_stamp stamp;
        uint8_t bytes[FORMAT_BLOCK_HEADER];
    } header;
    uint64_t end[FORMAT_BLOCK_HEADER / sizeof(uint64_t)];

    if (flash_read(config->flash, address, header.bytes, sizeof header.bytes) ||
        flash_read(config->flash, address + block_bytes - (uint32_t)sizeof end, end, sizeof end))
        return -EIO;
    if (!is_erased(header.bytes, sizeof header.bytes) || !is_erased(end, sizeof end)) {
        bool stamped = item_valid(header.bytes, block, 0) && header.stamp.magic == ERASE_MAGIC &&
                       !stamp_of_other_size(&header.stamp, block_bytes);

        probe->ours |= stamped && header.stamp.version <= FORMAT_VERSION;
        probe->newer |= stamped && header.stamp.version > FORMAT_VERSION;
        probe->foreign |= !stamped;
    }
    return 0;
}

/* The first blocks are the first to be stamped; others are looked at evenly. */
int store_probe(const struct store_config *config, enum store_content *content)
{
    uint32_t blocks = config->bytes / config->flash->geometry.erase_bytes;
    struct probe probe = { 0 };

    for (uint32_t i = 0; i < PROBES && !probe.newer; i++) {
        uint32_t block = i < PROBES / 2 ? i : (uint32_t)((uint64_t)i * (blocks - 1) / (PROBES - 1));
        int error = block < blocks ? probe_at(config, block, &probe) : 0;

        if (error)
            return error;
    }
    if (probe.newer)
        *content = STORE_NEWER;
    else if (probe.ours)
        *content = STORE_OURS;
    else
        *content = probe.foreign ? STORE_FOREIGN : STORE_BLANK;
    return 0;
}

/* ---- Format ---- */

/* To the end of the erasing that is under way, or until the part takes nothing more. The driver bounds each wait. */
static void erase_all(struct store *store, bool (*more)(const struct store *store))
{
    while (!store->silent &&
           (store->eraser.block != NO_BLOCK || store->operation.kind != OPERATION_NONE || more(store))) {
        if (operation_poll(store) == STORE_IDLE && eraser_step(store, more(store)) == STORE_IDLE)
            return;
    }
}

static bool to_be_erased(const struct store *store)
{
    for (uint32_t i = 0; i < store->block_count; i++)
        if (block_at(store, i)->state == BLOCK_DIRTY && (block_at(store, i)->bits & (BLOCK_VOID | BLOCK_SUSPECT)))
            return true;
    return false;
}

static bool short_of_erased(const struct store *store)
{
    return store->erased < 4;
}

/*
 * Blocks of files, and whatever a newer format or one of other blocks may have left, are erased; the rest is erased when it
 * is needed. A block that cannot be erased may hold the newest commit: the first one's version is above all that fit behind
 * the newest stamp.
 */
static int old_contents_erase(struct store *store)
{
    struct header_scan scan;
    int error = scan_headers(store, NO_BLOCK, &scan);

    if (error)
        return error;
    store->version_next = scan.version_next + store->block_bytes / FORMAT_ITEM_BYTES;
    store->announced = false;
    life_begin(store, scan.credit);
    store->credit_kept = true; /* nobody formats in a loop */
    for (uint32_t i = 0; i < store->block_count; i++) {
        struct block *block = block_at(store, i);

        if (block->state == BLOCK_FULL || ((scan.newer || scan.other_size) && block->state == BLOCK_DIRTY))
            block->bits |= BLOCK_VOID;
        if (block->state == BLOCK_FULL)
            block->state = BLOCK_DIRTY;
    }
    erase_all(store, to_be_erased);
    erase_all(store, short_of_erased);
    return short_of_erased(store) || to_be_erased(store) ? -EIO : 0;
}

static bool nothing_more(const struct store *store)
{
    (void)store;
    return false;
}

/* The first commit: nothing counts. An erase that is under way gets its stamp, which has its count. */
static int first_commit(struct store *store)
{
    store->doubt = true;
    store->doubt_pressing = true;
    while (store->doubt && store->doubt_pressing && store_step(store) != STORE_IDLE)
        ;
    erase_all(store, nothing_more);
    return store->doubt ? -EIO : 0;
}

int store_format(const struct store_config *config)
{
    struct store *store;
    int error = store_allocate(config, &store);

    if (!error)
        error = old_contents_erase(store);
    if (!error)
        error = first_commit(store);
    if (store)
        store_close(store);
    return error;
}
