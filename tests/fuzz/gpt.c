/*
 * Partition tables on a flash: what is found has to lie inside the part and off the tables. Byte 0: whether the checks of
 * the table are made to fit, without which hardly a change would be looked at.
 */
#include "hal/flash.h"
#include "platform/partition.h"
#include "tests/fuzz/fuzz.h"

#define PART_BYTES  (4u << 20)
#define BLOCK_BYTES 0x10000u
#define LBA_BYTES   512u
#define ENTRY_BYTES 128u
#define ENTRIES     4u

static uint8_t part[PART_BYTES];

static int part_start(struct flash *flash, struct flash_request *request)
{
    require(request->operation == FLASH_READ);
    require(request->address <= PART_BYTES && request->bytes <= PART_BYTES - request->address);
    memcpy(request->into, part + request->address, request->bytes);
    flash_finish(flash, request, 0);
    return 0;
}

static void part_poll(struct flash *flash)
{
    (void)flash;
}

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t crc32_of(const uint8_t *bytes, size_t count)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

/* UEFI Specification 2.10, section 5.3: header at LBA 1, entries from LBA 2, one of them ours. */
static void make_table(void)
{
    static const uint8_t own_type[16] = { 0xab, 0x2d, 0xd0, 0x5e, 0x5b, 0xd0, 0x8a, 0x48,
                                          0xa7, 0x84, 0x36, 0x9f, 0x30, 0x90, 0x85, 0x73 };
    uint8_t *header = part + LBA_BYTES, *entries = part + 2 * LBA_BYTES;

    memset(part, 0xff, 8 * LBA_BYTES);
    memset(header, 0, LBA_BYTES);
    memcpy(header, "EFI PART", 8);
    put(header + 8, 0x10000, 4);
    put(header + 12, 92, 4);
    put(header + 24, 1, 8);
    put(header + 32, PART_BYTES / LBA_BYTES - 1, 8);
    put(header + 40, 34, 8);
    put(header + 48, PART_BYTES / LBA_BYTES - 34, 8);
    put(header + 72, 2, 8);
    put(header + 80, ENTRIES, 4);
    put(header + 84, ENTRY_BYTES, 4);
    memset(entries, 0, ENTRIES * ENTRY_BYTES);
    memcpy(entries, own_type, sizeof(own_type));
    entries[16] = 1;
    put(entries + 32, 1024, 8);
    put(entries + 40, 6143, 8);
}

static void make_checks_fit(void)
{
    uint8_t *header = part + LBA_BYTES;
    uint32_t header_bytes = (uint32_t)header[12] | (uint32_t)header[13] << 8;
    uint64_t entries_bytes = (uint64_t)(header[80] | header[81] << 8) * (uint32_t)(header[84] | header[85] << 8);

    if (entries_bytes > 64 * 1024)
        entries_bytes = 64 * 1024;
    put(header + 88, crc32_of(part + 2 * LBA_BYTES, entries_bytes), 4);
    put(header + 16, 0, 4);
    put(header + 16, crc32_of(header, header_bytes < LBA_BYTES ? header_bytes : LBA_BYTES), 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct flash_driver driver = { "ram", part_start, part_poll };
    struct flash flash = { .driver = &driver,
                           .geometry = { .size_bytes = PART_BYTES, .erase_bytes = BLOCK_BYTES, .program_bytes = 256 } };
    static const struct platform boards[] = {
        { .compatible = "example,board", .flash = { .kind = PLATFORM_FLASH_SPI } }, /* a table alone counts */
        { .compatible = "riscv-virtio", .flash = { .kind = PLATFORM_FLASH_CFI, .bank = 1 } },
        { .compatible = "sifive,hifive-unleashed-a00", .flash = { .kind = PLATFORM_FLASH_SPI } },
    };
    struct input input = { data, size };
    uint64_t first = take(&input, 1), board = (first >> 1) % 3;
    struct partition found;

    make_table();
    while (input.left >= 3) {
        uint64_t at = LBA_BYTES + take(&input, 2) % (4 * LBA_BYTES);

        part[at] = (uint8_t)take(&input, 1);
    }
    if (first & 1)
        make_checks_fit();
    if (partition_find(&boards[board], &flash, &found) == 0) {
        require(found.bytes && found.start % BLOCK_BYTES == 0 && found.bytes % BLOCK_BYTES == 0);
        require(found.start <= PART_BYTES && found.bytes <= PART_BYTES - found.start);
        require(board != 0 || found.start >= 3 * LBA_BYTES);
    } else {
        require(found.why != NULL);
    }
    return 0;
}
