/* mmap(2) and munmap(2). */
#include "posix.h"

#include <signal.h>
#include <sys/resource.h>

static void *map(size_t bytes, int protection, int flags, int file, off_t offset)
{
    return mmap(NULL, bytes, protection, flags, file, offset);
}

static void anonymous_is_zero(void)
{
    char *at = pages(16);

    for (size_t i = 0; i < 16 * PAGE; i++)
        CHECK(at[i] == 0);
}

static void anonymous_keeps(void)
{
    char *at = pages(64);

    for (size_t i = 0; i < 64; i++)
        memset(at + i * PAGE, (int)i + 1, PAGE);
    for (size_t i = 0; i < 64 * PAGE; i++)
        CHECK(at[i] == (char)(i / PAGE + 1));
}

static void length_zero(void)
{
    FAILS(map(0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
}

static void length_too_long(void)
{
    FAILS(map((size_t)-1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    FAILS(map((size_t)1 << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
}

static void neither_shared_nor_private(void)
{
    FAILS(map(PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
}

static void offset_not_of_a_page(void)
{
    FAILS(map(PAGE, PROT_READ, MAP_PRIVATE, file_of(2), 100), EINVAL);
}

static void fixed_not_of_a_page(void)
{
    FAILS(mmap(pages(2) + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
}

static void bad_descriptor(void)
{
    FAILS(map(PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
    FAILS(map(PAGE, PROT_READ, MAP_PRIVATE, 999, 0), EBADF);
}

static void anonymous_takes_no_descriptor(void)
{
    CHECK(map(PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 999, 0) != MAP_FAILED);
}

static void pipe_is_no_file(void)
{
    int ends[2];

    CHECK(pipe(ends) == 0);
    FAILS(map(PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0), ENODEV);
}

static void directory_is_no_file(void)
{
    int directory = open(".", O_RDONLY | O_DIRECTORY);

    CHECK(directory >= 0);
    FAILS(map(PAGE, PROT_READ, MAP_PRIVATE, directory, 0), ENODEV);
}

static int reopened(int flags)
{
    char name[] = "posix-XXXXXX";
    int first = mkstemp(name), second;

    CHECK(first >= 0 && ftruncate(first, (off_t)PAGE) == 0);
    second = open(name, flags);
    CHECK(second >= 0 && unlink(name) == 0 && close(first) == 0);
    return second;
}

static void write_only_file(void)
{
    int file = reopened(O_WRONLY);

    FAILS(map(PAGE, PROT_READ, MAP_PRIVATE, file, 0), EACCES);
    FAILS(map(PAGE, PROT_WRITE, MAP_SHARED, file, 0), EACCES);
}

static void shared_write_of_read_only_file(void)
{
    int file = reopened(O_RDONLY);

    FAILS(map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), EACCES);
    CHECK(map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0) != MAP_FAILED);
}

static void file_contents(void)
{
    char *at = map(3 * PAGE, PROT_READ, MAP_PRIVATE, file_of(3), 0);

    CHECK(at != MAP_FAILED);
    CHECK(at[0] == 'a' && at[PAGE - 1] == 'a' && at[PAGE] == 'b' && at[3 * PAGE - 1] == 'c');
}

static void file_at_offset(void)
{
    char *at = map(PAGE, PROT_READ, MAP_SHARED, file_of(3), 2 * PAGE);

    CHECK(at != MAP_FAILED && at[0] == 'c');
}

static void private_write_stays_private(void)
{
    int file = file_of(1);
    char *at = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0), byte;

    CHECK(at != MAP_FAILED);
    at[0] = 'X';
    CHECK(pread(file, &byte, 1, 0) == 1 && byte == 'a');
}

static void shared_write_is_read(void)
{
    int file = file_of(1);
    char *at = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), byte;

    CHECK(at != MAP_FAILED);
    at[7] = 'X';
    CHECK(pread(file, &byte, 1, 7) == 1 && byte == 'X');
}

static void write_is_seen_shared(void)
{
    int file = file_of(1);
    char *at = map(PAGE, PROT_READ, MAP_SHARED, file, 0);

    CHECK(at != MAP_FAILED && at[9] == 'a');
    CHECK(pwrite(file, "Y", 1, 9) == 1 && at[9] == 'Y');
}

static void survives_close(void)
{
    int file = file_of(1);
    char *at = map(PAGE, PROT_READ, MAP_SHARED, file, 0);

    CHECK(at != MAP_FAILED && close(file) == 0 && at[1] == 'a');
}

static void rest_of_last_page_is_zero(void)
{
    int file = file_of(1);
    char *at;

    CHECK(ftruncate(file, 100) == 0);
    at = map(PAGE, PROT_READ, MAP_SHARED, file, 0);
    CHECK(at != MAP_FAILED && at[99] == 'a' && at[100] == 0 && at[PAGE - 1] == 0);
}

static void beyond_the_end_is_sigbus(void)
{
    volatile char *at = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file_of(1), 0);

    CHECK(at != MAP_FAILED);
    SIGNALS(SIGBUS, (void)at[PAGE]);
    SIGNALS(SIGBUS, at[PAGE] = 1);
}

static void truncated_is_sigbus(void)
{
    int file = file_of(2);
    volatile char *at = map(2 * PAGE, PROT_READ, MAP_SHARED, file, 0);

    CHECK(at != MAP_FAILED && at[PAGE] == 'b' && ftruncate(file, (off_t)PAGE) == 0);
    SIGNALS(SIGBUS, (void)at[PAGE]);
    CHECK(at[0] == 'a');
}

static void grown_is_there(void)
{
    int file = file_of(1);
    volatile char *at = map(2 * PAGE, PROT_READ, MAP_SHARED, file, 0);

    CHECK(at != MAP_FAILED && ftruncate(file, 2 * (off_t)PAGE) == 0 && at[PAGE] == 0);
}

static void none_is_sigsegv(void)
{
    volatile char *at = map(PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(at != MAP_FAILED);
    SIGNALS(SIGSEGV, (void)*at);
    SIGNALS(SIGSEGV, *at = 1);
}

static void read_only_is_sigsegv(void)
{
    volatile char *at = map(PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(at != MAP_FAILED && *at == 0);
    SIGNALS(SIGSEGV, *at = 1);
}

static void fixed_replaces(void)
{
    char *at = pages(3);

    memset(at, 1, 3 * PAGE);
    CHECK(mmap(at + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at + PAGE);
    CHECK(at[0] == 1 && at[PAGE] == 0 && at[2 * PAGE] == 1);
}

static void fixed_noreplace(void)
{
    char *at = pages(2);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

    FAILS(mmap(at + PAGE, PAGE, PROT_READ, flags, -1, 0), EEXIST);
    CHECK(munmap(at + PAGE, PAGE) == 0);
    CHECK(mmap(at + PAGE, PAGE, PROT_READ, flags, -1, 0) == at + PAGE);
}

static void hint_is_taken(void)
{
    char *at = pages(4);

    CHECK(munmap(at, 4 * PAGE) == 0);
    CHECK(mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == at);
}

static void hint_in_use_goes_elsewhere(void)
{
    char *at = pages(1), *other = mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(other != MAP_FAILED && other != at);
}

static void shared_anonymous_over_fork(void)
{
    char *at = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(at != MAP_FAILED);
    SIGNALS(0, *at = 42);
    CHECK(*at == 42);
}

static void populate(void)
{
    char *at = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    CHECK(at != MAP_FAILED && resident(at, 8) == 8);
}

static void address_space_limit(void)
{
    struct rlimit limit = { 64 << 20, 64 << 20 };

    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    FAILS(map(65 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), ENOMEM);
    CHECK(map(1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED);
}

static void grows_down(void)
{
    char *at = mmap(pages(64), 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    volatile char *stack;

    CHECK(at != MAP_FAILED && munmap(at, 64 * PAGE) == 0);
    stack = mmap(at + 62 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    CHECK(stack == at + 62 * PAGE);
    stack[-1] = 5;
    CHECK(stack[-1] == 5);
}

static void zero_device(void)
{
    int zero = open("/dev/zero", O_RDWR);
    char *at = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);

    CHECK(zero >= 0 && at != MAP_FAILED && at[0] == 0);
    at[PAGE] = 3;
    CHECK(at[PAGE] == 3);
}

static void memory_file(void)
{
    int file = (int)WORKS(memfd_create("posix", MFD_CLOEXEC));
    char *one, *two;

    CHECK(ftruncate(file, 2 * (off_t)PAGE) == 0);
    one = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    two = map(2 * PAGE, PROT_READ, MAP_SHARED, file, 0);
    CHECK(one != MAP_FAILED && two != MAP_FAILED && one != two);
    one[PAGE + 5] = 'm';
    CHECK(two[PAGE + 5] == 'm');
}

static const struct test_case map_cases[] = { CASE(anonymous_is_zero),
                                              CASE(anonymous_keeps),
                                              CASE(length_zero),
                                              CASE(length_too_long),
                                              CASE(neither_shared_nor_private),
                                              CASE(offset_not_of_a_page),
                                              CASE(fixed_not_of_a_page),
                                              CASE(bad_descriptor),
                                              CASE(anonymous_takes_no_descriptor),
                                              CASE(pipe_is_no_file),
                                              CASE(directory_is_no_file),
                                              CASE(write_only_file),
                                              CASE(shared_write_of_read_only_file),
                                              CASE(file_contents),
                                              CASE(file_at_offset),
                                              CASE(private_write_stays_private),
                                              CASE(shared_write_is_read),
                                              CASE(write_is_seen_shared),
                                              CASE(survives_close),
                                              CASE(rest_of_last_page_is_zero),
                                              CASE(beyond_the_end_is_sigbus),
                                              CASE(truncated_is_sigbus),
                                              CASE(grown_is_there),
                                              CASE(none_is_sigsegv),
                                              CASE(read_only_is_sigsegv),
                                              CASE(fixed_replaces),
                                              CASE(fixed_noreplace),
                                              CASE(hint_is_taken),
                                              CASE(hint_in_use_goes_elsewhere),
                                              CASE(shared_anonymous_over_fork),
                                              CASE(populate),
                                              CASE(address_space_limit),
                                              CASE(grows_down),
                                              CASE(zero_device),
                                              CASE(memory_file),
                                              { 0 } };
const struct test_group map_group = { "mmap", map_cases };

/* ---- munmap ---- */

static void gone(void)
{
    volatile char *at = pages(2);

    at[0] = at[PAGE] = 1;
    CHECK(munmap((void *)at, PAGE) == 0 && at[PAGE] == 1);
    SIGNALS(SIGSEGV, (void)*at);
}

static void middle_gone(void)
{
    char *at = pages(3);

    memset(at, 7, 3 * PAGE);
    CHECK(munmap(at + PAGE, PAGE) == 0 && at[0] == 7 && at[2 * PAGE] == 7);
    SIGNALS(SIGSEGV, at[PAGE] = 1);
}

static void length_is_rounded_up(void)
{
    char *at = pages(2);

    CHECK(munmap(at, PAGE + 1) == 0);
    SIGNALS(SIGSEGV, at[PAGE] = 1);
}

static void several_mappings(void)
{
    char *at = pages(6);

    CHECK(mprotect(at + PAGE, PAGE, PROT_READ) == 0 && mprotect(at + 3 * PAGE, PAGE, PROT_NONE) == 0);
    CHECK(munmap(at, 6 * PAGE) == 0);
    FAILS(mincore(at, PAGE, (unsigned char *)&(char){ 0 }), ENOMEM);
}

static void nothing_there(void)
{
    char *at = pages(2);

    CHECK(munmap(at, 2 * PAGE) == 0 && munmap(at, 2 * PAGE) == 0);
}

static void address_not_of_a_page(void)
{
    FAILS(munmap(pages(1) + 1, PAGE), EINVAL);
}

static void unmap_length_zero(void)
{
    FAILS(munmap(pages(1), 0), EINVAL);
}

static void beyond_the_top(void)
{
    FAILS(munmap((void *)-PAGE, 2 * PAGE), EINVAL);
}

static void new_pages_are_zero(void)
{
    char *at = pages(4);

    memset(at, 9, 4 * PAGE);
    CHECK(munmap(at, 4 * PAGE) == 0);
    CHECK(mmap(at, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
    for (size_t i = 0; i < 4 * PAGE; i++)
        CHECK(at[i] == 0);
}

static void shared_stays_in_the_file(void)
{
    int file = file_of(2);
    char *at = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), byte;

    CHECK(at != MAP_FAILED);
    at[PAGE] = 'Z';
    CHECK(munmap(at, 2 * PAGE) == 0 && pread(file, &byte, 1, PAGE) == 1 && byte == 'Z');
}

static const struct test_case unmap_cases[] = { CASE(gone),
                                                CASE(middle_gone),
                                                CASE(length_is_rounded_up),
                                                CASE(several_mappings),
                                                CASE(nothing_there),
                                                CASE(address_not_of_a_page),
                                                CASE(unmap_length_zero),
                                                CASE(beyond_the_top),
                                                CASE(new_pages_are_zero),
                                                CASE(shared_stays_in_the_file),
                                                { 0 } };
const struct test_group unmap_group = { "munmap", unmap_cases };
