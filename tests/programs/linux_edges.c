/*
 * What Linux answers at the edges: parts of ranges that are not mapped, lengths of nothing, copies that are cut short. Told in
 * lines that are the same on every Linux.
 */
#include "linux.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGE 4096ul

static void *volatile nowhere = (void *)8;
static void *volatile upper_half = (void *)-4096;

static char *map(size_t pages)
{
    char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        die("mmap: %s", strerror(errno));
    return at;
}

/* Three pages with a hole in the middle, each stored to. */
static char *map_with_hole(void)
{
    char *at = map(3);

    memset(at, 1, 3 * PAGE);
    munmap(at + PAGE, PAGE);
    return at;
}

static unsigned locked_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[200];
    unsigned kib = 0;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmLck: %u", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib;
}

/* What is mapped is done, whatever lies between; but locking ends at the first hole. */
static void holes(void)
{
    char *at = map_with_hole();

    tell("drop", madvise(at, 3 * PAGE, MADV_DONTNEED));
    printf("dropped: %d %d\n", at[0] == 0, at[2 * PAGE] == 0);
    tell("advice of no effect", madvise(at, 3 * PAGE, MADV_SEQUENTIAL));
    tell("drop of the hole", madvise(at + PAGE, PAGE, MADV_DONTNEED));
    tell("sync", msync(at, 3 * PAGE, MS_SYNC));
    tell("sync of the hole", msync(at + PAGE, PAGE, MS_ASYNC));
    unsigned before = locked_kib();

    tell("lock", mlock(at, 3 * PAGE));
    printf("locked: %u KiB\n", locked_kib() - before);
    memset(at + 2 * PAGE, 1, PAGE);
    tell("drop of what is locked", madvise(at, 3 * PAGE, MADV_DONTNEED));
    printf("the rest is there: %d\n", at[2 * PAGE] == 1);
    tell("sync of what is locked", msync(at, PAGE, MS_SYNC | MS_INVALIDATE));
    tell("unlock", munlock(at, 3 * PAGE));
    printf("locked: %u KiB\n", locked_kib() - before);
}

static int lock_future(void *unused)
{
    (void)unused;
    return mlockall(MCL_FUTURE) != 0;
}

/* MCL_FUTURE is of the memory: for all who run in it, and not for a copy of it. */
static void future(void)
{
    char *stack = map(16);
    unsigned before = locked_kib();
    int status;
    pid_t id = clone(lock_future, stack + 16 * PAGE, CLONE_VM | SIGCHLD, NULL);

    if (waitpid(id, &status, 0) != id)
        die("clone: %s", strerror(errno));
    map(1);
    printf("set by another: %d, %u KiB\n", status, locked_kib() - before);
    fflush(stdout);
    id = fork();
    if (id == 0) {
        map(1);
        printf("the child's: %u KiB\n", locked_kib());
        fflush(stdout);
        _exit(0);
    }
    waitpid(id, NULL, 0);
    tell("munlockall", munlockall());
    printf("unlocked: %u KiB\n", locked_kib() - before);
}

static void nothing(void)
{
    int file = open("edges", O_RDWR | O_CREAT | O_TRUNC, 0600), ends[2];

    if (pipe(ends) != 0)
        die("pipe");
    tell("read nothing to nowhere", read(file, nowhere, 0));
    tell("read nothing to the upper half", read(file, upper_half, 0));
    tell("write nothing from the upper half", write(file, upper_half, 0));
    tell("pread nothing to the upper half", pread(file, upper_half, 0, 0));
    tell("read nothing from a pipe", read(ends[0], nowhere, 0));
    tell("write nothing to a pipe", write(ends[1], nowhere, 0));
    tell("write nothing to its reading end", write(ends[0], nowhere, 0));
    tell("send", write(file, "some", 4) == 4 ? lseek(file, 0, SEEK_SET) : -1);
    fcntl(ends[1], F_SETFL, O_APPEND);
    tell("to a pipe that appends", sendfile(ends[1], file, NULL, 4));
    int null = open("/dev/null", O_WRONLY | O_APPEND);

    tell("less than nothing", sendfile(ends[1], file, NULL, (size_t)-1));
    tell("to a device that appends", sendfile(null, file, NULL, 4));
    close(null);
    close(ends[0]);
    close(ends[1]);
    close(file);
    tell("unlink", unlink("edges"));
}

/* Others run beside one long call, and who is killed in the middle of it does not go on to its end. */
static void cut_short(void)
{
    char *at = map(256), *last = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), byte;
    struct iovec parts[1024];
    int zeros = open("/dev/zero", O_RDONLY), ends[2], status;

    for (unsigned i = 0; i < 1024; i++)
        parts[i] = (struct iovec){ at, 256 * PAGE };
    parts[1023] = (struct iovec){ last, PAGE };
    *last = 1;
    if (pipe(ends) != 0)
        die("pipe");
    fflush(stdout);
    pid_t id = fork();

    if (id == 0) {
        if (write(ends[1], "x", 1) == 1 && readv(zeros, parts, 1024) > 0)
            _exit(0);
        _exit(1);
    }
    if (read(ends[0], &byte, 1) != 1)
        die("read: %s", strerror(errno));
    kill(id, SIGKILL);
    waitpid(id, &status, 0);
    printf("killed: %d, before the end: %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, *last);
}

/* What is gone, or was never to be run. */
static void refused(void)
{
    char *arguments[] = { "refused", NULL }, entries[1000], link[30], target[100];
    int directory, file = open("edges", O_RDWR | O_CREAT | O_TRUNC, 0644);
    siginfo_t end;
    pid_t id;

    tell("write", write(file, "#!/bin/true\n", 12));
    close(file);
    tell("run what nobody may", execv("edges", arguments));
    unlink("edges");
    mkdir("gone", 0700);
    directory = open("gone", O_RDONLY | O_DIRECTORY);
    tell("list", syscall(SYS_getdents64, directory, entries, 10));
    tell("remove", rmdir("gone"));
    tell("list what is gone", syscall(SYS_getdents64, directory, entries, sizeof(entries)));
    close(directory);
    fflush(stdout);
    id = fork();
    if (id == 0)
        _exit(0);
    waitid(P_PID, (id_t)id, &end, WEXITED | WNOWAIT);
    snprintf(link, sizeof(link), "/proc/%d/exe", id);
    tell("what a zombie runs", readlink(link, target, sizeof(target)));
    waitpid(id, NULL, 0);
    tell("a negative group", setpgid(-1, 0));
}

int main(void)
{
    holes();
    future();
    nothing();
    cut_short();
    refused();
    return 0;
}
