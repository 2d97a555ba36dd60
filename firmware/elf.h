/*
 * Reading an ELF header: what a program wants mapped, or why it cannot run here. Looks at bytes alone, touches nothing.
 *
 * "System V Application Binary Interface", edition 4.1 with the ELF-64 additions; "RISC-V ELF psABI Specification", 1.0.
 */
#ifndef FIRMWARE_ELF_H
#define FIRMWARE_ELF_H

#include <stdbool.h>
#include <stdint.h>

#include "hal/cpu.h"

/* How much of a file's start has to be shown; the program headers have to lie in it. */
#define ELF_HEADER_BYTES         4096u
#define ELF_SEGMENTS_MAX         8u
#define ELF_PROGRAM_HEADER_BYTES 56u
/* Where position-independent programs are put. */
#define ELF_PIE_BASE 0x2000000000ull

struct elf_segment {
    va_t start; /* start and file_offset are equal modulo the page size */
    uint64_t file_offset, file_bytes;
    uint64_t memory_bytes; /* >= file_bytes; the rest is zeros */
    uint32_t protection;   /* MAP_READ ... of mm.h, never WRITE with EXECUTE */
};

/* Segments are in rising order, no two share a page, all lie between USER_BASE and USER_TOP. */
struct elf_image {
    va_t entry;
    va_t program_headers; /* in memory; 0: no segment holds them */
    uint16_t program_header_count;
    bool position_independent;
    uint8_t segment_count;
    va_t end;                               /* after the last segment, page aligned */
    uint64_t dynamic_offset, dynamic_bytes; /* what a dynamic linker reads, in the file; 0 bytes: there is none */
    struct elf_segment segments[ELF_SEGMENTS_MAX];
};

/*
 * `header`: the first min(file_bytes, ELF_HEADER_BYTES) bytes, aligned to 8. 0, or -ENOEXEC with `*why` in words.
 */
int elf_decode(const void *header, uint64_t file_bytes, struct elf_image *image, const char **why)
    __attribute__((warn_unused_result));

/*
 * Of a dynamic section's first bytes: -ENOEXEC if the program needs libraries (linkers name these first). It would only go
 * wrong later, and say less.
 */
int elf_check_dynamic(const void *dynamic, uint64_t bytes, const char **why) __attribute__((warn_unused_result));

#endif
