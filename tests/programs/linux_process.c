/*
 * What Linux promises about processes, told in lines that are the same on every Linux: no numbers of processes, no
 * times. `linux_process` runs everything; with words it is a child of itself that execve() has started.
 */
#include "common.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>

static const char *self;
/* An address that nothing is at; the compiler is not to know. */
static char *volatile nowhere = (char *)8;

static void tell_status(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exited %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: signal %d\n", what, WTERMSIG(status));
    else if (WIFSTOPPED(status))
        printf("%s: stopped %d\n", what, WSTOPSIG(status));
    else if (WIFCONTINUED(status))
        printf("%s: continued\n", what);
}

static void tell(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %s\n", what, result ? "positive" : "0");
    fflush(stdout);
}

static pid_t start(void (*child)(void))
{
    fflush(stdout);
    pid_t id = fork();

    if (id == 0) {
        child();
        fflush(stdout);
        _exit(0);
    }
    if (id < 0)
        die("fork: %s", strerror(errno));
    return id;
}

static void finish(const char *what, pid_t id)
{
    int status;

    if (waitpid(id, &status, 0) != id)
        die("%s: waitpid: %s", what, strerror(errno));
    tell_status(what, status);
}

/* ---- Ends ---- */

static void end_with_7(void)
{
    _exit(7);
}
static void end_with_263(void)
{
    _exit(263);
}
static void end_by_kill(void)
{
    raise(SIGKILL);
}
static void end_by_term(void)
{
    raise(SIGTERM);
}
static void end_by_real_time(void)
{
    raise(SIGRTMIN + 3);
}
static void end_by_null(void)
{
    *(volatile char *)nowhere = 1;
}
static void sleep_long(void)
{
    for (;;)
        pause();
}

static void ends(void)
{
    finish("exit", start(end_with_7));
    finish("exit beyond a byte", start(end_with_263));
    finish("kill", start(end_by_kill));
    finish("term", start(end_by_term));
    finish("real-time signal", start(end_by_real_time));
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    finish("null", start(end_by_null));
    pid_t id = start(sleep_long);
    tell("kill of a sleeper", kill(id, SIGKILL));
    finish("sleeper", id);
    tell("kill of the dead", kill(id, 0));
}

/* ---- Memory is copied, shared memory is not ---- */

static int counter = 1;
static int *shared;

static void change_memory(void)
{
    counter++;
    *shared = 5;
    exit(counter);
}

static void memory(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    finish("child counts", start(change_memory));
    printf("parent sees %d and %d\n", counter, *shared);
}

/* The heap is of the memory, whoever made it grow. */
static void grow_by_vfork(void)
{
    enum { PART = 65536 };
    char *before = sbrk(0);
    pid_t id = vfork();

    if (id == 0)
        _exit(sbrk(PART) != before);
    finish("the child's heap", id);
    printf("the parent's: %d\n", sbrk(PART) == before + PART);
    memset(before, 1, 2 * PART);
    printf("given back: %d\n", brk(before) == 0 && sbrk(0) == before);
}

static void change_by_vfork(void)
{
    volatile int seen = 0;
    pid_t id = vfork();

    if (id == 0) {
        seen = 42;
        _exit(3);
    }
    printf("vfork: the parent sees %d\n", seen);
    finish("vfork", id);
}

/* ---- Waiting ---- */

static void waiting(void)
{
    int status = 77;
    siginfo_t info;

    tell("no child", waitpid(-1, &status, 0));
    pid_t id = start(sleep_long);
    tell("nothing yet", waitpid(id, &status, WNOHANG));
    tell("not this group", waitpid(-id, &status, WNOHANG));
    tell("not this child", waitpid(id + 1, &status, WNOHANG));
    tell("wrong option", waitpid(id, &status, 0x4000));
    memset(&info, 0, sizeof info);
    tell("waitid, nothing yet", waitid(P_PID, (id_t)id, &info, WEXITED | WNOHANG));
    printf("info pid %d\n", info.si_pid);
    tell("waitid without event", waitid(P_PID, (id_t)id, &info, WNOHANG));
    kill(id, SIGTERM);
    tell("waitid, left there", waitid(P_PID, (id_t)id, &info, WEXITED | WNOWAIT));
    printf("info: signo %d code %d status %d %s\n", info.si_signo, info.si_code, info.si_status,
           info.si_pid == id ? "the child" : "somebody");
    finish("still there", id);
    tell("gone", waitpid(id, &status, 0));
    id = start(end_with_7);
    tell("waitid", waitid(P_ALL, 0, &info, WEXITED));
    printf("info: code %d status %d\n", info.si_code, info.si_status);
}

