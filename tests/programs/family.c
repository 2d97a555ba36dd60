/*
 * family CHILDREN PAGES: forks children that share memory copy-on-write, each changes its own copy, all at once, and
 * checks that it sees its own changes and nobody else's; then the parent checks its own.
 */
#include "common.h"

#include <sched.h>
#include <sys/wait.h>

#define PAGE 4096u

static char *memory;
static size_t pages;

static void change(char mark)
{
    for (size_t i = 0; i < pages; i++) {
        memory[i * PAGE + (size_t)mark] = mark;
        sched_yield();
    }
}

/* Each page: `before` from the parent in every byte, but for the place that `mark` names. */
static int unchanged_but(char mark)
{
    for (size_t i = 0; i < pages * PAGE; i++)
        if (memory[i] != (i % PAGE == (size_t)mark ? mark : 'p'))
            return 0;
    return 1;
}

int main(int count, char **arguments)
{
    int children = (int)number(count, arguments, 1, 4), good = 0;

    pages = number(count, arguments, 2, 32);
    memory = allocate(pages * PAGE);
    memset(memory, 'p', pages * PAGE);
    for (int i = 1; i <= children; i++) {
        pid_t id = fork();
        if (id < 0)
            die("family: fork %d: %s", i, strerror(errno));
        if (id == 0) {
            change((char)i);
            _exit(unchanged_but((char)i) ? 0 : 1);
        }
    }
    for (int i = 0; i < children; i++) {
        int status;
        good += wait(&status) > 0 && status == 0;
    }
    printf("family children=%d good=%d parent=%s\n", children, good, unchanged_but('p') ? "good" : "changed");
    return good != children || !unchanged_but('p');
}
