/* Threads of one space against each other, and against a system call of one of them that is in progress. */
#include "tests/programs/attack/attack.h"

#include <pthread.h>
#include <setjmp.h>

#define ROUNDS 60
#define PAGES  8u

static char *memory;
static volatile int stop;
static __thread sigjmp_buf back;

static void go_back(int number)
{
    (void)number;
    siglongjmp(back, 1);
}

/* What the others have taken away may fault, and may come back as zeros; nothing else. */
static void survive_faults(void)
{
    struct sigaction action = { .sa_handler = go_back, .sa_flags = SA_NODEFER };

    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

static void remake(size_t first, size_t count, int protection)
{
    expect(mmap(memory + first * PAGE, count * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
               MAP_FAILED,
           "mmap");
}

/* ---- Those who use the memory ---- */

static void *toucher(void *with)
{
    static __thread uint64_t state; /* not a local variable, which a jump back could lose */

    state = (uintptr_t)with | 1;
    while (!stop) {
        if (sigsetjmp(back, 0) == 0) {
            size_t at = random_next(&state) % (PAGES * PAGE / 8);
            volatile uint64_t *word = (volatile uint64_t *)memory + at;
            uint64_t found = *word;

            if (found != 0 && found != at)
                broken("word %zu is %lx", at, (unsigned long)found);
            *word = at;
        }
    }
    return NULL;
}

static void *reader(void *with)
{
    int file = open("/dev/zero", O_RDONLY);

    (void)with;
    while (!stop)
        if (sigsetjmp(back, 0) == 0)
            (void)!read(file, memory, PAGES * PAGE);
    close(file);
    return NULL;
}

static void *writer(void *with)
{
    int ends[2];
    char buffer[512];

    (void)with;
    expect(pipe2(ends, O_NONBLOCK) == 0, "pipe");
    while (!stop) {
        if (write(ends[1], memory + PAGE - 256, 512) > 0)
            (void)!read(ends[0], buffer, sizeof(buffer));
    }
    return NULL;
}

/* Both at one position; what they may not find in memory ends the call short. */
static void *file_writer(void *with)
{
    static int file = -1;

    (void)with;
    if (file < 0)
        file = memfd_create("race", 0);
    while (!stop) {
        long moved = write(file, memory, PAGES * PAGE);

        expect(moved > 0 || errno == EFAULT, "write to the file");
        if (lseek(file, 0, SEEK_CUR) > (off_t)(4 * PAGES * PAGE))
            expect(lseek(file, 0, SEEK_SET) == 0, "lseek");
    }
    return NULL;
}

static void *caller(void *with)
{
    (void)with;
    while (!stop) {
        syscall(SYS_getrandom, memory + PAGE - 4, 8, 0);
        syscall(SYS_clock_gettime, 1, memory + 2 * PAGE - 8);
    }
    return NULL;
}

static void *waiter(void *with)
{
    struct timespec limit = { 0, 1000000 };

    (void)with;
    while (!stop)
        syscall(SYS_futex, memory, 0, 0, &limit, NULL, 0);
    return NULL;
}

/* ---- Those who take it away ---- */

static void unmap(unsigned round)
{
    munmap(memory + round % PAGES * PAGE, PAGE);
    sched_yield();
    remake(round % PAGES, 1, PROT_READ | PROT_WRITE);
}

static void protect(unsigned round)
{
    mprotect(memory + round % PAGES * PAGE, PAGE, round % 3 == 0 ? PROT_NONE : PROT_READ);
    sched_yield();
    mprotect(memory, PAGES * PAGE, PROT_READ | PROT_WRITE);
}

static void drop(unsigned round)
{
    madvise(memory + round % PAGES * PAGE, PAGE, MADV_DONTNEED);
    sched_yield();
}

static void put_out(unsigned round)
{
    madvise(memory, PAGES * PAGE, MADV_PAGEOUT);
    if (round % 4 == 0)
        tail_push(4);
    sched_yield();
}

static void move(unsigned round)
{
    char *elsewhere = pages_new(1, PROT_NONE), *from = memory + round % PAGES * PAGE;

    mremap(from, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere);
    sched_yield();
    if (mremap(elsewhere, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, from) == MAP_FAILED)
        remake(round % PAGES, 1, PROT_READ | PROT_WRITE);
}

static void fork_it(unsigned round)
{
    pid_t id = fork();

    if (id == 0) {
        for (size_t page = 0; page < PAGES; page++)
            memory[page * PAGE + round % 8] = 99;
        _exit(0);
    }
    if (id > 0)
        waitpid(id, NULL, 0);
}

static void (*const takers[])(unsigned) = { unmap, protect, drop, put_out, move, fork_it };
static void *(*const users[])(void *) = { toucher, reader, writer, waiter, caller, file_writer };

/* with: a user and a taker */
#define PAIR(user, taker) ((user)*16u + (taker))

/* With a small stack: each is promised as a whole. */
static pthread_t thread_new(void *(*run)(void *), void *with)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 16 * PAGE);
    expect(pthread_create(&thread, &attributes, run, with) == 0, "a thread");
    return thread;
}

