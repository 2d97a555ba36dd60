/*
 * Opening, closing, and the steps of the store: what is done next.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"

#define BLOCKS_LEAST      10u
#define BLOCK_BYTES_LEAST 8192u
#define BLOCK_BYTES_MOST  (512u << 10)

void *page_get(struct store *store)
{
    return store->config.page_get(store->config.context);
}

void page_put(struct store *store, void *page)
{
    if (page)
        store->config.page_put(store->config.context, page);
}

void *page_get_asked(struct store *store)
{
    void *page;

    if (store->config.page_ask && !store->config.page_ask(store->config.context))
        return NULL;
    page = page_get(store);
    if (!page && store->config.page_ask)
        store->config.page_unask(store->config.context);
    return page;
}

void page_put_asked(struct store *store, void *page)
{
    page_put(store, page);
    if (page && store->config.page_ask)
        store->config.page_unask(store->config.context);
}

/* ---- Opening and closing ---- */

static int geometry(struct store *store)
{
    const struct flash_geometry *flash = &store->flash->geometry;
    const struct store_config *config = &store->config;

    store->block_bytes = flash->erase_bytes;
    if (store->block_bytes < BLOCK_BYTES_LEAST || store->block_bytes > BLOCK_BYTES_MOST ||
        config->base % store->block_bytes || config->bytes % store->block_bytes ||
        (store->block_bytes & (store->block_bytes - 1)) || config->base > flash->size_bytes ||
        config->bytes > flash->size_bytes - config->base)
        return -EINVAL;
    while (FORMAT_UNIT << store->units_shift < store->block_bytes)
        store->units_shift++;
    store->block_count = config->bytes / store->block_bytes;
    if (store->block_count > FORMAT_BLOCKS_MAX)
        store->block_count = FORMAT_BLOCKS_MAX;
    return store->block_count < BLOCKS_LEAST ? -EINVAL : 0;
}

static int pages_allocate(struct store *store)
{
    store->work = page_get(store);
    store->bounce = page_get(store);
    if (!store->work || !store->bounce)
        return -ENOMEM;
    for (uint32_t i = 0; i * BLOCKS_PER_PAGE < store->block_count; i++) {
        store->blocks[i] = page_get(store);
        if (!store->blocks[i])
            return -ENOMEM;
    }
    return 0;
}

static void reset(struct store *store)
{
    for (uint32_t i = 0; i < STREAM_COUNT; i++)
        stream_reset(&store->streams[i]);
    store->eraser.block = NO_BLOCK;
    store->newest_stamp = NO_BLOCK;
    store->collector.victim = NO_BLOCK;
    store->next[0] = FORMAT_NO_BLOCK;
    store->next[1] = FORMAT_NO_BLOCK;
    store->swap_blocks_max = UINT32_MAX;
    store->swap_refused = UINT32_MAX;
    store->version_next = 1;
}

int store_allocate(const struct store_config *config, struct store **made)
{
    struct store *store = config->page_get(config->context);
    int error = 0;

    *made = store;
    if (!store)
        return -ENOMEM;
    store->config = *config;
    store->flash = config->flash;
    reset(store);
    if (store->flash)
        error = geometry(store);
    if (!error)
        error = pages_allocate(store);
    if (!error)
        error = slots_init(store);
    return error ? error : nodes_init(store);
}

int store_open(const struct store_config *config, struct store **store)
{
    int error = store_allocate(config, store);

    if (!error)
        error = tail_init(*store);
    if (!error && config->flash)
        error = mount(*store);
    if (error) {
        if (*store)
            store_close(*store);
        *store = NULL;
    }
    return error;
}

void store_close(struct store *store)
{
    while (store->operation.kind != OPERATION_NONE && store->operation.request.status == FLASH_PENDING)
        flash_poll(store->flash);
    changes_free(store);
    nodes_free(store);
    slots_free(store);
    tail_free(store);
    keys_free(store);
    for (uint32_t i = 0; i < BLOCK_PAGES; i++)
        page_put(store, store->blocks[i]);
    page_put(store, store->work);
    page_put(store, store->bounce);
    page_put(store, store);
}

/* ---- Steps ---- */

static bool wants_write_back(const struct store *store)
{
    return store->swap_blocks_max && store->seeded && tail_above_mark(store);
}

enum store_seed_state store_seed_state(const struct store *store)
{
    if (!store->seed_due)
        return STORE_SEED_DONE;
    return wants_write_back(store) ? STORE_SEED_PRESSING : STORE_SEED_DUE;
}

