/* Who a process is to Linux: users and groups, prctl, personality. */
#include <errno.h>
#include <string.h>

#include "firmware/linux/abi_process.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/signal.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

#define UNCHANGED UINT32_MAX

/* ---- Users and groups: real, effective, saved ---- */

struct ids {
    uint32_t *real, *effective, *saved;
};

static struct ids users(void)
{
    struct process *process = process_current();

    return (struct ids){ &process->uid, &process->euid, &process->suid };
}

static struct ids groups(void)
{
    struct process *process = process_current();

    return (struct ids){ &process->gid, &process->egid, &process->sgid };
}

static bool may_become(const struct ids *ids, uint32_t id)
{
    return id == UNCHANGED || process_current()->euid == 0 || id == *ids->real || id == *ids->effective ||
           id == *ids->saved;
}

static int64_t set_all(struct ids ids, uint32_t real, uint32_t effective, uint32_t saved)
{
    if (!may_become(&ids, real) || !may_become(&ids, effective) || !may_become(&ids, saved))
        return -EPERM;
    if (real != UNCHANGED)
        *ids.real = real;
    if (effective != UNCHANGED)
        *ids.effective = effective;
    if (saved != UNCHANGED)
        *ids.saved = saved;
    return 0;
}

/* setuid: all three for root, the effective one for others. */
static int64_t set_one(struct ids ids, uint32_t id)
{
    bool all = process_current()->euid == 0;

    return id == UNCHANGED ? -EINVAL : set_all(ids, all ? id : UNCHANGED, id, all ? id : UNCHANGED);
}

/* setreuid: the saved one follows the effective one when the real one is set or the effective one leaves it. */
static int64_t set_two(struct ids ids, uint32_t real, uint32_t effective)
{
    bool follow = real != UNCHANGED || (effective != UNCHANGED && effective != *ids.real);
    int64_t error = set_all(ids, real, effective, UNCHANGED);

    if (!error && follow)
        *ids.saved = *ids.effective;
    return error;
}

static int64_t tell_all(struct ids ids, va_t real, va_t effective, va_t saved)
{
    if (user_write(real, ids.real, sizeof(uint32_t)) || user_write(effective, ids.effective, sizeof(uint32_t)) ||
        user_write(saved, ids.saved, sizeof(uint32_t)))
        return -EFAULT;
    return 0;
}

int64_t sys_setuid(uint64_t id)
{
    return set_one(users(), (uint32_t)id);
}

int64_t sys_setgid(uint64_t id)
{
    return set_one(groups(), (uint32_t)id);
}

int64_t sys_setreuid(uint64_t real, uint64_t effective)
{
    return set_two(users(), (uint32_t)real, (uint32_t)effective);
}

int64_t sys_setregid(uint64_t real, uint64_t effective)
{
    return set_two(groups(), (uint32_t)real, (uint32_t)effective);
}

int64_t sys_setresuid(uint64_t real, uint64_t effective, uint64_t saved)
{
    return set_all(users(), (uint32_t)real, (uint32_t)effective, (uint32_t)saved);
}

int64_t sys_setresgid(uint64_t real, uint64_t effective, uint64_t saved)
{
    return set_all(groups(), (uint32_t)real, (uint32_t)effective, (uint32_t)saved);
}

int64_t sys_getresuid(va_t real, va_t effective, va_t saved)
{
    return tell_all(users(), real, effective, saved);
}

int64_t sys_getresgid(va_t real, va_t effective, va_t saved)
{
    return tell_all(groups(), real, effective, saved);
}

/* Supplementary groups: none. */
int64_t sys_getgroups(uint64_t count)
{
    return (int32_t)count < 0 ? -EINVAL : 0;
}

int64_t sys_setgroups(uint64_t count)
{
    if (process_current()->euid)
        return -EPERM;
    return (int32_t)count < 0 ? -EINVAL : 0;
}

/* Linux's own, and no other. */
int64_t sys_personality(uint64_t wanted)
{
    return (uint32_t)wanted == UINT32_MAX || (uint32_t)wanted == 0 ? 0 : -EINVAL;
}

/* ---- prctl ---- */

static int64_t set_name(va_t from)
{
    char name[TASK_NAME_BYTES] = { 0 };
    int64_t length = user_read_string(name, from, sizeof(name));

    if (length == -EFAULT)
        return -EFAULT;
    name[sizeof(name) - 1] = 0;
    memcpy(task_current()->name, name, sizeof(name));
    if (task_current()->id == process_current()->id)
        memcpy(process_current()->name, name, sizeof(name));
    return 0;
}

static int64_t set_death_signal(uint64_t signal)
{
    if (signal > SIGNALS)
        return -EINVAL;
    process_current()->pdeath_signal = (uint8_t)signal;
    return 0;
}

int64_t sys_prctl(uint64_t option, uint64_t argument)
{
    switch ((uint32_t)option) {
    case LINUX_PR_SET_NAME:
        return set_name(argument);
    case LINUX_PR_GET_NAME:
        return user_write(argument, task_current()->name, TASK_NAME_BYTES);
    case LINUX_PR_SET_PDEATHSIG:
        return set_death_signal(argument);
    case LINUX_PR_GET_PDEATHSIG:
        return user_write(argument, &(int32_t){ process_current()->pdeath_signal }, sizeof(int32_t));
    case LINUX_PR_GET_DUMPABLE:
        return 1;
    case LINUX_PR_SET_DUMPABLE:
        return argument <= 1 ? 0 : -EINVAL;
    case LINUX_PR_CAPBSET_READ:
    case LINUX_PR_GET_NO_NEW_PRIVS:
    case LINUX_PR_SET_TIMERSLACK: /* no slack here: kept by nobody, and nothing is late for it */
        return 0;
    case LINUX_PR_GET_TIMERSLACK:
        return 50000; /* Linux's default */
    case LINUX_PR_SET_NO_NEW_PRIVS:
        return argument == 1 ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}