static void race(char *page, uintptr_t with)
{
    pthread_t threads[2];

    (void)page;
    survive_faults();
    memory = pages_new(PAGES, PROT_READ | PROT_WRITE);
    for (size_t i = 0; i < 2; i++)
        threads[i] = thread_new(users[with / 16], (void *)(i + 1));
    for (unsigned round = 0; round < ROUNDS; round++)
        takers[with % 16](round);
    stop = 1;
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

/* ---- Ends in the middle ---- */

static void start_users(void)
{
    survive_faults();
    memory = pages_new(PAGES, PROT_READ | PROT_WRITE);
    for (size_t i = 0; i < 3; i++)
        (void)thread_new(users[i], (void *)(i + 1));
    for (unsigned round = 0; round < 10; round++)
        put_out(round);
}

static void exit_while_faulting(char *page, uintptr_t with)
{
    (void)page, (void)with;
    start_users();
    syscall(SYS_exit_group, STATUS_CONTAINED);
}

static void execute_while_faulting(char *page, uintptr_t with)
{
    char *vector[] = { (char *)(uintptr_t)own_path, (char *)(uintptr_t) "probe-nothing", NULL };

    (void)page, (void)with;
    start_users();
    execv(own_path, vector);
}

static void main_thread_ends(char *page, uintptr_t with)
{
    (void)page, (void)with;
    start_users();
    kill(getpid(), SIGKILL);
    syscall(SYS_exit, 0);
}

static void fault_of_one(char *page, uintptr_t with)
{
    (void)page, (void)with;
    start_users();
    signal(SIGSEGV, SIG_DFL);
    *(volatile char *)KERNEL_DATA = 1;
}

/* The child of vfork in the memory of its parent, which it takes apart. */
static void vfork_child(char *page, uintptr_t with)
{
    char *some = pages_new(4, PROT_READ | PROT_WRITE);

    (void)page, (void)with;
    some[0] = 1;
    if (vfork() == 0) {
        munmap(some, PAGE);
        some[PAGE] = 2;
        _exit(0);
    }
    expect(some[PAGE] == 2, "the memory is not shared");
    some[0] = 3;
}

/* All the time killed while they come in from flash. */
static void killed_while_faulting(char *page, uintptr_t with)
{
    (void)with;
    for (unsigned i = 0; i < 30; i++) {
        pid_t id = fork();

        if (id == 0) {
            for (;;) {
                *(volatile char *)page = 1;
                madvise(page, PAGE, MADV_PAGEOUT);
            }
        }
        for (unsigned turns = 0; turns < i % 5; turns++)
            sched_yield();
        kill(id, SIGKILL);
        waitpid(id, NULL, 0);
    }
}

/* Three take turns at one position, and are killed one after the other, waiting as well as writing. */
static void killed_in_turn(char *page, uintptr_t with)
{
    int file = memfd_create("turns", 0);
    char *own = pages_new(PAGES, PROT_READ | PROT_WRITE);
    pid_t id[3];

    (void)page, (void)with;
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 3; i++) {
            id[i] = fork();
            while (id[i] == 0) {
                own[0] = (char)i;
                madvise(own, PAGES * PAGE, MADV_PAGEOUT);
                (void)!write(file, own, PAGES * PAGE);
                if (lseek(file, 0, SEEK_CUR) > (off_t)(8 * PAGES * PAGE))
                    lseek(file, 0, SEEK_SET);
            }
        }
        for (unsigned i = 0; i < 3; i++) {
            for (unsigned turns = 0; turns < (round + i) % 5; turns++)
                sched_yield();
            kill(id[i], SIGKILL);
            waitpid(id[i], NULL, 0);
        }
        off_t before = lseek(file, 0, SEEK_CUR);

        expect(write(file, own, PAGE) == (ssize_t)PAGE && lseek(file, 0, SEEK_CUR) == before + (off_t)PAGE,
               "the position afterwards");
    }
}

