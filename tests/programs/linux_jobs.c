/*
 * A shell's job control on one terminal, without the shell: the parent hands the terminal to a child's group, waits, and
 * takes it back. What is typed (^Z, ^C, ^\, a line) comes from the other end, each at the line that asks for it.
 */
#include "common.h"

#include <signal.h>
#include <sys/wait.h>
#include <termios.h>

static void tell_status(const char *what, int status)
{
    if (WIFSTOPPED(status))
        printf("%s: stopped %d\n", what, WSTOPSIG(status));
    else if (WIFSIGNALED(status))
        printf("%s: signal %d\n", what, WTERMSIG(status));
    else
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    fflush(stdout);
}

static void wait_for(const char *what, pid_t id)
{
    int status;

    if (waitpid(id, &status, WUNTRACED) != id)
        die("%s: waitpid: %s", what, strerror(errno));
    tcsetpgrp(0, getpgrp());
    tell_status(what, status);
}

static pid_t start(void (*run)(void), int foreground)
{
    pid_t id = fork();

    if (id == 0) {
        setpgid(0, 0);
        if (foreground)
            tcsetpgrp(0, getpid());
        signal(SIGTTOU, SIG_DFL);
        run();
        _exit(0);
    }
    if (id < 0)
        die("fork: %s", strerror(errno));
    setpgid(id, id);
    return id;
}

static void ask(const char *what)
{
    printf("type %s\n", what);
    fflush(stdout);
}

static void ask_and_sleep(void)
{
    ask("a key");
    for (;;)
        pause();
}

static void read_line(void)
{
    char line[64];
    ssize_t bytes = read(0, line, sizeof line);

    if (bytes < 0)
        die("read: %s", strerror(errno));
    printf("read %zd bytes: %.*s", bytes, (int)bytes, line);
    fflush(stdout);
}

static void set_terminal(void)
{
    struct termios state;

    tcgetattr(0, &state);
    tcsetattr(0, TCSANOW, &state);
}

int main(void)
{
    setpgid(0, 0);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(0, getpgrp());
    printf("the terminal is %s\n", tcgetpgrp(0) == getpgrp() ? "ours" : "not ours");
    pid_t id = start(ask_and_sleep, 1);
    wait_for("stop key", id);
    tcsetpgrp(0, id);
    kill(-id, SIGCONT);
    ask("a second key");
    wait_for("interrupt key", id);
    wait_for("quit key", start(ask_and_sleep, 1));
    id = start(read_line, 0);
    wait_for("reads in the background", id);
    tcsetpgrp(0, id);
    ask("a line");
    kill(-id, SIGCONT);
    wait_for("reads in the foreground", id);
    id = start(set_terminal, 0);
    wait_for("changes the terminal from the background", id);
    kill(-id, SIGKILL);
    wait_for("killed", id);
    printf("over\n");
    return 0;
}
