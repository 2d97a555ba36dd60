/*
 * Checked lines: how the console speaks to a machine that must never take damage for a result (tests/hil/PROTOCOL.md).
 *
 *      #0000002aohello, world\0a*fbbc0adf
 *       |       ||               CRC-32 (ISO 3309, as in zlib) of all between '#' and '*'
 *       |       |a part of the stream: bytes outside 0x20 to 0x7e, and '\', as '\' and two hexadecimal digits
 *       |       the stream: 'o' standard output, 'e' standard error, 'v' firmware lines, '=' answers to commands
 *       the number of the line since boot
 *
 * Each stream is a sequence of bytes, cut into lines: at its newlines, where another stream speaks, and where a line
 * gets long. A line is in the open until somebody ends it.
 *
 * Locking: the kernel lock; the panic report writes at any time.
 */
#ifndef FIRMWARE_RECORD_H
#define FIRMWARE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_OUT      'o'
#define RECORD_ERROR    'e'
#define RECORD_FIRMWARE 'v'
#define RECORD_ANSWER   '='

/* One byte of a stream, by `send`. */
void record_put(void (*send)(uint8_t byte), char stream, uint8_t byte);
/* Nothing more comes for now: the open line, if any, is ended. */
void record_end(void (*send)(uint8_t byte));

/* CRC-32: of `bytes` at `data` behind what gave `crc` (0 at the start). */
uint32_t record_crc(uint32_t crc, const void *data, size_t bytes);

#endif
