/*
 * Where the swap may go: partition tables made here byte by byte (and one by sgdisk), device-tree partitions and board
 * layouts, on a flash that only counts and answers reads. Broken tables must lead to no partition, or to one that lies
 * inside the part and off the tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hal/flash.h"
#include "platform/partition.h"

#define PART_BYTES  (32u << 20)
#define LBAS        (PART_BYTES / 512u)
#define BLOCK_BYTES 0x10000u
#define VELLUM_TYPE "5ed02dab-d05b-489a-a784-369f30908573"
#define SPL_TYPE    "5b193300-fc78-40cd-8002-e86c45580b47"
#define SEED        0x9a57e5u
#define CORRUPTIONS 5000u

static uint8_t *part;
static bool part_fails;

static int part_start(struct flash *flash, struct flash_request *request)
{
    int status = part_fails ? -5 : 0;

    assert_int_equal(request->operation, FLASH_READ);
    if (!status)
        memcpy(request->into, part + request->address, request->bytes);
    flash_finish(flash, request, status);
    return 0;
}

static void part_poll(struct flash *flash)
{
    (void)flash;
}

static const struct flash_driver part_driver = { "ram", part_start, part_poll };

static struct flash part_flash(void)
{
    memset(part, 0xff, PART_BYTES);
    part_fails = false;
    return (struct flash){ .driver = &part_driver,
                           .geometry = { .size_bytes = PART_BYTES, .erase_bytes = BLOCK_BYTES, .program_bytes = 256 } };
}

static int part_make(void **state)
{
    (void)state;
    part = malloc(PART_BYTES);
    return part ? 0 : -1;
}

static int part_drop(void **state)
{
    (void)state;
    free(part);
    return 0;
}

/* ---- A writer of partition tables, independent of the reader ---- */

static void put_little(uint8_t *at, uint64_t value, unsigned bytes)
{
    while (bytes--) {
        *at++ = (uint8_t)value;
        value >>= 8;
    }
}

