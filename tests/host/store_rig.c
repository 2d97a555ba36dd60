#include "tests/host/store_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE 2000000u

static void fatal(const char *what, int error)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "store rig: %s: %d\n", what, error);
    abort();
}

/* ---- RAM: pages are kept in a list, so that a reboot can take them all back; a pointer lies behind each ---- */

struct ram {
    struct ram *next, *before;
    void *page;
};

static struct ram *ram_of(struct bed *bed)
{
    return (struct ram *)bed->store_config.context;
}

struct context {
    struct ram list;
    struct bed *bed;
};

static void *page_get(void *context)
{
    struct context *c = context;
    struct ram *ram;

    c->bed->pages_asked++;
    if (c->bed->config.page_limit && c->bed->pages >= c->bed->config.page_limit)
        return NULL;
    if (c->bed->page_refused && !--c->bed->page_refused)
        return NULL;
    ram = malloc(sizeof *ram);
    if (!ram || posix_memalign(&ram->page, BED_PAGE, BED_PAGE + sizeof ram))
        fatal("malloc", 0);
    memset(ram->page, 0, BED_PAGE);
    memcpy((char *)ram->page + BED_PAGE, &ram, sizeof ram);
    ram->next = c->list.next;
    ram->before = &c->list;
    if (ram->next)
        ram->next->before = ram;
    c->list.next = ram;
    if (++c->bed->pages > c->bed->pages_peak)
        c->bed->pages_peak = c->bed->pages;
    return ram->page;
}

static void page_put(void *context, void *page)
{
    struct context *c = context;
    struct ram *ram;

    memcpy(&ram, (char *)page + BED_PAGE, sizeof ram);
    if (ram->page != page)
        fatal("a page that was never given", 0);
    ram->before->next = ram->next;
    if (ram->next)
        ram->next->before = ram->before;
    c->bed->pages--;
    free(page);
    free(ram);
}

static bool page_ask(void *context)
{
    struct bed *bed = ((struct context *)context)->bed;

    bed->asked += !bed->ask_refused;
    return !bed->ask_refused;
}

static void page_unask(void *context)
{
    struct bed *bed = ((struct context *)context)->bed;

    if (!bed->asked--)
        fatal("a page that was never asked for", 0);
}

static uint64_t seconds(void *context)
{
    return ((struct context *)context)->bed->seconds;
}

/* ---- What is not ours ---- */

#define GUARD_BYTES 256u

static const uint8_t *guard(void)
{
    static uint8_t bytes[GUARD_BYTES];

    for (uint32_t i = 0; i < GUARD_BYTES; i++)
        bytes[i] = (uint8_t)(i * 167 + 13);
    return bytes;
}

uint32_t bed_address(const struct bed *bed, uint32_t block)
{
    return (bed->config.guard_blocks + block) * bed->config.block_bytes;
}

static bool ours(const struct bed *bed, uint32_t address)
{
    return address - bed->store_config.base < bed->store_config.bytes;
}

static void guards_set(struct bed *bed)
{
    for (uint32_t at = 0; bed->config.guard_blocks && at < bed->nor->config.size_bytes; at += GUARD_BYTES)
        if (!ours(bed, at))
            nor_load(bed->nor, at, guard(), GUARD_BYTES);
}

bool bed_guards_stand(const struct bed *bed)
{
    const uint8_t *expected = guard();

    for (uint32_t at = 0; bed->config.guard_blocks && at < bed->nor->config.size_bytes; at += GUARD_BYTES)
        if (!ours(bed, at) && (memcmp(bed->nor->cells + at, expected, GUARD_BYTES) != 0 || nor_wear(bed->nor, at)))
            return false;
    return true;
}

/* Near a place where a comparison may go wrong. */
static uint32_t edge(struct bed *bed)
{
    const uint32_t edges[] = { 0, bed->store_config.base, bed->store_config.base + bed->store_config.bytes,
                               bed->nor->config.size_bytes, 0x80000000u };
    uint32_t at = edges[bed_below(bed, sizeof edges / sizeof edges[0])];

    switch (bed_below(bed, 3)) {
    case 0:
        return at;
    case 1:
        return at + bed_below(bed, 512) - 256;
    default:
        return at + (bed_below(bed, 8) - 4) * bed->config.block_bytes;
    }
}

