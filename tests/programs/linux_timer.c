/* What Linux promises about timers, told in lines that are the same on every Linux: no times but in what is compared. */
#include "linux.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define NS_PER_S 1000000000ll

static volatile sig_atomic_t came, last_code, last_value;

static void note(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    came++;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
}

static void note_signal(int number)
{
    install(number, note, 0);
    came = 0;
}

static long long now(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return time.tv_sec * NS_PER_S + time.tv_nsec;
}

/* Sleeps that signals cut; until the handler ran so often. */
static void until(int times)
{
    struct timespec some = { 0, 5000000 };

    for (int i = 0; came < times && i < 2000; i++)
        nanosleep(&some, NULL);
}

/* However many signals cut it. */
static void nanosleep_all(long ns)
{
    struct timespec left = { 0, ns };

    while (nanosleep(&left, &left))
        continue;
}

static void interval_timers(void)
{
    struct itimerval value = { .it_value = { 0, 30000 } }, left;
    long long start = now(CLOCK_MONOTONIC);

    note_signal(SIGALRM);
    tell("setitimer", setitimer(ITIMER_REAL, &value, NULL));
    until(1);
    printf("once: %d, not too early: %d\n", (int)came, now(CLOCK_MONOTONIC) - start >= 30000000);
    getitimer(ITIMER_REAL, &left);
    printf("afterwards: %ld %ld\n", (long)left.it_value.tv_sec, (long)left.it_value.tv_usec);
    came = 0;
    value.it_interval.tv_usec = 10000;
    setitimer(ITIMER_REAL, &value, NULL);
    until(5);
    getitimer(ITIMER_REAL, &left);
    printf("again and again: %d, interval %ld, left %s\n", came >= 5, (long)left.it_interval.tv_usec,
           left.it_value.tv_usec <= 10000 ? "no more than it" : "too much");
    came = 0;
    value = (struct itimerval){ { 0x7fffffffffff, 0 }, { 0, 1000 } };
    setitimer(ITIMER_REAL, &value, NULL);
    nanosleep_all(30000000);
    getitimer(ITIMER_REAL, &left);
    printf("once in 292 years: %d, interval %ld\n", (int)came, (long)left.it_interval.tv_sec);
    value = (struct itimerval){ .it_value = { 100, 0 } };
    setitimer(ITIMER_REAL, &value, NULL);
    printf("alarm: %u", alarm(50));
    printf(" %u", alarm(0));
    printf(" %u\n", alarm(0));
    tell("wrong timer", setitimer(9, &value, NULL));
    value.it_value.tv_usec = 1000000;
    tell("wrong time", setitimer(ITIMER_REAL, &value, NULL));
}

/* How exactly Linux counts processor time depends on how it was built, so nothing is said of it. */
static void busy_timers(void)
{
    struct itimerval value = { .it_value = { 0, 20000 } };
    struct timespec rest = { 0, 60000000 };

    note_signal(SIGVTALRM);
    setitimer(ITIMER_VIRTUAL, &value, NULL);
    nanosleep(&rest, NULL);
    printf("who sleeps uses no time: %d\n", (int)came);
    while (!came)
        continue;
    printf("then it is used up: %d\n", (int)came);
    note_signal(SIGPROF);
    setitimer(ITIMER_PROF, &value, NULL);
    while (!came)
        continue;
    printf("and the other: %d\n", (int)came);
}

