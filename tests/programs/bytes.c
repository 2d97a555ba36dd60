/*
 * bytes: all byte values on standard output and, in reverse, on standard error, in turns: what a console must not touch.
 */
#include "common.h"

int main(void)
{
    uint8_t all[256], reverse[256];

    for (unsigned i = 0; i < 256; i++) {
        all[i] = (uint8_t)i;
        reverse[255 - i] = (uint8_t)i;
    }
    for (unsigned i = 0; i < 4; i++)
        if (write(STDOUT_FILENO, all, sizeof all) != sizeof all ||
            write(STDERR_FILENO, reverse, sizeof reverse) != sizeof reverse)
            return 1;
    return 0;
}
