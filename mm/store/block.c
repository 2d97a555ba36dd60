/*
 * Erase blocks: what state each is in, which one is opened next, and the erasing of dirty ones.
 *
 *   DIRTY --erase, look, stamp--> ERASED --open stamp--> OPEN --full--> FULL --nothing alive--> DIRTY
 *     |                             |                      |              |
 *     +-----------------------------+--- operation failed -+--------------+ nothing alive -----> BAD
 *
 * Owns invariants 10 (with stream.c) and 12.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"

#define WEAR_LEAD_MOST 8u /* half of what wear may spread before what lies still is moved */

struct block *block_at(const struct store *store, uint32_t block)
{
    return &store->blocks[block / BLOCKS_PER_PAGE][block % BLOCKS_PER_PAGE];
}

uint32_t place_of(const struct store *store, uint32_t block, uint32_t offset)
{
    return (block << store->units_shift) + offset / FORMAT_UNIT;
}

uint32_t place_block(const struct store *store, uint32_t place)
{
    return place >> store->units_shift;
}

uint32_t place_offset(const struct store *store, uint32_t place)
{
    return (place & ((1u << store->units_shift) - 1)) * FORMAT_UNIT;
}

struct block *block_of_place(const struct store *store, uint32_t place)
{
    return block_at(store, place_block(store, place));
}

static void retire(struct store *store, struct block *block)
{
    block->state = BLOCK_BAD;
    block->bits &= (uint8_t)~BLOCK_FAILING;
    store->bad++;
    store->statistics.retired_blocks++;
}

static void emptied(struct store *store, struct block *block)
{
    if (block->state != BLOCK_FULL || block->live)
        return;
    if (block->bits & BLOCK_FAILING)
        retire(store, block);
    else
        block->state = BLOCK_DIRTY;
}

void block_live(struct store *store, uint32_t place)
{
    block_at(store, place_block(store, place))->live++;
}

void block_died(struct store *store, uint32_t place)
{
    struct block *block = block_at(store, place_block(store, place));

    ASSERT(block->live > 0);
    block->live--;
    emptied(store, block);
}

void block_close(struct store *store, uint32_t index)
{
    struct block *block = block_at(store, index);

    block->state = BLOCK_FULL;
    emptied(store, block);
    collector_due(store);
}

void block_failed(struct store *store, uint32_t index)
{
    struct block *block = block_at(store, index);

    if (block->state == BLOCK_ERASED)
        store->erased--;
    block->bits |= BLOCK_FAILING;
    block->state = BLOCK_FULL;
    emptied(store, block);
    collector_due(store);
}

/*
 * The newest opening must stay readable: it says which blocks may hold half a stamp. While the last commit is in
 * doubt no file's block is erased, whatever that commit says about it.
 */
bool block_erasable(const struct store *store, uint32_t index)
{
    const struct block *block = block_at(store, index);

    if (block->state != BLOCK_DIRTY || (store->announced && index == store->newest))
        return false;
    return !(store->doubt && (block->bits & BLOCK_FILES));
}

/* ---- Erasing ---- */

/* 0: not now. The newest stamp keeps what the life allows: it goes when nothing else does. */
static uint64_t urgency(const struct store *store, uint32_t index)
{
    const struct block *block = block_at(store, index);

    if (!block_erasable(store, index) || !life_charges(store, index))
        return 0;
    if (index == store->newest_stamp)
        return 1;
    return (uint64_t)(block->bits & (BLOCK_SUSPECT | BLOCK_VOID)) << 32 | (UINT32_MAX - block->erases);
}

/*
 * Suspects come first, and nothing is opened before the last of them is erased: until then a cut in the middle of
 * such an erase, which may leave the stamp as it is, finds them suspected again. Then void ones, for which files
 * wait.
 */
uint32_t eraser_choose(const struct store *store)
{
    uint32_t best = NO_BLOCK;
    uint64_t most = 0;

    for (uint32_t i = 0; i < store->block_count; i++) {
        uint64_t found = urgency(store, i);

        if (found > most) {
            most = found;
            best = i;
        }
    }
    return best;
}

static void eraser_failed(struct store *store)
{
    retire(store, block_at(store, store->eraser.block));
    store->eraser.block = NO_BLOCK;
    collector_due(store);
}

void eraser_erased(struct store *store, int status)
{
    struct block *block = block_at(store, store->eraser.block);

    block->erases++;
    pending_forget(store, store->eraser.block);
    life_erased(store);
    collector_erased(store);
    block->bits = BLOCK_UNSTAMPED;
    block->sequence = 0;
    block->records = 0;
    block->used = 0;
    if (status)
        eraser_failed(store);
}

