/*
 * What a thread of a batch does: calls, and accesses to the arena that all of them map, unmap and protect; and beside it
 * pages of its own, whose contents nothing that the others do may change.
 */
#include "tests/programs/callfuzz/callfuzz.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>

#define OWN_WORDS (OWN_PAGES * PAGE / 8)

static __thread volatile bool armed;
static __thread sigjmp_buf back;

/* ---- Faults ---- */

static void on_fault(int number, siginfo_t *information, void *context)
{
    (void)context;
    if (information->si_code <= 0)
        return; /* sent by a call */
    if (!armed)
        _exit(128 + number);
    siglongjmp(back, 1);
}

static void on_signal(int number)
{
    (void)number;
}

static void on_alarm(int number)
{
    (void)number;
}

void handlers_set(void)
{
    struct sigaction alarm = { .sa_handler = on_alarm }, fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

    sigaction(ALARM_SIGNAL, &alarm, NULL);
    sigaction(SIGSEGV, &fault, NULL);
    sigaction(SIGBUS, &fault, NULL);
}

/* Half of them let a call begin again. */
static void signals_taken(void)
{
    for (int i = 1; i < 65; i++) {
        struct sigaction action = { .sa_handler = on_signal, .sa_flags = i % 2 ? SA_RESTART : 0 };

        if (i != SIGILL && i != SIGTRAP && i != SIGFPE)
            sigaction(i, &action, NULL);
    }
    handlers_set();
}

/* ---- Its own pages ---- */

static volatile uint64_t *own(const struct caller *caller)
{
    return (volatile uint64_t *)(OWN + caller->which * OWN_PAGES * PAGE);
}

static uint64_t own_word(const struct caller *caller, uint64_t at)
{
    return (at + caller->version * 0x10001u + ((uint64_t)caller->which << 56)) * 0x9e3779b97f4a7c15u;
}

/* Anew. Another thread may take the permission away in the middle. */
bool own_write(struct caller *caller)
{
    volatile unsigned tries = 0;

    caller->known = false;
    caller->version++;
    if (sigsetjmp(back, 1) && ++tries > 8)
        return armed = false;
    if (mprotect((void *)own(caller), OWN_PAGES * PAGE, PROT_READ | PROT_WRITE) != 0)
        return false;
    armed = true;
    for (uint64_t i = 0; i < OWN_WORDS; i++)
        own(caller)[i] = own_word(caller, i);
    armed = false;
    return caller->known = true;
}

void own_check(struct caller *caller)
{
    uint64_t wrong = 0;

    if (!caller->known)
        return;
    for (uint64_t i = 0; i < OWN_WORDS; i++) {
        uint64_t is = own(caller)[i];

        if (is == own_word(caller, i))
            continue;
        shared->wrong_at = (uint64_t)&own(caller)[i];
        shared->wrong_is = is;
        shared->wrong_was = own_word(caller, i);
        wrong++;
    }
    __atomic_fetch_add(&shared->wrong, wrong, __ATOMIC_RELAXED);
}

/* Anyone's own pages: what leaves their contents as they are. */
static void own_disturb(struct caller *caller)
{
    static const int advices[] = { MADV_PAGEOUT, MADV_PAGEOUT, MADV_COLD, MADV_WILLNEED, MADV_NORMAL };
    void *at = (void *)(OWN + below(caller, CALLERS_MAX * OWN_PAGES) * PAGE);
    unsigned char there[1];

    switch (below(caller, 8)) {
    case 0:
        mprotect(at, PAGE, PROT_READ);
        break;
    case 1:
        mprotect(at, PAGE, PROT_READ | PROT_WRITE);
        break;
    case 2:
        mlock(at, PAGE);
        munlock(at, PAGE);
        break;
    case 3:
        mincore(at, PAGE, there);
        msync(at, PAGE, MS_SYNC);
        break;
    default:
        madvise(at, PAGE, advices[below(caller, 5)]);
    }
    __atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
}

/* ---- The arena ---- */

static void arena_touch(struct caller *caller)
{
    volatile uint64_t *at = (uint64_t *)(ARENA + below(caller, ARENA_PAGES * PAGE / 8) * 8);
    uint64_t what = below(caller, 4), value = random_next(&caller->state);

    if (sigsetjmp(back, 1) == 0) {
        armed = true;
        if (what == 0)
            *at = value;
        else if (what == 1)
            __atomic_fetch_add((uint64_t *)at, value, __ATOMIC_SEQ_CST);
        else
            (void)*at;
    }
    armed = false;
}

/* What calls have taken away comes back. */
static void arena_mend(struct caller *caller)
{
    uint64_t first = below(caller, ARENA_PAGES), pages = below(caller, ARENA_PAGES - first) + 1;

    mmap((void *)(ARENA + first * PAGE), pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
         -1, 0);
}

/* ---- Its life ---- */

/* Timers are not inherited. */
void caller_alarm(struct caller *caller)
{
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = ALARM_SIGNAL };

    event._sigev_un._tid = gettid();
    if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &caller->alarm) != 0)
        caller->alarm = -1;
}

void caller_prepare(struct caller *caller, unsigned which)
{
    caller->which = which;
    caller->state += 2 * which * 0x9e3779b97f4a7c15u;
    caller_alarm(caller);
    threads[which] = gettid();
    signals_taken();
    own_write(caller);
}

void caller_step(struct caller *caller)
{
    switch (below(caller, 16)) {
    case 0:
    case 1:
        arena_touch(caller);
        break;
    case 2:
        own_disturb(caller);
        break;
    case 3:
        if (below(caller, 3) == 0)
            own_write(caller);
        own_check(caller);
        break;
    case 4:
        if (below(caller, 4) == 0)
            arena_mend(caller);
        break;
    default:
        call_make(caller);
    }
}

/* A file that the others know as well, changed in one of the ways that there are. */
static void shared_file_call(struct caller *caller)
{
    static const char *const names[] = { "fuzz.a", "fuzz.b", "fuzz.d/x", "fuzz.d/y", "/tmp/fuzz" };
    const char *name = names[below(caller, 5)], *other = names[below(caller, 5)];
    int flags[] = { 0, O_APPEND, O_TRUNC }, file = open(name, O_RDWR | O_CREAT | flags[below(caller, 3)], 0600);
    uint64_t bytes = below(caller, 6 * PAGE) + 1;
    char *at;

    switch (below(caller, 6)) {
    case 0:
        (void)!rename(name, other);
        break;
    case 1:
        unlink(name);
        break;
    case 2:
        (void)!ftruncate(file, (off_t)bytes);
        break;
    case 3:
        at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (at == MAP_FAILED)
            break;
        (void)!pwrite(file, "", 1, (off_t)bytes - 1);
        if (sigsetjmp(back, 1) == 0) {
            armed = true;
            at[below(caller, bytes)]++; /* the others may have cut it off: SIGBUS is theirs to give */
        }
        armed = false;
        munmap(at, bytes);
        break;
    default:
        (void)!pwrite(file, (void *)ARENA, bytes, (off_t)below(caller, 4 * PAGE));
        (void)!write(file, (void *)ARENA, below(caller, PAGE));
    }
    close(file);
    __atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
}

void caller_run(struct caller *caller, bool files)
{
    for (unsigned i = 0; i < CALLS; i++) {
        if (files && below(caller, 2))
            shared_file_call(caller);
        else
            caller_step(caller);
    }
    own_check(caller);
}
