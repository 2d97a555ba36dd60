/*
 * Process groups, sessions, and who of them has the console.
 *
 *      session (setsid) --> process groups (setpgid): one of them is in the foreground (TIOCSPGRP) and may read the
 *                           console; its keys' signals go there
 *
 * The console belongs to one session at a time: to the first program that the firmware starts while nobody has it, or
 * to a session leader that asks (TIOCSCTTY). Who belongs to another session may use it freely.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_LINUX_JOB_CONTROL_H
#define FIRMWARE_LINUX_JOB_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/process.h"

/* ---- For the console ---- */

/* A key of the console (SIGINT, SIGQUIT, SIGTSTP) or its news (SIGWINCH); from interrupts too. False: nobody has it. */
bool job_key(int signal);
/*
 * Before the calling task reads from the console (SIGTTIN), or writes or changes it (SIGTTOU): 0 it may; -EINTR its
 * group was sent the signal; -EIO it is in the background and cannot be stopped. Writing under no TOSTOP: not to be asked.
 */
int job_check(int signal) MUST_CHECK;
/* TIOCGPGRP, TIOCGSID, TIOCSPGRP, TIOCSCTTY, TIOCNOTTY. -ENOTTY: not the caller's console; -EPERM, -ESRCH. */
int job_foreground(uint32_t *group) MUST_CHECK;
int job_console_session(uint32_t *session) MUST_CHECK;
int job_set_foreground(uint32_t group) MUST_CHECK;
int job_take_console(bool steal) MUST_CHECK;
int job_leave_console(void) MUST_CHECK;
/* Whether the calling task's session has the console: /dev/tty opens. */
bool job_has_console(void);

/* ---- For processes ---- */

/* A program that the firmware starts: it gets the console if that is free. */
void job_offer_console(struct process *process);
/* The program has the console now, whoever had it: the monitor's user waits for it. */
void job_give_console(struct process *process);
/* Nobody in the session, but outside the group, is parent of one of the group: nobody could continue it. */
bool job_is_orphaned(uint32_t group, uint32_t session);
/* The process ends: its own group and those of its children may be orphaned now, its session without its leader. */
void job_leave(struct process *process);

#endif
