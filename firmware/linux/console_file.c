/*
 * The console as an open file: standard input, output and error. It is a terminal (tty.h). Behind the runner's
 * pipes, in framed form, it is none, and programs buffer better when they know; input comes as the line gave it.
 */
#include <errno.h>

#include "firmware/console.h"
#include "firmware/linux/file.h"
#include "firmware/linux/job_control.h"
#include "firmware/linux/tty.h"
#include "firmware/usercopy.h"

#define CHUNK_BYTES 128u

static bool is_terminal(void)
{
    return console_form() != CONSOLE_FRAMED;
}

static int64_t read_line(struct file *file, struct span to)
{
    uint8_t chunk[CHUNK_BYTES];

    if (to.bytes == 0)
        return 0;
    while (console_available() == 0) {
        if (console_at_end())
            return 0;
        if (file->flags & LINUX_O_NONBLOCK)
            return -EWOULDBLOCK;
        int error = task_sleep(&console_input, TIMER_NEVER);

        if (error)
            return error;
    }
    uint32_t count = console_read(chunk, to.bytes < CHUNK_BYTES ? (uint32_t)to.bytes : CHUNK_BYTES);
    int error = copy_out(to.space, to.at, chunk, count);

    return error ? error : (int64_t)count;
}

static int64_t console_file_read(struct file *file, struct span to, uint64_t offset)
{
    (void)offset;
    return is_terminal() ? tty_read(to, !(file->flags & LINUX_O_NONBLOCK)) : read_line(file, to);
}

static int64_t console_file_write(struct file *file, struct span from, uint64_t offset)
{
    uint8_t chunk[CHUNK_BYTES];
    uint64_t done = 0;
    int error = is_terminal() ? tty_check_write() : 0;

    (void)offset;
    while (!error && done < from.bytes) {
        uint32_t here = from.bytes - done < CHUNK_BYTES ? (uint32_t)(from.bytes - done) : CHUNK_BYTES;

        error = copy_in(from.space, chunk, from.at + done, here);
        if (error)
            break;
        console_write(file->kind == CONSOLE_ERROR ? CONSOLE_ERROR : CONSOLE_OUT, chunk, here);
        done += here;
    }
    return done ? (int64_t)done : error;
}

static int console_file_status(struct file *file, struct linux_stat *status)
{
    (void)file;
    return inode_status(INODE_CONSOLE, status);
}

static int tell_number(int error, uint32_t number, va_t argument)
{
    return error ? error : user_write(argument, &number, sizeof(number));
}

static int set_foreground(va_t argument)
{
    uint32_t group;

    return user_read(&group, argument, sizeof(group)) ? -EFAULT : job_set_foreground(group);
}

static int terminal_control(uint32_t request, va_t argument)
{
    uint32_t number = 0;
    int error;

    switch (request) {
    case LINUX_TIOCGPGRP:
        error = job_foreground(&number);
        return tell_number(error, number, argument);
    case LINUX_TIOCGSID:
        error = job_console_session(&number);
        return tell_number(error, number, argument);
    case LINUX_TIOCSPGRP:
        return set_foreground(argument);
    case LINUX_TIOCSCTTY:
        return job_take_console(argument == 1);
    case LINUX_TIOCNOTTY:
        return job_leave_console();
    default:
        return tty_control(request, argument);
    }
}

static int console_file_control(struct file *file, uint32_t request, va_t argument)
{
    (void)file;
    if (request == LINUX_FIONREAD)
        return tell_number(0, is_terminal() ? tty_available() : console_available(), argument);
    return is_terminal() ? terminal_control(request, argument) : -ENOTTY;
}

static uint32_t console_file_ready(struct file *file)
{
    bool readable = is_terminal() ? tty_available() : console_available() || console_at_end();

    (void)file;
    return LINUX_POLLOUT | (readable ? LINUX_POLLIN : 0);
}

static struct wait_queue *console_file_queue(struct file *file)
{
    (void)file;
    return is_terminal() ? &tty_input : &console_input;
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