uint32_t bed_trespass(struct bed *bed, uint32_t count)
{
    static const uint8_t nothing[NOR_PAGE_MAX];
    uint64_t operations = bed->nor->operations;
    uint32_t taken = 0;

    for (uint32_t i = 0; i < count; i++) {
        bool erase = bed_below(bed, 2);
        struct flash_request request = { .operation = erase ? FLASH_ERASE : FLASH_PROGRAM,
                                         .address = edge(bed),
                                         .bytes = erase ? bed->config.block_bytes : 1 + bed_below(bed, NOR_PAGE_MAX),
                                         .from = nothing };

        if (!bed_below(bed, 4))
            request.bytes = edge(bed);
        if (ours(bed, request.address) &&
            (uint64_t)request.address + request.bytes <= (uint64_t)bed->store_config.base + bed->store_config.bytes)
            continue;
        taken += flash_run(&bed->front.flash, &request) == 0;
    }
    return taken + (uint32_t)(bed->nor->operations - operations);
}

/* ---- Life ---- */

/* A driver that knows nothing, and the window that a boot opens. */
static void front_open(struct bed *bed)
{
    nor_flash_open(&bed->front, bed->nor, bed->config.blocks ? bed->config.block_bytes : 4096);
    if (bed->config.blocks && flash_open_window(&bed->front.flash, bed->store_config.base, bed->store_config.bytes))
        fatal("flash_open_window", 0);
}

void bed_prepare(struct bed *bed, const struct bed_config *config)
{
    struct context *context = calloc(1, sizeof *context);
    struct nor_config nor = nor_config_blocks(config->blocks ? config->blocks + 2 * config->guard_blocks : 1,
                                              config->blocks ? config->block_bytes : 4096);

    if (!context)
        fatal("malloc", 0);
    *bed = (struct bed){ .config = *config, .random = config->seed, .idle_most = 3 };
    context->bed = bed;
    nor.seed = config->seed;
    nor.strict_once = true;
    nor.violations_continue = config->violations_continue;
    if (config->cannot_suspend)
        nor.suspend_us = 0;
    bed->nor = nor_new(&nor);
    bed->store_config = (struct store_config){ .flash = config->blocks ? &bed->front.flash : NULL,
                                               .base = bed_address(bed, 0),
                                               .bytes = config->blocks * config->block_bytes,
                                               .tail_pages = config->tail_pages,
                                               .page_get = page_get,
                                               .page_put = page_put,
                                               .page_ask = page_ask,
                                               .page_unask = page_unask,
                                               .context = context,
                                               .life_erases_per_day = config->life_erases_per_day,
                                               .seconds = seconds };
    front_open(bed);
    guards_set(bed);
}

int bed_mount(struct bed *bed)
{
    uint8_t seed[STORE_SEED_BYTES];
    int error;

    for (uint32_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)bed_random(bed);
    error = store_open(&bed->store_config, &bed->store);
    if (!error)
        store_seed_set(bed->store, seed, NULL);
    return error;
}

int bed_open(struct bed *bed)
{
    nor_power_on(bed->nor);
    front_open(bed);
    bed->front.manual_time = bed->config.manual_time;
    return bed_mount(bed);
}

void bed_start(struct bed *bed, const struct bed_config *config)
{
    int error = 0;

    bed_prepare(bed, config);
    if (config->blocks)
        error = store_format(&bed->store_config);
    if (error)
        fatal("store_format", error);
    error = bed_open(bed);
    if (error)
        fatal("store_open", error);
}

void bed_forget(struct bed *bed)
{
    struct ram *list = ram_of(bed);

    while (list->next)
        page_put(bed->store_config.context, list->next->page);
    bed->store = NULL;
    bed->asked = 0;
}

void bed_reboot(struct bed *bed)
{
    int error;

    bed_forget(bed);
    error = bed_open(bed);
    if (error)
        fatal("store_open", error);
}

void bed_stop(struct bed *bed)
{
    bed->front.manual_time = false;
    if (bed->store)
        store_close(bed->store);
    if (bed->pages)
        fatal("pages that were not given back", (int)bed->pages);
    if (bed->asked)
        fatal("pages that were not unasked", (int)bed->asked);
    free(bed->store_config.context);
    nor_free(bed->nor);
}

