/*
 * What the store can promise: room for pages of whatever contents, and a life of erases.
 */
#include <errno.h>

#include "mm/store/state.h"

#define RESERVE_LEAST 6u /* open blocks of four streams, and two erased */
#define LIMIT_KEPT    4u /* of swap's blocks, when their number is limited */

uint32_t pages_per_block(const struct store *store)
{
    return (store->block_bytes - FORMAT_BLOCK_HEADER) / record_bytes(FORMAT_PAGE);
}

/* Blocks that hold nothing in any count, so that collection always gains. */
uint32_t reserve_blocks(const struct store *store)
{
    return RESERVE_LEAST + store->block_count / 32;
}

/* ---- Use ---- */

struct use {
    uint32_t durable, swap;             /* blocks */
    uint64_t durable_units, swap_units; /* alive in them */
};

static struct use use_of(const struct store *store)
{
    struct use use = { 0 };

    for (uint32_t i = 0; i < store->block_count; i++) {
        const struct block *block = block_at(store, i);
        uint64_t live = block->records ? (uint64_t)block->used * block->live / block->records : 0;

        if (block->state != BLOCK_FULL && block->state != BLOCK_OPEN)
            continue;
        if (stream_durable(block_stream_of(block))) {
            use.durable++;
            use.durable_units += live;
        } else {
            use.swap++;
            use.swap_units += live;
        }
    }
    return use;
}

uint32_t sure_units(const struct store *store)
{
    return (store->block_bytes - FORMAT_BLOCK_HEADER - FORMAT_ITEM_BYTES - record_bytes(FORMAT_PAGE)) / FORMAT_UNIT;
}

static uint32_t blocks_of(const struct store *store, uint64_t units)
{
    return (uint32_t)((units + sure_units(store) - 1) / sure_units(store));
}

static uint32_t good_blocks(const struct store *store)
{
    uint32_t kept = store->bad + reserve_blocks(store);

    return store->block_count > kept ? store->block_count - kept : 0;
}

static uint32_t promised_blocks(const struct store *store)
{
    uint32_t tail = tail_capacity_pages(store);
    uint32_t pages = store->promised_pages > tail ? store->promised_pages - tail : 0;

    return (pages + pages_per_block(store) - 1) / pages_per_block(store);
}

/* What only changes the tree may use of the reserve, so that files can be removed from a full store. */
int durable_room(const struct store *store, uint32_t blocks, bool pages)
{
    struct use use = use_of(store);
    uint32_t swap = blocks_of(store, use.swap_units);

    if (swap < promised_blocks(store))
        swap = promised_blocks(store);
    return (uint64_t)blocks_of(store, use.durable_units) + swap + blocks <=
                   good_blocks(store) + (pages ? 0 : reserve_blocks(store) / 2)
               ? -EAGAIN
               : -ENOSPC;
}

/* ---- Promises ---- */

/*
 * Of `limit` blocks for swap, those that can be filled to the last page: not the two that are open, the one that collection
 * copies to, one that is dead by then, nor as much as whole pages leave blank in the others.
 */
static uint32_t fillable_blocks(const struct store *store, uint32_t limit)
{
    uint32_t kept = LIMIT_KEPT + limit / 16;

    if (limit >= store->block_count)
        return limit;
    return limit > kept ? limit - kept : 0;
}

static uint64_t capacity_with(const struct store *store, uint32_t swap_blocks)
{
    struct use use = use_of(store);
    uint32_t good = good_blocks(store);
    uint32_t blocks = good > use.durable + store->transaction.blocks ? good - use.durable - store->transaction.blocks
                                                                     : 0;
    uint64_t pages;

    if (blocks > fillable_blocks(store, swap_blocks))
        blocks = fillable_blocks(store, swap_blocks);
    pages = tail_capacity_pages(store) + (uint64_t)blocks * pages_per_block(store);
    return pages < SLOTS_MOST ? pages : SLOTS_MOST;
}

uint64_t store_capacity_pages(const struct store *store)
{
    if (!store->flash || !life_left(store))
        return tail_capacity_pages(store);
    return capacity_with(store, store->swap_blocks_max);
}

int store_promise(struct store *store, int64_t pages)
{
    if (pages > 0 && (uint64_t)pages + store->promised_pages > store_capacity_pages(store))
        return -ENOMEM;
    ASSERT(pages >= 0 || (uint64_t)-pages <= store->promised_pages);
    store->promised_pages = (uint32_t)((int64_t)store->promised_pages + pages);
    return 0;
}

/* ---- Swap on flash ---- */

uint32_t swap_blocks_used(const struct store *store)
{
    return use_of(store).swap;
}

bool swap_shrinking(const struct store *store)
{
    return store->swap_blocks_max < store->swap_blocks_before && swap_blocks_used(store) > store->swap_blocks_max;
}

void swap_settled(struct store *store)
{
    store->swap_blocks_before = store->swap_blocks_max;
}

/* The last block of a limited number is for what collection copies. */
bool swap_full(const struct store *store)
{
    return store->swap_blocks_max < store->block_count && swap_blocks_used(store) + 1 >= store->swap_blocks_max;
}

/* Collection goes round in circles when what is alive fills all blocks but the open ones and its own. */
bool swap_gains(const struct store *store)
{
    return (uint64_t)blocks_of(store, use_of(store).swap_units) + LIMIT_KEPT - 1 <= store->swap_blocks_max;
}

bool swap_crowded(const struct store *store)
{
    return store->swap_blocks_max && swap_full(store) && tail_above_mark(store) && swap_gains(store);
}

