/*
 * The store's figures, counted on the simulated IS25WP256 in datasheet time: "bench NAME VALUE UNIT".
 *
 * Pages compress to 1,652 bytes on average (ratio 2.48), evenly spread over 770 to 2,560. "Full" is what is alive on
 * flash, headers included, against the whole partition.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/host/store_rig.h"

#define BLOCK_BYTES  65536u
#define RECORD_BYTES 1692u /* header, mean payload, alignment */

static struct bed bed;
static slot_t *slots;
static uint64_t page[BED_PAGE / 8];

static void fail(const char *what, int error)
{
    (void)fprintf(stderr, "bench_store: %s: %d\n", what, error);
    exit(1);
}

static void page_make(void)
{
    uint32_t fresh = 94 + bed_below(&bed, 224);
    uint64_t state = bed_random(&bed);

    for (uint32_t i = 0; i < fresh; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        page[i] = state ^ state >> 29;
    }
    for (uint32_t i = fresh; i < BED_PAGE / 8; i++)
        page[i] = page[i - fresh];
}

static void save(uint32_t index)
{
    int error;

    page_make();
    while ((error = slot_save(bed.store, &slots[index], 0, page)) == -EAGAIN)
        if (store_step(bed.store) == STORE_IDLE)
            fail("the store does nothing", 0);
    if (error)
        fail("slot_save", error);
    for (int i = 0; i < 64 && store_wants_step(bed.store); i++)
        (void)store_step(bed.store);
}

static void begin(uint32_t blocks, uint32_t tail_pages)
{
    struct bed_config config = { .blocks = blocks, .block_bytes = BLOCK_BYTES, .tail_pages = tail_pages, .seed = 42 };

    bed_start(&bed, &config);
    slots = calloc(1u << 20, sizeof *slots);
    if (!slots)
        fail("memory", 0);
}

static void end(void)
{
    const char *broken = store_check(bed.store);

    if (broken)
        fail(broken, 0);
    free(slots);
    bed_stop(&bed);
}

/* 80 % of the choices fall on the first fifth. */
static uint32_t skewed(uint32_t count)
{
    uint32_t fifth = count / 5;

    return bed_below(&bed, 100) < 80 ? bed_below(&bed, fifth) : fifth + bed_below(&bed, count - fifth);
}

/* ---- Write amplification ---- */

static void write_amp(uint32_t percent)
{
    uint32_t blocks = 256;
    uint32_t count = (uint32_t)((uint64_t)blocks * BLOCK_BYTES * percent / 100 / RECORD_BYTES);
    struct store_statistics before, after;

    begin(blocks, 16);
    for (uint32_t i = 0; i < count; i++)
        save(i);
    for (uint32_t i = 0; i < 6 * count; i++)
        save(skewed(count));
    store_statistics(bed.store, &before);
    for (uint32_t i = 0; i < 6 * count; i++)
        save(skewed(count));
    store_statistics(bed.store, &after);
    printf("bench write_amp_80_20_%u %.2f ratio\n", percent,
           1 + (double)(after.gc_moved_records - before.gc_moved_records) /
                   (double)(after.records_to_flash - before.records_to_flash));
    end();
}

/* ---- Swap: a working set that turns over, half of the partition full ---- */

static void swap_in(uint32_t count)
{
    uint64_t before = bed.nor->counters.read_ns, worst = 0;
    uint32_t loads = 0;
    int source;

    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t index = bed_below(&bed, count);
        uint64_t start = bed.nor->counters.read_ns;

        source = slot_load(bed.store, slots[index], 0, page);
        if (source < 0)
            fail("slot_load", source);
        if (source != SLOT_FLASH) {
            before += bed.nor->counters.read_ns - start;
            continue;
        }
        loads++;
        if (bed.nor->counters.read_ns - start > worst)
            worst = bed.nor->counters.read_ns - start;
    }
    printf("bench swap_in_us %.1f us\n", (double)(bed.nor->counters.read_ns - before) / loads / 1000);
}

/* A read that meets an erase: time stands still but for what the read itself takes. */
static void swap_in_during_erase(uint32_t count)
{
    uint64_t worst = 0;

    bed.front.manual_time = true;
    for (uint32_t i = 0, met = 0; i < 100000 && met < 200; i++) {
        uint32_t index = bed_below(&bed, count);
        uint64_t start;

        if (bed.nor->operation.kind != NOR_ERASE) {
            bed.front.manual_time = false;
            save(skewed(count));
            bed.front.manual_time = true;
            (void)store_step(bed.store);
            continue;
        }
        nor_advance_ns(bed.nor, 1000000);
        start = bed.nor->now_ns;
        if (slot_load(bed.store, slots[index], 0, page) == SLOT_FLASH) {
            met++;
            if (bed.nor->now_ns - start > worst)
                worst = bed.nor->now_ns - start;
        }
        (void)store_step(bed.store);
    }
    bed.front.manual_time = false;
    printf("bench swap_in_worst_us %.0f us\n", (double)worst / 1000);
}

