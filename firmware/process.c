/* Processes: their beginning, their end, and who is told. */
#include "firmware/process.h"

#include <errno.h>
#include <string.h>

#include "firmware/event.h"
#include "firmware/exec.h"
#include "firmware/linux/file.h"
#include "firmware/linux/futex.h"
#include "firmware/linux/job_control.h"
#include "firmware/linux/path.h"
#include "firmware/linux/signal.h"
#include "firmware/linux/timer.h"
#include "firmware/usercopy.h"
#include "mm/assert.h"

/* How often process_end_all() looks. */
#define END_POLL_US 1000u

static struct pool process_pool = POOL_OF(struct process);
static struct pool actions_pool = POOL_OF(struct signal_actions);
static struct list processes = { &processes, &processes };

struct list *process_list(void)
{
    return &processes;
}

struct process *process_find(uint32_t id)
{
    LIST_EACH(link, &processes)
    {
        struct process *process = LIST_ENTRY(link, struct process, all);

        if (process->id == id)
            return process;
    }
    return NULL;
}

struct task *process_find_thread(uint32_t id)
{
    LIST_EACH(link, &processes)
    {
        struct process *process = LIST_ENTRY(link, struct process, all);

        LIST_EACH(thread, &process->threads)
        {
            struct task *task = LIST_ENTRY(thread, struct task, in_process);

            if (task->id == id)
                return task;
        }
    }
    return NULL;
}

/* Whether a number means nobody: a process or thread, or a group or session that has outlived its leader. */
static bool is_free(uint32_t id)
{
    LIST_EACH(link, &processes)
    {
        const struct process *process = LIST_ENTRY(link, struct process, all);

        if (process->id == id || process->group == id || process->session == id)
            return false;
    }
    return !process_find_thread(id);
}

uint32_t process_new_id(void)
{
    static uint32_t last = PROCESS_FIRMWARE;

    do
        last = last == PROCESS_ID_MAX ? PROCESS_FIRMWARE + 1 : last + 1;
    while (!is_free(last));
    return last;
}

int process_shell_status(int32_t status)
{
    int signal = status & 0x7f;

    return signal ? 128 + signal : status >> 8 & 0xff;
}

/* ---- Beginning ---- */

struct signal_actions *signal_actions_new(void)
{
    struct signal_actions *actions = pool_wait(&actions_pool);

    if (actions)
        actions->references = 1;
    return actions;
}

struct signal_actions *signal_actions_copy(const struct signal_actions *from)
{
    struct signal_actions *actions = signal_actions_new();

    if (actions)
        memcpy(actions->of, from->of, sizeof(actions->of));
    return actions;
}

void signal_actions_put(struct signal_actions *actions)
{
    if (actions && --actions->references == 0)
        pool_put(&actions_pool, actions);
}

static void limits_init(struct process *process)
{
    for (unsigned i = 0; i < LIMITS; i++)
        process->limits[i] = (struct process_limit){ LIMIT_INFINITY, LIMIT_INFINITY };
    process->limits[LIMIT_STACK].now = EXEC_STACK_LIMIT;
    process->limits[LIMIT_NOFILE] = (struct process_limit){ FILES_MAX, FILES_MAX };
}

/* What a child has from its parent without sharing it. */
static void inherit(struct process *process, const struct process *parent)
{
    process->umask = parent->umask;
    process->group = parent->group;
    process->session = parent->session;
    process->uid = parent->uid;
    process->euid = parent->euid;
    process->suid = parent->suid;
    process->gid = parent->gid;
    process->egid = parent->egid;
    process->sgid = parent->sgid;
    memcpy(process->limits, parent->limits, sizeof(process->limits));
    process->nice = parent->nice;
    process->directory = parent->directory;
    process->program = parent->program;
    process->stack_start = parent->stack_start;
    memcpy(process->name, parent->name, sizeof(process->name));
}

int process_create(struct process *parent, struct process **out)
{
    struct process *process = pool_wait(&process_pool);

    if (!process)
        return -ENOMEM;
    process->id = process_new_id();
    process->started = timer_now();
    process->exit_signal = LINUX_SIGCHLD;
    list_append(&processes, &process->all);
    list_init(&process->threads);
    list_init(&process->children);
    list_init(&process->sibling);
    list_init(&process->timers);
    wait_init(&process->children_changed);
    wait_init(&process->released);
    wait_init(&process->ended);
    wait_init(&process->alone);
    wait_init(&process->stopped);
    process->parent = parent;
    if (parent) {
        inherit(process, parent);
        list_append(&parent->children, &process->sibling);
    } else {
        limits_init(process);
        process->umask = 022;
        process->group = process->session = process->id;
        process->directory = NODE_ROOT;
    }
    *out = process;
    return 0;
}

void process_reap(struct process *process)
{
    ASSERT(process->thread_count == 0 && list_empty(&process->children));
    list_remove(&process->all);
    list_remove(&process->sibling);
    pool_put(&process_pool, process);
}

