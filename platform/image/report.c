/*
 * What can be known of an image without writing to it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "mm/store/seal.h"
#include "platform/image/commands.h"

#define PAGE 4096u

static const char *const state_names[] = {
    [BLOCK_DIRTY] = "dirty", [BLOCK_ERASED] = "erased", [BLOCK_OPEN] = "open",
    [BLOCK_FULL] = "full",   [BLOCK_BAD] = "bad",
};

static const char *const stream_names[STREAM_COUNT] = {
    [STREAM_HOT] = "hot",
    [STREAM_COLD] = "cold",
    [STREAM_DURABLE] = "durable",
    [STREAM_SETTLED] = "settled",
};

/* How many of the file's pages cannot be read. */
static uint32_t bad_pages(struct image *image, const struct node_info *info)
{
    uint8_t page[PAGE] __attribute__((aligned(8)));
    uint32_t bad = 0;

    for (uint64_t at = 0; at < info->bytes; at += PAGE)
        if (IMAGE_RETRY(image, node_read_page(image->store, info->id, (uint32_t)(at / PAGE), page)) != 0)
            bad++;
    return bad;
}

static uint32_t check_files(struct image *image)
{
    struct tree_walk walk = { 0 };
    uint32_t files = 0, damaged = 0;

    while (tree_next(image, &walk)) {
        uint32_t bad = S_ISREG(walk.info.mode) ? bad_pages(image, &walk.info) : 0;
        files++;
        if (bad == 0)
            continue;
        damaged++;
        printf("%s: %u of its %llu pages cannot be read: their checksums do not match\n", walk.path, bad,
               (unsigned long long)((walk.info.bytes + PAGE - 1) / PAGE));
    }
    printf("%u files and directories, %u damaged\n", files, damaged);
    return damaged;
}

static void print_store(struct image *image)
{
    struct store_statistics s;

    store_statistics(image->store, &s);
    printf("%u blocks of %u KiB: %u erased, %u dirty, %u swap, %u durable, %u bad\n", s.blocks,
           image->board.geometry.erase_bytes >> 10, s.blocks_erased, s.blocks_dirty, s.blocks_swap, s.blocks_durable,
           s.blocks_bad);
    printf("mounted with %u reads of %u bytes\n", s.mount_reads, s.mount_read_bytes);
}

/* Equal fingerprints are equal seeds: images that were copied from one another. It does not tell the seed. */
static void print_seed(const struct image *image)
{
    struct store_seed seed;
    uint8_t fingerprint[8];

    if (!store_seed_kept(image->store, &seed))
        return;
    seal_random(seed.bytes, fingerprint, sizeof fingerprint);
    printf("kept seed: %s, fingerprint ", seed.strong ? "strong" : "weak");
    for (size_t i = 0; i < sizeof fingerprint; i++)
        printf("%02x", fingerprint[i]);
    putchar('\n');
}

bool command_check(struct image *image, int count, char **arguments)
{
    enum store_content content;
    (void)count, (void)arguments;

    int error = store_probe(&image->config, &content);
    if (error != 0)
        return image_fail("%s: %s", image->path, strerror(-error));
    printf("partition %#x to %#x of %s: %s\n", image->board.start, image->board.start + image->board.bytes - 1,
           image->board.name, image_content_text(content));
    if (!image_mount(image))
        return false;
    print_store(image);
    print_seed(image);

    uint32_t unreadable = image_explain(image);
    const char *broken = store_check(image->store);
    if (broken != NULL)
        printf("the store breaks its own rule: %s\n", broken);
    uint32_t bad = store_verify(image->store);
    if (bad != 0)
        printf("%u live records on flash do not pass their check\n", bad);
    uint32_t damaged = check_files(image);
    bool good = broken == NULL && bad == 0 && damaged == 0 && unreadable == 0;
    puts(good ? "good" : "damaged");
    return good;
}

/* Counts that no stamp tells are marked; the totals are those of the lines. */
bool command_wear(struct image *image, int count, char **arguments)
{
    struct store_statistics s;
    uint64_t sum = 0;
    uint32_t least = UINT32_MAX, most = 0, estimates = 0;
    (void)count, (void)arguments;

    store_statistics(image->store, &s);
    for (uint32_t block = 0; block < s.blocks; block++) {
        struct block_info info;
        int error = store_block(image->store, block, &info);
        if (error != 0)
            return image_fail("block %u: %s", block, strerror(-error));
        bool known = image_erases_known(image, block);
        printf("%6u%c%s", info.erases, known ? ' ' : '~', block % 16 == 15 || block + 1 == s.blocks ? "\n" : "");
        sum += info.erases;
        least = info.erases < least ? info.erases : least;
        most = info.erases > most ? info.erases : most;
        estimates += !known;
    }
    printf("erases: total %llu, least %u, most %u, spread %u, mean %.2f; %u blocks estimated (~)\n",
           (unsigned long long)sum, least, most, most - least, (double)sum / (double)s.blocks, estimates);
    printf("counted by the newest stamp: %llu\n", (unsigned long long)s.wear_total);
    return true;
}

bool command_dump(struct image *image, int count, char **arguments)
{
    struct store_statistics s;
    struct block_info info;
    (void)count, (void)arguments;

    store_statistics(image->store, &s);
    puts("block    address state  stream    sequence     used     live  erases");
    for (uint32_t block = 0; block < s.blocks; block++) {
        int error = store_block(image->store, block, &info);
        if (error != 0)
            return image_fail("block %u: %s", block, strerror(-error));
        bool written = info.state == BLOCK_OPEN || info.state == BLOCK_FULL;
        printf("%5u %#10x %-6s %-8s %9u %8u %8u %7u\n", block,
               image->board.start + block * image->board.geometry.erase_bytes, state_names[info.state],
               written ? stream_names[info.stream] : "-", info.sequence, info.used_bytes, info.live_bytes, info.erases);
    }
    return command_ls(image, 0, NULL);
}
