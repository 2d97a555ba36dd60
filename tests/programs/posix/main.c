/* posix [GROUP ...]: every case of the groups, a line each, and the sum. */
#include "posix.h"

#include <signal.h>
#include <sys/resource.h>

#define CASE_LIMIT_S 60 /* of processor time: a case that loops fails */

static const struct test_group *const groups[] = { &map_group,  &unmap_group,  &protect_group, &remap_group,
                                                   &sync_group, &advise_group, &core_group,    &lock_group,
                                                   &heap_group, &fork_group,   &clone_group,   &futex_group };

void case_failed(const char *file, int line, const char *what)
{
    const char *name = strrchr(file, '/');

    printf("%s:%d: %s: errno %s; ", name ? name + 1 : file, line, what, strerrorname_np(errno));
    fflush(stdout);
    _exit(CASE_FAILED);
}

void case_not_supported(const char *what)
{
    printf("%s; ", what);
    fflush(stdout);
    _exit(CASE_NOT_SUPPORTED);
}

long check_works(const char *file, int line, const char *call, long value)
{
    if (value == -1 && errno == ENOSYS)
        case_not_supported(call);
    if (value == -1)
        case_failed(file, line, call);
    return value;
}

void check_fails(const char *file, int line, const char *call, long value, int error)
{
    if (value == -1 && errno == ENOSYS && error != ENOSYS)
        check_works(file, line, call, value);
    if (value != -1 || errno != error) {
        printf("not %s but %ld: ", strerrorname_np(error), value);
        case_failed(file, line, call);
    }
}

int ended_by(pid_t child)
{
    int status;

    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status))
        return WTERMSIG(status);
    return WEXITSTATUS(status) == 0 ? 0 : -1;
}

char *pages(size_t count)
{
    char *at = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(at != MAP_FAILED);
    return at;
}

int file_of(size_t count)
{
    char page[PAGE], name[] = "posix-XXXXXX";
    int file = mkstemp(name);

    CHECK(file >= 0);
    CHECK(unlink(name) == 0);
    for (size_t i = 0; i < count; i++) {
        memset(page, 'a' + (int)i, PAGE);
        CHECK(write(file, page, PAGE) == (ssize_t)PAGE);
    }
    return file;
}

void drop_root(void)
{
    CHECK(setresgid(1000, 1000, 1000) == 0);
    CHECK(setresuid(1000, 1000, 1000) == 0);
}

size_t resident(void *address, size_t count)
{
    unsigned char vector[64];
    size_t sum = 0;

    CHECK(count <= sizeof vector);
    WORKS(mincore(address, count * PAGE, vector));
    for (size_t i = 0; i < count; i++)
        sum += vector[i] & 1;
    return sum;
}

static int run_case(const struct test_case *test)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct rlimit limit = { CASE_LIMIT_S, CASE_LIMIT_S };

        (void)setrlimit(RLIMIT_CPU, &limit);
        test->run();
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        die("posix: %s", strerror(errno));
    if (WIFSIGNALED(status)) {
        printf("ended by signal %d; ", WTERMSIG(status));
        return CASE_FAILED;
    }
    return WEXITSTATUS(status);
}

int main(int count, char **arguments)
{
    unsigned sums[3] = { 0 };

    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        bool wanted = count < 2;

        for (int i = 1; i < count; i++)
            wanted |= strcmp(arguments[i], groups[g]->name) == 0;
        for (const struct test_case *test = groups[g]->cases; wanted && test->name; test++) {
            static const char *const words[] = { "passed", "FAILED", "not supported" };
            int result;

            printf("%s %s: ", groups[g]->name, test->name);
            fflush(stdout);
            result = run_case(test);
            result = result >= 0 && result <= 2 ? result : CASE_FAILED;
            printf("%s\n", words[result]);
            sums[result]++;
        }
    }
    printf("posix: %u passed, %u failed, %u not supported\n", sums[0], sums[CASE_FAILED], sums[CASE_NOT_SUPPORTED]);
    return sums[CASE_FAILED] ? 1 : 0;
}
