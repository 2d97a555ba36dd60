#include "hal/spi_sifive.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* SiFive FU540-C000 Manual v1p4, chapter "Serial Peripheral Interface (SPI)": offsets, spelled as there. */
enum {
    SCKDIV = 0x00,
    SCKMODE = 0x04,
    CSID = 0x10,
    CSMODE = 0x18,
    FMT = 0x40,
    TXDATA = 0x48,
    RXDATA = 0x4c,
    FCTRL = 0x60,
    IE = 0x70,
};

#define SCKDIV_MOST      0xfffu
#define SCKMODE_0        0u
#define CSMODE_AUTO      0u /* selected during a frame: with no frame under way, not selected */
#define CSMODE_HOLD      2u
#define FMT_PROTO_SINGLE 0u
#define FMT_PROTO_QUAD   2u
#define FMT_LEN_8        (8u << 16)
#define RXDATA_EMPTY     (1u << 31)
#define FCTRL_PROGRAMMED 0u

#define FIFO_BYTES 8u
#define DUMMY_MOST 8u
#define SPINS      1000000u /* looks at a register; a byte at the slowest clock takes far fewer */
#define START_HZ   1000000u

static struct spi_sifive *controller_of(struct spi *spi)
{
    return spi->device;
}

static uint32_t get(const struct spi_sifive *controller, uint32_t offset)
{
    return controller->registers[offset / 4];
}

static void set(struct spi_sifive *controller, uint32_t offset, uint32_t value)
{
    controller->registers[offset / 4] = value;
}

/* Only between bytes: every byte sent has been received. */
static void set_format(struct spi_sifive *controller, uint32_t proto)
{
    uint32_t format = FMT_LEN_8 | proto;

    if (controller->format != format)
        set(controller, FMT, format);
    controller->format = format;
}

/*
 * Each byte sent brings one back, in both formats, as fmt.dir stays 0. So the bytes under way are counted and never
 * exceed a FIFO: the transmit side cannot be full then, and the receive side, which drops what overruns it without a
 * word, cannot overrun. `from` NULL sends zeros, `into` NULL drops.
 */
static int exchange(const struct spi_sifive *controller, const uint8_t *from, uint8_t *into, uint32_t bytes)
{
    volatile uint32_t *const txdata = controller->registers + TXDATA / 4;
    volatile uint32_t *const rxdata = controller->registers + RXDATA / 4;
    uint32_t sent = 0;

    for (; sent < bytes && sent < FIFO_BYTES; sent++)
        *txdata = from ? from[sent] : 0;
    for (uint32_t received = 0; received < bytes; received++) {
        uint32_t value = *rxdata;

        for (uint32_t spins = 0; value & RXDATA_EMPTY; spins++) {
            if (spins == SPINS)
                return -ETIMEDOUT;
            value = *rxdata;
        }
        if (into)
            into[received] = (uint8_t)value;
        if (sent < bytes) {
            *txdata = from ? from[sent] : 0;
            sent++;
        }
    }
    return 0;
}

/* Opcode, address and dummy bytes. */
static int send_header(struct spi_sifive *controller, const struct spi_transaction *transaction)
{
    uint8_t header[1 + 4 + DUMMY_MOST] = { transaction->opcode };
    uint32_t bytes = 1;

    for (unsigned i = transaction->address_bytes; i > 0; i--)
        header[bytes++] = (uint8_t)(transaction->address >> (8 * (i - 1)));
    return exchange(controller, header, NULL, bytes + transaction->dummy_bytes);
}

/* Bytes of a transaction that was given up may arrive late; they are not to be taken for the next one's. */
static void drain(const struct spi_sifive *controller)
{
    for (uint32_t i = 0; i < FIFO_BYTES && !(get(controller, RXDATA) & RXDATA_EMPTY); i++)
        ;
}

static bool can_do(const struct spi_transaction *transaction)
{
    bool lanes = transaction->data_lanes == 1 || (transaction->data_lanes == 4 && transaction->into);

    return lanes && transaction->address_bytes <= 4 && transaction->dummy_bytes <= DUMMY_MOST;
}

static int transact(struct spi *spi, const struct spi_transaction *transaction)
{
    struct spi_sifive *controller = controller_of(spi);
    int error;

    if (!can_do(transaction))
        return -ENOTSUP;
    drain(controller);
    set_format(controller, FMT_PROTO_SINGLE);
    set(controller, CSMODE, CSMODE_HOLD);
    error = send_header(controller, transaction);
    if (!error && transaction->data_lanes == 4)
        set_format(controller, FMT_PROTO_QUAD);
    if (!error)
        error = exchange(controller, transaction->from, transaction->into, transaction->bytes);
    set(controller, CSMODE, CSMODE_AUTO);
    return error;
}

/* SCK = input / (2 (div + 1)), manual section "Serial Clock Divisor Register". */
static uint32_t set_clock(struct spi *spi, uint32_t hz)
{
    struct spi_sifive *controller = controller_of(spi);
    uint32_t divisor = SCKDIV_MOST;

    if (hz && (controller->input_hz - 1) / 2 / hz < SCKDIV_MOST)
        divisor = (controller->input_hz - 1) / 2 / hz;
    set(controller, SCKDIV, divisor);
    return controller->input_hz / (2 * (divisor + 1));
}

void spi_sifive_init(struct spi_sifive *controller, volatile uint32_t *registers, uint32_t input_hz)
{
    *controller = (struct spi_sifive){
        .spi = { .transact = transact, .set_clock = set_clock, .device = controller },
        .registers = registers,
        .input_hz = input_hz ? input_hz : 1,
        .format = ~0u,
    };
    set(controller, IE, 0);
    set(controller, FCTRL, FCTRL_PROGRAMMED);
    set(controller, CSMODE, CSMODE_AUTO);
    set(controller, CSID, 0);
    set(controller, SCKMODE, SCKMODE_0);
    drain(controller);
    (void)set_clock(&controller->spi, START_HZ);
}
