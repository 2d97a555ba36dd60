/*
 * A program becomes an address space: its file mapped, its stack filled. Nothing of the file is read but its first page,
 * what it has for a dynamic linker and, where zeros begin in the middle of a page, that page; the rest comes when it is
 * touched.
 *
 * Locking: the kernel lock; may sleep.
 */
#ifndef FIRMWARE_EXEC_H
#define FIRMWARE_EXEC_H

#include <stdint.h>

#include "firmware/process.h"
#include "mm/mm.h"

#define EXEC_STACK_LIMIT (8u << 20)
/* The most that arguments and environment may take together, pointers included. */
#define EXEC_STRINGS_MAX (128u << 10)

/*
 * Arguments and environment: two arrays of pointers that end in NULL, in this space, or (NULL) in firmware memory. With
 * `before`, an array of the firmware's, those stand in place of the first argument: the interpreter of a script.
 */
struct exec_strings {
    struct space *space;
    va_t arguments, environment;
    const char *const *before;
};

struct exec_program {
    struct space *space; /* one reference */
    va_t entry, stack;   /* pc and sp of its first instruction */
    uint32_t inode;
    char name[TASK_NAME_BYTES];
};

/*
 * Builds the space of the program in a file's object for `process`, whose identity and limits it reads and which it does
 * not change. `path`: as the program is to see its own name (AT_EXECFN). -ENOEXEC, -EACCES, -ENOENT, -E2BIG, -EFAULT,
 * -ENOMEM, -EIO; then `*why` is the reason in words and nothing has happened.
 */
int exec_load(const struct process *process, struct object *object, const char *path,
              const struct exec_strings *strings, struct exec_program *program, const char **why) MUST_CHECK;

#endif
