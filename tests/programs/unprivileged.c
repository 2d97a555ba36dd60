/*
 * unprivileged PROGRAM ARGUMENTS ...: the program as somebody who is not root and may lock no memory. What locks all it has
 * when it is allowed to (memtester) is then paged like any other.
 */
#include "common.h"

#include <sys/resource.h>

int main(int count, char **arguments)
{
    struct rlimit none = { 0, 0 };

    if (count < 2)
        die("usage: unprivileged PROGRAM ARGUMENTS ...");
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || setresuid(1000, 1000, 1000) != 0)
        die("unprivileged: %s", strerror(errno));
    execv(arguments[1], arguments + 1);
    die("%s: %s", arguments[1], strerror(errno));
}
