/*
 * The kernel's page tables; see firmware/kmap.h for what holds, firmware/layout.h for the picture.
 *
 * "Privileged Architecture" 1.12, section 4.4 "Sv39: Page-Based 39-bit Virtual-Memory System".
 */
#include "firmware/kmap.h"

#include <stddef.h>

#include "firmware/boot.h"
#include "hal/sbi.h"
#include "mm/assert.h"

#define ENTRIES    512u
#define LEVELS     3u
#define LEVEL_BITS 9u

/* A and D are set from the start: a chip may fault instead of setting them (Svade), and these pages never go. */
#define LEAF_TEXT     (PTE_V | PTE_R | PTE_X | PTE_G | PTE_A)
#define LEAF_CONSTANT (PTE_V | PTE_R | PTE_G | PTE_A)
#define LEAF_DATA     (PTE_V | PTE_R | PTE_W | PTE_G | PTE_A | PTE_D)

/*
 * Every table there will ever be. The pool needs two at each of its ends at most: one whose leaves are megapages, one
 * whose leaves are pages; between them lie gigapages, in the root. A device window needs two at most, and small windows
 * share one.
 */
enum {
    TABLE_ROOT,
    TABLE_MIDDLE, /* the gigabyte of image, devices and stacks */
    TABLE_IMAGE,
    TABLE_STACKS, /* 2 tables, 512 stack pages each with their guards */
    TABLE_FIRST_FREE = TABLE_STACKS + 2,
    TABLES_POOL = 4,
    TABLES_DEVICES = 4,
    TABLES = TABLE_FIRST_FREE + TABLES_POOL + TABLES_DEVICES,
};

static uint64_t tables[TABLES][ENTRIES] __attribute__((aligned(PAGE_BYTES)));
static unsigned tables_used;
static va_t device_next = KERNEL_DEVICES;
static unsigned direct_first, direct_last; /* root entries of the direct map; set once */
static struct cpu_attributes attributes;   /* set once, by kmap_boot() */

uint64_t kmap_image_offset;

_Static_assert(2 * ENTRIES * PAGE_BYTES == KERNEL_STACK_SLOTS * KERNEL_STACK_SLOT_BYTES, "two tables of stacks");
_Static_assert(KERNEL_STACK_BYTES == KERNEL_STACK_FRAMES * PAGE_BYTES, "frames of a stack");
_Static_assert(KERNEL_IMAGE_MAX == ENTRIES * PAGE_BYTES, "one table for the image");

/* Set by linker/firmware.ld and boot.S; only their addresses mean something. */
extern char image_start[], text_end[], rodata_end[], image_end[], boot_stack_guard[];

static unsigned level_shift(unsigned level)
{
    return PAGE_SHIFT + LEVEL_BITS * level;
}

static unsigned level_index(va_t va, unsigned level)
{
    return (unsigned)(va >> level_shift(level)) & (ENTRIES - 1);
}

static uint64_t entry_make(uint64_t pa, uint64_t flags)
{
    return pa >> PAGE_SHIFT << PTE_PPN_SHIFT | flags;
}

/* ---- Before translation ---- */

/* What a page of the image may be; 0: the guard. */
static uint64_t image_leaf(uint64_t page)
{
    if (page < (uint64_t)text_end)
        return LEAF_TEXT;
    if (page < (uint64_t)rodata_end)
        return LEAF_CONSTANT;
    return page == (uint64_t)boot_stack_guard ? 0 : LEAF_DATA;
}

/* Runs at physical addresses, so the address of anything is physical here. */
uint64_t kmap_boot(void)
{
    uint64_t start = (uint64_t)image_start;

    attributes = cpu_attributes_probe(sbi_vendor_id());
    for (uint64_t page = start; page < (uint64_t)image_end; page += PAGE_BYTES) {
        uint64_t leaf = image_leaf(page);

        if (leaf)
            tables[TABLE_IMAGE][(page - start) >> PAGE_SHIFT] = entry_make(page, leaf | attributes.memory);
    }
    tables[TABLE_MIDDLE][level_index(KERNEL_IMAGE, 1)] = entry_make((uint64_t)tables[TABLE_IMAGE], PTE_V);
    for (unsigned i = 0; i < 2; i++)
        tables[TABLE_MIDDLE][level_index(KERNEL_STACKS, 1) + i] = entry_make((uint64_t)tables[TABLE_STACKS + i], PTE_V);
    tables[TABLE_ROOT][level_index(KERNEL_IMAGE, 2)] = entry_make((uint64_t)tables[TABLE_MIDDLE], PTE_V);
    tables_used = TABLE_FIRST_FREE;
    kmap_image_offset = KERNEL_IMAGE - start;
    return cpu_satp((pa_t){ (uint64_t)tables[TABLE_ROOT] }, 0);
}

