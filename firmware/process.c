/* Processes: their beginning, their end, and who is told. */
#include "firmware/process.h"

#include <errno.h>
#include <string.h>

#include "firmware/exec.h"
#include "firmware/linux/file.h"
#include "firmware/linux/path.h"
#include "firmware/linux/signal.h"
#include "firmware/usercopy.h"
#include "mm/assert.h"

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

uint32_t process_new_id(void)
{
    static uint32_t last;

    do
        last = last == INT32_MAX ? 1 : last + 1;
    while (process_find(last) || process_find_thread(last));
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
    process->break_start = parent->break_start;
    process->break_end = parent->break_end;
    process->directory = parent->directory;
    process->program = parent->program;
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
    wait_init(&process->children_changed);
    wait_init(&process->released);
    wait_init(&process->ended);
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
}

/* ---- Ending ---- */

static void give_back(struct process *process)
{
    struct space_statistics statistics;

    if (process->files)
        files_put(process->files);
    process->files = NULL;
    signal_actions_put(process->actions);
    process->actions = NULL;
    if (!process->space)
        return;
    space_statistics(process->space, &statistics);
    process->faults_major += statistics.faults[FAULT_FLASH] + statistics.faults[FAULT_FILE];
    for (unsigned i = 0; i < FAULT_KINDS; i++)
        process->faults_minor += statistics.faults[i];
    process->faults_minor -= process->faults_major;
    process->resident_peak_pages = statistics.resident_peak_pages;
    space_put(process->space);
    process->space = NULL;
    wait_wake(&process->released, WAKE_ALL);
}

void process_discard(struct process *process)
{
    give_back(process);
    process_reap(process);
}

/* Whether nobody will ask for its status. */
static bool is_orphan(const struct process *process)
{
    return !process->parent && !process->waited;
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
    }
}

static void become_zombie(struct process *process)
{
    process->state = PROCESS_ZOMBIE;
    if (process->parent) {
        if (process->exit_signal)
            signal_send(process->parent, process->exit_signal);
        wait_wake(&process->parent->children_changed, WAKE_ALL);
    }
    wait_wake(&process->ended, WAKE_ALL);
    if (is_orphan(process))
        process_reap(process);
}

_Noreturn void process_exit_thread(int32_t status)
{
    struct task *task = task_current();
    struct process *process = task->process;

    if (task->clear_child_tid && process->thread_count > 1)
        (void)!user_write(task->clear_child_tid, &(uint32_t){ 0 }, sizeof(uint32_t));
    if (process->thread_count == 1) { /* these may sleep: the process has a thread until they are done */
        if (!process->ending)
            process->status = status;
        process->ending = true;
        orphan_children(process);
        task_enter_space(NULL);
        give_back(process);
    }
    process->ran_ticks += task_ran_ticks(task);
    list_remove(&task->in_process);
    if (--process->thread_count == 0)
        become_zombie(process);
    task_exit();
}

void process_end(struct process *process, int32_t status)
{
    if (process->ending)
        return;
    process->ending = true;
    process->status = status;
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

/* ---- A program ---- */

void process_change_space(struct process *process, struct space *space)
{
    struct space *old = process->space;

    process->space = space;
    task_enter_space(space);
    if (old)
        space_put(old);
    wait_wake(&process->released, WAKE_ALL);
}

void process_take_program(struct process *process, const struct exec_program *program)
{
    process->program = program->node;
    process->break_start = program->break_start;
    process->break_end = program->break_start;
    process->did_exec = true;
    memcpy(process->name, program->name, sizeof(process->name));
}

/* Everything but the thread. */
static int fill(struct process *process, const char *path, const char *const *argv, struct exec_program *program,
                const char **why)
{
    static const char *const environment[] = { "PATH=/:/bin", "HOME=/", "TERM=vt100", NULL };
    struct exec_strings strings = { NULL, (va_t)argv, (va_t)environment };
    uint32_t node;
    int error = path_find_program(path, &node);

    *why = "no such file";
    if (error)
        return error;
    error = exec_load(process, node, path, &strings, program, why);
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
    process_add_thread(process, task);
    task_start(task);
    *out = process;
    return 0;
}