static void *stack_eater(void *with)
{
    munmap(with, 16 * PAGE);
    return NULL;
}

static void thread_without_stack(char *page, uintptr_t with)
{
    pthread_attr_t attributes;
    pthread_t thread;
    char *own = pages_new(16, PROT_READ | PROT_WRITE);

    (void)page, (void)with;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, own, 16 * PAGE);
    expect(pthread_create(&thread, &attributes, stack_eater, own) == 0, "a thread");
    pthread_join(thread, NULL);
}

#define NO(what, run, with, ends)    \
    {                                \
        what, run, with, ends, false \
    }

const struct attack race_attacks[] = {
    NO("stores against munmap", race, PAIR(0, 0), 0),
    NO("stores against mprotect", race, PAIR(0, 1), 0),
    NO("stores against MADV_DONTNEED", race, PAIR(0, 2), 0),
    NO("stores against MADV_PAGEOUT", race, PAIR(0, 3), 0),
    NO("stores against mremap", race, PAIR(0, 4), 0),
    NO("stores against fork", race, PAIR(0, 5), 0),
    NO("read(2) against munmap", race, PAIR(1, 0), 0),
    NO("read(2) against mprotect", race, PAIR(1, 1), 0),
    NO("read(2) against MADV_PAGEOUT", race, PAIR(1, 3), 0),
    NO("read(2) against mremap", race, PAIR(1, 4), 0),
    NO("read(2) against fork", race, PAIR(1, 5), 0),
    NO("write(2) against munmap", race, PAIR(2, 0), 0),
    NO("write(2) against MADV_PAGEOUT", race, PAIR(2, 3), 0),
    NO("write(2) against mremap", race, PAIR(2, 4), 0),
    NO("writes at one position against munmap", race, PAIR(5, 0), 0),
    NO("writes at one position against MADV_PAGEOUT", race, PAIR(5, 3), 0),
    NO("writes at one position against fork", race, PAIR(5, 5), 0),
    NO("futex against munmap", race, PAIR(3, 0), 0),
    NO("futex against MADV_PAGEOUT", race, PAIR(3, 3), 0),
    NO("results against munmap", race, PAIR(4, 0), 0),
    NO("results against mprotect", race, PAIR(4, 1), 0),
    NO("exit_group while threads fault", exit_while_faulting, 0, 0),
    NO("execve while threads fault", execute_while_faulting, 0, 0),
    NO("SIGKILL while threads fault", main_thread_ends, 0, SIGKILL),
    NO("the fault of one thread", fault_of_one, 0, SIGSEGV),
    NO("the child of vfork", vfork_child, 0, SIGSEGV),
    { "killed while its page comes in", killed_while_faulting, 0, 0, true },
    NO("killed while it waits for its turn", killed_in_turn, 0, 0),
    NO("a thread that unmaps its stack", thread_without_stack, 0, SIGSEGV),
    { 0 },
};
