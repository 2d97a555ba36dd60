/* msync(2), madvise(2), mincore(2), the mlock(2) family. */
#include "posix.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static char *map_file(int file, size_t count)
{
    char *at = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    CHECK(at != MAP_FAILED);
    return at;
}

/* ---- msync ---- */

static void sync_writes(void)
{
    int file = file_of(2);
    char *at = map_file(file, 2), byte;

    at[PAGE] = 'S';
    CHECK(msync(at, 2 * PAGE, MS_SYNC) == 0 && pread(file, &byte, 1, PAGE) == 1 && byte == 'S');
}

static void sync_async(void)
{
    char *at = map_file(file_of(1), 1);

    at[0] = 'A';
    CHECK(msync(at, PAGE, MS_ASYNC) == 0 && msync(at, PAGE, MS_ASYNC | MS_INVALIDATE) == 0);
}

static void sync_both_ways(void)
{
    FAILS(msync(map_file(file_of(1), 1), PAGE, MS_SYNC | MS_ASYNC), EINVAL);
}

static void sync_bad_flags(void)
{
    FAILS(msync(map_file(file_of(1), 1), PAGE, 0x100), EINVAL);
}

static void sync_not_of_a_page(void)
{
    FAILS(msync(map_file(file_of(1), 1) + 1, PAGE, MS_SYNC), EINVAL);
}

static void sync_a_hole(void)
{
    char *at = map_file(file_of(3), 3);

    CHECK(munmap(at + PAGE, PAGE) == 0);
    FAILS(msync(at, 3 * PAGE, MS_SYNC), ENOMEM);
}

static void sync_anonymous(void)
{
    char *at = pages(2);

    at[0] = 1;
    CHECK(msync(at, 2 * PAGE, MS_SYNC) == 0 && at[0] == 1);
}

static void sync_nothing(void)
{
    CHECK(msync(pages(1), 0, MS_SYNC) == 0);
}

static void sync_locked(void)
{
    char *at = map_file(file_of(1), 1);

    CHECK(mlock(at, PAGE) == 0);
    FAILS(msync(at, PAGE, MS_SYNC | MS_INVALIDATE), EBUSY);
}

static const struct test_case sync_cases[] = {
    CASE(sync_writes),    CASE(sync_async),         CASE(sync_both_ways), CASE(sync_bad_flags), CASE(sync_a_hole),
    CASE(sync_anonymous), CASE(sync_not_of_a_page), CASE(sync_nothing),   CASE(sync_locked),    { 0 }
};
const struct test_group sync_group = { "msync", sync_cases };

/* ---- madvise ---- */

static void dont_need_private(void)
{
    char *at = pages(4);

    memset(at, 1, 4 * PAGE);
    CHECK(madvise(at + PAGE, 2 * PAGE, MADV_DONTNEED) == 0);
    CHECK(at[PAGE - 1] == 1 && at[PAGE] == 0 && at[3 * PAGE - 1] == 0 && at[3 * PAGE] == 1);
}

static void dont_need_file(void)
{
    int file = file_of(1);
    char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);

    CHECK(at != MAP_FAILED);
    at[0] = 'X';
    CHECK(madvise(at, PAGE, MADV_DONTNEED) == 0 && at[0] == 'a');
}

static void dont_need_shared(void)
{
    char *at = map_file(file_of(1), 1);

    at[0] = 'X';
    CHECK(madvise(at, PAGE, MADV_DONTNEED) == 0 && at[0] == 'X');
}

static void dont_need_locked(void)
{
    char *at = pages(1);

    CHECK(mlock(at, PAGE) == 0);
    FAILS(madvise(at, PAGE, MADV_DONTNEED), EINVAL);
}

static void free_or_kept(void)
{
    char *at = pages(2);

    memset(at, 5, 2 * PAGE);
    CHECK(madvise(at, 2 * PAGE, MADV_FREE) == 0);
    CHECK(at[0] == 5 || at[0] == 0);
    at[0] = 6;
    CHECK(at[0] == 6);
}

static void free_is_for_anonymous(void)
{
    FAILS(madvise(map_file(file_of(1), 1), PAGE, MADV_FREE), EINVAL);
}

static void will_need(void)
{
    char *at = map_file(file_of(4), 4);

    CHECK(madvise(at, 4 * PAGE, MADV_WILLNEED) == 0 && at[3 * PAGE] == 'd');
}

static void hints(void)
{
    char *at = pages(2);

    at[0] = 1;
    CHECK(madvise(at, 2 * PAGE, MADV_NORMAL) == 0 && madvise(at, 2 * PAGE, MADV_RANDOM) == 0);
    CHECK(madvise(at, 2 * PAGE, MADV_SEQUENTIAL) == 0 && at[0] == 1);
}

static void cold_and_out(void)
{
    char *at = pages(8);

    memset(at, 3, 8 * PAGE);
    WORKS(madvise(at, 8 * PAGE, MADV_COLD));
    WORKS(madvise(at, 8 * PAGE, MADV_PAGEOUT));
    for (size_t i = 0; i < 8 * PAGE; i++)
        CHECK(at[i] == 3);
}

