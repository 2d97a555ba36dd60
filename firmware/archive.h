/*
 * Files that a boot stage has loaded behind the firmware (/chosen/linux,initrd-start): put into the store before anything
 * runs. A file that is there already with the same contents is left alone, so that booting costs no wear.
 *
 * Locking: the kernel lock; may sleep.
 */
#ifndef FIRMWARE_ARCHIVE_H
#define FIRMWARE_ARCHIVE_H

#include "platform/probe.h"

/* Lines say what was done. Files that do not fit are left out; the rest of a broken archive is. */
void archive_unpack(struct fdt_range archive);

#endif
