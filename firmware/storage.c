/* Partition, store and tail. */
#include "firmware/storage.h"

#include <errno.h>
#include <string.h>

#include "firmware/board.h"
#include "firmware/log.h"
#include "firmware/usercopy.h"
#include "hal/timer.h"
#include "mm/mm.h"
#include "platform/partition.h"

/*
 * The tail's share of what is left beside the frames that nothing can leave: with few frames, a third of all would leave
 * programs too few for their text, which is not kept in the tail.
 */
#define TAIL_PERCENT     33u
#define TAIL_PERCENT_MAX 90u
#define FIXED_FRAMES     48u

static struct {
    struct partition partition;
    enum store_content content;
    struct store_config config; /* .flash NULL: no partition */
    bool on_flash;
    bool names_changed;
} storage;

static uint32_t tail_pages(const struct platform *platform)
{
    uint64_t percent = platform_argument_number(platform, "tail", TAIL_PERCENT);

    if (percent > TAIL_PERCENT_MAX)
        percent = TAIL_PERCENT_MAX;
    uint64_t frames = platform->pool.bytes / PAGE_BYTES;
    uint64_t pages = (frames > FIXED_FRAMES ? frames - FIXED_FRAMES : 0) * percent / 100;

    return pages > STORE_TAIL_LEAST ? (uint32_t)pages : STORE_TAIL_LEAST;
}

/* Erases that a block stands, and how old a part can be asked to grow. */
#define BLOCK_CYCLES   100000u
#define DAYS_PER_YEAR  365u
#define LIFE_YEARS_MAX 1000u

/* life=10y: so many erases a day keep the partition for that long. 0: no life is declared. */
static uint64_t erases_per_day(const struct platform *platform, uint32_t blocks)
{
    uint32_t bytes = 0;
    const char *word = platform_argument(platform, "life", &bytes);
    uint64_t years = 0;

    if (!word || bytes < 2 || word[bytes - 1] != 'y')
        return 0;
    for (uint32_t at = 0; at + 1 < bytes && years <= LIFE_YEARS_MAX; at++) {
        if (word[at] < '0' || word[at] > '9')
            return 0;
        years = 10 * years + (uint64_t)(word[at] - '0');
    }
    return years && years <= LIFE_YEARS_MAX ? (uint64_t)blocks * BLOCK_CYCLES / (years * DAYS_PER_YEAR) : 0;
}

static uint64_t seconds_up(void *context)
{
    (void)context;
    return timer_ns_from_ticks(timer_now()) / 1000000000u;
}

static const char *in_words(enum store_content content)
{
    switch (content) {
    case STORE_BLANK:
        return "is blank";
    case STORE_NEWER:
        return "holds a store of a newer version";
    default:
        return "holds something else";
    }
}

/* format=blank: a boot from elsewhere may take a partition that nobody has used yet. */
static bool asked_to_make(const struct platform *platform)
{
    return storage.content == STORE_BLANK && platform_argument_is(platform, "format", "blank");
}

/* The range is known by the board's layout alone, and something lies there. */
static bool may_be_anothers(void)
{
    return !storage.partition.marked && storage.content != STORE_BLANK && storage.content != STORE_OURS;
}