static void stopping(void)
{
    siginfo_t info;
    int status;
    pid_t id = start(sleep_long);

    kill(id, SIGSTOP);
    waitpid(id, &status, WUNTRACED);
    tell_status("stop", status);
    tell("told once", waitpid(id, &status, WUNTRACED | WNOHANG));
    kill(id, SIGCONT);
    waitpid(id, &status, WCONTINUED);
    tell_status("continue", status);
    kill(id, SIGSTOP);
    memset(&info, 0, sizeof info);
    waitid(P_PID, (id_t)id, &info, WSTOPPED);
    printf("waitid: code %d status %d\n", info.si_code, info.si_status);
    kill(id, SIGTERM); /* waits until it goes on */
    tell("a stopped one does not end", waitpid(id, &status, WNOHANG));
    kill(id, SIGCONT);
    finish("then it does", id);
    id = start(sleep_long);
    kill(id, SIGSTOP);
    waitpid(id, &status, WUNTRACED);
    kill(id, SIGKILL);
    finish("killed while stopped", id);
}

static volatile sig_atomic_t children;

static void count_child(int number)
{
    (void)number;
    children++;
}

static void reaping(void)
{
    struct sigaction action = { .sa_handler = count_child, .sa_flags = SA_RESTART };
    int status;

    sigaction(SIGCHLD, &action, NULL);
    finish("with a handler", start(end_with_7));
    printf("SIGCHLD came %d times\n", (int)children);
    signal(SIGCHLD, SIG_IGN);
    start(end_with_7);
    tell("ignored children are not waited for", wait(&status));
    signal(SIGCHLD, SIG_DFL);
    action.sa_handler = SIG_DFL;
    action.sa_flags = SA_NOCLDWAIT;
    sigaction(SIGCHLD, &action, NULL);
    start(end_with_7);
    tell("SA_NOCLDWAIT", wait(&status));
    signal(SIGCHLD, SIG_DFL);
}

/* ---- Groups and sessions ---- */

static void lead_a_session(void)
{
    tell("setsid", setsid());
    printf("leader: %d %d\n", getsid(0) == getpid(), getpgrp() == getpid());
    tell("setsid again", setsid());
    tell("setpgid of a leader", setpgid(0, 0));
}

static void groups(void)
{
    int status;
    pid_t id = start(sleep_long), other;

    tell("own group for the child", setpgid(id, id));
    printf("group is %s\n", getpgid(id) == id ? "the child's" : "not the child's");
    other = start(sleep_long);
    tell("joins it", setpgid(other, id));
    tell("a group that is not there", setpgid(other, other + 1000));
    tell("negative", setpgid(other, -1));
    tell("somebody else", setpgid(getppid(), 0));
    tell("getpgid of nobody", getpgid(99999999));
    tell("kill the group", kill(-id, SIGTERM));
    finish("first", id);
    tell("wait for the group", waitpid(-id, &status, 0));
    tell_status("second", status);
    tell("kill the empty group", kill(-id, SIGTERM));
    finish("session", start(lead_a_session));
}

/* ---- execve ---- */

static void exec_self(char *const words[], char *const environment[])
{
    execve(self, words, environment);
    tell("execve", -1);
}

static void exec_with_words(void)
{
    char *words[] = { "another-name", "show", "one", "two words", "", NULL };
    char *environment[] = { "KEY=value", "EMPTY=", NULL };

    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, count_child);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGHUP);
    dup2(1, 9);
    dup2(1, 10);
    fcntl(10, F_SETFD, FD_CLOEXEC);
    prctl(PR_SET_NAME, "before");
    exec_self(words, environment);
}

static int show(int count, char **arguments)
{
    char name[16];
    sigset_t set;
    struct sigaction action;

    for (int i = 0; i < count; i++)
        printf("word %d: '%s'\n", i, arguments[i]);
    printf("KEY=%s EMPTY=%s PATH=%s\n", getenv("KEY"), getenv("EMPTY"), getenv("PATH") ? "there" : "none");
    sigaction(SIGUSR1, NULL, &action);
    printf("SIGUSR1 %s\n", action.sa_handler == SIG_IGN ? "ignored" : "not ignored");
    sigaction(SIGUSR2, NULL, &action);
    printf("SIGUSR2 %s\n", action.sa_handler == SIG_DFL ? "default" : "not default");
    sigprocmask(SIG_BLOCK, NULL, &set);
    printf("SIGHUP blocked %d", sigismember(&set, SIGHUP));
    sigpending(&set);
    printf(" pending %d\n", sigismember(&set, SIGHUP));
    printf("descriptor 9 %s, 10 %s\n", fcntl(9, F_GETFD) < 0 ? "closed" : "open",
           fcntl(10, F_GETFD) < 0 ? "closed" : "open");
    prctl(PR_GET_NAME, name);
    printf("name %s\n", strncmp(name, "before", 6) == 0 ? "kept" : "new");
    return 0;
}

static void write_file(const char *name, const char *text)
{
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755);

    if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
        die("%s: %s", name, strerror(errno));
    close(file);
}

static void exec_missing(void)
{
    char *words[] = { "x", NULL };

    tell("nothing there", execve("./no-such-file", words, words + 1));
    tell("a directory", execve("/", words, words + 1));
    tell("bad path", execve(nowhere, words, words + 1));
    tell("bad words", execve(self, (char **)(void *)nowhere, words + 1));
    tell("empty path", execve("", words, words + 1));
}

static void exec_text(void)
{
    char *words[] = { "x", NULL };

    tell("text", execve("./linux_process.text", words, words + 1));
    tell("script without program", execve("./linux_process.bad", words, words + 1));
}

