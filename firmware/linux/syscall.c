/* What system calls have in common: errors as Linux numbers them, and calls that are not there. */
#include "firmware/linux/syscall.h"

#include <errno.h>

#include "firmware/log.h"
#include "firmware/task.h"

#define NUMBERS 512u

int64_t syscall_error(int64_t error);
int64_t syscall_unknown(uint64_t number);

/* picolibc's errno.h and Linux's agree up to this one. */
#define LAST_EQUAL ERANGE

static const struct {
    uint8_t ours, linux;
} numbers[] = {
    { ENOSYS, 38 },   { ENAMETOOLONG, 36 },    { ENOTEMPTY, 39 },    { ELOOP, 40 },
    { ENOTSUP, 95 },  { EOVERFLOW, 75 },       { ETIMEDOUT, 110 },   { EDEADLK, 35 },
    { ENODATA, 61 },  { EPROTONOSUPPORT, 93 }, { ECANCELED, 125 },   { EILSEQ, 84 },
    { ENOTSOCK, 88 }, { EOPNOTSUPP, 95 },      { EAFNOSUPPORT, 97 }, { ENOLCK, 37 },
};

/* From trap.S: a system call's negative result, as the program is to see it. */
int64_t syscall_error(int64_t error)
{
    if (error == -EINTR) {
        task_current()->call_interrupted = true;
        task_current()->attention |= ATTENTION_SIGNAL; /* where it is decided whether the call begins again */
    }
    if (error >= -LAST_EQUAL)
        return error;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (error == -(int64_t)numbers[i].ours)
            return -(int64_t)numbers[i].linux;
    return -EIO;
}

/* From trap.S: a number that has no function. */
int64_t syscall_unknown(uint64_t number)
{
    static uint64_t told[NUMBERS / 64];

    if (number < NUMBERS && !(told[number / 64] >> number % 64 & 1)) {
        unsigned length;
        const char *name = syscall_name(number, &length);

        told[number / 64] |= 1ull << number % 64;
        log_line("task=%u name=%s: system call %lu %.*s is not supported", task_current()->id, task_current()->name,
                 number, (int)length, name);
    }
    return -ENOSYS;
}
