/* Commands about the store: log, files, blocks, wear, swapon, swapoff. */
#include <errno.h>

#include "firmware/linux/abi.h"
#include "firmware/linux/path.h"
#include "firmware/monitor_commands.h"
#include "firmware/usercopy.h"

static struct store *store_here(void)
{
    if (!mm_store())
        monitor_print("there is no store\n");
    return mm_store();
}

int monitor_log(const struct monitor_host *host, unsigned count, const char *const *words)
{
    struct store *store = store_here();
    struct store_statistics s;

    (void)count, (void)words;
    if (!store)
        return -ENODEV;
    store_statistics(store, &s);
    uint64_t out = s.payload_bytes_out ? s.payload_bytes_out : 1;
    monitor_print("tail      %u records, %u of %u KiB; at most %u KiB\n", s.tail_records, s.tail_bytes >> 10,
                  s.tail_pages * 4, s.tail_peak_bytes >> 10);
    monitor_print("slots     %u in use, at most %u; %lu saved, %lu read from the tail, %lu from flash\n", s.slots_used,
                  s.slots_peak, s.tail_saves, s.tail_loads, s.flash_loads);
    monitor_print("to flash  %lu swap records, %lu durable; %lu moved by garbage collection (%lu bytes)\n",
                  s.records_to_flash, s.durable_records, s.gc_moved_records, s.gc_moved_bytes);
    monitor_print("ratio     %lu.%02lu; %lu bad records\n", s.payload_bytes_in / out,
                  s.payload_bytes_in % out * 100 / out, s.bad_records);
    monitor_print("capacity  %lu pages in tail and flash: %u promised, %lu free\n", s.capacity_pages, s.promised_pages,
                  s.capacity_pages > s.promised_pages ? s.capacity_pages - s.promised_pages : 0);
    if (s.blocks)
        monitor_print("blocks    %u: %u bad, %u erased, %u in reserve; swap may take %u\n", s.blocks, s.blocks_bad,
                      s.blocks_erased, s.reserve_blocks, s.swap_blocks_most);
    if (s.life_declared)
        monitor_print("life      %ld erases may be spent now\n", s.life_erases);
    if (host->flash)
        monitor_print("flash     %lu bytes read, %lu programmed, %lu erases, %lu failures\n",
                      host->flash->counters.read_bytes, host->flash->counters.program_bytes,
                      host->flash->counters.erases, host->flash->counters.failures);
    return 0;
}

static void show_node(const struct node_info *node)
{
    bool directory = (node->mode & LINUX_S_IFMT) == LINUX_S_IFDIR;

    monitor_print("%6u %10lu %s%s\n", node->id, node->bytes, node->name, directory ? "/" : "");
}

int monitor_files(const struct monitor_host *host, unsigned count, const char *const *words)
{
    struct store *store = store_here();
    uint32_t directory = NODE_ROOT;
    struct node_info node = { 0 };

    (void)host;
    if (!store)
        return -ENODEV;
    if (count > 1 && path_find(NODE_ROOT, words[1], &directory) != 0) {
        monitor_print("%s: no such file\n", words[1]);
        return -ENOENT;
    }
    if (node_get(store, directory, &node) == 0 && (node.mode & LINUX_S_IFMT) != LINUX_S_IFDIR) {
        show_node(&node);
        return 0;
    }
    node.id = 0;
    while (node_next(store, directory, node.id, &node) == 0)
        show_node(&node);
    return 0;
}

static bool each_block(uint32_t *block, struct block_info *info)
{
    return store_block(mm_store(), (*block)++, info) == 0;
}

int monitor_blocks(const struct monitor_host *host, unsigned count, const char *const *words)
{
    static const char *const states[] = {
        [BLOCK_DIRTY] = "dirty", [BLOCK_ERASED] = "erased", [BLOCK_OPEN] = "open",
        [BLOCK_FULL] = "full",   [BLOCK_BAD] = "bad",
    };
    static const char *const streams[STREAM_COUNT] = {
        [STREAM_HOT] = "hot",
        [STREAM_COLD] = "cold",
        [STREAM_DURABLE] = "durable",
        [STREAM_SETTLED] = "settled",
    };
    struct block_info info;

    (void)host, (void)count, (void)words;
    if (!store_here())
        return -ENODEV;
    monitor_print("block state  stream    sequence    used    live erases\n");
    for (uint32_t block = 0; each_block(&block, &info);) {
        bool written = info.state == BLOCK_OPEN || info.state == BLOCK_FULL;

        monitor_print("%5u %-7s%-8s %9u %7u %7u %6u\n", block - 1, states[info.state],
                      written ? streams[info.stream] : "-", info.sequence, info.used_bytes, info.live_bytes,
                      info.erases);
    }
    return 0;
}

int monitor_wear(const struct monitor_host *host, unsigned count, const char *const *words)
{
    uint64_t sum = 0; /* unknown counts are estimates in it, so it may be above what was ever erased */
    struct store *store = store_here();
    struct store_statistics s;
    struct block_info info;

    (void)host, (void)count, (void)words;
    if (!store)
        return -ENODEV;
    store_statistics(store, &s);
    for (uint32_t block = 0; each_block(&block, &info);)
        sum += info.erases;
    monitor_print("%lu erases of %u blocks: least %u, most %u, %u bad blocks\n", sum, s.blocks, s.wear_min, s.wear_max,
                  s.blocks_bad);
    for (uint32_t block = 0; each_block(&block, &info);)
        monitor_print(block % 16 == 0 || block == s.blocks ? "%6u\n" : "%6u", info.erases);
    return 0;
}

/* What it is from now on, for whoever asks or has changed it. */
static int show_swap(const char *news)
{
    struct store_statistics s;

    store_statistics(mm_store(), &s);
    monitor_print("%sswap %s: %u of %u blocks, room for %lu pages, %u promised\n", news,
                  s.swap_blocks_most ? "on" : "off", s.swap_blocks_most, s.blocks, s.capacity_pages, s.promised_pages);
    return 0;
}

static int set_swap(uint32_t blocks)
{
    struct store *store = store_here();
    struct store_statistics s;

    if (!store)
        return -ENODEV;
    store_statistics(store, &s);
    if (!s.blocks) {
        monitor_print("refused: no store on flash\n");
        return -ENODEV;
    }
    blocks = blocks < s.blocks ? blocks : s.blocks;
    if (blocks == s.swap_blocks_most)
        return show_swap("nothing to change: ");
    int error = (int)MM_RETRY(store_swap_set(store, blocks));

    if (!error)
        return show_swap("");
    if (error == -ENOSPC)
        monitor_print("refused: %lu pages that are out or promised would have no room\n",
                      store_swap_lacks(store, blocks));
    else
        monitor_print("failed: error %d\n", -error);
    return error;
}

int monitor_swap_on(const struct monitor_host *host, unsigned count, const char *const *words)
{
    uint64_t blocks = UINT32_MAX;

    (void)host;
    if (count > 1 && !monitor_number(words[1], &blocks))
        return -EINVAL;
    return set_swap(blocks < UINT32_MAX ? (uint32_t)blocks : UINT32_MAX);
}

int monitor_swap_off(const struct monitor_host *host, unsigned count, const char *const *words)
{
    (void)host, (void)count, (void)words;
    return set_swap(0);
}
