/* What trap.S knows of C structures; checked against them in task.c and trap.c. */
#ifndef FIRMWARE_TASK_OFFSETS_H
#define FIRMWARE_TASK_OFFSETS_H

#define HART_CURRENT          0
#define TASK_ATTENTION        16
#define SYSCALL_FIRST_END     294 /* numbers below it have their place in syscall_table (linux/table.S) ... */
#define SYSCALL_HOLE          130 /* ... and those from 424 on have theirs behind, at 424 - 130 */
#define SYSCALL_TABLE_ENTRIES 310
#define SWITCH_BYTES          112 /* ra, s0 to s11, and 8 for alignment */
#define PANIC_STACK_BYTES     2048

#endif
