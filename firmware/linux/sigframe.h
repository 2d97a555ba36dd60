/* Where the page lies that signal handlers return to: the topmost one; the stack begins below it. */
#ifndef FIRMWARE_LINUX_SIGFRAME_H
#define FIRMWARE_LINUX_SIGFRAME_H

#include "mm/mm.h"

#define SIGNAL_RETURN (USER_TOP - PAGE_BYTES)

#endif
