/*
 * together FILE [RECORDS]: several tasks at one file, each with records of its own that no other has, from memory that was
 * just put out. Afterwards every record is there once, and whole: what a call moves is moved at one place, and nobody
 * else's comes between.
 */
#include "common.h"

#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGE         4096ul
#define TASKS        3u
#define RECORD_WORDS 1500u /* neither of a page nor of a part of one */
#define RECORDS_MAX  64u

struct record {
    uint64_t words[RECORD_WORDS]; /* the first: which record it is */
};

static const char *path;
static unsigned records = 10; /* of each task */

static void record_fill(struct record *record, uint64_t which)
{
    uint64_t state = which * 2 + 1;

    record->words[0] = which;
    for (unsigned i = 1; i < RECORD_WORDS; i++)
        record->words[i] = random_next(&state);
}

static bool record_is_whole(const struct record *record)
{
    uint64_t state = record->words[0] * 2 + 1;

    for (unsigned i = 1; i < RECORD_WORDS; i++)
        if (record->words[i] != random_next(&state))
            return false;
    return true;
}

static void *pages_for(size_t bytes, int flags, int file)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, file, 0);

    if (at == MAP_FAILED)
        die("together: mmap: %s", strerror(errno));
    return at;
}

static int file_open(int flags)
{
    int file = open(path, flags, 0644);

    if (file < 0)
        die("together: %s: %s", path, strerror(errno));
    return file;
}

static void put_out(const void *at, size_t bytes)
{
    uintptr_t first = (uintptr_t)at & ~(PAGE - 1);

    madvise((void *)first, (uintptr_t)at + bytes - first, MADV_PAGEOUT);
}

/* ---- Who writes ---- */

static void write_whole(int file, const struct record *record)
{
    if (write(file, record, sizeof(*record)) != (ssize_t)sizeof(*record))
        die("together: write: %s", strerror(errno));
}

static void write_parts(int file, const struct record *record)
{
    char *at = (char *)(uintptr_t)record;
    struct iovec parts[3] = { { at, 5 }, { at + 5, 7000 }, { at + 7005, sizeof(*record) - 7005 } };

    if (writev(file, parts, 3) != (ssize_t)sizeof(*record))
        die("together: writev: %s", strerror(errno));
}

static void write_all(int file, unsigned task, void (*write_one)(int, const struct record *))
{
    struct record *own = pages_for(records * sizeof(*own), MAP_PRIVATE | MAP_ANONYMOUS, -1);

    for (unsigned i = 0; i < records; i++)
        record_fill(&own[i], task * RECORDS_MAX + i);
    for (unsigned i = 0; i < records; i++) {
        put_out(&own[i], sizeof(own[i]));
        write_one(file, &own[i]);
    }
}

static void by_one_descriptor(int file, unsigned task)
{
    write_all(file, task, write_whole);
}

static void in_parts(int file, unsigned task)
{
    write_all(file, task, write_parts);
}

static void by_its_own(int file, unsigned task)
{
    (void)file;
    write_all(file_open(O_WRONLY | O_APPEND), task, task % 2 ? write_whole : write_parts);
}

/* The file is written from a mapping of itself: its first records are what is appended. */
static void from_itself(int file, unsigned task)
{
    size_t bytes = TASKS * records * sizeof(struct record);
    struct record *mapped = pages_for(bytes, MAP_SHARED, file_open(O_RDWR));

    for (unsigned i = 0; i < records; i++) {
        put_out(&mapped[task * records + i], sizeof(mapped[0]));
        write_whole(file, &mapped[task * records + i]);
    }
}

/* ---- Who copies: the file that all share, piece by piece, into another that all share ---- */

static int copy;

static void by_sendfile(int file, unsigned task)
{
    (void)task;
    while (sendfile(copy, file, NULL, sizeof(struct record)) > 0)
        continue;
}

static void by_read(int file, unsigned task)
{
    struct record *own = pages_for(sizeof(*own), MAP_PRIVATE | MAP_ANONYMOUS, -1);

    (void)task;
    for (;;) {
        put_out(own, sizeof(*own));
        if (read(file, own, sizeof(*own)) != (ssize_t)sizeof(*own))
            break;
        write_whole(copy, own);
    }
}

/* ---- The parts ---- */

static int run_all(int file, void (*run)(int, unsigned))
{
    int status, failed = 0;

    for (unsigned task = 0; task < TASKS; task++) {
        pid_t id = fork();

        if (id < 0)
            die("together: fork: %s", strerror(errno));
        if (id == 0) {
            run(file, task);
            _exit(0);
        }
    }
    while (wait(&status) > 0)
        failed |= status;
    return failed;
}

/* Every record of every task has to be there `times`. */
static void check(const char *what, unsigned times, int failed)
{
    unsigned whole = 0, seen[TASKS * RECORDS_MAX] = { 0 }, right = 0;
    struct record record;
    int file = file_open(O_RDONLY);
    off_t bytes = lseek(file, 0, SEEK_END);

    lseek(file, 0, SEEK_SET);
    while (read(file, &record, sizeof(record)) == (ssize_t)sizeof(record))
        if (record_is_whole(&record) && record.words[0] < TASKS * RECORDS_MAX) {
            whole++;
            seen[record.words[0]]++;
        }
    for (unsigned i = 0; i < TASKS * RECORDS_MAX; i++)
        right += i % RECORDS_MAX < records && seen[i] == times;
    bool good = !failed && right == TASKS * records && bytes == (off_t)(times * right * sizeof(record));

    printf("together %s: %s records=%u whole=%u bytes=%ld\n", what, good ? "good" : "wrong", right, whole, (long)bytes);
    close(file);
}

static void part(const char *what, int flags, void (*run)(int, unsigned))
{
    int file = file_open(O_RDWR | O_CREAT | O_TRUNC | flags);

    check(what, 1, run_all(file, run));
    close(file);
}

/* Of what the part before has left. */
static void again(void)
{
    int file = file_open(O_RDWR | O_APPEND);

    check("from a mapping of itself", 2, run_all(file, from_itself));
    close(file);
}

static void copied(const char *what, void (*run)(int, unsigned), unsigned times)
{
    char name[200];
    int from = file_open(O_RDONLY);

    snprintf(name, sizeof(name), "%s.copy", path);
    copy = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    int failed = run_all(from, run);

    close(from);
    close(copy);
    if (rename(name, path) != 0)
        die("together: rename: %s", strerror(errno));
    check(what, times, failed);
}

int main(int count, char **arguments)
{
    if (count < 2)
        die("together: which file?");
    path = arguments[1];
    records = (unsigned)number(count, arguments, 2, records);
    if (records > RECORDS_MAX)
        die("together: too many records");
    setvbuf(stdout, NULL, _IOLBF, 0);
    part("append", O_APPEND, by_one_descriptor);
    part("append by writev", O_APPEND, in_parts);
    part("append by openings of their own", 0, by_its_own);
    part("one position", 0, by_one_descriptor);
    copied("read", by_read, 1);
    again();
    part("one position by writev", 0, in_parts);
    copied("sendfile", by_sendfile, 1); /* here Linux promises less */
    unlink(path);
    return 0;
}
