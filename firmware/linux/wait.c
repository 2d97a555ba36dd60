/* Waiting for children: wait4, waitid. */
#include <errno.h>

#include "firmware/linux/abi_process.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/usage.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

/* Whom a call waits for, and what it found. */
struct search {
    uint32_t id;      /* 0: any */
    uint32_t group;   /* 0: any */
    uint32_t options; /* LINUX_W... */
};

struct finding {
    uint32_t id, uid; /* id 0: nothing yet */
    int32_t status;   /* as wait4 tells it */
    struct process_usage usage;
};

static bool is_meant(const struct search *search, const struct process *child)
{
    bool is_clone = child->exit_signal != LINUX_SIGCHLD;

    if ((search->id && child->id != search->id) || (search->group && child->group != search->group))
        return false;
    return search->options & LINUX_WALL || is_clone == !!(search->options & LINUX_WCLONE);
}

static void add_usage(struct process_usage *to, const struct process_usage *more)
{
    to->ran_ticks += more->ran_ticks;
    to->system_ticks += more->system_ticks;
    to->faults_minor += more->faults_minor;
    to->faults_major += more->faults_major;
    if (to->resident_peak_pages < more->resident_peak_pages)
        to->resident_peak_pages = more->resident_peak_pages;
}

/* The news of one child that the search asks for; it is told once unless WNOWAIT. */
static bool take_news(const struct search *search, struct process *child, int32_t *status)
{
    bool keep = search->options & LINUX_WNOWAIT;

    if (child->state == PROCESS_ZOMBIE && search->options & LINUX_WEXITED) {
        *status = child->status;
        return true;
    }
    if (child->stop_news && search->options & LINUX_WSTOPPED) {
        *status = child->stop_signal << 8 | 0x7f;
        child->stop_news = keep;
        return true;
    }
    if (child->continue_news && search->options & LINUX_WCONTINUED) {
        *status = LINUX_WCONTINUED_STATUS;
        child->continue_news = keep;
        return true;
    }
    return false;
}

static void find(struct finding *finding, const struct search *search, struct process *parent, struct process *child)
{
    if (!take_news(search, child, &finding->status))
        return;
    finding->id = child->id;
    finding->uid = child->uid;
    finding->usage = process_usage(child);
    add_usage(&finding->usage, &child->children_used);
    if (child->state != PROCESS_ZOMBIE || search->options & LINUX_WNOWAIT)
        return;
    add_usage(&parent->children_used, &finding->usage);
    process_reap(child);
}

/* -ECHILD: there is none to wait for. */
static int look(const struct search *search, struct finding *finding)
{
    struct process *parent = process_current();
    bool exists = false;

    LIST_EACH(link, &parent->children)
    {
        struct process *child = LIST_ENTRY(link, struct process, sibling);

        if (!is_meant(search, child))
            continue;
        exists = true;
        find(finding, search, parent, child);
        if (finding->id)
            return 0;
    }
    return exists ? 0 : -ECHILD;
}

static int wait_for(const struct search *search, struct finding *finding)
{
    *finding = (struct finding){ .id = 0 };
    for (;;) {
        int error = look(search, finding);

        if (error || finding->id || search->options & LINUX_WNOHANG)
            return error;
        error = task_sleep(&process_current()->children_changed, TIMER_NEVER);
        if (error)
            return error;
    }
}

int64_t sys_wait4(uint64_t who, va_t status, uint64_t options, va_t usage)
{
    const uint32_t legal = LINUX_WNOHANG | LINUX_WUNTRACED | LINUX_WCONTINUED | LINUX_WNOTHREAD | LINUX_WCLONE |
                           LINUX_WALL;
    struct search search = { .options = (uint32_t)options | LINUX_WEXITED };
    struct finding finding;
    int32_t id = (int32_t)who;

    if ((uint32_t)options & ~legal)
        return -EINVAL;
    if (id == INT32_MIN)
        return -ESRCH;
    if (id > 0)
        search.id = (uint32_t)id;
    else if (id != -1)
        search.group = id == 0 ? process_current()->group : (uint32_t)-id;
    int error = wait_for(&search, &finding);

    if (error || !finding.id)
        return error;
    if (status && user_write(status, &finding.status, sizeof(finding.status)))
        return -EFAULT;
    if (usage && usage_tell(&finding.usage, usage))
        return -EFAULT;
    return finding.id;
}

/* A siginfo as SIGCHLD has it; all 0: nobody. */
static struct linux_siginfo info_of(const struct finding *finding)
{
    struct linux_siginfo info = { .signal = 0 };
    int32_t status = finding->status;

    if (!finding->id)
        return info;
    info.signal = LINUX_SIGCHLD;
    info.child.pid = (int32_t)finding->id;
    info.child.uid = finding->uid;
    if (status == LINUX_WCONTINUED_STATUS) {
        info.code = LINUX_CLD_CONTINUED;
        info.child.status = LINUX_SIGCONT;
    } else if ((status & 0xff) == 0x7f) {
        info.code = LINUX_CLD_STOPPED;
        info.child.status = status >> 8;
    } else {
        info.code = status & 0x7f ? LINUX_CLD_KILLED : LINUX_CLD_EXITED;
        info.child.status = status & 0x7f ? status & 0x7f : status >> 8;
    }
    return info;
}

static int decode_who(uint32_t type, int32_t id, struct search *search)
{
    switch (type) {
    case LINUX_P_ALL:
        return 0;
    case LINUX_P_PID:
        search->id = (uint32_t)id;
        return id > 0 ? 0 : -EINVAL;
    case LINUX_P_PGID:
        search->group = id ? (uint32_t)id : process_current()->group;
        return id >= 0 ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

/* siginfo is written up to si_status, as Linux does. */
int64_t sys_waitid(uint64_t type, uint64_t id, va_t out, uint64_t options, va_t usage)
{
    const uint32_t events = LINUX_WEXITED | LINUX_WSTOPPED | LINUX_WCONTINUED;
    const uint32_t legal = events | LINUX_WNOHANG | LINUX_WNOWAIT | LINUX_WNOTHREAD | LINUX_WCLONE | LINUX_WALL;
    struct search search = { .options = (uint32_t)options };
    struct finding finding;

    if ((uint32_t)options & ~legal || !((uint32_t)options & events))
        return -EINVAL;
    int error = decode_who((uint32_t)type, (int32_t)id, &search);

    if (!error)
        error = wait_for(&search, &finding);
    if (error)
        return error;
    const struct linux_siginfo info = info_of(&finding);

    if (out && user_write(out, &info, offsetof(struct linux_siginfo, child.utime)))
        return -EFAULT;
    return usage && finding.id ? usage_tell(&finding.usage, usage) : 0;
}