void process_add_thread(struct process *process, struct task *task)
{
    task->id = process->thread_count ? process_new_id() : process->id;
    list_append(&process->threads, &task->in_process);
    process->thread_count++;
    /* What was sent to its group while it was made. */
    task_notify(task, (process->signals.pending ? ATTENTION_SIGNAL : 0u) | (process->ending ? ATTENTION_END : 0u));
}

/* ---- Ending ---- */

/* The statistics of its space join those that outlive it. */
static void add_space_usage(const struct process *process, struct process_usage *usage)
{
    struct space_statistics statistics;
    uint64_t major, all = 0;

    if (!process->space)
        return;
    space_statistics(process->space, &statistics);
    for (unsigned i = 0; i < FAULT_KINDS; i++)
        all += statistics.faults[i];
    major = statistics.faults[FAULT_FLASH] + statistics.faults[FAULT_FILE];
    usage->faults_major += major;
    usage->faults_minor += all - major;
    if (usage->resident_peak_pages < statistics.resident_peak_pages)
        usage->resident_peak_pages = statistics.resident_peak_pages;
}

static void add_thread_usage(const struct task *task, struct process_usage *usage)
{
    usage->ran_ticks += task_ran_ticks(task);
    usage->system_ticks += task_system_ticks(task);
}

struct process_usage process_usage(const struct process *process)
{
    struct process_usage usage = process->gone;

    add_space_usage(process, &usage);
    LIST_EACH(link, &process->threads)
    add_thread_usage(LIST_ENTRY(link, struct task, in_process), &usage);
    return usage;
}

/* Whether another process runs in the same space (vfork). */
static bool shares_space(const struct process *process)
{
    LIST_EACH(link, &processes)
    {
        const struct process *other = LIST_ENTRY(link, struct process, all);

        if (other != process && other->space == process->space)
            return true;
    }
    return false;
}

static void drop_space(struct process *process)
{
    struct space *space = process->space;

    if (!space)
        return;
    if (!shares_space(process))
        add_space_usage(process, &process->gone);
    process->space = NULL;
    space_put(space);
    wait_wake(&process->released, WAKE_ALL);
}

static void give_up_all(struct process *process)
{
    if (process->files)
        files_put(process->files);
    process->files = NULL;
    signal_actions_put(process->actions);
    process->actions = NULL;
    drop_space(process);
}

void process_discard(struct process *process)
{
    give_up_all(process);
    signal_queue_clear(process, &process->signals, UINT64_MAX);
    process_reap(process);
}

/* Whether nobody will ask for its status: nobody is there, or the parent has said so by its action for SIGCHLD. */
static bool is_unwanted(const struct process *process)
{
    const struct process *parent = process->parent;

    if (!parent)
        return !process->waited;
    const struct signal_action *action = parent->actions ? &parent->actions->of[LINUX_SIGCHLD - 1] : NULL;

    return process->exit_signal == LINUX_SIGCHLD && action &&
           (action->handler == LINUX_SIG_IGN || action->flags & LINUX_SA_NOCLDWAIT);
}

static void orphan_children(struct process *process)
{
    LIST_EACH(link, &process->children)
    {
        struct process *child = LIST_ENTRY(link, struct process, sibling);

        list_remove(&child->sibling);
        child->parent = NULL;
        if (child->state == PROCESS_ZOMBIE)
            process_reap(child);
        else if (child->pdeath_signal)
            signal_send(child, child->pdeath_signal);
    }
}

static void become_zombie(struct process *process)
{
    int signal = process->status & 0x7f;

    process->state = PROCESS_ZOMBIE;
    signal_queue_clear(process, &process->signals, UINT64_MAX);
    signal_tell_end(process, signal ? LINUX_CLD_KILLED : LINUX_CLD_EXITED,
                    signal ? signal : process->status >> 8 & 0xff);
    wait_wake(&process->ended, WAKE_ALL);
    if (is_unwanted(process))
        process_reap(process);
}

/* What a thread tells others by words in the memory that it shares with them. */
void process_release_words(void)
{
    struct task *task = task_current();
    va_t word = task->clear_child_tid;

    robust_list_exit();
    task->clear_child_tid = 0;
    if (word && (task->process->thread_count > 1 || shares_space(task->process)) &&
        user_write(word, &(uint32_t){ 0 }, sizeof(uint32_t)) == 0)
        (void)futex_wake(word, 1);
}

/* May sleep: the process has its last thread until this is done. */
static void end_process(struct process *process)
{
    process->ending = true;
    timer_delete_all(process);
    job_leave(process);
    task_enter_space(NULL);
    give_up_all(process);
    orphan_children(process); /* last: what sleeps above lets others run, who may become its children */
}

/* That one of them has left. */
static void tell_threads(struct process *process)
{
    if (process->thread_count == 1)
        wait_wake(&process->alone, WAKE_ALL);
    signal_stop_check(process);
}