static void created_timers(void)
{
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 4711 };
    struct itimerspec value = { .it_value = { 0, 20000000 } }, left;
    timer_t timer, other;

    note_signal(SIGRTMIN);
    tell("create", timer_create(CLOCK_MONOTONIC, &event, &timer));
    timer_gettime(timer, &left);
    printf("not running: %ld\n", (long)(left.it_value.tv_sec + left.it_value.tv_nsec));
    tell("set", timer_settime(timer, 0, &value, NULL));
    until(1);
    printf("came %d code %d value %d\n", (int)came, (int)last_code, (int)last_value);
    long long then = now(CLOCK_MONOTONIC) + 20000000;
    value.it_value = (struct timespec){ then / NS_PER_S, then % NS_PER_S };
    timer_settime(timer, TIMER_ABSTIME, &value, NULL);
    until(2);
    printf("at its time: %d\n", now(CLOCK_MONOTONIC) >= then);
    value.it_value = (struct timespec){ 0, 1 };
    timer_settime(timer, TIMER_ABSTIME, &value, NULL);
    until(3);
    printf("in the past, at once: %d\n", (int)came);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    value = (struct itimerspec){ { 0, 5000000 }, { 0, 5000000 } };
    came = 0;
    timer_settime(timer, 0, &value, NULL);
    struct timespec rest = { 0, 60000000 };
    nanosleep(&rest, NULL);
    siginfo_t info;
    int taken = sigtimedwait(&set, &info, &rest);
    printf("one for many: %d, %d overrun\n", taken == SIGRTMIN, info.si_overrun >= 5);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    came = 0;
    value = (struct itimerspec){ { INT64_MAX, 0 }, { 0, 1000000 } };
    timer_settime(timer, 0, &value, NULL);
    nanosleep_all(30000000);
    timer_gettime(timer, &left);
    printf("once in 292 years: %d, interval %lld\n", (int)came, (long long)left.it_interval.tv_sec);
    tell("delete", timer_delete(timer));
    tell("again", timer_delete(timer));
    tell("set what is gone", timer_settime(timer, 0, &value, NULL));
    event.sigev_notify = 77;
    tell("wrong notice", timer_create(CLOCK_MONOTONIC, &event, &other));
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = 99;
    tell("wrong signal", timer_create(CLOCK_MONOTONIC, &event, &other));
    tell("wrong clock", timer_create(99, NULL, &other));
}

static volatile int thread_ran;

static void run_in_thread(union sigval value)
{
    thread_ran = value.sival_int;
}

static void thread_timer(void)
{
    struct sigevent event = { .sigev_notify = SIGEV_THREAD,
                              .sigev_notify_function = run_in_thread,
                              .sigev_value.sival_int = 12 };
    struct itimerspec value = { .it_value = { 0, 10000000 } };
    timer_t timer;

    tell("create one for threads", timer_create(CLOCK_REALTIME, &event, &timer));
    timer_settime(timer, 0, &value, NULL);
    struct timespec some = { 0, 5000000 };
    for (int i = 0; !thread_ran && i < 2000; i++)
        nanosleep(&some, NULL);
    printf("its thread ran with %d\n", thread_ran);
    timer_delete(timer);
}

