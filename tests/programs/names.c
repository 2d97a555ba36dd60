/*
 * names make: directories, links, modes, dates and renamed files in the root, made durable.
 * names check: they are there.
 * names churn: more names are made and removed than the store has places for, while another task wants all memory.
 * names race DIRECTORY: what one opens and removes, another replaces or removes meanwhile, so that every call sleeps between
 * finding a name and using it. No call may tell of it what was never so.
 */
#include "common.h"

#include <signal.h>
#include <sys/wait.h>

#define CHECK(condition) ((condition) ? (void)0 : die("names: line %d: %s (%s)", __LINE__, #condition, strerror(errno)))

static void put(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    CHECK(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(close(file) == 0);
}

static void check(const char *path, const char *text)
{
    char found[100] = { 0 };
    int file = open(path, O_RDONLY);

    CHECK(file >= 0 && read(file, found, sizeof found - 1) == (ssize_t)strlen(text));
    CHECK(strcmp(found, text) == 0);
    close(file);
}

static void make(void)
{
    struct timespec times[2] = { { 1, 0 }, { 1234567890, 0 } };

    CHECK(mkdir("/a", 0755) == 0 && mkdir("/a/b", 0700) == 0);
    put("/a/b/first", "first");
    put("/a/old", "old contents, longer");
    put("/a/gone", "gone");
    put("/a/new", "new");
    CHECK(rename("/a/new", "/a/old") == 0);
    CHECK(rename("/a/b/first", "/second") == 0);
    CHECK(unlink("/a/gone") == 0);
    CHECK(symlink("../second", "/a/link") == 0);
    CHECK(chmod("/second", 0711) == 0);
    CHECK(utimensat(AT_FDCWD, "/second", times, 0) == 0);
    int directory = open("/a", O_RDONLY);
    CHECK(fsync(directory) == 0);
    close(directory);
}

static void check_all(void)
{
    struct stat status;

    check("/a/old", "new");
    check("/second", "first");
    check("/a/link", "first");
    CHECK(access("/a/gone", F_OK) != 0 && access("/a/new", F_OK) != 0 && access("/a/b/first", F_OK) != 0);
    CHECK(stat("/second", &status) == 0 && status.st_mode == (S_IFREG | 0711) && status.st_mtime == 1234567890);
    CHECK(lstat("/a/link", &status) == 0 && S_ISLNK(status.st_mode) && status.st_size == 9);
    CHECK(stat("/a/b", &status) == 0 && status.st_mode == (S_IFDIR | 0700));
}

#define ROUNDS 60
#define WORDS  (96 * 4096 / sizeof(uint64_t))

/* Stores to all its pages and looks whether they are still what they were, until it is stopped. */
static void crowd(void)
{
    static uint64_t words[WORDS];

    for (uint64_t round = 1;; round++)
        for (size_t i = 0; i < WORDS; i++) {
            CHECK(words[i] == (round == 1 ? 0 : (round - 1 + i) * 0x9e3779b97f4a7c15u));
            words[i] = (round + i) * 0x9e3779b97f4a7c15u;
        }
}

static pid_t start(void (*what)(void))
{
    pid_t id = fork();

    CHECK(id >= 0);
    if (!id) {
        what();
        _exit(0);
    }
    return id;
}

static void stop(pid_t id)
{
    int status;

    CHECK(kill(id, SIGTERM) == 0 && waitpid(id, &status, 0) == id);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void churn(void)
{
    pid_t other = start(crowd);

    for (int i = 0; i < 5000; i++) {
        CHECK(mknod("/passing", S_IFREG | 0644, 0) == 0);
        CHECK(i % 2 ? unlink("/passing") == 0 : rename("/passing", "/replaced") == 0);
    }
    for (int i = 0; i < 2500; i++) {
        int file = open("/unnamed", O_RDWR | O_CREAT | O_EXCL, 0600);

        CHECK(file >= 0 && unlink("/unnamed") == 0 && write(file, "x", 1) == 1 && close(file) == 0);
    }
    stop(other);
}

static void replace(void)
{
    for (;;) {
        put("other", "other");
        CHECK(rename("other", "name") == 0);
    }
}

static void take_away(void)
{
    for (;;)
        CHECK(unlink("name") == 0 || errno == ENOENT);
}

/* Nobody else removes it: it is always there, whichever it is. */
static void beside_replacing(void)
{
    struct stat status;

    put("name", "first");
    CHECK(stat("name", &status) == 0 && status.st_size <= 5);
    CHECK(close(open("name", O_RDONLY)) == 0);
    CHECK(close(open("name", O_RDWR | O_CREAT, 0600)) == 0);
    CHECK(chmod("name", 0640) == 0);
    CHECK(unlink("name") == 0);
}

/* Nobody else makes it: it is there or not, and can always be made. */
static void beside_removing(void)
{
    CHECK(close(open("name", O_RDWR | O_CREAT, 0600)) == 0);
}

static void race(const char *directory)
{
    pid_t other = start(crowd), against;

    CHECK((mkdir(directory, 0755) == 0 || errno == EEXIST) && chdir(directory) == 0);
    against = start(replace);
    for (int i = 0; i < ROUNDS; i++)
        beside_replacing();
    stop(against);
    against = start(take_away);
    for (int i = 0; i < ROUNDS; i++)
        beside_removing();
    stop(against);
    stop(other);
    CHECK(unlink("name") == 0 || errno == ENOENT);
    CHECK(unlink("other") == 0 || errno == ENOENT);
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";

    if (!strcmp(what, "make"))
        make();
    else if (!strcmp(what, "churn"))
        churn();
    else if (!strcmp(what, "race") && count > 2)
        race(arguments[2]);
    else
        check_all();
    puts("names good");
    return 0;
}
