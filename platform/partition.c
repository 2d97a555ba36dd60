/*
 * Finding the partition; see platform/partition.h. Everything that comes from the flash or the device tree is checked
 * against the part's size before it is used.
 */
#include "platform/partition.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* UEFI Specification 2.10, section 5.3.2 "GPT Header" and 5.3.3 "GPT Partition Entry Array"; little-endian */
#define LBA_BYTES            512u
#define GPT_SIGNATURE        "EFI PART"
#define GPT_HEADER_BYTES_MIN 92u
#define GPT_ENTRY_BYTES      128u /* larger ones are legal, and never seen */
#define GPT_ENTRIES_MAX      256u
enum {
    GPT_HEADER_BYTES = 12,
    GPT_HEADER_CRC = 16,
    GPT_MY_LBA = 24,
    GPT_FIRST_USABLE_LBA = 40,
    GPT_LAST_USABLE_LBA = 48,
    GPT_ENTRIES_LBA = 72,
    GPT_ENTRIES_COUNT = 80,
    GPT_ENTRIES_SIZE = 84,
    GPT_ENTRIES_CRC = 88,
};
enum { ENTRY_TYPE = 0, ENTRY_FIRST_LBA = 32, ENTRY_LAST_LBA = 40, GUID_BYTES = 16 };

/* 5ed02dab-d05b-489a-a784-369f30908573: the first three fields of a GUID are stored little-endian */
static const uint8_t vellum_type[GUID_BYTES] = { 0xab, 0x2d, 0xd0, 0x5e, 0x5b, 0xd0, 0x9a, 0x48,
                                                 0xa7, 0x84, 0x36, 0x9f, 0x30, 0x90, 0x85, 0x73 };

/*
 * Ranges that are free for us on known boards.
 *   QEMU virt: the second bank is empty; the machine boots from the first.
 *   HiFive Unleashed and Unmatched: U-Boot's layout of the 32 MiB part has its environment up to 0x524fff and a backup
 *   GPT from 0x1ffb000 (doc/board/sifive/unleashed.rst and unmatched.rst of U-Boot).
 */
static const struct board_range {
    const char *compatible;
    uint32_t bank;       /* of a CFI flash; 0 for SPI */
    uint32_t start, end; /* `end` past the part: to its end */
} board_ranges[] = {
    { "riscv-virtio", 1, 0, UINT32_MAX },
    { "sifive,hifive-unleashed-a00", 0, 0x525000, 0x1ffb000 },
    { "sifive,hifive-unmatched-a00", 0, 0x525000, 0x1ffb000 },
};

struct gpt {
    uint64_t entries;             /* byte offset; 0: no valid table */
    uint64_t first_lba, last_lba; /* partitions lie within, the tables themselves outside */
    uint32_t count;
    uint32_t crc;
};

static uint32_t little32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t little64(const uint8_t *bytes)
{
    return little32(bytes) | (uint64_t)little32(bytes + 4) << 32;
}

