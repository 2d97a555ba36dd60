/* The line discipline. */
#include "firmware/linux/tty.h"

#include <errno.h>
#include <string.h>

#include "firmware/clock.h"
#include "firmware/console.h"
#include "firmware/linux/abi_process.h"
#include "firmware/linux/job_control.h"
#include "firmware/usercopy.h"

#define RING_BYTES   1024u
#define NO_KEY       0 /* of c_cc: this key is switched off */
#define DELETE       0x7f
#define NS_PER_TENTH 100000000ull
#define CONTROL(key) ((key)&0x1f)

_Static_assert((RING_BYTES & (RING_BYTES - 1)) == 0, "positions of the ring wrap by a mask");

struct wait_queue tty_input = WAIT_QUEUE_INIT(tty_input);

static const struct linux_termios sane = {
    .iflag = LINUX_ICRNL | LINUX_IUTF8,
    .oflag = LINUX_OPOST | LINUX_ONLCR,
    .cflag = LINUX_B115200 | LINUX_CS8 | LINUX_CREAD | LINUX_HUPCL,
    .lflag = LINUX_ISIG | LINUX_ICANON | LINUX_ECHO | LINUX_ECHOE | LINUX_ECHOK | LINUX_ECHOCTL | LINUX_ECHOKE |
             LINUX_IEXTEN,
    .cc = {
        [LINUX_VINTR] = CONTROL('C'),  [LINUX_VQUIT] = CONTROL('\\'),  [LINUX_VERASE] = DELETE,
        [LINUX_VKILL] = CONTROL('U'),  [LINUX_VEOF] = CONTROL('D'),    [LINUX_VMIN] = 1,
        [LINUX_VSTART] = CONTROL('Q'), [LINUX_VSTOP] = CONTROL('S'),   [LINUX_VSUSP] = CONTROL('Z'),
        [LINUX_VREPRINT] = CONTROL('R'), [LINUX_VDISCARD] = CONTROL('O'), [LINUX_VWERASE] = CONTROL('W'),
        [LINUX_VLNEXT] = CONTROL('V'),
    },
};

static struct {
    struct linux_termios mode;
    struct linux_winsize size;
    bool lent;                     /* as tty_begin() was told */
    bool literal;                  /* the next key is taken as it is: ^V */
    uint32_t read, ended, written; /* ever */
    uint8_t ring[RING_BYTES];
    uint8_t line_end[RING_BYTES / 8]; /* bit: the line ends here; if the byte is 0, by ^D, and the byte is not read */
} tty = { .size = { .rows = TTY_ROWS, .columns = TTY_COLUMNS } };

void tty_set_size(uint16_t rows, uint16_t columns)
{
    tty.size = (struct linux_winsize){ .rows = rows, .columns = columns };
}

/* ---- The ring ---- */

static bool has_mode(uint32_t flag)
{
    return tty.mode.lflag & flag;
}

static bool is_key(uint8_t byte, unsigned key)
{
    return byte == tty.mode.cc[key] && byte != NO_KEY;
}

static bool is_line_end(uint32_t position)
{
    return tty.line_end[position % RING_BYTES / 8] >> position % 8 & 1;
}

static void put(uint8_t byte, bool ends_line)
{
    uint32_t at = tty.written % RING_BYTES;

    if (tty.written - tty.read == RING_BYTES)
        return;
    tty.ring[at] = byte;
    tty.line_end[at / 8] = (uint8_t)((tty.line_end[at / 8] & ~(1u << at % 8)) | (unsigned)ends_line << at % 8);
    tty.written++;
    if (ends_line || !has_mode(LINUX_ICANON))
        tty.ended = tty.written;
}

static void empty(void)
{
    tty.read = tty.ended = tty.written;
    tty.literal = false;
}

/* ---- Echo ---- */

static void show(const char *text, uint32_t bytes)
{
    console_write(CONSOLE_OUT, text, bytes);
}

static bool is_shown_as_two(uint8_t byte)
{
    return has_mode(LINUX_ECHOCTL) && (byte < ' ' || byte == DELETE) && byte != '\t' && byte != '\n';
}

static void echo(uint8_t byte)
{
    if (is_shown_as_two(byte))
        show((char[]){ '^', (char)(byte ^ 0x40) }, 2);
    else
        show((char *)&byte, 1);
}

static bool continues_character(uint8_t byte)
{
    return tty.mode.iflag & LINUX_IUTF8 && (byte & 0xc0) == 0x80;
}

/* Takes the last character off the unfinished line, and off the screen. */
static void erase_one(void)
{
    uint8_t byte;

    do
        byte = tty.ring[--tty.written % RING_BYTES];
    while (continues_character(byte) && tty.written != tty.ended);
    if (has_mode(LINUX_ECHO))
        show("\b \b\b \b", is_shown_as_two(byte) ? 6 : 3);
}

