/*
 * The commands of the monitor. Each gets its words, the command's own name first, and prints what it has to say as
 * plain text on the console. It returns 0, or a negative errno value and has said what was wrong; `run` returns the
 * program's wait status when it is not 0 (firmware/process.h).
 */
#ifndef FIRMWARE_MONITOR_COMMANDS_H
#define FIRMWARE_MONITOR_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/monitor.h"
#include "firmware/process.h"

#define MONITOR_WORDS_MAX 12u

typedef int monitor_command(const struct monitor_host *host, unsigned count, const char *const *words);

/* monitor_tasks.c */
monitor_command monitor_ps, monitor_start, monitor_kill;
void monitor_reap(void); /* tells of background tasks that have ended, and forgets them */

/* monitor_memory.c */
monitor_command monitor_maps, monitor_pte, monitor_memory, monitor_free, monitor_check, monitor_panic;

/* monitor_store.c */
monitor_command monitor_log, monitor_files, monitor_wear, monitor_blocks, monitor_swap_on, monitor_swap_off;

/* inject.c */
monitor_command monitor_inject;

/*
 * Executes a line, which it cuts into words, and tells of background tasks that have ended. What the command returns;
 * -ENOENT: there is none of that name, -EINVAL: it lacks words, -E2BIG: it has too many.
 */
int monitor_execute(const struct monitor_host *host, char *line);
/* Whether a command has asked the machine to stop. */
bool monitor_is_halting(void);

/* Text on standard output, with printf's formats as firmware/log.h has them. */
void monitor_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A number in decimal or, after 0x, hexadecimal. False, and a line about it, when it is none. */
bool monitor_number(const char *word, uint64_t *number);

/* The process with the id in the word; NULL, and a line about it, when there is none or it has no space any more. */
struct process *monitor_process(const char *word);

#endif
