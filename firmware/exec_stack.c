/* Building a program's first stack. */
#include "firmware/exec_stack.h"

#include <errno.h>
#include <string.h>

#include "firmware/linux/abi.h"
#include "firmware/linux/sigframe.h"
#include "firmware/pages.h"
#include "firmware/random.h"
#include "firmware/usercopy.h"

#define STACK_TOP SIGNAL_RETURN

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

/* One array of pointers; what is before `first` does not count. */
struct string_list {
    struct space *space;
    va_t array;
    uint64_t first;
};

/* Where lists are copied to, one after the other. */
struct copier {
    struct space *to;
    va_t pointers; /* where the next pointer goes */
    va_t strings;  /* where the next string goes */
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

/* Adds the list to `size`. */
static int measure(const struct string_list *list, struct list_size *size)
{
    for (uint64_t i = list->first; list->array; i++) {
        va_t string;
        int error = read_pointer(list->space, list->array, i, &string);

        if (error)
            return error;
        if (!string)
            break;
        int64_t bytes = string_bytes(list->space, string, EXEC_STRINGS_MAX);

        if (bytes < 0)
            return (int)bytes;
        size->count++;
        size->bytes += (uint64_t)bytes;
        if (size->bytes + 8 * size->count > EXEC_STRINGS_MAX)
            return -E2BIG;
    }
    return 0;
}

static int copy_string(struct copier *copier, struct space *from, va_t string)
{
    char chunk[CHUNK_BYTES];
    const char *end;

    do {
        uint64_t here = CHUNK_BYTES - string % CHUNK_BYTES;
        int error = copy_in(from, chunk, string, here);

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

/* Copies up to `most` strings and writes pointers to the copies; how many, or an errno. */
static int64_t copy_list(struct copier *copier, const struct string_list *list, uint64_t most)
{
    uint64_t count = 0;

    for (; list->array && count < most; count++) {
        va_t string, to = copier->strings;
        int error = read_pointer(list->space, list->array, list->first + count, &string);

        if (!error && !string)
            break;
        if (!error)
            error = copy_string(copier, list->space, string);
        if (!error)
            error = copy_out(copier->to, copier->pointers, &to, 8);
        if (error)
            return error;
        copier->pointers += 8;
    }
    return (int64_t)count;
}

/* Both lists make one array of the stack, `count` pointers and a NULL. */
static int copy_lists(struct copier *copier, const struct string_list *lists, unsigned list_count, uint64_t count)
{
    for (unsigned i = 0; i < list_count; i++) {
        int64_t copied = copy_list(copier, &lists[i], count);

        if (copied < 0)
            return (int)copied;
        count -= (uint64_t)copied;
    }
    if (count)
        return -EFAULT; /* another thread has made it shorter since it was measured */
    copier->pointers += 8;
    return copy_out(copier->to, copier->pointers - 8, &(uint64_t){ 0 }, 8);
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
                                                    .address = STACK_TOP - bytes,
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
    const struct string_list arguments[] = { { NULL, (va_t)strings->before, 0 },
                                             { strings->space, strings->arguments, strings->before ? 1 : 0 } };
    const struct string_list environment = { strings->space, strings->environment, 0 };
    struct list_size argument_size = { 0, 0 }, environment_size = { 0, 0 };
    uint8_t random[RANDOM_BYTES];
    uint64_t path_bytes = strlen(path) + 1;
    int error = measure(&arguments[0], &argument_size);

    if (!error)
        error = measure(&arguments[1], &argument_size);
    if (!error)
        error = measure(&environment, &environment_size);
    if (error)
        return error;
    va_t path_at = STACK_TOP - 8 - path_bytes;
    va_t strings_at = path_at - environment_size.bytes - argument_size.bytes;
    va_t random_at = strings_at - RANDOM_BYTES;
    uint64_t words = 1 + argument_size.count + 1 + environment_size.count + 1 + 2 * AUXILIARY_PAIRS;
    va_t sp = (random_at - 8 * words) & ~15ull;
    struct copier copier = { space, sp + 8, strings_at, path_at };

    random_fill(random, sizeof(random));
    error = map_stack(space, STACK_TOP - sp, process->limits[LIMIT_STACK].now);
    if (!error)
        error = copy_out(space, sp, &argument_size.count, 8);
    if (!error)
        error = copy_lists(&copier, arguments, 2, argument_size.count);
    if (!error)
        error = copy_lists(&copier, &environment, 1, environment_size.count);
    if (!error)
        error = copy_out(space, path_at, path, path_bytes);
    if (!error)
        error = copy_out(space, random_at, random, sizeof(random));
    if (!error)
        error = write_auxiliary(space, copier.pointers, process, image, random_at, path_at);
    *stack = sp;
    return error;
}
