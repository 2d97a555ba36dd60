/* The monitor for a machine at the other end of the console, instead of monitor_run()'s: see monitor_checked.c. */
#ifndef FIRMWARE_MONITOR_CHECKED_H
#define FIRMWARE_MONITOR_CHECKED_H

#include "firmware/monitor.h"

/* Returns when a command has asked to stop. */
void monitor_run_checked(const struct monitor_host *host);

#endif