/* CRC-32 of IEEE 802.3, reflected, four bits at a time. Starts and ends with all bits inverted. */
static uint32_t crc32_add(uint32_t crc, const uint8_t *bytes, uint32_t count)
{
    static const uint32_t nibble[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };

    for (uint32_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return crc;
}

/* ---- The partition table ---- */

static bool header_is_sound(uint8_t header[LBA_BYTES], uint64_t lba)
{
    uint32_t bytes = little32(header + GPT_HEADER_BYTES);
    uint32_t crc = little32(header + GPT_HEADER_CRC);

    if (memcmp(header, GPT_SIGNATURE, strlen(GPT_SIGNATURE)) != 0 || bytes < GPT_HEADER_BYTES_MIN || bytes > LBA_BYTES)
        return false;
    memset(header + GPT_HEADER_CRC, 0, sizeof(crc));
    return ~crc32_add(UINT32_MAX, header, bytes) == crc && little64(header + GPT_MY_LBA) == lba;
}

static int entry_read(struct flash *flash, const struct gpt *gpt, uint32_t index, uint8_t entry[GPT_ENTRY_BYTES])
{
    return flash_read(flash, (uint32_t)gpt->entries + index * GPT_ENTRY_BYTES, entry, GPT_ENTRY_BYTES);
}

static bool entries_are_sound(struct flash *flash, const struct gpt *gpt)
{
    uint8_t entry[GPT_ENTRY_BYTES];
    uint32_t crc = UINT32_MAX;

    for (uint32_t i = 0; i < gpt->count; i++) {
        if (entry_read(flash, gpt, i, entry) != 0)
            return false;
        crc = crc32_add(crc, entry, sizeof(entry));
    }
    return ~crc == gpt->crc;
}

/* The table whose header is at `lba`, all of it checked; entries == 0 when there is none. */
static struct gpt gpt_open(struct flash *flash, uint64_t lba)
{
    uint8_t header[LBA_BYTES];
    struct gpt gpt;
    uint64_t entries_lba, table_lbas;
    uint32_t size = flash->geometry.size_bytes;

    if (lba * LBA_BYTES > size - LBA_BYTES ||
        flash_read(flash, (uint32_t)lba * LBA_BYTES, header, sizeof(header)) != 0 || !header_is_sound(header, lba))
        return (struct gpt){ 0 };
    entries_lba = little64(header + GPT_ENTRIES_LBA);
    gpt.count = little32(header + GPT_ENTRIES_COUNT);
    gpt.crc = little32(header + GPT_ENTRIES_CRC);
    gpt.first_lba = little64(header + GPT_FIRST_USABLE_LBA);
    gpt.last_lba = little64(header + GPT_LAST_USABLE_LBA);
    if (little32(header + GPT_ENTRIES_SIZE) != GPT_ENTRY_BYTES || gpt.count > GPT_ENTRIES_MAX || entries_lba == 0 ||
        entries_lba > size / LBA_BYTES)
        return (struct gpt){ 0 };
    /* Both copies, each a header and its entries, lie outside of what partitions may use. */
    table_lbas = 1 + gpt.count * GPT_ENTRY_BYTES / LBA_BYTES;
    if (gpt.first_lba <= table_lbas || gpt.last_lba >= size / LBA_BYTES - table_lbas)
        return (struct gpt){ 0 };
    gpt.entries = entries_lba * LBA_BYTES;
    if (gpt.entries + gpt.count * GPT_ENTRY_BYTES > size || !entries_are_sound(flash, &gpt))
        return (struct gpt){ 0 };
    return gpt;
}

/* An entry's range in bytes; false: unused, or outside what the table or the part allow. */
static bool entry_range(const struct flash *flash, const struct gpt *gpt, const uint8_t entry[GPT_ENTRY_BYTES],
                        struct fdt_range *range)
{
    static const uint8_t unused[GUID_BYTES];
    uint64_t first = little64(entry + ENTRY_FIRST_LBA), last = little64(entry + ENTRY_LAST_LBA);

    if (memcmp(entry + ENTRY_TYPE, unused, GUID_BYTES) == 0 || first < gpt->first_lba || first > last ||
        last > gpt->last_lba || last >= flash->geometry.size_bytes / LBA_BYTES)
        return false;
    *range = (struct fdt_range){ first * LBA_BYTES, (last - first + 1) * LBA_BYTES };
    return true;
}

/* The first entry of our type. */
static bool gpt_find(struct flash *flash, const struct gpt *gpt, uint32_t *index, struct fdt_range *range)
{
    uint8_t entry[GPT_ENTRY_BYTES];

    for (*index = 0; *index < gpt->count; ++*index) {
        if (entry_read(flash, gpt, *index, entry) != 0)
            return false;
        if (memcmp(entry + ENTRY_TYPE, vellum_type, GUID_BYTES) == 0 && entry_range(flash, gpt, entry, range))
            return true;
    }
    return false;
}

/* Whether an entry other than `except` reaches into the range, or cannot be read. */
static bool gpt_reaches(struct flash *flash, const struct gpt *gpt, struct fdt_range range, uint32_t except)
{
    uint8_t entry[GPT_ENTRY_BYTES];
    struct fdt_range other;

    for (uint32_t i = 0; i < gpt->count; i++) {
        if (i == except)
            continue;
        if (entry_read(flash, gpt, i, entry) != 0)
            return true;
        if (entry_range(flash, gpt, entry, &other) && other.start < range.start + range.bytes &&
            range.start < other.start + other.bytes)
            return true;
    }
    return false;
}

/* ---- The choice ---- */

/* The whole erase blocks inside a range of the part; false: there are none. */
static bool fit_to_blocks(const struct flash *flash, struct fdt_range range, struct partition *partition)
{
    uint64_t block = flash->geometry.erase_bytes;
    uint64_t size = flash->geometry.size_bytes;
    uint64_t start, end;

    if (range.start > size || range.bytes > size - range.start)
        return false;
    start = (range.start + block - 1) / block * block;
    end = (range.start + range.bytes) / block * block;
    if (start >= end)
        return false;
    partition->start = (uint32_t)start;
    partition->bytes = (uint32_t)(end - start);
    return true;
}

static int refuse(struct partition *partition, const char *why)
{
    *partition = (struct partition){ .why = why };
    return -ENOENT;
}

static int accept(struct partition *partition, const char *source, bool marked)
{
    partition->source = source;
    partition->marked = marked;
    partition->why = NULL;
    return 0;
}

static const struct board_range *board_range_find(const struct platform *platform)
{
    for (size_t i = 0; i < sizeof(board_ranges) / sizeof(board_ranges[0]); i++) {
        if (strcmp(board_ranges[i].compatible, platform->compatible) == 0 &&
            board_ranges[i].bank == platform->flash.bank)
            return &board_ranges[i];
    }
    return NULL;
}

static int partition_of_board(const struct platform *platform, struct flash *flash, const struct gpt *gpt,
                              struct partition *partition)
{
    const struct board_range *known = board_range_find(platform);
    struct fdt_range range;
    uint64_t end;

    if (!known)
        return refuse(partition,
                      "no partition on the flash is marked as vellum's, and the board's layout is not known");
    end = known->end < flash->geometry.size_bytes ? known->end : flash->geometry.size_bytes;
    if (known->start >= end)
        return refuse(partition, "the flash is smaller than the board's layout");
    range = (struct fdt_range){ known->start, end - known->start };
    if (gpt->entries && gpt_reaches(flash, gpt, range, UINT32_MAX))
        return refuse(partition, "the flash has a partition table, and none of its partitions is marked as vellum's");
    if (!fit_to_blocks(flash, range, partition))
        return refuse(partition, "the board's free range holds no whole erase block");
    return accept(partition, "board layout", false);
}

int partition_find(const struct platform *platform, struct flash *flash, struct partition *partition)
{
    struct fdt_range range;
    struct gpt gpt;
    uint32_t index;

    if (!flash || flash->geometry.size_bytes < 2 * LBA_BYTES || flash->geometry.erase_bytes == 0)
        return refuse(partition, "no flash was found");
    gpt = gpt_open(flash, 1);
    if (!gpt.entries)
        gpt = gpt_open(flash, flash->geometry.size_bytes / LBA_BYTES - 1);
    if (gpt.entries && gpt_find(flash, &gpt, &index, &range)) {
        if (gpt_reaches(flash, &gpt, range, index))
            return refuse(partition, "another partition overlaps the one marked as vellum's");
        if (!fit_to_blocks(flash, range, partition))
            return refuse(partition, "the partition marked as vellum's holds no whole erase block");
        return accept(partition, "partition table", true);
    }
    if (platform->flash.marked.bytes) {
        if (!fit_to_blocks(flash, platform->flash.marked, partition))
            return refuse(partition,
                          "the device tree's vellum partition is outside the flash, or holds no whole block");
        return accept(partition, "device tree", true);
    }
    return partition_of_board(platform, flash, &gpt, partition);
}
