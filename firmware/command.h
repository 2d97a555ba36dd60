/*
 * Command lines of the boot arguments and of the monitor: programs of the store and their arguments.
 *
 *      sort big.txt ; hash big.txt & hash other.txt
 *
 * `;` waits for what was begun before it, `&` does not; the end of the line waits for all. '...' and "..." hold spaces
 * and separators together, a backslash outside of '...' takes the next byte as it is.
 */
#ifndef FIRMWARE_COMMAND_H
#define FIRMWARE_COMMAND_H

/*
 * For kernel threads; sleeps until all have ended. The status of the last group that was waited for: 0 when all of it
 * ended with 0, else that of its last program that did not. A program that cannot be begun counts as one with 127 (no
 * such file) or 126, and a line says why.
 */
int command_run(const char *line);

#endif
