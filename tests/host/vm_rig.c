#include "tests/host/vm_rig.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mm/vm/object.h"
#include "mm/vm/vm.h"
#include "tests/sim/nor_flash.h"

#define RAM_BASE           0x80000000ull
#define RAM_BEFORE_POOL    16u /* frames of RAM that are not the pool's: a user access to them is reported */
#define FLASH_BLOCK_BYTES  65536u
#define FLASH_BEFORE_STORE FLASH_BLOCK_BYTES
#define OPERATIONS_KEPT    20
#define OPERATION_BYTES    160
#define WAITS_MAX          20000

static struct {
    struct rig_config config;
    uint64_t random;
    struct nor *nor;
    struct nor_flash front;
    struct store_config store_config;
    struct space *active;
    unsigned waits, idle_waits;
    void (*others)(void);
    bool others_run;
    uint64_t operations;
    char log[OPERATIONS_KEPT][OPERATION_BYTES];
} rig;

/* ---- Randomness ---- */

static struct {
    const uint8_t *at;
    size_t left;
} feed;

void rig_feed(const uint8_t *bytes, size_t count)
{
    feed.at = bytes;
    feed.left = count;
}

bool rig_fed(void)
{
    return feed.left > 0;
}

/* One byte, or two for a large number: mostly small, so that few bytes go far. */
static uint64_t next_fed(void)
{
    uint64_t value = *feed.at++;

    if (--feed.left > 0 && value >= 0x80) {
        value += (uint64_t)*feed.at++ << 7;
        feed.left--;
    }
    return value;
}

uint64_t rig_random(void)
{
    if (rig_fed())
        return next_fed();
    uint64_t z = (rig.random += 0x9e3779b97f4a7c15ull); /* splitmix64 */

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

uint32_t rig_below(uint32_t bound)
{
    return (uint32_t)(rig_random() % bound);
}

bool rig_chance(unsigned percent)
{
    return rig_below(100) < percent;
}

/* ---- The record ---- */

void rig_operation(const char *format, ...)
{
    char *line = rig.log[rig.operations % OPERATIONS_KEPT];
    int used = snprintf(line, OPERATION_BYTES, "%llu: ", (unsigned long long)rig.operations);
    va_list arguments;

    rig.operations++;
    va_start(arguments, format);
    (void)vsnprintf(line + used, OPERATION_BYTES - (size_t)used, format, arguments);
    va_end(arguments);
}

void rig_result(int64_t result)
{
    char *line = rig.log[(rig.operations + OPERATIONS_KEPT - 1) % OPERATIONS_KEPT];
    size_t used = strlen(line);

    (void)snprintf(line + used, OPERATION_BYTES - used, " = %s0x%llx", result < 0 ? "-" : "",
                   (unsigned long long)(result < 0 ? -result : result));
}

void rig_print_operations(void)
{
    char text[256];
    uint64_t first = rig.operations > OPERATIONS_KEPT ? rig.operations - OPERATIONS_KEPT : 0;

    rig_describe(&rig.config, text, sizeof(text));
    (void)fprintf(stderr, "replay with VELLUM_SEED=%llu: %s\nthe last operations (results in hexadecimal):\n",
                  (unsigned long long)rig.config.seed, text);
    for (uint64_t i = first; i < rig.operations; i++)
        (void)fprintf(stderr, "  %s\n", rig.log[i % OPERATIONS_KEPT]);
}

_Noreturn void rig_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    abort();
}

/* ASSERT, the simulated hart and flash, and the sanitizers all end in abort(). A fuzzer's own handler then keeps the input. */
static struct sigaction fuzzers;

static void on_abort(int signal_number)
{
    (void)sigaction(signal_number, &fuzzers, NULL);
    rig_print_operations();
    (void)raise(signal_number); /* as it was before rig_start(); held back until this handler returns */
}

static void tell_operations_at_abort(void)
{
    struct sigaction ours = { .sa_handler = on_abort }, before;

    (void)sigaction(SIGABRT, &ours, &before);
    if (before.sa_handler != on_abort)
        fuzzers = before;
}

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "abort_on_error=1:handle_abort=0:detect_leaks=0";
}

