/*
 * Page compression: a 4 KiB page to and from the payload of a log record.
 *
 *      CODEC_FILL   8 bytes: the page is this pattern, repeated
 *      CODEC_LZ4    one LZ4 block ("LZ4 Block Format Description", lz4 project, 2022-07), 15 to 3,840 bytes
 *      CODEC_RAW    4,096 bytes: LZ4 would not save a sixteenth
 *
 * The values are part of the record format: they are stored with the payload.
 *
 * Built for cores that trap on a misaligned access: every load and store wider than a byte is aligned. Pages and
 * payloads start on a multiple of 8 bytes (asserted). Little-endian, as RISC-V is.
 *
 * Locking: codec_compress() owns one static table of 8 KiB and is called under the kernel lock; codec_expand() has no state.
 */
#ifndef MM_STORE_CODEC_H
#define MM_STORE_CODEC_H

#include <stdint.h>

#define CODEC_PAYLOAD_MAX_BYTES 4096u

enum codec_method { CODEC_RAW, CODEC_LZ4, CODEC_FILL };

/*
 * Compresses `page` into `out`, which has room for CODEC_PAYLOAD_MAX_BYTES; what lies behind the payload is scratch.
 * Returns the payload's bytes and sets `*method`. The result depends on the page alone.
 */
uint32_t codec_compress(const void *page, void *out, enum codec_method *method);

/*
 * The way back: 0, and exactly one page is written. -EILSEQ: not a payload of this method; `page` then holds rubbish.
 * `method`, `in` and `bytes` may come from a hostile medium: nothing outside in[0, bytes) is read, nothing outside
 * the page is written, and no byte of what the page held before can come back as a success.
 */
int codec_expand(enum codec_method method, const void *in, uint32_t bytes, void *page)
    __attribute__((warn_unused_result));

#endif
