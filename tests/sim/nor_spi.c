#include "tests/sim/nor_spi.h"

#include <errno.h>
#include <string.h>

#define STATUS_WIP  0x01u
#define STATUS_WEL  0x02u
#define WAKE_NS     30000u
#define RESET_NS    35000u
#define BP_BITS     0x3cu
#define BP_BITS_20  0x5cu /* Micron: TB is in between */
#define WRAP_BYTES  64u
#define PROTECT_64K 65536u

enum maker {
    MAKER_MICRON = 0x20,
    MAKER_ISSI = 0x9d,
    MAKER_MACRONIX = 0xc2,
    MAKER_GIGADEVICE = 0xc8,
    MAKER_WINBOND = 0xef
};

/* The form of each command that the model knows. */
enum action {
    READ_STATUS,
    WRITE_ENABLE,
    WRITE_DISABLE,
    READ_ID,
    READ_SFDP,
    READ_ARRAY,
    PROGRAM,
    ERASE,
    SUSPEND,
    RESUME,
    SLEEP,
    WAKE,
    RESET_ENABLE,
    RESET,
    NOTHING,
    READ_REGISTER,
    CLEAR_ERRORS
};

struct form {
    uint8_t opcode;
    uint8_t action;
    uint8_t address_bytes, dummy_bytes, lanes;
    uint8_t maker;   /* 0: all */
    uint32_t erases; /* bytes */
    bool while_busy; /* allowed and, but for status reads and suspend, ignored */
};

static const struct form forms[] = {
    { 0x05, READ_STATUS, 0, 0, 1, 0, 0, true },
    { 0x06, WRITE_ENABLE, 0, 0, 1, 0, 0, false },
    { 0x04, WRITE_DISABLE, 0, 0, 1, 0, 0, false },
    { 0x9f, READ_ID, 0, 0, 1, 0, 0, false },
    { 0x5a, READ_SFDP, 3, 1, 1, 0, 0, false },
    { 0x03, READ_ARRAY, 3, 0, 1, 0, 0, false },
    { 0x13, READ_ARRAY, 4, 0, 1, 0, 0, false },
    { 0x6b, READ_ARRAY, 3, 1, 4, 0, 0, false },
    { 0x6c, READ_ARRAY, 4, 1, 4, 0, 0, false },
    { 0x02, PROGRAM, 3, 0, 1, 0, 0, false },
    { 0x12, PROGRAM, 4, 0, 1, 0, 0, false },
    { 0x20, ERASE, 3, 0, 1, 0, 4096, false },
    { 0x21, ERASE, 4, 0, 1, 0, 4096, false },
    { 0x52, ERASE, 3, 0, 1, 0, 32768, false },
    { 0x5c, ERASE, 4, 0, 1, 0, 32768, false },
    { 0xd8, ERASE, 3, 0, 1, 0, 65536, false },
    { 0xdc, ERASE, 4, 0, 1, 0, 65536, false },
    { 0x75, SUSPEND, 0, 0, 1, 0, 0, true },
    { 0x7a, RESUME, 0, 0, 1, 0, 0, false },
    { 0xb9, SLEEP, 0, 0, 1, 0, 0, false },
    { 0xab, WAKE, 0, 0, 1, 0, 0, true },
    { 0x66, RESET_ENABLE, 0, 0, 1, 0, 0, false },
    { 0x99, RESET, 0, 0, 1, 0, 0, false },
    { 0xff, NOTHING, 0, 0, 1, 0, 0, true },
    { 0x48, READ_REGISTER, 0, 0, 1, MAKER_ISSI, 0, false },
    { 0x81, READ_REGISTER, 0, 0, 1, MAKER_ISSI, 0, false },
    { 0x82, CLEAR_ERRORS, 0, 0, 1, MAKER_ISSI, 0, false },
    { 0x35, READ_REGISTER, 0, 0, 1, MAKER_WINBOND, 0, true },
    { 0x35, READ_REGISTER, 0, 0, 1, MAKER_GIGADEVICE, 0, true },
    { 0x15, READ_REGISTER, 0, 0, 1, MAKER_WINBOND, 0, true },
    { 0x70, READ_REGISTER, 0, 0, 1, MAKER_MICRON, 0, true },
    { 0x50, CLEAR_ERRORS, 0, 0, 1, MAKER_MICRON, 0, false },
    { 0x2b, READ_REGISTER, 0, 0, 1, MAKER_MACRONIX, 0, false },
};