/* ---- Configuration ---- */

struct rig_config rig_config_of(uint64_t seed)
{
    static const unsigned asid_bits[] = { 0, 1, 16 };
    static const unsigned tlb_entries[] = { 8, 32, 128 };
    static const uint32_t spare_pages[] = { 2, 12, 40, 200 };
    static const uint32_t tail_pages[] = { 8, 8, 24, 64 };
    static const uint32_t flash_blocks[] = { 0, 0, 16, 32 };
    struct rig_config config = { .seed = seed };

    rig.random = seed;
    config.hardware_ad = rig_chance(50);
    config.asid_bits = asid_bits[rig_below(3)];
    config.tlb_entries = tlb_entries[rig_below(3)];
    config.pointer_entries = rig_chance(60) ? 16 : 0;
    config.cache_invalid = rig_chance(40);
    config.refill = rig_chance(40);
    config.page_fence_broken = rig_chance(25);
    config.manual_time = rig_chance(50);
    config.spare_pages = spare_pages[rig_below(4)];
    config.tail_pages = tail_pages[rig_below(4)];
    config.flash_blocks = flash_blocks[rig_below(4)];
    return config;
}

void rig_describe(const struct rig_config *config, char *text, uint32_t bytes)
{
    (void)snprintf(
        text, bytes,
        "%s, %u ASID bits, TLB of %u and %u pointers%s%s%s, %u spare frames, tail of %u, %u blocks of flash%s",
        config->hardware_ad ? "A/D by hardware" : "A/D by faults", config->asid_bits, config->tlb_entries,
        config->pointer_entries, config->cache_invalid ? ", absences kept" : "", config->refill ? ", speculation" : "",
        config->page_fence_broken ? ", CIP-1200" : "", config->spare_pages, config->tail_pages, config->flash_blocks,
        config->manual_time ? " in slow time" : "");
}

/* ---- What the simulated hart asks ---- */

/* The descriptor of a frame of the pool, or NULL: RAM before it. */
static const struct frame *descriptor(pa_t pa)
{
    uint64_t number = (pa.raw - RAM_BASE) / PAGE_BYTES;

    return number < RAM_BEFORE_POOL ? NULL : frame_at((uint32_t)number - RAM_BEFORE_POOL);
}

static const char *frame_refuses(void *context, pa_t pa, enum mmu_use use)
{
    const struct frame *frame = descriptor(pa);

    (void)context;
    if (!frame)
        return "it is not a frame of the pool";
    switch (frame->kind) {
    case FRAME_TABLE:
        return use == MMU_USE_TABLE ? NULL : "it is a page table";
    case FRAME_ANONYMOUS:
    case FRAME_OBJECT:
        return use == MMU_USE_TABLE ? "it is a page of a task" : NULL;
    case FRAME_ZERO:
        return use == MMU_USE_READ ? NULL : "it is the shared page of zeros";
    case FRAME_FREE:
        return "the frame is free";
    default:
        return "it is a frame of the firmware";
    }
}

static uint64_t frame_identity(void *context, pa_t pa)
{
    const struct frame *frame = descriptor(pa);

    (void)context;
    return !frame ? 0 : (uint64_t)frame->kind << 60 ^ (uint64_t)frame->owner << 32 ^ frame->page;
}

/* ---- Start and stop ---- */

static void flash_start_empty(const struct rig_config *config)
{
    struct nor_config nor = nor_config_blocks(config->flash_blocks + 1, FLASH_BLOCK_BYTES);

    nor.seed = config->seed;
    nor.strict_once = true;
    rig.nor = nor_new(&nor);
    nor_flash_open(&rig.front, rig.nor, FLASH_BLOCK_BYTES);
    rig.store_config.flash = &rig.front.flash;
    rig.store_config.base = FLASH_BEFORE_STORE;
    rig.store_config.bytes = config->flash_blocks * FLASH_BLOCK_BYTES;
    if (flash_open_window(&rig.front.flash, rig.store_config.base, rig.store_config.bytes) != 0 ||
        store_format(&rig.store_config) != 0)
        rig_fail("the empty flash cannot be formatted");
}

