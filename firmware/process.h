/*
 * Processes: what the threads of one program share. The kernel's own threads belong to none.
 *
 *      process_create --> RUNNING --last thread exits--> ZOMBIE --process_reap--> gone
 *                                                          |
 *                               parent told: SIGCHLD, parent->children_changed; the firmware: process_wait
 *
 * Between RUNNING and STOPPED it goes by signals: a stop begins with stop_signal, and is over when all threads have
 * come to rest on their way out of the kernel; SIGCONT ends it (linux/stop.c).
 *
 * Parts that Linux lets processes share (CLONE_VM, CLONE_FILES, CLONE_SIGHAND) are counted objects: space, files,
 * actions. Everything a process holds but its identity and its status is given back when its last thread exits; a
 * zombie is this structure alone.
 *
 * A process that the firmware started has no parent; it is reaped by process_wait(). Children whose parent ends first
 * are reaped when they end.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_PROCESS_H
#define FIRMWARE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/list.h"
#include "firmware/task.h"
#include "mm/mm.h"

struct files;

enum process_state { PROCESS_RUNNING, PROCESS_STOPPED, PROCESS_ZOMBIE };

/* Linux's numbers for the limits that are looked at; the others are kept and told, and mean nothing. */
enum { LIMIT_DATA = 2, LIMIT_STACK = 3, LIMIT_NOFILE = 7, LIMIT_MEMLOCK = 8, LIMIT_AS = 9, LIMITS = 16 };
#define LIMIT_INFINITY UINT64_MAX

struct process_limit {
    uint64_t now, most;
};

#define SIGNALS 64

/* The largest number of a process, Linux's default. /proc's inodes have room for no more. */
#define PROCESS_ID_MAX 32767u
/* Nobody's number: who asks for the parent of a program that the firmware started hears this one. */
#define PROCESS_FIRMWARE 1u

/* Linux's struct sigaction on riscv64, which has no restorer. */
struct signal_action {
    va_t handler; /* 0: default; 1: ignore */
    uint64_t flags;
    uint64_t mask;
};

struct signal_actions {
    uint32_t references;
    struct signal_action of[SIGNALS]; /* of[n - 1] is signal n's */
};

/* What a program has used. */
struct process_usage {
    uint64_t ran_ticks, system_ticks, faults_minor, faults_major; /* system_ticks of ran_ticks in the kernel */
    uint32_t resident_peak_pages;
};

struct process {
    uint32_t id;   /* Linux's tgid; its first thread has the same number */
    uint8_t state; /* enum process_state */
    bool waited;   /* the firmware will call process_wait() */
    bool did_exec;
    bool ending;         /* process_end() was called: all threads are on their way out */
    bool in_exec;        /* one thread waits in `alone` for all others to leave */
    uint8_t exit_signal; /* sent to the parent at the end; 0: none */
    uint16_t umask;
    int32_t status; /* as wait4 tells it: exit code << 8, or the signal that ended it */

    struct space *space;
    struct files *files;
    struct signal_actions *actions;
    struct signal_queue signals; /* sent to the process as a whole */
    uint16_t signal_records;     /* how many it and its threads hold */

    uint8_t stop_signal;           /* stopped, or about to be, by this one; 0: not */
    uint8_t pdeath_signal;         /* prctl: to be sent when its parent ends */
    bool stop_news, continue_news; /* not yet told by wait4 */
    uint32_t stopped_threads;
    struct wait_queue stopped; /* its threads while it is stopped */

    struct list all;     /* in process_list() */
    struct list threads; /* task->in_process */
    uint32_t thread_count;
    struct process *parent; /* NULL: the firmware */
    struct list children, sibling;
    struct wait_queue children_changed; /* wait4 */
    struct wait_queue released;         /* its space was given up by exec or exit: vfork */
    struct wait_queue ended;            /* process_wait */
    struct wait_queue alone;            /* exec: all other threads have left */
    struct list timers;                 /* linux/timer.c */

    uint32_t group, session;
    uint32_t uid, euid, suid, gid, egid, sgid;
    int8_t nice;
    struct process_limit limits[LIMITS];

    va_t stack_start;   /* the stack pointer that its program began with: the arguments' count */
    uint32_t directory; /* inode: the current one */
    uint32_t program;   /* inode: /proc/self/exe */
    char name[TASK_NAME_BYTES];

    uint64_t started;                   /* tick */
    struct process_usage gone;          /* of threads and spaces that are gone */
    struct process_usage children_used; /* of children that were waited for, and of theirs */
};

#define STATUS_EXIT(code)     (((int32_t)(code)&0xff) << 8)
#define STATUS_SIGNAL(signal) ((int32_t)(signal)&0x7f)
/* What a shell makes of a status: the exit code, or 128 + the signal's number. */
int process_shell_status(int32_t status);

/* NULL, or what is still there although every program has ended. */
const char *process_check(void);
/* Ends all processes and waits until they are gone; for kernel threads. */
void process_end_all(void);

/* Up to now, its threads' and earlier programs' part included. */
struct process_usage process_usage(const struct process *process);

struct list *process_list(void);           /* of all, by process->all */
struct process *process_find(uint32_t id); /* NULL: none, zombies are found */
struct task *process_find_thread(uint32_t id);

static inline struct process *process_current(void)
{
    return task_current()->process;
}

/*
 * A program of the store started by the firmware: strings in firmware memory, argv NULL-terminated. Its descriptors
 * 0 to 2 are `files`' (a reference is taken). `*why` gets words for people on an error of exec_load's list.
 */
int process_spawn(const char *path, const char *const *argv, struct files *files, struct process **process,
                  const char **why) MUST_CHECK;
/* Sleeps until it has ended, tells its status and reaps it. -EINTR: never; for kernel threads. */
int32_t process_wait(struct process *process);

/* For fork and spawn: an empty process with one reference taken on nothing. -ENOMEM. */
int process_create(struct process *parent, struct process **process) MUST_CHECK;
void process_discard(struct process *process); /* one that never had a thread */
void process_reap(struct process *process);    /* a zombie */
/* Gives a new task its number and makes it a thread of the process, before task_start(). */
void process_add_thread(struct process *process, struct task *task);
/* What a program brings along but for its space: name, heap, /proc/self/exe. */
struct exec_program;
void process_take_program(struct process *process, const struct exec_program *program);

/* The calling thread ends; the last one ends the process with `status`. */
_Noreturn void process_exit_thread(int32_t status);
/* The other threads of the caller's process end (exec). -EINTR: the process ends. */
int process_become_single(void) MUST_CHECK;
/* All threads of the process end with `status`, the caller (if one of them) at its way out of the kernel. */
void process_end(struct process *process, int32_t status);
/* Does what ATTENTION_END asks of the calling thread; does not return. */
_Noreturn void process_leave(void);

/* What the calling thread tells others in the memory it shares with them, before it ends or has other memory. */
void process_release_words(void);
/* Gives up the calling process's space for a new one (exec); wakes what vfork left waiting. Takes the reference. */
void process_change_space(struct process *process, struct space *space);

struct signal_actions *signal_actions_new(void); /* NULL: no memory; all default, one reference */
struct signal_actions *signal_actions_copy(const struct signal_actions *from); /* NULL: no memory; one reference */
void signal_actions_put(struct signal_actions *actions);

uint32_t process_new_id(void); /* for processes and threads alike */

#endif