static const struct form *form_of(const struct nor_spi *chip, uint8_t opcode)
{
    for (unsigned i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i].opcode == opcode && (!forms[i].maker || forms[i].maker == chip->id >> 16))
            return &forms[i];
    return NULL;
}

/* ---- State ---- */

/* Sees the end of a program or erase: the latch falls, errors show. */
static void settle(struct nor_spi *chip)
{
    if (chip->operating == NOR_IDLE || chip->nor->operation.kind != NOR_IDLE)
        return;
    chip->error_erase |= chip->nor->status && chip->operating == NOR_ERASE;
    chip->error_program |= chip->nor->status && chip->operating == NOR_PROGRAM;
    chip->operating = NOR_IDLE;
    chip->write_enabled = false;
}

static unsigned protect_level(const struct nor_spi *chip)
{
    return (chip->protect & (chip->id >> 16 == MAKER_MICRON ? BP_BITS_20 : BP_BITS)) >> 2;
}

static uint8_t status_of(const struct nor_spi *chip)
{
    unsigned status = chip->protect;

    status |= nor_busy(chip->nor) ? STATUS_WIP : 0;
    status |= chip->write_enabled ? STATUS_WEL : 0;
    status |= chip->quad_enable && chip->id >> 16 == MAKER_ISSI ? 0x40 : 0;
    return (uint8_t)status;
}

static bool suspended(const struct nor_spi *chip)
{
    return chip->nor->operation.kind != NOR_IDLE && chip->nor->operation.suspended && !nor_busy(chip->nor);
}

/* The maker's registers that a driver may look at; see the data sheets named in hal/spi_nor_parts.c. */
static uint8_t register_of(const struct nor_spi *chip, uint8_t opcode)
{
    bool erase = chip->nor->operation.kind == NOR_ERASE;
    unsigned value = 0;

    switch (opcode) {
    case 0x48:
        value = suspended(chip) ? (erase ? 0x08 : 0x04) : 0;
        return (uint8_t)(value | (chip->protect_bottom ? 0x02 : 0));
    case 0x81:
        value = (chip->error_erase ? 0x08 : 0) | (chip->error_program ? 0x04 : 0);
        return (uint8_t)(value | (chip->error_protect ? 0x02 : 0));
    case 0x15:
        return chip->protect_single ? 0x04 : 0;
    case 0x35:
        value = (suspended(chip) ? 0x80 : 0) | (chip->protect_turned ? 0x40 : 0);
        return (uint8_t)(value | (chip->quad_enable ? 0x02 : 0));
    case 0x70:
        value = (nor_busy(chip->nor) ? 0 : 0x80) | (suspended(chip) ? (erase ? 0x40 : 0x04) : 0);
        value |= (chip->error_erase ? 0x20 : 0) | (chip->error_program ? 0x10 : 0);
        return (uint8_t)(value | (chip->error_protect ? 0x02 : 0));
    default: /* 2b */
        value = (chip->error_program ? 0x20 : 0) | (chip->error_erase ? 0x40 : 0) | (chip->protect_single ? 0x80 : 0);
        return (uint8_t)(value | (suspended(chip) ? (erase ? 0x08 : 0x04) : 0));
    }
}

static bool is_protected(const struct nor_spi *chip, uint32_t address, uint32_t bytes)
{
    uint32_t size = chip->nor->config.size_bytes;
    unsigned level = protect_level(chip);
    uint64_t covered = level ? (uint64_t)PROTECT_64K << (level - 1) : 0;

    if (chip->id >> 16 != MAKER_ISSI || covered > size)
        return chip->protect_single || (level != 0) != chip->protect_turned;
    return chip->protect_bottom ? address < covered : address + bytes > size - covered;
}

