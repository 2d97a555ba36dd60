/*
 * What the parts of callfuzz share. main.c: batches, and the parent that judges them. caller.c: what a thread of a batch
 * does. call.c: which calls there are and one call. argument.c: what they are called with.
 */
#ifndef TESTS_PROGRAMS_CALLFUZZ_CALLFUZZ_H
#define TESTS_PROGRAMS_CALLFUZZ_CALLFUZZ_H

#include "tests/programs/common.h"

#include <stdbool.h>
#include <sys/uio.h>
#include <time.h>

#define PAGE         4096ul
#define CALL_NUMBERS 470u
#define CALLS        250u /* of a caller */
#define CALLERS_MAX  4u   /* threads of a batch, the first one included */
#define ARENA        0x2000000000ul
#define ARENA_PAGES  16u
#define OWN \
    0x1757000000ul /* pages whose contents no call may change: OWN_PAGES for each caller; no number that is drawn */
#define OWN_PAGES    3u
#define GROUPS_MAX   64u
#define ALARM_SIGNAL 14

/* In memory that all processes share. */
struct shared {
    uint64_t calls, wrong;
    uint64_t wrong_at, wrong_is, wrong_was; /* the last wrong word: its address, what it holds, and should */
    bool made[CALL_NUMBERS];                /* calls, by number */
    uint32_t groups;
    int32_t group[GROUPS_MAX]; /* tasks that have left their batch's process group, or lead another */
};

struct caller {
    uint64_t state;   /* of its random numbers; all that it does follows from this one */
    unsigned which;   /* of the batch's threads; the children of one are as itself */
    unsigned depth;   /* of processes below the batch's */
    uint64_t version; /* of its own pages' contents */
    bool known;       /* what they hold */
    int alarm;        /* its timer, which ends calls that wait */
    int child;        /* the last one made, or 0 */
    struct timespec soon;
    struct iovec vector[3];
    const char *words[3];
};

extern struct shared *shared;
extern bool telling;
extern volatile int threads[CALLERS_MAX];
extern int parents_group;

/* argument.c */
uint64_t below(struct caller *caller, uint64_t bound);
uint64_t draw_address(struct caller *caller);
uint64_t draw_any(struct caller *caller);
int draw_task(struct caller *caller);
uint64_t draw_shaped(struct caller *caller, char shape);
const char *draw_path(struct caller *caller);

/* call.c */
void calls_print(void);
unsigned calls_made(void);
void call_make(struct caller *caller);

/* caller.c */
void caller_prepare(struct caller *caller, unsigned which);
void caller_alarm(struct caller *caller);
void caller_run(struct caller *caller, bool files);
void caller_step(struct caller *caller);
bool own_write(struct caller *caller);
void own_check(struct caller *caller);
void handlers_set(void);

#endif
