/*
 * Tasks: the schedulable threads, user programs' and the kernel's own, and how they wait.
 *
 *            task_create          picked                     task_exit
 *      (new) ----------> READY -----------> RUNNING --------------------> DEAD --> freed by the next task on the hart
 *                          ^  ^               |  |
 *                          |  +-- preempted --+  | task_sleep, task_wait
 *                          |      yielded        v
 *                          +----- woken ------ BLOCKED      (by wait_wake, its deadline, or an interruption)
 *
 * The kernel is not preemptible: between two calls that may sleep nothing else runs on the hart, so a condition that
 * was tested is still true when the task begins to sleep. Calls that may sleep: task_sleep, task_wait, task_yield,
 * mm_wait (firmware/worker.h) and everything in firmware/usercopy.h.
 *
 * Slices: round robin. A tick comes while user tasks run: the one that runs goes to the end of the queue if others wait,
 * and is seen in user mode or in the kernel, as which its time is told from then on until it is seen in the other. Kernel
 * threads run until they sleep.
 *
 * Locking: the kernel lock for everything here; `struct hart` is its own hart's.
 */
#ifndef FIRMWARE_TASK_H
#define FIRMWARE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/list.h"
#include "firmware/trap.h"
#include "hal/cpu.h"
#include "hal/timer.h"
#include "mm/store.h"

#define TASK_NAME_BYTES 16u /* with the final 0, as Linux's comm */
#define TASK_SLICE_US   10000u

struct process;

/* ---- Waiting ---- */

struct wait_queue {
    struct list waiters;
};

/* One task's place in one queue; lies on its stack. Who needs more beside it (a futex's address) embeds it. */
struct waiter {
    struct list link;
    struct task *task;
};

#define WAIT_QUEUE_INIT(queue)                            \
    {                                                     \
        .waiters = { &(queue).waiters, &(queue).waiters } \
    }
void wait_init(struct wait_queue *queue);

/*
 * Sleeps until woken or until the tick `deadline` (TIMER_NEVER: no limit). `queue` NULL: only the deadline wakes.
 * task_sleep: 0 woken, -ETIMEDOUT, -EINTR a signal or the end of the process waits to be handled.
 * task_wait: the same without -EINTR, for waits with a bound of their own.
 */
int task_sleep(struct wait_queue *queue, uint64_t deadline);
int task_wait(struct wait_queue *queue, uint64_t deadline);
/* task_wait() that also ends as soon as the hart has nothing else to do. For one task a hart: the worker. */
int task_wait_idle(struct wait_queue *queue, uint64_t deadline);

/* Wakes up to `count` waiters, oldest first, and says how many. */
unsigned wait_wake(struct wait_queue *queue, unsigned count);
#define WAKE_ALL UINT32_MAX

/* To wait in several queues: waiter_add to each, test the conditions, task_block, waiter_remove from each. */
void waiter_add(struct wait_queue *queue, struct waiter *waiter);
void waiter_remove(struct waiter *waiter);
int task_block(uint64_t deadline, bool interruptible);
/* The same; only the end of the process interrupts. */
int task_block_killable(uint64_t deadline);
/* Wakes this one, wherever it waits; whether it slept. */
bool waiter_wake(struct waiter *waiter);

/* ---- Tasks ---- */

/* Signals that wait to be handled; bit n - 1 is signal n. What is known of them is in records (linux/signal.c). */
struct signal_queue {
    uint64_t pending;
    struct signal_record *first;
};

enum task_state { TASK_READY, TASK_RUNNING, TASK_BLOCKED, TASK_DEAD };

/* What a task has to do before it returns to user mode. Anything but 0 takes the slow way out of the kernel. */
enum task_attention {
    ATTENTION_RESCHEDULE = 1, /* its slice is over */
    ATTENTION_SIGNAL = 2,     /* a signal may have to be delivered */
    ATTENTION_END = 4,        /* its process ends, or the process begins another program */
    ATTENTION_FRAME = 8,      /* the frame's preserved registers were changed: restore all of them */
};

struct task {
    uint64_t stack_pointer;   /* while not running: below it the registers that switch_context() saved */
    struct trap_frame *frame; /* at the top of its kernel stack */
    uint32_t attention;       /* enum task_attention */
    uint8_t state;            /* enum task_state */
    uint8_t interrupted_by;   /* BLOCKED: attention bits that end the sleep */
    int16_t outcome;          /* of the last sleep: 0, -ETIMEDOUT, -EINTR */
    bool float_saved;         /* `floats` holds its registers; else they are all zero */
    struct space *space;      /* what it runs in: its process's; NULL: a kernel thread */
    struct process *process;  /* NULL: a kernel thread */

