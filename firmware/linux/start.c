/* The small calls that every program makes: who it is, what it may, and its end. */
#include <errno.h>
#include <string.h>

#include "firmware/linux/abi.h"
#include "firmware/linux/calls.h"
#include "firmware/process.h"
#include "firmware/random.h"
#include "firmware/usercopy.h"
#include "hal/cpu.h"

#define RANDOM_CHUNK 64u

int64_t sys_set_tid_address(va_t address)
{
    task_current()->clear_child_tid = address;
    return task_current()->id;
}

int64_t sys_not_supported(void)
{
    return -ENOSYS;
}

static int limit_set(struct process *process, uint64_t resource, const struct linux_rlimit64 *new)
{
    if (new->now > new->most)
        return -EINVAL;
    if (resource == LIMIT_AS) {
        int error = space_limit(process->space, new->now);

        if (error)
            return error;
    }
    process->limits[resource] = (struct process_limit){ new->now, new->most };
    return 0;
}

int64_t sys_prlimit64(uint64_t id, uint64_t resource, va_t new, va_t old)
{
    struct process *process = (uint32_t)id ? process_find((uint32_t)id) : process_current();
    struct linux_rlimit64 limit;

    if (!process || !process->space)
        return -ESRCH;
    resource = (uint32_t)resource;
    if (resource >= LIMITS)
        return -EINVAL;
    struct linux_rlimit64 before = { process->limits[resource].now, process->limits[resource].most };

    if (new) {
        if (user_read(&limit, new, sizeof(limit)))
            return -EFAULT;
        int error = limit_set(process, resource, &limit);

        if (error)
            return error;
    }
    return old ? user_write(old, &before, sizeof(before)) : 0;
}

int64_t sys_getrandom(va_t buffer, uint64_t bytes, uint64_t flags)
{
    uint8_t chunk[RANDOM_CHUNK];

    (void)flags; /* it never waits */
    if (bytes > INT32_MAX)
        bytes = INT32_MAX;
    for (uint64_t done = 0; done < bytes; done += RANDOM_CHUNK) {
        uint64_t here = bytes - done < RANDOM_CHUNK ? bytes - done : RANDOM_CHUNK;

        random_fill(chunk, here);
        if (user_write(buffer + done, chunk, here))
            return done ? (int64_t)done : -EFAULT;
    }
    return (int64_t)bytes;
}

int64_t sys_uname(va_t name)
{
    static const struct linux_utsname names = {
        "Linux", "vellum", LINUX_RELEASE, "Vellum", "riscv64", "(none)",
    };

    return user_write(name, &names, sizeof(names));
}

int64_t sys_getpid(void)
{
    return process_current()->id;
}

int64_t sys_getppid(void)
{
    const struct process *parent = process_current()->parent;

    return parent ? parent->id : PROCESS_FIRMWARE;
}

int64_t sys_gettid(void)
{
    return task_current()->id;
}

int64_t sys_getuid(void)
{
    return process_current()->uid;
}

int64_t sys_geteuid(void)
{
    return process_current()->euid;
}

int64_t sys_getgid(void)
{
    return process_current()->gid;
}

int64_t sys_getegid(void)
{
    return process_current()->egid;
}

int64_t sys_sched_yield(void)
{
    task_yield();
    return 0;
}

int64_t sys_exit(uint64_t code)
{
    process_exit_thread(STATUS_EXIT(code));
}

/* The caller leaves on its way back to user mode, as the other threads do. */
int64_t sys_exit_group(uint64_t code)
{
    process_end(process_current(), STATUS_EXIT(code));
    return 0;
}

/* Linux's flags and addresses only narrow what has to be done. */
int64_t sys_riscv_flush_icache(void)
{
    cpu_icache_sync();
    return 0;
}
