/*
 * The console: the line that people, or the runner behind it, see.
 *
 * Output has three forms, chosen by the boot argument `console=`:
 *
 * plain (default)   Firmware lines are `vellum: text`, begin in column 0 (a newline is put before them when a program
 *                   left its line unfinished), and end in CR LF; so do all newlines of programs' output.
 *
 * framed            For the runner on the other end of the line, which has to tell firmware lines, standard output and
 *                   standard error apart. One escape byte, CONSOLE_ESCAPE (0x10, DLE), followed by one byte:
 *
 *                      0x10 'v' text '\n'   a firmware line; text has no `vellum: ` and no 0x10
 *                      0x10 'E'             what follows is standard error
 *                      0x10 'O'             what follows is standard output (the state at boot)
 *                      0x10 0x10            a byte 0x10 of the output
 *
 *                   All other bytes are the programs' own, untouched: no CR is put in. A firmware line may come at any
 *                   place between two bytes of output and does not change which of the two outputs is on.
 *
 * checked           For a machine on a line that may lose or change bytes: every byte is a part of a numbered line with a
 *                   CRC (firmware/record.h), and the monitor takes commands of the same kind (firmware/monitor_checked.c).
 *                   Programs have a terminal, as in plain form; an unfinished line is sent when input is waited for.
 *
 * Input: bytes as they come. In framed form 0x10 'q' is the end of standard input, 0x10 0x10 a byte 0x10.
 *
 * Locking: the kernel lock; the panic report writes lines at any time.
 */
#ifndef FIRMWARE_CONSOLE_H
#define FIRMWARE_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/task.h"
#include "hal/uart.h"

#define CONSOLE_ESCAPE      0x10
#define CONSOLE_INPUT_BYTES 1024u

enum console_form { CONSOLE_PLAIN, CONSOLE_FRAMED, CONSOLE_CHECKED };
enum console_stream { CONSOLE_OUT, CONSOLE_ERROR, CONSOLE_ANSWER };

/* Before this, firmware lines go to the console of the machine-mode firmware, in plain form. `uart` stays. */
void console_init(struct uart *uart, enum console_form form);
enum console_form console_form(void);

/* Output of programs; CONSOLE_ANSWER is the monitor's, in checked form alone. */
void console_write(enum console_stream stream, const void *bytes, uint32_t count);

/* Plain form: whether CR is put before the newlines of programs (ONLCR), as it is at boot. */
void console_set_newlines(bool with_return);

/* Input is waited for: what was written is to be seen, though its line has no end yet. */
void console_flush(void);

/* One firmware line: begun, filled, ended. See firmware/log.h for text. */
void console_line_begin(void);
void console_line_put(char byte);
void console_line_end(void);

/* Bytes from the line begin to be taken: by interrupt `source` of the PLIC, or (0) whenever the hart idles or ticks. */
void console_listen(uint32_t source);
/* A line without interrupts: whether it is one, and taking what has come. */
bool console_is_polled(void);
void console_poll(void);

/* Input: up to `room` bytes, 0 when there are none now. */
uint32_t console_read(void *bytes, uint32_t room);
/* The byte is read next, before what has come; there must be room, as while a filter has used everything up. */
void console_unread(uint8_t byte);
uint32_t console_available(void);
bool console_at_end(void); /* nothing is left and nothing will come: end of file */
/* Woken when bytes or the end have come. */
extern struct wait_queue console_input;

/*
 * A hook on every byte of input, before the ring: true when it has been used up (the monitor's interrupt key, job
 * control). Runs in the interrupt. NULL: none.
 */
void console_set_filter(bool (*filter)(uint8_t byte));

#endif
