/*
 * Sequences of memory calls over the simulated MMU, against the model: the operations of the model test, with every choice
 * that they would draw at random taken from the input.
 */
#include <errno.h>
#include <unistd.h>

#include "mm/vm/object.h"
#include "tests/fuzz/fuzz.h"
#include "tests/host/vm_operations.h"
#include "tests/host/vm_rig.h"

#define STEPS_MAX 120u

static const struct vm_operation *const groups[] = { vm_accesses, vm_shapes, vm_objects };
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static const struct vm_operation *choose(uint32_t number)
{
    uint32_t count = 0;

    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned g = 0; g < GROUPS; g++)
            for (const struct vm_operation *operation = groups[g]; operation->run; operation++) {
                if (pass == 1 && number-- == 0)
                    return operation;
                count++;
            }
        number %= count;
    }
    return NULL;
}

static void step(uint32_t number)
{
    if (number & 0x80)
        for (unsigned i = number >> 4 & 7; i > 0; i--)
            rig_step();
    rig_progress();
    (void)choose(number & 0x7f)->run();
    rig_check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = { data, size };
    struct rig_config config = rig_config_of(take(&input, 1));

    rig_start(&config);
    rig_feed(input.at, input.left);
    for (unsigned i = 0; i < STEPS_MAX && rig_fed(); i++)
        step(rig_below(256));
    rig_feed(NULL, 0);
    for (unsigned i = 0; i < MODEL_SPACES; i++)
        if (model_spaces()[i].real) {
            check_regions(&model_spaces()[i]);
            check_contents(&model_spaces()[i]);
        }
    put_everything();
    rig_check();
    model_reset();
    rig_stop();
    return 0;
}
