/*
 * attack GROUP [NAME [PLACE]]: attacks the firmware and the other tasks, one class after the other, each in a child of its
 * own. GROUP may be `all`; in NAME any character stands for one that is neither letter nor digit.
 * attack list: prints GROUP PLACES NAME of each class.
 *
 *   place the page --> fork --> attack --> how did it end? --> is the page as it was, is the witness right,
 *                                                              do the checks hold, are the counters back?
 *
 * A class that needs a page to aim at is tried with the page in a frame, in the tail and on flash. The child inherits
 * the page as the parent placed it, so that the parent can look at its own copy afterwards.
 *
 * A class is contained when its child ended as the table says: by a signal, or by leaving with STATUS_CONTAINED after
 * it has seen every call refused. Anything else is told and counted as a failure.
 */
#ifndef TESTS_PROGRAMS_ATTACK_ATTACK_H
#define TESTS_PROGRAMS_ATTACK_ATTACK_H

#include "tests/programs/common.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE             4096ul
#define STATUS_CONTAINED 0
#define STATUS_BROKEN    77

/* Addresses of the firmware that a task could know from its source (firmware/layout.h). */
#define KERNEL_DIRECT  0xffffffc000000000ul
#define KERNEL_IMAGE   0xffffffff80200000ul
#define KERNEL_DATA    0xffffffff80300000ul
#define KERNEL_DEVICES 0xffffffff90000000ul
#define KERNEL_STACKS  0xffffffffa0000000ul
#define RAM_START      0x80000000ul
#define USER_END       0x4000000000ul

enum place { PLACE_FRAME, PLACE_TAIL, PLACE_FLASH, PLACES };

/*
 * ends: the signal that has to end the child; 0: it has to leave with STATUS_CONTAINED; ENDS_EITHER: both are right.
 * aimed: run() gets a placed page, filled with instructions that return; the page after it is not mapped.
 */
#define ENDS_EITHER (-1)
struct attack {
    const char *name;
    void (*run)(char *page, uintptr_t with);
    uintptr_t with;
    int ends;
    bool aimed;
};

/* Each ends with an empty name. */
extern const struct attack address_attacks[], page_attacks[], instruction_attacks[], pointer_attacks[], range_attacks[],
    exhaustion_attacks[], overcommit_attacks[], race_attacks[], leak_attacks[], file_attacks[];

/* ---- For the attacks ---- */

/* Ends the attack as not contained. */
__attribute__((noreturn, format(printf, 1, 2))) void broken(const char *format, ...);

static inline void expect(bool good, const char *what)
{
    if (!good)
        broken("%s (%s)", what, strerror(errno));
}

/* A raw system call: Linux's negative error instead of errno. */
long call(long number, long a, long b, long c, long d, long e, long f);

/* New private memory, or broken(). */
char *pages_new(size_t count, int protection);

/* A pattern that is compressible and different for every seed. */
void page_fill(char *page, uint64_t seed);
bool page_is_filled(const char *page, uint64_t seed);

/* Puts a filled page of ours where it is wanted, and says where it is now. */
void page_place(char *page, enum place place);
enum place page_where(const char *page);

/* The path of this program, to be executed again. */
extern const char *own_path;

/* ---- For main.c ---- */

/* "attack probe-...": what a program that was executed by an attack looks at in itself; does not return then. */
void leak_probe(int count, char **arguments);

/* Moves the tail on by some pages that do not compress. */
void tail_push(unsigned pages);
/* A figure of a file of /proc/vellum. */
long figure(const char *file, const char *key);

struct witness {
    volatile uint64_t rounds, wrong;
    volatile int stop;
};
/* Computes in its own memory and with its own floating-point registers, and compares, until stop is set. */
pid_t witness_start(struct witness *shared);

#endif
