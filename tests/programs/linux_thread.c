/* What Linux promises about threads and futexes, told in lines that are the same on every Linux. */
#include "linux.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static pthread_t start(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, run, argument);

    if (error)
        die("pthread_create: %s", strerror(error));
    return thread;
}

static long join(pthread_t thread)
{
    void *result;
    int error = pthread_join(thread, &result);

    if (error)
        die("pthread_join: %s", strerror(error));
    return (long)result;
}

static void rest(long ms)
{
    struct timespec time = { 0, ms * 1000000 };

    nanosleep(&time, NULL);
}

/* ---- Locks ---- */

enum { THREADS = 8, ROUNDS = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static long total, turn;
static __thread long own = 5;

static void *count_up(void *argument)
{
    long add = (long)argument;

    own += add;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        total += add;
        if (i % 100 == 0)
            sched_yield();
        pthread_mutex_unlock(&lock);
    }
    return (void *)own;
}

static void *take_turns(void *argument)
{
    long me = (long)argument;

    for (int i = 0; i < 20; i++) {
        pthread_mutex_lock(&lock);
        while (turn % THREADS != me)
            pthread_cond_wait(&changed, &lock);
        turn++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void locks(void)
{
    pthread_t threads[THREADS];
    long owns = 0;

    pthread_barrier_init(&barrier, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(count_up, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        owns += join(threads[i]);
    printf("counted %ld, own %ld and %ld\n", total, owns, own);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(take_turns, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("turns %ld\n", turn);
}

static void *die_with_lock(void *argument)
{
    pthread_mutex_lock(argument);
    return NULL;
}

static void robust(void)
{
    pthread_mutexattr_t kind;
    pthread_mutex_t mutex;

    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&mutex, &kind);
    join(start(die_with_lock, &mutex));
    int error = pthread_mutex_lock(&mutex);
    printf("after its owner's death: %s\n", error ? strerrorname_np(error) : "0");
    printf("made whole: %d", pthread_mutex_consistent(&mutex));
    printf(", unlocked: %d\n", pthread_mutex_unlock(&mutex));
}

/* The same between processes, with one that waits and one that is killed. */
static void robust_processes(void)
{
    struct {
        pthread_mutex_t mutex;
        int held;
    } *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t kind;
    int status;

    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&shared->mutex, &kind);
    fflush(stdout);
    pid_t holder = fork();
    if (holder == 0) {
        pthread_mutex_lock(&shared->mutex);
        __atomic_store_n(&shared->held, 1, __ATOMIC_SEQ_CST);
        for (;;)
            rest(100);
    }
    while (!__atomic_load_n(&shared->held, __ATOMIC_SEQ_CST))
        sched_yield();
    pid_t waiter = fork();
    if (waiter == 0)
        _exit(pthread_mutex_lock(&shared->mutex) == EOWNERDEAD ? 21 : 22);
    rest(30);
    kill(holder, SIGKILL);
    waitpid(holder, &status, 0);
    waitpid(waiter, &status, 0);
    printf("the waiting process: %d\n", WEXITSTATUS(status));
    munmap(shared, 4096);
}

/* ---- Futexes as they are ---- */

static uint32_t word, second;

static long futex(uint32_t *at, int operation, uint32_t value, const void *timeout, uint32_t *other, uint32_t last)
{
    return syscall(SYS_futex, at, operation, value, timeout, other, last);
}

static void *sleep_on_word(void *argument)
{
    (void)argument;
    return (void *)(futex(&word, FUTEX_WAIT_PRIVATE, 7, NULL, NULL, 0) == 0 ? 0l : (long)errno);
}

static void *sleep_on_bits(void *argument)
{
    return (void *)futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 7, NULL, NULL, (uint32_t)(long)argument);
}

/* Until so many have woken: a thread needs its time to fall asleep. */
static void wake_so_many(uint32_t *at, int operation, long count, uint32_t bits)
{
    for (long woken = 0; woken < count; sched_yield())
        woken += futex(at, operation, (uint32_t)(count - woken), NULL, NULL, bits);
}

static void futexes(void)
{
    struct timespec short_time = { 0, 20000000 }, bad = { 0, 2000000000 }, past = { 1, 0 };
    pthread_t threads[5];

    word = 7;
    tell("other value", futex(&word, FUTEX_WAIT, 8, NULL, NULL, 0));
    tell("timeout", futex(&word, FUTEX_WAIT, 7, &short_time, NULL, 0));
    tell("bad timeout", futex(&word, FUTEX_WAIT, 7, &bad, NULL, 0));
    tell("time in the past", futex(&word, FUTEX_WAIT_BITSET, 7, &past, NULL, 1));
    tell("real time in the past", futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 7, &past, NULL, 1));
    tell("no bits", futex(&word, FUTEX_WAIT_BITSET, 7, &short_time, NULL, 0));
    tell("not aligned", futex((uint32_t *)((char *)&word + 1), FUTEX_WAIT, 7, NULL, NULL, 0));
    tell("not mapped", futex((uint32_t *)64, FUTEX_WAIT, 7, NULL, NULL, 0));
    tell("no such operation", futex(&word, 77, 7, NULL, NULL, 0));
    tell("nobody sleeps", futex(&word, FUTEX_WAKE, 5, NULL, NULL, 0));
    for (int i = 0; i < 5; i++)
        threads[i] = start(sleep_on_word, NULL);
    wake_so_many(&word, FUTEX_WAKE_PRIVATE, 5, 0);
    long sum = 0;
    for (int i = 0; i < 5; i++)
        sum += join(threads[i]);
    printf("woken: %ld\n", sum);
    threads[0] = start(sleep_on_bits, (void *)1);
    threads[1] = start(sleep_on_bits, (void *)2);
    wake_so_many(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, 2);
    printf("bit 2: %ld\n", join(threads[1]));
    tell("bit 4", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 5, NULL, NULL, 4));
    wake_so_many(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, 1);
    printf("bit 1: %ld\n", join(threads[0]));
}

static void requeueing(void)
{
    pthread_t threads[5];
    long moved = 0;

    for (int i = 0; i < 5; i++)
        threads[i] = start(sleep_on_word, NULL);
    tell("requeue, other value", futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)5, &second, 1));
    while (moved < 5) {
        moved += futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)(5 - moved), &second, 7);
        sched_yield();
    }
    tell("left", futex(&word, FUTEX_WAKE_PRIVATE, 5, NULL, NULL, 0));
    tell("one of the second", futex(&second, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    tell("back", futex(&second, FUTEX_REQUEUE_PRIVATE, 1, (void *)2, &word, 0));
    /* Of the word 2 are woken if the second was above 3; it becomes 9. */
    second = 4;
    tell("wake and change",
         futex(&second, FUTEX_WAKE_OP_PRIVATE, 1, (void *)2, &word, FUTEX_OP(FUTEX_OP_ADD, 2, FUTEX_OP_CMP_GT, 3)));
    printf("the word is %u\n", word);
    for (int i = 0; i < 5; i++)
        join(threads[i]);
}

static void between_processes(void)
{
    uint32_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    fflush(stdout);
    pid_t id = fork();
    if (id == 0) {
        while (__atomic_load_n(shared, __ATOMIC_SEQ_CST) == 0)
            futex(shared, FUTEX_WAIT, 0, NULL, NULL, 0);
        _exit(33);
    }
    rest(30);
    __atomic_store_n(shared, 1, __ATOMIC_SEQ_CST);
    tell("wake the other process", futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0));
    waitpid(id, &status, 0);
    printf("it ends with %d\n", WEXITSTATUS(status));
    munmap(shared, 4096);
}

/* ---- Signals and threads ---- */

static pthread_t handled_in;
static volatile sig_atomic_t handled;

static void note_thread(int number)
{
    (void)number;
    handled_in = pthread_self();
    handled++;
}

static void *wait_for_signal(void *argument)
{
    sigset_t none;

    (void)argument;
    sigemptyset(&none);
    sigsuspend(&none);
    return NULL;
}

