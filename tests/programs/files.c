/*
 * files [KIB]: makes, fills, renames, maps, lists and removes files and directories, and checks each step.
 */
#include "common.h"

#include <dirent.h>

#define CHECK(condition) ((condition) ? (void)0 : die("files: line %d: %s (%s)", __LINE__, #condition, strerror(errno)))

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 31 + i / 4096);
}

static void write_file(const char *path, size_t bytes)
{
    uint8_t buffer[1000];
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0640);

    CHECK(file >= 0);
    for (size_t at = 0; at < bytes;) {
        size_t part = bytes - at < sizeof buffer ? bytes - at : sizeof buffer;
        for (size_t i = 0; i < part; i++)
            buffer[i] = byte_at(at + i);
        CHECK(write(file, buffer, part) == (ssize_t)part);
        at += part;
    }
    CHECK(fsync(file) == 0);
    CHECK(close(file) == 0);
}

static void check_file(const char *path, size_t bytes)
{
    struct stat status;
    int file = open(path, O_RDONLY);

    CHECK(file >= 0 && fstat(file, &status) == 0);
    CHECK((size_t)status.st_size == bytes && S_ISREG(status.st_mode));
    const uint8_t *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, 0);
    CHECK(at != MAP_FAILED);
    for (size_t i = 0; i < bytes; i++)
        CHECK(at[i] == byte_at(i));
    CHECK(munmap((void *)(uintptr_t)at, bytes) == 0);
    CHECK(close(file) == 0);
}

static unsigned entries(const char *path)
{
    unsigned found = 0;
    DIR *directory = opendir(path);

    CHECK(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        found += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return found;
}

/* A shared mapping and the file are the same bytes. */
static void write_through_map(const char *path, size_t bytes)
{
    int file = open(path, O_RDWR);
    uint8_t *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    uint8_t was = byte_at(bytes / 2), got;

    CHECK(file >= 0 && at != MAP_FAILED);
    at[bytes / 2] = (uint8_t)(was + 1);
    CHECK(pread(file, &got, 1, (off_t)(bytes / 2)) == 1 && got == (uint8_t)(was + 1));
    got = was;
    CHECK(pwrite(file, &got, 1, (off_t)(bytes / 2)) == 1);
    CHECK(at[bytes / 2] == was);
    CHECK(msync(at, bytes, MS_SYNC) == 0);
    munmap(at, bytes);
    close(file);
}

int main(int count, char **arguments)
{
    size_t bytes = number(count, arguments, 1, 64) * 1024 + 7;
    struct stat status;

    CHECK(mkdir("work", 0755) == 0 && mkdir("work/inner", 0755) == 0);
    write_file("work/first", bytes);
    check_file("work/first", bytes);
    CHECK(open("work/first", O_WRONLY | O_CREAT | O_EXCL, 0640) == -1 && errno == EEXIST);
    CHECK(rename("work/first", "work/inner/second") == 0);
    CHECK(stat("work/first", &status) == -1 && errno == ENOENT);
    write_through_map("work/inner/second", bytes);
    check_file("work/inner/second", bytes);
    CHECK(truncate("work/inner/second", 5000) == 0);
    check_file("work/inner/second", 5000);
    CHECK(entries("work") == 1 && entries("work/inner") == 1);
    CHECK(rmdir("work/inner") == -1 && errno == ENOTEMPTY);
    CHECK(unlink("work/inner/second") == 0 && rmdir("work/inner") == 0 && rmdir("work") == 0);
    CHECK(stat("work", &status) == -1 && errno == ENOENT);
    printf("files bytes=%zu good\n", bytes);
    return 0;
}
