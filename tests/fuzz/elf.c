/* elf_decode(): two bytes say how much longer the file is than what is shown. */
#include "firmware/elf.h"
#include "mm/mm.h"
#include "tests/fuzz/fuzz.h"

static void check_image(const struct elf_image *image, uint64_t file_bytes)
{
    bool entry_in_code = false;
    va_t end = USER_BASE;

    require(image->segment_count <= ELF_SEGMENTS_MAX);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        bool writable = segment->protection & MAP_WRITE, executable = segment->protection & MAP_EXECUTE;

        require(segment->start >= end && segment->memory_bytes <= USER_TOP - segment->start);
        require(segment->file_bytes <= segment->memory_bytes && !(writable && executable));
        require(segment->file_offset <= file_bytes && segment->file_bytes <= file_bytes - segment->file_offset);
        require(segment->start % PAGE_BYTES == segment->file_offset % PAGE_BYTES);
        entry_in_code |= executable && image->entry >= segment->start &&
                         image->entry - segment->start < segment->file_bytes;
        end = (segment->start + segment->memory_bytes + PAGE_BYTES - 1) & ~(va_t)(PAGE_BYTES - 1);
    }
    require(entry_in_code && image->end == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = { data, size };
    uint64_t more = take(&input, 2) << (size % 40);
    size_t shown = input.left < ELF_HEADER_BYTES ? input.left : ELF_HEADER_BYTES;
    struct elf_image image;
    const char *why;
    void *header = copy_of(input.at, shown);
    uint64_t file_bytes = shown < ELF_HEADER_BYTES ? shown : shown + more;

    if (elf_decode(header, file_bytes, &image, &why) == 0)
        check_image(&image, file_bytes);
    else
        require(why != NULL);
    require(elf_check_dynamic(header, shown, &why) == 0 || why != NULL);
    free(header);
    return 0;
}
