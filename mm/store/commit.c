/*
 * Transactions.
 *
 *   NONE --store_begin()--> WANTED --room, no doubt, nothing void--> OPEN --store_commit()--> COMMITTING
 *    ^                                                                 |                          | holes, table pages,
 *    +--- store_commit() = -EIO --- FAILED <---------------- no block -+--------------------------+ commit pair
 *    +--- store_commit() = 0 ------ DONE <--------------------------------------------------------+
 *    +--- a page's record is on flash --- GIVEN_UP <--- store_abort() -+                          |
 *    +<------------------ the same ends, told to nobody -------------------- store_abort() -------+
 *
 * A commit is a pair of equal records that say up to which version records count. Both are written in sequence, after
 * everything they make true is on flash and was read back. After a boot the newest pair, if it stood in a block that
 * was open, is written anew before anything is erased on its word: what a cut left may read differently the next
 * time. The same is done before a refused commit answers, whose record may be readable all the same.
 *
 * Owns invariant 8 with mount.c.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/codec.h"
#include "mm/store/state.h"

bool work_page_free(const struct store *store)
{
    return store->append.state == APPEND_IDLE && store->operation.kind != OPERATION_SUMMARY;
}

bool node_writing(const struct store *store, uint32_t id)
{
    const struct append *append = &store->append;

    return append->state != APPEND_IDLE && append->kind != RECORD_SWAP && append->kind != RECORD_COMMIT &&
           !append->moved && append->owner == NODE_NUMBER(id);
}

bool commit_pending(const struct store *store)
{
    return store->transaction.changes || transaction_runs(store);
}

/* ---- Begin ---- */

static uint32_t records_per_block(const struct store *store)
{
    return (store->block_bytes - FORMAT_BLOCK_HEADER - FORMAT_ITEM_BYTES) /
           (record_bytes(FORMAT_PAGE) + FORMAT_ITEM_BYTES);
}

/* The worst case: nothing compresses, every table page is rewritten, and one block fails. */
static uint32_t blocks_for(const struct store *store, uint32_t pages)
{
    uint32_t records = pages + store->nodes->page_count + 4;

    for (const struct change_page *page = store->transaction.changes; page; page = page->before)
        records += page->count / 32 + 1;
    return records / records_per_block(store) + 2;
}

static bool ready_to_begin(const struct store *store)
{
    return !store->doubt && !collector_voids(store) && store->erased >= store->transaction.blocks + 2;
}

static int transaction_prepare(struct store *store, uint32_t pages)
{
    struct transaction *transaction = &store->transaction;

    transaction->state = TRANSACTION_WANTED;
    transaction->blocks = blocks_for(store, pages);
    collector_due(store);
    store->doubt_pressing = store->doubt;
    return ready_to_begin(store) ? 0 : durable_room(store, transaction->blocks, pages > 0);
}

/* Until its end was told: who made it would else take the next one's end for its own. */
static bool transaction_taken(const struct transaction *transaction)
{
    return transaction->state == TRANSACTION_FAILED ? !transaction->refused && !transaction->told
                                                    : transaction->state >= TRANSACTION_OPEN;
}

int store_begin(struct store *store, uint32_t pages)
{
    struct transaction *transaction = &store->transaction;
    bool refused = transaction->state == TRANSACTION_FAILED && transaction->refused;
    int error;

    if (!store->flash)
        return -ENOSPC;
    if (transaction_taken(transaction))
        return -EAGAIN;
    if (transaction->state != TRANSACTION_WANTED && !life_left(store))
        return -ENOSPC;
    if (transaction->state != TRANSACTION_WANTED)
        collector_recovered(store);
    transaction->refused = false;
    transaction->told = false;
    error = refused ? -ENOSPC : transaction_prepare(store, pages);
    if (error == -EAGAIN)
        return error;
    transaction->state = error ? TRANSACTION_NONE : TRANSACTION_OPEN;
    transaction->blocks = error ? 0 : transaction->blocks;
    transaction->pages_left = pages;
    return error;
}

/* ---- Write ---- */

