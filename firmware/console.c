/* The forms of output and the ring of input. */
#include "firmware/console.h"

#include "firmware/record.h"
#include "firmware/trap.h"
#include "hal/sbi.h"

#define PREFIX "vellum: "

_Static_assert((CONSOLE_INPUT_BYTES & (CONSOLE_INPUT_BYTES - 1)) == 0, "positions of the ring wrap by a mask");

struct wait_queue console_input = WAIT_QUEUE_INIT(console_input);

static struct {
    struct uart *uart;
    enum console_form form;
    enum console_stream stream; /* framed: the one that is on */
    bool in_line;               /* plain: a program left its line unfinished */
    bool bare_newlines;         /* plain: programs' newlines are sent as they are */
    bool polled;                /* the line has no interrupt */
    bool escaped;               /* framed: the last byte of input was CONSOLE_ESCAPE */
    bool deaf;                  /* the ring was full: the line is not listened to */
    bool ended;
    bool (*filter)(uint8_t byte);
    uint32_t read, written; /* ever; the ring holds the difference */
    uint8_t ring[CONSOLE_INPUT_BYTES];
} console;

void console_init(struct uart *uart, enum console_form form)
{
    console.uart = uart;
    console.form = form;
}

enum console_form console_form(void)
{
    return console.form;
}

static void send(uint8_t byte)
{
    if (console.uart)
        uart_put(console.uart, byte);
    else
        sbi_console_put((char)byte); /* too early for drivers */
}

static void send_plain(uint8_t byte)
{
    if (byte == '\n')
        send('\r');
    send(byte);
    console.in_line = byte != '\n';
}

static void send_output(uint8_t byte)
{
    if (byte == '\n' && console.bare_newlines)
        send(byte);
    else
        send_plain(byte);
}

void console_set_newlines(bool with_return)
{
    console.bare_newlines = !with_return;
}

static void send_framed(uint8_t byte)
{
    if (byte == CONSOLE_ESCAPE)
        send(CONSOLE_ESCAPE);
    send(byte);
}

static void send_output_in_form(enum console_stream stream, uint8_t byte)
{
    static const char records[] = {
        [CONSOLE_OUT] = RECORD_OUT, [CONSOLE_ERROR] = RECORD_ERROR, [CONSOLE_ANSWER] = RECORD_ANSWER
    };

    if (console.form == CONSOLE_CHECKED)
        record_put(send, records[stream], byte);
    else if (console.form == CONSOLE_FRAMED)
        send_framed(byte);
    else
        send_output(byte);
}

void console_write(enum console_stream stream, const void *bytes, uint32_t count)
{
    const uint8_t *from = bytes;

    if (console.form == CONSOLE_FRAMED && stream != console.stream) {
        console.stream = stream;
        send(CONSOLE_ESCAPE);
        send(stream == CONSOLE_ERROR ? 'E' : 'O');
    }
    for (uint32_t i = 0; i < count; i++)
        send_output_in_form(stream, from[i]);
}

void console_line_begin(void)
{
    if (console.form == CONSOLE_CHECKED)
        return;
    if (console.form == CONSOLE_FRAMED) {
        send(CONSOLE_ESCAPE);
        send('v');
        return;
    }
    if (console.in_line)
        send_plain('\n');
    for (const char *at = PREFIX; *at; at++)
        send((uint8_t)*at);
}

void console_line_put(char byte)
{
    if (console.form == CONSOLE_CHECKED)
        record_put(send, RECORD_FIRMWARE, (uint8_t)byte);
    else
        send(byte == CONSOLE_ESCAPE || byte == '\n' ? '?' : (uint8_t)byte);
}

void console_line_end(void)
{
    if (console.form == CONSOLE_FRAMED)
        send('\n');
    else if (console.form == CONSOLE_CHECKED)
        record_put(send, RECORD_FIRMWARE, '\n');
    else
        send_plain('\n');
}

void console_flush(void)
{
    if (console.form == CONSOLE_CHECKED)
        record_end(send);
}

/* ---- Input ---- */

static void input_put(uint8_t byte)
{
    if (!console.filter || !console.filter(byte))
        console.ring[console.written++ % CONSOLE_INPUT_BYTES] = byte;
}

static void received(uint8_t byte)
{
    if (console.form == CONSOLE_FRAMED && !console.escaped && byte == CONSOLE_ESCAPE) {
        console.escaped = true;
        return;
    }
    if (console.escaped && byte == 'q')
        console.ended = true;
    else
        input_put(byte);
    console.escaped = false;
}

/*
 * Takes what has come. When the ring is full the rest stays where it is and the line is not listened to until somebody
 * has read: so nothing is lost where the other end can be held back (a pipe to the emulator).
 */
static void take(void)
{
    const struct uart_driver *driver = console.uart->driver;

    while (console_available() < CONSOLE_INPUT_BYTES) {
        int byte = driver->receive(console.uart);

        if (byte < 0)
            break;
        received((uint8_t)byte);
    }
    console_flush(); /* echoes */
    console.deaf = console_available() == CONSOLE_INPUT_BYTES;
    driver->listen(console.uart, !console.deaf && !console.polled);
    if (console_available() || console.ended)
        wait_wake(&console_input, WAKE_ALL);
}

void console_listen(uint32_t source)
{
    console.polled = source == 0;
    if (source)
        trap_listen(source, take);
    take();
}

bool console_is_polled(void)
{
    return console.polled;
}

void console_poll(void)
{
    if (console.polled)
        take();
}

uint32_t console_available(void)
{
    return console.written - console.read;
}

uint32_t console_read(void *bytes, uint32_t room)
{
    uint8_t *to = bytes;
    uint32_t count = 0;

    while (count < room && console.read != console.written)
        to[count++] = console.ring[console.read++ % CONSOLE_INPUT_BYTES];
    if (console.deaf)
        take();
    if (count == 0)
        console_flush();
    return count;
}

void console_unread(uint8_t byte)
{
    if (console_available() < CONSOLE_INPUT_BYTES)
        console.ring[--console.read % CONSOLE_INPUT_BYTES] = byte;
}

bool console_at_end(void)
{
    return console.ended && console_available() == 0;
}

void console_set_filter(bool (*filter)(uint8_t byte))
{
    console.filter = filter;
}
