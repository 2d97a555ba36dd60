/*
 * ASSERT is for our own bugs only, never for a task's or the medium's fault, and stays in releases.
 */
#ifndef MM_ASSERT_H
#define MM_ASSERT_H

/* Prints where, what stands there being left to the source, with the machine's state, and does not return. The firmware and the host each define it. */
_Noreturn void assert_failed(const char *file, int line);

#define ASSERT(condition) ((condition) ? (void)0 : assert_failed(__FILE__, __LINE__))

#endif