static int write_check(const struct store *store, uint32_t id, uint32_t index)
{
    if (!node_live(store, id))
        return -ENOENT;
    if (store->transaction.state == TRANSACTION_FAILED)
        return -EIO;
    if (store->transaction.state != TRANSACTION_OPEN || !store->transaction.pages_left)
        return -EINVAL;
    if (index >= NODE_PAGES_MAX)
        return -EFBIG;
    if (!work_page_free(store) || !stream_fits(store, STREAM_DURABLE, record_bytes(FORMAT_PAGE)))
        return -EAGAIN;
    return 0;
}

static void page_append(struct store *store, uint32_t id, uint32_t index, const void *page)
{
    enum codec_method method;
    uint32_t length = codec_compress(page, store->work, &method);
    struct append what = { .kind = RECORD_PAGE,
                           .method = (uint8_t)method,
                           .length = (uint16_t)length,
                           .owner = NODE_NUMBER(id),
                           .serial = id == NODE_TABLE ? 0 : node_at(store, id)->serial,
                           .page = index };

    append_durable(store, STREAM_DURABLE, &what);
}

int node_write_page(struct store *store, uint32_t id, uint32_t index, const void *page)
{
    int error = write_check(store, id, index);

    store->transaction.told |= error == -EIO;
    if (!error)
        error = change_reserve(store, 1);
    if (!error)
        error = map_reserve(store, node_at(store, id), index);
    if (error)
        return error;
    page_append(store, id, index, page);
    store->transaction.pages_left--;
    return 0;
}

/* ---- Commit ---- */

static bool nothing_to_commit(const struct store *store)
{
    const struct append *append = &store->append;
    bool writing = append->state != APPEND_IDLE && !append->moved && append->kind != RECORD_SWAP;

    return !store->nodes->dirty && !store->transaction.changes && !writing;
}

static void transaction_end(struct store *store, enum transaction_state state)
{
    store->transaction.state = store->transaction.told ? TRANSACTION_NONE : state;
    store->transaction.blocks = 0;
    store->transaction.pages_left = 0;
}

/* What a commit needs of RAM, so that it cannot fail for want of it half-way. */
static int commit_reserve(struct store *store)
{
    uint32_t count = store->nodes->page_count;
    int error = 0;

    for (const struct change_page *page = store->transaction.changes; page; page = page->before)
        for (uint32_t i = 0; i < page->count; i++)
            count += page->changes[i].new == CHANGE_TRIM;
    for (uint32_t i = 0; i < store->nodes->page_count && !error; i++)
        error = map_reserve(store, node_at(store, NODE_TABLE), i);
    return error ? error : change_reserve(store, count);
}

static int commit_begin(struct store *store)
{
    struct transaction *transaction = &store->transaction;
    int error = transaction->state == TRANSACTION_OPEN ? 0 : store_begin(store, 0);

    if (!error)
        error = commit_reserve(store);
    if (error)
        return error;
    transaction->state = TRANSACTION_COMMITTING;
    transaction->commit_records = 0;
    transaction->holes_page = transaction->changes;
    transaction->holes_at = transaction->changes ? transaction->changes->count : 0;
    return -EAGAIN;
}

int store_commit(struct store *store)
{
    enum transaction_state state = store->transaction.state;
    int error;

    switch (state) {
    case TRANSACTION_GIVEN_UP:
    case TRANSACTION_COMMITTING:
        return -EAGAIN;
    case TRANSACTION_DONE:
    case TRANSACTION_FAILED:
        if (store->doubt_pressing)
            return -EAGAIN;
        transaction_end(store, TRANSACTION_NONE);
        return state == TRANSACTION_DONE ? 0 : -EIO;
    default:
        break;
    }
    if (nothing_to_commit(store)) {
        transaction_end(store, TRANSACTION_NONE);
        return 0;
    }
    error = commit_begin(store);
    if (error != -EAGAIN)
        store_abort(store);
    return error;
}

/* ---- Steps ---- */

