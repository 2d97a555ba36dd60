/*
 * The 16550 UART and its relatives (registers spread by reg-shift, accessed by reg-io-width).
 * "PC16550D Universal Asynchronous Receiver/Transmitter with FIFOs", section 8 "Registers"; also the parts common to
 * every serial line.
 */
#include "hal/uart.h"

#include <stddef.h>

#include "hal/timer.h"

#define UART_RBR              0 /* receive buffer (read) */
#define UART_THR              0 /* transmit holding (write) */
#define UART_IER              1 /* interrupt enable */
#define UART_IER_RECEIVED     0x01
#define UART_FCR              2 /* FIFO control (write) */
#define UART_FCR_ENABLE       0x01
#define UART_MCR              4    /* modem control */
#define UART_MCR_DTR_RTS_OUT2 0x0b /* OUT2 passes the interrupt on where it is wired as in a PC */
#define UART_LSR              5    /* line status */
#define UART_LSR_DATA_READY   0x01
#define UART_LSR_THR_EMPTY    0x20

/* ---- Every line ---- */

bool uart_put(struct uart *uart, uint8_t byte)
{
    bool ready = uart->driver->ready(uart);

    if (!ready && !uart->stuck) {
        uint64_t deadline = timer_now() + timer_ticks_from_us(UART_PATIENCE_US);

        while (!ready && timer_now() < deadline)
            ready = uart->driver->ready(uart);
    }
    uart->stuck = !ready;
    if (ready)
        uart->driver->send(uart, byte);
    else
        uart->lost++;
    return ready;
}

void uart_listen(struct uart *uart, void (*received)(struct uart *uart, uint8_t byte))
{
    uart->received = received;
    uart->driver->listen(uart, received != NULL);
}

/* The bound is the hart's, not the line's: at most as many bytes as any receiver holds, the rest with the next call. */
void uart_interrupt(struct uart *uart)
{
    int byte;

    for (int i = 0; i < UART_RECEIVE_MAX && (byte = uart->driver->receive(uart)) >= 0; i++) {
        if (uart->received)
            uart->received(uart, (uint8_t)byte);
    }
}

/* ---- The 16550 ---- */

static uint8_t reg_read(const struct uart *uart, uint32_t reg)
{
    if (uart->width == 4)
        return (uint8_t)mmio_read32(uart->registers, reg << uart->shift);
    return mmio_read8(uart->registers, reg << uart->shift);
}

static void reg_write(const struct uart *uart, uint32_t reg, uint8_t value)
{
    if (uart->width == 4)
        mmio_write32(uart->registers, reg << uart->shift, value);
    else
        mmio_write8(uart->registers, reg << uart->shift, value);
}

static bool ready_16550(struct uart *uart)
{
    return reg_read(uart, UART_LSR) & UART_LSR_THR_EMPTY;
}

static void send_16550(struct uart *uart, uint8_t byte)
{
    reg_write(uart, UART_THR, byte);
}

static int receive_16550(struct uart *uart)
{
    return reg_read(uart, UART_LSR) & UART_LSR_DATA_READY ? reg_read(uart, UART_RBR) : -1;
}

static void listen_16550(struct uart *uart, bool on)
{
    reg_write(uart, UART_IER, on ? UART_IER_RECEIVED : 0);
}

void uart_16550_init(struct uart *uart, void *registers, unsigned reg_shift, unsigned reg_io_width)
{
    static const struct uart_driver driver = { "16550", ready_16550, send_16550, receive_16550, listen_16550 };

    *uart = (struct uart){
        .driver = &driver, .registers = registers, .shift = (uint8_t)reg_shift, .width = (uint8_t)reg_io_width
    };
    reg_write(uart, UART_IER, 0);
    reg_write(uart, UART_FCR, UART_FCR_ENABLE);
    reg_write(uart, UART_MCR, UART_MCR_DTR_RTS_OUT2);
}