/* ---- Random and pages ---- */

static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

uint64_t bed_random(struct bed *bed)
{
    return mix(&bed->random);
}

uint32_t bed_below(struct bed *bed, uint32_t limit)
{
    return (uint32_t)(bed_random(bed) % limit);
}

void page_of(uint64_t name, void *page)
{
    uint64_t state = name, *words = page;
    uint64_t kind = mix(&state) % 16;
    uint32_t fresh = (uint32_t)(96 + mix(&state) % 224);

    if (!name || kind == 0) {
        for (uint32_t i = 0; i < BED_PAGE / 8; i++)
            words[i] = name;
        return;
    }
    for (uint32_t i = 0; i < BED_PAGE / 8; i++)
        words[i] = kind == 1 || i < fresh ? mix(&state) : words[i % fresh];
}

bool page_is(uint64_t name, const void *page)
{
    uint64_t expected[BED_PAGE / 8];

    page_of(name, expected);
    return !memcmp(expected, page, BED_PAGE);
}

/* ---- Waiting ---- */

static void pass_time(struct bed *bed)
{
    if (bed->stepped)
        bed->stepped(bed);
    if (bed->config.manual_time)
        nor_advance_ns(bed->nor, 100000);
}

bool bed_settle(struct bed *bed, uint32_t most)
{
    for (uint32_t i = 0; i < most; i++) {
        if (store_step(bed->store) == STORE_IDLE)
            return true;
        pass_time(bed);
    }
    return false;
}

/* After an -EAGAIN: a step. An idle store that goes on saying -EAGAIN is an error. */
static int wait_step(struct bed *bed, uint32_t *idle)
{
    if (store_step(bed->store) != STORE_IDLE)
        *idle = 0;
    else if (++*idle > bed->idle_most)
        return -EDEADLK;
    pass_time(bed);
    return 0;
}

#define WAIT_FOR(call)                            \
    do {                                          \
        uint32_t idle = 0;                        \
        for (uint32_t i = 0; i < PATIENCE; i++) { \
            int answer = (call);                  \
            if (answer != -EAGAIN)                \
                return answer;                    \
            if (wait_step(bed, &idle))            \
                return -EDEADLK;                  \
        }                                         \
        return -ETIMEDOUT;                        \
    } while (0)

int bed_save(struct bed *bed, slot_t *slot, store_key_t key, uint64_t name)
{
    uint64_t page[BED_PAGE / 8];

    page_of(name, page);
    WAIT_FOR(slot_save(bed->store, slot, key, page));
}

int bed_load(struct bed *bed, slot_t slot, store_key_t key, void *page)
{
    WAIT_FOR(slot_load(bed->store, slot, key, page));
}

int bed_begin(struct bed *bed, uint32_t pages)
{
    WAIT_FOR(store_begin(bed->store, pages));
}

int bed_write(struct bed *bed, uint32_t id, uint32_t index, uint64_t name)
{
    uint64_t page[BED_PAGE / 8];

    page_of(name, page);
    WAIT_FOR(node_write_page(bed->store, id, index, page));
}

int bed_commit(struct bed *bed)
{
    WAIT_FOR(store_commit(bed->store));
}

int bed_read(struct bed *bed, uint32_t id, uint32_t index, void *page)
{
    WAIT_FOR(node_read_page(bed->store, id, index, page));
}

int bed_remove(struct bed *bed, uint32_t id)
{
    WAIT_FOR(node_remove(bed->store, id));
}

int bed_resize(struct bed *bed, uint32_t id, uint64_t bytes, int64_t modified_s)
{
    WAIT_FOR(node_resize(bed->store, id, bytes, modified_s));
}

int bed_make(struct bed *bed, uint32_t parent, const char *name, uint32_t mode, uint32_t *id)
{
    WAIT_FOR(node_make(bed->store, parent, name, mode, id));
}

int bed_rename(struct bed *bed, uint32_t id, uint32_t parent, const char *name)
{
    WAIT_FOR(node_rename(bed->store, id, parent, name));
}
