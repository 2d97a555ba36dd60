#include "hal/spi_sun6i.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* D1-H User Manual V1.0, section 9.3.5 "SPI Register List" and 9.3.6: offsets and bits, spelled as there. */
enum {
    SPI_GCR = 0x04,
    SPI_TCR = 0x08,
    SPI_IER = 0x10,
    SPI_FCR = 0x18,
    SPI_FSR = 0x1c,
    SPI_MBC = 0x30, /* bytes of a burst, */
    SPI_MTC = 0x34, /* of these sent from the FIFO, */
    SPI_BCC = 0x38, /* of these by one lane; dummies; four lanes for the rest */
    SPI_TXD = 0x200,
    SPI_RXD = 0x300,
};

#define GCR_EN   (1u << 0)
#define GCR_MODE (1u << 1) /* master */
#define GCR_TP   (1u << 7) /* SCK stops while the receive FIFO is full */
#define GCR_SRST (1u << 31)

#define TCR_SPOL     (1u << 2) /* the chip is selected by a low level */
#define TCR_SS_OWNER (1u << 6) /* by hand */
#define TCR_SS_LEVEL (1u << 7)
#define TCR_DHB      (1u << 8)  /* what comes in while bytes go out is dropped */
#define TCR_SDM      (1u << 13) /* sampled without delay: right up to 24 MHz */
#define TCR_XCH      (1u << 31)

#define FCR_RF_RST (1u << 15)
#define FCR_TF_RST (1u << 31)
#define FSR_RF_CNT 0xffu

#define BCC_QUAD (1u << 29)

/* Section 3.2.6 "CCU Register Description": SPI0_CLK_REG, SPI_BGR_REG */
enum {
    SPI0_CLK = 0x940,
    SPI_BGR = 0x96c,
};
#define CLK_GATING      (1u << 31)
#define CLK_SOURCE_HOSC (0u << 24)
#define CLK_N_SHIFT     8u /* divides by 2^N, */
#define CLK_N_MOST      3u
#define CLK_M_MOST      15u /* and by M + 1 */
#define BGR_SPI0_GATING (1u << 0)
#define BGR_SPI0_RST    (1u << 16)

#define FIFO_BYTES  64u
#define HEADER_MOST (1 + 4 + 8)
#define SPINS       1000000u /* looks at a register; a FIFO at the slowest clock takes far fewer */
#define START_HZ    1000000u

static struct spi_sun6i *controller_of(struct spi *spi)
{
    return spi->device;
}

static uint32_t get(const struct spi_sun6i *controller, uint32_t offset)
{
    return mmio_read32(controller->registers, offset);
}

static void set(const struct spi_sun6i *controller, uint32_t offset, uint32_t value)
{
    mmio_write32(controller->registers, offset, value);
}

/* Waits for bits that the controller clears by itself. */
static int wait_clear(const struct spi_sun6i *controller, uint32_t offset, uint32_t bits)
{
    for (uint32_t i = 0; i < SPINS; i++) {
        if (!(get(controller, offset) & bits))
            return 0;
    }
    return -ETIMEDOUT;
}

static void chip_select(const struct spi_sun6i *controller, bool on)
{
    set(controller, SPI_TCR, controller->control | (on ? 0 : TCR_SS_LEVEL));
}

static int run(const struct spi_sun6i *controller)
{
    set(controller, SPI_TCR, controller->control | TCR_XCH);
    return wait_clear(controller, SPI_TCR, TCR_XCH);
}

/* At most FIFO_BYTES. */
static int send_burst(const struct spi_sun6i *controller, const uint8_t *from, uint32_t bytes)
{
    set(controller, SPI_MBC, bytes);
    set(controller, SPI_MTC, bytes);
    set(controller, SPI_BCC, bytes);
    for (uint32_t i = 0; i < bytes; i++)
        mmio_write8(controller->registers, SPI_TXD, from[i]);
    return run(controller);
}

static int receive_burst(const struct spi_sun6i *controller, uint8_t *into, uint32_t bytes, bool quad)
{
    int error;

    set(controller, SPI_MBC, bytes);
    set(controller, SPI_MTC, 0);
    set(controller, SPI_BCC, quad ? BCC_QUAD : 0);
    error = run(controller);
    if (!error && (get(controller, SPI_FSR) & FSR_RF_CNT) != bytes)
        error = -EIO;
    for (uint32_t i = 0; !error && i < bytes; i++)
        into[i] = mmio_read8(controller->registers, SPI_RXD);
    return error;
}

