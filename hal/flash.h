/*
 * NOR flash, whatever the bus: one contract before every driver (SPI NOR, CFI) and before the host simulation.
 *
 *      flash_start() --> [ in flight ] --flash_poll()--> done(request), request->status final
 *                            |    ^
 *            a read arrives  v    |  resumed
 *                        [ suspended ]      (parts that can suspend an erase or a program)
 *
 * Asynchronous by contract. At most one request is in flight, and one read may overtake an erase or program in flight:
 * the driver suspends it, reads, and resumes; a part that cannot suspend answers -EBUSY. A driver may finish a request
 * inside flash_start(). Every request ends: a part that stays busy ends in -ETIMEDOUT after the driver's bound. What is
 * started after that answers -EBUSY as long as the part is busy, for FLASH_STUCK_US at most, and then ends in -ETIMEDOUT
 * at once, without a look at the array, until the part is ready again.
 *
 * NOR facts that every user may rely on: erased bytes read 0xff; a program only clears bits; an erase covers one whole
 * aligned erase block. Drivers split reads and programs at the part's page and window limits; callers need not.
 *
 * The gate: flash_start() is the only way to a driver, and it refuses with -EPERM every program and erase that is not
 * wholly inside the window set by flash_open_window(). At boot the window is empty.
 *
 * Locking: the kernel lock (mm/DESIGN.md, "Concurrency").
 */
#ifndef HAL_FLASH_H
#define HAL_FLASH_H

#include <stdbool.h>
#include <stdint.h>

enum flash_operation { FLASH_READ, FLASH_PROGRAM, FLASH_ERASE };

/* request->status while in flight; final values are 0 or a negative errno. */
#define FLASH_PENDING 1

struct flash_request {
    enum flash_operation operation;
    uint32_t address; /* byte offset from the start of the part; an erase: of its block */
    uint32_t bytes;   /* an erase: flash_geometry.erase_bytes */
    union {
        void *into;       /* FLASH_READ */
        const void *from; /* FLASH_PROGRAM; not to be changed before the end */
    };
    void (*done)(struct flash_request *); /* may be NULL; called once, from flash_start() or flash_poll() */
    int status;                           /* written by the driver */
};

struct flash_geometry {
    uint32_t size_bytes;
    uint32_t erase_bytes;        /* the erase unit that the store uses: 64 KiB on SPI NOR, 256 KiB on `virt` */
    uint32_t program_bytes;      /* the program page or write buffer; a power of two */
    uint32_t program_typical_us; /* one program_bytes */
    uint32_t erase_typical_us;   /* one erase_bytes */
    bool can_suspend;
};

/* What was done since boot, counted by flash_start(): the figures of `vellum: stats`. */
struct flash_counters {
    uint64_t read_bytes, program_bytes;
    uint64_t reads, programs, erases;
    uint64_t failures;
};

struct flash;

struct flash_driver {
    const char *name;
    /* Begin. 0: accepted (may already be finished). -EBUSY: something in flight that a read may not overtake, or a part that is late. */
    int (*start)(struct flash *flash, struct flash_request *request);
    /* Look at the part, and again as long as each look gets on; when the request in flight has ended, set its status and call flash_finish(). */
    void (*poll)(struct flash *flash);
};

struct flash {
    const struct flash_driver *driver;
    void *device; /* the driver's own state */
    struct flash_geometry geometry;
    struct flash_counters counters;
    struct flash_request *in_flight;     /* the program, erase or slow read the driver is at, or NULL */
    uint32_t window_start, window_bytes; /* the only range that is ever programmed or erased */
};

#define FLASH_STUCK_US 3000000u

/* Sets the window once a partition is found. -EINVAL: outside the part, or not whole erase blocks. */
int flash_open_window(struct flash *flash, uint32_t start, uint32_t bytes) __attribute__((warn_unused_result));

/* -EPERM: outside the window. -EINVAL: outside the part, zero bytes, an erase not of one whole block. -EBUSY. */
int flash_start(struct flash *flash, struct flash_request *request) __attribute__((warn_unused_result));

void flash_poll(struct flash *flash);

/* For drivers: ends a request with its final status. */
void flash_finish(struct flash *flash, struct flash_request *request, int status);

/* Starts a request and polls it to its end; for boot, tools, and reads. Returns the final status, -EBUSY as above. */
int flash_run(struct flash *flash, struct flash_request *request) __attribute__((warn_unused_result));
int flash_read(struct flash *flash, uint32_t address, void *into, uint32_t bytes) __attribute__((warn_unused_result));

#endif
