/* What Linux promises about signals, told in lines that are the same on every Linux. */
#include "linux.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static sigset_t set_of(int number)
{
    sigset_t set;

    sigemptyset(&set);
    if (number)
        sigaddset(&set, number);
    return set;
}

static void block(int number)
{
    sigset_t set = set_of(number);

    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void unblock(int number)
{
    sigset_t set = set_of(number);

    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static bool is_blocked(int number)
{
    sigset_t set;

    sigprocmask(SIG_BLOCK, NULL, &set);
    return sigismember(&set, number);
}

/* ---- Order, queues, masks ---- */

static void say(int number, siginfo_t *info, void *context)
{
    (void)context;
    printf("  handler %d code %d", number, info->si_code);
    if (info->si_code == SI_QUEUE)
        printf(" value %d", info->si_value.sival_int);
    if (info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL)
        printf(" from %s", info->si_pid == getpid() ? "itself" : info->si_pid == getppid() ? "parent" : "other");
    printf(" blocked %d\n", is_blocked(number));
}

static void say_and_raise(int number, siginfo_t *info, void *context)
{
    say(number, info, context);
    if (number == SIGUSR1)
        raise(SIGUSR2);
    printf("  end of %d\n", number);
}

static void queueing(void)
{
    union sigval value;

    install(SIGUSR1, say, 0);
    tell("kill", kill(getpid(), SIGUSR1));
    tell("raise", raise(SIGUSR1));
    block(SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR1);
    sigset_t pending;
    sigpending(&pending);
    printf("pending %d\n", sigismember(&pending, SIGUSR1));
    unblock(SIGUSR1);
    printf("once, though raised twice\n");
    install(SIGRTMIN, say, 0);
    install(SIGRTMIN + 1, say, 0);
    block(SIGRTMIN);
    block(SIGRTMIN + 1);
    for (int i = 0; i < 3; i++) {
        value.sival_int = 10 - i;
        sigqueue(getpid(), SIGRTMIN + 1, value);
        sigqueue(getpid(), SIGRTMIN, value);
    }
    sigset_t both = set_of(SIGRTMIN);
    sigaddset(&both, SIGRTMIN + 1);
    sigprocmask(SIG_UNBLOCK, &both, NULL);
    printf("queued ones in their order\n");
}

static void nesting(void)
{
    install(SIGUSR1, say_and_raise, 0);
    install(SIGUSR2, say_and_raise, 0);
    printf("one inside the other\n");
    raise(SIGUSR1);
    struct sigaction action = { .sa_sigaction = say_and_raise, .sa_flags = SA_SIGINFO };
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    printf("one after the other\n");
    raise(SIGUSR1);
    install(SIGUSR2, say, SA_NODEFER);
    raise(SIGUSR2);
    install(SIGUSR2, say, SA_RESETHAND);
    raise(SIGUSR2);
    sigaction(SIGUSR2, NULL, &action);
    printf("reset: %d\n", action.sa_handler == SIG_DFL);
    install(SIGUSR2, say, 0);
    raise(SIGUSR2);
    signal(SIGUSR2, SIG_IGN);
    tell("ignored", raise(SIGUSR2));
    block(SIGUSR2);
    raise(SIGUSR2);
    install(SIGUSR2, say, 0);
    sigset_t pending;
    sigpending(&pending);
    printf("ignored while blocked: pending %d\n", sigismember(&pending, SIGUSR2));
    unblock(SIGUSR2);
}

static void errors(void)
{
    struct sigaction action = { .sa_handler = SIG_IGN };
    union sigval value = { .sival_int = 1 };

    tell("action of SIGKILL", sigaction(SIGKILL, &action, NULL));
    tell("action of SIGSTOP", sigaction(SIGSTOP, &action, NULL));
    tell("kill with no signal", kill(getpid(), 0));
    tell("kill with 65", kill(getpid(), 65));
    tell("kill of nobody", kill(99999999, SIGTERM));
    tell("sigqueue of nobody", sigqueue(99999999, SIGTERM, value));
    tell("tgkill of nobody", syscall(SYS_tgkill, getpid(), 99999999, SIGTERM));
    tell("tgkill of 0", syscall(SYS_tgkill, 0, 0, SIGTERM));
    tell("tgkill with 0", syscall(SYS_tgkill, getpid(), getpid(), 0));
    tell("how", sigprocmask(17, &action.sa_mask, NULL));
    tell("size of the mask", syscall(SYS_rt_sigprocmask, SIG_BLOCK, &action.sa_mask, NULL, 4));
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    printf("SIGKILL blocked %d, SIGSTOP %d, SIGTERM %d\n", is_blocked(SIGKILL), is_blocked(SIGSTOP),
           is_blocked(SIGTERM));
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

/* ---- Waiting for signals ---- */

static volatile sig_atomic_t came;

static void note(int number, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    came = number;
}

static void waiting(void)
{
    struct timespec none = { 0, 0 }, some = { 0, 20000000 };
    siginfo_t info;
    sigset_t set = set_of(SIGUSR1), empty = set_of(0);

    install(SIGUSR1, note, 0);
    block(SIGUSR1);
    tell("sigtimedwait, nothing", sigtimedwait(&set, &info, &none));
    tell("sigtimedwait, in time", sigtimedwait(&set, &info, &some));
    raise(SIGUSR1);
    tell("sigtimedwait", sigtimedwait(&set, &info, &some));
    printf("signo %d, handler ran for %d\n", info.si_signo, (int)came);
    raise(SIGUSR1);
    tell("sigsuspend", sigsuspend(&empty));
    printf("handler ran for %d, blocked again %d\n", (int)came, is_blocked(SIGUSR1));
    unblock(SIGUSR1);
}

static pid_t killer(int number, long after_ns)
{
    fflush(stdout);
    pid_t id = fork();

    if (id == 0) {
        struct timespec time = { 0, after_ns };
        nanosleep(&time, NULL);
        kill(getppid(), number);
        nanosleep(&time, NULL);
        nanosleep(&time, NULL);
        _exit(9);
    }
    return id;
}

/* What would be ignored if it were not blocked comes all the same to who waits for it. */
static void waiting_for_ignored(int number)
{
    struct timespec none = { 0, 0 }, long_time = { 20, 0 };
    siginfo_t info = { 0 };
    sigset_t set = set_of(number);
    int status;

    block(number);
    while (sigtimedwait(&set, &info, &none) > 0)
        continue;
    pid_t id = number == SIGCHLD ? fork() : killer(number, 30000000);
    if (id == 0) {
        nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
        _exit(5);
    }
    bool taken = sigtimedwait(&set, &info, &long_time) == number;
    printf("waiting for %d: %s, code %d status %d\n", number, taken ? "came" : "lost", info.si_code,
           number == SIGCHLD ? info.si_status : 0);
    waitpid(id, &status, 0);
    unblock(number);
}

static void interrupted(void)
{
    struct timespec time = { 5, 0 }, left = { 0, 0 };
    int status = 0;
    pid_t id;

    install(SIGUSR1, note, 0);
    id = killer(SIGUSR1, 30000000);
    tell("nanosleep", nanosleep(&time, &left));
    printf("left: %s\n", left.tv_sec == 4 ? "nearly all" : "not nearly all");
    waitpid(id, &status, 0);
    install(SIGUSR1, note, SA_RESTART);
    id = killer(SIGUSR1, 30000000);
    tell("nanosleep, SA_RESTART", nanosleep(&time, &left));
    waitpid(id, &status, 0);
    install(SIGUSR1, note, 0);
    id = killer(SIGUSR1, 30000000);
    tell("wait", wait(&status));
    waitpid(id, &status, 0);
    install(SIGUSR1, note, SA_RESTART);
    came = 0;
    id = killer(SIGUSR1, 30000000);
    printf("wait, SA_RESTART: %s\n", wait(&status) == id ? "the child" : "not the child");
    printf("status %d, handler ran for %d\n", WEXITSTATUS(status), (int)came);
    id = killer(SIGUSR1, 30000000);
    tell("pause, SA_RESTART", pause());
    waitpid(id, &status, 0);
    signal(SIGUSR1, SIG_IGN);
    struct timespec shorter = { 0, 90000000 };
    id = killer(SIGUSR1, 20000000);
    tell("nanosleep, ignored", nanosleep(&shorter, &left));
    waitpid(id, &status, 0);
}

/* A sleep that a stop has cut goes on, and takes its time altogether. */
static void stopped_sleep(void)
{
    int status;

    fflush(stdout);
    pid_t id = fork();
    if (id == 0) {
        struct timespec time = { 0, 150000000 };
        _exit(nanosleep(&time, NULL) == 0 ? 0 : errno);
    }
    struct timespec time = { 0, 50000000 };
    nanosleep(&time, NULL);
    kill(id, SIGSTOP);
    waitpid(id, &status, WUNTRACED);
    kill(id, SIGCONT);
    waitpid(id, &status, 0);
    printf("a stopped sleep ends with %d\n", WEXITSTATUS(status));
}

int main(void)
{
    queueing();
    nesting();
    errors();
    waiting();
    fflush(stdout);
    waiting_for_ignored(SIGCHLD);
    waiting_for_ignored(SIGURG);
    waiting_for_ignored(SIGWINCH);
    waiting_for_ignored(SIGCONT);
    signal(SIGUSR2, SIG_IGN);
    waiting_for_ignored(SIGUSR2);
    interrupted();
    stopped_sleep();
    return 0;
}