/* Opcode, address and dummy bytes. */
static int send_header(const struct spi_sun6i *controller, const struct spi_transaction *transaction)
{
    uint8_t header[HEADER_MOST] = { transaction->opcode };
    uint32_t bytes = 1;

    for (unsigned i = transaction->address_bytes; i > 0; i--)
        header[bytes++] = (uint8_t)(transaction->address >> (8 * (i - 1)));
    return send_burst(controller, header, bytes + transaction->dummy_bytes);
}

static int move_data(const struct spi_sun6i *controller, const struct spi_transaction *transaction)
{
    int error = 0;

    for (uint32_t done = 0; !error && done < transaction->bytes; done += FIFO_BYTES) {
        uint32_t left = transaction->bytes - done;
        uint32_t part = left < FIFO_BYTES ? left : FIFO_BYTES;

        if (transaction->into)
            error = receive_burst(controller, (uint8_t *)transaction->into + done, part, transaction->data_lanes == 4);
        else
            error = send_burst(controller, (const uint8_t *)transaction->from + done, part);
    }
    return error;
}

static bool can_do(const struct spi_transaction *transaction)
{
    bool lanes = transaction->data_lanes == 1 || (transaction->data_lanes == 4 && transaction->into);
    bool data = !transaction->bytes || transaction->into || transaction->from;

    return lanes && data && transaction->address_bytes <= 4 &&
           1u + transaction->address_bytes + transaction->dummy_bytes <= HEADER_MOST;
}

static int transact(struct spi *spi, const struct spi_transaction *transaction)
{
    const struct spi_sun6i *controller = controller_of(spi);
    int error;

    if (!can_do(transaction))
        return -ENOTSUP;
    /* Bytes of a transaction that was given up are not to be taken for this one's. */
    set(controller, SPI_FCR, FCR_RF_RST | FCR_TF_RST);
    error = wait_clear(controller, SPI_FCR, FCR_RF_RST | FCR_TF_RST);
    if (error)
        return error;
    chip_select(controller, true);
    error = send_header(controller, transaction);
    if (!error)
        error = move_data(controller, transaction);
    chip_select(controller, false);
    return error;
}

/* The fastest that is not faster: crystal / (2^N (M + 1)). The slowest there is, where even that is faster. */
static uint32_t set_clock(struct spi *spi, uint32_t hz)
{
    struct spi_sun6i *controller = controller_of(spi);
    uint32_t n = CLK_N_MOST, m = CLK_M_MOST;

    for (uint32_t divisor = 1; hz && divisor <= CLK_M_MOST + 1; divisor++) {
        for (uint32_t power = 0; power <= CLK_N_MOST; power++) {
            uint32_t total = divisor << power;

            if (total < (m + 1) << n && (uint64_t)hz * total >= controller->crystal_hz) {
                n = power;
                m = divisor - 1;
            }
        }
    }
    mmio_write32(controller->clock_unit, SPI0_CLK, CLK_GATING | CLK_SOURCE_HOSC | n << CLK_N_SHIFT | m);
    return controller->crystal_hz / ((m + 1) << n);
}

int spi_sun6i_init(struct spi_sun6i *controller, void *registers, void *clock_unit, uint32_t crystal_hz)
{
    int error;

    *controller = (struct spi_sun6i){
        .spi = { .transact = transact, .set_clock = set_clock, .device = controller },
        .registers = registers,
        .clock_unit = clock_unit,
        .crystal_hz = crystal_hz,
        .control = TCR_SPOL | TCR_SS_OWNER | TCR_DHB | TCR_SDM,
    };
    (void)set_clock(&controller->spi, START_HZ);
    mmio_write32(controller->clock_unit, SPI_BGR,
                 mmio_read32(controller->clock_unit, SPI_BGR) | BGR_SPI0_GATING | BGR_SPI0_RST);
    set(controller, SPI_GCR, GCR_SRST);
    error = wait_clear(controller, SPI_GCR, GCR_SRST);
    set(controller, SPI_GCR, GCR_EN | GCR_MODE | GCR_TP);
    set(controller, SPI_IER, 0);
    chip_select(controller, false);
    return error;
}
