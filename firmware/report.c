/* Reports; what is kept of a panic. */
#include "firmware/report.h"

#include <stdarg.h>
#include <string.h>

#include "firmware/console.h"
#include "firmware/event.h"
#include "firmware/kmap.h"
#include "firmware/log.h"
#include "firmware/record.h"
#include "firmware/usercopy.h"
#include "hal/sbi.h"
#include "mm/mm.h"

#define KEPT_MAGIC  0x74706b56u /* "Vkpt" */
#define KEPT_BYTES  3072u
#define TRACE_WORDS 24u

/* How many events a report shows, and how much of a task's stack it looks at. */
#define EVENTS_SHOWN     16u
#define USER_STACK_BYTES 4096u
#define USER_STACK_CHUNK 256u

struct event_ring event_ring;

/* Outside of every segment: neither a loader nor the boot code writes it (linker/firmware.ld). */
static struct {
    uint32_t magic, crc, bytes;
    char text[KEPT_BYTES];
} kept __attribute__((section(".kept")));

static bool keeping;       /* lines go there */
static bool has_last;      /* kept.text is of the boot before */
static bool full, reboots; /* boot arguments */

/* ---- Lines ---- */

static void keep(char byte)
{
    if (!keeping || kept.bytes == KEPT_BYTES)
        return;
    kept.text[kept.bytes++] = byte;
    kept.crc = record_crc(kept.crc, &byte, 1);
}

static void put(void *context, char byte)
{
    (void)context;
    console_line_put(byte);
    keep(byte);
}

void report_line(const char *format, ...)
{
    va_list arguments;

    console_line_begin();
    va_start(arguments, format);
    text_put(put, NULL, format, arguments);
    va_end(arguments);
    console_line_end();
    keep('\n');
}

void report_keep(void)
{
    has_last = false;
    keeping = true;
    kept.magic = KEPT_MAGIC;
    kept.bytes = kept.crc = 0;
}

bool report_show_last(void)
{
    const char *line = kept.text, *end;

    if (!has_last)
        return false;
    for (uint32_t left = kept.bytes; left && (end = memchr(line, '\n', left)); line = end + 1) {
        log_line("last %.*s", (int)(end - line), line);
        left -= (uint32_t)(end + 1 - line);
    }
    return true;
}

void report_init(const struct platform *platform)
{
    full = platform_argument_is(platform, "reports", "full");
    reboots = platform_argument_is(platform, "panic", "reboot");
    has_last = kept.magic == KEPT_MAGIC && kept.bytes <= KEPT_BYTES && kept.crc == record_crc(0, kept.text, kept.bytes);
    kept.magic = 0; /* told once */
    (void)report_show_last();
}

_Noreturn void report_end_machine(void)
{
    if (reboots)
        sbi_reboot();
    sbi_power_off(true);
}

/* ---- Parts ---- */

void report_registers(const char *about, const struct trap_frame *frame)
{
    for (unsigned i = 0; i < 32; i += 4)
        report_line("%s x%u %016lx %016lx %016lx %016lx", about, i, frame->x[i], frame->x[i + 1], frame->x[i + 2],
                    frame->x[i + 3]);
}

void report_events(const char *about, uint32_t task)
{
    static const char *const names[EVENT_KINDS] = {
        [EVENT_RUN] = "runs",        [EVENT_FAULT] = "fault", [EVENT_SIGNAL] = "signal",
        [EVENT_PROGRAM] = "program", [EVENT_END] = "end",
    };
    uint32_t at = event_ring.next, shown = 0, back = 0;

    while (back < EVENTS && shown < EVENTS_SHOWN) {
        const struct event *event = &event_ring.of[(at - ++back) % EVENTS];

        shown += event->kind != EVENT_NONE && (task == 0 || event->task == task);
    }
    for (; back > 0; back--) {
        const struct event *event = &event_ring.of[(at - back) % EVENTS];

        if (event->kind != EVENT_NONE && event->kind < EVENT_KINDS && (task == 0 || event->task == task))
            report_line("%s event task=%u %s %u 0x%lx", about, event->task, names[event->kind], event->code,
                        event->value);
    }
}

/* ---- Traces ---- */

struct trace {
    uint32_t count;
    uint64_t words[TRACE_WORDS + 4]; /* those behind `count` are 0 */
};

/* Takes those of `count` words that lie in [start, end). */
static void trace_take(struct trace *trace, const uint64_t *words, uint32_t count, va_t start, va_t end)
{
    for (uint32_t i = 0; i < count && trace->count < TRACE_WORDS; i++)
        if (words[i] >= start && words[i] < end)
            trace->words[trace->count++] = words[i];
}

/* In lines of four; a 0 ends them. */
static void trace_show(const struct trace *trace, const char *about, const char *name)
{
    const uint64_t *words = trace->words;

    for (uint32_t i = 0; i <= trace->count; i += 4)
        report_line("%s trace %s %lx %lx %lx %lx", about, name, words[i], words[i + 1], words[i + 2], words[i + 3]);
}

void report_kernel_trace(va_t sp)
{
    struct trace trace = { .count = 0 };
    struct kmap_range text = kmap_text(), stack = kmap_stack_of(sp);

    sp = ((sp < stack.start ? stack.start : sp) + 7) & ~7ull;
    if (sp < stack.end)
        trace_take(&trace, (const uint64_t *)sp, (uint32_t)((stack.end - sp) / 8), text.start, text.end);
    trace_show(&trace, "panic", "vellum");
}

/* Of the code that the task was in: what other regions of its stack points to is not looked for. */
static void user_trace(const struct trap_frame *frame)
{
    struct trace trace = { .count = 0 };
    struct region_info code;
    uint64_t words[USER_STACK_CHUNK / 8];
    va_t sp = frame->sp & ~7ull;

    if (space_region(task_current()->space, frame->pc, false, &code) || code.start > frame->pc) {
        trace_take(&trace, &frame->ra, 1, 0, USER_TOP); /* it jumped to where nothing is */
    } else {
        trace_take(&trace, &frame->pc, 2, code.start, code.end);
        for (va_t end = sp + USER_STACK_BYTES; sp < end && user_read(words, sp, sizeof(words)) == 0;
             sp += sizeof(words))
            trace_take(&trace, words, USER_STACK_CHUNK / 8, code.start, code.end);
    }
    trace_show(&trace, "fault", task_current()->name);
}

const char *report_page_state(enum page_state state)
{
    static const char *const states[] = {
        [PAGE_UNMAPPED] = "not mapped", [PAGE_NONE] = "never touched", [PAGE_ZERO] = "the page of zeros",
        [PAGE_RESIDENT] = "in a frame", [PAGE_TAIL] = "in the tail",   [PAGE_FLASH] = "on flash",
    };

    return states[state];
}

static void report_walk(va_t address)
{
    struct page_info page;

    space_page(task_current()->space, address, &page);
    for (int i = page.levels; i < 3; i++)
        page.pte[i] = 0;
    report_line("fault walk %lx %lx %lx: %s slot=%u", page.pte[0], page.pte[1], page.pte[2],
                report_page_state(page.state), page.slot);
}

static void report_region(va_t address)
{
    struct region_info region;

    if (space_region(task_current()->space, address, false, &region) == 0)
        report_line("fault region 0x%lx-0x%lx protection=%u flags=0x%x", region.start, region.end, region.protection,
                    region.flags);
}

void report_task(const struct trap_frame *frame, va_t address)
{
    if (!full)
        return;
    report_registers("fault", frame);
    report_walk(address);
    report_region(address);
    report_events("fault", task_current()->id);
    user_trace(frame);
}
