/* Building a program's first stack. */
#include "firmware/exec_stack.h"

#include <errno.h>
#include <string.h>

#include "firmware/linux/abi.h"
#include "firmware/pages.h"
#include "firmware/random.h"
#include "firmware/usercopy.h"

#define RANDOM_BYTES    16u
#define CHUNK_BYTES     64u /* of a string at a time; divides the page, so a chunk lies in one page */
#define AUXILIARY_PAIRS 18u

/* AT_HWCAP: one bit a letter of the ISA; what programs may count on. */
#define LETTER(c)     (1ull << ((c) - 'a'))
#define HWCAP_INTEGER (LETTER('i') | LETTER('m') | LETTER('a') | LETTER('c'))
#define HWCAP_FLOAT   (LETTER('f') | LETTER('d'))

struct list_size {
    uint64_t count, bytes;
};

/* One of the two lists, as it is copied. */
struct copier {
    struct space *from, *to;
    va_t strings; /* where the next string goes */
    va_t strings_end;
};

static int read_pointer(struct space *space, va_t array, uint64_t index, va_t *pointer)
{
    return copy_in(space, pointer, array + 8 * index, sizeof(*pointer));
}

/* Bytes of the string with its final 0; at most `most`. */
static int64_t string_bytes(struct space *space, va_t string, uint64_t most)
{
    char chunk[CHUNK_BYTES];
    uint64_t done = 0;

    while (done < most) {
        uint64_t here = CHUNK_BYTES - (string + done) % CHUNK_BYTES;
        int error = copy_in(space, chunk, string + done, here);

        if (error)
            return error;
        const char *end = memchr(chunk, 0, here);

        if (end)
            return (int64_t)(done + (uint64_t)(end - chunk) + 1);
        done += here;
    }
    return -E2BIG;
}

static int measure(struct space *space, va_t array, struct list_size *size)
{
    *size = (struct list_size){ 0, 0 };
    while (array) {
        va_t string;
        int error = read_pointer(space, array, size->count, &string);

        if (error)
            return error;
        if (!string)
            break;
        int64_t bytes = string_bytes(space, string, EXEC_STRINGS_MAX);

        if (bytes < 0)
            return (int)bytes;
        size->count++;
        size->bytes += (uint64_t)bytes;
        if (size->bytes + 8 * size->count > EXEC_STRINGS_MAX)
            return -E2BIG;
    }
    return 0;
}

static int copy_string(struct copier *copier, va_t string)
{
    char chunk[CHUNK_BYTES];
    const char *end;

    do {
        uint64_t here = CHUNK_BYTES - string % CHUNK_BYTES;
        int error = copy_in(copier->from, chunk, string, here);

        if (error)
            return error;
        end = memchr(chunk, 0, here);
        uint64_t bytes = end ? (uint64_t)(end - chunk) + 1 : here;

        if (bytes > copier->strings_end - copier->strings)
            return -E2BIG; /* another thread has made it longer since it was measured */
        error = copy_out(copier->to, copier->strings, chunk, bytes);
        if (error)
            return error;
        copier->strings += bytes;
        string += here;
    } while (!end);
    return 0;
}

/* Copies the strings and writes the array of their new addresses to `to_array`, with the final NULL. */
static int copy_list(struct copier *copier, va_t array, uint64_t count, va_t to_array)
{
    for (uint64_t i = 0; i < count; i++) {
        va_t string = 0;
        int error = copy_out(copier->to, to_array + 8 * i, &copier->strings, 8);

        if (!error)
            error = read_pointer(copier->from, array, i, &string);
        if (!error)
            error = copy_string(copier, string);
        if (error)
            return error;
    }
    return copy_out(copier->to, to_array + 8 * count, &(uint64_t){ 0 }, 8);
}

static int write_auxiliary(struct space *space, va_t at, const struct process *process, const struct elf_image *image,
                           va_t random, va_t path)
{
    uint64_t hwcap = HWCAP_INTEGER | (hart_current()->has_float ? HWCAP_FLOAT : 0);
    const uint64_t pairs[AUXILIARY_PAIRS][2] = {
        { LINUX_AT_HWCAP, hwcap },
        { LINUX_AT_PAGESZ, PAGE_BYTES },
        { LINUX_AT_CLKTCK, LINUX_CLOCK_TICKS_HZ },
        { LINUX_AT_PHDR, image->program_headers },
        { LINUX_AT_PHENT, ELF_PROGRAM_HEADER_BYTES },
        { LINUX_AT_PHNUM, image->program_header_count },
        { LINUX_AT_BASE, 0 },
        { LINUX_AT_FLAGS, 0 },
        { LINUX_AT_ENTRY, image->entry },
        { LINUX_AT_UID, process->uid },
        { LINUX_AT_EUID, process->euid },
        { LINUX_AT_GID, process->gid },
        { LINUX_AT_EGID, process->egid },
        { LINUX_AT_SECURE, 0 },
        { LINUX_AT_RANDOM, random },
        { LINUX_AT_EXECFN, path },
        { LINUX_AT_NULL, 0 },
    };

    return copy_out(space, at, pairs, sizeof(pairs));
}

static int map_stack(struct space *space, uint64_t bytes, uint64_t limit)
{
    if (limit > EXEC_STACK_LIMIT)
        limit = EXEC_STACK_LIMIT;
    bytes = page_up(bytes + PAGE_BYTES); /* one page to begin with */
    if (bytes > limit)
        return -E2BIG;
    int64_t address = MM_RETRY(space_map(space, &(struct map_request){
                                                    .address = USER_TOP - bytes,
                                                    .bytes = bytes,
                                                    .protection = MAP_READ | MAP_WRITE,
                                                    .flags = REGION_FIXED | REGION_NOREPLACE | REGION_GROWSDOWN,
                                                    .limit_bytes = limit,
                                                    .name = "stack",
                                                }));

    return address < 0 ? (int)address : 0;
}

int exec_stack_build(struct space *space, const struct process *process, const struct elf_image *image,
                     const char *path, const struct exec_strings *strings, va_t *stack)
{
    struct list_size arguments, environment;
    uint8_t random[RANDOM_BYTES];
    uint64_t path_bytes = strlen(path) + 1;
    int error = measure(strings->space, strings->arguments, &arguments);

    if (!error)
        error = measure(strings->space, strings->environment, &environment);
    if (error)
        return error;
    va_t path_at = USER_TOP - 8 - path_bytes;
    va_t strings_at = path_at - environment.bytes - arguments.bytes;
    va_t random_at = strings_at - RANDOM_BYTES;
    uint64_t words = 1 + arguments.count + 1 + environment.count + 1 + 2 * AUXILIARY_PAIRS;
    va_t sp = (random_at - 8 * words) & ~15ull;
    va_t environment_at = sp + 8 * (arguments.count + 2);
    struct copier copier = { strings->space, space, strings_at, path_at };

    random_fill(random, sizeof(random));
    error = map_stack(space, USER_TOP - sp, process->limits[LIMIT_STACK].now);
    if (!error)
        error = copy_out(space, sp, &arguments.count, 8);
    if (!error)
        error = copy_list(&copier, strings->arguments, arguments.count, sp + 8);
    if (!error)
        error = copy_list(&copier, strings->environment, environment.count, environment_at);
    if (!error)
        error = copy_out(space, path_at, path, path_bytes);
    if (!error)
        error = copy_out(space, random_at, random, sizeof(random));
    if (!error)
        error = write_auxiliary(space, environment_at + 8 * (environment.count + 1), process, image, random_at,
                                path_at);
    *stack = sp;
    return error;
}
