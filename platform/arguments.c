/*
 * The boot arguments: what /chosen/bootargs says to the firmware, and the command line behind it (platform/probe.h).
 */
#include <stddef.h>
#include <string.h>

#include "platform/probe.h"

/* The next word of `text`, behind *at; false at the end or at the word `--`, with *at behind that. */
static bool next_word(const char **at, const char **word, size_t *length)
{
    *at += strspn(*at, " ");
    *word = *at;
    *length = strcspn(*at, " ");
    *at += *length;
    return *length != 0 && !(*length == 2 && memcmp(*word, "--", 2) == 0);
}

const char *platform_argument(const struct platform *platform, const char *key, uint32_t *bytes)
{
    const char *at = platform->bootargs, *word, *found = NULL;
    size_t length, key_length = strlen(key);

    while (next_word(&at, &word, &length)) {
        if (length > key_length && memcmp(word, key, key_length) == 0 && word[key_length] == '=') {
            found = word + key_length + 1;
            *bytes = (uint32_t)(length - key_length - 1);
        }
    }
    return found;
}

bool platform_argument_is(const struct platform *platform, const char *key, const char *word)
{
    uint32_t bytes;
    const char *value = platform_argument(platform, key, &bytes);

    return value && bytes == strlen(word) && memcmp(value, word, bytes) == 0;
}

static uint32_t digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return (uint32_t)(digit - '0');
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? (uint32_t)(digit - 'a' + 10) : UINT32_MAX;
}

uint64_t platform_argument_number(const struct platform *platform, const char *key, uint64_t otherwise)
{
    uint32_t bytes, base = 10;
    const char *value = platform_argument(platform, key, &bytes);
    uint64_t number = 0;

    if (value && bytes > 2 && value[0] == '0' && value[1] == 'x') {
        base = 16;
        value += 2;
        bytes -= 2;
    }
    if (!value || bytes == 0)
        return otherwise;
    for (uint32_t i = 0; i < bytes; i++) {
        uint32_t digit = digit_value(value[i]);

        if (digit >= base || number > (UINT64_MAX - digit) / base)
            return otherwise;
        number = number * base + digit;
    }
    return number;
}

const char *platform_command(const struct platform *platform)
{
    const char *at = platform->bootargs, *word;
    size_t length;

    while (next_word(&at, &word, &length))
        ;
    return at + strspn(at, " ");
}