static void signals(void)
{
    sigset_t set;

    signal(SIGUSR1, note_thread);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_t thread = start(wait_for_signal, NULL);
    kill(getpid(), SIGUSR1);
    join(thread);
    printf("the one that lets it through: %d\n", pthread_equal(handled_in, thread) != 0);
    thread = start(wait_for_signal, NULL);
    pthread_kill(thread, SIGUSR1);
    join(thread);
    printf("the one that it was sent to: %d, %d in all\n", pthread_equal(handled_in, thread) != 0, (int)handled);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void *rest_for_ever(void *argument)
{
    for (;;)
        rest(100);
    return argument;
}

static void cancelling(void)
{
    pthread_t thread = start(rest_for_ever, NULL);

    pthread_cancel(thread);
    printf("cancelled: %d\n", join(thread) == (long)PTHREAD_CANCELED);
}

/* ---- Ends ---- */

static void *exit_all(void *argument)
{
    rest(10);
    exit((int)(long)argument);
}

static void *count_and_leave(void *argument)
{
    rest(20);
    printf("the last thread\n");
    fflush(stdout);
    syscall(SYS_exit, 5);
    return argument;
}

static const char *self;

static void *exec_from_thread(void *argument)
{
    char *words[] = { (char *)(uintptr_t)self, "executed", NULL };

    execve(self, words, words + 2);
    return argument;
}

static void end_by_thread(void)
{
    start(rest_for_ever, NULL);
    start(exit_all, (void *)14l);
    for (;;)
        rest(100);
}

static void end_without_main(void)
{
    start(count_and_leave, NULL);
    syscall(SYS_exit, 5);
}

static void end_by_exec(void)
{
    start(rest_for_ever, NULL);
    start(exec_from_thread, NULL);
    for (;;)
        rest(100);
}

static void end_by_signal(void)
{
    start(rest_for_ever, NULL);
    kill(getpid(), SIGTERM);
    for (;;)
        rest(100);
}

static void ends(const char *what, void (*run)(void))
{
    int status;

    fflush(stdout);
    pid_t id = fork();
    if (id == 0) {
        run();
        _exit(0);
    }
    waitpid(id, &status, 0);
    printf("%s: %s %d\n", what, WIFSIGNALED(status) ? "signal" : "exit",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* ---- A lock that is waited for by a descriptor that another thread closes ---- */

static int locked_file;

static int lock_file(int command, short type)
{
    struct flock range = { .l_type = type, .l_whence = SEEK_SET, .l_len = 10 };

    return fcntl(locked_file, command, &range);
}

static void *wait_for_file(void *argument)
{
    (void)argument;
    return (void *)(long)(lock_file(F_SETLKW, F_WRLCK) == 0 ? 0 : errno);
}

static void closed_meanwhile(void)
{
    int ends[2], back[2];
    char byte = 0;

    locked_file = open("closed-meanwhile", O_RDWR | O_CREAT, 0644);
    if (pipe(ends) != 0 || pipe(back) != 0)
        die("pipe: %s", strerror(errno));
    tell("lock the file", lock_file(F_SETLK, F_WRLCK));
    fflush(stdout);
    pid_t id = fork();
    if (id == 0) {
        pthread_t thread = start(wait_for_file, NULL);

        rest(50);
        close(locked_file);
        (void)!write(ends[1], &byte, 1);
        printf("the lock of what was closed: %s\n", strerrorname_np((int)join(thread)));
        fflush(stdout);
        (void)!write(ends[1], &byte, 1);
        (void)!read(back[0], &byte, 1);
        _exit(0);
    }
    (void)!read(ends[0], &byte, 1);
    tell("unlock it", lock_file(F_SETLK, F_UNLCK));
    (void)!read(ends[0], &byte, 1);
    tell("lock it again", lock_file(F_SETLK, F_WRLCK));
    (void)!write(back[1], &byte, 1);
    waitpid(id, NULL, 0);
    close(locked_file);
    unlink("closed-meanwhile");
}

/* Flags that do not go together; the number is asm-generic's and x86's order of the last two differs, so they are 0. */
static void wrong_flags(void)
{
    tell("thread without memory", syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0));
    tell("handlers without memory", syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0));
    tell("thread without handlers", syscall(SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0));
}

int main(int count, char **arguments)
{
    self = arguments[0];
    if (count > 1) {
        printf("executed, the first thread: %d\n", getpid() == (pid_t)syscall(SYS_gettid));
        return 17;
    }
    locks();
    robust();
    robust_processes();
    futexes();
    requeueing();
    between_processes();
    signals();
    cancelling();
    ends("exit of a thread", end_by_thread);
    ends("without the first thread", end_without_main);
    ends("exec by a thread", end_by_exec);
    ends("a signal", end_by_signal);
    closed_meanwhile();
    wrong_flags();
    return 0;
}
