/*
 * No library at all, and at home at any address: prints its arguments, and ends with their count. Linked as a static PIE
 * that nobody relocates, so it holds no pointer in its data.
 */
#include <stddef.h>

enum { CALL_WRITE = 64, CALL_EXIT_GROUP = 94 };

static long call(long number, long a, long b, long c)
{
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
}

__attribute__((used, noreturn)) void begin(const long *stack)
{
    long count = stack[0];

    for (long i = 0; i < count; i++) {
        const char *word = (const char *)stack[1 + i];
        size_t length = 0;

        while (word[length])
            length++;
        call(CALL_WRITE, 1, (long)word, (long)length);
        call(CALL_WRITE, 1, (long)"\n", 1);
    }
    for (;;)
        call(CALL_EXIT_GROUP, count, 0, 0);
}

__asm__(".globl _start\n"
        "_start: mv a0, sp\n"
        "        tail begin\n");
