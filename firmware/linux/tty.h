/*
 * The console as a terminal: the line discipline between its bytes and programs.
 *
 *      key --interrupt--> tty_key --+-- signal key (^C ^\ ^Z) ......... to the foreground group
 *                                   +-- line editing (^H ^W ^U ^V) .... changes the unfinished line, echoed
 *                                   `-- else, echoed --> ring --> tty_read
 *
 *      ring:   read <= ended <= written      canonical: up to `ended` are whole lines, behind it the one being edited
 *
 * It is a terminal only in the console's plain form, and while a program is in the foreground: tty_begin() to
 * tty_end().
 *
 * Locking: the kernel lock; keys come in the interrupt.
 */
#ifndef FIRMWARE_LINUX_TTY_H
#define FIRMWARE_LINUX_TTY_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/linux/file.h"

/*
 * Keys go to programs, from the sane settings on. `lends`: the console was read by somebody (the monitor) who gets back what
 * programs leave unread, so whole lines stay where Ctrl-C would drop them.
 */
void tty_begin(bool lends);
/* They do no more; what was typed and not read is the console's again, if it was lent, or lost. */
void tty_end(void);

/* Rows and columns until a program says otherwise. */
#define TTY_ROWS    24
#define TTY_COLUMNS 80
void tty_set_size(uint16_t rows, uint16_t columns);

int64_t tty_read(struct span to, bool wait);
/* Asks whether the calling task may write now (TOSTOP). */
int tty_check_write(void);
/* What a read would give now; FIONREAD. */
uint32_t tty_available(void);
/* ioctl but for job control. -ENOTTY: not one of them. */
int tty_control(uint32_t request, va_t argument);

/* Woken when there may be something to read. */
extern struct wait_queue tty_input;

#endif
