/*
 * vellum-image: makes, fills and examines flash images on the host, with the store's own code.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/assert.h"
#include "platform/image/commands.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum needs { NEEDS_MOUNT = 1, NEEDS_WRITE = 2, MAKES_FILE = 4, FORMATS = 8 };

struct command {
    const char *name, *arguments, *help;
    int least, most; /* how many arguments */
    unsigned needs;
    bool (*run)(struct image *image, int count, char **arguments);
};

static const struct command commands[] = {
    { "create", "", "make a new image for --board, formatted", 0, 0, MAKES_FILE, NULL },
    { "format", "", "make the partition an empty store, whatever it held", 0, 0, NEEDS_WRITE | FORMATS, NULL },
    { "put", "HOST-PATH[=NAME] ...", "copy files in; NAME may be a/b/c", 1, 1 << 20, NEEDS_MOUNT | NEEDS_WRITE,
      command_put },
    { "get", "NAME [HOST-PATH]", "copy a file out; - is standard output", 1, 2, NEEDS_MOUNT, command_get },
    { "ls", "[NAME]", "list files", 0, 1, NEEDS_MOUNT, command_ls },
    { "rm", "NAME ...", "remove files and empty directories", 1, 1 << 20, NEEDS_MOUNT | NEEDS_WRITE, command_rm },
    { "seed", "", "give it random bytes of this host, for one board: its keys are drawn from them", 0, 0,
      NEEDS_MOUNT | NEEDS_WRITE, command_seed },
    { "check", "", "read and check everything, explain what is found", 0, 0, 0, command_check },
    { "wear", "", "erase counts", 0, 0, NEEDS_MOUNT, command_wear },
    { "dump", "", "every block, and the files", 0, 0, NEEDS_MOUNT, command_dump },
};

#define COMMANDS (sizeof commands / sizeof commands[0])

_Noreturn void assert_failed(const char *file, int line)
{
    fprintf(stderr, "vellum-image: %s:%d: what has to hold does not; this is a bug\n", file, line);
    abort();
}

static void print_usage(FILE *to)
{
    fputs("usage: vellum-image IMAGE COMMAND [--board BOARD | --erase-size SIZE] [--start SIZE] [--bytes SIZE] "
          "[ARGUMENT ...]\n",
          to);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-7s%-22s %s\n", commands[i].name, commands[i].arguments, commands[i].help);
    fputs("boards:", to);
    for (unsigned i = 0; image_board_at(i) != NULL; i++)
        fprintf(to, " %s", image_board_at(i)->name);
    fputs("; without --board it is the one whose store is found (create: virt)\n"
          "other chips, and dumps of a partition: erase block, begin and length of the partition (64K, 0x530000, 8M)\n"
          "exit status: 0 good, 1 failed or damaged, 2 wrong usage\n",
          to);
}

static int usage(const char *why, const char *what)
{
    image_fail("%s%s", why, what);
    print_usage(stderr);
    return EXIT_USAGE;
}

static const struct command *command_named(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static bool run_opened(const struct command *command, struct image *image, int count, char **arguments)
{
    if ((command->needs & FORMATS) != 0)
        return image_format(image);
    if ((command->needs & NEEDS_MOUNT) != 0 && !image_mount(image))
        return false;
    return command->run(image, count, arguments);
}

static bool run(const struct command *command, const char *path, const struct image_board *board, int count,
                char **arguments)
{
    static struct image image;
    bool good;

    if ((command->needs & MAKES_FILE) != 0) {
        good = image_create(&image, path, board != NULL ? board : image_board_at(0));
    } else {
        enum image_access access = (command->needs & NEEDS_WRITE) != 0 ? IMAGE_WRITE : IMAGE_READ;
        if (!image_open(&image, path, board, access))
            return false;
        good = run_opened(command, &image, count, arguments);
    }
    if (image.file.bytes != NULL && !image_close(&image))
        good = false;
    return good;
}

/* A size with an optional K or M behind it. */
static bool parse_size(const char *text, uint32_t *size)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 0;

    end += shift != 0;
    *size = (uint32_t)(value << shift);
    return errno == 0 && *end == '\0' && *text != '-' && end != text && value <= UINT32_MAX >> shift;
}

/* One option and its value into `given`. NULL, or what is wrong with it. */
static const char *take_option(const char *option, const char *value, struct image_board *given)
{
    static const struct {
        const char *name;
        size_t at;
    } sizes[] = { { "--erase-size", offsetof(struct image_board, geometry.erase_bytes) },
                  { "--start", offsetof(struct image_board, start) },
                  { "--bytes", offsetof(struct image_board, bytes) } };

    if (strcmp(option, "--board") == 0) {
        const struct image_board *board = image_board_named(value);
        if (board != NULL)
            *given = *board;
        return board != NULL ? NULL : "no such board: ";
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (strcmp(option, sizes[i].name) == 0)
            return parse_size(value, (uint32_t *)(void *)((char *)given + sizes[i].at)) ? NULL : "not a size: ";
    return "no such option or value: ";
}

int main(int count, char **arguments)
{
    struct image_board given = { .name = "the chip described", .geometry = { .program_bytes = 256 } };
    const struct command *command;

    if (count == 2 && (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "help") == 0)) {
        print_usage(stdout);
        return EXIT_SUCCESS;
    }
    if (count < 3)
        return usage("an image and a command are needed", "");
    command = command_named(arguments[2]);
    if (command == NULL)
        return usage("no such command: ", arguments[2]);
    const char *path = arguments[1];
    bool described = false;
    for (arguments += 3, count -= 3; count >= 2 && strncmp(arguments[0], "--", 2) == 0; arguments += 2, count -= 2) {
        const char *why = take_option(arguments[0], arguments[1], &given);
        if (why != NULL)
            return usage(why, arguments[1]);
        described = true;
    }
    if (count < command->least || count > command->most)
        return usage("wrong number of arguments for ", command->name);
    if (described && given.geometry.erase_bytes == 0)
        return usage("a chip is described by --erase-size and, if need be, --start and --bytes", "");
    return run(command, path, described ? &given : NULL, count, arguments) ? EXIT_SUCCESS : EXIT_FAILED;
}