/* What is left of the tail is only waiting for its last bytes. */
static enum store_work carried_flush(struct store *store)
{
    enum store_work work = stream_flush(store, STREAM_HOT);

    return work == STORE_IDLE ? stream_flush(store, STREAM_COLD) : work;
}

/* The oldest live record of the tail goes to flash. */
static enum store_work write_back(struct store *store)
{
    struct cursor before = store->tail.scan;
    enum store_work work = STORE_IDLE;
    enum block_stream stream;
    struct tail_record record;
    uint32_t place;
    const void *payload;
    bool full;

    if (!store->tail.pinched && tail_thin(store) && tail_compact(store))
        return STORE_MORE;
    if (!tail_oldest(store, &place))
        return carried_flush(store);
    record = *tail_at(store, place);
    stream = stream_open_to_all(store, STREAM_COLD) ? slot_stream(slot_at(store, record.slot)) : STREAM_HOT;
    full = !stream_fits(store, stream, record_bytes(record.length)) && swap_full(store);
    if (full || !stream_ready(store, stream, record_bytes(record.length), &work)) {
        store->tail.scan = before;
        return work;
    }
    payload = tail_payload(store, place, store->work);
    if (!payload) {
        slot_lose(store, record.slot);
        return STORE_MORE;
    }
    if (payload != store->work)
        memcpy(store->work, payload, record.length);
    append_swap(store, stream, &record, place, PLACE_TAIL);
    store->tail.pinched = false;
    return STORE_MORE;
}

/*
 * The streams of swap end with swap on flash. When it is to have fewer blocks, what collection moves goes to COLD, which
 * stays open for it.
 */
static enum store_work streams_leave(struct store *store)
{
    for (uint32_t i = STREAM_HOT; i <= (store->swap_blocks_max ? STREAM_HOT : STREAM_COLD); i++) {
        enum store_work work = stream_flush(store, (enum block_stream)i);

        if (work != STORE_IDLE)
            return work;
        stream_abandon(store, (enum block_stream)i);
    }
    return STORE_IDLE;
}

static enum store_work collection(struct store *store)
{
    enum store_work work = STORE_IDLE;

    if (swap_shrinking(store))
        work = streams_leave(store);
    else
        swap_settled(store);
    return work == STORE_IDLE ? collector_step(store) : work;
}

/* Space is wanted, and only a commit that is in doubt stands between it and us. In vain when no block may be opened for it. */
static enum store_work doubt_press(struct store *store)
{
    if (!store->doubt || store->doubt_pressing || store->erased >= collector_wanted_erased(store) ||
        block_choose(store, STREAM_DURABLE) == NO_BLOCK)
        return STORE_IDLE;
    store->doubt_pressing = true;
    return STORE_MORE;
}

static enum store_work do_next(struct store *store)
{
    bool short_of = store->erased < collector_wanted_erased(store) ||
                    (store->transaction.state == TRANSACTION_WANTED && collector_voids(store));
    enum store_work work = append_step(store);

    if (work == STORE_IDLE)
        work = eraser_step(store, false);
    if (work == STORE_IDLE)
        work = commit_step(store);
    if (work == STORE_IDLE)
        work = eraser_step(store, short_of);
    if (work == STORE_IDLE)
        work = collection(store);
    if (work == STORE_IDLE)
        work = doubt_press(store);
    if (work == STORE_IDLE && wants_write_back(store) && !store->seed_due)
        work = write_back(store);
    if (work == STORE_IDLE)
        work = eraser_step(store, store->writing);
    return work;
}

enum store_work store_step(struct store *store)
{
    enum store_work work;

    if (!store->flash)
        return STORE_IDLE;
    store->silent = false;
    work = operation_poll(store);
    if (work == STORE_IDLE)
        work = do_next(store);
    if (store->silent)
        work = STORE_IDLE;
    if (work == STORE_IDLE && transaction_stuck(store)) {
        commit_failed(store);
        work = STORE_MORE;
    }
    if (work == STORE_IDLE && swap_shrinking(store)) {
        swap_stays(store);
        work = STORE_MORE;
    }
    store->stalled = work == STORE_IDLE && wants_write_back(store) && !store->seed_due;
    return work;
}

bool store_wants_step(const struct store *store)
{
    if (!store->flash)
        return false;
    return wants_write_back(store) || store->append.state != APPEND_IDLE || store->operation.kind != OPERATION_NONE ||
           store->transaction.state == TRANSACTION_WANTED || transaction_runs(store) || swap_shrinking(store) ||
           store->doubt_pressing;
}