static void dont_fork(void)
{
    char *at = pages(2);

    memset(at, 1, 2 * PAGE);
    CHECK(madvise(at, PAGE, MADV_DONTFORK) == 0);
    SIGNALS(SIGSEGV, (void)*(volatile char *)at);
    SIGNALS(0, CHECK(at[PAGE] == 1));
    CHECK(madvise(at, PAGE, MADV_DOFORK) == 0);
    SIGNALS(0, CHECK(at[0] == 1));
}

static void wipe_on_fork(void)
{
    char *at = pages(2);

    memset(at, 1, 2 * PAGE);
    if (madvise(at, PAGE, MADV_WIPEONFORK) != 0 && errno == EINVAL)
        case_not_supported("MADV_WIPEONFORK (Linux 4.14)");
    SIGNALS(0, CHECK(at[0] == 0 && at[PAGE] == 1));
    CHECK(at[0] == 1 && madvise(at, PAGE, MADV_KEEPONFORK) == 0);
    SIGNALS(0, CHECK(at[0] == 1));
}

static void advice_not_of_a_page(void)
{
    FAILS(madvise(pages(1) + 1, PAGE, MADV_NORMAL), EINVAL);
}

static void advice_unknown(void)
{
    FAILS(madvise(pages(1), PAGE, 999), EINVAL);
}

static void advice_for_a_hole(void)
{
    char *at = pages(3);

    CHECK(munmap(at + PAGE, PAGE) == 0);
    FAILS(madvise(at, 3 * PAGE, MADV_DONTNEED), ENOMEM);
}

static void advice_for_low_pages(void)
{
    static const int advices[] = { MADV_NORMAL, MADV_SEQUENTIAL, MADV_DONTNEED, MADV_WILLNEED };

    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++) {
        FAILS(madvise((void *)PAGE, PAGE, advices[i]), ENOMEM);
        FAILS(madvise((void *)(8 * PAGE), PAGE, advices[i]), ENOMEM);
    }
    FAILS(msync((void *)PAGE, PAGE, MS_SYNC), ENOMEM);
    FAILS(msync((void *)(8 * PAGE), PAGE, MS_ASYNC), ENOMEM);
    FAILS(mlock((void *)PAGE, PAGE), ENOMEM);
    FAILS(munlock((void *)(8 * PAGE), PAGE), ENOMEM);
    FAILS(mprotect((void *)(8 * PAGE), PAGE, PROT_READ), ENOMEM);
}

static void idle_advice_for_a_hole(void)
{
    char *at = pages(3);

    CHECK(munmap(at + PAGE, PAGE) == 0);
    FAILS(madvise(at, 3 * PAGE, MADV_SEQUENTIAL), ENOMEM);
}

static void unknown_advice_for_nothing(void)
{
    FAILS(madvise(pages(1), 0, 999), EINVAL);
}

/* Flags that nobody knows are refused to those who ask for it. */
static void map_validated(void)
{
    int file = file_of(1);

    WORKS(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_NORESERVE, file, 0) == MAP_FAILED ? -1 : 0);
    FAILS(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x800000, file, 0) == MAP_FAILED ? -1 : 0, EOPNOTSUPP);
    FAILS(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x80000, file, 0) == MAP_FAILED ? -1 : 0, EOPNOTSUPP);
    WORKS(mmap(NULL, PAGE, PROT_READ, MAP_SHARED | 0x800000, file, 0) == MAP_FAILED ? -1 : 0);
    FAILS(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0, EINVAL);
}

static void advice_for_nothing(void)
{
    CHECK(madvise(pages(1), 0, MADV_DONTNEED) == 0);
}

static const struct test_case advise_cases[] = { CASE(dont_need_private),
                                                 CASE(dont_need_file),
                                                 CASE(dont_need_shared),
                                                 CASE(dont_need_locked),
                                                 CASE(free_or_kept),
                                                 CASE(free_is_for_anonymous),
                                                 CASE(will_need),
                                                 CASE(hints),
                                                 CASE(cold_and_out),
                                                 CASE(dont_fork),
                                                 CASE(wipe_on_fork),
                                                 CASE(advice_not_of_a_page),
                                                 CASE(advice_unknown),
                                                 CASE(advice_for_a_hole),
                                                 CASE(advice_for_low_pages),
                                                 CASE(idle_advice_for_a_hole),
                                                 CASE(unknown_advice_for_nothing),
                                                 CASE(map_validated),
                                                 CASE(advice_for_nothing),
                                                 { 0 } };
const struct test_group advise_group = { "madvise", advise_cases };

/* ---- mincore ---- */

static unsigned char vector[64];

static void core_of_touched(void)
{
    char *at = pages(8);

    at[2 * PAGE] = 1;
    CHECK(mincore(at, 8 * PAGE, vector) == 0 && (vector[2] & 1) == 1 && (vector[5] & 1) == 0);
}

static void core_not_of_a_page(void)
{
    FAILS(mincore(pages(1) + 1, PAGE, vector), EINVAL);
}