static uint32_t crc32_bitwise(const uint8_t *bytes, size_t count)
{
    uint32_t crc = UINT32_MAX;

    while (count--) {
        crc ^= *bytes++;
        for (unsigned i = 0; i < 8; i++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

/* The text form of a GUID gives its first three fields as numbers, which are stored little-endian. */
static void put_guid(uint8_t *at, const char *text)
{
    static const uint8_t place[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

    for (unsigned i = 0; i < 16; i++) {
        char digits[3] = { 0 };

        text += *text == '-';
        memcpy(digits, text, 2);
        at[place[i]] = (uint8_t)strtoul(digits, NULL, 16);
        text += 2;
    }
}

struct entry {
    const char *type;
    uint64_t first, last;
};

static void put_header(uint64_t lba, uint64_t other, uint64_t entries)
{
    uint8_t *header = part + lba * 512;

    memset(header, 0, 512);
    memcpy(header, "EFI PART", 8);
    put_little(header + 8, 0x10000, 4);
    put_little(header + 12, 92, 4);
    put_little(header + 24, lba, 8);
    put_little(header + 32, other, 8);
    put_little(header + 40, 34, 8);
    put_little(header + 48, LBAS - 34, 8);
    put_little(header + 72, entries, 8);
    put_little(header + 80, 128, 4);
    put_little(header + 84, 128, 4);
    put_little(header + 88, crc32_bitwise(part + entries * 512, 128 * 128), 4);
    put_little(header + 16, crc32_bitwise(header, 92), 4);
}

static void put_table(const struct entry *entries, unsigned count)
{
    static const uint64_t places[] = { 2, LBAS - 33 };

    for (unsigned copy = 0; copy < 2; copy++) {
        uint8_t *at = part + places[copy] * 512;

        memset(at, 0, 128 * 128);
        for (unsigned i = 0; i < count; i++, at += 128) {
            put_guid(at, entries[i].type);
            put_little(at + 32, entries[i].first, 8);
            put_little(at + 40, entries[i].last, 8);
        }
    }
    put_header(1, LBAS - 1, 2);
    put_header(LBAS - 1, 1, LBAS - 33);
}

static const struct entry unleashed_table[] = { { SPL_TYPE, 40, 2087 },
                                                { SPL_TYPE, 2088, 10279 },
                                                { VELLUM_TYPE, 10300, 60000 } };

/* ---- Boards ---- */

static const struct platform virt = { .compatible = "riscv-virtio",
                                      .flash = { .kind = PLATFORM_FLASH_CFI, .bank = 1 } };
static const struct platform unleashed = { .compatible = "sifive,hifive-unleashed-a00",
                                           .flash = { .kind = PLATFORM_FLASH_SPI } };
static const struct platform unmatched = { .compatible = "sifive,hifive-unmatched-a00",
                                           .flash = { .kind = PLATFORM_FLASH_SPI } };
static const struct platform unknown = { .compatible = "example,board", .flash = { .kind = PLATFORM_FLASH_SPI } };

static void assert_found(const struct platform *platform, struct flash *flash, uint32_t start, uint32_t end,
                         bool marked)
{
    struct partition partition;

    assert_int_equal(partition_find(platform, flash, &partition), 0);
    assert_int_equal(partition.start, start);
    assert_int_equal(partition.start + partition.bytes, end);
    assert_int_equal(partition.marked, marked);
    assert_non_null(partition.source);
}

static void assert_none(const struct platform *platform, struct flash *flash)
{
    struct partition partition;

    assert_int_equal(partition_find(platform, flash, &partition), -2);
    assert_non_null(partition.why);
    assert_int_equal(partition.bytes, 0);
}

/* ---- Tests ---- */

static void test_table(void **state)
{
    struct flash flash = part_flash();

    (void)state;
    put_table(unleashed_table, 3);
    /* LBA 10300 is 0x507800, LBA 60001 is 0x1d4c200: the whole blocks inside. */
    assert_found(&unleashed, &flash, 0x510000, 0x1d40000, true);
    assert_found(&unknown, &flash, 0x510000, 0x1d40000, true);
    part[512 + 60] ^= 1; /* the first header is damaged: the second one serves */
    assert_found(&unknown, &flash, 0x510000, 0x1d40000, true);
    part[PART_BYTES - 512 + 60] ^= 1;
    assert_none(&unknown, &flash);
    /* Without a table that can be believed the board's layout counts, and must not be taken as marked. */
    assert_found(&unleashed, &flash, 0x530000, 0x1ff0000, false);
}

static void test_table_damage(void **state)
{
    struct flash flash = part_flash();

    (void)state;
    put_table(unleashed_table, 3);
    part[2 * 512 + 2 * 128 + 32] ^= 1; /* our entry: the array's checksum */
    assert_found(&unknown, &flash, 0x510000, 0x1d40000, true);
    memset(part + PART_BYTES - 512, 0xff, 512);
    assert_none(&unknown, &flash);
    put_table(unleashed_table, 3);
    part_fails = true;
    assert_none(&unknown, &flash);
}

static void test_table_overlaps(void **state)
{
    static const struct entry overlapping[] = { { SPL_TYPE, 40, 20000 }, { VELLUM_TYPE, 20000, 60000 } };
    static const struct entry outside[] = { { VELLUM_TYPE, 0, 60000 } };
    static const struct entry beyond[] = { { VELLUM_TYPE, 40, LBAS + 5 } };
    static const struct entry backwards[] = { { VELLUM_TYPE, 60000, 40 } };
    static const struct entry small[] = { { VELLUM_TYPE, 129, 254 } };
    static const struct entry wrapping[] = { { VELLUM_TYPE, UINT64_MAX / 512, UINT64_MAX / 512 + 5000 } };
    struct flash flash = part_flash();

    (void)state;
    put_table(overlapping, 2);
    assert_none(&unleashed, &flash);
    put_table(outside, 1);
    assert_none(&unknown, &flash);
    put_table(beyond, 1);
    assert_none(&unknown, &flash);
    put_table(backwards, 1);
    assert_none(&unknown, &flash);
    put_table(small, 1);
    assert_none(&unknown, &flash);
    put_table(wrapping, 1);
    assert_none(&unknown, &flash);
}

static void test_board_layout(void **state)
{
    static const struct entry boot_only[] = { { SPL_TYPE, 40, 2087 }, { SPL_TYPE, 2088, 10279 } };
    static const struct entry data[] = { { SPL_TYPE, 40, 2087 }, { SPL_TYPE, 30000, 40000 } };
    struct platform first_bank = virt;
    struct flash flash = part_flash();

    (void)state;
    assert_found(&virt, &flash, 0, PART_BYTES, false);
    assert_found(&unleashed, &flash, 0x530000, 0x1ff0000, false);
    assert_found(&unmatched, &flash, 0x530000, 0x1ff0000, false);
    assert_none(&unknown, &flash);
    first_bank.flash.bank = 0;
    assert_none(&first_bank, &flash);
    put_table(boot_only, 2);
    assert_found(&unleashed, &flash, 0x530000, 0x1ff0000, false);
    put_table(data, 2);
    assert_none(&unleashed, &flash);
    flash.geometry.erase_bytes = 256 << 10;
    memset(part, 0xff, PART_BYTES);
    assert_found(&unleashed, &flash, 0x540000, 0x1fc0000, false);
    flash.geometry.size_bytes = 4 << 20;
    assert_none(&unleashed, &flash);
    assert_none(&virt, NULL);
}

static void test_device_tree(void **state)
{
    struct platform marked = unleashed;
    struct flash flash = part_flash();

    (void)state;
    marked.flash.marked = (struct fdt_range){ 0x600100, 0x1900000 };
    assert_found(&marked, &flash, 0x610000, 0x1f00000, true);
    marked.flash.marked = (struct fdt_range){ 0x600000, 0x1a00001 };
    assert_none(&marked, &flash);
    marked.flash.marked = (struct fdt_range){ UINT64_MAX - 5, 6 };
    assert_none(&marked, &flash);
    marked.flash.marked = (struct fdt_range){ 0x608000, 0x17fff };
    assert_none(&marked, &flash);
    /* A table on the flash itself comes first. */
    put_table(unleashed_table, 3);
    assert_found(&marked, &flash, 0x510000, 0x1d40000, true);
}

/* A table as the usual tool writes it. */
static void test_sgdisk(void **state)
{
    char path[] = "/tmp/vellum-flash-XXXXXX";
    char command[256];
    struct flash flash = part_flash();
    FILE *file;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, PART_BYTES), 0);
    (void)snprintf(command, sizeof(command), "sgdisk -a 1 -n 1:40:2087 -t 1:%s -n 2:10496:65407 -t 2:%s %s >/dev/null",
                   SPL_TYPE, VELLUM_TYPE, path);
    assert_int_equal(system(command), 0);
    (void)close(fd);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(part, 1, PART_BYTES, file), PART_BYTES);
    (void)fclose(file);
    (void)unlink(path);
    assert_found(&unknown, &flash, 0x520000, 0x1ff0000, true);
}

static uint64_t random_state = SEED;

static uint32_t random32(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16);
}

