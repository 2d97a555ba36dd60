/*
 * The way from the machine-mode firmware to C:
 *
 *      SBI jumps to _start: hart in a0, device tree in a1, translation and interrupts off, anywhere on a 2 MiB boundary
 *        -> all harts but the first to arrive are parked
 *        -> the device tree is moved into the image, before .bss is cleared: a loader may have put it there
 *        -> kmap_boot() builds the page tables
 *        -> satp: Sv39 on, on to the high addresses
 *        -> firmware_main() on the boot stack, interrupts off, gp set, tp = 0
 */
#ifndef FIRMWARE_BOOT_H
#define FIRMWARE_BOOT_H

#include <stdint.h>

/*
 * Defined by firmware/main.c. `device_tree` is the copy, 8-byte aligned, of which `device_tree_bytes` can be read; it has
 * not been checked (fdt_open()). Until the caller sets stvec, every trap ends in boot_trapped().
 */
_Noreturn void firmware_main(uint32_t boot_hart, const void *device_tree, uint32_t device_tree_bytes);

/* The boot stack may be kept (idle loop): KERNEL_STACK_BYTES below this address, a guard page under it. */
extern char boot_stack_top[];

/* Called by boot.S when there is no way on. They say why on the SBI console and end the machine. */
_Noreturn void boot_without_sv39(void);
_Noreturn void boot_trapped(uint64_t scause, uint64_t sepc, uint64_t stval);

#endif
