/*
 * What our choice of victims costs, against LRU and against the best that knows the future: bench_policy TRACE ...
 *
 * A trace (tests/bench/trace_plugin.c) is played to the memory code itself, over the simulated hart, in 25 and in 50 % of the
 * frames that it would fill. Pages that are ever stored to are anonymous, the others a file's. A page's first touch is the
 * same for everyone and costs nothing; from then on
 *
 *   a page brought back costs one read, a page that leaves dirty one write.
 *
 * The others get as many frames as ours has pages in, on average since the first page left. Costs are flash time, in the datasheet's figures for a page that
 * compresses 2.48 to 1. The tail is as good as flash here: what it saves has figures of its own.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/vm/object.h"
#include "mm/vm/vm.h"
#include "tests/host/vm_rig.h"

/* IS25WP256: 1,652 bytes on a quad bus at 50 MHz; 6.5 programs of 256 bytes, a 38th of an erase of 64 KiB. */
#define READ_US  67.0
#define WRITE_US 9000.0

#define PRIVATE    0x40000000ull
#define TEXT       0x50000000ull
#define TAIL_PAGES 24u
/* What the rig's minimum leaves for pages when tables, pools and the store have taken their own. */
#define OVERHEAD (TAIL_PAGES + 8u)
#define NEVER    UINT32_MAX

struct trace {
    uint32_t *words; /* page << 1 | store */
    uint32_t count, pages, text_pages;
    uint32_t *next;    /* where the page is touched next, or NEVER */
    bool *is_stored;   /* by page: ever */
    uint32_t *address; /* by page: its number among those of its kind */
};

struct cost {
    uint64_t reads, writes;
    uint32_t frames;
};

static double cost_us(struct cost cost)
{
    return READ_US * (double)cost.reads + WRITE_US * (double)cost.writes;
}

static void *memory(size_t count, size_t bytes)
{
    void *made = calloc(count, bytes);

    if (!made)
        rig_fail("bench_policy: no memory");
    return made;
}

/* ---- Traces ---- */

static void read_words(struct trace *trace, const char *path)
{
    FILE *file = fopen(path, "rb");

    if (!file || fseek(file, 0, SEEK_END) != 0)
        rig_fail("bench_policy: %s cannot be read", path);
    trace->count = (uint32_t)(ftell(file) / (long)sizeof(uint32_t));
    trace->words = memory(trace->count, sizeof(uint32_t));
    rewind(file);
    if (fread(trace->words, sizeof(uint32_t), trace->count, file) != trace->count || trace->count == 0)
        rig_fail("bench_policy: %s cannot be read", path);
    (void)fclose(file);
}

/* What is ever stored to is stored to when it is first touched: a program's heap is, and its data comes from a file. */
static void prepare(struct trace *trace)
{
    uint32_t *last;

    for (uint32_t i = 0; i < trace->count; i++)
        if (trace->words[i] >> 1 >= trace->pages)
            trace->pages = (trace->words[i] >> 1) + 1;
    trace->is_stored = memory(trace->pages, sizeof(bool));
    trace->address = memory(trace->pages, sizeof(uint32_t));
    trace->next = memory(trace->count, sizeof(uint32_t));
    last = memory(trace->pages, sizeof(uint32_t));
    for (uint32_t i = 0; i < trace->count; i++)
        trace->is_stored[trace->words[i] >> 1] |= trace->words[i] & 1;
    for (uint32_t page = 0, stored = 0; page < trace->pages; page++) {
        trace->address[page] = trace->is_stored[page] ? stored++ : trace->text_pages++;
        last[page] = NEVER;
    }
    for (uint32_t i = trace->count; i-- > 0;) {
        uint32_t page = trace->words[i] >> 1;

        trace->next[i] = last[page];
        last[page] = i;
    }
    for (uint32_t page = 0; page < trace->pages; page++)
        trace->words[last[page]] |= trace->is_stored[page];
    free(last);
}

static void drop(struct trace *trace)
{
    free(trace->words);
    free(trace->next);
    free(trace->is_stored);
    free(trace->address);
}

/* ---- Ours ---- */

