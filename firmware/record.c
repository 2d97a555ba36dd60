/* Checked lines, written as they come: nothing is kept but the number, the stream and the CRC so far. */
#include "firmware/record.h"

#define LINE_BYTES 96u /* of a stream, in one line */
#define ESCAPE     '\\'
#define HEX_DIGITS "0123456789abcdef"
#define POLYNOMIAL 0xedb88320u /* ISO 3309, bits reflected */

static struct {
    char stream; /* of the open line; 0: there is none */
    uint32_t bytes, crc, number;
} line;

uint32_t record_crc(uint32_t crc, const void *data, size_t bytes)
{
    const uint8_t *from = data;

    crc = ~crc;
    while (bytes--) {
        crc ^= *from++;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (POLYNOMIAL & -(crc & 1));
    }
    return ~crc;
}

static void put(void (*send)(uint8_t byte), uint8_t byte)
{
    line.crc = record_crc(line.crc, &byte, 1);
    send(byte);
}

static void put_hex(void (*send)(uint8_t byte), uint32_t number, unsigned digits)
{
    while (digits--)
        put(send, (uint8_t)HEX_DIGITS[number >> 4 * digits & 15]);
}

static void begin(void (*send)(uint8_t byte), char stream)
{
    send('#');
    line.crc = line.bytes = 0;
    line.stream = stream;
    put_hex(send, line.number++, 8);
    put(send, (uint8_t)stream);
}

void record_end(void (*send)(uint8_t byte))
{
    if (!line.stream)
        return;
    line.stream = 0;
    send('*');
    put_hex(send, line.crc, 8);
    send('\n');
}

void record_put(void (*send)(uint8_t byte), char stream, uint8_t byte)
{
    if (line.stream != stream) {
        record_end(send);
        begin(send, stream);
    }
    if (byte >= ' ' && byte <= '~' && byte != ESCAPE) {
        put(send, byte);
    } else {
        put(send, ESCAPE);
        put_hex(send, byte, 2);
    }
    if (byte == '\n' || ++line.bytes == LINE_BYTES)
        record_end(send);
}
