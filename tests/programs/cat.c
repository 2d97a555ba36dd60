/*
 * cat [FILE ...]: files, or standard input, to standard output, byte by byte as they are. `-e` first: to standard error.
 */
#include "common.h"

static void copy(int from, int to)
{
    static char buffer[16384];
    ssize_t got;

    while ((got = read(from, buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0; done < got;) {
            ssize_t put = write(to, buffer + done, (size_t)(got - done));
            if (put <= 0)
                die("cat: write: %s", strerror(errno));
            done += put;
        }
    if (got < 0)
        die("cat: read: %s", strerror(errno));
}

int main(int count, char **arguments)
{
    int first = count > 1 && strcmp(arguments[1], "-e") == 0 ? 2 : 1;
    int to = first == 2 ? STDERR_FILENO : STDOUT_FILENO;

    if (first == count)
        copy(STDIN_FILENO, to);
    for (int i = first; i < count; i++) {
        int file = open(arguments[i], O_RDONLY);
        if (file < 0)
            die("cat: %s: %s", arguments[i], strerror(errno));
        copy(file, to);
        close(file);
    }
    return 0;
}
