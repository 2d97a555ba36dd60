/* What a task gets to see that is not its own: registers, structures, stacks, fresh pages, float registers. */
#include "tests/programs/attack/attack.h"

#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <ucontext.h>

/* Addresses of the firmware: in the upper half, and not a small negative number. */
static bool is_telling(uint64_t word)
{
    return word >= KERNEL_DIRECT && word < ~0ul - (1ul << 28);
}

static void look_at(const void *bytes, size_t count, const char *where)
{
    for (size_t i = 0; i + 8 <= count; i += 8) {
        uint64_t word;

        memcpy(&word, (const char *)bytes + i, sizeof(word));
        if (is_telling(word))
            broken("%s holds 0x%lx at %zu", where, (unsigned long)word, i);
    }
}

/* All registers but a0 are as they were; checked with a value in each. */
#define REGISTERS 24u
static void call_with_registers(long number, uint64_t out[REGISTERS])
{
    register uint64_t *to __asm__("s1") = out;
    register long a7 __asm__("a7") = number;

    __asm__ volatile(
        "li t0, 0x55\n\tli t1, 0x55\n\tli t2, 0x55\n\tli t3, 0x55\n\tli t4, 0x55\n\tli t5, 0x55\n\tli t6, 0x55\n\t"
        "li a0, -1\n\tli a1, 0x55\n\tli a2, 0x55\n\tli a3, 0x55\n\tli a4, 0x55\n\tli a5, 0x55\n\tli a6, 0x55\n\t"
        "li s2, 0x55\n\tli s3, 0x55\n\tli s4, 0x55\n\tli s5, 0x55\n\tli s6, 0x55\n\tli s7, 0x55\n\t"
        "li s8, 0x55\n\tli s9, 0x55\n\tli s10, 0x55\n\tli s11, 0x55\n\t"
        "ecall\n\t"
        "sd t0, 0(s1)\n\tsd t1, 8(s1)\n\tsd t2, 16(s1)\n\tsd t3, 24(s1)\n\tsd t4, 32(s1)\n\tsd t5, 40(s1)\n\t"
        "sd t6, 48(s1)\n\tsd a1, 56(s1)\n\tsd a2, 64(s1)\n\tsd a3, 72(s1)\n\tsd a4, 80(s1)\n\tsd a5, 88(s1)\n\t"
        "sd a6, 96(s1)\n\tsd s2, 104(s1)\n\tsd s3, 112(s1)\n\tsd s4, 120(s1)\n\tsd s5, 128(s1)\n\t"
        "sd s6, 136(s1)\n\tsd s7, 144(s1)\n\tsd s8, 152(s1)\n\tsd s9, 160(s1)\n\tsd s10, 168(s1)\n\t"
        "sd s11, 176(s1)\n\tsd a0, 184(s1)"
        : "+r"(to), "+r"(a7)
        :
        : "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "s2", "s3", "s4", "s5",
          "s6", "s7", "s8", "s9", "s10", "s11", "memory");
}

static void registers_after_calls(char *page, uintptr_t with)
{
    static const long numbers[] = { 1000,     SYS_getppid, SYS_close, SYS_read, SYS_sched_yield,
                                    SYS_mmap, SYS_fstat,   SYS_futex };

    (void)page, (void)with;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint64_t after[REGISTERS];

        call_with_registers(numbers[i], after);
        for (size_t r = 0; r < REGISTERS - 1; r++)
            expect(after[r] == 0x55, "a register has changed over a call");
        expect(!is_telling(after[REGISTERS - 1]), "a result tells an address");
    }
}

