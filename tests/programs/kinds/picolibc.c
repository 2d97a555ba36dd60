/*
 * A program on picolibc, by the compiler for bare machines: its C library knows no system, so the calls that it is to stand
 * on are here, and the thread pointer (errno is thread-local) is set by hand. Formats, allocates, sorts, checks errno.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALL_CLOSE = 57, CALL_WRITE = 64, CALL_EXIT_GROUP = 94, CALL_BRK = 214 };
#define NUMBERS 20000u

static long call(long number, long a, long b, long c)
{
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
}

/* ---- What picolibc asks of its system ---- */

static int put(char c, FILE *file)
{
    (void)file;
    return call(CALL_WRITE, 1, (long)&c, 1) == 1 ? c : EOF;
}

static FILE out = FDEV_SETUP_STREAM(put, NULL, NULL, _FDEV_SETUP_WRITE);
FILE *const stdout = &out;

void *sbrk(ptrdiff_t bytes)
{
    long end = call(CALL_BRK, 0, 0, 0);

    return call(CALL_BRK, end + bytes, 0, 0) == end + bytes ? (void *)end : (void *)-1;
}

int close(int file)
{
    long error = call(CALL_CLOSE, file, 0, 0);

    if (error < 0)
        errno = (int)-error;
    return error < 0 ? -1 : 0;
}

_Noreturn void _exit(int status)
{
    for (;;)
        call(CALL_EXIT_GROUP, status, 0, 0);
}

/* ---- The program ---- */

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

/* Sorted numbers of a generator (Numerical Recipes' constants): how often the order is wrong. */
static unsigned sort_and_check(uint32_t *numbers)
{
    unsigned wrong = 0;

    for (uint32_t i = 0, x = 1; i < NUMBERS; i++)
        numbers[i] = x = x * 1664525u + 1013904223u;
    qsort(numbers, NUMBERS, sizeof(numbers[0]), compare);
    for (uint32_t i = 1; i < NUMBERS; i++)
        wrong += numbers[i - 1] > numbers[i];
    return wrong;
}

static int run(int count, char **arguments)
{
    uint32_t *numbers = malloc(NUMBERS * sizeof(*numbers));

    if (!numbers)
        return 1;
    printf("picolibc %s: %u numbers, %u wrong, close %d errno %d\n", count > 1 ? arguments[1] : "-", NUMBERS,
           sort_and_check(numbers), close(99), errno);
    free(numbers);
    return errno == EBADF ? 0 : 2;
}

static _Alignas(16) char thread_data[1024];

/* ELF-64 Object File Format 1.5, section 3 "ELF Header" and 6 "Program header table"; newer releases of picolibc bring no
 * header for it. */
struct file_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct program_header {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
enum { PT_TLS = 7 };

/* Where the linker has put what each thread starts with, and its size, the program's own headers say. */
extern const struct file_header __ehdr_start;

static void begin_threads(void)
{
    const struct program_header *header = (const void *)((const char *)&__ehdr_start + __ehdr_start.phoff);

    for (unsigned i = 0; i < __ehdr_start.phnum; i++)
        if (header[i].type == PT_TLS && header[i].memsz <= sizeof(thread_data))
            memcpy(thread_data, (const void *)header[i].vaddr, header[i].filesz);
    __asm__ volatile("mv tp, %0" : : "r"(thread_data));
}

__attribute__((used, noreturn)) void begin(long *stack)
{
    begin_threads();
    exit(run((int)stack[0], (char **)&stack[1]));
}

__asm__(".globl _start\n"
        "_start: .option push\n"
        ".option norelax\n"
        "        la gp, __global_pointer$\n"
        ".option pop\n"
        "        mv a0, sp\n"
        "        tail begin\n");
