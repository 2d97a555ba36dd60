/*
 * linux_pipes: pipes, and waiting for files, line by line, so that what Linux and Vellum say can be compared.
 */
#include "linux.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#define BIG 200000

static volatile int signals;
static void *volatile nowhere = (void *)8;
static volatile unsigned too_many = 1000000;

static void on_signal(int number)
{
    signals = signals * 100 + number;
}

static void waits(pid_t id)
{
    int status;

    while (waitpid(id, &status, 0) < 0 && errno == EINTR)
        continue;
    printf("child: %x\n", status);
}

static pid_t fork_quietly(void)
{
    fflush(stdout);
    return fork();
}

static void basics(void)
{
    int ends[2], bytes;
    char buffer[8192] = { 0 };
    struct stat status;

    SHOW(pipe2(ends, 0x1));
    SHOW(syscall(SYS_pipe2, nowhere, 0));
    SHOW(pipe(ends));
    SHOW(fstat(ends[0], &status));
    printf("mode %o\n", status.st_mode);
    SHOW(write(ends[1], "hello", 5));
    SHOW(write(ends[1], " world", 6));
    SHOW(ioctl(ends[0], FIONREAD, &bytes));
    SHOW(bytes);
    SHOW(read(ends[0], buffer, 7));
    SHOW(read(ends[0], buffer + 7, 100));
    printf("%s\n", buffer);
    SHOW(read(ends[1], buffer, 1));
    SHOW(write(ends[0], buffer, 1));
    SHOW(lseek(ends[0], 0, SEEK_CUR));
    SHOW(pread(ends[0], buffer, 1, 0));
    SHOW(write(ends[1], nowhere, 1));
    SHOW(write(ends[1], "x", 0));
    SHOW(read(ends[0], buffer, 0));
    SHOW(fsync(ends[0]));
    SHOW(ftruncate(ends[1], 0));
    SHOW(fcntl(ends[0], F_GETPIPE_SZ));
    SHOW(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 4096);
    SHOW(fcntl(0x7fff, F_GETPIPE_SZ));
    SHOW(close(ends[1]));
    SHOW(read(ends[0], buffer, 1));
    SHOW(close(ends[0]));
    SHOW(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
    SHOW(fcntl(ends[1], F_GETFD));
    SHOW(fcntl(ends[0], F_GETFL) & (O_NONBLOCK | O_ACCMODE));
    SHOW(fcntl(ends[1], F_GETFL) & (O_NONBLOCK | O_ACCMODE));
    SHOW(read(ends[0], buffer, 1));
    long room = 0;
    while (write(ends[1], buffer, 4096) == 4096)
        room += 4096;
    SHOW(room);
    SHOW(write(ends[1], buffer, 4097));
    SHOW(read(ends[0], buffer, 4096));
    SHOW(write(ends[1], buffer, 8192));
    SHOW(write(ends[1], buffer, 1));
    SHOW(close(ends[0]) | close(ends[1]));
}

static void broken(void)
{
    int ends[2];

    signal(SIGPIPE, on_signal);
    SHOW(pipe(ends));
    SHOW(close(ends[0]));
    SHOW(write(ends[1], "x", 1));
    SHOW(signals);
    SHOW(close(ends[1]));
    signal(SIGPIPE, SIG_DFL);
    pid_t id = fork_quietly();
    if (id == 0) {
        SHOW(pipe(ends) | close(ends[0]));
        fflush(stdout);
        _exit((int)write(ends[1], "x", 1));
    }
    waits(id);
}

/* More than any pipe holds, in pieces of different sizes, and nothing lost. */
static void streaming(void)
{
    int ends[2];
    uint64_t sum = HASH_START;
    char buffer[7000];
    ssize_t bytes;
    long all = 0;

    SHOW(pipe(ends));
    pid_t id = fork_quietly();
    if (id == 0) {
        close(ends[0]);
        for (size_t i = 0, part; i < BIG; i += part) {
            part = i % 5000 + 1 < BIG - i ? i % 5000 + 1 : BIG - i;
            for (size_t j = 0; j < part; j++)
                buffer[j] = (char)((i + j) * 7 + (i + j) / 251);
            if (write(ends[1], buffer, part) != (ssize_t)part)
                _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    while ((bytes = read(ends[0], buffer, sizeof buffer)) > 0) {
        sum = hash_bytes(sum, buffer, (size_t)bytes);
        all += bytes;
    }
    printf("streamed %ld %016lx\n", all, sum);
    close(ends[0]);
    waits(id);
}

enum { RECORD = 3000 };

static ssize_t write_parts(int file, char *record)
{
    struct iovec parts[] = {
        { record, 1 }, { record + 1, 0 }, { record + 1, RECORD / 2 }, { record + 1 + RECORD / 2, RECORD / 2 - 1 }
    };

    return writev(file, parts, 4);
}

/* Records of two writers never mix, since they are no longer than PIPE_BUF. */
static void atomic_writes(void)
{
    enum { WRITERS = 3, ROUNDS = 40 };
    static char record[RECORD];
    int ends[2], mixed = 0, seen[WRITERS] = { 0 };

    SHOW(pipe(ends));
    fflush(stdout);
    for (int i = 0; i < WRITERS; i++)
        if (fork() == 0) {
            memset(record, 'a' + i, sizeof record);
            for (int j = 0; j < ROUNDS; j++)
                if ((j % 2 ? write(ends[1], record, sizeof record) : write_parts(ends[1], record)) != sizeof record)
                    _exit(1);
            _exit(0);
        }
    close(ends[1]);
    for (int i = 0; i < WRITERS * ROUNDS; i++) {
        for (size_t at = 0; at < sizeof record;) {
            ssize_t bytes = read(ends[0], record + at, sizeof record - at);
            if (bytes <= 0)
                die("linux_pipes: the pipe ended early");
            at += (size_t)bytes;
        }
        for (size_t at = 1; at < sizeof record; at++)
            mixed += record[at] != record[0];
        seen[record[0] - 'a']++;
    }
    printf("mixed %d seen %d %d %d\n", mixed, seen[0], seen[1], seen[2]);
    close(ends[0]);
    while (wait(NULL) > 0)
        continue;
}

static void show_poll(const char *what, struct pollfd *files, unsigned count, int timeout)
{
    int ready = poll(files, count, timeout);

    printf("%s: %d%s", what, ready, ready < 0 ? strerror(errno) : "");
    for (unsigned i = 0; i < count; i++)
        printf(" %x", files[i].revents);
    printf("\n");
}

static void polling(void)
{
    int ends[2], full[2];
    char buffer[4096];

    SHOW(pipe(ends));
    SHOW(pipe2(full, O_NONBLOCK));
    while (write(full[1], buffer, sizeof buffer) > 0)
        continue;
    struct pollfd files[5] = {
        { ends[0], POLLIN, 0 }, { ends[1], POLLOUT, 0 }, { -1, POLLIN, 0 }, { 60, POLLIN, 0 }, { full[1], POLLOUT, 0 },
    };
    show_poll("empty", files, 3, 0);
    show_poll("bad", files, 4, 0);
    show_poll("full", files + 4, 1, 10);
    SHOW(write(ends[1], "x", 1));
    files[0].events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM;
    show_poll("bytes", files, 1, -1);
    SHOW(close(ends[1]));
    show_poll("bytes, closed", files, 1, -1);
    SHOW(read(ends[0], buffer, 1));
    show_poll("closed", files, 1, -1);
    SHOW(close(full[0]));
    show_poll("broken", files + 4, 1, -1);
    SHOW(poll(files, too_many, 0));
    SHOW(poll(nowhere, 2, 0));
    SHOW(poll(NULL, 0, 5));
    int file = open("/dev/null", O_RDWR);
    files[0] = (struct pollfd){ file, POLLIN | POLLOUT, 0 };
    show_poll("null", files, 1, -1);
    SHOW(close(file) | close(ends[0]) | close(full[1]));
}

/* The child writes after a while; a signal ends the wait too. */
static void waiting(void)
{
    int ends[2];
    char byte;
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    struct timespec soon = { 0, 20000000 };
    sigset_t all, none;

    sigaction(SIGUSR1, &action, NULL);
    SHOW(pipe(ends));
    pid_t id = fork_quietly();
    if (id == 0) {
        nanosleep(&soon, NULL);
        _exit(write(ends[1], "x", 1) != 1);
    }
    struct pollfd file = { ends[0], POLLIN, 0 };
    show_poll("waited", &file, 1, -1);
    SHOW(read(ends[0], &byte, 1));
    waits(id);
    signals = 0;
    sigfillset(&all);
    sigemptyset(&none);
    sigprocmask(SIG_BLOCK, &all, NULL);
    raise(SIGUSR1);
    SHOW(signals);
    file.revents = 0;
    SHOW(ppoll(&file, 1, NULL, &none));
    SHOW(signals);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    SHOW(sigismember(&now, SIGUSR1));
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    SHOW(ppoll(&file, 1, &(struct timespec){ 0, 1000 }, NULL));
    SHOW(ppoll(&file, 1, &(struct timespec){ 0, -1 }, NULL));
    SHOW(close(ends[0]) | close(ends[1]));
}

static void selecting(void)
{
    int ends[2];
    char byte;
    fd_set read_set, write_set;
    struct timeval none = { 0, 0 }, soon = { 0, 1000 };

    SHOW(pipe(ends));
    FD_ZERO(&read_set);
    FD_ZERO(&write_set);
    FD_SET(ends[0], &read_set);
    FD_SET(ends[1], &write_set);
    SHOW(select(ends[1] + 1, &read_set, &write_set, NULL, &none));
    SHOW(FD_ISSET(ends[0], &read_set));
    SHOW(FD_ISSET(ends[1], &write_set) != 0);
    FD_SET(ends[0], &read_set);
    SHOW(select(ends[0] + 1, &read_set, NULL, NULL, &soon));
    SHOW(FD_ISSET(ends[0], &read_set));
    SHOW(write(ends[1], "x", 1));
    FD_SET(ends[0], &read_set);
    FD_SET(ends[1], &write_set);
    SHOW(select(ends[1] + 1, &read_set, &write_set, NULL, NULL));
    FD_ZERO(&read_set);
    FD_SET(50, &read_set);
    SHOW(select(51, &read_set, NULL, NULL, &none));
    SHOW(select(-1, NULL, NULL, NULL, &none));
    SHOW(select(0, NULL, NULL, NULL, &soon));
    SHOW(read(ends[0], &byte, 1));
    SHOW(close(ends[1]));
    FD_ZERO(&read_set);
    FD_SET(ends[0], &read_set);
    SHOW(select(ends[0] + 1, &read_set, NULL, NULL, NULL));
    SHOW(close(ends[0]));
}

/* A blocked reader and a blocked writer are interrupted, or begin again. */
static void interrupted(void)
{
    int ends[2];
    char buffer[65536 + 10];
    struct sigaction action = { .sa_handler = on_signal };
    struct timespec soon = { 0, 20000000 };

    SHOW(pipe(ends));
    sigaction(SIGUSR1, &action, NULL);
    pid_t id = fork_quietly();
    if (id == 0) {
        /* Again and again: a signal that comes before the parent has begun to wait interrupts nothing. */
        while (nanosleep(&soon, NULL) == 0)
            kill(getppid(), SIGUSR1);
        _exit(1);
    }
    SHOW(read(ends[0], buffer, 1));
    SHOW(write(ends[1], buffer, sizeof buffer));
    kill(id, SIGKILL);
    waits(id);
    SHOW(close(ends[0]) | close(ends[1]));
}

static void counters(void)
{
    uint64_t value = 5;
    int counter, semaphore;

    SHOW(eventfd(1, 0x100));
    SHOW(counter = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
    SHOW(fcntl(counter, F_GETFD));
    SHOW(write(counter, &value, 8));
    SHOW(read(counter, &value, 7));
    SHOW(read(counter, &value, 8));
    SHOW(value);
    SHOW(read(counter, &value, 8));
    value = UINT64_MAX;
    SHOW(write(counter, &value, 8));
    value--;
    SHOW(write(counter, &value, 8));
    value = 1;
    SHOW(write(counter, &value, 8));
    SHOW(write(counter, nowhere, 8));
    struct pollfd file = { counter, POLLIN | POLLOUT, 0 };
    show_poll("full", &file, 1, 0);
    SHOW(read(counter, &value, 8));
    show_poll("empty", &file, 1, 0);
    SHOW(semaphore = eventfd(2, EFD_SEMAPHORE));
    pid_t id = fork_quietly();
    if (id == 0) {
        for (int i = 0; i < 5; i++)
            if (read(semaphore, &value, 8) != 8 || value != 1)
                _exit(1);
        _exit(0);
    }
    value = 3;
    SHOW(write(semaphore, &value, 8));
    waits(id);
    SHOW(close(counter) | close(semaphore));
}

int main(void)
{
    basics();
    broken();
    streaming();
    atomic_writes();
    polling();
    waiting();
    selecting();
    interrupted();
    counters();
    return 0;
}