/* Damage with the checksums made right again, so that it reaches the checks behind them. */
static void test_hostile_tables(void **state)
{
    struct flash flash = part_flash();
    unsigned found = 0;

    (void)state;
    memset(part + (LBAS - 1) * 512, 0xff, 512);
    for (unsigned i = 0; i < CORRUPTIONS; i++) {
        struct partition partition;
        uint8_t *header = part + 512;
        uint64_t first = random32() % (LBAS + 64), last = first + random32() % 4096;
        struct entry entries[] = { { SPL_TYPE, random32() % LBAS, random32() % LBAS }, { VELLUM_TYPE, first, last } };

        put_table(entries, 2);
        memset(part + (LBAS - 1) * 512, 0xff, 512);
        if (i % 2)
            header[24 + random32() % 68] = (uint8_t)random32();
        put_little(header + 16, 0, 4);
        put_little(header + 16, crc32_bitwise(header, 92), 4);
        if (partition_find(&unknown, &flash, &partition) != 0)
            continue;
        found++;
        assert_true(partition.bytes && (partition.start | partition.bytes) % BLOCK_BYTES == 0);
        assert_true(partition.start >= first * 512 && partition.start + partition.bytes <= (last + 1) * 512);
        assert_true(partition.start + partition.bytes <= PART_BYTES);
    }
    print_message("%u hostile tables, %u gave a partition (seed %#x)\n", CORRUPTIONS, found, SEED);
    assert_true(found > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),          cmocka_unit_test(test_table_damage),
        cmocka_unit_test(test_table_overlaps), cmocka_unit_test(test_board_layout),
        cmocka_unit_test(test_device_tree),    cmocka_unit_test(test_sgdisk),
        cmocka_unit_test(test_hostile_tables),
    };

    return cmocka_run_group_tests(tests, part_make, part_drop);
}
