/*
 * Between user mode and the kernel: the registers of a task as they lie at the top of its kernel stack. The offsets
 * below are used by trap.S and are checked against the structures in trap.c.
 *
 *      top of the kernel stack ->  +--------------------+
 *                                  | struct trap_frame  |  <- sscratch while the task is in user mode
 *                                  +--------------------+
 *                                  | C frames, downward |
 *
 * sscratch: in user mode the task's trap frame, in the kernel 0. So an exception that finds 0 there happened in the
 * kernel, which is always a bug, and is reported on the panic stack.
 */
#ifndef FIRMWARE_TRAP_H
#define FIRMWARE_TRAP_H

#define FRAME_PC      0
#define FRAME_X(n)    (8 * (n))
#define FRAME_STATUS  256
#define FRAME_CALL_A0 264
#define FRAME_HART    272
#define FRAME_BYTES   288

#define FLOAT_FCSR 256

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

#include "hal/cpu.h"

struct hart;
struct task;

/* pc and x1 to x31 in the order of Linux's struct user_regs_struct, so that a signal frame is one copy. */
struct trap_frame {
    union {
        struct {
            uint64_t pc, ra, sp, gp, tp, t0, t1, t2, s0, s1, a[8], s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5,
                t6;
        };
        uint64_t x[32]; /* x[0] is the pc */
    };
    uint64_t status;         /* sstatus in user mode: FS is the task's own */
    uint64_t call_a0;        /* in trap_attention(): a0 as it was when the system call began, for a restart */
    struct hart *hart;       /* where the task runs now */
    uint64_t interrupted_pc; /* where the last interrupt found the program, unless that came late: 0 */
};

/* Linux's struct __riscv_d_ext_state. */
struct float_state {
    uint64_t f[32];
    uint32_t fcsr;
    uint32_t reserved;
};

/* Registers and user mode as a program finds them at its first instruction. */
void trap_frame_init(struct trap_frame *frame, va_t entry, va_t stack);

/* Once per hart, with its struct hart in tp: the trap vector, and the interrupts that user mode takes. */
void trap_init(void);

/* Serves what is pending; for the idle loop, which takes no traps. `late`: it became so while the kernel ran. */
void trap_poll_interrupts(bool late);

/* The controller behind trap_listen(). Without one there are no device interrupts. */
struct plic;
void trap_set_plic(struct plic *plic);

/* An interrupt source of the PLIC and who serves it. `serve` runs with interrupts off and must not sleep. */
void trap_listen(uint32_t source, void (*serve)(void));

/* In trap.S. */
_Noreturn void trap_return_to_user(void *frame);
void float_save(struct float_state *state);
void float_load(const struct float_state *state);

#endif
#endif
