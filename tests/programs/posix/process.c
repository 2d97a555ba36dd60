/* fork(2), clone(2), futex(2). */
#include "posix.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

/* ---- fork ---- */

static void child_has_a_copy(void)
{
    char *at = pages(16);

    memset(at, 1, 16 * PAGE);
    SIGNALS(0, memset(at, 2, 16 * PAGE); CHECK(at[5 * PAGE] == 2));
    for (size_t i = 0; i < 16 * PAGE; i++)
        CHECK(at[i] == 1);
}

static void parent_writes_on(void)
{
    char *at = pages(16), byte;
    int ends[2];
    pid_t child;

    memset(at, 1, 16 * PAGE);
    CHECK(pipe(ends) == 0);
    child = fork();
    if (child == 0) {
        CHECK(read(ends[0], &byte, 1) == 1);
        for (size_t i = 0; i < 16 * PAGE; i++)
            CHECK(at[i] == 1);
        _exit(0);
    }
    memset(at, 2, 16 * PAGE);
    CHECK(write(ends[1], "", 1) == 1 && ended_by(child) == 0);
}

static void ids(void)
{
    pid_t parent = getpid(), child = fork();

    if (child == 0) {
        CHECK(getppid() == parent && getpid() != parent);
        _exit(0);
    }
    CHECK(ended_by(child) == 0);
    FAILS(waitpid(child, NULL, 0), ECHILD);
}

static void offset_is_shared(void)
{
    int file = file_of(2);

    CHECK(lseek(file, 0, SEEK_SET) == 0);
    SIGNALS(0, CHECK(lseek(file, 100, SEEK_CUR) == 100));
    CHECK(lseek(file, 0, SEEK_CUR) == 100);
}

static void descriptors_are_apart(void)
{
    int file = file_of(1);

    SIGNALS(0, close(file));
    CHECK(fcntl(file, F_GETFD) == 0);
}

static void chain(void)
{
    char *at = pages(4);

    memset(at, 1, 4 * PAGE);
    for (int depth = 0; depth < 6; depth++) {
        pid_t child = fork();

        CHECK(at[(size_t)(depth % 4) * PAGE] == (depth >= 4 ? depth - 2 : 1));
        if (child) {
            CHECK(ended_by(child) == 0);
            if (depth)
                _exit(0);
            return;
        }
        at[(size_t)(depth % 4) * PAGE] = (char)(depth + 2);
    }
    _exit(0);
}

static void many_children(void)
{
    for (int i = 0; i < 100; i++)
        SIGNALS(0, _exit(0));
}

static void status_of_a_child(void)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(77);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 77);
    child = fork();
    if (child == 0)
        raise(SIGKILL);
    CHECK(ended_by(child) == SIGKILL);
}

static void pending_signals_stay(void)
{
    sigset_t usr1, pending;

    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &usr1, NULL) == 0 && raise(SIGUSR1) == 0);
    SIGNALS(0, CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR1)));
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
}

static void vfork_shares(void)
{
    volatile int *shared = (int *)pages(1);
    pid_t child = vfork();

    if (child == 0) {
        *shared = 5;
        _exit(0);
    }
    CHECK(*shared == 5 && ended_by(child) == 0);
}

static void no_children(void)
{
    FAILS(wait(NULL), ECHILD);
}

static const struct test_case fork_cases[] = {
    CASE(child_has_a_copy), CASE(parent_writes_on),      CASE(ids),
    CASE(offset_is_shared), CASE(descriptors_are_apart), CASE(chain),
    CASE(many_children),    CASE(status_of_a_child),     CASE(pending_signals_stay),
    CASE(vfork_shares),     CASE(no_children),           { 0 }
};
const struct test_group fork_group = { "fork", fork_cases };

/* ---- clone ---- */

#define STACK_PAGES 16

static int value, file_to_close;

static char *stack(void)
{
    return pages(STACK_PAGES) + STACK_PAGES * PAGE;
}

static int set_value(void *argument)
{
    value = *(int *)argument;
    return 3;
}

static void finish(int child, int expected)
{
    int status;

    CHECK(child > 0 && waitpid(child, &status, __WALL) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == expected);
}

static void clone_with_copy(void)
{
    int argument = 9;

    finish(clone(set_value, stack(), SIGCHLD, &argument), 3);
    CHECK(value == 0);
}

static void clone_with_memory(void)
{
    int argument = 9;

    finish(clone(set_value, stack(), CLONE_VM | SIGCHLD, &argument), 3);
    CHECK(value == 9);
}

static int close_file(void *argument)
{
    (void)argument;
    return close(file_to_close) ? 1 : 0;
}

static void clone_with_files(void)
{
    file_to_close = file_of(1);
    finish(clone(close_file, stack(), CLONE_FILES | SIGCHLD, NULL), 0);
    FAILS(fcntl(file_to_close, F_GETFD), EBADF);
}

static int change_directory(void *argument)
{
    return chdir(argument) ? 1 : 0;
}

static void clone_with_directory(void)
{
    char path[100];

    finish(clone(change_directory, stack(), CLONE_FS | SIGCHLD, "/"), 0);
    CHECK(getcwd(path, sizeof path) && strcmp(path, "/") == 0);
}

static void clone_sets_ids(void)
{
    int parent_sees = 0, argument = 1;
    int child = clone(set_value, stack(), CLONE_VM | CLONE_PARENT_SETTID | SIGCHLD, &argument, &parent_sees, NULL,
                      NULL);

    CHECK(parent_sees == child);
    finish(child, 3);
}

static void clone_clears_id(void)
{
    static int id = 1;
    int argument = 1;
    int child = clone(set_value, stack(), CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, &argument, NULL, NULL, &id);

    finish(child, 3);
    CHECK(id == 0);
}

static void clone_bad_combinations(void)
{
    int argument = 1;

    FAILS(clone(set_value, stack(), CLONE_THREAD | SIGCHLD, &argument), EINVAL);
    FAILS(clone(set_value, stack(), CLONE_SIGHAND | SIGCHLD, &argument), EINVAL);
}

static int quit(void *argument)
{
    (void)argument;
    return 0;
}

static void clone_without_signal(void)
{
    int child = clone(quit, stack(), 0, NULL);

    CHECK(child > 0);
    FAILS(waitpid(child, NULL, 0), ECHILD);
    finish(child, 0);
}

static const struct test_case clone_cases[] = {
    CASE(clone_with_copy),        CASE(clone_with_memory),    CASE(clone_with_files),
    CASE(clone_with_directory),   CASE(clone_sets_ids),       CASE(clone_clears_id),
    CASE(clone_bad_combinations), CASE(clone_without_signal), { 0 }
};
const struct test_group clone_group = { "clone", clone_cases };

/* ---- futex ---- */

static uint32_t *shared_words(void)
{
    uint32_t *words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(words != MAP_FAILED);
    return words;
}

static long futex(void *word, int operation, uint32_t count, const void *time, void *second, uint32_t third)
{
    return syscall(SYS_futex, word, operation, count, time, second, third);
}