void nor_spi_power_on(struct nor_spi *chip)
{
    nor_power_on(chip->nor);
    chip->protect = chip->protect_kept;
    chip->four_byte_mode = chip->protect_turned = chip->protect_single = false;
    chip->write_enabled = chip->sleeping = chip->continuous_read = chip->reset_enabled = false;
    chip->error_program = chip->error_erase = chip->error_protect = false;
    chip->operating = NOR_IDLE;
    chip->deaf_until_ns = 0;
}

/* ---- Commands ---- */

static void read_array(struct nor_spi *chip, const struct form *form, const struct spi_transaction *t)
{
    uint8_t *into = t->into;

    if (nor_read(chip->nor, t->address, into, t->bytes)) /* no power: the bus floats */
        memset(into, 0xff, t->bytes);
    if (form->lanes == 4 && chip->quad_wraps)
        for (uint32_t i = WRAP_BYTES; i < t->bytes; i++)
            into[i] = into[i - WRAP_BYTES];
    if (form->lanes != 4 || (chip->quad_enable && !chip->quad_miswired))
        return;
    /* Lanes that are not driven read as ones; two that are swapped swap their bits. */
    for (uint32_t i = 0; i < t->bytes; i++) {
        if (!chip->quad_enable)
            into[i] |= 0xdd;
        else
            into[i] = (uint8_t)((into[i] & 0x99) | (into[i] & 0x22) << 1 | (into[i] & 0x44) >> 1);
    }
}

/* A program or erase that the part takes up: needs the latch, and no protection. */
static bool admitted(struct nor_spi *chip, const struct spi_transaction *t, uint32_t bytes)
{
    if (!chip->write_enabled) {
        nor_violation(chip->nor, "opcode %02x without write enable", t->opcode);
        return false;
    }
    chip->error_program = chip->error_erase = chip->error_protect = false;
    if (!is_protected(chip, t->address, bytes))
        return true;
    chip->error_protect = true;
    chip->write_enabled = false;
    return false;
}

/* Data beyond the end of the page comes round to its start; of more than a page only the last bytes count. */
static void program(struct nor_spi *chip, const struct spi_transaction *t)
{
    struct nor *nor = chip->nor;
    uint32_t page = nor->config.page_bytes, start = t->address % page, base = t->address - start;
    const uint8_t *from = t->from;
    uint8_t image[NOR_PAGE_MAX];

    if (!from || !t->bytes || !admitted(chip, t, page - start))
        return;
    chip->operating = NOR_PROGRAM;
    if (start + t->bytes <= page) {
        (void)nor_program_begin(nor, t->address, from, t->bytes);
        return;
    }
    memcpy(image, nor->cells + base, page);
    for (uint32_t i = 0; i < t->bytes; i++)
        image[(start + i) % page] = from[i];
    (void)nor_program_begin(nor, base, image, page);
}

static void erase(struct nor_spi *chip, const struct form *form, const struct spi_transaction *t)
{
    if (!admitted(chip, t, form->erases))
        return;
    chip->operating = NOR_ERASE;
    (void)nor_erase_begin(chip->nor, t->address, form->erases);
}

/* An operation in flight is torn as by a power cut. */
static void reset(struct nor_spi *chip)
{
    if (!chip->reset_enabled)
        return;
    if (nor_busy(chip->nor))
        nor_violation(chip->nor, "reset while busy");
    nor_power_cut(chip->nor, NOR_TEAR_RANDOM);
    nor_spi_power_on(chip);
    chip->deaf_until_ns = chip->nor->now_ns + RESET_NS;
}

static void fill_sfdp(const struct nor_spi *chip, const struct spi_transaction *t)
{
    for (uint32_t i = 0; i < t->bytes; i++) {
        uint32_t at = t->address + i;

        ((uint8_t *)t->into)[i] = !chip->sfdp_bytes ? 0 : at < chip->sfdp_bytes ? chip->sfdp[at] : 0xff;
    }
}

