/*
 * keep write PATH KIB SEED: writes a file and syncs it.      keep check PATH KIB SEED: reads it back.
 * keep remove PATH: removes it, durably.
 * keep fill PATH: writes files PATH.0, PATH.1 ... until there is no room, removes them, and writes one again.
 */
#include "common.h"

#define CHUNK 4096u

static void make_chunk(uint8_t *chunk, uint64_t seed, uint64_t index)
{
    uint64_t state = (seed << 32 | index) + 1;

    for (unsigned i = 0; i < CHUNK; i++)
        chunk[i] = (uint8_t)(random_next(&state) >> 56);
}

/* 0, or the errno of what did not go. */
static int write_file(const char *path, uint64_t kib, uint64_t seed)
{
    uint8_t chunk[CHUNK];
    int error = 0, file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (file < 0)
        return errno;
    for (uint64_t i = 0; i < kib / 4 && error == 0; i++) {
        make_chunk(chunk, seed, i);
        ssize_t put = write(file, chunk, CHUNK);
        if (put != CHUNK)
            error = put < 0 ? errno : ENOSPC;
    }
    if (error == 0 && fsync(file) != 0)
        error = errno;
    if (close(file) != 0 && error == 0)
        error = errno;
    return error;
}

static void check_file(const char *path, uint64_t kib, uint64_t seed)
{
    uint8_t chunk[CHUNK], got[CHUNK];
    int file = open(path, O_RDONLY);

    if (file < 0)
        die("keep: %s: %s", path, strerror(errno));
    for (uint64_t i = 0; i < kib / 4; i++) {
        make_chunk(chunk, seed, i);
        ssize_t read_bytes = read(file, got, CHUNK);

        if (read_bytes < 0)
            die("keep: %s: %s", path, strerror(errno));
        if (read_bytes != CHUNK || memcmp(chunk, got, CHUNK) != 0)
            die("keep: %s: chunk %llu is not what was written", path, (unsigned long long)i);
    }
    if (read(file, got, 1) != 0)
        die("keep: %s: longer than it was written", path);
    close(file); /* or its room would stay taken when its name is gone */
}

static void fill(const char *path)
{
    char name[64];
    unsigned files = 0;
    int error;

    do
        snprintf(name, sizeof name, "%s.%u", path, files);
    while ((error = write_file(name, 1024, files)) == 0 && ++files < 1000);
    printf("full after %u MiB: %s\n", files, strerror(error));
    if (error != ENOSPC)
        die("keep: not refused for want of room");
    for (unsigned i = 0; i < files; i++) {
        snprintf(name, sizeof name, "%s.%u", path, i);
        check_file(name, 1024, i);
    }
    for (unsigned i = 0; i <= files; i++) {
        snprintf(name, sizeof name, "%s.%u", path, i);
        unlink(name);
    }
    sync();
    error = write_file(path, 1024, 7777);
    if (error != 0)
        die("keep: still no room after all were removed: %s", strerror(error));
    check_file(path, 1024, 7777);
    printf("keep fill good\n");
}

int main(int count, char **arguments)
{
    const char *verb = count > 2 ? arguments[1] : "";
    uint64_t kib = number(count, arguments, 3, 64), seed = number(count, arguments, 4, 1);

    if (strcmp(verb, "write") == 0) {
        int error = write_file(arguments[2], kib, seed);
        if (error != 0)
            die("keep: %s: %s", arguments[2], strerror(error));
    } else if (strcmp(verb, "check") == 0) {
        check_file(arguments[2], kib, seed);
    } else if (strcmp(verb, "remove") == 0) {
        if (unlink(arguments[2]) != 0)
            die("keep: %s: %s", arguments[2], strerror(errno));
        sync();
    } else if (strcmp(verb, "fill") == 0) {
        fill(arguments[2]);
        return 0;
    } else {
        die("usage: keep write|check PATH KIB SEED, keep remove|fill PATH");
    }
    printf("keep %s %s good\n", verb, arguments[2]);
    return 0;
}
