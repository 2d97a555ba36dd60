/* Limits of a process (getrlimit(2)): what is asked before memory is given. */
#ifndef FIRMWARE_LINUX_LIMIT_H
#define FIRMWARE_LINUX_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the calling process may have so many bytes more of private writable memory. */
bool limit_allows_data(uint64_t bytes);

/* Whether it may lock so many more: 0, -ENOMEM beyond its limit, -EPERM when the limit is 0. */
int limit_check_locked(uint64_t bytes);

/* All it has mapped. */
uint64_t limit_mapped_bytes(void);

#endif