/* ---- Pool and devices ---- */

static uint64_t image_pa(const void *in_image)
{
    return (uint64_t)in_image - kmap_image_offset;
}

/* The table below an entry that is not a leaf; a new one if there is none. */
static uint64_t *table_below(uint64_t *entry)
{
    if (!(*entry & PTE_V)) {
        ASSERT(tables_used < TABLES);
        *entry = entry_make(image_pa(tables[tables_used++]), PTE_V);
    }
    ASSERT(!(*entry & (PTE_R | PTE_W | PTE_X)));
    return (uint64_t *)((*entry >> PTE_PPN_SHIFT << PAGE_SHIFT) + kmap_image_offset);
}

/* The largest level whose leaf fits both addresses and what is left. */
static unsigned level_fit(va_t va, uint64_t pa, uint64_t bytes)
{
    unsigned level = LEVELS - 1;

    while (level > 0 && (((va | pa) & ((1ull << level_shift(level)) - 1)) != 0 || bytes >> level_shift(level) == 0))
        level--;
    return level;
}

/* Maps whole pages that are not mapped yet. `flags`: of the leaves. */
static void map(va_t va, uint64_t pa, uint64_t bytes, uint64_t flags)
{
    while (bytes) {
        unsigned level = level_fit(va, pa, bytes);
        uint64_t *entry = &tables[TABLE_ROOT][level_index(va, LEVELS - 1)];

        for (unsigned l = LEVELS - 1; l > level; l--)
            entry = table_below(entry) + level_index(va, l - 1);
        ASSERT(*entry == 0);
        *entry = entry_make(pa, flags);
        va += 1ull << level_shift(level);
        pa += 1ull << level_shift(level);
        bytes -= 1ull << level_shift(level);
    }
}

uint64_t kmap_memory_bits(void)
{
    return attributes.memory;
}

struct fdt_range kmap_image(void)
{
    return (struct fdt_range){ image_pa(image_start), (uint64_t)image_end - (uint64_t)image_start };
}

void kmap_init(const struct platform *platform)
{
    struct fdt_range pool = platform->pool;
    struct fdt_range image = kmap_image();

    ASSERT(pool.bytes && (pool.start | pool.bytes) % PAGE_BYTES == 0);
    ASSERT(pool.start <= KERNEL_DIRECT_BYTES && pool.bytes <= KERNEL_DIRECT_BYTES - pool.start);
    ASSERT(pool.start + pool.bytes <= image.start || pool.start >= image.start + image.bytes);
    map(KERNEL_DIRECT + pool.start, pool.start, pool.bytes, LEAF_DATA | attributes.memory);
    direct_first = level_index(KERNEL_DIRECT + pool.start, LEVELS - 1);
    direct_last = level_index(KERNEL_DIRECT + pool.start + pool.bytes - 1, LEVELS - 1);
    cpu_tlb_flush_all();
}

