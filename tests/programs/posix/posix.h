/*
 * Cases about memory and processes in the manner of the Linux Test Project: each is a function that runs in a process of its
 * own and passes, fails, or says which call is not supported. The expectations are POSIX's and the man pages' (Linux 6.1).
 */
#ifndef TESTS_PROGRAMS_POSIX_POSIX_H
#define TESTS_PROGRAMS_POSIX_POSIX_H

#include "tests/programs/common.h"

#include <sys/wait.h>

#define PAGE 4096ul

/* How a case ends when it does not simply return. */
enum { CASE_FAILED = 1, CASE_NOT_SUPPORTED = 2 };

struct test_case {
    const char *name;
    void (*run)(void);
};
struct test_group {
    const char *name;
    const struct test_case *cases; /* the last has no name */
};
extern const struct test_group map_group, unmap_group, protect_group, remap_group, sync_group, advise_group, core_group,
    lock_group, heap_group, fork_group, clone_group, futex_group;

#define CASE(name)  \
    {               \
#name, name \
    }

/* Ends the case as failed unless the condition holds. */
#define CHECK(condition) ((condition) ? (void)0 : case_failed(__FILE__, __LINE__, #condition))
/* The call succeeds; a call that is not there ends the case as not supported. */
#define WORKS(call) check_works(__FILE__, __LINE__, #call, (errno = 0, (long)(call)))
/* The call fails with this error and no other. */
#define FAILS(call, error) check_fails(__FILE__, __LINE__, #call, (errno = 0, (long)(call)), error)
/* The statement is ended by this signal. */
#define SIGNALS(signal_number, statement)           \
    do {                                            \
        pid_t child_ = fork();                      \
        if (child_ == 0) {                          \
            statement;                              \
            _exit(0);                               \
        }                                           \
        CHECK(ended_by(child_) == (signal_number)); \
    } while (0)

__attribute__((noreturn)) void case_failed(const char *file, int line, const char *what);
__attribute__((noreturn)) void case_not_supported(const char *what);
long check_works(const char *file, int line, const char *call, long value);
void check_fails(const char *file, int line, const char *call, long value, int error);
/* The signal that ends the child, 0 when it exits with 0, -1 otherwise. */
int ended_by(pid_t child);
/* So many pages, private, anonymous, readable and writable. */
char *pages(size_t count);
/* A file of so many pages, page i full of 'a' + i; it has no name any more. */
int file_of(size_t pages);
/* Not root from here on. */
void drop_root(void);
/* Pages of the range that are in memory, by mincore(). */
size_t resident(void *address, size_t pages);

#endif