static void wait_other_value(void)
{
    uint32_t word = 5;

    FAILS(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
}

static void wait_times_out(void)
{
    uint32_t word = 5;
    struct timespec soon = { 0, 1000000 };

    FAILS(futex(&word, FUTEX_WAIT, 5, &soon, NULL, 0), ETIMEDOUT);
    FAILS(futex(&word, FUTEX_WAIT_PRIVATE, 5, &soon, NULL, 0), ETIMEDOUT);
}

static void wait_until_a_past_time(void)
{
    uint32_t word = 5;
    struct timespec past = { 0, 1 };

    FAILS(futex(&word, FUTEX_WAIT_BITSET, 5, &past, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
}

static void wait_bad_time(void)
{
    uint32_t word = 5;
    struct timespec bad = { 0, 2000000000 };

    FAILS(futex(&word, FUTEX_WAIT, 5, &bad, NULL, 0), EINVAL);
}

static void wait_bad_address(void)
{
    char *at = pages(1);

    FAILS(futex(at + 1, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
    CHECK(munmap(at, PAGE) == 0);
    FAILS(futex(at, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
}

static void wait_no_bits(void)
{
    uint32_t word = 5;

    FAILS(futex(&word, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0), EINVAL);
    FAILS(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
}

static void wake_nobody(void)
{
    uint32_t word = 0;

    CHECK(futex(&word, FUTEX_WAKE, 100, NULL, NULL, 0) == 0);
}

static void unknown_operation(void)
{
    uint32_t word = 0;

    errno = 0;
    CHECK(futex(&word, 77, 0, NULL, NULL, 0) == -1 && errno == ENOSYS);
}

/* A child that waits on word 0 while it is 0 and counts up word 1 when woken. */
static pid_t waiter(uint32_t *words)
{
    pid_t child = fork();

    if (child == 0) {
        __atomic_fetch_add(&words[2], 1, __ATOMIC_SEQ_CST);
        while (futex(words, FUTEX_WAIT, 0, NULL, NULL, 0) != 0)
            CHECK(errno == EINTR);
        __atomic_fetch_add(&words[1], 1, __ATOMIC_SEQ_CST);
        _exit(0);
    }
    CHECK(child > 0);
    return child;
}

/* `wake` until `sum` waiters have been woken. */
static void wake_all(uint32_t *words, long sum)
{
    for (long woken = 0; woken < sum; sched_yield()) {
        long now = futex(words, FUTEX_WAKE, 1, NULL, NULL, 0);

        CHECK(now == 0 || now == 1);
        woken += now;
    }
}

static void wake_between_processes(void)
{
    uint32_t *words = shared_words();
    pid_t children[3];

    for (int i = 0; i < 3; i++)
        children[i] = waiter(words);
    wake_all(words, 3);
    for (int i = 0; i < 3; i++)
        CHECK(ended_by(children[i]) == 0);
    CHECK(words[1] == 3);
}

static void requeue(void)
{
    uint32_t *words = shared_words(), *other = words + 16;
    pid_t children[3];
    long moved = 0;

    for (int i = 0; i < 3; i++)
        children[i] = waiter(words);
    while (moved < 3) {
        long now = futex(words, FUTEX_CMP_REQUEUE, 0, (void *)10, other, 0);

        CHECK(now >= 0);
        moved += now;
        sched_yield();
    }
    CHECK(futex(words, FUTEX_WAKE, 10, NULL, NULL, 0) == 0);
    CHECK(futex(other, FUTEX_WAKE, 10, NULL, NULL, 0) == 3);
    for (int i = 0; i < 3; i++)
        CHECK(ended_by(children[i]) == 0);
}

static void requeue_other_value(void)
{
    uint32_t words[2] = { 5, 0 };

    FAILS(futex(&words[0], FUTEX_CMP_REQUEUE, 1, (void *)1, &words[1], 4), EAGAIN);
}

static void bits_choose(void)
{
    uint32_t *words = shared_words();
    pid_t child = fork();

    if (child == 0) {
        CHECK(futex(words, FUTEX_WAIT_BITSET, 0, NULL, NULL, 2) == 0);
        _exit(words[1] == 1 ? 0 : 1);
    }
    for (int i = 0; i < 50; i++, sched_yield())
        CHECK(futex(words, FUTEX_WAKE_BITSET, 1, NULL, NULL, 1) == 0);
    words[1] = 1;
    while (futex(words, FUTEX_WAKE_BITSET, 1, NULL, NULL, 6) == 0)
        sched_yield();
    CHECK(ended_by(child) == 0);
}

static void nobody(int number)
{
    (void)number;
}

static void signal_interrupts(void)
{
    uint32_t word = 0;
    struct sigaction action = { .sa_handler = nobody };
    struct timespec long_time = { 50, 0 };
    pid_t parent = getpid(), child;

    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    child = fork();
    if (child == 0) {
        while (kill(parent, SIGUSR1) == 0 && getppid() == parent)
            sched_yield();
        _exit(0);
    }
    FAILS(futex(&word, FUTEX_WAIT, 0, &long_time, NULL, 0), EINTR);
    CHECK(kill(child, SIGKILL) == 0 && ended_by(child) == SIGKILL);
}

static void private_is_not_shared(void)
{
    uint32_t *words = shared_words();
    pid_t child = waiter(words);

    while (__atomic_load_n(&words[2], __ATOMIC_SEQ_CST) == 0)
        sched_yield();
    for (int i = 0; i < 50; i++, sched_yield())
        CHECK(futex(words, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0);
    wake_all(words, 1);
    CHECK(ended_by(child) == 0);
}

static const struct test_case futex_cases[] = {
    CASE(wait_other_value),  CASE(wait_times_out),        CASE(wait_until_a_past_time),
    CASE(wait_bad_time),     CASE(wait_bad_address),      CASE(wait_no_bits),
    CASE(wake_nobody),       CASE(unknown_operation),     CASE(wake_between_processes),
    CASE(requeue),           CASE(requeue_other_value),   CASE(bits_choose),
    CASE(signal_interrupts), CASE(private_is_not_shared), { 0 }
};
const struct test_group futex_group = { "futex", futex_cases };
