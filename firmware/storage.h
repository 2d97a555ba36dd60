/*
 * The store of this boot: on the partition of the flash when there is one with a store in it, otherwise of the tail in
 * RAM alone. Nothing is ever formatted unasked.
 */
#ifndef FIRMWARE_STORAGE_H
#define FIRMWARE_STORAGE_H

#include "hal/flash.h"
#include "platform/probe.h"

/* Opens the store and gives it to the memory code; `flash` may be NULL. Lines say what was found. 0, or -ENOMEM. */
int storage_open(const struct platform *platform, struct flash *flash) __attribute__((warn_unused_result));

/* For the monitor: makes the partition an empty store for the next boot. Refused while a store on it runs. */
void storage_format(void);
/* Makes every file durable. 0 or -EIO, -ENOSPC. */
int storage_sync(void) __attribute__((warn_unused_result));

#endif
