#include "hal/spi_nor_parts.h"

#include <errno.h>
#include <string.h>

/* ---- The table ---- */

enum { KIB_64 = 65536, MIB_16 = 16 << 20 };

/* What the parts of one maker share. Times are of the slowest part listed, used where SFDP does not say better. */

/* IS25LP256D/IS25WP256D data sheet: "Function Register", "Extended Read Register", "Block Protection"; times: SFDP. */
static const struct spi_nor_facts issi = {
    .quad = true,
    .program = { 200, 1200 },
    .erase_4k = { 48000, 384000 },
    .erase_64k = { 304000, 2432000 },
    .suspend = 0x75,
    .resume = 0x7a,
    .suspend_most_us = 56,
    .resume_gap_us = 448,
    .suspended = { 0x48, 0x0c }, /* ESUS, PSUS */
    .errors = { 0x81, 0x0e },    /* E_ERR, P_ERR, PROT_E */
    .errors_clear = 0x82,
    .protect_bits = 0x3c,
    .protect_bottom = { 0x48, 0x02 }, /* TBS */
};

/* W25Q256JV data sheet: "Status Registers" (SUS in SR-2), "Erase / Program Suspend (75h)", "AC Electrical". */
static const struct spi_nor_facts winbond = {
    .quad = true,
    .program = { 400, 3000 },
    .erase_4k = { 50000, 400000 },
    .erase_64k = { 150000, 2000000 },
    .suspend = 0x75,
    .resume = 0x7a,
    .suspend_most_us = 20,
    .resume_gap_us = 20,
    .suspended = { 0x35, 0x80 }, /* SUS */
    .protect_bits = 0x3c,
    .protect_others = { { 0x35, 0x40 }, { 0x15, 0x04 } }, /* CMP, WPS */
};

/* MT25QL256ABA and N25Q256A data sheets: "Flag Status Register", "AC Characteristics"; suspend only as SFDP says. */
static const struct spi_nor_facts micron = {
    .quad = true,
    .program = { 500, 5000 },
    .erase_4k = { 250000, 800000 },
    .erase_64k = { 700000, 3000000 },
    .suspended = { 0x70, 0x44 },
    .errors = { 0x70, 0x32 }, /* erase, program, protection */
    .errors_clear = 0x50,
    .protect_bits = 0x5c, /* BP3 is bit 6, behind TB */
};

/* MX25L25645G data sheet: "Security Register" (P_FAIL, E_FAIL, ESB, PSB), "AC Characteristics". */
static const struct spi_nor_facts macronix = {
    .quad = true,
    .program = { 600, 3000 },
    .erase_4k = { 43000, 400000 },
    .erase_64k = { 280000, 2000000 },
    .suspended = { 0x2b, 0x0c },
    .errors = { 0x2b, 0x60 },
    .protect_bits = 0x3c,
    .protect_others = { { 0x2b, 0x80 } }, /* WPSEL */
};

/* GD25Q256D data sheet: "Status Register" (SUS1, SUS2), "AC Characteristics". */
static const struct spi_nor_facts gigadevice = {
    .quad = true,
    .program = { 500, 3000 },
    .erase_4k = { 50000, 400000 },
    .erase_64k = { 200000, 2000000 },
    .suspended = { 0x35, 0x84 },
    .protect_bits = 0x3c,
    .protect_others = { { 0x35, 0x40 } }, /* CMP */
};

/* Different dies share an id, with and without the 4-byte opcodes; then SFDP tells them apart. */
enum four_byte { NOT_NEEDED, ALWAYS, AS_SFDP_SAYS, SINCE_JESD216B };

struct part {
    uint32_t id;
    uint8_t size_log2;
    uint8_t four_byte;
    const struct spi_nor_facts *maker;
};

