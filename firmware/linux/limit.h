/* Limits of a process (getrlimit(2)): what is asked before memory is given. */
#ifndef FIRMWARE_LINUX_LIMIT_H
#define FIRMWARE_LINUX_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the calling process may have so many bytes more of private writable memory, or locked. */
bool limit_allows_data(uint64_t bytes);
bool limit_allows_locked(uint64_t bytes);

#endif
