/*
 * The SiFive UART. "SiFive FU540-C000 Manual" v1p4, chapter 13 "Universal Asynchronous Receiver/Transmitter (UART)".
 */
#include "hal/uart.h"

#define UART_TXDATA       0x00
#define UART_TXDATA_FULL  (1u << 31)
#define UART_RXDATA       0x04
#define UART_RXDATA_EMPTY (1u << 31)
#define UART_TXCTRL       0x08
#define UART_TXCTRL_TXEN  (1u << 0)
#define UART_RXCTRL       0x0c
#define UART_RXCTRL_RXEN  (1u << 0)
#define UART_RXCTRL_RXCNT (7u << 16) /* the receive interrupt is pending above this many bytes */
#define UART_IE           0x10
#define UART_IE_RXWM      (1u << 1)

static bool ready_sifive(struct uart *uart)
{
    return !(mmio_read32(uart->registers, UART_TXDATA) & UART_TXDATA_FULL);
}

static void send_sifive(struct uart *uart, uint8_t byte)
{
    mmio_write32(uart->registers, UART_TXDATA, byte);
}

/* Reading takes the byte out, so emptiness and byte come in one read. */
static int receive_sifive(struct uart *uart)
{
    uint32_t data = mmio_read32(uart->registers, UART_RXDATA);

    return data & UART_RXDATA_EMPTY ? -1 : (int)(data & 0xff);
}

static void listen_sifive(struct uart *uart, bool on)
{
    mmio_write32(uart->registers, UART_IE, on ? UART_IE_RXWM : 0);
}

void uart_sifive_init(struct uart *uart, void *registers)
{
    static const struct uart_driver driver = { "sifive", ready_sifive, send_sifive, receive_sifive, listen_sifive };
    uint32_t stop_bits;

    *uart = (struct uart){ .driver = &driver, .registers = registers };
    mmio_write32(registers, UART_IE, 0);
    stop_bits = mmio_read32(registers, UART_TXCTRL) & ~UART_TXCTRL_TXEN;
    mmio_write32(registers, UART_TXCTRL, stop_bits | UART_TXCTRL_TXEN);
    mmio_write32(registers, UART_RXCTRL, (mmio_read32(registers, UART_RXCTRL) & ~UART_RXCTRL_RXCNT) | UART_RXCTRL_RXEN);
}