/* Each structure into a buffer of 0xaa: what was not written is still so, what was written tells nothing. */
static void structures(char *page, uintptr_t with)
{
    static unsigned char buffer[4096] __attribute__((aligned(16)));
    static const struct {
        const char *name;
        long number, a[5];
        unsigned at;
    } calls[] = {
        { "fstat", SYS_fstat, { 1 }, 1 },
        { "newfstatat", SYS_newfstatat, { AT_FDCWD, (long)"/", 0, 0 }, 2 },
        { "statx", SYS_statx, { AT_FDCWD, (long)"/", 0, 0x7ff, 0 }, 4 },
        { "statfs", SYS_statfs, { (long)"/" }, 1 },
        { "uname", SYS_uname, { 0 }, 0 },
        { "sysinfo", SYS_sysinfo, { 0 }, 0 },
        { "getrusage", SYS_getrusage, { 0 }, 1 },
        { "times", SYS_times, { 0 }, 0 },
        { "gettimeofday", SYS_gettimeofday, { 0 }, 0 },
        { "clock_gettime", SYS_clock_gettime, { 1 }, 1 },
        { "prlimit64", SYS_prlimit64, { 0, 7, 0 }, 3 },
        { "rt_sigaction", SYS_rt_sigaction, { 10, 0, 0, 8 }, 2 },
        { "rt_sigprocmask", SYS_rt_sigprocmask, { 0, 0, 0, 8 }, 2 },
        { "rt_sigpending", SYS_rt_sigpending, { 0, 8 }, 0 },
        { "sigaltstack", SYS_sigaltstack, { 0, 0 }, 1 },
        { "getitimer", SYS_getitimer, { 0 }, 1 },
        { "getcwd", SYS_getcwd, { 0, 4096 }, 0 },
        { "sched_getaffinity", SYS_sched_getaffinity, { 0, 128 }, 2 },
        { "sched_getparam", SYS_sched_getparam, { 0 }, 1 },
        { "ioctl", SYS_ioctl, { 1, 0x5401 }, 2 },
        { "getresuid", SYS_getresuid, { 0 }, 0 },
    };

    (void)page, (void)with;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        long a[5];

        memcpy(a, calls[i].a, sizeof(a));
        a[calls[i].at] = (long)buffer;
        memset(buffer, 0xaa, sizeof(buffer));
        call(calls[i].number, a[0], a[1], a[2], a[3], a[4], 0);
        look_at(buffer, sizeof(buffer), calls[i].name);
    }
}

/* Everything that a program finds at its start lies above its stack pointer. */
extern char **environ;

static void look_at_start(char **arguments)
{
    uintptr_t end = ((uintptr_t)arguments | (PAGE - 1)) + 1;

    look_at((char *)arguments - 8, end - (uintptr_t)arguments, "the first stack");
}

static void look_at_floats(void)
{
    uint64_t words[33];

    /* those that a C library's start does not use */
    __asm__ volatile("fsd fs2, 0(%0)\n\tfsd fs3, 8(%0)\n\tfsd fs4, 16(%0)\n\tfsd fs5, 24(%0)\n\tfsd fs6, 32(%0)\n\t"
                     "fsd fs7, 40(%0)\n\tfsd fs8, 48(%0)\n\tfsd fs9, 56(%0)\n\tfsd fs10, 64(%0)\n\tfsd fs11, 72(%0)\n\t"
                     "fsd ft8, 80(%0)\n\tfsd ft9, 88(%0)\n\tfsd ft10, 96(%0)\n\tfsd ft11, 104(%0)" ::"r"(words)
                     : "memory");
    for (unsigned i = 0; i < 14; i++)
        if (words[i] != 0)
            broken("float register %u holds %lx at the start of a program", i, (unsigned long)words[i]);
}

void leak_probe(int count, char **arguments)
{
    if (count < 2 || strncmp(arguments[1], "probe-", 6) != 0)
        return;
    if (strcmp(arguments[1], "probe-floats") == 0)
        look_at_floats();
    if (strcmp(arguments[1], "probe-stack") == 0)
        look_at_start(arguments);
    _exit(STATUS_CONTAINED);
}

static void execute_probe(char *page, uintptr_t name)
{
    char *vector[] = { (char *)(uintptr_t)own_path, (char *)name, NULL };

    (void)page;
    __asm__ volatile("fcvt.d.l fs2, %0\n\tfcvt.d.l fs7, %0\n\tfcvt.d.l ft8, %0\n\tfcvt.d.l ft11, %0" ::"r"(0x1234567l));
    execve(own_path, vector, vector + 2);
    broken("execve: %s", strerror(errno));
}

/* Two tasks with other values in the same float registers, in turns. */
static void floats_between_tasks(char *page, uintptr_t with)
{
    pid_t id = fork();
    long mine = id == 0 ? 11 : 22, found;

    (void)page, (void)with;
    __asm__ volatile("fcvt.d.l fs5, %0\n\tfsrm %0" ::"r"(mine % 4));
    __asm__ volatile("fcvt.d.l fs5, %0" ::"r"(mine));
    for (unsigned i = 0; i < 300; i++) {
        sched_yield();
        __asm__ volatile("fcvt.l.d %0, fs5, rtz" : "=r"(found));
        expect(found == mine, "a float register is another task's");
        __asm__ volatile("frrm %0" : "=r"(found));
        expect(found == mine % 4, "the rounding mode is another task's");
    }
    if (id == 0)
        _exit(0);
    int status;

    waitpid(id, &status, 0);
    expect(status == 0, "the other task");
}

static void expect_zeros(const char *memory, size_t bytes, const char *what)
{
    for (size_t i = 0; i < bytes; i++)
        if (memory[i] != 0)
            broken("%s: byte %zu is %x", what, i, (unsigned char)memory[i]);
}