static void fill_id(const struct nor_spi *chip, const struct spi_transaction *t)
{
    bool mute = chip->mute_suspended && suspended(chip);

    for (uint32_t i = 0; i < t->bytes; i++)
        ((uint8_t *)t->into)[i] = (uint8_t)(i < 3 && !mute ? chip->id >> (8 * (2 - i)) : 0);
}

static void suspend(struct nor_spi *chip)
{
    if (!chip->loses_next_suspend)
        (void)nor_suspend(chip->nor);
    chip->loses_next_suspend = false;
}

static void resume(struct nor_spi *chip)
{
    if (!chip->loses_next_resume)
        nor_resume(chip->nor);
    chip->loses_next_resume = false;
}

static void change_state(struct nor_spi *chip, const struct form *form)
{
    switch (form->action) {
    case WRITE_ENABLE:
        chip->write_enabled = !chip->never_write_enables;
        break;
    case WRITE_DISABLE:
        chip->write_enabled = false;
        break;
    case SUSPEND:
        suspend(chip);
        break;
    case RESUME:
        resume(chip);
        break;
    case SLEEP:
        chip->sleeping = true;
        break;
    case RESET:
        reset(chip);
        break;
    case CLEAR_ERRORS:
        chip->error_program = chip->error_erase = chip->error_protect = false;
        break;
    default: /* WAKE, NOTHING: only for a part that sleeps, or is in a continuous read */
        break;
    }
    chip->reset_enabled = form->action == RESET_ENABLE;
}

static void answer(struct nor_spi *chip, const struct form *form, const struct spi_transaction *t)
{
    switch (form->action) {
    case READ_STATUS:
        memset(t->into, status_of(chip), t->bytes);
        break;
    case READ_REGISTER:
        memset(t->into, register_of(chip, t->opcode), t->bytes);
        break;
    case READ_ID:
        fill_id(chip, t);
        break;
    case READ_SFDP:
        fill_sfdp(chip, t);
        break;
    default:
        read_array(chip, form, t);
        break;
    }
}

static bool answers(const struct form *form)
{
    return form->action == READ_STATUS || form->action == READ_REGISTER || form->action == READ_ID ||
           form->action == READ_SFDP || form->action == READ_ARRAY;
}

static void execute(struct nor_spi *chip, const struct form *form, const struct spi_transaction *t)
{
    if (!answers(form) && form->action != PROGRAM && form->action != ERASE) {
        change_state(chip, form);
        return;
    }
    chip->reset_enabled = false;
    if (form->action == PROGRAM)
        program(chip, t);
    else if (form->action == ERASE)
        erase(chip, form, t);
    else if (t->into && t->bytes)
        answer(chip, form, t);
}

/* ---- The bus ---- */

/* A part that sleeps, resets or thinks that it is being read takes no command but the one that ends this. */
static bool deaf(struct nor_spi *chip, const struct spi_transaction *t)
{
    if (chip->continuous_read) {
        chip->continuous_read = !(t->opcode == 0xff && t->from && t->bytes);
        return true;
    }
    if (chip->nor->now_ns < chip->deaf_until_ns) {
        nor_violation(chip->nor, "opcode %02x before the part has woken or reset", t->opcode);
        return true;
    }
    if (chip->sleeping && t->opcode == 0xab) {
        chip->sleeping = false;
        chip->deaf_until_ns = chip->nor->now_ns + WAKE_NS;
        return true;
    }
    return chip->sleeping;
}

static const char *mistake_of(const struct nor_spi *chip, const struct form *form, const struct spi_transaction *t)
{
    if (!form)
        return "unknown opcode";
    if (nor_busy(chip->nor) && !form->while_busy)
        return "the part is busy";
    if (t->address_bytes != form->address_bytes || t->dummy_bytes != form->dummy_bytes)
        return "wrong address or dummy bytes";
    if (form->address_bytes == 3 && form->action != READ_SFDP && chip->four_byte_mode)
        return "3 address bytes in 4-byte mode";
    if (t->bytes && t->data_lanes != form->lanes)
        return "wrong lanes";
    if (form->address_bytes && form->action != READ_SFDP && t->address >= chip->nor->config.size_bytes)
        return "address outside the part";
    return NULL;
}

