/*
 * terminal STEP ... : what a terminal does with keys. Before each step its name and `>` are printed, so that whoever
 * types knows when; after it what came, in hexadecimal.
 *
 *   line     reads once                    raw / cooked   sets the mode
 *   signals  reads once, with handlers for SIGINT, SIGQUIT and SIGTSTP that say so
 *   poll     waits for input, then line    timed   raw with VMIN 0 and VTIME 1: reads once
 *   few      reads 4 bytes at the most     facts   what else a terminal tells
 */
#include "common.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

static struct termios at_start;

static void read_most(size_t most)
{
    unsigned char bytes[200];
    ssize_t count = read(0, bytes, most);

    printf("read %zd%s:", count, count < 0 ? strerror(errno) : "");
    for (ssize_t i = 0; i < count; i++)
        printf(" %02x", bytes[i]);
    printf("\n");
}

static void read_once(void)
{
    read_most(200);
}

static void on_signal(int number)
{
    char text[] = "signal 00\n";

    text[7] = (char)('0' + number / 10);
    text[8] = (char)('0' + number % 10);
    if (write(1, text, sizeof text - 1) < 0)
        _exit(1);
}

static void with_signals(void)
{
    static const int numbers[] = { SIGINT, SIGQUIT, SIGTSTP };
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

    for (size_t i = 0; i < 3; i++)
        sigaction(numbers[i], &action, NULL);
    read_once();
}

static void set_raw(unsigned char least, unsigned char tenths)
{
    struct termios mode = at_start;

    cfmakeraw(&mode);
    mode.c_oflag = at_start.c_oflag;
    mode.c_cc[VMIN] = least;
    mode.c_cc[VTIME] = tenths;
    if (tcsetattr(0, TCSADRAIN, &mode) != 0)
        printf("tcsetattr: %s\n", strerror(errno));
}

static void wait_for_input(void)
{
    struct pollfd file = { 0, POLLIN, 0 };

    int ready = poll(&file, 1, -1);
    printf("poll %d %x\n", ready, file.revents);
    read_once();
}

static void facts(void)
{
    struct winsize size = { 0 };
    int available = -1;

    printf("isatty %d %d %d\n", isatty(0), isatty(1), isatty(2));
    printf("size %d", ioctl(0, TIOCGWINSZ, &size));
    printf(" %d %d\n", size.ws_row, size.ws_col);
    printf("foreground %d\n", tcgetpgrp(0) == getpgrp());
    printf("session %d\n", tcgetsid(0) == getsid(0));
    printf("available %d", ioctl(0, FIONREAD, &available));
    printf(" %d\n", available);
    int file = open("/dev/tty", O_RDWR);
    printf("tty %d\n", write(file, "through /dev/tty\n", 17) == 17);
    close(file);
    printf("modes %x %x %x\n", at_start.c_oflag & (OPOST | ONLCR), at_start.c_iflag & ICRNL,
           at_start.c_lflag & (ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN));
}

static void step(const char *name)
{
    if (!strcmp(name, "line"))
        read_once();
    else if (!strcmp(name, "few"))
        read_most(4);
    else if (!strcmp(name, "signals"))
        with_signals();
    else if (!strcmp(name, "raw"))
        set_raw(1, 0);
    else if (!strcmp(name, "cooked"))
        tcsetattr(0, TCSAFLUSH, &at_start);
    else if (!strcmp(name, "poll"))
        wait_for_input();
    else if (!strcmp(name, "facts"))
        facts();
    else if (!strcmp(name, "timed")) {
        set_raw(0, 1);
        read_once();
    } else
        die("terminal: no step %s", name);
}

int main(int count, char **arguments)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    tcgetattr(0, &at_start);
    for (int i = 1; i < count; i++) {
        printf("%s>", arguments[i]);
        step(arguments[i]);
    }
    printf("end\n");
    return 0;
}
