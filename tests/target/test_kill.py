"""The emulator killed at random moments on sifive_u, while one program writes and syncs files and another swaps.

The judge reads the console, and kills after a drawn number of bytes: no clock has a say. What the next boot finds must be
the state after one of the syncs: each file whole, and all as of the same moment; only of the last sync, which commits one
file after the other, may one be new and the other old. QEMU may lose flash operations that it had acknowledged, the last
ones, so that moment may lie before the last sync that was reported, by at most LOST_MOST.

KILL_TESTS is the number of tests, ten kills each (10); KILL_FIRST the seed of the first (1).
"""

import os
import random
import re
import signal
import subprocess
import sys

import pytest
from conftest import IMAGE, PROGRAMS, ROOT

sys.path.insert(0, str(ROOT / 'platform'))
from run_options import Options      # noqa: E402  (their folder is no package)
from run_qemu import command_line, start      # noqa: E402

KILLS = 10
SEEDS = range(int(os.environ.get('KILL_FIRST', '1')), int(os.environ.get('KILL_FIRST', '1')) +
              int(os.environ.get('KILL_TESTS', '10')))
BYTES_MOST = 250                # of the program's output, after which the emulator is killed: up to some ten syncs
LOST_MOST = 1                   # syncs
FILES = 6
PARTITION = (0x530000, 0x1ff0000)

ESCAPES = re.compile(rb'\x10v[^\n]*\n|\x10[OE]')


class Ledger:
    """The steps that were begun, in their order, and what they leave."""

    def __init__(self):
        self.steps = {}         # sequence number: the files it writes
        self.synced = 0
        self.lost = []          # reported syncs that each kill took back
        self.halves = 0         # kills between the two files of a sync

    def state(self, sequence):
        """Each file's sequence number after that sync."""
        files = [0] * FILES
        for step in sorted(self.steps):
            if step <= sequence:
                for file in self.steps[step]:
                    files[file] = step
        return files

    def judge(self, found):
        at = max(found)
        assert at == 0 or at in self.steps, f'{at} was never written'
        before, after = self.state(at - 1), self.state(at)
        here = [file for file in self.steps.get(at, []) if found[file] == at]
        for file in range(FILES):
            wanted = after[file] if file in here else before[file]
            assert found[file] == wanted, f'a mix: {found}; before {at} it was {before}, then {after}'
        whole = at if here == self.steps.get(at, []) else at - 1
        assert whole >= self.synced - LOST_MOST, f'{found} is found, {self.synced} was reported as synced'
        self.lost.append(max(0, self.synced - whole))
        self.halves += whole < at
        self.synced = at
        self.steps = {step: files for step, files in self.steps.items() if step < at} | ({at: here} if at else {})

    def take(self, line):
        """One line of the program."""
        if found := re.fullmatch(r'step (\d+) (\d+) (\d+)', line):
            step, file, count = map(int, found.groups())
            self.steps[step] = [(file + i) % FILES for i in range(count)]
        elif found := re.fullmatch(r'synced (\d+)', line):
            self.synced = int(found[1])


def boot(image, seed):
    options = Options(['BOARD=sifive_u', 'FRAMES=200', f'CMD=ledger files {seed} & ledger swap {seed} 600'])
    options.interactive = False
    return start(command_line(options, str(image)), str(image))


def said(raw):
    """The program's output: whole lines only, firmware's taken out."""
    text = ESCAPES.sub(b'', raw).decode(errors='replace')
    return [line.strip('.') for line in text.split('\n')[:-1]]


def killed_run(image, seed, length):
    """Boots, and kills `length` bytes after the program's start line. Returns its lines."""
    emulator = boot(image, seed)
    raw, begun = b'', None
    try:
        while begun is None or len(raw) < begun + length:
            data = os.read(emulator.stdout.fileno(), 65536 if begun is None else begun + length - len(raw))
            assert data, f'the emulator ended by itself:\n{raw.decode(errors="replace")}'
            raw += data
            if begun is None and (found := re.search(rb'\nstart \d+\n', raw)):
                begun = found.end()
            assert b'mix:' not in raw and b'panic' not in raw and b'check failed' not in raw, raw.decode(errors='replace')
    finally:
        os.killpg(emulator.pid, signal.SIGKILL)
        # What was on its way when the kill came counts as said.
        raw += emulator.stdout.read()
        emulator.wait()
    return said(raw)


def outside(image):
    data = image.read_bytes()
    return data[:PARTITION[0]], data[PARTITION[1]:]


@pytest.mark.parametrize('seed', SEEDS)
def test_killed(seed, tmp_path):
    image, drawn, ledger = tmp_path / 'flash.img', random.Random(seed), Ledger()
    for words in (['create', '--board', 'sifive_u'], ['put', f'{PROGRAMS}/ledger']):
        subprocess.run([IMAGE, image, *words], check=True)
    rest = outside(image)
    for kill in range(KILLS + 1):       # one more: the next boot judges a kill
        length = drawn.randrange(BYTES_MOST)
        print(f'seed {seed} kill {kill}: after {length} bytes')
        lines = killed_run(image, seed, length)
        found = [int(line.split()[2]) for line in lines if re.fullmatch(r'found \d+ \d+', line)]
        assert len(found) == FILES, lines
        ledger.judge(found)
        for line in lines:
            ledger.take(line)
        checked = subprocess.run([IMAGE, image, 'check'], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert outside(image) == rest, 'bytes outside the partition changed'
    print(f'seed {seed}: {ledger.synced} syncs survive, taken back at each kill: {ledger.lost}, '
          f'{ledger.halves} kills between two files')
