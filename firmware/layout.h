/*
 * The address space (Sv39), low to high. Usable from assembly and from the linker script.
 *
 *      0x0000000000000000  +--------------------------------------------+
 *                          |  user: one task's pages                    |  root entries 0..255, each space its own
 *      0x0000004000000000  +--------------------------------------------+
 *                          |  not canonical: every access faults        |
 *      0xffffffc000000000  +--------------------------------------------+  KERNEL_DIRECT
 *                          |  direct map: physical address p is seen at |  root entries 256..509
 *                          |  KERNEL_DIRECT + p; RW, never X;           |  (p below 254 GiB)
 *                          |  nothing but the frame pool is mapped      |
 *      0xffffffff80000000  +--------------------------------------------+  root entry 510: everything below
 *                          |  (2 MiB not mapped)                        |
 *      0xffffffff80200000  +--------------------------------------------+  KERNEL_IMAGE, loaded at a multiple of 2 MiB
 *                          |  .text                               R X   |
 *                          |  .rodata                             R     |
 *                          |  .data .bss                          R W   |
 *                          |  guard page                                |
 *                          |  boot stack                          R W   |
 *      0xffffffff80400000  +--------------------------------------------+  KERNEL_IMAGE + KERNEL_IMAGE_MAX
 *                          |  not mapped                                |
 *      0xffffffff90000000  +--------------------------------------------+  KERNEL_DEVICES
 *                          |  device windows                      R W   |
 *      0xffffffffa0000000  +--------------------------------------------+  KERNEL_STACKS
 *                          |  slot 0:  8 KiB guard                      |
 *                          |           8 KiB stack, grows down    R W   |
 *                          |  slot 1:  ...                              |
 *      0xffffffffa0400000  +--------------------------------------------+  256 slots of 16 KiB
 *                          |  not mapped                                |
 *      0xffffffffffffffff  +--------------------------------------------+
 *
 * Root entries 256..511 are the same in every space and are complete once kmap_init() is over: what is mapped later
 * hangs below them. All kernel leaves are global and none is both writable and executable; no frame of the image is
 * mapped a second time. The machine-mode firmware's memory and the device tree as loaded are not mapped at all.
 */
#ifndef FIRMWARE_LAYOUT_H
#define FIRMWARE_LAYOUT_H

#include "hal/cpu_riscv.h"

#define USER_END 0x0000004000000000

#define KERNEL_DIRECT       CPU_DIRECT_BASE
#define KERNEL_DIRECT_BYTES 0x0000003f80000000

#define KERNEL_IMAGE     0xffffffff80200000
#define KERNEL_IMAGE_MAX 0x200000

#define KERNEL_DEVICES       0xffffffff90000000
#define KERNEL_DEVICES_BYTES 0x10000000

#define KERNEL_STACKS           0xffffffffa0000000
#define KERNEL_STACK_SLOTS      256
#define KERNEL_STACK_SLOT_BYTES 0x4000
#define KERNEL_STACK_BYTES      0x2000
#define KERNEL_STACK_FRAMES     2

/* The first root entry of the kernel's half. */
#define KERNEL_ROOT_FIRST 256

/* The device tree is copied into the image before translation is turned on; larger ones are cut off and refused. */
#define FDT_COPY_MAX 0x10000

#endif
