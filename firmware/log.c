/* Firmware lines and the formatting behind them. */
#include "firmware/log.h"

#include <stdbool.h>
#include <stdint.h>

#include "firmware/console.h"

struct conversion {
    char kind;
    bool zeros;
    bool is_long;
    unsigned width;
    unsigned most; /* bytes of a string */
};

struct sink {
    void (*put)(void *context, char byte);
    void *context;
};

static void sink_repeat(struct sink sink, char byte, unsigned count)
{
    while (count--)
        sink.put(sink.context, byte);
}

static void sink_string(struct sink sink, const struct conversion *conversion, const char *string)
{
    unsigned length = 0;

    for (; length < conversion->most && string[length]; length++)
        sink.put(sink.context, string[length] >= ' ' && string[length] <= '~' ? string[length] : '?');
    if (length < conversion->width)
        sink_repeat(sink, ' ', conversion->width - length);
}

static void sink_number(struct sink sink, const struct conversion *conversion, uint64_t number, bool negative)
{
    uint64_t base = conversion->kind == 'x' ? 16 : 10;
    char digits[20];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    unsigned length = count + negative;
    unsigned fill = conversion->width > length ? conversion->width - length : 0;

    if (!conversion->zeros)
        sink_repeat(sink, ' ', fill);
    if (negative)
        sink.put(sink.context, '-');
    if (conversion->zeros)
        sink_repeat(sink, '0', fill);
    while (count)
        sink.put(sink.context, digits[--count]);
}

/* Reads what follows a '%'; returns where the text goes on. */
static const char *conversion_read(const char *format, struct conversion *conversion, va_list *arguments)
{
    *conversion = (struct conversion){ .most = UINT32_MAX };
    if (*format == '-') /* strings are always to the left, numbers never */
        format++;
    if (*format == '0')
        conversion->zeros = true;
    for (; *format >= '0' && *format <= '9'; format++)
        conversion->width = conversion->width * 10 + (unsigned)(*format - '0');
    if (*format == '.') {
        format++;
        conversion->most = 0;
        if (*format == '*') {
            conversion->most = (unsigned)va_arg(*arguments, int);
            format++;
        }
        for (; *format >= '0' && *format <= '9'; format++)
            conversion->most = conversion->most * 10 + (unsigned)(*format - '0');
    }
    for (; *format == 'l' || *format == 'z'; format++)
        conversion->is_long = true;
    conversion->kind = *format;
    return *format ? format + 1 : format;
}

static void sink_conversion(struct sink sink, const struct conversion *conversion, va_list *arguments)
{
    int64_t number;

    switch (conversion->kind) {
    case 's':
        sink_string(sink, conversion, va_arg(*arguments, const char *));
        break;
    case 'c':
        sink.put(sink.context, (char)va_arg(*arguments, int));
        break;
    case 'd':
        number = conversion->is_long ? va_arg(*arguments, int64_t) : va_arg(*arguments, int);
        sink_number(sink, conversion, number < 0 ? -(uint64_t)number : (uint64_t)number, number < 0);
        break;
    case 'u':
    case 'x':
        sink_number(sink, conversion, conversion->is_long ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned),
                    false);
        break;
    default:
        sink.put(sink.context, '%');
    }
}

void text_put(void (*put)(void *context, char byte), void *context, const char *format, va_list arguments)
{
    struct sink sink = { put, context };
    struct conversion conversion;
    va_list rest;

    va_copy(rest, arguments);
    while (*format) {
        if (*format != '%') {
            put(context, *format++);
            continue;
        }
        format = conversion_read(format + 1, &conversion, &rest);
        sink_conversion(sink, &conversion, &rest);
    }
    va_end(rest);
}

struct text_room {
    char *at;
    size_t room, length;
};

static void text_room_put(void *context, char byte)
{
    struct text_room *text = context;

    if (text->length + 1 < text->room)
        text->at[text->length] = byte;
    text->length++;
}

size_t text_format(char *to, size_t room, const char *format, ...)
{
    struct text_room text = { to, room, 0 };
    va_list arguments;

    va_start(arguments, format);
    text_put(text_room_put, &text, format, arguments);
    va_end(arguments);
    if (room)
        to[text.length < room ? text.length : room - 1] = 0;
    return text.length;
}

static void line_put(void *context, char byte)
{
    (void)context;
    console_line_put(byte);
}

void log_line(const char *format, ...)
{
    va_list arguments;

    console_line_begin();
    va_start(arguments, format);
    text_put(line_put, NULL, format, arguments);
    va_end(arguments);
    console_line_end();
}

void log_begin(void)
{
    console_line_begin();
}

void log_part(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    text_put(line_put, NULL, format, arguments);
    va_end(arguments);
}

void log_end(void)
{
    console_line_end();
}