    struct list queue; /* READY: in the hart's queue */
    struct list timed; /* BLOCKED with a deadline: in order of deadlines */
    uint64_t deadline;
    uint64_t began; /* tick at which it was last switched to */
    uint64_t ran_ticks;
    uint64_t other_ticks; /* of them, those told as the other time than the one at hand */
    bool in_system;       /* the one at hand is system time */

    uint32_t id;         /* Linux's tid */
    uint16_t stack_slot; /* of firmware/kmap.h */
    char name[TASK_NAME_BYTES];
    pa_t stack_frames[2];

    struct list in_process; /* process->threads */
    va_t clear_child_tid;   /* set_tid_address, CLONE_CHILD_CLEARTID; 0: none */
    va_t robust_list;       /* set_robust_list; 0: none */

    struct signal_queue signals; /* sent to this thread; those sent to its process are in process->signals */
    uint64_t signals_blocked;
    uint64_t
        signals_held; /* blocked but for sigtimedwait, which lets them through to take them: not ignored meanwhile */
    uint64_t signals_saved; /* the mask that sigsuspend and the like put back, if mask_saved */
    bool mask_saved;
    bool call_interrupted; /* the system call at hand answered -EINTR: a signal decides whether it begins again */
    bool call_restarts;    /* the next call is one that begins again with what is left of its time */
    uint32_t signal_stack_flags;
    uint64_t restart_ns; /* when that time is over: clock_monotonic_ns() */
    va_t signal_stack;   /* sigaltstack */
    uint64_t signal_stack_bytes;

    struct float_state floats;
};

/* One processor. tp holds it whenever the kernel runs. */
struct hart {
    struct task *current;
    struct task *idle;
    struct task *float_owner; /* whose registers the FPU holds; NULL: they are all zero */
    struct task *dead;        /* left for the next task to free */
    struct task *resting;     /* in task_wait_idle() */
    struct list ready;
    struct list timed;   /* sleepers with a deadline, the first to end first */
    struct space *space; /* the one that satp shows; NULL: the kernel's own */
    uint64_t alarm;      /* the tick that the timer is set to, or TIMER_NEVER */
    uint64_t tick;       /* when the running user task is to be looked at; 0: none has run for a while */
    uint64_t user_ticks; /* what was found to be user mode, of all tasks ever */
    uint32_t id;
    bool has_float;
};

static inline struct hart *hart_current(void)
{
    struct hart *hart;

    __asm__("mv %0, tp" : "=r"(hart)); /* not volatile: it never changes under a task's feet */
    return hart;
}

static inline struct task *task_current(void)
{
    return hart_current()->current;
}

/* The boot context becomes the idle task of this hart. Once, before every other function here. */
void task_init(uint32_t hart_id, bool has_float);

/* Serves interrupts and runs other tasks for ever; what firmware_main() ends in. */
_Noreturn void task_idle(void);

/* All there are, kernel threads and this one included. */
uint32_t task_count(void);

/*
 * Both: -ENOMEM; they may sleep; the task is not READY before task_start().
 * A kernel thread begins in entry(argument) and may return from it. A user task begins in user mode as its frame says.
 */
int task_create_kernel(const char *name, void (*entry)(void *argument), void *argument, struct task **task) MUST_CHECK;
int task_create_user(struct process *process, struct task **task) MUST_CHECK;
void task_start(struct task *task);
/* For a task that was never started. */
void task_discard(struct task *task);

_Noreturn void task_exit(void); /* the caller; what hangs on it was given back before (process_exit) */
void task_yield(void);          /* to the end of the queue */
/* For copies that may be long, between their parts: as if the caller slept. -EINTR: its process ends. */
int task_pause(void) MUST_CHECK;

/* Sets attention bits; a BLOCKED task that may be interrupted wakes up with -EINTR when they are SIGNAL or END. */
void task_notify(struct task *task, uint32_t attention);

/* Begins to run in another space (exec): the caller's own task. */
void task_enter_space(struct space *space);

/* Writes the registers of the FPU back when they are this task's, so that `floats` and FS are right; and the reverse. */
void task_float_flush(struct task *task);
void task_float_changed(struct task *task);

/* For the timer interrupt, which trap.c takes; and to have it at the tick `deadline` at the latest. */
void task_alarm(bool late); /* the kernel ran when it was due */
void task_alarm_by(uint64_t deadline);

/* How long a task has run, up to now; and how much of that in the kernel. */
uint64_t task_ran_ticks(const struct task *task);
uint64_t task_system_ticks(const struct task *task);

#endif
