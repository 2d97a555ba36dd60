/* The driver: places, forks, waits, judges. One line for each try, and one with the sums. */
#include "tests/programs/attack/attack.h"

#include <ctype.h>
#include <sys/resource.h>

#define SECONDS_MOST 120
#define SEED         0x5eedu

const char *own_path;

static const struct group {
    const char *name;
    const struct attack *attacks;
} groups[] = {
    { "addresses", address_attacks },
    { "pages", page_attacks },
    { "instructions", instruction_attacks },
    { "pointers", pointer_attacks },
    { "ranges", range_attacks },
    { "exhaustion", exhaustion_attacks },
    { "overcommit", overcommit_attacks },
    { "races", race_attacks },
    { "leaks", leak_attacks },
    { "files", file_attacks },
};

static const char *const places[PLACES] = { "frame", "tail", "flash" };

static struct witness *shared;
static unsigned classes, tries, contained;

void broken(const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    dprintf(1, "attack: broken: %s\n", text);
    _exit(STATUS_BROKEN);
}

long call(long number, long a, long b, long c, long d, long e, long f)
{
    errno = 0;
    long result = syscall(number, a, b, c, d, e, f);

    return result == -1 && errno ? -errno : result;
}

char *pages_new(size_t count, int protection)
{
    char *memory = mmap(NULL, count * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        broken("no memory for %zu pages: %s", count, strerror(errno));
    return memory;
}

/* ---- What must be the same afterwards ---- */

long figure(const char *file, const char *key)
{
    char path[64], text[2048];
    size_t length = strlen(key);

    snprintf(path, sizeof(path), "/proc/vellum/%s", file);
    int from = open(path, O_RDONLY);
    ssize_t got = from < 0 ? -1 : read(from, text, sizeof(text) - 1);

    if (got < 0)
        die("%s: %s", path, strerror(errno));
    close(from);
    text[got] = 0;
    for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, key, length) == 0 && line[length] == ' ')
            return strtol(line + length + 1, NULL, 10);
    die("%s has no %s", path, key);
}

struct counters {
    long promised, pinned, processes;
};

static struct counters counters_now(void)
{
    return (struct counters){ .promised = figure("frames", "promised_pages"),
                              .pinned = figure("frames", "pinned_frames") - figure("frames", "pinned_store_frames"),
                              .processes = figure("check", "processes") };
}

/*
 * Processes whose parent has ended take a moment more to go. Fewer pinned frames are good: what is kept of files that were
 * closed goes when memory is short.
 */
static bool counters_are_back(const struct counters *before)
{
    struct counters now = { 0 };

    for (unsigned i = 0; i < 1000; i++) {
        now = counters_now();
        if (now.promised == before->promised && now.pinned <= before->pinned && now.processes == before->processes)
            return true;
        sched_yield();
    }
    printf("attack: counters: promised %ld, before %ld; pinned %ld, before %ld; processes %ld, before %ld\n",
           now.promised, before->promised, now.pinned, before->pinned, now.processes, before->processes);
    return false;
}

static bool checks_hold(void)
{
    return figure("check", "memory_broken") == 0 && figure("check", "store_broken") == 0;
}

static bool witness_goes_on(void)
{
    uint64_t rounds = shared->rounds;
    time_t start = time(NULL);

    while (shared->rounds < rounds + 2 && time(NULL) - start < SECONDS_MOST)
        sched_yield();
    return shared->rounds >= rounds + 2 && shared->wrong == 0;
}

/* ---- One try ---- */

static char *target_new(void)
{
    char *three = pages_new(3, PROT_READ | PROT_WRITE);

    munmap(three, PAGE);
    munmap(three + 2 * PAGE, PAGE);
    page_fill(three + PAGE, SEED);
    return three + PAGE;
}

static int wait_for(pid_t id)
{
    time_t start = time(NULL);
    int status = 0;

    while (waitpid(id, &status, WNOHANG) == 0) {
        if (time(NULL) - start > SECONDS_MOST) {
            printf("attack: hangs\n");
            kill(id, SIGKILL);
        }
        sched_yield();
    }
    return status;
}