static void store_start(const struct rig_config *config)
{
    uint8_t seed[STORE_SEED_BYTES] = { 0 };
    struct store *store;
    int error;

    rig.store_config = (struct store_config){ .tail_pages = config->tail_pages,
                                              .page_get = mm_page_get,
                                              .page_put = mm_page_put,
                                              .page_ask = mm_page_ask,
                                              .page_unask = mm_page_unask };
    memcpy(seed, &config->seed, sizeof(config->seed));
    if (config->flash_blocks)
        flash_start_empty(config);
    error = store_open(&rig.store_config, &store);
    if (error)
        rig_fail("store_open: %d", error);
    store_seed_set(store, seed, NULL);
    rig.front.manual_time = config->manual_time;
    mm_attach(store);
}

void rig_start(const struct rig_config *config)
{
    struct mm_config pool = { .pool = { RAM_BASE + (uint64_t)RAM_BEFORE_POOL * PAGE_BYTES } };
    int error;

    rig.config = *config;
    rig.random = config->seed ^ 0x76656c6c756dull;
    tell_operations_at_abort();
    /* As on T-Head's cores; by the seed, so that no other choice changes. */
    pool.leaf_bits = config->seed % 4 == 1 ? 7ull << 60 : 0;
    pool.frames = mm_minimum_frames() + config->tail_pages + config->spare_pages;
    mmu_start(&(struct mmu_config){ .base = RAM_BASE,
                                    .frames = RAM_BEFORE_POOL + pool.frames,
                                    .asid_bits = config->asid_bits,
                                    .hardware_ad = config->hardware_ad,
                                    .leaf_bits = pool.leaf_bits,
                                    .tlb_entries = config->tlb_entries,
                                    .pointer_entries = config->pointer_entries,
                                    .replacement = (enum mmu_replacement)rig_below(3),
                                    .cache_invalid = config->cache_invalid,
                                    .refill = config->refill,
                                    .page_fence_broken = config->page_fence_broken,
                                    .page_fence_widened = config->page_fence_broken,
                                    .no_audit = config->silent,
                                    .seed = config->seed,
                                    .refuse = frame_refuses,
                                    .identity = frame_identity });
    error = mm_init(&pool);
    if (error)
        rig_fail("mm_init of %u frames: %d", pool.frames, error);
    store_start(config);
}

bool rig_reopen(struct store **store)
{
    int error;

    if (!rig.config.flash_blocks)
        return false;
    store_close(mm_store());
    rig.front.manual_time = false;
    error = store_open(&rig.store_config, store);
    if (error)
        rig_fail("the store does not open again: %d", error);
    return true;
}

void rig_stop(void)
{
    mmu_stop();
    if (rig.nor)
        nor_free(rig.nor);
    rig.nor = NULL;
}

/* ---- Running ---- */

void rig_step(void)
{
    enum store_work work = store_step(mm_store());

    if (work == STORE_BUSY && rig.config.flash_blocks) {
        if (rig.config.manual_time)
            nor_advance_ns(rig.nor, rig_below(rig_chance(80) ? 400000u : 400000000u));
        flash_poll(&rig.front.flash);
    }
    rig.idle_waits = work == STORE_IDLE ? rig.idle_waits + 1 : 0;
}

void rig_while_waiting(void (*others)(void))
{
    rig.others = others;
}

void rig_wait(void)
{
    rig_step();
    if (rig.others && !rig.others_run) {
        rig.others_run = true;
        rig.others();
        rig.others_run = false;
    }
    if (rig.idle_waits > 4)
        rig_fail("-EAGAIN, but the store is idle: this would wait for ever");
    if (++rig.waits > WAITS_MAX)
        rig_fail("-EAGAIN still after %u steps of the store", WAITS_MAX);
}

void rig_progress(void)
{
    rig.waits = 0;
    rig.idle_waits = 0;
}

void rig_drain(void)
{
    for (unsigned i = 0; i < WAITS_MAX; i++) {
        rig_step();
        if (rig.idle_waits > 1)
            return;
    }
    rig_fail("the store is not idle after %u steps", WAITS_MAX);
}

