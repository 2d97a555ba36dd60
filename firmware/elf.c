/* Decoding of ELF headers; every number in them is taken for hostile. */
#include "firmware/elf.h"

#include <errno.h>
#include <string.h>

#include "firmware/pages.h"
#include "mm/mm.h"

struct elf_header {
    uint8_t magic[4];
    uint8_t class, encoding, identification_version, abi, abi_version, padding[7];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_bytes, program_entry_bytes, program_count, section_entry_bytes, section_count, section_names;
};
_Static_assert(sizeof(struct elf_header) == 64, "Elf64_Ehdr");

struct elf_program_header {
    uint32_t type, flags;
    uint64_t offset, virtual, physical, file_bytes, memory_bytes, alignment;
};
_Static_assert(sizeof(struct elf_program_header) == ELF_PROGRAM_HEADER_BYTES, "Elf64_Phdr");

enum { CLASS_64 = 2, ENCODING_LITTLE = 1, VERSION = 1, TYPE_EXECUTABLE = 2, TYPE_SHARED = 3, MACHINE_RISCV = 243 };
struct elf_dynamic {
    int64_t tag;
    uint64_t value;
};

enum { SEGMENT_LOAD = 1, SEGMENT_DYNAMIC = 2, SEGMENT_INTERPRETER = 3 };
enum { DYNAMIC_END = 0, DYNAMIC_NEEDED = 1 };
enum { FLAG_EXECUTE = 1, FLAG_WRITE = 2, FLAG_READ = 4 };
#define RISCV_FLAG_RVE 8u

static const char dynamically_linked[] = "dynamically linked: link it with -static";

/* Why this header cannot be that of a program for us; NULL: it can. */
static const char *refuse_header(const struct elf_header *header, uint64_t file_bytes)
{
    uint64_t shown = file_bytes < ELF_HEADER_BYTES ? file_bytes : ELF_HEADER_BYTES;

    if (file_bytes < 4 || memcmp(header->magic, "\177ELF", 4) != 0)
        return "not an ELF file";
    if (file_bytes < sizeof(*header))
        return "truncated: the ELF header is not complete";
    if (header->class != CLASS_64)
        return "not a 64-bit program";
    if (header->encoding != ENCODING_LITTLE)
        return "not a little-endian program";
    if (header->machine != MACHINE_RISCV)
        return "a program for another machine than RISC-V";
    if (header->identification_version != VERSION || header->version != VERSION)
        return "an unknown version of ELF";
    if (header->type != TYPE_EXECUTABLE && header->type != TYPE_SHARED)
        return "not a program (an object file?)";
    if (header->flags & RISCV_FLAG_RVE)
        return "a program for the embedded (RVE) register set";
    if (header->program_entry_bytes != ELF_PROGRAM_HEADER_BYTES || header->program_count == 0)
        return "no program headers of a size that is known";
    uint64_t bytes = (uint64_t)header->program_count * ELF_PROGRAM_HEADER_BYTES;

    if (header->program_offset % 8 || header->program_offset > shown || bytes > shown - header->program_offset)
        return shown < ELF_HEADER_BYTES ? "truncated: the program headers are not complete"
                                        : "the program headers are not in the file's first page";
    return NULL;
}

/* Sizes and places; `base` is added to addresses. */
static const char *refuse_place(const struct elf_program_header *header, uint64_t base, uint64_t file_bytes)
{
    if (header->offset > file_bytes || header->file_bytes > file_bytes - header->offset)
        return "truncated: a segment goes on beyond the end of the file";
    if (header->file_bytes > header->memory_bytes)
        return "a segment has more bytes in the file than in memory";
    if (header->virtual % PAGE_BYTES != header->offset % PAGE_BYTES)
        return "a segment is not aligned to pages";
    if (header->virtual > USER_TOP - base || header->memory_bytes > USER_TOP - base - header->virtual)
        return "a segment reaches beyond user space";
    if (base + header->virtual < USER_BASE)
        return "a segment lies below the lowest user address";
    return NULL;
}

