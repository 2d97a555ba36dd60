/*
 * The seed that the store keeps for the next boot. A board without a source of its own is given a strong one here, once;
 * each boot then makes the next one of it.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "platform/image/commands.h"

bool command_seed(struct image *image, int count, char **arguments)
{
    struct store_seed next = { .strong = true };
    uint8_t none[STORE_SEED_BYTES] = { 0 }; /* no swap is written here, so no key is used */
    (void)count, (void)arguments;

    if (getrandom(next.bytes, sizeof next.bytes, 0) != sizeof next.bytes)
        return image_fail("the host gives no random bytes: %s", strerror(errno));
    store_seed_set(image->store, none, &next);
    int error = IMAGE_RETRY(image, store_commit(image->store));
    if (error != 0)
        return image_fail("%s: cannot keep a seed: %s", image->path, strerror(-error));
    image_settle(image);
    return true;
}
