"""The debugger's commands (platform/vellum_gdb.py) agree with the monitor: on the machine, and on dumps of its RAM."""

import re
import subprocess

import pytest
from conftest import PROGRAMS, ROOT, TIMEOUT_S, run_words
from test_monitor import Monitor

SCRIPT = ROOT / 'platform' / 'vellum_gdb.py'
FIRMWARE = ROOT / 'build' / 'vellum.elf'
RAM_MIB = 64
RAM_BASE = 0x80000000
SIGSTOP = 19
FILLED_PAGES = 700
FRAMES = 512
ATTEMPTS = 10                   # until the looping program has its pages, and pushes out no others


def debugger(*commands):
    words = ['gdb-multiarch', '-q', '-nx', '-batch', str(FIRMWARE), '-x', str(SCRIPT)]
    for command in commands:
        words += ['-ex', command]
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
    print(done.stdout[-6000:], done.stderr[-2000:], sep='\n')
    return done.stdout


def sections(said):
    """What stands behind each `echo == NAME`."""
    parts = re.split(r'^== (\w+)\n', said, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def asking(**commands):
    return [word for name, command in commands.items() for word in (fr'echo == {name}\n', command)]


def region_counts(maps):
    """Regions, and of each: access, pages in RAM, dirty ones, those that are out (the tail goes to flash by and by), its name."""
    found = re.findall(r'^([0-9a-f]+-[0-9a-f]+) (\S+) +(\d+) +(\d+) +(\d+) +(\d+)  (.*)$', maps, re.M)
    return [(place, access, int(ram), int(dirty), int(tail) + int(flash), name)
            for place, access, ram, dirty, tail, flash, name in found]


class Machine:
    """A program stopped with more pages than there are frames, and one that never leaves user mode."""

    def __init__(self, board, image, socket):
        self.socket = socket
        image('put', *(str(PROGRAMS / name) for name in ('fill', 'end')))
        self.monitor = Monitor(BOARD=board, FRAMES=FRAMES, RAM=f'{RAM_MIB}M', FLASH=image.path,
                               QEMU_ARGS=f'-gdb unix:{socket},server=on,wait=off')
        self.filled = self.start(f'fill {FILLED_PAGES} 1000000')
        while sum(out for *_, out, _ in region_counts(self.monitor(f'maps {self.filled}'))) < FILLED_PAGES // 4:
            pass
        self.monitor(f'kill {self.filled} {SIGSTOP}')
        self.looping = self.start('end loop')

    def start(self, command):
        return int(re.search(r'task (\d+)', self.monitor(f'run {command} &'))[1])

    def debug(self, *commands):
        return debugger(f'machine {self.socket}', *commands, 'echo == end\\n', 'detach')


@pytest.fixture
def machine(board, image, tmp_path):
    made = Machine(board, image, tmp_path / 'gdb')
    yield made
    made.monitor.terminal.close(force=True)


def places(maps):
    """An address of each kind: text, and some all over the region with the most pages out."""
    regions = region_counts(maps)
    start, end = (int(part, 16) for part in max(regions, key=lambda region: region[4])[0].split('-'))
    return [int(regions[0][0].split('-')[0], 16), *range(start, end, (end - start) // 8 >> 12 << 12), end - 4096, 0x3f00000000]


def stable(walk):
    """A walk without what the worker may change meanwhile: tail or flash, and A."""
    return re.sub(r'in the tail|on flash', 'out', re.sub(r': [0-9a-f]{16}( [vrwxug-]{6})?[a-]?', r':\1', walk)).strip()


def still(seen):
    return region_counts(seen[0]), [stable(walk) for walk in seen[1]]


def check(machine, said, maps, walks):
    assert region_counts(said['vm']) == region_counts(maps)
    for index, walk in enumerate(walks):
        assert stable(said[f'pte{index}']) == stable(walk)
    counts = {name: int(n) for n, name in re.findall(r'(\d+) (\w+)(?:,|$)', said['frames'].split(': ')[1])}
    assert sum(counts.values()) == FRAMES and counts['anonymous'] > FRAMES // 4 and 'mm.kinds' not in said['frames']
    assert re.match(r'frame 0 at 0x[0-9a-f]+: firmware .* maps=0', said['frame'])
    tasks = dict(re.findall(r'^ +\d+ +(\d+) (\w+) +\w+', said['tasks'], re.M))
    assert tasks[str(machine.filled)] == 'blocked' and tasks[str(machine.looping)] in ('running', 'ready')
    assert re.search(r'blocked +main\n(?: +in .*\n)*? +in monitor_read_line .*\n(?: +in .*\n)*? +in main_thread', said['tasks'])
    assert re.search(r'^tail +[1-9]\d* records', said['log'], re.M)
    assert int(re.search(r'tail_saves=(\d+)', said['log'])[1]) >= FILLED_PAGES // 4
    states = re.findall(r'^ +\d+ (\w+)', said['blocks'], re.M)
    assert all(f'{states.count(state)} {state}' in said['log'] for state in set(states)) and len(states) > 10
    assert len(re.findall(rf'^ +\d+ task={machine.looping} (?:run|fault) ', said['events'], re.M)) > 1


def seen_by_monitor(machine, addresses):
    return (machine.monitor(f'maps {machine.filled}'),
            [machine.monitor(f'pte {machine.filled} 0x{address:x}') for address in addresses])


def test_commands(machine, tmp_path):
    addresses = places(machine.monitor(f'maps {machine.filled}'))
    ask = asking(vm=f'vm {machine.filled}', frames='frames', frame='frames 0', tasks='tasks', log='log',
                 blocks='log blocks', events='events',
                 **{f'pte{index}': f'pte {machine.filled} 0x{address:x}' for index, address in enumerate(addresses)})
    raw, elf = tmp_path / 'ram', tmp_path / 'ram.elf'
    after = seen_by_monitor(machine, addresses)
    for _ in range(ATTEMPTS):
        before = after
        said = machine.debug(*ask, f'monitor pmemsave {RAM_BASE} {RAM_MIB << 20} "{raw}"',
                             f'monitor dump-guest-memory "{elf}"')
        after = seen_by_monitor(machine, addresses)  # and the machine goes on
        if still(before) == still(after):
            break
    maps, walks = after
    assert {'in a frame', 'not mapped'} < set(re.findall('in a frame|not mapped|in the tail|on flash', ' '.join(walks)))
    check(machine, sections(said), maps, walks)
    for dump in raw, elf:
        check(machine, sections(debugger(f'memory {dump}', *ask)), maps, walks)


def test_make_debug_has_them(board):
    words = run_words(BOARD=board, FRAMES=FRAMES, FILES=PROGRAMS / 'hello', CMD='hello', DEBUG=1)
    done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
                          input='frames\nhbreak task_exit\ncontinue\nframes\nevents\nquit\n')
    print(done.stdout[-4000:], done.stderr[-2000:], sep='\n')
    assert 'not up yet' in done.stderr or 'no frames yet' in done.stderr
    assert re.search(rf'frames {FRAMES}: [1-9]\d* free', done.stdout)
    assert re.search(r'task=\d+ end \d+ 0x0$', done.stdout, re.M)