/* A task that ends with secrets in many pages, and one that looks for them in what it gets. */
static void fresh_pages(char *page, uintptr_t pages)
{
    (void)page;
    for (unsigned round = 0; round < 3; round++) {
        pid_t id = fork();

        if (id == 0) {
            memset(pages_new(pages, PROT_READ | PROT_WRITE), 0x53, pages * PAGE);
            _exit(0);
        }
        waitpid(id, NULL, 0);
        char *memory = pages_new(pages, PROT_READ | PROT_WRITE);

        expect_zeros(memory, pages * PAGE, "a fresh page");
        memset(memory, 0x53, pages * PAGE);
        munmap(memory, pages * PAGE);
    }
}

static void fresh_heap(char *page, uintptr_t pages)
{
    (void)page;
    for (unsigned round = 0; round < 3; round++) {
        char *start = sbrk((intptr_t)(pages * PAGE));

        expect(start != (void *)-1, "sbrk");
        expect_zeros(start, pages * PAGE, "a fresh heap");
        memset(start, 0x53, pages * PAGE);
        sbrk(-(intptr_t)(pages * PAGE));
    }
}

static void grown_file(char *page, uintptr_t with)
{
    static char block[3 * PAGE];
    int file = open("attack.grown", O_RDWR | O_CREAT | O_TRUNC, 0600);

    (void)page, (void)with;
    expect(file >= 0, "open");
    unlink("attack.grown");
    memset(block, 0x53, sizeof(block));
    for (unsigned round = 0; round < 4; round++) {
        expect(pwrite(file, block, sizeof(block), 0) == sizeof(block), "write");
        expect(ftruncate(file, 100) == 0 && ftruncate(file, sizeof(block)) == 0, "ftruncate");
        expect(pread(file, block, sizeof(block), 0) == sizeof(block), "read");
        expect_zeros(block + 100, sizeof(block) - 100, "a file that was cut and grown");
        memset(block, 0x53, sizeof(block));
    }
}

static uint64_t handler_low;

static void look_at_frame(int number, siginfo_t *info, void *context)
{
    (void)number;
    look_at(info, sizeof(*info), "siginfo");
    look_at(context, 960, "the signal's frame");
    handler_low = (uintptr_t)info;
}

static void signal_frame(char *page, uintptr_t with)
{
    struct sigaction action = { .sa_sigaction = look_at_frame, .sa_flags = SA_SIGINFO };

    (void)page, (void)with;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    raise(SIGUSR1);
    alarm(1);
    pause();
    look_at((void *)(handler_low - 256), 256, "below the signal's frame");
}

static void directory_entries(char *page, uintptr_t with)
{
    static char buffer[2048];
    int file = open("/", O_RDONLY | O_DIRECTORY);

    (void)page, (void)with;
    memset(buffer, 0, sizeof(buffer));
    expect(file >= 0 && call(SYS_getdents64, file, (long)buffer, sizeof(buffer), 0, 0, 0) > 0, "getdents64");
    look_at(buffer, sizeof(buffer), "getdents64");
}

/* Files of /proc are text for everyone: no address of the firmware in any. */
static void proc_files(char *page, uintptr_t with)
{
    static const char *const names[] = { "/proc/self/maps",  "/proc/self/stat",     "/proc/self/status",
                                         "/proc/self/smaps", "/proc/stat",          "/proc/vellum/frames",
                                         "/proc/vellum/log", "/proc/vellum/faults", "/proc/self/statm" };
    static char text[16384];

    (void)page, (void)with;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int file = open(names[i], O_RDONLY);
        ssize_t got = file < 0 ? -1 : read(file, text, sizeof(text) - 1);

        expect(got > 0, names[i]);
        text[got] = 0;
        for (char *at = text; *at; at++) {
            char *end;

            if (is_telling(strtoul(at, &end, 16)) && end - at == 16)
                broken("%s tells %.16s", names[i], at);
        }
        close(file);
    }
}

#define NO(what, run, with, ends)    \
    {                                \
        what, run, with, ends, false \
    }

const struct attack leak_attacks[] = {
    NO("registers after a call", registers_after_calls, 0, 0),
    NO("structures that calls return", structures, 0, 0),
    NO("stack of a new program", execute_probe, (uintptr_t) "probe-stack", 0),
    NO("float registers of a new program", execute_probe, (uintptr_t) "probe-floats", 0),
    NO("float registers between tasks", floats_between_tasks, 0, 0),
    NO("fresh pages", fresh_pages, 120, 0),
    NO("fresh heap", fresh_heap, 60, 0),
    NO("a file that grows", grown_file, 0, 0),
    NO("frame of a signal", signal_frame, 0, 0),
    NO("directory entries", directory_entries, 0, 0),
    NO("files of /proc", proc_files, 0, 0),
    { 0 },
};
