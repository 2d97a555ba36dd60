/*
 * The stack that a program finds at its first instruction ("System V Application Binary Interface, RISC-V
 * supplement"; fs/binfmt_elf.c of Linux 6.1 for the contents):
 *
 * SIGNAL_RETURN  +-------------------------------+  firmware/linux/sigframe.h
 *                | 8 bytes of 0                  |
 *                | strings: path, environment,   |
 *                |          arguments            |
 *                | 16 random bytes               |
 *                | (to a multiple of 16)         |
 *                | auxv: pairs, the last AT_NULL |
 *                | environment pointers, NULL    |
 *                | argument pointers, NULL       |
 *          sp -> | argument count                |
 *                +-------------------------------+
 */
#ifndef FIRMWARE_EXEC_STACK_H
#define FIRMWARE_EXEC_STACK_H

#include "firmware/elf.h"
#include "firmware/exec.h"

/* Maps and fills the stack. -E2BIG, -EFAULT, -ENOMEM. */
int exec_stack_build(struct space *space, const struct process *process, const struct elf_image *image,
                     const char *path, const struct exec_strings *strings, va_t *stack) MUST_CHECK;

#endif
