/* codec_expand() of a payload that a hostile medium made; and what is compressed has to come back. */
#include "mm/store/codec.h"
#include "tests/fuzz/fuzz.h"

static void there_and_back(const uint8_t *data, size_t size)
{
    static _Alignas(8) uint8_t page[4096], payload[CODEC_PAYLOAD_MAX_BYTES], again[4096];
    enum codec_method method;

    for (size_t i = 0; i < sizeof(page); i++)
        page[i] = size ? data[i % size] : 0;
    uint32_t bytes = codec_compress(page, payload, &method);

    require(bytes <= CODEC_PAYLOAD_MAX_BYTES);
    require(codec_expand(method, payload, bytes, again) == 0);
    require(memcmp(page, again, sizeof(page)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(8) uint8_t page[4096];
    struct input input = { data, size };
    enum codec_method method = (enum codec_method)(take(&input, 1) % 4);

    if (method == CODEC_RAW) {
        there_and_back(input.at, input.left);
    } else {
        void *payload = copy_of(input.at, input.left);

        (void)!codec_expand(method, payload, (uint32_t)input.left, page);
        free(payload);
    }
    return 0;
}