static struct space *make_space(const struct trace *trace)
{
    struct object *object;
    uint32_t node = rig_file("text", trace->text_pages);
    int error = RIG_WAIT(object_of_node(node, &object));
    struct space *space = space_create("trace");
    struct map_request text = { .address = TEXT,
                                .bytes = (uint64_t)trace->text_pages * PAGE_BYTES,
                                .protection = MAP_READ,
                                .flags = REGION_FIXED };
    struct map_request private = { .address = PRIVATE,
                                   .bytes = (uint64_t)(trace->pages - trace->text_pages) * PAGE_BYTES,
                                   .protection = MAP_READ | MAP_WRITE,
                                   .flags = REGION_FIXED };

    text.object = object;
    if (error || !space || RIG_WAIT(space_map(space, &text)) < 0 || RIG_WAIT(space_map(space, &private)) < 0)
        rig_fail("bench_policy: no space");
    object_put(object);
    return space;
}

/* The first word of a page, once it has been stored to or comes from rig_file(). */
static uint64_t contents(const struct trace *trace, uint32_t page)
{
    return trace->is_stored[page] ? page + 1 : 0x0101010101010101ull * (uint8_t)('a' + trace->address[page]);
}

static void touch(struct space *space, const struct trace *trace, uint32_t word)
{
    uint32_t page = word >> 1;
    va_t va = (trace->is_stored[page] ? PRIVATE : TEXT) + (va_t)trace->address[page] * PAGE_BYTES;
    uint64_t is = contents(trace, page), value = is;
    int error = word & 1 ? rig_store(space, va, &value, sizeof(value)) : rig_load(space, va, &value, sizeof(value));

    if (error || value != is)
        rig_fail("bench_policy: page %u holds %llu, error %d", page, (unsigned long long)value, error);
}

static uint64_t evicted(void)
{
    return mm.evict_clean + mm.evict_dirty;
}

static struct cost play_ours(const struct trace *trace, uint32_t frames)
{
    struct rig_config config = { .seed = 1,
                                 .hardware_ad = true,
                                 .asid_bits = 16,
                                 .tlb_entries = 32,
                                 .silent = true,
                                 .spare_pages = frames > OVERHEAD ? frames - OVERHEAD : 1,
                                 .tail_pages = TAIL_PAGES,
                                 .flash_blocks = 512 };
    struct cost cost = { 0 };
    struct mm_statistics before, after;
    uint64_t pages = 0, accesses = 0;

    rig_start(&config);
    struct space *space = make_space(trace);

    mm_statistics(&before);
    for (uint32_t i = 0; i < trace->count; i++) {
        touch(space, trace, trace->words[i]);
        if (evicted() == 0)
            continue;
        pages += mm.kinds[FRAME_ANONYMOUS] + mm.kinds[FRAME_OBJECT];
        accesses++;
    }
    mm_statistics(&after);
    cost.frames = (uint32_t)((pages + accesses - 1) / accesses);
    cost.writes = after.evict_dirty - before.evict_dirty;
    cost.reads = after.faults[FAULT_TAIL] - before.faults[FAULT_TAIL] + after.faults[FAULT_FLASH] -
                 before.faults[FAULT_FLASH] + after.faults[FAULT_FILE] - before.faults[FAULT_FILE] - trace->text_pages;
    rig_leave(space);
    space_put(space);
    rig_stop();
    return cost;
}

/* ---- The others ---- */

struct resident {
    uint32_t page, used, next;
    bool dirty;
};

typedef uint32_t choose_t(const struct resident *frames, uint32_t count, uint32_t now, double parameter);

static uint32_t choose_oldest(const struct resident *frames, uint32_t count, uint32_t now, double parameter)
{
    uint32_t best = 0;

    (void)now, (void)parameter;
    for (uint32_t i = 1; i < count; i++)
        if (frames[i].used < frames[best].used)
            best = i;
    return best;
}

/*
 * Knows the future: of the clean page and the dirty page that are used last, the clean one, unless the dirty one is used
 * `parameter` times further away. With 1 that is Belady's choice, which makes the fewest reads; the best for reads and
 * writes together is NP-hard to find, and the least over several parameters stands for it.
 */