_Noreturn void process_exit_thread(int32_t status)
{
    struct task *task = task_current();
    struct process *process = task->process;

    signal_set_mask(UINT64_MAX); /* what others may take goes to them, before anything here sleeps */
    process_release_words();
    if (process->thread_count == 1) {
        if (!process->ending)
            process->status = status;
        end_process(process);
    }
    signal_queue_clear(process, &task->signals, UINT64_MAX);
    add_thread_usage(task, &process->gone);
    list_remove(&task->in_process);
    if (--process->thread_count == 0)
        become_zombie(process);
    else
        tell_threads(process);
    task_exit();
}

int process_become_single(void)
{
    struct task *task = task_current();
    struct process *process = task->process;

    if (process->in_exec)
        return -EINTR; /* another thread was first, and this one is on its way out */
    process->in_exec = true;
    LIST_EACH(link, &process->threads)
    if (LIST_ENTRY(link, struct task, in_process) != task)
        task_notify(LIST_ENTRY(link, struct task, in_process), ATTENTION_END);
    while (process->thread_count > 1 && !(task->attention & ATTENTION_END)) {
        struct waiter waiter;

        waiter_add(&process->alone, &waiter);
        (void)task_block_killable(TIMER_NEVER);
        waiter_remove(&waiter);
    }
    process->in_exec = false;
    if (task->attention & ATTENTION_END)
        return -EINTR;
    task->id = process->id;
    return 0;
}

void process_end(struct process *process, int32_t status)
{
    if (process->ending)
        return;
    process->ending = true;
    process->status = status;
    event_note(EVENT_END, process->id, (uint32_t)status);
    LIST_EACH(link, &process->threads)
    task_notify(LIST_ENTRY(link, struct task, in_process), ATTENTION_END);
}

_Noreturn void process_leave(void)
{
    process_exit_thread(process_current()->status);
}

int32_t process_wait(struct process *process)
{
    process->waited = true;
    while (process->state != PROCESS_ZOMBIE)
        (void)task_wait(&process->ended, TIMER_NEVER);
    int32_t status = process->status;

    process_reap(process);
    return status;
}

/* Parents among them may reap their children first, so nothing is kept over a sleep. */
void process_end_all(void)
{
    while (!list_empty(&processes)) {
        LIST_EACH(link, &processes)
        {
            struct process *process = LIST_ENTRY(link, struct process, all);

            process_end(process, STATUS_SIGNAL(LINUX_SIGKILL));
            if (process->state == PROCESS_ZOMBIE && !process->parent)
                process_reap(process);
        }
        if (!list_empty(&processes))
            (void)task_wait(NULL, timer_now() + timer_ticks_from_us(END_POLL_US));
    }
}

const char *process_check(void)
{
    if (!list_empty(&processes) || process_pool.used_items)
        return "a process is left";
    if (actions_pool.used_items)
        return "signal actions are left";
    if (signal_records())
        return "a signal's record is left";
    if (timer_count())
        return "a timer is left";
    return NULL;
}

/* ---- A program ---- */

void process_change_space(struct process *process, struct space *space)
{
    task_enter_space(space);
    drop_space(process);
    process->space = space;
}

void process_take_program(struct process *process, const struct exec_program *program)
{
    process->program = program->inode;
    process->stack_start = program->stack;
    process->did_exec = true;
    memcpy(process->name, program->name, sizeof(process->name));
}

/* Everything but the thread. */
static int fill(struct process *process, const char *path, const char *const *argv, struct exec_program *program,
                const char **why)
{
    static const char *const environment[] = { "PATH=/:/bin", "HOME=/", "TERM=vt100", NULL };
    struct exec_strings strings = { NULL, (va_t)argv, (va_t)environment, NULL };
    struct object *object;
    uint32_t node;
    int error = path_find_program(path, &node);

    if (!error)
        error = inode_object(node, &object);
    *why = error == -ENOMEM ? "no memory" : "no such file";
    if (error)
        return error;
    error = exec_load(process, object, path, &strings, program, why);
    object_put(object);
    if (error)
        return error;
    process->space = program->space;
    process_take_program(process, program);
    *why = "no memory";
    process->actions = signal_actions_new();
    return process->actions ? 0 : -ENOMEM;
}

int process_spawn(const char *path, const char *const *argv, struct files *files, struct process **out,
                  const char **why)
{
    struct exec_program program;
    struct process *process;
    struct task *task;
    int error = process_create(NULL, &process);

    *why = "no memory";
    if (error)
        return error;
    process->waited = true;
    error = fill(process, path, argv, &program, why);
    if (!error)
        error = task_create_user(process, &task);
    if (error) {
        process_discard(process);
        return error;
    }
    files_get(files);
    process->files = files;
    trap_frame_init(task->frame, program.entry, program.stack);
    event_note(EVENT_PROGRAM, task->id, program.entry);
    process_add_thread(process, task);
    job_offer_console(process);
    task_start(task);
    *out = process;
    return 0;
}
