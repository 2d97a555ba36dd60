"""The emulator killed at random moments on sifive_u, while one program writes and syncs files and another swaps; also when
it has booted from the SPI image, where swap and files lie beside the boot code: no byte of that changes.

The judge reads the console, and kills after a drawn number of bytes: no clock has a say. What the next boot finds must be
the state after one of the syncs: each file whole, and all as of the same moment; only of the last sync, which commits one
file after the other, may one be new and the other old. How it is killed is drawn, too. Asked to end (SIGTERM), QEMU stops
the machine where it is and writes out what it had acknowledged: no sync that was reported may be gone. Killed (SIGKILL), it
loses the last flash operations that it had acknowledged, in their order, so some of the last syncs may be gone with them.

KILL_TESTS is the number of tests, ten kills each (10), and for every five of them one from the SPI image; KILL_FIRST is the
seed of the first (1). Again: make campaign-kill SEEDS=1 FIRST=seed
"""

import os
import random
import re
import signal
import subprocess
import sys

import pytest
from board_boot import FROM_SPI, boot_package, emulator, make_image, outside_partition    # noqa: F401
from conftest import IMAGE, PROGRAMS, ROOT
from ledger_judge import FILES, Ledger

sys.path.insert(0, str(ROOT / 'platform'))
from run_options import Options      # noqa: E402  (their folder is no package)
from run_qemu import command_line, start      # noqa: E402

KILLS = 10
TESTS, FIRST = int(os.environ.get('KILL_TESTS', '10')), int(os.environ.get('KILL_FIRST', '1'))
SEEDS = range(FIRST, FIRST + TESTS)
SEEDS_FROM_SPI = range(FIRST, FIRST + max(1, TESTS // 5))
BYTES_MOST = 250                # of the program's output, after which the emulator is killed: up to some ten syncs

# Syncs that may be gone: those whose operations the emulator can have had under way.
LOST_MOST = {signal.SIGTERM: 0, signal.SIGKILL: 6}

ESCAPES = re.compile(rb'\x10v[^\n]*\n|\x10[OE]')


FRAMES = 200


def command(seed):
    return f'ledger files {seed} & ledger swap {seed} 600'


def boot(image, seed):
    options = Options(['BOARD=sifive_u', f'FRAMES={FRAMES}', f'CMD={command(seed)}'])
    options.interactive = False
    return start(command_line(options, str(image)), str(image))


def said(raw):
    """The program's output: whole lines only, firmware's taken out."""
    text = ESCAPES.sub(b'', raw).decode(errors='replace')
    return [line.strip('.') for line in text.split('\n')[:-1]]


def killed_run(running, length, how):
    """Sends `how` to what was booted, `length` bytes after the program's start line. Returns its lines."""
    raw, begun = b'', None
    try:
        while begun is None or len(raw) < begun + length:
            data = os.read(running.stdout.fileno(), 65536 if begun is None else begun + length - len(raw))
            assert data, f'the emulator ended by itself:\n{raw.decode(errors="replace")}'
            raw += data
            if begun is None and (found := re.search(rb'\nstart \d+\n', raw)):
                begun = found.end()
            assert b'mix:' not in raw and b'panic' not in raw and b'check failed' not in raw, raw.decode(errors='replace')
    finally:
        os.killpg(running.pid, how)
        # What was on its way when the kill came counts as said.
        raw += running.stdout.read()
        running.wait()
    return said(raw)


def kill_again_and_again(image, seed, start_it):
    """start_it() boots from the image."""
    drawn, ledger, rest = random.Random(seed), Ledger(), outside_partition(image)
    lost_most = 0
    for kill in range(KILLS + 1):       # one more: the next boot judges a kill
        length, how = drawn.randrange(BYTES_MOST), drawn.choice(list(LOST_MOST))
        print(f'seed {seed} kill {kill}: after {length} bytes, {how.name}')
        lines = killed_run(start_it(), length, how)
        assert outside_partition(image) == rest, 'bytes outside the partition changed'
        found = [int(line.split()[2]) for line in lines if re.fullmatch(r'found \d+ \d+', line)]
        assert len(found) == FILES, lines
        ledger.judge(found, lost_most)
        lost_most = LOST_MOST[how]
        for line in lines:
            ledger.take(line)
        checked = subprocess.run([IMAGE, image, 'check'], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    print(f'seed {seed}: {ledger.synced} syncs survive, taken back at each kill: {ledger.lost}, '
          f'{ledger.halves} kills between two files')


@pytest.mark.parametrize('seed', SEEDS)
def test_killed(seed, tmp_path):
    image = tmp_path / 'flash.img'
    for words in (['create', '--board', 'sifive_u'], ['put', f'{PROGRAMS}/ledger']):
        subprocess.run([IMAGE, image, *words], check=True)
    kill_again_and_again(image, seed, lambda: boot(image, seed))


@pytest.mark.parametrize('seed', SEEDS_FROM_SPI)
def test_killed_beside_the_boot_code(seed, make_image, boot_package):    # noqa: F811
    image = make_image('hifive-unleashed', 'spi', FILES=f'{PROGRAMS}/ledger', FRAMES=FRAMES, CMD=command(seed),
                       BOOTARGS='console=framed')
    kill_again_and_again(image, seed, lambda: start(emulator(boot_package, FROM_SPI, [('mtd', image)]), str(image)))