static uint32_t choose_farthest(const struct resident *frames, uint32_t count, uint32_t now, double parameter)
{
    uint32_t best[2] = { NEVER, NEVER };

    for (uint32_t i = 0; i < count; i++) {
        uint32_t *of_kind = &best[frames[i].dirty];

        if (*of_kind == NEVER || frames[i].next > frames[*of_kind].next)
            *of_kind = i;
    }
    if (best[0] == NEVER || best[1] == NEVER)
        return best[0] == NEVER ? best[1] : best[0];
    const struct resident *clean = &frames[best[0]], *dirty = &frames[best[1]];

    if (clean->next == NEVER)
        return best[0];
    return dirty->next == NEVER || dirty->next - now > parameter * (clean->next - now) ? best[1] : best[0];
}

static struct cost play(const struct trace *trace, uint32_t frames, choose_t *choose, double parameter)
{
    struct resident *resident = memory(frames, sizeof(*resident));
    uint32_t *place = memory(trace->pages, sizeof(*place)), count = 0; /* index + 1; 0: out */
    bool *seen = memory(trace->pages, sizeof(*seen));
    struct cost cost = { .frames = frames };

    for (uint32_t i = 0; i < trace->count; i++) {
        uint32_t page = trace->words[i] >> 1, at = place[page] - 1;

        if (!place[page]) {
            at = count < frames ? count++ : choose(resident, count, i, parameter);
            if (resident[at].used)
                place[resident[at].page] = 0;
            cost.writes += resident[at].dirty;
            cost.reads += seen[page];
            resident[at] = (struct resident){ .page = page };
            place[page] = at + 1;
            seen[page] = true;
        }
        resident[at].used = i + 1;
        resident[at].next = trace->next[i];
        resident[at].dirty |= trace->words[i] & 1;
    }
    free(resident);
    free(place);
    free(seen);
    return cost;
}

static struct cost play_best(const struct trace *trace, uint32_t frames)
{
    static const double parameters[] = { 1, 4, 32, WRITE_US / READ_US, 1000 };
    struct cost best = play(trace, frames, choose_farthest, parameters[0]);

    for (size_t i = 1; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        struct cost cost = play(trace, frames, choose_farthest, parameters[i]);

        if (cost_us(cost) < cost_us(best))
            best = cost;
    }
    return best;
}

/* ---- Figures ---- */

static struct {
    double lru, best, reads, worst; /* sums of logarithms; the worst cell */
    unsigned cells;
} figures;

static void cell(const struct trace *trace, const char *path, uint32_t percent)
{
    struct cost ours = play_ours(trace, trace->pages * percent / 100);
    struct cost lru = play(trace, ours.frames, choose_oldest, 0), best = play_best(trace, ours.frames);
    double ratio = cost_us(ours) / cost_us(lru);

    (void)fprintf(stderr,
                  "%s: %u of %u pages; reads+writes ours %lu+%lu, LRU %lu+%lu, best %lu+%lu: %.3f of LRU, best %.3f\n",
                  path, ours.frames, trace->pages, ours.reads, ours.writes, lru.reads, lru.writes, best.reads,
                  best.writes, ratio, cost_us(best) / cost_us(lru));
    figures.lru += log(ratio);
    /* Where the best would need nothing at all, it counts as one write; and a read is added to both sides. */
    figures.best += log(cost_us(ours) / fmax(cost_us(best), WRITE_US));
    figures.reads += log((double)(ours.reads + 1) / (double)(lru.reads + 1));
    figures.worst = ratio > figures.worst ? ratio : figures.worst;
    figures.cells++;
}

int main(int count, char **paths)
{
    for (int i = 1; i < count; i++) {
        struct trace trace = { 0 };

        read_words(&trace, paths[i]);
        prepare(&trace);
        cell(&trace, paths[i], 25);
        cell(&trace, paths[i], 50);
        drop(&trace);
    }
    if (!figures.cells)
        rig_fail("usage: bench_policy TRACE ...");
    printf("bench policy_cost %.3f ratio\n", exp(figures.lru / figures.cells));
    printf("bench policy_cost_worst %.3f ratio\n", figures.worst);
    printf("bench policy_cost_of_best %.2f ratio\n", exp(figures.best / figures.cells));
    printf("bench policy_reads %.3f ratio\n", exp(figures.reads / figures.cells));
    return 0;
}
