/* Groups, sessions, the console's foreground; and the calls about them. */
#include "firmware/linux/job_control.h"

#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/signal.h"

/* Whose console it is; 0: nobody's. */
static struct {
    uint32_t session, foreground;
} console;

static struct process *in_group(uint32_t group, uint32_t session)
{
    LIST_EACH(link, process_list())
    {
        struct process *process = LIST_ENTRY(link, struct process, all);

        if (process->group == group && (!session || process->session == session))
            return process;
    }
    return NULL;
}

/* ---- Orphaned groups ---- */

/* Whether the process's parent could continue it: outside its group, in its session; and not `without`. */
static bool is_held(const struct process *process, uint32_t without)
{
    const struct process *parent = process->parent;

    return parent && parent->id != without && parent->group != process->group && parent->session == process->session &&
           parent->state != PROCESS_ZOMBIE;
}

/* `without`: the id of a process that is not to count, or 0. */
static bool is_orphaned_without(uint32_t group, uint32_t session, uint32_t without)
{
    LIST_EACH(link, process_list())
    {
        const struct process *process = LIST_ENTRY(link, struct process, all);

        if (process->group == group && process->session == session && process->state != PROCESS_ZOMBIE &&
            process->id != without && is_held(process, without))
            return false;
    }
    return true;
}

bool job_is_orphaned(uint32_t group, uint32_t session)
{
    return is_orphaned_without(group, session, 0);
}

static bool has_stopped(uint32_t group, const struct process *without)
{
    LIST_EACH(link, process_list())
    {
        const struct process *process = LIST_ENTRY(link, struct process, all);

        if (process->group == group && process->stop_signal && process != without)
            return true;
    }
    return false;
}

static void release_orphans(uint32_t group, uint32_t session, const struct process *leaving)
{
    if (!has_stopped(group, leaving) || !is_orphaned_without(group, session, leaving->id))
        return;
    signal_send_group(group, LINUX_SIGHUP);
    signal_send_group(group, LINUX_SIGCONT);
}

void job_leave(struct process *process)
{
    if (is_held(process, 0))
        release_orphans(process->group, process->session, process);
    LIST_EACH(link, &process->children)
    {
        const struct process *child = LIST_ENTRY(link, struct process, sibling);

        if (child->group != process->group && child->session == process->session)
            release_orphans(child->group, child->session, process);
    }
    if (process->session != process->id || console.session != process->id)
        return;
    if (console.foreground && console.foreground != process->group) {
        signal_send_group(console.foreground, LINUX_SIGHUP);
        signal_send_group(console.foreground, LINUX_SIGCONT);
    }
    console.session = console.foreground = 0;
}

/* ---- The console ---- */

bool job_has_console(void)
{
    return console.session && process_current()->session == console.session;
}

void job_give_console(struct process *process)
{
    console.session = process->session;
    console.foreground = process->group;
}

void job_offer_console(struct process *process)
{
    if (!console.session)
        job_give_console(process);
}

bool job_key(int signal)
{
    return console.foreground && signal_send_group(console.foreground, signal) > 0;
}

int job_check(int signal)
{
    const struct process *process = process_current();

    if (!job_has_console() || process->group == console.foreground)
        return 0;
    if (task_current()->signals_blocked & SIGNAL_BIT(signal) || signal_is_ignored(process, signal))
        return signal == LINUX_SIGTTIN ? -EIO : 0;
    if (job_is_orphaned(process->group, process->session))
        return -EIO;
    signal_send_group(process->group, signal);
    return -EINTR;
}

int job_foreground(uint32_t *group)
{
    *group = console.foreground;
    return job_has_console() ? 0 : -ENOTTY;
}

int job_console_session(uint32_t *session)
{
    *session = console.session;
    return job_has_console() ? 0 : -ENOTTY;
}

int job_set_foreground(uint32_t group)
{
    int error = job_has_console() ? job_check(LINUX_SIGTTOU) : -ENOTTY;

    if (error)
        return error;
    if ((int32_t)group <= 0)
        return -EINVAL;
    if (!in_group(group, 0))
        return -ESRCH;
    if (!in_group(group, console.session))
        return -EPERM;
    console.foreground = group;
    return 0;
}

int job_take_console(bool steal)
{
    const struct process *process = process_current();

    if (process->session == console.session && process->session == process->id)
        return 0;
    if (process->session != process->id || (console.session && !(steal && process->euid == 0)))
        return -EPERM;
    console.session = process->session;
    console.foreground = process->group;
    return 0;
}

int job_leave_console(void)
{
    const struct process *process = process_current();

    if (!job_has_console())
        return -ENOTTY;
    if (process->session != process->id)
        return 0; /* a process gives up its own access only, and that is not kept apart here */
    signal_send_group(console.foreground, LINUX_SIGHUP);
    signal_send_group(console.foreground, LINUX_SIGCONT);
    console.session = console.foreground = 0;
    return 0;
}

/* ---- Calls ---- */

static struct process *by_id(uint64_t id)
{
    return (uint32_t)id ? process_find((uint32_t)id) : process_current();
}

int64_t sys_setpgid(uint64_t id, uint64_t wanted)
{
    struct process *caller = process_current(), *process = by_id(id);
    uint32_t group = (uint32_t)wanted ? (uint32_t)wanted : (uint32_t)id ? (uint32_t)id : process->id;

    if ((int32_t)group < 0)
        return -EINVAL;
    if (!process || (process != caller && process->parent != caller))
        return -ESRCH;
    if (process != caller && process->did_exec)
        return -EACCES;
    if (process->session != caller->session || process->session == process->id)
        return -EPERM;
    if (group != process->id && !in_group(group, caller->session))
        return -EPERM;
    process->group = group;
    return 0;
}

int64_t sys_getpgid(uint64_t id)
{
    const struct process *process = by_id(id);

    return process ? (int64_t)process->group : -ESRCH;
}

int64_t sys_getsid(uint64_t id)
{
    const struct process *process = by_id(id);

    return process ? (int64_t)process->session : -ESRCH;
}

int64_t sys_setsid(void)
{
    struct process *process = process_current();

    if (in_group(process->id, 0))
        return -EPERM;
    process->group = process->session = process->id;
    return process->id;
}
