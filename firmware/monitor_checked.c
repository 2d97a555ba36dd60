/*
 * The monitor for a machine: checked commands, one answer each.
 *
 *      #ID COMMAND WORD ...*CRC        ID: up to 8 characters, another one for each command
 *      = ID RESULT NONCE               RESULT: what monitor_commands.h says; NONCE: of this boot
 *
 * A line that is not whole is never executed, and answered with the id `-`. A line with the id of the one before is that
 * command sent again, because its answer was lost: it is answered again and not executed again.
 */
#include "firmware/monitor_checked.h"

#include <errno.h>
#include <string.h>

#include "firmware/console.h"
#include "firmware/log.h"
#include "firmware/monitor_commands.h"
#include "firmware/monitor_line.h"
#include "firmware/random.h"
#include "firmware/record.h"

#define CRC_BYTES 9u /* '*' and eight digits */
#define ID_BYTES  8u
#define INTERRUPT 0x03 /* Ctrl-C: what was typed is forgotten */

static struct {
    uint64_t nonce;
    char id[ID_BYTES + 1]; /* of the last command */
    int result;            /* its */
} session;

static void answer(const char *id, int result)
{
    char text[64];
    size_t bytes = text_format(text, sizeof(text), "%s %d %016lx\n", id, result, session.nonce);

    console_write(CONSOLE_ANSWER, text, (uint32_t)bytes);
}

/* Its length, with what did not fit; sleeps for input. */
static size_t read_line(char line[MONITOR_LINE_BYTES])
{
    size_t length = 0;

    for (;;) {
        int byte = monitor_read_byte();

        if (byte == INTERRUPT)
            length = 0;
        else if (byte != '\n' && byte != '\r')
            line[length++ % MONITOR_LINE_BYTES] = (char)byte;
        else if (length)
            return length;
    }
}

/* Cuts a line into its id (at line + 1) and its words, which are returned; NULL: it is not whole. */
static char *take_apart(char line[MONITOR_LINE_BYTES], size_t length)
{
    char crc[CRC_BYTES + 1];

    if (length < 1 + CRC_BYTES || length >= MONITOR_LINE_BYTES || line[0] != '#')
        return NULL;
    length -= CRC_BYTES;
    text_format(crc, sizeof(crc), "*%08x", record_crc(0, line + 1, length - 1));
    if (memcmp(line + length, crc, CRC_BYTES) != 0)
        return NULL;
    line[length] = 0;
    char *end = strchr(line, ' ');

    if (!end || end == line + 1 || end - line > (ptrdiff_t)ID_BYTES + 1)
        return NULL;
    *end = 0;
    return end + 1;
}

void monitor_run_checked(const struct monitor_host *host)
{
    char line[MONITOR_LINE_BYTES];

    random_fill(&session.nonce, sizeof(session.nonce));
    answer("boot", 0);
    while (!monitor_is_halting()) {
        char *words = take_apart(line, read_line(line));

        if (!words) {
            answer("-", -EIO);
            continue;
        }
        if (strcmp(session.id, line + 1) != 0) {
            memcpy(session.id, line + 1, (size_t)(words - line - 1));
            session.result = monitor_execute(host, words);
        }
        answer(session.id, session.result);
    }
}
