/* Taking command lines apart, and running them. */
#include "firmware/command.h"

#include <errno.h>
#include <string.h>

#include "firmware/linux/file.h"
#include "firmware/linux/tty.h"
#include "firmware/log.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

#define WORDS_MAX           32u
#define PROGRAMS_MAX        16u
#define STATUS_NOT_FOUND    127
#define STATUS_NOT_RUNNABLE 126

/* The line is unquoted in place: a word never grows. */
struct line {
    char *read, *write;
    char separator; /* the one behind the last word: ';', '&', or 0 at the end; ' ': none */
};

struct group {
    struct process *of[PROGRAMS_MAX];
    unsigned count;
    int status;
};

static bool ends_word(char c)
{
    return c == 0 || c == ' ' || c == '\t' || c == ';' || c == '&';
}

/* Copies one word with its quotes taken off. */
static void unquote(struct line *line)
{
    char quote = 0;

    for (; *line->read && (quote || !ends_word(*line->read)); line->read++) {
        char c = *line->read;

        if (quote ? c == quote : c == '\'' || c == '"')
            quote = quote ? 0 : c;
        else if (c == '\\' && quote != '\'' && line->read[1])
            *line->write++ = *++line->read;
        else
            *line->write++ = c;
    }
}

/* The next word up to a separator; NULL: there is none. */
static char *next_word(struct line *line)
{
    if (line->separator != ' ')
        return NULL;
    line->read += strspn(line->read, " \t");
    line->write = line->read;
    char *word = line->write;
    bool is_word = !ends_word(*line->read);

    unquote(line);
    line->separator = *line->read == '\t' ? ' ' : *line->read;
    if (line->separator)
        line->read++;
    *line->write = 0;
    return is_word ? word : NULL;
}

/* The words up to a separator; how many there are, of which WORDS_MAX are kept. */
static unsigned next_command(struct line *line, const char *words[WORDS_MAX + 1])
{
    unsigned count = 0;
    char *word;

    line->separator = ' ';
    for (; (word = next_word(line)) != NULL; count++)
        if (count < WORDS_MAX)
            words[count] = word;
    words[count < WORDS_MAX ? count : WORDS_MAX] = NULL;
    return count;
}

static void group_wait(struct group *group)
{
    for (unsigned i = 0; i < group->count; i++) {
        int status = process_shell_status(process_wait(group->of[i]));

        if (status)
            group->status = status;
    }
    group->count = 0;
}

static void begin(struct group *group, unsigned count, const char *const *words)
{
    struct files *files = NULL;
    const char *why = "no memory";
    int error = -ENOMEM;

    if (group->count == PROGRAMS_MAX) {
        log_line("%s waits: no more than %u programs run side by side", words[0], PROGRAMS_MAX);
        group_wait(group);
    }
    if (count > WORDS_MAX)
        why = "too many words";
    else
        files = files_new_console();
    if (files) {
        error = process_spawn(words[0], words, files, &group->of[group->count], &why);
        files_put(files);
    }
    if (!error) {
        group->count++;
        return;
    }
    log_line("cannot run %s: %s", words[0], why);
    group->status = error == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUNNABLE;
}

static int run_all(char *text)
{
    const char *words[WORDS_MAX + 1];
    struct line line = { .read = text, .separator = ' ' };
    struct group group = { .count = 0 };
    char before = ';';

    do {
        if (before == ';')
            group.status = 0;
        unsigned count = next_command(&line, words);

        if (count)
            begin(&group, count, words);
        before = line.separator;
        if (line.separator != '&')
            group_wait(&group);
    } while (line.separator);
    return group.status;
}

int command_run(const char *text)
{
    pa_t frame;
    int status = STATUS_NOT_RUNNABLE;

    if (strlen(text) >= PAGE_BYTES || MM_RETRY(mm_frame_get(&frame))) {
        log_line("the command line is too long, or no memory is left");
        return status;
    }
    tty_begin(false);
    status = run_all(strcpy(cpu_direct(frame), text));
    tty_end();
    mm_frame_put(frame);
    return status;
}
