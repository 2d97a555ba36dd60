/*
 * random: what the system gives as random bytes, in hexadecimal, a line for each way: AT_RANDOM, getrandom, /dev/urandom.
 */
#include <sys/auxv.h>
#include <sys/random.h>

#include "common.h"

static void show(const void *from, size_t count)
{
    const uint8_t *bytes = from;

    for (size_t i = 0; i < count; i++)
        printf("%02x", bytes[i]);
    printf("\n");
}

int main(void)
{
    uint8_t bytes[32];
    int file = open("/dev/urandom", O_RDONLY);

    show((const void *)getauxval(AT_RANDOM), 16);
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        die("random: getrandom: %s", strerror(errno));
    show(bytes, sizeof bytes);
    if (file < 0 || read(file, bytes, sizeof bytes) != sizeof bytes)
        die("random: /dev/urandom: %s", strerror(errno));
    show(bytes, sizeof bytes);
    return 0;
}
