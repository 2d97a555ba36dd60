"""Faults of the flash while swap and files are written beside the boot code: the emulated Unleashed boots from its SPI image
(MSEL 6) with `faults=on`, programs and erases fail, end half done, or leave a bit too many at 0, and every byte outside Vellum's
partition is compared with what the image had before. What else comes of each fault is tried in tests/hil/test_faults.py.

KILL_TESTS and KILL_FIRST as in test_kill.py, a fifth of its seeds: a seed draws the rules. Again: make campaign-kill SEEDS=1
FIRST=seed
"""

import random
import re

import pytest
from board_boot import FROM_SPI, boot, boot_package, make_image, outside_partition    # noqa: F401
from conftest import PROGRAMS
from test_kill import SEEDS_FROM_SPI

EFFECTS = ('fail', 'tear', 'corrupt')
BOOTS = 2                       # the second mounts what the first has left
COMMAND = 'keep write a 400 5 & fill 700 1 1 & fill 700 1 2; keep write a 400 6; hello'


def rules(seed):
    """`inject=`: so many percent of the requests, drawn by the firmware; never so many that the flash is used up."""
    drawn = random.Random(seed)
    effects = EFFECTS[seed % len(EFFECTS)], drawn.choice(EFFECTS)
    return '+'.join(f'{effect},{target},share,{percent},seed,{drawn.randrange(1, 1 << 16)},times,{most}'
                    for effect, (target, percent, most) in zip(effects, (('program', 2, 20), ('erase', 30, 10))))


def counted(text, target):
    """(seen, hit) of a target's rule when the programs had ended."""
    return [int(number) for number in re.findall(rf'inject: \w+ {target} .*: seen (\d+), hit (\d+)', text)[-1]]


@pytest.mark.parametrize('seed', SEEDS_FROM_SPI)
def test_boot_code_survives_faults(seed, make_image, boot):    # noqa: F811
    image = make_image('hifive-unleashed', 'spi', FILES=f'{PROGRAMS}/keep {PROGRAMS}/fill {PROGRAMS}/hello', FRAMES=300,
                       CMD=COMMAND, BOOTARGS=f'console=framed faults=on inject={rules(seed)}')
    before = outside_partition(image)
    erases = 0
    for number in range(BOOTS):
        print(f'seed {seed}, boot {number}: {rules(seed)}')
        text = boot(FROM_SPI, [('mtd', image)])
        assert 'inject: faults=on' in text and 'panic' not in text
        programs, hit = counted(text, 'program')
        assert programs > 0 and hit > 0, 'no fault came up'
        erases += counted(text, 'erase')[0]
        assert outside_partition(image) == before, 'bytes outside the partition changed'
    assert erases > 0
