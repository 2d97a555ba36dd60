/*
 * Single bits turned where they lie:
 *
 *      flip flash ADDRESS BIT             on flash, where bits can only be cleared: the first one set from BIT on
 *      flip WHAT TASK ADDRESS BIT         of a task's page:  pte     its entry, if its table is there
 *                                                            frame   the descriptor of its frame
 *                                                            slot    its slot's entry
 *                                                            record  its record, in the tail or on flash
 *
 * The last three are the firmware's own memory: like a cell of RAM that has failed.
 */
#include <errno.h>
#include <string.h>

#include "firmware/inject.h"
#include "firmware/log.h"
#include "firmware/monitor_commands.h"

/* Where the bit is: in memory, or (NULL) on flash. */
struct aim {
    uint8_t *memory;
    uint64_t address, bytes, bit;
};

static bool aim_at_slot(slot_t slot, bool record, struct aim *aim)
{
    struct slot_location place;

    if (!slot)
        return false;
    slot_locate(mm_store(), slot, &place);
    aim->memory = record ? place.tail : place.entry;
    aim->bytes = record ? place.bytes : place.entry_bytes;
    aim->address = place.address;
    return aim->bytes != 0;
}

static bool aim_at_page(const char *what, struct space *space, uint64_t address, struct aim *aim)
{
    struct page_info page;

    space_page(space, address, &page);
    if (strcmp(what, "pte") == 0) {
        aim->memory = (uint8_t *)page.entry;
        aim->bytes = sizeof(*page.entry);
    } else if (strcmp(what, "frame") == 0) {
        aim->memory = page.descriptor;
        aim->bytes = page.descriptor_bytes;
    } else if (strcmp(what, "slot") == 0 || strcmp(what, "record") == 0) {
        return aim_at_slot(page.slot, what[0] == 'r', aim);
    }
    return aim->memory != NULL;
}

static bool aim_at(unsigned count, const char *const *words, struct aim *aim)
{
    struct process *process;
    uint64_t address;

    *aim = (struct aim){ .bytes = UINT32_MAX };
    if (count == 3 && strcmp(words[0], "flash") == 0)
        return monitor_number(words[1], &aim->address) && monitor_number(words[2], &aim->bit);
    if (count != 4 || !(process = monitor_process(words[1])) || !monitor_number(words[2], &address) ||
        !monitor_number(words[3], &aim->bit))
        return false;
    return aim_at_page(words[0], process->space, address, aim);
}

static int flip_flash(struct flash *flash, const struct aim *aim)
{
    if (!flash)
        return -ENODEV;
    if (aim->address > UINT32_MAX || aim->bit > UINT32_MAX)
        return -EINVAL;
    while (flash->in_flight)
        flash_poll(flash);
    return inject_flash_flip(flash, (uint32_t)aim->address, (uint32_t)aim->bit,
                             aim->bytes < UINT32_MAX ? (uint32_t)aim->bytes : (uint32_t)aim->bit / 8 + 1);
}

int inject_flip(struct flash *flash, unsigned count, const char *const *words)
{
    struct aim aim;
    int error = 0;

    if (!aim_at(count, words, &aim) || aim.bit / 8 >= aim.bytes)
        error = -EINVAL;
    else if (aim.memory)
        aim.memory[aim.bit / 8] ^= (uint8_t)(1u << aim.bit % 8);
    else
        error = flip_flash(flash, &aim);
    if (error)
        monitor_print("nothing was flipped: error %d\n", -error);
    else
        log_line("inject: flipped %s bit %lu", words[0], aim.bit);
    return error;
}