static uint64_t excess(uint64_t of, uint64_t over)
{
    return of > over ? of - over : 0;
}

/* Pages that are out now and would have no room. */
static uint64_t out_lacks(const struct store *store, uint32_t blocks)
{
    uint64_t units = use_of(store).swap_units;

    if (blocks)
        return excess(blocks_of(store, units), fillable_blocks(store, blocks)) * pages_per_block(store);
    return (excess(units * FORMAT_UNIT + store->tail.bytes, (uint64_t)tail_capacity_pages(store) * FORMAT_PAGE) +
            FORMAT_PAGE - 1) /
           FORMAT_PAGE;
}

uint64_t store_swap_lacks(const struct store *store, uint32_t blocks)
{
    uint64_t promised = excess(store->promised_pages, capacity_with(store, blocks)), out = out_lacks(store, blocks);

    return promised > out ? promised : out;
}

int store_swap_set(struct store *store, uint32_t blocks)
{
    bool refused = store->swap_refused == blocks && blocks != UINT32_MAX;

    store->swap_refused = UINT32_MAX;
    if (!store->flash)
        return blocks ? -ENOSPC : 0;
    if (refused || (blocks < store->swap_blocks_max && store_swap_lacks(store, blocks)))
        return -ENOSPC;
    if (!swap_shrinking(store))
        swap_settled(store);
    store->swap_blocks_max = blocks;
    collector_due(store);
    return swap_shrinking(store) ? -EAGAIN : 0;
}

/* Tasks have filled the tail meanwhile. */
void swap_stays(struct store *store)
{
    store->swap_refused = store->swap_blocks_max;
    store->swap_blocks_max = store->swap_blocks_before;
    collector_due(store);
}

/* ---- Life ---- */

static bool declared(const struct store *store)
{
    return store->config.life_erases_per_day && store->config.seconds;
}

/*
 * Credit grows with time in use and each erase takes from it; it is kept in every erase stamp.
 *
 * An erase that is cut leaves a block without a stamp, so a boot charges an erase for each of these that is not retired,
 * and each stamp adds them back, but for one: that pays for the erase that comes next, of such a block again or of
 * another. Before a boot has written a stamp, the erase of a block that has none already would be charged nowhere,
 * nor that of the newest stamp itself: only others are erased, until the boot has earned an erase in its own time.
 */
static int64_t credit_now(const struct store *store)
{
    uint64_t passed = store->config.seconds(store->config.context) - store->credit_s;

    return store->credit + (int64_t)(passed * store->config.life_erases_per_day);
}

static int64_t unstamped_blocks(const struct store *store)
{
    int64_t count = 0;

    for (uint32_t i = 0; i < store->block_count; i++)
        count += block_at(store, i)->state != BLOCK_BAD && (block_at(store, i)->bits & BLOCK_UNSTAMPED);
    return count;
}

/* Is a first erase charged, whatever it is of? */
static bool charges_any(const struct store *store)
{
    return !declared(store) || store->credit_kept || credit_now(store) - store->credit >= SECONDS_PER_DAY;
}

bool life_charges(const struct store *store, uint32_t block)
{
    return charges_any(store) || (block != store->newest_stamp && !(block_at(store, block)->bits & BLOCK_UNSTAMPED));
}

void life_begin(struct store *store, int32_t credit)
{
    bool fresh = credit == LIFE_NEVER_DECLARED && declared(store);
    int64_t unstamped = unstamped_blocks(store);

    store->erases_total += unstamped > 0;
    store->credit_kept = credit == LIFE_NEVER_DECLARED;
    store->credit = credit - (store->credit_kept ? 0 : unstamped);
    if (fresh)
        store->credit = (int64_t)store->config.life_erases_per_day;
    store->credit *= SECONDS_PER_DAY;
    store->credit_s = declared(store) ? store->config.seconds(store->config.context) : 0;
}

/* Not before a first erase can be charged, and is one that may be begun. */
bool life_left(const struct store *store)
{
    return !declared(store) || (credit_now(store) > 0 && (charges_any(store) || eraser_choose(store) != NO_BLOCK));
}

void life_erased(struct store *store)
{
    store->erases_total++;
    if (!declared(store))
        return;
    store->credit = credit_now(store) - SECONDS_PER_DAY;
    store->credit_s = store->config.seconds(store->config.context);
}

int32_t life_credit(const struct store *store)
{
    int64_t credit = store->credit / SECONDS_PER_DAY - (store->credit % SECONDS_PER_DAY < 0);
    int64_t others = unstamped_blocks(store) - 1; /* than the one that the stamp is for */

    if (credit > LIFE_NEVER_DECLARED && others > 1)
        credit += others - 1;
    if (credit > INT32_MAX)
        return INT32_MAX;
    return credit < LIFE_NEVER_DECLARED ? LIFE_NEVER_DECLARED : (int32_t)credit;
}

/* ---- For people ---- */

void promise_statistics(const struct store *store, struct store_statistics *out)
{
    out->capacity_pages = store_capacity_pages(store);
    out->promised_pages = store->promised_pages;
    out->swap_blocks_most = store->swap_blocks_max < store->block_count ? store->swap_blocks_max : store->block_count;
    out->reserve_blocks = store->flash ? reserve_blocks(store) : 0;
    out->life_declared = store->flash && declared(store);
    out->life_erases = out->life_declared ? credit_now(store) / SECONDS_PER_DAY : 0;
}
