/*
 * Signals: sending, and what happens to those that wait when a task is on its way to user mode.
 *
 *      signal_send...()  ->  queue of a thread or of a process  ->  signal_deliver()  -+-> handler (sigframe.c)
 *         ignored: dropped      pending bits + records                                 +-> stop (stop.c)
 *                                                                                      +-> end of the process
 *
 * A system call that was to sleep and finds a signal answers -EINTR. Whether the program sees that or the call begins
 * again is decided at delivery, by the call's number (deliver.c), so no call has to know.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_LINUX_SIGNAL_H
#define FIRMWARE_LINUX_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/linux/abi_process.h"
#include "firmware/process.h"

#define SIGNAL_BIT(signal) (1ull << ((signal)-1))
#define SIGNALS_STOP \
    (SIGNAL_BIT(LINUX_SIGSTOP) | SIGNAL_BIT(LINUX_SIGTSTP) | SIGNAL_BIT(LINUX_SIGTTIN) | SIGNAL_BIT(LINUX_SIGTTOU))
#define SIGNALS_UNBLOCKABLE (SIGNAL_BIT(LINUX_SIGKILL) | SIGNAL_BIT(LINUX_SIGSTOP))

/* ---- Sending. `signal` in 1..SIGNALS. Never sleeps; also from interrupts. ---- */

/* From the firmware: to the process as a whole, for any of its threads; to one thread; to all of a process group. */
void signal_send(struct process *process, int signal);
void signal_send_thread(struct task *task, int signal);
unsigned signal_send_group(uint32_t group, int signal); /* how many processes */
/* The same with all that is to be known; `task` NULL: the process as a whole. -EAGAIN: too many wait already. */
int signal_send_info(struct process *process, struct task *task, const struct linux_siginfo *info);
/* The same without what SIGKILL, SIGCONT and the stop signals do at once. 0: there was nobody to take it. */
int signal_queue_info(struct process *process, struct task *task, const struct linux_siginfo *info);

/* ---- Faults ---- */

/* The calling task's exception. True: its handler will run; false: it has none and is to end. */
bool signal_fault(int signal, int code, va_t address, uint64_t cause);

/* ---- Taking ---- */

/* For ATTENTION_SIGNAL, which it clears: the calling task's signals that are not blocked take effect. */
void signal_deliver(struct trap_frame *frame);

/* Takes the next signal of `wanted` out of the calling task's queues, its own first; 0: none. */
int signal_take(uint64_t wanted, struct linux_siginfo *info);
/* Those of the calling task and its process that wait. */
uint64_t signal_pending(void);
void signal_queue_clear(struct process *process, struct signal_queue *queue, uint64_t signals);
/* Whether the signal would do nothing. */
bool signal_is_ignored(const struct process *process, int signal);
/* How many records there are, for the check at the end of a run. */
uint32_t signal_records(void);

/* ---- Masks: those of the calling task ---- */

void signal_set_mask(uint64_t blocked);
/* Reads a sigset_t. -EINVAL, -EFAULT. */
int signal_read_mask(va_t from, uint64_t bytes, uint64_t *mask) MUST_CHECK;
/*
 * For calls that take a mask for their time (ppoll, pselect6): signal_mask_begin() first, `mask` 0: none;
 * signal_mask_end() with the result last. After -EINTR the old mask comes back when the handler is set up.
 */
int signal_mask_begin(va_t mask, uint64_t bytes) MUST_CHECK;
int64_t signal_mask_end(int64_t result);

/* ---- Handlers: sigframe.c ---- */

/* Maps the page that handlers return to into a new program's space. */
int signal_map_return(struct space *space) MUST_CHECK;
/* Gives the page up, until the next program: nobody has it mapped. */
void signal_drop_return(void);
/* Prepares the calling task to run the handler; -EFAULT: its stack cannot take the frame. */
int signal_push_frame(struct trap_frame *frame, const struct signal_action *action, const struct linux_siginfo *info,
                      uint64_t saved_mask) MUST_CHECK;

/* ---- Stopping: stop.c ---- */

void signal_stop(struct process *process, int signal); /* begins it; the caller is one of its threads */
void signal_continue(struct process *process);
/* The calling thread rests until its process goes on or ends. */
void signal_rest(void);
/* A thread has come to rest or left: perhaps it was the last one. */
void signal_stop_check(struct process *process);
/* To the parent, the signal that it asked for: with si_code and si_status. */
void signal_tell_end(struct process *process, int code, int status);

#endif
