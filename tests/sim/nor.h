/*
 * A strict model of a NOR flash array: the judge of everything that writes flash.
 *
 * Three fronts stand on it: hal/flash.h (nor_flash.h), the SPI commands (nor_spi.h) and the Intel commands (nor_cfi.h).
 * This file knows cells, time and power, and no bus.
 *
 *      nor_program_begin()      time passes                         nor_power_cut(), nor_cut_at()
 *      nor_erase_begin() -----> [ busy ] -----> done, status   torn as enum nor_tear says; -EIO until nor_power_on()
 *                               |     ^
 *                 nor_suspend() v     | nor_resume()
 *                             [ suspended ]: reads outside the operation's range are allowed
 *
 * Cells change when an operation ends, or is torn. A program only clears bits; an erase raises one whole aligned unit.
 *
 * Time is virtual. Operations take their typical time of the datasheet; the bus is charged by the fronts (nor_charge).
 * Nothing here looks at a real clock, and everything random comes from the seed, so a run repeats exactly.
 *
 * Caller's mistakes (a 0 bit programmed to 1, an operation while busy, a unit programmed twice, ...) are violations:
 * counted, described in violation_text, and fatal unless config.violations_continue.
 */
#ifndef TESTS_SIM_NOR_H
#define TESTS_SIM_NOR_H

#include <stdbool.h>
#include <stdint.h>

#define NOR_ERASE_KINDS 4
#define NOR_PAGE_MAX    4096u
#define NOR_ONCE_BYTES  16u /* the granule of config.strict_once */
#define NOR_TRIGGERS    4
#define NOR_NEVER       UINT64_MAX

struct nor_erase_kind {
    uint32_t bytes; /* a power of two; 0 ends the list */
    uint32_t typical_us;
};

struct nor_config {
    uint32_t size_bytes;                          /* a multiple of the largest erase */
    uint32_t page_bytes;                          /* one program never crosses a page; at most NOR_PAGE_MAX */
    struct nor_erase_kind erase[NOR_ERASE_KINDS]; /* smallest first; the smallest is the unit of wear and faults */
    uint32_t program_us;          /* typical, one whole page; less takes its share, at least an eighth */
    uint32_t suspend_us;          /* from the suspend command until reads are possible; 0: cannot suspend */
    uint32_t resume_gap_us;       /* least time from a resume to the next suspend */
    uint32_t read_ns_per_byte;    /* bus time, charged by nor_flash; 40 is quad at 50 MHz */
    uint32_t program_ns_per_byte; /* the same for program data; 0 by default: figures are the data sheet's */
    uint32_t command_ns;          /* bus time of a command and its address */
    uint64_t seed;
    bool strict_once;         /* a NOR_ONCE_BYTES granule programmed twice between erases is a violation */
    bool violations_continue; /* record violations without ending the test */
};

/* How a power cut, or a part at its end, leaves an operation. One list for both kinds of operation. */
enum nor_tear {
    NOR_TEAR_LOST,     /* nothing was done */
    NOR_TEAR_DONE,     /* everything was done, and nobody was told */
    NOR_TEAR_EARLY,    /* program: a prefix. Erase: zeros from the end on, a few bits before unsure, or some raised */
    NOR_TEAR_MIDDLE,   /* program: some of its bits. Erase: zeros, then ones from the end on */
    NOR_TEAR_MARGINAL, /* all done, but some bits are drawn anew at each read until erased */
    NOR_TEAR_WEAK,     /* program: as MARGINAL, one bit. Erase: looks perfect, holds no programs */
    NOR_TEARS,
    NOR_TEAR_RANDOM = NOR_TEARS /* one of the above */
};

/* What is wrong with a unit for good. Flags. */
enum nor_fault {
    NOR_FAULT_ERASE_FAILS = 1,    /* the status says so; contents undefined */
    NOR_FAULT_PROGRAM_FAILS = 2,  /* the status says so; a part of the bits is programmed */
    NOR_FAULT_ERASE_SILENT = 4,   /* nothing happens, the status is good */
    NOR_FAULT_PROGRAM_SILENT = 8, /* one bit is lost, the status is good */
    NOR_FAULT_READ_FLIPS = 16,    /* each read sees one random bit turned */
    NOR_FAULT_PROGRAM_DENIED = 32 /* the status says so, but all bits are programmed */
};

struct nor_counters {
    uint64_t reads, read_bytes;
    uint64_t programs, program_bytes;
    uint64_t erases, erase_bytes;
    uint64_t suspends;
    uint64_t read_ns, program_ns, erase_ns; /* read: as charged by the front */
};

struct nor_operation {
    enum { NOR_IDLE, NOR_PROGRAM, NOR_ERASE } kind;
    uint32_t address, bytes;
    uint64_t end_ns;       /* NOR_NEVER: the part stays busy */
    uint64_t remaining_ns; /* while suspended */
    uint64_t quiet_ns;     /* when a suspend takes effect */
    uint64_t resumed_ns;   /* when, if `resumed` */
    bool suspended, resumed;
    uint64_t number; /* 1 is the first program or erase of this part's life */
};

enum nor_trigger_kind {
    NOR_TRIGGER_NONE,
    NOR_TRIGGER_CUT,
    NOR_TRIGGER_MISDIRECT,
    NOR_TRIGGER_STICK,
    NOR_TRIGGER_LINGER,
    NOR_TRIGGER_FAIL,
    NOR_TRIGGER_LOSE
};

struct nor_trigger {
    enum nor_trigger_kind kind;
    uint64_t operation; /* the number of the operation that it hits */
    uint32_t argument;  /* enum nor_tear, an address, or a time */
};

