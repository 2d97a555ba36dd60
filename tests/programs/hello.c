/*
 * hello [WORD ...]: the first program; prints its arguments, one a line.
 */
#include "common.h"

int main(int count, char **arguments)
{
    printf("hello, world\n");
    for (int i = 1; i < count; i++)
        printf("%d: %s\n", i, arguments[i]);
    return 0;
}