static uint64_t transfer_ns(const struct nor_spi *chip, const struct spi_transaction *t)
{
    uint64_t clocks = 8ull * (1u + t->address_bytes + t->dummy_bytes) + 8ull * t->bytes / t->data_lanes;

    return clocks * 1000000000u / chip->hz;
}

static void command(struct nor_spi *chip, const struct spi_transaction *t)
{
    const struct form *form = form_of(chip, t->opcode);
    const char *mistake = mistake_of(chip, form, t);

    if (mistake)
        nor_violation(chip->nor, "opcode %02x at 0x%x: %s", t->opcode, t->address, mistake);
    else
        execute(chip, form, t);
}

static int transact(struct spi *spi, const struct spi_transaction *t)
{
    struct nor_spi *chip = spi->device;
    uint64_t ns;

    if (chip->controller_dead)
        return -ETIMEDOUT;
    if (t->data_lanes != 1 && t->data_lanes != 4)
        return -ENOTSUP;
    if (t->into)
        memset(t->into, chip->stuck_low ? 0 : 0xff, t->bytes);
    ns = transfer_ns(chip, t);
    settle(chip);
    /* What was asked is answered as of the end of the transaction, but an operation begins with its end. */
    if (t->into)
        nor_charge_ns(chip->nor, ns);
    else
        nor_advance_ns(chip->nor, ns);
    settle(chip);
    if (!chip->absent && !chip->stuck_low && chip->nor->powered && !deaf(chip, t))
        command(chip, t);
    return 0;
}

static uint32_t set_clock(struct spi *spi, uint32_t hz)
{
    struct nor_spi *chip = spi->device;

    chip->hz = hz ? hz : 1;
    return hz;
}

/* ---- A healthy part ---- */

static void put32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

uint32_t nor_spi_sfdp(uint8_t *image, uint32_t size_bytes)
{
    static const uint8_t head[] = { 'S', 'F', 'D', 'P', 6, 1, 0, 0xff, 0x00, 6, 1, 16, 0x30, 0, 0, 0xff };
    const uint32_t basic[16] = {
        0xfff920e5 & ~(3u << 17), /* 4 KiB by 20, 1-1-4 reads, 3-byte addresses only */
        size_bytes * 8 - 1,
        0x6b08eb44, /* 1-4-4 and 1-1-4 reads */
        0xbb803b08, /* 1-2-2 and 1-1-2 reads */
        0xfffffffe,
        0xff00ffff,
        0xff00ffff,
        0x520f200c,                                  /* erase types: 4 KiB by 20, 32 KiB by 52 */
        0x0000d810,                                  /* 64 KiB by d8 */
        3u | 0x22u << 4 | 0x29u << 11 | 0x32u << 18, /* 48, 160, 304 ms typical; eight times as much at most */
        2u | 8u << 4 | 24u << 8,                     /* pages of 256 bytes; 200 us typical, six times as much at most */
        6u << 9 | 6u << 13 | 2u << 18 | 6u << 20 | 6u << 24 | 2u << 29, /* suspend 56 us, resume gap 448 us */
        0x757a757a,
        0x00000000,
        0x00200000, /* QE is bit 6 of the status */
        0x00001000, /* reset by 66 99 */
    };

    memset(image, 0xff, 256);
    memcpy(image, head, sizeof head);
    for (unsigned i = 0; i < 16; i++)
        put32(image + 0x30 + 4 * i, basic[i]);
    return 256;
}

void nor_spi_open(struct nor_spi *chip, struct nor *nor, uint32_t id)
{
    *chip = (struct nor_spi){ .nor = nor, .id = id, .hz = 1000000, .quad_enable = true };
    chip->spi = (struct spi){ .transact = transact, .set_clock = set_clock, .device = chip };
    chip->sfdp_bytes = nor_spi_sfdp(chip->sfdp, nor->config.size_bytes);
}