/* Windows of a megapage or more keep their place within a megapage, so that they are mapped by few entries. */
static void *open_window(uint64_t pa, uint64_t bytes, uint64_t flags)
{
    uint64_t megapage = 1ull << level_shift(1);
    uint64_t first = pa & ~(uint64_t)(PAGE_BYTES - 1);
    uint64_t span = (bytes + (pa - first) + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
    va_t va = device_next;

    if (bytes == 0 || bytes > KERNEL_DEVICES_BYTES || first + span < first || TABLES - tables_used < 2)
        return NULL;
    if (span >= megapage)
        va += (first - va) & (megapage - 1);
    if (va + span > KERNEL_DEVICES + KERNEL_DEVICES_BYTES)
        return NULL;
    map(va, first, span, flags);
    device_next = va + span + PAGE_BYTES; /* a page that is not mapped lies between windows */
    cpu_tlb_flush_all();
    return (void *)(va + (pa - first));
}

void *kmap_device(uint64_t pa, uint64_t bytes)
{
    return open_window(pa, bytes, LEAF_DATA | attributes.device);
}

const void *kmap_ram(uint64_t pa, uint64_t bytes)
{
    return open_window(pa, bytes, LEAF_CONSTANT | attributes.memory);
}

/* ---- Kernel stacks ---- */

/* The entries of a slot's stack; its guard's come before them. */
static uint64_t *stack_entries(unsigned slot)
{
    unsigned slot_pages = KERNEL_STACK_SLOT_BYTES / PAGE_BYTES;

    ASSERT(slot < KERNEL_STACK_SLOTS);
    return tables[TABLE_STACKS] + (slot + 1) * slot_pages - KERNEL_STACK_FRAMES;
}

static va_t stack_top(unsigned slot)
{
    return KERNEL_STACKS + (va_t)(slot + 1) * KERNEL_STACK_SLOT_BYTES;
}

/* An entry that was invalid may be cached as such, and a fault on the trap handler's own stack cannot be retried. */
static void stack_set(unsigned slot, unsigned page, uint64_t entry)
{
    stack_entries(slot)[page] = entry;
    cpu_tlb_flush_kernel_page(stack_top(slot) - (va_t)(KERNEL_STACK_FRAMES - page) * PAGE_BYTES);
}

void *kmap_stack(unsigned slot, const pa_t frames[KERNEL_STACK_FRAMES])
{
    for (unsigned i = 0; i < KERNEL_STACK_FRAMES; i++) {
        ASSERT(stack_entries(slot)[i] == 0);
        stack_set(slot, i, entry_make(frames[i].raw, LEAF_DATA | attributes.memory));
    }
    return (void *)stack_top(slot);
}

void kmap_unstack(unsigned slot)
{
    for (unsigned i = 0; i < KERNEL_STACK_FRAMES; i++) {
        ASSERT(stack_entries(slot)[i] != 0);
        stack_set(slot, i, 0);
    }
}

bool kmap_is_guard(va_t va)
{
    va_t stacks_end = KERNEL_STACKS + (va_t)KERNEL_STACK_SLOTS * KERNEL_STACK_SLOT_BYTES;

    if (va >= KERNEL_STACKS && va < stacks_end)
        return tables[TABLE_STACKS][(va - KERNEL_STACKS) >> PAGE_SHIFT] == 0;
    return va - (va_t)boot_stack_guard < PAGE_BYTES;
}

struct kmap_range kmap_text(void)
{
    return (struct kmap_range){ (va_t)image_start, (va_t)text_end };
}

struct kmap_range kmap_stack_of(va_t sp)
{
    struct kmap_range boot = { (va_t)boot_stack_guard + PAGE_BYTES, (va_t)boot_stack_top };
    uint64_t slot = (sp - KERNEL_STACKS) / KERNEL_STACK_SLOT_BYTES;

    if (sp - (va_t)boot_stack_guard < boot.end - (va_t)boot_stack_guard)
        return boot;
    if (sp < KERNEL_STACKS || slot >= KERNEL_STACK_SLOTS || *stack_entries((unsigned)slot) == 0)
        return (struct kmap_range){ 0, 0 };
    return (struct kmap_range){ stack_top((unsigned)slot) - KERNEL_STACK_BYTES, stack_top((unsigned)slot) };
}

/* ---- Spaces ---- */

/* On the way of every fork and exec, so only the few entries that are in use are copied. */
void kmap_share(uint64_t *root)
{
    const uint64_t *from = tables[TABLE_ROOT];

    for (unsigned i = direct_first; i <= direct_last; i++)
        root[i] = from[i];
    root[level_index(KERNEL_IMAGE, LEVELS - 1)] = from[level_index(KERNEL_IMAGE, LEVELS - 1)];
}

pa_t kmap_root(void)
{
    return (pa_t){ image_pa(tables[TABLE_ROOT]) };
}
