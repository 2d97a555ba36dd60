/*
 * The console as an open file: standard input, output and error. Input comes as the line gave it, without echo or
 * editing.
 */
#include <errno.h>

#include "firmware/console.h"
#include "firmware/linux/file.h"
#include "firmware/usercopy.h"

#define CHUNK_BYTES    128u
#define CONSOLE_MODE   (LINUX_S_IFCHR | 0620)
#define CONSOLE_DEVICE 0x0501u /* major 5, minor 1: /dev/console */
#define COLUMNS        80
#define ROWS           24

static int64_t console_file_read(struct file *file, struct span to, uint64_t offset)
{
    uint8_t chunk[CHUNK_BYTES];
    uint32_t count;

    (void)offset;
    if (to.bytes == 0)
        return 0;
    while ((count = console_available()) == 0) {
        if (console_at_end())
            return 0;
        if (file->flags & LINUX_O_NONBLOCK)
            return -EWOULDBLOCK;
        int error = task_sleep(&console_input, TIMER_NEVER);

        if (error)
            return error;
    }
    count = console_read(chunk, to.bytes < CHUNK_BYTES ? (uint32_t)to.bytes : CHUNK_BYTES);
    int error = copy_out(to.space, to.at, chunk, count);

    return error ? error : (int64_t)count;
}

static int64_t console_file_write(struct file *file, struct span from, uint64_t offset)
{
    uint8_t chunk[CHUNK_BYTES];
    uint64_t done = 0;

    (void)offset;
    while (done < from.bytes) {
        uint32_t here = from.bytes - done < CHUNK_BYTES ? (uint32_t)(from.bytes - done) : CHUNK_BYTES;
        int error = copy_in(from.space, chunk, from.at + done, here);

        if (error)
            return done ? (int64_t)done : error;
        console_write(file->kind == CONSOLE_ERROR ? CONSOLE_ERROR : CONSOLE_OUT, chunk, here);
        done += here;
    }
    return (int64_t)done;
}

static int console_file_status(struct file *file, struct linux_stat *status)
{
    (void)file;
    status->st_mode = CONSOLE_MODE;
    status->st_rdev = CONSOLE_DEVICE;
    return 0;
}

/* A terminal that is in raw mode and can be told nothing. */
static int terminal_control(uint32_t request, va_t argument)
{
    switch (request) {
    case LINUX_TCGETS:
        return user_write(argument, &(struct linux_termios){ 0 }, LINUX_TERMIOS_BYTES);
    case LINUX_TIOCGWINSZ:
        return user_write(argument, &(struct linux_winsize){ .rows = ROWS, .columns = COLUMNS },
                          sizeof(struct linux_winsize));
    case LINUX_TCSETS:
    case LINUX_TCSETSW:
    case LINUX_TCSETSF:
        return 0;
    default:
        return -ENOTTY;
    }
}

static int console_file_control(struct file *file, uint32_t request, va_t argument)
{
    uint32_t available = console_available();

    (void)file;
    if (request == LINUX_FIONREAD)
        return user_write(argument, &available, sizeof(available));
    /* Behind the runner's pipes there is no terminal, and programs buffer better when they know. */
    return console_form() == CONSOLE_FRAMED ? -ENOTTY : terminal_control(request, argument);
}

static uint32_t console_file_ready(struct file *file)
{
    (void)file;
    return LINUX_POLLOUT | (console_available() || console_at_end() ? LINUX_POLLIN : 0);
}

static struct wait_queue *console_file_queue(struct file *file)
{
    (void)file;
    return &console_input;
}

static const struct file_ops console_ops = {
    .read = console_file_read,
    .write = console_file_write,
    .status = console_file_status,
    .control = console_file_control,
    .ready = console_file_ready,
    .queue = console_file_queue,
};

struct file *file_of_console(enum console_stream stream)
{
    struct file *file = file_new(&console_ops, LINUX_O_RDWR);

    if (file)
        file->kind = (uint8_t)stream;
    return file;
}