static void erase_word(void)
{
    while (tty.written != tty.ended && tty.ring[(tty.written - 1) % RING_BYTES] == ' ')
        erase_one();
    while (tty.written != tty.ended && tty.ring[(tty.written - 1) % RING_BYTES] != ' ')
        erase_one();
}

static void erase_line(void)
{
    while (tty.written != tty.ended)
        erase_one();
}

/* ---- Keys ---- */

static int signal_of(uint8_t byte)
{
    if (!has_mode(LINUX_ISIG))
        return 0;
    return is_key(byte, LINUX_VINTR)   ? LINUX_SIGINT
           : is_key(byte, LINUX_VQUIT) ? LINUX_SIGQUIT
           : is_key(byte, LINUX_VSUSP) ? LINUX_SIGTSTP
                                       : 0;
}

static bool take_signal(uint8_t byte)
{
    int signal = signal_of(byte);

    if (!signal)
        return false;
    if (tty.lent)
        tty.written = tty.ended;
    else if (!has_mode(LINUX_NOFLSH))
        empty();
    if (has_mode(LINUX_ECHO))
        echo(byte);
    job_key(signal);
    return true;
}

/* Keys that change the unfinished line instead of being a part of it. */
static bool edit(uint8_t byte)
{
    if (is_key(byte, LINUX_VERASE) || (byte == '\b' && tty.mode.cc[LINUX_VERASE] == DELETE)) {
        if (tty.written != tty.ended)
            erase_one();
    } else if (is_key(byte, LINUX_VKILL)) {
        erase_line();
    } else if (has_mode(LINUX_IEXTEN) && is_key(byte, LINUX_VWERASE)) {
        erase_word();
    } else if (has_mode(LINUX_IEXTEN) && is_key(byte, LINUX_VLNEXT)) {
        tty.literal = true;
        if (has_mode(LINUX_ECHO))
            show("^\b", 2);
    } else if (is_key(byte, LINUX_VEOF)) {
        put(0, true);
    } else {
        return false;
    }
    return true;
}

static bool ends_line(uint8_t byte)
{
    return byte == '\n' || is_key(byte, LINUX_VEOL) || is_key(byte, LINUX_VEOL2);
}

/* A whole line always finds the room for its end. */
static bool line_is_full(void)
{
    return tty.written - tty.read >= RING_BYTES - 2;
}

static void take_plain(uint8_t byte, bool literal)
{
    bool canonical = has_mode(LINUX_ICANON);
    bool end = canonical && !literal && ends_line(byte);

    if (canonical && !end && line_is_full())
        return;
    if (has_mode(LINUX_ECHO) || (byte == '\n' && has_mode(LINUX_ECHONL) && canonical))
        echo(byte);
    put(byte, end);
}

/* -1: the byte is dropped. */
static int translate(uint8_t byte)
{
    if (byte == '\r')
        return tty.mode.iflag & LINUX_IGNCR ? -1 : tty.mode.iflag & LINUX_ICRNL ? '\n' : byte;
    return byte == '\n' && tty.mode.iflag & LINUX_INLCR ? '\r' : byte;
}

/* Everything that is typed is used up here: nothing is left for the console's own ring. */
static bool tty_key(uint8_t raw)
{
    bool literal = tty.literal;
    int byte = literal ? raw : translate(raw);

    tty.literal = false;
    if (byte < 0)
        return true;
    if (literal || (!take_signal((uint8_t)byte) && !(has_mode(LINUX_ICANON) && edit((uint8_t)byte))))
        take_plain((uint8_t)byte, literal);
    if (tty.read != tty.ended)
        wait_wake(&tty_input, WAKE_ALL);
    return true;
}

/* ---- Reading ---- */

uint32_t tty_available(void)
{
    return tty.ended - tty.read;
}

static bool is_end_of_file(uint32_t position)
{
    return has_mode(LINUX_ICANON) && position != tty.ended && is_line_end(position) && !tty.ring[position % RING_BYTES];
}

/* Up to the end of a line, in canonical mode. A ^D right behind the last byte that there is room for goes with it. */
static uint32_t take_bytes(uint8_t *to, uint32_t room)
{
    uint32_t count = 0;

    while (count < room && tty.read != tty.ended && !is_end_of_file(tty.read)) {
        bool end = has_mode(LINUX_ICANON) && is_line_end(tty.read);

        to[count++] = tty.ring[tty.read++ % RING_BYTES];
        if (end)
            return count;
    }
    tty.read += is_end_of_file(tty.read);
    return count;
}

/* When to stop waiting for the first byte, with VMIN 0: at once (0), at a tick, or never. */
static uint64_t read_deadline(void)
{
    uint64_t tenths = tty.mode.cc[LINUX_VTIME];

    if (has_mode(LINUX_ICANON) || tty.mode.cc[LINUX_VMIN])
        return TIMER_NEVER;
    return tenths ? clock_tick_at(clock_monotonic_ns() + tenths * NS_PER_TENTH) : 0;
}