static void core_of_a_hole(void)
{
    char *at = pages(3);

    CHECK(munmap(at + PAGE, PAGE) == 0);
    FAILS(mincore(at, 3 * PAGE, vector), ENOMEM);
}

static void core_bad_vector(void)
{
    unsigned char *nowhere = (unsigned char *)pages(1);
    char *at = pages(1);

    CHECK(munmap(nowhere, PAGE) == 0);
    FAILS(mincore(at, PAGE, nowhere), EFAULT);
}

static void core_too_long(void)
{
    FAILS(mincore(pages(1), (size_t)-1, vector), ENOMEM);
}

static void core_of_nothing(void)
{
    CHECK(mincore(pages(1), 0, vector) == 0);
}

static const struct test_case core_cases[] = { CASE(core_of_touched),
                                               CASE(core_not_of_a_page),
                                               CASE(core_of_a_hole),
                                               CASE(core_bad_vector),
                                               CASE(core_too_long),
                                               CASE(core_of_nothing),
                                               { 0 } };
const struct test_group core_group = { "mincore", core_cases };

/* ---- mlock, mlock2, mlockall, munlock, munlockall ---- */

static void set_lock_limit(size_t bytes)
{
    struct rlimit limit = { bytes, bytes };

    CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
}

static void lock_brings_in(void)
{
    char *at = pages(8);

    CHECK(mlock(at, 8 * PAGE) == 0 && resident(at, 8) == 8 && munlock(at, 8 * PAGE) == 0);
}

static void lock_address_is_rounded(void)
{
    char *at = pages(2);

    CHECK(mlock(at + PAGE - 1, 2) == 0 && resident(at, 2) == 2);
}

static void lock_a_hole(void)
{
    char *at = pages(3);

    CHECK(munmap(at + PAGE, PAGE) == 0);
    FAILS(mlock(at, 3 * PAGE), ENOMEM);
    FAILS(munlock(at, 3 * PAGE), ENOMEM);
}

static void lock_beyond_the_limit(void)
{
    set_lock_limit(4 * PAGE);
    drop_root();
    CHECK(mlock(pages(4), 4 * PAGE) == 0);
    FAILS(mlock(pages(1), PAGE), ENOMEM);
}

static void lock_without_permission(void)
{
    set_lock_limit(0);
    drop_root();
    FAILS(mlock(pages(1), PAGE), EPERM);
    FAILS(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0), EPERM);
}

static void map_locked_beyond_the_limit(void)
{
    set_lock_limit(2 * PAGE);
    drop_root();
    CHECK(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) != MAP_FAILED);
    FAILS(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0), EAGAIN);
}

static void map_locked(void)
{
    char *at = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);

    CHECK(at != MAP_FAILED && resident(at, 4) == 4);
}

static void lock_on_fault(void)
{
    char *at = pages(4);

    WORKS(syscall(SYS_mlock2, at, 4 * PAGE, 1));
    at[PAGE] = 1;
    CHECK(resident(at + PAGE, 1) == 1);
    FAILS(syscall(SYS_mlock2, at, PAGE, 2), EINVAL);
}

static void lock_all_bad_flags(void)
{
    FAILS(mlockall(0), EINVAL);
    FAILS(mlockall(0x100), EINVAL);
    FAILS(mlockall(MCL_ONFAULT), EINVAL);
}

static void lock_all_now(void)
{
    char *at = pages(4);

    WORKS(mlockall(MCL_CURRENT));
    CHECK(resident(at, 4) == 4 && munlockall() == 0);
}

static void lock_all_later(void)
{
    char *at;

    WORKS(mlockall(MCL_FUTURE));
    at = pages(4);
    CHECK(resident(at, 4) == 4 && munlockall() == 0);
    CHECK(resident(pages(4), 4) == 0);
}

static void lock_all_without_permission(void)
{
    set_lock_limit(0);
    drop_root();
    FAILS(mlockall(MCL_CURRENT), EPERM);
}

static void lock_all_beyond_the_limit(void)
{
    set_lock_limit(PAGE);
    drop_root();
    FAILS(mlockall(MCL_CURRENT), ENOMEM);
}

static void locks_are_not_inherited(void)
{
    set_lock_limit(4 * PAGE);
    CHECK(mlock(pages(4), 4 * PAGE) == 0);
    SIGNALS(0, drop_root(); CHECK(mlock(pages(4), 4 * PAGE) == 0));
}

static const struct test_case lock_cases[] = { CASE(lock_brings_in),
                                               CASE(lock_address_is_rounded),
                                               CASE(lock_a_hole),
                                               CASE(lock_beyond_the_limit),
                                               CASE(lock_without_permission),
                                               CASE(map_locked_beyond_the_limit),
                                               CASE(map_locked),
                                               CASE(lock_on_fault),
                                               CASE(lock_all_bad_flags),
                                               CASE(lock_all_now),
                                               CASE(lock_all_later),
                                               CASE(lock_all_without_permission),
                                               CASE(lock_all_beyond_the_limit),
                                               CASE(locks_are_not_inherited),
                                               { 0 } };
const struct test_group lock_group = { "mlock", lock_cases };
