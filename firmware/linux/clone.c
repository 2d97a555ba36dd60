/*
 * New processes and threads: clone, clone3; fork and vfork are forms of them.
 *
 *                     space       files     actions    process
 *      fork           a copy      a copy    a copy     new
 *      vfork          the same    a copy    a copy     new; the caller sleeps until it has another space or none
 *      thread         the same    the same  the same   the same
 *
 * In between, every combination that Linux allows. CLONE_FS without CLONE_THREAD is accepted and shares nothing: two
 * processes have each their own directory and umask.
 */
#include <errno.h>
#include <string.h>

#include "firmware/linux/abi_process.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/signal.h"
#include "firmware/usercopy.h"

#define NAMESPACES                                                                                               \
    (LINUX_CLONE_NEWNS | LINUX_CLONE_NEWCGROUP | LINUX_CLONE_NEWUTS | LINUX_CLONE_NEWIPC | LINUX_CLONE_NEWUSER | \
     LINUX_CLONE_NEWPID | LINUX_CLONE_NEWNET)

static int check(const struct linux_clone_args *args)
{
    uint64_t flags = args->flags;

    if (flags & LINUX_CLONE_THREAD && !(flags & LINUX_CLONE_SIGHAND))
        return -EINVAL;
    if (flags & LINUX_CLONE_SIGHAND && !(flags & LINUX_CLONE_VM))
        return -EINVAL;
    if (flags & LINUX_CLONE_SIGHAND && flags & LINUX_CLONE_CLEAR_SIGHAND)
        return -EINVAL;
    if (flags & (NAMESPACES | LINUX_CLONE_PIDFD) || args->exit_signal > SIGNALS)
        return -EINVAL;
    return 0;
}

/* ---- What a new process has from its parent ---- */

static int copy_space(struct process *parent, struct process *child, uint64_t flags)
{
    if (!(flags & LINUX_CLONE_VM))
        return (int)MM_RETRY(space_fork(parent->space, &child->space));
    child->space = parent->space;
    space_get(child->space);
    return 0;
}

static int copy_files(struct process *parent, struct process *child, uint64_t flags)
{
    if (!(flags & LINUX_CLONE_FILES))
        return files_copy(parent->files, &child->files);
    child->files = parent->files;
    files_get(child->files);
    return 0;
}

static int copy_actions(struct process *parent, struct process *child, uint64_t flags)
{
    if (flags & LINUX_CLONE_SIGHAND) {
        child->actions = parent->actions;
        child->actions->references++;
        return 0;
    }
    child->actions = signal_actions_copy(parent->actions);
    if (!child->actions)
        return -ENOMEM;
    for (unsigned i = 0; i < SIGNALS && flags & LINUX_CLONE_CLEAR_SIGHAND; i++)
        if (child->actions->of[i].handler != LINUX_SIG_IGN)
            child->actions->of[i] = (struct signal_action){ .handler = LINUX_SIG_DFL };
    return 0;
}

/* With CLONE_PARENT it is a sibling of its maker. */
static void take_parent(struct process *child, struct process *maker, uint64_t flags)
{
    if (!(flags & LINUX_CLONE_PARENT))
        return;
    list_remove(&child->sibling);
    child->parent = maker->parent;
    child->exit_signal = maker->exit_signal;
    if (child->parent)
        list_append(&child->parent->children, &child->sibling);
}

static int make_process(const struct linux_clone_args *args, struct process **out)
{
    struct process *parent = process_current(), *child;
    int error = process_create(parent, &child);

    if (error)
        return error;
    child->exit_signal = (uint8_t)args->exit_signal;
    error = copy_space(parent, child, args->flags);
    if (!error)
        error = copy_files(parent, child, args->flags);
    if (!error)
        error = copy_actions(parent, child, args->flags);
    if (error) {
        process_discard(child);
        return error;
    }
    take_parent(child, parent, args->flags);
    *out = child;
    return 0;
}

/* ---- Its first thread, or one more of the caller's process ---- */

static void copy_thread(struct task *from, struct task *to, const struct linux_clone_args *args)
{
    bool same_memory = args->flags & LINUX_CLONE_VM;

    task_float_flush(from);
    *to->frame = *from->frame;
    to->frame->a[0] = 0;
    if (args->stack)
        to->frame->sp = args->stack;
    if (args->flags & LINUX_CLONE_SETTLS)
        to->frame->tp = args->tls;
    to->floats = from->floats;
    to->float_saved = from->float_saved;
    memcpy(to->name, from->name, sizeof(to->name));
    to->signals_blocked = from->signals_blocked;
    if (!same_memory || args->flags & LINUX_CLONE_VFORK) {
        to->signal_stack = from->signal_stack;
        to->signal_stack_bytes = from->signal_stack_bytes;
        to->signal_stack_flags = from->signal_stack_flags;
    }
    if (args->flags & LINUX_CLONE_CHILD_CLEARTID)
        to->clear_child_tid = args->child_tid;
}