const char *rig_rule(int line)
{
    static char text[4096];
    char *rule, *end;
    FILE *file = fopen("mm/vm/check.c", "r");
    size_t bytes = 0;

    if (!file)
        rig_fail("mm/vm/check.c is not there: tests run where the sources are");
    /* The line is one of a statement's; its words are the last that begin before that statement's end. */
    for (int i = 1; bytes < sizeof(text) && fgets(text + bytes, (int)(sizeof(text) - bytes), file); i++) {
        if (i >= line && strstr(text + bytes, ";"))
            break;
        bytes += i + 8 < line ? 0 : strlen(text + bytes);
    }
    (void)fclose(file);
    end = strrchr(text, '"');
    if (!end)
        rig_fail("no rule at line %d of mm/vm/check.c", line);
    *end = '\0';
    rule = strrchr(text, '"');
    return rule ? rule + 1 : text;
}

void rig_check(void)
{
    int line = mm_check();
    const char *broken = store_check(mm_store());

    if (line)
        rig_fail("mm_check: %s", rig_rule(line));
    if (broken)
        rig_fail("store_check: %s", broken);
}

/* ---- Files ---- */

#define PAGES_A_SYNC 128u /* a transaction takes RAM */

static void sync_file(struct object *object)
{
    int error = RIG_WAIT(object_sync(object));

    if (error)
        rig_fail("object_sync: %d", error);
}

uint32_t rig_file(const char *name, uint32_t pages)
{
    uint8_t contents[PAGE_BYTES];
    struct object *object;
    uint32_t node;
    int error = RIG_WAIT(node_make(mm_store(), NODE_ROOT, name, 0100644, &node));

    if (!error)
        error = RIG_WAIT(object_of_node(node, &object));
    if (error)
        rig_fail("no file: %d", error);
    for (uint32_t page = 0; page < pages; page++) {
        memset(contents, (int)('a' + page), sizeof(contents));
        if (RIG_WAIT(object_write(object, (uint64_t)page * PAGE_BYTES, NULL, (va_t)(uintptr_t)contents, PAGE_BYTES)) !=
            (int64_t)PAGE_BYTES)
            rig_fail("page %u of a file cannot be written", page);
        if (page % PAGES_A_SYNC == PAGES_A_SYNC - 1)
            sync_file(object);
    }
    sync_file(object);
    object_put(object);
    while (object_drop_idle())
        continue;
    return node;
}

/* ---- A task's accesses ---- */

/* What a switch does: the tables of the task before are not current while the ASID is chosen. */
static uint64_t task_satp(void *context)
{
    struct space *space = context;

    if (rig.active != space)
        mmu_leave();
    rig.active = space;
    return space_activate(space);
}

static int task_fault(void *context, va_t va, enum mmu_access access)
{
    static const enum access kinds[MMU_ACCESSES] = { ACCESS_LOAD, ACCESS_STORE, ACCESS_FETCH };

    return RIG_WAIT(fault(context, va, kinds[access]));
}

static struct mmu_task task_of(struct space *space)
{
    return (struct mmu_task){ .satp = task_satp, .fault = task_fault, .context = space };
}

int rig_load(struct space *space, va_t va, void *to, uint32_t bytes)
{
    struct mmu_task task = task_of(space);

    return sim_load(&task, va, to, bytes);
}

int rig_store(struct space *space, va_t va, const void *from, uint32_t bytes)
{
    struct mmu_task task = task_of(space);

    return sim_store(&task, va, from, bytes);
}

int rig_fetch(struct space *space, va_t va, void *to, uint32_t bytes)
{
    struct mmu_task task = task_of(space);

    return sim_fetch(&task, va, to, bytes);
}

void rig_touch(struct space *space, va_t va)
{
    uint8_t byte;

    if (mmu_access(task_satp(space), va, MMU_LOAD, &byte, 1) != 0 && fault(space, va, ACCESS_LOAD) != 0)
        return;
}

void rig_speculate(struct space *space, va_t va)
{
    mmu_speculate(task_satp(space), va);
}

void rig_leave(struct space *space)
{
    if (rig.active == space) {
        mmu_leave();
        rig.active = NULL;
    }
}