static void exec_script(void)
{
    char *words[] = { "ignored", "a", "b", NULL };

    execve("./linux_process.script", words, words + 3);
    tell("script", -1);
}

static void exec_script_of_script(void)
{
    char *words[] = { "ignored", "c", NULL };

    execve("./linux_process.outer", words, words + 2);
    tell("script of a script", -1);
}

static void executing(void)
{
    char script[300];

    finish("words and environment", start(exec_with_words));
    finish("what cannot run", start(exec_missing));
    write_file("linux_process.text", "neither a program nor a script\n");
    write_file("linux_process.bad", "#!   \n");
    finish("what is no program", start(exec_text));
    snprintf(script, sizeof script, "#! %s  words of one argument \nrest\n", self);
    write_file("linux_process.script", script);
    finish("script", start(exec_script));
    write_file("linux_process.outer", "#!./linux_process.script\n");
    finish("script of a script", start(exec_script_of_script));
    unlink("linux_process.text");
    unlink("linux_process.bad");
    unlink("linux_process.script");
    unlink("linux_process.outer");
    pid_t id = vfork();
    if (id == 0) {
        char *words[] = { "vforked", "quiet", NULL };
        execve(self, words, words + 2);
        _exit(1);
    }
    finish("vfork and exec", id);
}

/* ---- What is known of a process ---- */

static void memory_limits(void)
{
    struct rlimit limit = { 4 << 20, RLIM_INFINITY };
    char *heap = sbrk(0);

    setrlimit(RLIMIT_DATA, &limit);
    tell("data beyond the limit",
         mmap(NULL, 5 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    tell("heap beyond the limit", sbrk(5 << 20) == (void *)-1 ? -1 : 0);
    printf("the heap %s\n", sbrk(0) == heap ? "is as it was" : "has moved");
    tell("what is not written is not data",
         mmap(NULL, 5 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_DATA, &limit);
    limit.rlim_cur = 32 << 20;
    setrlimit(RLIMIT_AS, &limit);
    tell("space beyond the limit",
         mmap(NULL, 64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
}

static void limits(void)
{
    struct rlimit limit = { 0, 0 };

    tell("getrlimit", getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = 20;
    tell("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
    for (int file; (file = dup(1)) >= 0;)
        if (file > 100)
            die("the limit of descriptors does not hold");
    tell("one more descriptor", dup(1));
    tell("the last one", dup2(1, 19));
    tell("one behind it", dup2(1, 20));
    tell("from behind it on", fcntl(1, F_DUPFD, 20));
    for (int file = 3; file < 20; file++)
        close(file);
    limit.rlim_cur = limit.rlim_max + 1;
    if (limit.rlim_max != RLIM_INFINITY)
        tell("above the maximum", setrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_max = RLIM_INFINITY;
    tell("more descriptors than there can be", setrlimit(RLIMIT_NOFILE, &limit));
    tell("no such limit", getrlimit(99, &limit));
    finish("limits of memory", start(memory_limits));
}

static void counts(void)
{
    struct rusage usage, after;
    struct utsname names;
    struct tms times_used;
    char name[16] = { 0 };

    getrusage(RUSAGE_SELF, &usage);
    char *at = mmap(NULL, 32 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 32; i++)
        at[i * 4096] = 1;
    getrusage(RUSAGE_SELF, &after);
    printf("32 pages: %s faults\n", after.ru_minflt - usage.ru_minflt >= 32 ? "32 or more" : "too few");
    getrusage(RUSAGE_CHILDREN, &usage);
    printf("children: %s\n", usage.ru_minflt > 0 ? "have faulted" : "have not faulted");
    tell("usage of nobody", getrusage(55, &usage));
    tell("times", times(&times_used));
    uname(&names);
    printf("uname: %s\n", names.sysname);
    prctl(PR_SET_NAME, "a-name-that-is-too-long");
    prctl(PR_GET_NAME, name);
    printf("name: %s\n", name);
    tell("no such prctl", prctl(12345, 0, 0, 0, 0));
    tell("yield", sched_yield());
    tell("policy", sched_getscheduler(0));
    printf("priorities: %d to %d, %d to %d\n", sched_get_priority_min(SCHED_OTHER), sched_get_priority_max(SCHED_OTHER),
           sched_get_priority_min(SCHED_FIFO), sched_get_priority_max(SCHED_FIFO));
    tell("no such policy", sched_get_priority_max(99));
    tell("nice", setpriority(PRIO_PROCESS, 0, 5));
    printf("nice is %d\n", getpriority(PRIO_PROCESS, 0));
    tell("nobody's nice", getpriority(PRIO_PROCESS, 99999999));
}

int main(int count, char **arguments)
{
    self = arguments[0];
    if (count > 1 && strcmp(arguments[1], "quiet") == 0)
        return 11;
    if (count > 1)
        return show(count - 1, arguments + 1);
    close(9); /* looked at later, whatever whoever started this has left open */
    close(10);
    ends();
    memory();
    change_by_vfork();
    grow_by_vfork();
    waiting();
    stopping();
    reaping();
    groups();
    executing();
    limits();
    counts();
    return 0;
}
