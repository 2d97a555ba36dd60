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

/* Of no family. C libraries ask for services by AF_UNIX in passing and do without. */
int64_t sys_socket(void)
{
    return -EAFNOSUPPORT;
}

int64_t sys_getrandom(va_t buffer, uint64_t bytes, uint64_t flags)
{
    uint8_t chunk[RANDOM_CHUNK];

    /* It never waits, and knows one source: the flags make no difference. */
    if ((uint32_t)flags & ~LINUX_GRND_ALL || (flags & LINUX_GRND_RANDOM && flags & LINUX_GRND_INSECURE))
        return -EINVAL;
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