/* CLONE_PARENT_SETTID, CLONE_CHILD_SETTID: as on Linux, words that cannot be written stay as they are. */
static void tell_ids(const struct task *task, const struct linux_clone_args *args)
{
    if (args->flags & LINUX_CLONE_PARENT_SETTID)
        (void)!user_write(args->parent_tid, &task->id, sizeof(task->id));
    if (args->flags & LINUX_CLONE_CHILD_SETTID)
        (void)!copy_out(task->space, args->child_tid, &task->id, sizeof(task->id));
}

static bool is_leaving(const struct process *process)
{
    return process->ending || process->in_exec;
}

/* Its number, after which nothing can fail and nothing sleeps before it is started but the telling of the number. */
static int add_thread(struct process *process, struct task *task, const struct linux_clone_args *args)
{
    if (is_leaving(process_current()))
        return -EINTR;
    copy_thread(task_current(), task, args);
    process_add_thread(process, task);
    tell_ids(task, args);
    if (is_leaving(process)) /* while that slept */
        task_notify(task, ATTENTION_END);
    task_start(task);
    return 0;
}

/* Until the child has given up the space that it shares with the caller. It may be gone then, and waited for. */
static void wait_for_release(uint32_t id, const struct space *space)
{
    struct process *child;

    while ((child = process_find(id)) != NULL && child->space == space &&
           !(task_current()->attention & ATTENTION_END)) {
        struct waiter waiter;

        waiter_add(&child->released, &waiter);
        (void)task_block_killable(TIMER_NEVER);
        waiter_remove(&waiter);
    }
}

static int64_t clone_process(const struct linux_clone_args *args)
{
    struct process *child;
    struct task *task;
    int error = make_process(args, &child);

    if (error)
        return error;
    uint32_t id = child->id;

    error = task_create_user(child, &task);
    if (!error) {
        error = add_thread(child, task, args);
        if (error)
            task_discard(task);
    }
    if (error) {
        process_discard(child);
        return error;
    }
    if (args->flags & LINUX_CLONE_VFORK)
        wait_for_release(id, task_current()->space);
    return id;
}

static int64_t clone_thread(const struct linux_clone_args *args)
{
    struct task *task;
    int error = task_create_user(process_current(), &task);

    if (error)
        return error == -ENOMEM ? -EAGAIN : error;
    error = add_thread(process_current(), task, args);
    if (error) {
        task_discard(task);
        return error;
    }
    return task->id;
}

static int64_t clone_checked(const struct linux_clone_args *args)
{
    int error = check(args);

    if (error)
        return error;
    return args->flags & LINUX_CLONE_THREAD ? clone_thread(args) : clone_process(args);
}

int64_t sys_clone(uint64_t flags, va_t stack, va_t parent_tid, uint64_t tls, va_t child_tid)
{
    const struct linux_clone_args args = {
        .flags = (uint32_t)flags & ~LINUX_CSIGNAL,
        .exit_signal = flags & LINUX_CSIGNAL,
        .stack = stack,
        .parent_tid = parent_tid,
        .child_tid = child_tid,
        .tls = tls,
    };

    return clone_checked(&args);
}

/* Structures of a later Linux are longer: what is more must be 0. */
static int read_args(va_t from, uint64_t bytes, struct linux_clone_args *args)
{
    uint64_t first = offsetof(struct linux_clone_args, set_tid);

    if (bytes < first || bytes > PAGE_BYTES)
        return bytes < first ? -EINVAL : -E2BIG;
    memset(args, 0, sizeof(*args));
    if (user_read(args, from, bytes < sizeof(*args) ? bytes : sizeof(*args)))
        return -EFAULT;
    for (uint64_t at = sizeof(*args); at < bytes; at++) {
        uint8_t byte;

        if (user_read(&byte, from + at, 1))
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    return 0;
}

int64_t sys_clone3(va_t from, uint64_t bytes)
{
    struct linux_clone_args args;
    int error = read_args(from, bytes, &args);

    if (error)
        return error;
    if (args.set_tid || args.set_tid_size || args.cgroup || args.flags & LINUX_CSIGNAL ||
        !args.stack != !args.stack_size)
        return -EINVAL;
    if (args.flags & (LINUX_CLONE_THREAD | LINUX_CLONE_PARENT) && args.exit_signal)
        return -EINVAL;
    args.stack += args.stack_size;
    return clone_checked(&args);
}
