/*
 * linux_proc: what /proc tells of this process, checked against what the process knows of itself. Each line is the same
 * on Linux and on Vellum.
 */
#include "linux.h"

#include <dirent.h>
#include <signal.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>

#define PAGE 4096ul

/* A whole file; in static memory, with a final 0. */
static char *contents(const char *path, size_t *bytes)
{
    static char text[1 << 18];
    int file = open(path, O_RDONLY);
    ssize_t part;

    *bytes = 0;
    if (file < 0)
        die("linux_proc: %s: %s", path, strerror(errno));
    while ((part = read(file, text + *bytes, sizeof text - 1 - *bytes)) > 0)
        *bytes += (size_t)part;
    close(file);
    text[*bytes] = 0;
    return text;
}

static char *text_of(const char *path)
{
    size_t bytes;

    return contents(path, &bytes);
}

/* The number behind a key at the beginning of a line; -1: there is no such line. */
static long value_of(const char *path, const char *key)
{
    size_t length = strlen(key);

    for (char *line = text_of(path); line && *line; line = strchr(line, '\n'), line += line != NULL)
        if (!strncmp(line, key, length))
            return strtol(line + length + strspn(line + length, ": \t"), NULL, 10);
    return -1;
}

/* The line of maps for the address, without what differs; of a path the last name. */
static void show_mapping(const char *what, const void *address)
{
    for (char *line = strtok(text_of("/proc/self/maps"), "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long start, end, offset;
        char mode[8], path[200] = "";
        sscanf(line, "%lx-%lx %7s %lx %*s %*s %199[^\n]", &start, &end, mode, &offset, path);
        if (start <= (unsigned long)address && (unsigned long)address < end) {
            const char *base = strrchr(path, '/');
            printf("%s: pages %lu %s offset %lx %s\n", what, (end - start) / PAGE, mode, offset, base ? base : path);
            return;
        }
    }
    printf("%s: not there\n", what);
}

static int is_named(const void *address, const char *name)
{
    for (char *line = strtok(text_of("/proc/self/maps"), "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long start, end;
        sscanf(line, "%lx-%lx", &start, &end);
        if (start <= (unsigned long)address && (unsigned long)address < end)
            return strstr(line, name) != NULL;
    }
    return -1;
}

static void maps(void)
{
    char *private = mmap(NULL, 7 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int file = open("proc_file", O_RDWR | O_CREAT | O_TRUNC, 0644);
    int on_stack = 0;

    if (ftruncate(file, 4 * PAGE) != 0)
        die("linux_proc: ftruncate");
    mprotect(private, PAGE, PROT_NONE);
    mprotect(private + 2 * PAGE, PAGE, PROT_READ);
    mprotect(private + 6 * PAGE, PAGE, PROT_NONE);
    char *shared = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, PAGE);
    show_mapping("none", private);
    show_mapping("writable", private + PAGE);
    show_mapping("readable", private + 2 * PAGE);
    show_mapping("more", private + 3 * PAGE);
    show_mapping("shared file", shared + 1);
    munmap(private + 4 * PAGE, PAGE);
    show_mapping("hole", private + 4 * PAGE);
    show_mapping("split", private + 5 * PAGE);
    SHOW(is_named(&on_stack, "[stack]"));
    SHOW(is_named(sbrk(0) - 1, "[heap]"));
    munmap(private, 7 * PAGE);
    munmap(shared, 2 * PAGE);
    close(file);
    unlink("proc_file");
}

static unsigned long pagemap(const void *address)
{
    unsigned long word = 0;
    int file = open("/proc/self/pagemap", O_RDONLY);

    if (pread(file, &word, 8, (off_t)((unsigned long)address / PAGE * 8)) != 8)
        die("linux_proc: pagemap: %s", strerror(errno));
    close(file);
    return word;
}

static void pages(void)
{
    enum { COUNT = 32 };
    volatile char *at = mmap(NULL, COUNT * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned present = 0;

    for (unsigned i = 0; i < COUNT; i += 2)
        at[i * PAGE] = 1;
    for (unsigned i = 0; i < COUNT; i++) /* present, or in the swap */
        present += (pagemap((const char *)(uintptr_t)at + i * PAGE) >> 62) != 0;
    printf("pages touched %u of %u\n", present, COUNT);
    munmap((void *)(uintptr_t)at, COUNT * PAGE);
}

static void process_files(void)
{
    size_t bytes;
    char *text, name[20], state;
    int id, parent, group, session;

    SHOW(value_of("/proc/self/status", "Pid") == getpid());
    SHOW(value_of("/proc/self/status", "PPid") == getppid());
    SHOW(value_of("/proc/self/status", "Threads"));
    SHOW(value_of("/proc/self/status", "VmSize") > 100);
    SHOW(value_of("/proc/self/status", "VmRSS") > 10);
    SHOW(value_of("/proc/self/status", "VmStk") >= 4);
    SHOW(value_of("/proc/self/status", "VmRSS") <= value_of("/proc/self/status", "VmSize"));
    sscanf(text_of("/proc/self/stat"), "%d (%19[^)]) %c %d %d %d", &id, name, &state, &parent, &group, &session);
    printf("stat %d %c %d %d %d\n", id == getpid(), state, parent == getppid(), group == getpgrp(),
           session == getsid(0));
    unsigned long size, resident;
    sscanf(text_of("/proc/self/statm"), "%lu %lu", &size, &resident);
    printf("statm %d\n", size > resident && resident > 2);
    text = contents("/proc/self/cmdline", &bytes);
    const char *base = strrchr(text, '/');
    printf("cmdline %s, then \"%s\"\n", base ? base + 1 : text, text + strlen(text) + 1);
    text = contents("/proc/self/environ", &bytes);
    printf("environ %d\n", bytes > 0 ? strchr(text, '=') != NULL : 0);
    printf("comm %s", text_of("/proc/self/comm"));
    printf("limits %d\n", strstr(text_of("/proc/self/limits"), "Max open files") != NULL);
    SHOW(strstr(text_of("/proc/self/smaps"), "Private_Dirty:") != NULL);
}

static unsigned long mask_told(const char *name)
{
    return strtoul(strstr(text_of("/proc/self/status"), name) + 8, NULL, 16);
}

/* What this program's own calls change: whoever started it may have had other signals ignored already. */
static void signals_told(void)
{
    unsigned long ignored, caught;

    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
    ignored = mask_told("SigIgn:");
    caught = mask_told("SigCgt:");
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, exit);
    printf("%016lx %016lx\n", ignored ^ mask_told("SigIgn:"), caught ^ mask_told("SigCgt:"));
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

static unsigned count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void links(void)
{
    char path[300], name[40];
    int ends[2], file = open("/dev/null", O_RDONLY), second;
    ssize_t bytes;

    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    bytes = readlink(name, path, sizeof path);
    printf("fd %.*s\n", (int)bytes, path);
    if (pipe(ends) != 0)
        die("linux_proc: pipe");
    snprintf(name, sizeof name, "/proc/%d/fd/%d", getpid(), ends[0]);
    bytes = readlink(name, path, sizeof path);
    printf("fd %.6s\n", bytes > 6 ? path : "");
    SHOW(write(ends[1], "via", 3));
    SHOW((second = open(name, O_RDONLY)) >= 0);
    SHOW(read(second, path, 10));
    SHOW(close(second));
    snprintf(name, sizeof name, "/dev/fd/%d", file);
    SHOW((second = open(name, O_RDONLY)) >= 0);
    SHOW(close(second));
    bytes = readlink("/proc/self", path, sizeof path - 1);
    path[bytes > 0 ? bytes : 0] = 0;
    SHOW(atoi(path) == getpid());
    bytes = readlink("/proc/self/exe", path, sizeof path - 1);
    path[bytes > 0 ? bytes : 0] = 0;
    SHOW(access(path, X_OK));
    char here[300];
    bytes = readlink("/proc/self/cwd", path, sizeof path - 1);
    path[bytes > 0 ? bytes : 0] = 0;
    SHOW(strcmp(getcwd(here, sizeof here), path));
    unsigned before = count_descriptors();
    second = dup(file);
    SHOW(count_descriptors() - before);
    SHOW(close(second));
    SHOW(close(file) | close(ends[0]) | close(ends[1]));
}

static void system_files(void)
{
    struct sysinfo information;
    double up;

    sysinfo(&information);
    SHOW(value_of("/proc/meminfo", "MemTotal") * 1024 == (long)(information.totalram * information.mem_unit));
    SHOW(value_of("/proc/meminfo", "MemFree") > 0);
    SHOW(value_of("/proc/meminfo", "MemAvailable") > 0);
    SHOW(value_of("/proc/meminfo", "SwapTotal") >= 0);
    SHOW(value_of("/proc/meminfo", "Committed_AS") > 0);
    SHOW(value_of("/proc/vmstat", "pgfault") > 0);
    SHOW(value_of("/proc/stat", "btime") >= 0);
    SHOW(sscanf(text_of("/proc/uptime"), "%lf", &up));
    SHOW(strncmp(text_of("/proc/swaps"), "Filename", 8));
    SHOW(strncmp(text_of("/proc/version"), "Linux version", 13));
    SHOW(strstr(text_of("/proc/filesystems"), "proc") != NULL);
    SHOW(strstr(text_of("/proc/mounts"), " /proc proc ") != NULL);
    SHOW(strstr(text_of("/proc/cpuinfo"), "processor\t: 0") != NULL);
    SHOW(sscanf(text_of("/proc/loadavg"), "%lf", &up));
    SHOW(access("/proc/none", F_OK));
    SHOW(access("/proc/999999999", F_OK));
    SHOW(open("/proc/self/none", O_RDONLY));
}

static void children(void)
{
    char path[60];
    int ends[2];

    if (pipe(ends) != 0)
        die("linux_proc: pipe");
    fflush(stdout);
    pid_t id = fork();
    if (id == 0) {
        close(ends[1]);
        _exit((int)read(ends[0], path, 1));
    }
    close(ends[0]);
    snprintf(path, sizeof path, "/proc/%d/status", id);
    SHOW(value_of(path, "PPid") == getpid());
    close(ends[1]);
    siginfo_t info;
    waitid(P_PID, (id_t)id, &info, WEXITED | WNOWAIT);
    printf("%.10s\n", strstr(text_of(path), "State:") + 7);
    waitpid(id, NULL, 0);
    SHOW(access(path, F_OK));
}

int main(void)
{
    maps();
    pages();
    process_files();
    signals_told();
    links();
    system_files();
    children();
    return 0;
}
