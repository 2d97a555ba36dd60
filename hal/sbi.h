/*
 * Calls into the machine-mode firmware: "RISC-V Supervisor Binary Interface Specification", version 2.0.
 *
 * Runs from OpenSBI 0.6 (base, TIME, legacy console) on; extensions are probed once, newer ones are preferred.
 * Calls may be made at any time by the hart itself; nothing here sleeps or takes a lock.
 */
#ifndef HAL_SBI_H
#define HAL_SBI_H

#include <stdbool.h>
#include <stdint.h>

struct sbi_result {
    int64_t error; /* 0 or a negative SBI_ERR_* */
    uint64_t value;
};

/* Section 3, "Binary Encoding", table 1 */
#define SBI_SUCCESS           0
#define SBI_ERR_NOT_SUPPORTED (-2)

struct sbi_result sbi_call(uint64_t extension, uint64_t function, uint64_t a0, uint64_t a1, uint64_t a2);

/* Probes the extensions. `image_offset`: virtual minus physical address of the image, for calls that take memory. */
void sbi_init(uint64_t image_offset);

uint32_t sbi_version(void);   /* major << 24 | minor; 0x1 is 0.1, before there was a base extension */
uint64_t sbi_vendor_id(void); /* mvendorid, marchid and mimpid of the harts; 0 when they are not told */
uint64_t sbi_architecture_id(void);
uint64_t sbi_implementation_id(void);

/* The console of the machine-mode firmware: for boot, until a UART driver is up, and for boards without one. */
void sbi_console_put(char byte);
int sbi_console_get(void); /* 0 to 255, or -1 when nothing has come */

/* Raises the timer interrupt at `deadline` in ticks of `time`; clears the one pending now. UINT64_MAX: never. */
void sbi_timer_set(uint64_t deadline);

/*
 * Ends the machine: shutdown; where the board has none (sifive_u) a cold reboot; where there is neither, the hart
 * sleeps for ever with its interrupts off, after a message. `failed` is told to the board as "system failure".
 */
_Noreturn void sbi_power_off(bool failed);

/* Starts the machine again, its RAM as it is where the board can do that; where it cannot start again: power off. */
_Noreturn void sbi_reboot(void);

#endif