/* One smallest erase unit. `stamp` names its contents: equal stamps, in any two parts of the process, mean equal cells,
 * so that nor_copy() copies only what differs. */
struct nor_unit {
    uint64_t stamp;
    uint32_t wear;  /* erases */
    uint8_t faults; /* enum nor_fault */
    bool weak;      /* by NOR_TEAR_WEAK */
    bool loose;     /* some bits of `loose` are set here */
};

struct nor {
    struct nor_config config;
    uint32_t unit_bytes, unit_count;
    uint64_t now_ns;
    uint64_t random;
    bool powered;
    int status; /* of the last operation that ended: 0 or -EIO */
    struct nor_operation operation;
    struct nor_counters counters;
    struct nor_trigger triggers[NOR_TRIGGERS];
    uint64_t operations;      /* programs and erases begun in this part's life */
    uint64_t read_fails;      /* reads until the one that fails; 0: none does */
    uint32_t read_fails_more; /* ... and behind it */
    unsigned violations;
    char violation_text[160]; /* of the first one */

    struct nor_unit *units;
    uint8_t *cells;             /* size_bytes; what a perfect read sees */
    uint8_t *loose;             /* size_bytes; bits that are drawn anew at each read */
    uint8_t *once;              /* a bit for each NOR_ONCE_BYTES: programmed since its erase */
    uint8_t data[NOR_PAGE_MAX]; /* of the program in flight */
};

/* IS25WP256 times (its SFDP table, typical) at any size; erases of 4, 32 and 64 KiB, suspend, 256-byte pages. */
struct nor_config nor_config_is25wp256(uint32_t size_bytes);

/* The same program and suspend times with one erase size of any power of two: small arrays for long campaigns.
 * Erase time is in proportion to 304 ms for 64 KiB. */
struct nor_config nor_config_blocks(uint32_t block_count, uint32_t block_bytes);

/* All cells erased, power on, time 0. Ends the test when memory is short or the configuration is no NOR. */
struct nor *nor_new(const struct nor_config *config);
void nor_free(struct nor *nor);

/* `to` becomes `from`, time and operation in flight included. Both of the same sizes. Costs what differs. */
void nor_copy(struct nor *to, const struct nor *from);

/* Starts the sequence of random choices anew. */
void nor_seed(struct nor *nor, uint64_t seed);

/* --- Operations: 0, or -EIO without power. Wrong use is a violation and then does nothing. --- */

int nor_read(struct nor *nor, uint32_t address, void *into, uint32_t bytes);
int nor_program_begin(struct nor *nor, uint32_t address, const void *from, uint32_t bytes);
int nor_erase_begin(struct nor *nor, uint32_t address, uint32_t bytes);

/* Is anything but a suspend or a status answered now? */
bool nor_busy(const struct nor *nor);
/* false: nothing to suspend, the operation has ended. Reads are possible when nor_busy() is false again. */
bool nor_suspend(struct nor *nor);
void nor_resume(struct nor *nor);

/* --- Time --- */

uint64_t nor_now_us(const struct nor *nor);
void nor_advance_ns(struct nor *nor, uint64_t ns);
/* To the end of the operation in flight. false: it is suspended or never ends; time stands still then. */
bool nor_advance_to_end(struct nor *nor);
/* Bus time; reads are charged so, too, in counters.read_ns. */
void nor_charge_ns(struct nor *nor, uint64_t ns);

/* --- Power --- */

/* Tears the operation in flight, if any, and ends everything with -EIO until power is on again. */
void nor_power_cut(struct nor *nor, enum nor_tear tear);
void nor_power_on(struct nor *nor);

/* --- Faults. `nth` counts programs (each page) and erases from now; 1 is the next one to begin. --- */

void nor_cut_at(struct nor *nor, uint64_t nth, enum nor_tear tear);
void nor_misdirect_at(struct nor *nor, uint64_t nth, uint32_t address); /* it hits another place */
void nor_stick_at(struct nor *nor, uint64_t nth);                       /* it never ends */
void nor_linger_at(struct nor *nor, uint64_t nth, uint32_t us);         /* it ends so much later */
void nor_fail_at(struct nor *nor, uint64_t nth);      /* done in part, or wholly, and the status says so */
void nor_lose_at(struct nor *nor, uint64_t nth);      /* not done, and the status is good */
void nor_fail_read_at(struct nor *nor, uint64_t nth); /* the nth read from now answers -EIO */
void nor_fail_reads_at(struct nor *nor, uint64_t nth, uint32_t count); /* and those behind it */
void nor_triggers_clear(struct nor *nor);

/* Adds `faults` (enum nor_fault, flags) to the units of the range; 0 heals them. */
void nor_set_faults(struct nor *nor, uint32_t address, uint32_t bytes, unsigned faults);
/* Turns bits at rest. */
void nor_flip(struct nor *nor, uint32_t address, uint8_t bits);
/* Turns `count` random bits of a range; the same bit may be hit twice. */
void nor_flip_random(struct nor *nor, uint32_t address, uint32_t bytes, unsigned count);
/* Makes bits marginal: drawn anew at each read, until erased. */
void nor_loosen(struct nor *nor, uint32_t address, uint8_t bits);

/* --- For tests --- */

/* Puts contents in place without time, wear or rules. */
void nor_load(struct nor *nor, uint32_t address, const void *from, uint32_t bytes);
uint32_t nor_wear(const struct nor *nor, uint32_t address);
void nor_wear_range(const struct nor *nor, uint32_t address, uint32_t bytes, uint32_t *least, uint32_t *most);
/* For fronts: a mistake of the caller. */
void nor_violation(struct nor *nor, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint64_t nor_random(struct nor *nor);

#endif
