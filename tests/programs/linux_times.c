/*
 * What Linux promises about processor time, told in lines that are the same on every Linux: what takes most of it. Time in
 * user mode and in the kernel is told apart by looking now and then, so only the greater part is told.
 */
#include "linux.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>

#define SPAN_NS 100000000

struct share {
    double user, system;
};

static volatile unsigned sum;
static char buffer[65536];
static int zeros;

static void compute(void)
{
    for (unsigned i = 0; i < 20000; i++)
        sum += i * i;
}

static void call(void)
{
    if (read(zeros, buffer, sizeof(buffer)) != sizeof(buffer))
        die("/dev/zero: %s", strerror(errno));
}

static long cpu_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

/* For so much processor time of the calling thread. */
static void work(void (*what)(void))
{
    long end = cpu_ns(CLOCK_THREAD_CPUTIME_ID) + SPAN_NS;

    while (cpu_ns(CLOCK_THREAD_CPUTIME_ID) < end)
        for (int i = 0; i < 10; i++)
            what();
}

static struct share usage(int who)
{
    struct rusage usage;

    if (getrusage(who, &usage) != 0)
        die("getrusage: %s", strerror(errno));
    return (struct share){ (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6,
                           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6 };
}

static void tell_share(const char *what, struct share before, struct share now)
{
    double user = now.user - before.user, system = now.system - before.system;

    printf("%s: %s\n", what, user > system ? "user" : "system");
}

static void told_by_getrusage(int who)
{
    struct share begin = usage(who);

    work(compute);
    struct share middle = usage(who);

    work(call);
    struct share end = usage(who);

    tell_share("computing", begin, middle);
    tell_share("calls", middle, end);
    printf("never less: %d\n", middle.user >= begin.user && end.user >= middle.user && middle.system >= begin.system &&
                                   end.system >= middle.system);
}

static struct share of_clocks(clock_t user, clock_t system)
{
    return (struct share){ (double)user, (double)system };
}

static struct share of_proc(void)
{
    FILE *file = fopen("/proc/self/stat", "r");
    long user, system;

    if (!file || fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system) != 2)
        die("/proc/self/stat: %s", strerror(errno));
    fclose(file);
    return of_clocks(user, system);
}

static void told_by_others(void)
{
    struct tms begin_times, end_times;
    struct share begin = of_proc();

    times(&begin_times);
    work(call);
    times(&end_times);
    tell_share("/proc/self/stat", begin, of_proc());
    tell_share("times", of_clocks(begin_times.tms_utime, begin_times.tms_stime),
               of_clocks(end_times.tms_utime, end_times.tms_stime));
}

static void *in_thread(void *what)
{
    if (what)
        work(compute);
    else
        told_by_getrusage(RUSAGE_THREAD);
    return NULL;
}

/* Each thread has its own, the process has all of them. */
static void of_threads(void)
{
    pthread_t threads[2];

    for (long i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, in_thread, (void *)i) != 0)
            die("pthread_create");
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    struct share all = usage(RUSAGE_SELF);

    printf("the process has theirs: %d\n", all.user + all.system > 3 * SPAN_NS / 1e9);
}

static void of_children(void)
{
    struct share begin = usage(RUSAGE_CHILDREN), told;
    struct rusage one;
    pid_t id;

    fflush(stdout);
    id = fork();
    if (id == 0) {
        work(call);
        _exit(0);
    }
    if (wait4(id, NULL, 0, &one) != id)
        die("wait4: %s", strerror(errno));
    told = (struct share){ (double)one.ru_utime.tv_sec + (double)one.ru_utime.tv_usec / 1e6,
                           (double)one.ru_stime.tv_sec + (double)one.ru_stime.tv_usec / 1e6 };
    tell_share("child, by wait4", (struct share){ 0, 0 }, told);
    tell_share("child, by getrusage", begin, usage(RUSAGE_CHILDREN));
}

static volatile sig_atomic_t ticks;

static void count(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
    ticks++;
}

/* The virtual timer runs in user mode, the profiling one in both. */
static void of_timers(void)
{
    const struct itimerval often = { { 0, 10000 }, { 0, 10000 } }, never = { { 0, 0 }, { 0, 0 } };
    int seen[3];

    install(SIGVTALRM, count, SA_RESTART);
    install(SIGPROF, count, SA_RESTART);
    for (int i = 0; i < 3; i++) {
        int which = i < 2 ? ITIMER_VIRTUAL : ITIMER_PROF;

        ticks = 0;
        setitimer(which, &often, NULL);
        work(i ? call : compute);
        setitimer(which, &never, NULL);
        seen[i] = ticks;
    }
    printf("virtual timer: computing %d, calls %d; profiling timer: calls %d\n", seen[0] > 1, seen[1] > 4, seen[2] > 1);
}

int main(void)
{
    zeros = open("/dev/zero", O_RDONLY);
    work(compute); /* what a program begins with is the kernel's work */
    told_by_getrusage(RUSAGE_SELF);
    told_by_others();
    of_threads();
    of_children();
    of_timers();
    return 0;
}