static void sleeping(void)
{
    long long then = now(CLOCK_MONOTONIC) + 30000000;
    struct timespec at = { then / NS_PER_S, then % NS_PER_S }, wrong = { 0, -1 }, past = { 0, 0 };

    printf("sleep until: %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL));
    printf("it is time: %d\n", now(CLOCK_MONOTONIC) >= then);
    then = now(CLOCK_REALTIME) + 30000000;
    at = (struct timespec){ then / NS_PER_S, then % NS_PER_S };
    printf("by the clock on the wall: %d\n", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL));
    printf("it is time: %d\n", now(CLOCK_REALTIME) >= then);
    printf("in the past: %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL));
    printf("wrong: %s\n", strerrorname_np(clock_nanosleep(CLOCK_MONOTONIC, 0, &wrong, NULL)));
    tell("wrong clock", clock_gettime(99, &at));
}

/* ---- What is left of the time of ppoll and pselect6, which the C library keeps to itself ---- */

static long poll_for(struct timespec *time)
{
    return syscall(SYS_ppoll, NULL, 0, time, NULL, 8);
}

static long select_for(struct timespec *time)
{
    return syscall(SYS_pselect6, 0, NULL, NULL, NULL, time, NULL);
}

static void tell_rest(const char *what, const struct timespec *time)
{
    printf("%s: %s\n", what, !time->tv_sec && !time->tv_nsec ? "nothing is left" : time->tv_sec < 100 ? "some" : "all");
}

/* A stop ends the wait, and it goes on with what its time is then. */
static void stopped_wait(long (*wait_for)(struct timespec *))
{
    struct timespec *time = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    *time = (struct timespec){ 100, 0 };
    fflush(stdout);
    pid_t id = fork();
    if (id == 0)
        _exit((int)wait_for(time) + 3);
    for (int i = 0; time->tv_sec == 100 && i < 200; i++) {
        nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
        kill(id, SIGSTOP);
        waitpid(id, NULL, WUNTRACED);
        if (time->tv_sec == 100)
            kill(id, SIGCONT);
    }
    tell_rest("stopped", time);
    if (time->tv_sec == 100) /* it would wait for as long as that */
        kill(id, SIGKILL);
    *time = (struct timespec){ 0, 1000000 };
    kill(id, SIGCONT);
    waitpid(id, &status, 0);
    printf("continued: status %x\n", status);
    tell_rest("at its end", time);
    munmap(time, 4096);
}

static void waits(const char *what, long (*wait_for)(struct timespec *))
{
    struct timespec time = { 0, 10000000 };
    struct itimerval soon = { .it_interval = { 0, 30000 }, .it_value = { 0, 30000 } }, never = { 0 };

    printf("%s\n", what);
    tell("it is over", wait_for(&time));
    tell_rest("over", &time);
    tell("no time at all", wait_for(&time));
    time.tv_sec = 100;
    note_signal(SIGALRM);
    setitimer(ITIMER_REAL, &soon, NULL);
    tell("interrupted", wait_for(&time)); /* by the second if the first came too early */
    setitimer(ITIMER_REAL, &never, NULL);
    tell_rest("interrupted", &time);
    stopped_wait(wait_for);
}

/* ---- Processor time of threads and processes ---- */

static volatile bool leave;

static void *burn(void *unused)
{
    while (!leave)
        continue;
    return unused;
}

/* Its timer runs out while the thread runs. */
static void processor_timer(const char *what, clockid_t clock)
{
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    struct itimerspec value = { .it_value = { 0, 10000000 } };
    timer_t timer;

    note_signal(SIGUSR1);
    tell(what, timer_create(clock, &event, &timer));
    timer_settime(timer, 0, &value, NULL);
    until(1);
    printf("came: %d\n", (int)came);
    timer_delete(timer);
}

static void processor_clocks(void)
{
    struct timespec some = { 0, 20000000 };
    clockid_t of_thread, of_process, of_none = ~99999 * 8 + 2;
    pthread_t thread;

    pthread_create(&thread, NULL, burn, NULL);
    pthread_getcpuclockid(thread, &of_thread);
    printf("clock of a process: %d\n", clock_getcpuclockid(getpid(), &of_process));
    long long before = now(of_thread), before_all = now(of_process);
    printf("wait for all: %d\n", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &some, NULL));
    printf("they ran: %d\n", now(of_process) >= before_all + 20000000);
    printf("wait for a thread: %d\n", clock_nanosleep(of_thread, 0, &some, NULL));
    printf("it ran: %d, not longer than all: %d\n", now(of_thread) >= before + 20000000,
           now(of_thread) <= now(of_process));
    processor_timer("of a thread", of_thread);
    processor_timer("of a process", of_process);
    leave = true;
    pthread_join(thread, NULL);
    tell("resolution", clock_getres(of_process, &some));
    tell("clock of nobody", clock_gettime(of_none, &some));
    tell("resolution of nobody's", clock_getres(of_none, &some));
    tell("thread of nobody", clock_gettime(of_none | 4, &some));
    tell("no such time", clock_gettime(of_process | 3, &some));
    tell("wait for nobody", syscall(SYS_clock_nanosleep, of_none, 0, &some, NULL));
    tell("wait for itself", syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &some, NULL));
    tell("by number", syscall(SYS_clock_nanosleep, ~getpid() * 8 + 6, 0, &some, NULL));
}

int main(void)
{
    waits("ppoll", poll_for);
    waits("pselect6", select_for);
    interval_timers();
    busy_timers();
    created_timers();
    thread_timer();
    sleeping();
    processor_clocks();
    return 0;
}