static bool ended_well(const struct attack *attack, int status)
{
    bool left = WIFEXITED(status) && WEXITSTATUS(status) == STATUS_CONTAINED;

    if (attack->ends == 0)
        return left;
    if (attack->ends == ENDS_EITHER)
        return left || (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL);
    return WIFSIGNALED(status) && WTERMSIG(status) == attack->ends;
}

static __attribute__((noreturn)) void attack_as_child(const struct attack *attack, char *page)
{
    setpgid(0, 0);
    munmap(shared, PAGE); /* what is shared may be written, so it is no proof */
    shared = NULL;
    attack->run(page, attack->with);
    if (attack->ends == 0 || attack->ends == ENDS_EITHER)
        _exit(STATUS_CONTAINED);
    broken("it went on");
}

static void try_once(const struct attack *attack, enum place place)
{
    char *page = attack->aimed ? target_new() : NULL;

    if (page)
        page_place(page, place);
    if (page && page_where(page) != place)
        die("attack: the page is not in the %s", places[place]);
    struct counters before = counters_now();
    struct timespec start, end;

    fflush(stdout);
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t id = fork();
    if (id == 0)
        attack_as_child(attack, page);
    int status = id < 0 ? -1 : wait_for(id);
    clock_gettime(CLOCK_MONOTONIC, &end);
    bool ended = id > 0 && ended_well(attack, status);
    bool same = counters_are_back(&before);
    bool page_same = !page || page_is_filled(page, SEED);
    bool goes_on = witness_goes_on(), sound = checks_hold();
    bool good = ended && page_same && goes_on && sound && same;

    printf("attack %s place=%s ended=%s%d page=%s witness=%s checks=%s counters=%s ms=%ld %s\n", attack->name,
           page ? places[place] : "none", WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), page_same ? "same" : "changed",
           goes_on ? "right" : "wrong", sound ? "hold" : "broken", same ? "back" : "changed",
           (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000, good ? "contained" : "FAILED");
    tries++;
    contained += good;
    if (page)
        munmap(page, PAGE);
}

static bool is_wanted(const char *name, const char *only)
{
    for (; *name && *only; name++, only++)
        if (isalnum((unsigned char)*name) && *name != *only)
            return false;
    return !*name && !*only;
}

static void attack_all(const struct attack *attacks, const char *only, const char *only_place)
{
    for (const struct attack *attack = attacks; attack->name; attack++) {
        if (only && !is_wanted(attack->name, only))
            continue;
        classes++;
        for (enum place place = 0; place < (attack->aimed ? PLACES : 1); place++)
            if (!only_place || strcmp(places[place], only_place) == 0)
                try_once(attack, place);
    }
}

static int list(void)
{
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        for (const struct attack *attack = groups[i].attacks; attack->name; attack++)
            printf("%s %d %s\n", groups[i].name, attack->aimed ? PLACES : 1, attack->name);
    return 0;
}

/* The firmware keeps the stack of the task that ended last: from here on it always has one. */
static void warm_up(void)
{
    pid_t id = fork();

    if (id == 0)
        _exit(0);
    wait_for(id);
}

int main(int count, char **arguments)
{
    const char *group = count > 1 ? arguments[1] : "all";

    if (strcmp(group, "list") == 0)
        return list();
    leak_probe(count, arguments);
    own_path = arguments[0];
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap: %s", strerror(errno));
    setvbuf(stdout, NULL, _IOLBF, 0);
    pid_t witness = witness_start(shared);

    warm_up();
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (strcmp(group, "all") == 0 || strcmp(group, groups[i].name) == 0)
            attack_all(groups[i].attacks, count > 2 ? arguments[2] : NULL, count > 3 ? arguments[3] : NULL);
    shared->stop = 1;
    wait_for(witness);
    printf("attacks group=%s classes=%u tries=%u contained=%u witness_rounds=%lu witness_wrong=%lu\n", group, classes,
           tries, contained, (unsigned long)shared->rounds, (unsigned long)shared->wrong);
    return tries == contained && tries > 0 ? 0 : 1;
}
