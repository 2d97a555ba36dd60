/*
 * hal/flash.h over the simulated array (nor.h): what the store and the paging tests run on.
 *
 * The driver behaves as the SPI NOR driver does: a program longer than a page goes page by page across polls; a read
 * that meets an operation in flight suspends it, and the next poll resumes it; a read inside the range in flight, or on
 * a part that cannot suspend, is -EBUSY. Reads end inside flash_start(). Bus time is charged as the configuration says.
 *
 * Time: flash_poll() runs to the end of the page or erase in flight, so that flash_run() just works. With manual_time
 * it only looks, and the test moves time with nor_advance_ns(): so reads can come while an erase is under way.
 *
 * After a power cut every request ends in -EIO. A part that stays busy ends in -ETIMEDOUT after eight typical times.
 */
#ifndef TESTS_SIM_NOR_FLASH_H
#define TESTS_SIM_NOR_FLASH_H

#include "hal/flash.h"
#include "tests/sim/nor.h"

struct nor_flash {
    struct flash flash; /* give this to the code under test */
    struct nor *nor;
    bool manual_time;
    uint32_t done_bytes; /* of the program in flight, pages that have ended */
    uint32_t step_bytes; /* of its page in flight */
    uint64_t deadline_ns;
};

/*
 * Stands on `nor`, which the caller keeps (and may replace by nor_copy()). The erase unit of the geometry is
 * `erase_bytes`, one of the configuration's; the window is the whole part. After a cut and nor_power_on(), or after a
 * nor_copy() into `nor`, open again: a reboot forgets what was in flight.
 */
void nor_flash_open(struct nor_flash *front, struct nor *nor, uint32_t erase_bytes);

#endif
