/*
 * From the machine-mode firmware to firmware_main(); the steps are in firmware/boot.h. Position independent up to the
 * write of satp. "RISC-V Supervisor Binary Interface Specification" 2.0, section 9.1: a0 holds the hart's number, a1 the
 * device tree's physical address, satp and sstatus.SIE are 0, all else is undefined.
 */
#include "firmware/layout.h"
#include "hal/csr.h"

#define FDT_MAGIC_MEMORY_ORDER  0xedfe0dd0      /* 0xd00dfeed, big endian */
#define FDT_TOTAL_BYTES         4               /* offset in the header, big endian */

        .section .text.boot, "ax", @progbits
        .globl _start
_start:
        csrw    sie, zero
        csrci   sstatus, SSTATUS_SIE
        .option push
        .option norelax
        lla     gp, __global_pointer$
        .option pop

        /* Before the HSM extension all harts were started at once: the first one to arrive goes on. */
        lla     t0, boot_taken
        li      t1, 1
        amoswap.w.aqrl t1, t1, (t0)
        bnez    t1, park

        mv      s0, a0                          /* s0: the boot hart */

        /* s1: how much of the device tree to keep; 0 when a1 does not point at one */
        li      s1, 0
        beqz    a1, tree_moved
        andi    t0, a1, 7
        bnez    t0, tree_moved
        lwu     t0, 0(a1)
        li      t1, FDT_MAGIC_MEMORY_ORDER
        bne     t0, t1, tree_moved
        lbu     t0, FDT_TOTAL_BYTES(a1)
        lbu     t1, FDT_TOTAL_BYTES + 1(a1)
        lbu     t2, FDT_TOTAL_BYTES + 2(a1)
        lbu     t3, FDT_TOTAL_BYTES + 3(a1)
        slli    t0, t0, 24
        slli    t1, t1, 16
        slli    t2, t2, 8
        or      t0, t0, t1
        or      t2, t2, t3
        or      s1, t0, t2
        li      t0, FDT_COPY_MAX
        bleu    s1, t0, 1f
        mv      s1, t0
1:
        /* Source and destination may overlap: t0 destination, t2 source, t3 step, t4 bytes left. */
        addi    t4, s1, 7
        andi    t4, t4, -8
        lla     t0, boot_tree
        mv      t2, a1
        li      t3, 8
        bltu    t0, t2, 2f
        add     t0, t0, t4                      /* upwards: begin with the last word */
        add     t2, t2, t4
        addi    t0, t0, -8
        addi    t2, t2, -8
        li      t3, -8
2:
        beqz    t4, tree_moved
        ld      t5, 0(t2)
        sd      t5, 0(t0)
        add     t0, t0, t3
        add     t2, t2, t3
        addi    t4, t4, -8
        j       2b
tree_moved:

        lla     t0, bss_start
        lla     t1, bss_end
3:
        bgeu    t0, t1, 4f
        sd      zero, 0(t0)
        addi    t0, t0, 8
        j       3b
4:
        lla     sp, boot_stack_top
        call    kmap_boot                       /* a0: satp */

        /*
         * The next instruction is not mapped where it is now, so its fetch faults, and stvec is the same place in the
         * high half. No identity mapping exists at any time. Without Sv39 the write is ignored and there is no fault.
         */
        li      t0, KERNEL_IMAGE
        lla     t1, _start
        sub     t0, t0, t1                      /* t0: virtual minus physical */
        lla     t1, translated
        add     t1, t1, t0
        csrw    stvec, t1
        add     sp, sp, t0
        sfence.vma
        csrw    satp, a0
        sfence.vma
        .balign 4
translated:
        auipc   t0, 0
        bgez    t0, no_sv39
        lla     t0, boot_vector
        csrw    stvec, t0
        .option push
        .option norelax
        lla     gp, __global_pointer$
        .option pop
        li      tp, 0
        mv      a0, s0
        lla     a1, boot_tree
        mv      a2, s1
        li      ra, 0                           /* backtraces end here */
        li      s0, 0
        tail    firmware_main

no_sv39:
        lla     sp, boot_stack_top
        tail    boot_without_sv39

        /* Traps before the firmware has a handler of its own: nothing is returned to, so nothing is saved. */
        .balign 4
boot_vector:
        lla     sp, boot_stack_top
        csrr    a0, scause
        csrr    a1, sepc
        csrr    a2, stval
        tail    boot_trapped

park:
        wfi
        j       park

        /* In .data: it has to be 0 before .bss is cleared, and stay as it is then. */
        .section .data.boot, "aw", @progbits
        .balign 4
boot_taken:
        .word   0

        .section .boot_tree, "aw", @nobits
        .balign 8
boot_tree:
        .skip   FDT_COPY_MAX

        .section .boot_stack, "aw", @nobits
        .balign 4096
        .globl  boot_stack_guard
boot_stack_guard:
        .skip   4096
        .skip   KERNEL_STACK_BYTES
        .globl  boot_stack_top
boot_stack_top:

        /* What the linker script has to agree with */
        .globl  layout_image, layout_image_max
        .set    layout_image, KERNEL_IMAGE
        .set    layout_image_max, KERNEL_IMAGE_MAX