static const struct part parts[] = {
    { 0x9d6018, 24, NOT_NEEDED, &issi },         /* IS25LP128 */
    { 0x9d7018, 24, NOT_NEEDED, &issi },         /* IS25WP128 */
    { 0x9d6019, 25, ALWAYS, &issi },             /* IS25LP256 */
    { 0x9d7019, 25, ALWAYS, &issi },             /* IS25WP256: HiFive Unleashed, Unmatched */
    { 0xef4018, 24, NOT_NEEDED, &winbond },      /* W25Q128JV-IQ */
    { 0xef6018, 24, NOT_NEEDED, &winbond },      /* W25Q128FW */
    { 0xef7018, 24, NOT_NEEDED, &winbond },      /* W25Q128JV-IM */
    { 0xef4019, 25, SINCE_JESD216B, &winbond },  /* W25Q256: FV without, JV-IQ with the opcodes */
    { 0xef6019, 25, SINCE_JESD216B, &winbond },  /* W25Q256FW, JW */
    { 0xef7019, 25, SINCE_JESD216B, &winbond },  /* W25Q256JV-IM */
    { 0x20ba18, 24, NOT_NEEDED, &micron },       /* N25Q128A, MT25QL128 */
    { 0x20bb18, 24, NOT_NEEDED, &micron },       /* N25Q128A 1.8 V, MT25QU128 */
    { 0x20ba19, 25, AS_SFDP_SAYS, &micron },     /* N25Q256A, MT25QL256 */
    { 0x20bb19, 25, AS_SFDP_SAYS, &micron },     /* N25Q256A 1.8 V, MT25QU256 */
    { 0xc22018, 24, NOT_NEEDED, &macronix },     /* MX25L128 */
    { 0xc22538, 24, NOT_NEEDED, &macronix },     /* MX25U128 */
    { 0xc22019, 25, AS_SFDP_SAYS, &macronix },   /* MX25L256: 35E without, 35F and 45G with */
    { 0xc22539, 25, AS_SFDP_SAYS, &macronix },   /* MX25U256 */
    { 0xc84018, 24, NOT_NEEDED, &gigadevice },   /* GD25Q128 */
    { 0xc86018, 24, NOT_NEEDED, &gigadevice },   /* GD25LQ128 */
    { 0xc84019, 25, AS_SFDP_SAYS, &gigadevice }, /* GD25Q256 */
    { 0xc86019, 25, AS_SFDP_SAYS, &gigadevice }, /* GD25LQ256 */
};

static const struct part *part_find(uint32_t id)
{
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].id == id)
            return &parts[i];
    return NULL;
}

/* ---- SFDP ---- */

#define SFDP_SIGNATURE       0x50444653u /* "SFDP" */
#define SFDP_HEADER_BYTES    8u
#define SFDP_MINOR_JESD216B  6u
#define SFDP_ID_BASIC        0xff00u
#define SFDP_ID_FOUR_BYTE    0xff84u
#define BASIC_DWORDS_LEAST   9u /* JESD216, 2011: sizes and erase types, no times */
#define BASIC_DWORDS_TIMES   11u
#define BASIC_DWORDS_SUSPEND 13u

struct table {
    const uint8_t *bytes;
    uint32_t dwords;
    uint8_t minor;
};

static uint32_t get32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* `count` bits from bit `first` on. */
static uint32_t field(uint32_t dword, unsigned first, unsigned count)
{
    return dword >> first & ((1u << count) - 1);
}

/* A DWORD of a table as JESD216 counts them, from 1; 0 behind its end. */
static uint32_t dword(const struct table *table, uint32_t number)
{
    return number <= table->dwords ? get32(table->bytes + 4 * (number - 1)) : 0;
}

/* The last table with this id that lies wholly inside the image. dwords 0: there is none. */
static struct table table_find(const uint8_t *image, uint32_t bytes, uint32_t id)
{
    struct table found = { 0 };
    uint32_t headers = (uint32_t)image[6] + 1;

    for (uint32_t i = 0; i < headers && (i + 2) * SFDP_HEADER_BYTES <= bytes; i++) {
        const uint8_t *header = image + (i + 1) * SFDP_HEADER_BYTES;
        uint32_t start = get32(header + 4) & 0xffffff;
        uint32_t dwords = header[3];

        if (((uint32_t)header[7] << 8 | header[0]) == id && start <= bytes && dwords <= (bytes - start) / 4)
            found = (struct table){ image + start, dwords, header[1] };
    }
    return found;
}

/* Time of a count and a unit; the typical one, and the most by the table's common factor. */
static struct spi_nor_times times(uint32_t count, uint32_t unit_us, uint32_t factor)
{
    uint32_t typical_us = (count + 1) * unit_us;

    return (struct spi_nor_times){ typical_us, typical_us * 2 * (factor + 1) };
}

/* DWORDs 8 to 10: four erase types, of 2^n bytes and an opcode each. 4 KiB by 20 and 64 KiB by d8 are what we use. */
static void parse_erases(const struct table *basic, struct spi_nor_facts *facts, bool *have_64k)
{
    static const uint32_t unit_us[4] = { 1000, 16000, 128000, 1000000 };
    uint32_t erase_times = basic->dwords >= BASIC_DWORDS_TIMES ? dword(basic, 10) : 0;

    for (unsigned type = 0; type < 4; type++) {
        uint32_t entry = field(dword(basic, 8 + type / 2), type % 2 * 16, 16);
        uint32_t count = field(erase_times, 4 + 7 * type, 5);
        struct spi_nor_times time = { 0 };

        if (erase_times)
            time = times(count, unit_us[field(erase_times, 9 + 7 * type, 2)], field(erase_times, 0, 4));
        if (entry == 0x200c)
            facts->erase_4k = time;
        if (entry == 0xd810) {
            facts->erase_64k = time;
            *have_64k = true;
        }
    }
}

/* DWORD 11: page size and program time. */
static void parse_program(const struct table *basic, struct spi_nor_facts *facts)
{
    uint32_t program = dword(basic, 11);

    facts->page_bytes = 256;
    if (!program)
        return;
    facts->page_bytes = 1u << field(program, 4, 4);
    facts->program = times(field(program, 8, 5), field(program, 13, 1) ? 64 : 8, field(program, 0, 4));
}

/* DWORDs 12 and 13: suspend latency, rounded up to whole microseconds, and the least time from resume to suspend. */
static void parse_suspend(const struct table *basic, struct spi_nor_facts *facts)
{
    static const uint32_t unit_ns[4] = { 128, 1000, 8000, 64000 };
    uint32_t suspend = dword(basic, 12);
    uint32_t erase_ns = (field(suspend, 24, 5) + 1) * unit_ns[field(suspend, 29, 2)];
    uint32_t program_ns = (field(suspend, 13, 5) + 1) * unit_ns[field(suspend, 18, 2)];
    uint32_t gap = field(suspend, 20, 4) > field(suspend, 9, 4) ? field(suspend, 20, 4) : field(suspend, 9, 4);
    uint32_t opcodes = dword(basic, 13);

    /* Bit 31 set: not supported. One pair of opcodes is used for both; parts where they differ are left alone. */
    if (basic->dwords < BASIC_DWORDS_SUSPEND || suspend >> 31 || opcodes >> 16 != (opcodes & 0xffff))
        return;
    if (!field(opcodes, 0, 8) || !field(opcodes, 8, 8))
        return;
    facts->resume = (uint8_t)field(opcodes, 0, 8);
    facts->suspend = (uint8_t)field(opcodes, 8, 8);
    facts->suspend_most_us = ((erase_ns > program_ns ? erase_ns : program_ns) + 999) / 1000;
    facts->resume_gap_us = (gap + 1) * 64;
}

/* 4-byte address instruction table, DWORD 1: 13 (bit 0), 12 (bit 6), erase types 1 to 4 (bits 9 to 12). */
static bool has_four_byte(const uint8_t *image, uint32_t bytes)
{
    struct table table = table_find(image, bytes, SFDP_ID_FOUR_BYTE);
    uint32_t supported = dword(&table, 1);

    return supported & 1u << 0 && supported & 1u << 6 && supported & 0xfu << 9;
}

