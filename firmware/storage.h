/*
 * The store of this boot: on the partition of the flash when there is one with a store in it, otherwise of the tail in
 * RAM alone. Nothing is ever formatted unasked: by the monitor, or where it is blank by the boot argument format=blank.
 */
#ifndef FIRMWARE_STORAGE_H
#define FIRMWARE_STORAGE_H

#include "hal/flash.h"
#include "platform/probe.h"

/* Opens the store and gives it to the memory code; `flash` may be NULL. Lines say what was found. 0, or -ENOMEM. */
int storage_open(const struct platform *platform, struct flash *flash) __attribute__((warn_unused_result));

/*
 * For the monitor: makes the partition an empty store for the next boot. Refused (-EPERM) while a store on it runs, and
 * unless `anyway` where something lies in a range that nothing marks as ours.
 */
int storage_format(bool anyway);
/*
 * Names: to be told after every node_make(), node_remove(), node_rename(). They are durable after the next commit, which
 * comes with the next sync of a file's contents, or by storage_commit().
 */
void storage_names_changed(void);
/* Both sleep; -EIO, -ENOSPC, -ENOMEM. Names alone, if there are changes; everything. */
int storage_commit(void) __attribute__((warn_unused_result));
int storage_sync(void) __attribute__((warn_unused_result));

#endif