/* true: a hole's record was begun. Changes made meanwhile are put above the ones that are looked at. */
static bool holes_step(struct store *store)
{
    struct transaction *transaction = &store->transaction;

    for (; transaction->holes_page;
         transaction->holes_page = transaction->holes_page->before,
         transaction->holes_at = transaction->holes_page ? transaction->holes_page->count : 0) {
        while (transaction->holes_at > 0) {
            struct change change = transaction->holes_page->changes[--transaction->holes_at];
            const struct node_entry *node = node_at(store, change.node);
            struct append what = { .kind = RECORD_HOLE, .owner = change.node, .page = change.page };

            if (change.new != CHANGE_TRIM || map_get(store, node, change.page) != MAP_HOLE)
                continue;
            what.serial = node->serial;
            append_durable(store, STREAM_DURABLE, &what);
            return true;
        }
    }
    return false;
}

/* The page as it lies on flash: without what is of RAM only. */
static void table_image(struct store *store, uint32_t index)
{
    struct node_entry *image = (struct node_entry *)(void *)store->bounce;

    memcpy(image, store->nodes->pages[index], FORMAT_PAGE);
    for (uint32_t i = 0; i < NODES_PER_PAGE; i++) {
        image[i].map = 0;
        image[i].opens = 0;
        image[i].turn = 0;
        image[i].map_height = 0;
        image[i].bits = 0;
    }
}

static void table_step(struct store *store)
{
    uint32_t index = 0;

    while (!(store->nodes->dirty >> index & 1))
        index++;
    store->nodes->dirty &= ~(1ull << index);
    table_image(store, index);
    page_append(store, NODE_TABLE, index, store->bounce);
}

static void pair_step(struct store *store)
{
    struct transaction *transaction = &store->transaction;
    uint16_t *list = (uint16_t *)(void *)store->work;
    struct append what = { .kind = RECORD_COMMIT };
    uint32_t listed = 0;

    if (!transaction->commit_records) {
        transaction->commit_counts = store->doubt ? store->counts : store->version_next;
        transaction->commit_listed = store->bad;
    }
    for (uint32_t i = 0; i < store->block_count && listed < FORMAT_COMPRESSED_MAX / sizeof *list; i++)
        if (block_at(store, i)->state == BLOCK_BAD)
            list[listed++] = (uint16_t)i;
    what.owner = (uint32_t)transaction->commit_counts;
    what.serial = (uint32_t)(transaction->commit_counts >> 32);
    what.page = listed;
    what.length = (uint16_t)(listed * sizeof *list);
    append_durable(store, STREAM_DURABLE, &what);
}

bool transaction_stuck(const struct store *store)
{
    enum transaction_state state = store->transaction.state;

    return state == TRANSACTION_COMMITTING || store->doubt_pressing ||
           (state == TRANSACTION_WANTED && !ready_to_begin(store)) ||
           (state == TRANSACTION_OPEN &&
            (store->silent || !stream_fits(store, STREAM_DURABLE, record_bytes(FORMAT_PAGE))));
}

/* A void block that is the newest cannot be erased before another is opened. */
static bool wants_stream(const struct store *store)
{
    if (store->transaction.state == TRANSACTION_WANTED && store->announced && !stream_busy(store, store->newest) &&
        (block_at(store, store->newest)->bits & BLOCK_VOID))
        return true;
    return store->transaction.state == TRANSACTION_OPEN || store->transaction.state == TRANSACTION_COMMITTING ||
           store->doubt_pressing;
}

/* While a transaction is open, its stream is kept ready for a page. */
enum store_work commit_step(struct store *store)
{
    enum store_work work = STORE_IDLE;

    if (store->transaction.state == TRANSACTION_GIVEN_UP) {
        commit_failed(store);
        return STORE_MORE;
    }
    if (!wants_stream(store) || !stream_ready(store, STREAM_DURABLE, record_bytes(FORMAT_PAGE), &work))
        return work;
    if (store->doubt_pressing) {
        pair_step(store);
        return STORE_MORE;
    }
    if (store->transaction.state != TRANSACTION_COMMITTING)
        return STORE_IDLE;
    if (holes_step(store))
        return STORE_MORE;
    if (store->nodes->dirty)
        table_step(store);
    else
        pair_step(store);
    return STORE_MORE;
}

/* ---- Ends ---- */

/* None was there when the transaction began: what its records were moved away from, and it is committed. */
static void voids_forget(struct store *store)
{
    for (uint32_t i = 0; i < store->block_count; i++)
        block_at(store, i)->bits &= (uint8_t)~BLOCK_VOID;
}