static uint32_t parse_size(uint32_t density)
{
    uint32_t log2_bits = density & 0x7fffffff;

    if (density >> 31)
        return log2_bits >= 3 && log2_bits <= 34 ? 1u << (log2_bits - 3) : 0;
    return (density >> 3) + 1;
}

int sfdp_parse(const uint8_t *image, uint32_t bytes, struct spi_nor_facts *facts)
{
    struct table basic;
    bool have_64k = false;

    *facts = (struct spi_nor_facts){ 0 };
    if (bytes < 2 * SFDP_HEADER_BYTES || get32(image) != SFDP_SIGNATURE || image[5] != 1)
        return -EINVAL;
    basic = table_find(image, bytes, SFDP_ID_BASIC);
    if (basic.dwords < BASIC_DWORDS_LEAST)
        return -EINVAL;
    facts->size_bytes = parse_size(dword(&basic, 2));
    parse_erases(&basic, facts, &have_64k);
    parse_program(&basic, facts);
    parse_suspend(&basic, facts);
    facts->quad = field(dword(&basic, 1), 22, 1);
    facts->four_byte = has_four_byte(image, bytes);
    if (!facts->size_bytes || facts->size_bytes & (KIB_64 - 1) || !have_64k || facts->page_bytes < 256)
        return -EINVAL;
    return 0;
}

static bool since_jesd216b(const uint8_t *image, uint32_t bytes)
{
    return table_find(image, bytes, SFDP_ID_BASIC).minor >= SFDP_MINOR_JESD216B;
}

/* ---- Both together ---- */

static void prefer(struct spi_nor_times *times_now, struct spi_nor_times better)
{
    if (better.most_us)
        *times_now = better;
}

static void take_sfdp(struct spi_nor_facts *facts, const struct spi_nor_facts *own)
{
    prefer(&facts->program, own->program);
    prefer(&facts->erase_4k, own->erase_4k);
    prefer(&facts->erase_64k, own->erase_64k);
    if (!facts->suspend && own->suspend) {
        facts->suspend = own->suspend;
        facts->resume = own->resume;
        facts->suspend_most_us = own->suspend_most_us;
        facts->resume_gap_us = own->resume_gap_us;
    }
}

/* A part that is not in the table: what it says of itself, and the BP bits that nearly all parts have. */
static int unknown_part(const struct spi_nor_facts *own, struct spi_nor_facts *facts)
{
    *facts = *own;
    facts->protect_bits = 0x3c;
    if (!own->program.most_us || !own->erase_64k.most_us)
        return -ENOTSUP;
    return own->size_bytes > MIB_16 && !own->four_byte ? -ENOTSUP : 0;
}

int spi_nor_facts(uint32_t id, const uint8_t *sfdp, uint32_t sfdp_bytes, struct spi_nor_facts *facts)
{
    const struct part *part = part_find(id);
    struct spi_nor_facts own;
    bool have_sfdp = sfdp_parse(sfdp, sfdp_bytes, &own) == 0;

    if (!part)
        return have_sfdp ? unknown_part(&own, facts) : -ENOTSUP;
    *facts = *part->maker;
    facts->size_bytes = 1u << part->size_log2;
    facts->page_bytes = 256;
    facts->four_byte = part->four_byte == ALWAYS;
    if (have_sfdp && own.size_bytes == facts->size_bytes) {
        take_sfdp(facts, &own);
        facts->four_byte |= part->four_byte != NOT_NEEDED && own.four_byte;
        facts->four_byte |= part->four_byte == SINCE_JESD216B && since_jesd216b(sfdp, sfdp_bytes);
    }
    return facts->size_bytes > MIB_16 && !facts->four_byte ? -ENOTSUP : 0;
}
