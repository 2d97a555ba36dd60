/* zlib_run FILE: the file through deflate and inflate at every level; prints the sizes and a checksum of what came back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

static unsigned char *read_all(const char *path, uLong *bytes)
{
    FILE *file = fopen(path, "rb");
    unsigned char *data;

    if (!file || fseek(file, 0, SEEK_END))
        exit(2);
    *bytes = (uLong)ftell(file);
    rewind(file);
    data = malloc(*bytes);
    if (!data || fread(data, 1, *bytes, file) != *bytes)
        exit(2);
    fclose(file);
    return data;
}

int main(int count, char **words)
{
    uLong bytes, room;
    unsigned char *data = read_all(count > 1 ? words[1] : "", &bytes), *packed, *again;

    room = compressBound(bytes);
    packed = malloc(room);
    again = malloc(bytes);
    for (int level = 1; level <= 9; level += 4) {
        uLong size = room, back = bytes;

        if (compress2(packed, &size, data, bytes, level) != Z_OK || uncompress(again, &back, packed, size) != Z_OK)
            return 1;
        printf("%d %lu %08lx %s\n", level, size, crc32(0, again, (uInt)back),
               memcmp(data, again, bytes) ? "DIFFERS" : "same");
    }
    return 0;
}
