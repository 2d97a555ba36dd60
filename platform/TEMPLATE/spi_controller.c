/*
 * A SPI controller with one byte in flight: the least that hal/spi.h asks for. The registers here are those of no chip; the
 * manual's names, offsets and bits take their place.
 */
#include "platform/TEMPLATE/spi_controller.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* MANUAL, section "Registers": offsets and bits, spelled as there. */
enum {
    CONTROL = 0x00,
    DIVIDER = 0x04, /* SCK = input / (2 (divider + 1)) */
    STATUS = 0x08,
    DATA = 0x0c, /* a byte written goes out, and brings one in */
};
#define CONTROL_SELECT (1u << 0)
#define STATUS_BUSY    (1u << 0)
#define DIVIDER_MOST   0xffu

#define SPINS    1000000u /* looks at a register; a byte at the slowest clock takes far fewer */
#define START_HZ 1000000u

static struct spi_controller *controller_of(struct spi *spi)
{
    return spi->device;
}

/* One byte out and one in. Every wait has a bound. */
static int exchange(const struct spi_controller *controller, uint8_t out, uint8_t *in)
{
    mmio_write32(controller->registers, DATA, out);
    for (uint32_t i = 0; i < SPINS; i++) {
        if (!(mmio_read32(controller->registers, STATUS) & STATUS_BUSY)) {
            *in = (uint8_t)mmio_read32(controller->registers, DATA);
            return 0;
        }
    }
    return -ETIMEDOUT;
}

/* Opcode, address (most significant byte first), dummy bytes. */
static int send_header(const struct spi_controller *controller, const struct spi_transaction *transaction)
{
    uint8_t dropped;
    int error = exchange(controller, transaction->opcode, &dropped);

    for (unsigned i = transaction->address_bytes; !error && i > 0; i--)
        error = exchange(controller, (uint8_t)(transaction->address >> (8 * (i - 1))), &dropped);
    for (unsigned i = 0; !error && i < transaction->dummy_bytes; i++)
        error = exchange(controller, 0, &dropped);
    return error;
}

static int transact(struct spi *spi, const struct spi_transaction *transaction)
{
    const struct spi_controller *controller = controller_of(spi);
    const uint8_t *from = transaction->from;
    uint8_t *into = transaction->into, dropped;
    int error;

    if (transaction->data_lanes != 1 || transaction->address_bytes > 4)
        return -ENOTSUP;
    mmio_write32(controller->registers, CONTROL, CONTROL_SELECT);
    error = send_header(controller, transaction);
    for (uint32_t i = 0; !error && i < transaction->bytes; i++)
        error = exchange(controller, from ? from[i] : 0, into ? &into[i] : &dropped);
    mmio_write32(controller->registers, CONTROL, 0);
    return error;
}

/* The fastest that is not faster. */
static uint32_t set_clock(struct spi *spi, uint32_t hz)
{
    struct spi_controller *controller = controller_of(spi);
    uint32_t divider = DIVIDER_MOST;

    if (hz && (controller->input_hz - 1) / 2 / hz < DIVIDER_MOST)
        divider = (controller->input_hz - 1) / 2 / hz;
    mmio_write32(controller->registers, DIVIDER, divider);
    return controller->input_hz / (2 * (divider + 1));
}

void spi_controller_init(struct spi_controller *controller, void *registers, uint32_t input_hz)
{
    *controller = (struct spi_controller){
        .spi = { .transact = transact, .set_clock = set_clock, .device = controller },
        .registers = registers,
        .input_hz = input_hz ? input_hz : 1,
    };
    mmio_write32(registers, CONTROL, 0);
    (void)set_clock(&controller->spi, START_HZ);
}
