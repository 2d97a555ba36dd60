/*
 * Text for people: firmware lines on the console, and text in memory.
 *
 * Formats are a part of printf's: %s %c %d %u %x %% with the lengths l, ll and z, a width, 0 before it, and `.*` or
 * `.N` with %s. Strings are shown as they are but for bytes outside 0x20 to 0x7e, which become '?'.
 */
#ifndef FIRMWARE_LOG_H
#define FIRMWARE_LOG_H

#include <stdarg.h>
#include <stddef.h>

/* One line: `vellum: ` and the text. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line in parts: log_begin(), log_part() ..., log_end(). */
void log_begin(void);
void log_part(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_end(void);

/* As snprintf: never more than `room` bytes with the final 0; returns the length that the whole text has. */
size_t text_format(char *to, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The engine: `put` takes one byte. */
void text_put(void (*put)(void *context, char byte), void *context, const char *format, va_list arguments);

#endif
