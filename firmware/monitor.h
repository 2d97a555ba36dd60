/*
 * The monitor: a shell on the console for whoever wants to look into the machine, or to run programs by hand.
 *
 *      vellum> maps 4
 *
 * It runs in a kernel thread of its own; what it shows is consistent, since nothing else runs while a command prints.
 *
 * Locking: the kernel lock; sleeps for input.
 */
#ifndef FIRMWARE_MONITOR_H
#define FIRMWARE_MONITOR_H

#include "hal/flash.h"

/* What the monitor cannot do by mm.h and store.h alone. */
struct monitor_host {
    struct flash *flash;      /* NULL: there is none */
    void (*statistics)(void); /* prints `stats key=value ...` */
    int (*sync)(void);        /* everything durable, now */
    /* Makes the partition an empty store; a running one is not replaced. Says itself what came of it. */
    int (*format)(bool anyway);
};

/* Returns when the user wants the machine to stop, or at the end of input. */
void monitor_run(const struct monitor_host *host);

#endif