static enum store_work stamp(struct store *store)
{
    const struct block *block = block_at(store, store->eraser.block);
    struct erase_stamp made = { .magic = ERASE_MAGIC,
                                .version = FORMAT_VERSION,
                                .erases = block->erases,
                                .block_bytes = store->block_bytes,
                                .total = store->erases_total,
                                .credit = life_credit(store) };

    item_seal(&made, store->eraser.block, 0);
    memcpy(store->stamp, &made, sizeof made);
    return operation_program(store, OPERATION_STAMP, store->eraser.block, 0, store->stamp, sizeof made);
}

void eraser_stamped(struct store *store, int status)
{
    if (status) {
        eraser_failed(store);
        return;
    }
    block_at(store, store->eraser.block)->state = BLOCK_ERASED;
    block_at(store, store->eraser.block)->bits = 0;
    store->erased++;
    store->newest_stamp = store->eraser.block;
    store->credit_kept = true;
    store->eraser.block = NO_BLOCK;
    collector_recovered(store);
}

/*
 * A part may say that it has erased and have not: a page of the block is looked at in each step, and once more before what is
 * seen there is believed.
 */
static enum store_work look(struct store *store)
{
    struct eraser *eraser = &store->eraser;
    int error;

    if (eraser->checked == store->block_bytes)
        return stamp(store);
    error = read_block(store, eraser->block, eraser->checked, store->bounce, FORMAT_PAGE);
    if (error == -EAGAIN)
        return STORE_BUSY;
    if (!error && is_erased(store->bounce, FORMAT_PAGE)) {
        eraser->checked += FORMAT_PAGE;
        eraser->doubted = false;
    } else if (eraser->doubted) {
        eraser_failed(store);
    } else {
        eraser->doubted = true;
    }
    return STORE_MORE;
}

enum store_work eraser_step(struct store *store, bool begin)
{
    enum store_work work;
    uint32_t chosen;

    if (store->eraser.block != NO_BLOCK)
        return look(store);
    if (!begin)
        return STORE_IDLE;
    chosen = eraser_choose(store);
    if (chosen == NO_BLOCK)
        return STORE_IDLE;
    work = stream_back(store, chosen);
    if (work != STORE_IDLE)
        return work;
    store->eraser = (struct eraser){ .block = operation_erase(store, chosen) ? chosen : NO_BLOCK };
    return STORE_BUSY;
}

/* ---- Opening ---- */

/*
 * Fresh data goes to the block with the fewest erases; what has outlived a collection will stay, and goes to the
 * most. But of small swap nothing stays, and its few blocks would wear alone: so "the most" is not far ahead.
 */
static bool most_worn_first(enum block_stream stream)
{
    return stream == STREAM_COLD || stream == STREAM_SETTLED;
}

/* The erased block with the most erases that are no more than `lead` above the least. */
static uint32_t erased_by_wear(const struct store *store, uint32_t lead, uint32_t except)
{
    uint32_t least = UINT32_MAX, best = NO_BLOCK, most = 0;

    for (uint32_t i = 0; i < store->block_count; i++) {
        const struct block *block = block_at(store, i);

        if (block->state != BLOCK_ERASED || i == except)
            continue;
        if (block->erases < least)
            least = block->erases;
        if (best == NO_BLOCK || most - least > lead || (block->erases - least <= lead && block->erases > most)) {
            most = block->erases;
            best = i;
        }
    }
    return best;
}

static bool suspects_left(const struct store *store)
{
    for (uint32_t i = 0; i < store->block_count; i++)
        if (block_at(store, i)->bits & BLOCK_SUSPECT)
            return true;
    return false;
}

uint32_t block_choose(const struct store *store, enum block_stream stream)
{
    bool most = most_worn_first(stream);

    if (suspects_left(store))
        return NO_BLOCK;
    for (uint32_t i = 0; store->announced && i < 2; i++) {
        uint32_t next = store->next[i ? !most : most];

        if (next != FORMAT_NO_BLOCK && block_at(store, next)->state == BLOCK_ERASED)
            return next;
    }
    return erased_by_wear(store, most ? WEAR_LEAD_MOST : 0, NO_BLOCK);
}

/*
 * While a block is retired that no commit lists, none may be told: a boot would believe that one, and it may hold half a stamp.
 * Named by nobody, all that look erased are suspected.
 */
void block_announce(const struct store *store, uint32_t opening, uint16_t next[2])
{
    for (uint32_t most = 0; most < 2; most++) {
        uint32_t chosen = erased_by_wear(store, most ? WEAR_LEAD_MOST : 0, opening);

        next[most] = chosen == NO_BLOCK || store->bad != store->listed ? FORMAT_NO_BLOCK : (uint16_t)chosen;
    }
}
