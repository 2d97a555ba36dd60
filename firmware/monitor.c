/* The monitor's loop for people, its table of commands, and what they share. */
#include "firmware/monitor.h"

#include <errno.h>
#include <string.h>

#include "firmware/console.h"
#include "firmware/log.h"
#include "firmware/monitor_commands.h"
#include "firmware/monitor_line.h"
#include "firmware/usercopy.h"

static monitor_command help, statistics, uptime, format, sync, halt;

static bool halting;

static const struct entry {
    const char *name, *arguments, *help;
    unsigned least; /* arguments that it cannot do without */
    monitor_command *run;
} commands[] = {
    { "help", "[COMMAND]", "this list", 0, help },
    { "ps", "", "processes", 0, monitor_ps },
    { "run", "PROGRAM [ARGUMENT ...] [&]", "runs a program of the store; Ctrl-C interrupts it", 1, monitor_start },
    { "kill", "TASK [SIGNAL]", "sends a signal, SIGTERM (15) by itself", 1, monitor_kill },
    { "maps", "TASK", "regions, and where their pages are", 1, monitor_maps },
    { "pte", "TASK ADDRESS", "the page-table walk, level by level", 2, monitor_pte },
    { "mem", "", "frames, promises, faults", 0, monitor_memory },
    { "free", "", "memory and swap in short", 0, monitor_free },
    { "log", "", "tail, slots and records", 0, monitor_log },
    { "files", "[PATH]", "the files of a directory", 0, monitor_files },
    { "blocks", "", "each erase block: state, stream, live bytes", 0, monitor_blocks },
    { "wear", "", "erases of each block", 0, monitor_wear },
    { "stats", "", "all counters, as at the end of a run", 0, statistics },
    { "check", "[quick]", "executes the invariants, reads all records on flash", 0, monitor_check },
    { "swapon", "[BLOCKS]", "swap on flash, in all blocks or so many", 0, monitor_swap_on },
    { "swapoff", "", "no more swap on flash", 0, monitor_swap_off },
    { "sync", "", "files to flash", 0, sync },
    { "format", "yes|anyway", "makes the partition an empty store; what it holds is lost", 0, format },
    { "panic", "", "what the panic before this boot said", 0, monitor_panic },
    { "uptime", "", "time since boot", 0, uptime },
    { "inject", "[clear | panic | EFFECT TARGET [KEY N ...] | flip WHAT [TASK] ADDRESS BIT]",
      "faults on purpose: fail|delay|corrupt|tear|busy|cut|misplace read|program|erase, fail frame|page|copy, "
      "lose|storm timer|external; nth|every|share|times|seed|from|bytes|us N; flip pte|frame|slot|record|flash",
      0, monitor_inject },
    { "halt", "", "syncs and powers off", 0, halt },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_byte(void *context, char byte)
{
    (void)context;
    console_write(CONSOLE_OUT, &byte, 1);
}

void monitor_print(const char *format_text, ...)
{
    va_list arguments;

    va_start(arguments, format_text);
    text_put(print_byte, NULL, format_text, arguments);
    va_end(arguments);
}

static unsigned digit_of(char letter)
{
    if (letter >= '0' && letter <= '9')
        return (unsigned)(letter - '0');
    letter |= 0x20;
    return letter >= 'a' && letter <= 'f' ? (unsigned)(letter - 'a' + 10) : 99;
}

bool monitor_number(const char *word, uint64_t *number)
{
    unsigned base = word[0] == '0' && (word[1] | 0x20) == 'x' ? 16 : 10;
    const char *at = base == 16 ? word + 2 : word;

    *number = 0;
    for (; *at && digit_of(*at) < base; at++)
        if (__builtin_mul_overflow(*number, base, number) || __builtin_add_overflow(*number, digit_of(*at), number))
            break;
    if (*at == 0 && at[-1] != 'x' && at != word)
        return true;
    monitor_print("%s is not a number\n", word);
    return false;
}

struct process *monitor_process(const char *word)
{
    struct process *process = NULL;
    uint64_t id;

    if (!monitor_number(word, &id))
        return NULL;
    if (id <= UINT32_MAX)
        process = process_find((uint32_t)id);
    if (process && process->space)
        return process;
    monitor_print("no task %s; `ps` shows them\n", word);
    return NULL;
}

/* ---- Small commands ---- */

static int unknown(const char *name)
{
    monitor_print("no command %s; `help` lists them\n", name);
    return -ENOENT;
}

static int help(const struct monitor_host *host, unsigned count, const char *const *words)
{
    int error = count < 2 ? 0 : -ENOENT;

    (void)host;
    for (const struct entry *entry = commands; entry < commands + COMMANDS; entry++) {
        if (count > 1 && strcmp(words[1], entry->name) != 0)
            continue;
        monitor_print("%-8s%-28s%s\n", entry->name, entry->arguments, entry->help);
        error = 0;
    }
    return error ? unknown(words[1]) : 0;
}

static int statistics(const struct monitor_host *host, unsigned count, const char *const *words)
{
    (void)count, (void)words;
    host->statistics();
    return 0;
}

static int uptime(const struct monitor_host *host, unsigned count, const char *const *words)
{
    uint64_t ms = timer_ns_from_ticks(timer_now()) / 1000000;

    (void)host, (void)count, (void)words;
    monitor_print("up %lu.%03lu s\n", ms / 1000, ms % 1000);
    return 0;
}

static int format(const struct monitor_host *host, unsigned count, const char *const *words)
{
    bool anyway = count > 1 && strcmp(words[1], "anyway") == 0;

    if (anyway || (count > 1 && strcmp(words[1], "yes") == 0))
        return host->format(anyway);
    monitor_print("this erases the whole partition, and all files with it; `format yes` does it\n");
    return -EPERM;
}

static int sync(const struct monitor_host *host, unsigned count, const char *const *words)
{
    int error = host->sync();

    (void)count, (void)words;
    if (error)
        monitor_print("not all could be written: error %d\n", -error);
    return error;
}

static int halt(const struct monitor_host *host, unsigned count, const char *const *words)
{
    halting = true;
    return sync(host, count, words);
}

/* ---- The loop ---- */

/* How many words there are; more than MONITOR_WORDS_MAX: so many and more. */
static unsigned split(char *line, const char *words[MONITOR_WORDS_MAX + 1])
{
    unsigned count = 0;

    for (char *at = line; count <= MONITOR_WORDS_MAX;) {
        at += strspn(at, " ");
        if (!*at)
            break;
        words[count++] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = 0;
    }
    return count;
}

static int execute(const struct monitor_host *host, char *line)
{
    const char *words[MONITOR_WORDS_MAX + 1] = { 0 };
    unsigned count = split(line, words);

    if (count == 0)
        return 0;
    if (count > MONITOR_WORDS_MAX) {
        monitor_print("more than %u words\n", MONITOR_WORDS_MAX);
        return -E2BIG;
    }
    for (const struct entry *entry = commands; entry < commands + COMMANDS; entry++) {
        if (strcmp(entry->name, words[0]) != 0)
            continue;
        if (count > entry->least)
            return entry->run(host, count, words);
        monitor_print("%s %s: %s\n", entry->name, entry->arguments, entry->help);
        return -EINVAL;
    }
    return unknown(words[0]);
}

int monitor_execute(const struct monitor_host *host, char *line)
{
    int result = execute(host, line);

    monitor_reap();
    return result;
}

bool monitor_is_halting(void)
{
    return halting;
}

void monitor_run(const struct monitor_host *host)
{
    char line[MONITOR_LINE_BYTES];

    while (!halting && monitor_read_line("vellum> ", line))
        (void)monitor_execute(host, line); /* it has said what was wrong */
}