static void swap_out(void)
{
    uint32_t blocks = 512;
    uint32_t count = (uint32_t)((uint64_t)blocks * BLOCK_BYTES / 2 / RECORD_BYTES);
    struct store_statistics before, after;
    struct nor_counters from;
    double evictions, ns;

    begin(blocks, 64);
    for (uint32_t i = 0; i < count; i++)
        save(i);
    for (uint32_t i = 0; i < 2 * count; i++)
        save(skewed(count));
    store_statistics(bed.store, &before);
    from = bed.nor->counters;
    for (uint32_t i = 0; i < 4 * count; i++)
        save(skewed(count));
    store_statistics(bed.store, &after);
    evictions = (double)(after.records_to_flash - before.records_to_flash);
    ns = (double)(bed.nor->counters.program_ns - from.program_ns + bed.nor->counters.erase_ns - from.erase_ns +
                  bed.nor->counters.read_ns - from.read_ns);
    printf("bench swap_program_bytes %.0f bytes\n",
           (double)(bed.nor->counters.program_bytes - from.program_bytes) / evictions);
    printf("bench swap_erases_per_1000 %.1f erases\n",
           (double)(bed.nor->counters.erases - from.erases) * 1000 / evictions);
    printf("bench swap_out_ms %.2f ms\n", ns / evictions / 1e6);
    swap_in(count);
    swap_in_during_erase(count);
    end();
}

/* ---- Wear: half of the partition is files that never change ---- */

static void cold_files(uint32_t blocks)
{
    uint32_t pages = (uint32_t)((uint64_t)blocks * BLOCK_BYTES / 2 / (RECORD_BYTES + 32));
    uint32_t id;

    if (bed_make(&bed, NODE_ROOT, "cold", 0100644, &id))
        fail("node_make", 0);
    for (uint32_t at = 0; at < pages; at += 256) {
        if (bed_begin(&bed, 256))
            fail("store_begin", 0);
        for (uint32_t i = at; i < at + 256; i++) {
            int error;

            page_make();
            while ((error = node_write_page(bed.store, id, i, page)) == -EAGAIN)
                (void)store_step(bed.store);
            if (error)
                fail("node_write_page", error);
        }
        if (bed_commit(&bed))
            fail("store_commit", 0);
    }
}

static void mount_again(const char *name)
{
    struct store_statistics statistics;
    uint64_t before;

    bed_forget(&bed);
    memset(slots, 0, (1u << 20) * sizeof *slots);
    before = bed.nor->counters.read_ns;
    if (bed_open(&bed))
        fail("store_open", 0);
    store_statistics(bed.store, &statistics);
    printf("bench %s_ms %.1f ms\n", name, (double)(bed.nor->counters.read_ns - before) / 1e6);
    printf("bench %s_read_bytes %u bytes\n", name, statistics.mount_read_bytes);
    printf("bench %s_reads %u reads\n", name, statistics.mount_reads);
}

/* 32 MiB, full: files of 64 pages until no more are taken. */
static void mount_full(void)
{
    uint32_t files = 0, id;
    int error = 0;

    begin(512, 32);
    while (!error) {
        char name[16];

        (void)snprintf(name, sizeof name, "file%u", files);
        if (bed_make(&bed, NODE_ROOT, name, 0100644, &id))
            fail("node_make", 0);
        error = bed_begin(&bed, 64);
        for (uint32_t i = 0; i < 64 && !error; i++) {
            page_make();
            while ((error = node_write_page(bed.store, id, i, page)) == -EAGAIN)
                (void)store_step(bed.store);
        }
        if (!error)
            error = bed_commit(&bed);
        files += !error;
    }
    if (error != -ENOSPC)
        fail("filling", error);
    mount_again("mount_full");
    printf("bench mount_full_files %u files\n", files);
    end();
}

static void wear(uint32_t evictions)
{
    uint32_t blocks = 512, count = 4000;
    struct store_statistics statistics;

    begin(blocks, 32);
    cold_files(blocks);
    mount_again("mount"); /* half of 32 MiB is files */
    do {
        for (uint32_t i = 0; i < 1000; i++)
            save(skewed(count));
        store_statistics(bed.store, &statistics);
    } while (statistics.records_to_flash < evictions);
    printf("bench wear_spread %u erases\n", statistics.wear_max - statistics.wear_min);
    printf("bench wear_mean %.1f erases\n", (double)statistics.wear_total / blocks);
    end();
}

int main(int argc, char **argv)
{
    swap_out();
    write_amp(50);
    write_amp(70);
    write_amp(80);
    mount_full();
    wear(argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 1000000);
    return 0;
}
