/* The line editor of the monitor. */
#include "firmware/monitor_line.h"

#include <string.h>

#include "firmware/console.h"
#include "firmware/log.h"
#include "firmware/task.h"

#define CONTROL(letter) ((letter)&0x1f)

/* Keys that are sequences of an ANSI terminal: ESC [ letter. */
enum { KEY_UP = 256, KEY_DOWN, KEY_RIGHT, KEY_LEFT, KEY_HOME, KEY_END, KEY_OTHER };

static struct {
    const char *prompt;
    char *line;
    unsigned length, cursor;
    char history[MONITOR_HISTORY_LINES][MONITOR_LINE_BYTES];
    unsigned remembered;           /* lines ever; the newest is at (remembered - 1) % MONITOR_HISTORY_LINES */
    unsigned back;                 /* how many lines back the shown one is; 0: the line being written */
    char kept[MONITOR_LINE_BYTES]; /* that line, while an older one is shown */
} editor;

static void show(const char *text, unsigned bytes)
{
    console_write(CONSOLE_OUT, text, bytes);
}

/* The whole line anew, and the cursor back to its place. */
static void redraw(void)
{
    char back[16];

    show("\r", 1);
    show(editor.prompt, (unsigned)strlen(editor.prompt));
    show(editor.line, editor.length);
    show("\x1b[K", 3);
    if (editor.cursor < editor.length)
        show(back, (unsigned)text_format(back, sizeof(back), "\x1b[%uD", editor.length - editor.cursor));
}

int monitor_read_byte(void)
{
    uint8_t byte;

    while (console_read(&byte, 1) == 0) {
        if (console_at_end())
            return -1;
        (void)task_wait(&console_input, TIMER_NEVER);
    }
    return byte;
}

/* After ESC. Sequences longer than three bytes are read to their end and mean nothing. */
static int read_sequence(void)
{
    static const int letters[] = {
        ['A'] = KEY_UP, ['B'] = KEY_DOWN, ['C'] = KEY_RIGHT, ['D'] = KEY_LEFT, ['F'] = KEY_END, ['H'] = KEY_HOME
    };
    int byte = monitor_read_byte();

    if (byte != '[' && byte != 'O')
        return KEY_OTHER;
    do
        byte = monitor_read_byte();
    while (byte >= '0' && byte <= ';');
    return byte > 0 && byte < (int)(sizeof(letters) / sizeof(letters[0])) && letters[byte] ? letters[byte] : KEY_OTHER;
}

static void insert(char byte)
{
    if (editor.length + 1 >= MONITOR_LINE_BYTES)
        return;
    memmove(editor.line + editor.cursor + 1, editor.line + editor.cursor, editor.length - editor.cursor);
    editor.line[editor.cursor++] = byte;
    editor.length++;
}

static void erase(unsigned from, unsigned to)
{
    memmove(editor.line + from, editor.line + to, editor.length - to);
    editor.length -= to - from;
    editor.cursor = from;
}

static unsigned word_start(void)
{
    unsigned at = editor.cursor;

    while (at > 0 && editor.line[at - 1] == ' ')
        at--;
    while (at > 0 && editor.line[at - 1] != ' ')
        at--;
    return at;
}

static void take_line(const char *line)
{
    editor.length = editor.cursor = (unsigned)strlen(line);
    memcpy(editor.line, line, editor.length);
}

static void show_history(unsigned back)
{
    unsigned oldest = editor.remembered < MONITOR_HISTORY_LINES ? editor.remembered : MONITOR_HISTORY_LINES;

    if (back > oldest)
        return;
    if (editor.back == 0) {
        editor.line[editor.length] = 0;
        memcpy(editor.kept, editor.line, sizeof(editor.kept));
    }
    editor.back = back;
    take_line(back ? editor.history[(editor.remembered - back) % MONITOR_HISTORY_LINES] : editor.kept);
}

static void remember(void)
{
    if (editor.length)
        memcpy(editor.history[editor.remembered++ % MONITOR_HISTORY_LINES], editor.line, MONITOR_LINE_BYTES);
}

static void move(int key)
{
    switch (key) {
    case KEY_LEFT:
    case CONTROL('B'):
        editor.cursor -= editor.cursor > 0;
        break;
    case KEY_RIGHT:
    case CONTROL('F'):
        editor.cursor += editor.cursor < editor.length;
        break;
    case KEY_HOME:
    case CONTROL('A'):
        editor.cursor = 0;
        break;
    case KEY_END:
    case CONTROL('E'):
        editor.cursor = editor.length;
        break;
    case KEY_UP:
    case CONTROL('P'):
        show_history(editor.back + 1);
        break;
    case KEY_DOWN:
    case CONTROL('N'):
        if (editor.back)
            show_history(editor.back - 1);
        break;
    }
}

static void edit(int key)
{
    switch (key) {
    case '\b':
    case 0x7f:
        if (editor.cursor)
            erase(editor.cursor - 1, editor.cursor);
        break;
    case CONTROL('D'):
        if (editor.cursor < editor.length)
            erase(editor.cursor, editor.cursor + 1);
        break;
    case CONTROL('W'):
        erase(word_start(), editor.cursor);
        break;
    case CONTROL('U'):
        erase(0, editor.cursor);
        break;
    case CONTROL('K'):
        editor.length = editor.cursor;
        break;
    default:
        if (key >= ' ' && key <= '~')
            insert((char)key);
        else
            move(key);
    }
}

static void begin(void)
{
    editor.length = editor.cursor = editor.back = 0;
    redraw();
}

bool monitor_read_line(const char *prompt, char line[MONITOR_LINE_BYTES])
{
    editor.prompt = prompt;
    editor.line = line;
    begin();
    for (;;) {
        int key = monitor_read_byte();

        if (key < 0)
            return false;
        if (key == 0x1b)
            key = read_sequence();
        if (key == '\r' || key == '\n' || key == CONTROL('C'))
            show("\n", 1);
        if (key == CONTROL('C'))
            begin();
        if (key == '\r' || key == '\n')
            break;
        edit(key);
        redraw();
    }
    line[editor.length] = 0;
    remember();
    return true;
}
