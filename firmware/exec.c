/* The perform half of exec: regions for what elf_decode() found, and the name of the program. */
#include "firmware/exec.h"

#include <errno.h>
#include <string.h>

#include "firmware/elf.h"
#include "firmware/exec_stack.h"
#include "firmware/linux/signal.h"
#include "firmware/linux/tree.h"
#include "firmware/pages.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

static const char *segment_name(const struct elf_segment *segment)
{
    return segment->protection & MAP_EXECUTE ? "text" : segment->protection & MAP_WRITE ? "data" : "rodata";
}

static int map_region(struct space *space, const struct map_request *request)
{
    int64_t address = MM_RETRY(space_map(space, request));

    return address < 0 ? (int)address : 0;
}

static int map_file_part(struct space *space, struct object *object, const struct elf_segment *segment)
{
    if (segment->file_bytes == 0)
        return 0;
    return map_region(space, &(struct map_request){
                                 .address = page_down(segment->start),
                                 .bytes = page_up(segment->start + segment->file_bytes) - page_down(segment->start),
                                 .protection = segment->protection,
                                 .flags = REGION_FIXED | REGION_NOREPLACE,
                                 .object = object,
                                 .offset = page_down(segment->file_offset),
                                 .name = segment_name(segment),
                             });
}

/* The rest of the last page that has bytes of the file, then whole pages. */
static int map_zeros(struct space *space, const struct elf_segment *segment)
{
    va_t zeros = segment->start + segment->file_bytes;
    va_t end = segment->start + segment->memory_bytes;
    va_t pages = segment->file_bytes ? page_up(zeros) : page_down(zeros);

    if (zeros == end)
        return 0;
    if (pages > zeros) {
        int error = (int)MM_RETRY(space_zero(space, zeros, (end < pages ? end : pages) - zeros));

        if (error)
            return error;
    }
    if (end <= pages)
        return 0;
    return map_region(space, &(struct map_request){
                                 .address = pages,
                                 .bytes = page_up(end) - pages,
                                 .protection = segment->protection,
                                 .flags = REGION_FIXED | REGION_NOREPLACE,
                                 .name = "bss",
                             });
}

static int map_image(struct space *space, struct object *object, const struct elf_image *image)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        int error = map_file_part(space, object, &image->segments[i]);

        if (!error)
            error = map_zeros(space, &image->segments[i]);
        if (error)
            return error;
    }
    return 0;
}

/* Decodes the file's first page, then the start of what it says for a dynamic linker; `page` is room for either. */
static int decode(struct object *object, void *page, struct elf_image *image, const char **why)
{
    int64_t bytes = MM_RETRY(object_read(object, 0, NULL, (va_t)page, ELF_HEADER_BYTES));

    *why = "its headers cannot be read";
    if (bytes < 0)
        return (int)bytes;
    int error = elf_decode(page, object_bytes(object), image, why);

    if (error || !image->dynamic_bytes)
        return error;
    bytes = image->dynamic_bytes < PAGE_BYTES ? (int64_t)image->dynamic_bytes : PAGE_BYTES;
    bytes = MM_RETRY(object_read(object, image->dynamic_offset, NULL, (va_t)page, (uint64_t)bytes));
    return bytes < 0 ? (int)bytes : elf_check_dynamic(page, (uint64_t)bytes, why);
}

static int read_image(struct object *object, struct elf_image *image, const char **why)
{
    pa_t frame;
    int error = (int)MM_RETRY(mm_frame_get(&frame));

    *why = "no memory";
    if (error)
        return error;
    error = decode(object, cpu_direct(frame), image, why);
    mm_frame_put(frame);
    return error;
}

static void take_name(struct exec_program *program, const char *path)
{
    const char *slash = strrchr(path, '/');

    memset(program->name, 0, sizeof(program->name));
    strncpy(program->name, slash ? slash + 1 : path, sizeof(program->name) - 1);
}

static const char *reason(int error)
{
    switch (error) {
    case -E2BIG:
        return "its arguments take too much room";
    case -EFAULT:
        return "its arguments cannot be read";
    case -EIO:
        return "the file cannot be read";
    case -EEXIST:
        return "a segment lies where the stack or the signals' return has to";
    default:
        return "more memory is promised already than there is";
    }
}

static int build(const struct process *process, struct object *object, const struct elf_image *image, const char *path,
                 const struct exec_strings *strings, struct exec_program *program)
{
    program->space = space_create(program->name);
    if (!program->space)
        return -ENOMEM;
    int error = space_limit(program->space, process->limits[LIMIT_AS].now);

    if (!error)
        error = map_image(program->space, object, image);
    if (!error)
        error = signal_map_return(program->space);
    if (!error)
        error = exec_stack_build(program->space, process, image, path, strings, &program->stack);
    if (error)
        space_put(program->space);
    return error;
}

int exec_load(const struct process *process, struct object *object, const char *path,
              const struct exec_strings *strings, struct exec_program *program, const char **why)
{
    struct elf_image image;
    int error = read_image(object, &image, why);

    if (error)
        return error;
    take_name(program, path);
    error = build(process, object, &image, path, strings, program);
    *why = reason(error);
    if (error)
        return error;
    program->inode = inode_of_object(object);
    program->entry = image.entry;
    *space_heap(program->space) = (struct space_heap){ .start = image.end, .end = image.end };
    return 0;
}