static void pair_landed(struct store *store)
{
    struct transaction *transaction = &store->transaction;

    for (uint32_t i = 0; i < 2; i++) {
        uint32_t old = store->commit_place[i];

        store->commit_place[i] = transaction->commit_place[i];
        transaction->commit_place[i] = NO_PLACE;
        if (old)
            block_died(store, old);
    }
    store->counts = transaction->commit_counts;
    store->listed = transaction->commit_listed;
    transaction->commit_records = 0;
    collector_due(store);
    if (store->doubt) {
        store->doubt = false;
        store->doubt_pressing = false;
        return;
    }
    changes_apply(store);
    nodes_committed(store);
    voids_forget(store);
    store->seed_due = false;
    transaction_end(store, TRANSACTION_DONE);
}

void commit_landed(struct store *store, const struct append *append)
{
    struct transaction *transaction = &store->transaction;
    uint32_t entry = append->place | (append->kind == RECORD_HOLE ? MAP_HOLE : 0);
    const struct node_entry *node;

    block_live(store, append->place);
    if (append->kind == RECORD_COMMIT) {
        transaction->commit_place[transaction->commit_records++] = append->place;
        if (transaction->commit_records == 2)
            pair_landed(store);
        return;
    }
    store->statistics.durable_records++;
    node = node_at(store, append->owner);
    change_add(store, append->owner, append->page, map_get(store, node, append->page), entry);
    map_set(store, node, append->page, entry);
}

/* What was programmed where a program failed may be readable all the same: none of it may count later. */
static void failing_void(struct store *store)
{
    for (uint32_t i = 0; i < store->block_count; i++) {
        struct block *block = block_at(store, i);

        if (block->state == BLOCK_FULL && (block->bits & BLOCK_FAILING) && stream_durable(block_stream_of(block)))
            block->bits |= BLOCK_VOID;
    }
}

/*
 * The commit record may be readable, too. What it would make true is held together, until the counts of before have been
 * written anew: a boot until then finds all of it. The rest may go; nobody misses what was dead before.
 */
static void refused_hold(struct store *store)
{
    for (uint32_t i = 0; i < store->block_count; i++) {
        struct block *block = block_at(store, i);

        block->bits &= (uint8_t)~BLOCK_FILES;
        if (block->bits & BLOCK_VOID)
            block->bits |= BLOCK_FILES;
    }
    store->doubt = true;
    store->doubt_pressing = true;
}

/* Collection has moved records of it, perhaps to where more would be written. */
static void settled_abandon(struct store *store)
{
    uint32_t settled = store->streams[STREAM_SETTLED].block;

    if (settled != NO_BLOCK && (block_at(store, settled)->bits & BLOCK_VOID))
        stream_abandon(store, STREAM_SETTLED);
}

static void transaction_refused(struct store *store)
{
    stream_abandon(store, STREAM_DURABLE);
    changes_undo(store);
    settled_abandon(store);
    failing_void(store);
    store->nodes->dirty = UINT64_MAX >> (NODE_PAGES - store->nodes->page_count);
    if (store->transaction.state == TRANSACTION_COMMITTING)
        refused_hold(store);
}

/* One commit record on flash is a commit. Otherwise what was written is taken back. */
void commit_failed(struct store *store)
{
    struct transaction *transaction = &store->transaction;

    store->append.state = APPEND_IDLE;
    if (transaction->commit_records) {
        pair_landed(store);
        return;
    }
    store->doubt_pressing = false;
    if (transaction->state == TRANSACTION_WANTED)
        transaction->refused = true;
    if (transaction_runs(store))
        transaction_refused(store);
    if (transaction->state != TRANSACTION_NONE)
        transaction_end(store, TRANSACTION_FAILED);
}

void store_abort(struct store *store)
{
    struct transaction *transaction = &store->transaction;

    transaction->told = true;
    if (transaction->state == TRANSACTION_OPEN)
        transaction->state = TRANSACTION_GIVEN_UP;
    if (transaction->state == TRANSACTION_GIVEN_UP && work_page_free(store))
        commit_failed(store);
    if (transaction->state >= TRANSACTION_DONE)
        transaction_end(store, TRANSACTION_NONE);
}
