/*
 * RLIMIT_...: AS is the space's own, STACK is looked at by exec, NOFILE by descriptor tables; DATA and MEMLOCK are
 * counted here, over the regions, when somebody has set them. The others are kept and told.
 */
#include "firmware/linux/limit.h"

#include <errno.h>

#include "firmware/linux/abi.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

/* Bytes of the regions that `counts` says yes to. */
static uint64_t bytes_of(bool (*counts)(const struct region_info *region))
{
    struct region_info region;
    uint64_t bytes = 0;

    for (va_t at = 0; space_region(task_current()->space, at, false, &region) == 0; at = region.end)
        if (counts(&region))
            bytes += region.end - region.start;
    return bytes;
}

static bool is_data(const struct region_info *region)
{
    return region->protection & MAP_WRITE && !(region->flags & (REGION_SHARED | REGION_GROWSDOWN));
}

static bool is_locked(const struct region_info *region)
{
    return region->flags & REGION_LOCKED;
}

static bool is_mapped(const struct region_info *region)
{
    return region->end;
}

uint64_t limit_mapped_bytes(void)
{
    return bytes_of(is_mapped);
}

static bool allows(uint32_t limit, uint64_t more, bool (*counts)(const struct region_info *region))
{
    uint64_t most = process_current()->limits[limit].now;

    return most == LIMIT_INFINITY || (more <= most && bytes_of(counts) <= most - more);
}

bool limit_allows_data(uint64_t bytes)
{
    return allows(LIMIT_DATA, bytes, is_data);
}

/* Root may lock what it likes (CAP_IPC_LOCK). */
int limit_check_locked(uint64_t bytes)
{
    struct process *process = process_current();

    if (process->euid == 0)
        return 0;
    if (!process->limits[LIMIT_MEMLOCK].now)
        return -EPERM;
    return allows(LIMIT_MEMLOCK, bytes, is_locked) ? 0 : -ENOMEM;
}

static int limit_set(struct process *process, uint64_t resource, const struct linux_rlimit64 *new)
{
    if (new->now > new->most)
        return -EINVAL;
    if (new->most > process->limits[resource].most && process_current()->euid)
        return -EPERM;
    if (resource == LIMIT_NOFILE && new->most > FILES_MAX)
        return -EPERM;
    if (resource == LIMIT_AS) {
        int error = space_limit(process->space, new->now);

        if (error)
            return error;
    }
    process->limits[resource] = (struct process_limit){ new->now, new->most };
    return 0;
}

/* prlimit(2): others' limits are for those whose real user and group are all of theirs, and for root. */
static bool may_look(const struct process *to)
{
    const struct process *from = process_current();

    return from == to || from->euid == 0 ||
           (from->uid == to->uid && from->uid == to->euid && from->uid == to->suid && from->gid == to->gid &&
            from->gid == to->egid && from->gid == to->sgid);
}

int64_t sys_prlimit64(uint64_t id, uint64_t resource, va_t new, va_t old)
{
    struct linux_rlimit64 limit, before;

    resource = (uint32_t)resource;
    if (resource >= LIMITS)
        return -EINVAL;
    if (new &&user_read(&limit, new, sizeof(limit)))
        return -EFAULT;
    struct process *process = (uint32_t)id ? process_find((uint32_t)id) : process_current();

    if (!process || !process->space)
        return -ESRCH;
    if (!may_look(process))
        return -EPERM;
    before = (struct linux_rlimit64){ process->limits[resource].now, process->limits[resource].most };
    int error = new ? limit_set(process, resource, &limit) : 0;

    return error || !old ? error : user_write(old, &before, sizeof(before));
}

int64_t sys_getrlimit(uint64_t resource, va_t limit)
{
    return sys_prlimit64(0, resource, 0, limit);
}

int64_t sys_setrlimit(uint64_t resource, va_t limit)
{
    return limit ? sys_prlimit64(0, resource, limit, 0) : -EFAULT;
}
