/*
 * A serial line: one contract before the 16550, SiFive and SBI drivers.
 *
 * Line speed and format are left as the boot firmware set them: it has been talking on this line, and the clock is
 * often not in the device tree. Sending waits, but never longer than UART_PATIENCE_US for one byte, and not at all while
 * the line goes on being stuck; timer_init() has to come before. Receiving is by interrupt: uart_interrupt() empties the
 * receiver into the callback.
 *
 * Locking: the kernel lock; uart_put() also from a panic, with interrupts off.
 */
#ifndef HAL_UART_H
#define HAL_UART_H

#include <stdbool.h>
#include <stdint.h>

#include "hal/mmio.h"

/*
 * Far longer than any line takes for a byte: an emulator's line moves only when its own thread gets a turn on a loaded
 * host. A line that never moves costs this once.
 */
#define UART_PATIENCE_US 1000000

/* The deepest receive FIFO (of a 16750); one uart_interrupt() takes no more. */
#define UART_RECEIVE_MAX 64

struct uart;

struct uart_driver {
    const char *name;
    bool (*ready)(struct uart *uart);              /* room for one byte to send */
    void (*send)(struct uart *uart, uint8_t byte); /* after ready() */
    int (*receive)(struct uart *uart);             /* 0 to 255, or -1: nothing more */
    void (*listen)(struct uart *uart, bool on);    /* interrupt when a byte has come */
};

struct uart {
    const struct uart_driver *driver;
    mmio_t registers;                                  /* NULL: the SBI driver */
    uint8_t shift, width;                              /* 16550: offset << shift, accesses of width 1 or 4 bytes */
    void (*received)(struct uart *uart, uint8_t byte); /* from uart_interrupt(); interrupts are off */
    uint32_t lost;                                     /* bytes given up by uart_put() */
    bool stuck;                                        /* the last byte was given up */
};

/* Bring a line up: FIFOs on, interrupts off. `received` may be NULL until uart_listen(). */
void uart_16550_init(struct uart *uart, void *registers, unsigned reg_shift, unsigned reg_io_width);
void uart_sifive_init(struct uart *uart, void *registers);
void uart_sbi_init(struct uart *uart); /* has no interrupt: call uart_interrupt() now and then */

/* Sends one byte as it is. False: the line did not move within UART_PATIENCE_US and the byte is lost. */
bool uart_put(struct uart *uart, uint8_t byte);

/* Bytes go to `received` from now on. */
void uart_listen(struct uart *uart, void (*received)(struct uart *uart, uint8_t byte));

/* Takes the bytes that have come. To be called for the line's interrupt, before plic_complete(). */
void uart_interrupt(struct uart *uart);

#endif