static const char *refuse_segment(const struct elf_program_header *header, const struct elf_image *image, uint64_t base,
                                  uint64_t file_bytes)
{
    const char *why = refuse_place(header, base, file_bytes);

    if (why)
        return why;
    if (image->segment_count == ELF_SEGMENTS_MAX)
        return "too many segments";
    if ((header->flags & FLAG_WRITE) && (header->flags & FLAG_EXECUTE))
        return "a segment is writable and executable";
    if (header->memory_bytes > header->file_bytes && !(header->flags & FLAG_WRITE))
        return "a segment has zeros behind its bytes but is not writable";
    if (page_down(base + header->virtual) < image->end)
        return "segments overlap, share a page, or are not in order";
    return NULL;
}

static void add_segment(struct elf_image *image, const struct elf_program_header *header, uint64_t base)
{
    struct elf_segment *segment = &image->segments[image->segment_count++];

    *segment = (struct elf_segment){
        .start = base + header->virtual,
        .file_offset = header->offset,
        .file_bytes = header->file_bytes,
        .memory_bytes = header->memory_bytes,
        .protection = (header->flags & FLAG_READ ? (uint32_t)MAP_READ : 0u) |
                      (header->flags & FLAG_WRITE ? (uint32_t)(MAP_READ | MAP_WRITE) : 0u) |
                      (header->flags & FLAG_EXECUTE ? (uint32_t)MAP_EXECUTE : 0u),
    };
    image->end = page_up(segment->start + segment->memory_bytes);
}

/* Where the program headers are once the program is mapped. */
static void find_program_headers(struct elf_image *image, const struct elf_header *header)
{
    uint64_t bytes = (uint64_t)header->program_count * ELF_PROGRAM_HEADER_BYTES;

    image->program_header_count = header->program_count;
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        uint64_t offset = header->program_offset - segment->file_offset;

        if (header->program_offset >= segment->file_offset && offset <= segment->file_bytes &&
            bytes <= segment->file_bytes - offset)
            image->program_headers = segment->start + offset;
    }
}

static bool entry_is_code(const struct elf_image *image)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];

        if (segment->protection & MAP_EXECUTE && image->entry >= segment->start &&
            image->entry - segment->start < segment->file_bytes)
            return image->entry % 2 == 0;
    }
    return false;
}

static const char *decode(const struct elf_header *header, uint64_t file_bytes, struct elf_image *image)
{
    const struct elf_program_header *program = (const void *)((const char *)header + header->program_offset);
    uint64_t base = header->type == TYPE_SHARED ? ELF_PIE_BASE : 0;

    image->position_independent = header->type == TYPE_SHARED;
    for (unsigned i = 0; i < header->program_count; i++) {
        if (program[i].type == SEGMENT_INTERPRETER)
            return dynamically_linked;
        if (program[i].type == SEGMENT_DYNAMIC) {
            image->dynamic_offset = program[i].offset;
            image->dynamic_bytes = program[i].file_bytes;
        }
        if (program[i].type != SEGMENT_LOAD || program[i].memory_bytes == 0)
            continue;
        const char *why = refuse_segment(&program[i], image, base, file_bytes);

        if (why)
            return why;
        add_segment(image, &program[i], base);
    }
    if (header->entry > USER_TOP)
        return "the entry is not in the code";
    image->entry = base + header->entry;
    if (!entry_is_code(image))
        return "the entry is not in the code";
    find_program_headers(image, header);
    return NULL;
}

int elf_decode(const void *header, uint64_t file_bytes, struct elf_image *image, const char **why)
{
    *image = (struct elf_image){ 0 };
    *why = refuse_header(header, file_bytes);
    if (!*why)
        *why = decode(header, file_bytes, image);
    return *why ? -ENOEXEC : 0;
}

int elf_check_dynamic(const void *dynamic, uint64_t bytes, const char **why)
{
    const struct elf_dynamic *entry = dynamic;

    *why = dynamically_linked;
    for (uint64_t i = 0; i < bytes / sizeof(*entry) && entry[i].tag != DYNAMIC_END; i++)
        if (entry[i].tag == DYNAMIC_NEEDED)
            return -ENOEXEC;
    return 0;
}
