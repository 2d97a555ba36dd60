/*
 * One line of input, edited on an ANSI terminal, with a history of the lines before it.
 *
 *   left right, Ctrl-B Ctrl-F    move          Backspace, Ctrl-D    delete a character
 *   Home End, Ctrl-A Ctrl-E      to the ends   Ctrl-W Ctrl-U Ctrl-K the word, all before, all behind the cursor
 *   up down, Ctrl-P Ctrl-N       history       Ctrl-C               a new line
 */
#ifndef FIRMWARE_MONITOR_LINE_H
#define FIRMWARE_MONITOR_LINE_H

#include <stdbool.h>

#define MONITOR_LINE_BYTES    128u
#define MONITOR_HISTORY_LINES 8u

/* Sleeps for input. A byte, or -1: the end of input. */
int monitor_read_byte(void);

/* Sleeps for input. The line without its end; false: the end of input. */
bool monitor_read_line(const char *prompt, char line[MONITOR_LINE_BYTES]);

#endif