/* Whether the flash has a place for a store, whatever it holds now. */
static bool find_partition(const struct platform *platform, struct flash *flash)
{
    if (!flash)
        return false;
    if (partition_find(platform, flash, &storage.partition)) {
        log_line("flash: no partition of ours: %s; running without it (platform/BOARDS.md)", storage.partition.why);
        return false;
    }
    if (board_flash_is_protected(platform, storage.partition.start, storage.partition.bytes)) {
        log_line("flash: the part's protection bits cover the partition; running without it (sf protect unlock)");
        return false;
    }
    storage.config.flash = flash;
    storage.config.base = storage.partition.start;
    storage.config.bytes = storage.partition.bytes;
    storage.config.life_erases_per_day = erases_per_day(platform,
                                                        storage.partition.bytes / flash->geometry.erase_bytes);
    if (storage.config.life_erases_per_day)
        log_line("flash: for the life declared, %lu erases a day", storage.config.life_erases_per_day);
    else if (platform_argument(platform, "life", &(uint32_t){ 0 }))
        log_line("flash: the life= given is not understood (years, as 10y), and none is declared");
    log_line("flash: %u KiB of %u KiB at 0x%x (%s), erase blocks of %u KiB", storage.partition.bytes >> 10,
             flash->geometry.size_bytes >> 10, storage.partition.start, storage.partition.source,
             flash->geometry.erase_bytes >> 10);
    int error = store_probe(&storage.config, &storage.content);

    if (error)
        log_line("flash: the partition cannot be read (error %d)", -error);
    else if (asked_to_make(platform))
        log_line("flash: the partition is blank, and is made a store as format=blank asks");
    else if (storage.content != STORE_OURS)
        log_line("flash: the partition %s; running without it (`format %s` in the monitor makes a store of it)",
                 in_words(storage.content), may_be_anothers() ? "anyway" : "yes");
    return !error;
}

/* From here on the partition may be written. */
static int open_window(void)
{
    return flash_open_window(storage.config.flash, storage.config.base, storage.config.bytes);
}

static bool open_on_flash(bool make, struct store **store)
{
    if (storage.content != STORE_OURS && !make)
        return false;
    int error = open_window();

    if (!error && make)
        error = store_format(&storage.config);

    if (!error)
        error = store_open(&storage.config, store);
    if (error)
        log_line("flash: the store does not open (error %d); running without it", -error);
    return !error;
}

static void report(struct store *store)
{
    struct store_statistics statistics;

    store_statistics(store, &statistics);
    log_line("store: %u blocks, %u erased, %u bad, worn %u to %u; tail of %u KiB", statistics.blocks,
             statistics.blocks_erased, statistics.blocks_bad, statistics.wear_min, statistics.wear_max,
             storage.config.tail_pages * (PAGE_BYTES >> 10));
}

int storage_open(const struct platform *platform, struct flash *flash)
{
    struct store *store;

    storage.config = (struct store_config){
        .tail_pages = tail_pages(platform),
        .page_get = mm_page_get,
        .page_put = mm_page_put,
        .page_ask = mm_page_ask,
        .page_unask = mm_page_unask,
        .seconds = seconds_up,
    };
    storage.on_flash = find_partition(platform, flash) && open_on_flash(asked_to_make(platform), &store);
    if (!storage.on_flash) {
        struct store_config in_ram = storage.config;

        in_ram.flash = NULL;
        int error = store_open(&in_ram, &store);

        if (error)
            return error;
    }
    report(store);
    mm_attach(store);
    return 0;
}

/* Why the partition must not be made a store now; NULL: it may. */
static const char *refuse_format(bool anyway)
{
    if (!storage.config.flash)
        return "there is no partition of ours on the flash";
    if (storage.on_flash)
        return "the store is in use";
    if (may_be_anothers() && !anyway)
        return "the range is not marked as ours and is not blank; `format anyway` loses what it holds";
    return NULL;
}

int storage_format(bool anyway)
{
    const char *why = refuse_format(anyway);

    if (why) {
        log_line("format: refused: %s", why);
        return -EPERM;
    }
    int error = open_window();

    if (storage.content == STORE_NEWER)
        log_line("format: the partition %s; it is lost now", in_words(STORE_NEWER));
    if (!error)
        error = store_format(&storage.config);
    if (error)
        log_line("format: failed (error %d)", -error);
    else
        log_line("format: done; the next boot uses it");
    return error;
}

void storage_names_changed(void)
{
    storage.names_changed = true;
}

int storage_commit(void)
{
    if (!storage.names_changed || !storage.on_flash)
        return 0;
    storage.names_changed = false;
    int error = (int)MM_RETRY(store_begin(mm_store(), 0));

    if (!error) {
        error = (int)MM_RETRY(store_commit(mm_store()));
        if (error)
            store_abort(mm_store()); /* patience may have ended before it has */
    }
    if (error)
        storage.names_changed = true;
    return error;
}

int storage_sync(void)
{
    int error = (int)MM_RETRY(object_sync_all());

    return error ? error : storage_commit();
}
