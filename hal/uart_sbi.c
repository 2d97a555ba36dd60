/*
 * The machine-mode firmware's console as a serial line, for boards whose UART has no driver here. It has no interrupt.
 */
#include "hal/uart.h"

#include "hal/sbi.h"

static bool ready_sbi(struct uart *uart)
{
    (void)uart;
    return true;
}

static void send_sbi(struct uart *uart, uint8_t byte)
{
    (void)uart;
    sbi_console_put((char)byte);
}

static int receive_sbi(struct uart *uart)
{
    (void)uart;
    return sbi_console_get();
}

static void listen_sbi(struct uart *uart, bool on)
{
    (void)uart;
    (void)on;
}

void uart_sbi_init(struct uart *uart)
{
    static const struct uart_driver driver = { "sbi", ready_sbi, send_sbi, receive_sbi, listen_sbi };

    *uart = (struct uart){ .driver = &driver };
}