/* How many bytes a read is to wait for. */
static uint32_t wanted(uint64_t room)
{
    uint32_t least = has_mode(LINUX_ICANON) || !tty.mode.cc[LINUX_VMIN] ? 1 : tty.mode.cc[LINUX_VMIN];

    return room < least ? (uint32_t)room : least;
}

/* 0, or why there is nothing to read; -ETIMEDOUT: the time of VTIME has passed. */
static int wait_for_input(uint64_t room, bool wait)
{
    uint64_t deadline = read_deadline();

    for (;;) {
        int error = job_check(LINUX_SIGTTIN);

        if (error)
            return error;
        if (tty_available() >= wanted(room))
            return 0;
        if (deadline == 0)
            return -ETIMEDOUT;
        if (!wait)
            return tty_available() ? 0 : -EWOULDBLOCK;
        /* Between bytes VTIME ends the wait: then some are there. */
        if (tty_available() && tty.mode.cc[LINUX_VTIME])
            deadline = clock_tick_at(clock_monotonic_ns() + tty.mode.cc[LINUX_VTIME] * NS_PER_TENTH);
        console_flush();
        error = task_sleep(&tty_input, deadline);
        if (error == -ETIMEDOUT && tty_available())
            return 0;
        if (error)
            return error;
    }
}

int64_t tty_read(struct span to, bool wait)
{
    uint8_t line[RING_BYTES]; /* all at once: the copy may sleep */
    uint32_t count;

    if (to.bytes == 0)
        return 0;
    int error = wait_for_input(to.bytes, wait);

    if (error)
        return error == -ETIMEDOUT ? 0 : error;
    count = take_bytes(line, to.bytes < RING_BYTES ? (uint32_t)to.bytes : RING_BYTES);
    error = copy_out(to.space, to.at, line, count);
    return error ? error : (int64_t)count;
}

int tty_check_write(void)
{
    return has_mode(LINUX_TOSTOP) ? job_check(LINUX_SIGTTOU) : 0;
}

/* ---- Settings ---- */

static void set_mode(const struct linux_termios *mode)
{
    bool was_canonical = has_mode(LINUX_ICANON);

    tty.mode = *mode;
    console_set_newlines(mode->oflag & LINUX_OPOST && mode->oflag & LINUX_ONLCR);
    if (was_canonical != has_mode(LINUX_ICANON))
        tty.ended = tty.written; /* what is typed already counts as entered */
    if (tty.read != tty.ended)
        wait_wake(&tty_input, WAKE_ALL);
}

static int change_mode(va_t argument, bool flush)
{
    struct linux_termios mode = { 0 };
    int error = job_check(LINUX_SIGTTOU);

    if (error)
        return error;
    if (user_read(&mode, argument, LINUX_TERMIOS_BYTES))
        return -EFAULT;
    if (flush)
        empty();
    set_mode(&mode);
    return 0;
}

static int change_size(va_t argument)
{
    struct linux_winsize size;

    if (user_read(&size, argument, sizeof(size)))
        return -EFAULT;
    if (memcmp(&size, &tty.size, sizeof(size)) == 0)
        return 0;
    tty.size = size;
    job_key(LINUX_SIGWINCH);
    return 0;
}

int tty_control(uint32_t request, va_t argument)
{
    switch (request) {
    case LINUX_TCGETS:
        return user_write(argument, &tty.mode, LINUX_TERMIOS_BYTES);
    case LINUX_TCSETS:
    case LINUX_TCSETSW:
        return change_mode(argument, false);
    case LINUX_TCSETSF:
        return change_mode(argument, true);
    case LINUX_TIOCGWINSZ:
        return user_write(argument, &tty.size, sizeof(tty.size));
    case LINUX_TIOCSWINSZ:
        return change_size(argument);
    case LINUX_TCFLSH:
        if (argument <= 2 && argument != 1)
            empty();
        return argument <= 2 ? 0 : -EINVAL;
    case LINUX_TCSBRK:
    case LINUX_TCSBRKP:
    case LINUX_TCXONC:
        return job_check(LINUX_SIGTTOU);
    default:
        return -ENOTTY;
    }
}

/* ---- Beginning and end ---- */

void tty_begin(bool lends)
{
    uint8_t typed;

    if (console_form() == CONSOLE_FRAMED)
        return;
    tty.lent = lends;
    tty.mode = sane;
    empty();
    while (console_read(&typed, 1))
        tty_key(typed);
    console_set_filter(tty_key);
}

void tty_end(void)
{
    if (console_form() == CONSOLE_FRAMED)
        return;
    console_set_filter(NULL);
    console_set_newlines(true);
    while (tty.lent && tty.written != tty.read)
        if (tty.ring[--tty.written % RING_BYTES])
            console_unread(tty.ring[tty.written % RING_BYTES]);
    empty();
}
