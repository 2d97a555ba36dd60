/*
 * Into the kernel and out of it, from task to task, and the registers of the FPU.
 *
 * Fast way out: C functions give s0 to s11 back as they were, so they are restored from the frame only when somebody
 * may have changed it there: then task->attention is not 0, and the slow way is taken. A frame's a[0] is the result of
 * a system call, and call_a0 is set, from then on only.
 */
#include "firmware/task_offsets.h"
#include "firmware/trap.h"
#include "hal/csr.h"

#define RA  FRAME_X(1)
#define SP  FRAME_X(2)
#define GP  FRAME_X(3)
#define TP  FRAME_X(4)
#define T0  FRAME_X(5)
#define T1  FRAME_X(6)
#define T2  FRAME_X(7)
#define S0  FRAME_X(8)
#define S1  FRAME_X(9)
#define A0  FRAME_X(10)

    .text

/* All registers but sp and pc into the frame at sp. */
.macro save_registers
    sd ra, RA(sp)
    sd gp, GP(sp)
    sd tp, TP(sp)
    sd t0, T0(sp)
    sd t1, T1(sp)
    sd t2, T2(sp)
    sd s0, S0(sp)
    sd s1, S1(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    sd a\n, (A0 + 8 * \n)(sp)
    .endr
    .irp n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd s\n, FRAME_X(16 + \n)(sp)
    .endr
    .irp n, 3, 4, 5, 6
    sd t\n, FRAME_X(25 + \n)(sp)
    .endr
.endm

.macro restore_preserved
    ld s0, S0(sp)
    ld s1, S1(sp)
    .irp n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld s\n, FRAME_X(16 + \n)(sp)
    .endr
.endm

    .global trap_entry
    .balign 4
trap_entry:
    csrrw sp, sscratch, sp
    beqz sp, trap_from_kernel
    save_registers
    csrr t0, sscratch
    sd t0, SP(sp)
    csrw sscratch, zero
    csrr t0, scause
    csrr t1, sepc
    csrr t2, sstatus
    sd t2, FRAME_STATUS(sp)
    ld tp, FRAME_HART(sp)
    .option push
    .option norelax
    lla gp, __global_pointer$
    .option pop
    li t2, CAUSE_USER_ECALL
    bne t0, t2, trap_other

    /*
     * A system call: number in a7, arguments where C expects them; the program goes on behind the ecall. The result
     * stays in a0, and the frame keeps the a0 of the call, unless the slow way is taken.
     */
    addi t1, t1, 4
    sd t1, FRAME_PC(sp)
    li t0, SYSCALL_FIRST_END
    bgeu a7, t0, 5f
    slli t0, a7, 2
6:  la t1, syscall_table
    add t0, t0, t1
    lw t0, (t0)
    beqz t0, 1f
    jalr t0
2:  bltz a0, 3f
4:  ld t0, HART_CURRENT(tp)
    lw t0, TASK_ATTENTION(t0)
    bnez t0, call_slow_return

trap_return:
    ld t0, FRAME_PC(sp)
    ld t1, FRAME_STATUS(sp)
    csrw sepc, t0
    csrw sstatus, t1
    csrw sscratch, sp
    ld ra, RA(sp)
    ld gp, GP(sp)
    ld tp, TP(sp)
    ld t0, T0(sp)
    ld t1, T1(sp)
    ld t2, T2(sp)
    .irp n, 1, 2, 3, 4, 5, 6, 7
    ld a\n, (A0 + 8 * \n)(sp)
    .endr
    .irp n, 3, 4, 5, 6
    ld t\n, FRAME_X(25 + \n)(sp)
    .endr
    ld sp, SP(sp)
    sret

5:  addi t0, a7, -SYSCALL_HOLE
    li t1, SYSCALL_FIRST_END
    bltu t0, t1, 1f
    li t1, SYSCALL_TABLE_ENTRIES
    bgeu t0, t1, 1f
    slli t0, t0, 2
    j 6b
1:  mv a0, a7
    call syscall_unknown
    j 2b
3:  call syscall_error
    j 4b

call_slow_return:
    ld t0, A0(sp)
    sd t0, FRAME_CALL_A0(sp)
    sd a0, A0(sp)
trap_slow_return:
    mv a0, sp
    call trap_attention
    restore_preserved
    ld a0, A0(sp)
    j trap_return

trap_other:
    ld a3, FRAME_PC(sp)
    sd t1, FRAME_PC(sp)
    mv a0, sp
    mv a1, t0
    csrr a2, stval
    call trap_user
    ld t0, HART_CURRENT(tp)
    lw t0, TASK_ATTENTION(t0)
    bnez t0, trap_slow_return
    ld a0, A0(sp)
    j trap_return

/* trap_return_to_user(frame): the first way out of a new task. */
    .global trap_return_to_user
trap_return_to_user:
    mv sp, a0
    j trap_slow_return

/* An exception in the kernel. sp is 0 and sscratch holds the kernel's sp, which may be the reason: not to be used. */
trap_from_kernel:
    la sp, panic_stack_top
    addi sp, sp, -FRAME_BYTES
    save_registers
    csrrw t0, sscratch, zero
    sd t0, SP(sp)
    csrr t0, sepc
    sd t0, FRAME_PC(sp)
    csrr t0, sstatus
    sd t0, FRAME_STATUS(sp)
    mv a0, sp
    csrr a1, scause
    csrr a2, stval
    call panic_exception

/* task_switch_stacks(uint64_t *keep_sp, uint64_t new_sp): the caller goes on when somebody switches back to it. */
    .global task_switch_stacks
task_switch_stacks:
    addi sp, sp, -SWITCH_BYTES
    sd ra, 0(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd s\n, (8 + 8 * \n)(sp)
    .endr
    sd sp, (a0)
    mv sp, a1
    ld ra, 0(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld s\n, (8 + 8 * \n)(sp)
    .endr
    addi sp, sp, SWITCH_BYTES
    ret

/* Where the first switch to a task returns to: s0 is the function it begins in, s1 its argument. */
    .global task_begin
task_begin:
    call task_switched
    mv a0, s1
    jalr s0
    call task_exit

/* The firmware is built without F and D; these two functions alone use them, with sstatus.FS on. */
    .option push
    .option arch, +f, +d
    .global float_save
float_save:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fsd f\n, (8 * \n)(a0)
    .endr
    frcsr t0
    sw t0, FLOAT_FCSR(a0)
    ret

    .global float_load
float_load:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fld f\n, (8 * \n)(a0)
    .endr
    lw t0, FLOAT_FCSR(a0)
    fscsr t0
    ret
    .option pop

    .bss
    .balign 16
panic_stack:
    .skip PANIC_STACK_BYTES
    .global panic_stack_top
panic_stack_top:
