"""The monitor, on a terminal as a user has it."""

import re

import pexpect
import pytest
from conftest import PROGRAMS, on_terminal, run_words

PROMPT = 'vellum> '


class Monitor:
    def __init__(self, **keys):
        self.terminal = on_terminal(run_words(**keys), dimensions=(50, 200))
        self.terminal.expect_exact(PROMPT)

    def __call__(self, command):
        """What the command prints: everything up to the next prompt that stands alone."""
        self.terminal.send(command + '\r')
        self.terminal.expect('\r+\n')
        self.terminal.expect(r'\r' + PROMPT + '\x1b\\[K')
        return re.sub(r'\r|\x1b\[[0-9]*[A-Z]', '', self.terminal.before)

    def halt(self):
        self.terminal.send('halt\r')
        self.terminal.expect(pexpect.EOF)
        self.terminal.close()
        return self.terminal.exitstatus


@pytest.fixture
def monitor(board, image):
    programs = [str(PROGRAMS / name) for name in ('hello', 'fill', 'end', 'cat')]
    image('put', *programs)
    shell = Monitor(BOARD=board, FRAMES=512, FLASH=image.path)
    yield shell
    shell.terminal.close(force=True)


def test_commands(monitor):
    assert 'maps' in monitor('help')
    assert 'hello, world' in monitor('run hello')
    assert 'status 7' in monitor('run end exit 7')
    assert 'signal 11' in monitor('run end null')
    assert 'state' in monitor('ps')
    assert 'frames' in monitor('mem') and 'RAM' in monitor('free')
    assert 'tail' in monitor('log') and 'erases' in monitor('wear')
    assert 'erased' in monitor('blocks')
    assert 'fill' in monitor('files')
    assert 'flash_read_bytes=' in monitor('stats')
    assert re.search(r'up \d+\.\d+ s', monitor('uptime'))
    assert 'no command' in monitor('frobnicate')
    assert 'TASK' in monitor('kill')
    assert 'format yes' in monitor('format')
    monitor('sync')
    assert monitor.halt() == 0


def test_a_task_from_inside(monitor):
    task = re.search(r'task (\d+)', monitor('run end loop &'))[1]
    assert re.search(rf'^ *{task} .*runs .*end$', monitor('ps'), re.M)
    maps = monitor(f'maps {task}')
    assert re.search(r'r-xp', maps) and 'stack' in maps
    assert not re.search(r'wx', maps)
    text = re.search(r'^([0-9a-f]+)-[0-9a-f]+ r-xp', maps, re.M)[1]
    walk = monitor(f'pte {task} 0x{text}')
    assert re.search(r'level 2 entry .*table', walk)
    assert 'not mapped' in monitor(f'pte {task} 0x3f00000000')
    assert 'is not a number' in monitor(f'pte {task} somewhere')
    assert 'no task' in monitor('maps 9999')
    # Text is shared and never written, so nothing is said of a copy at a store; data and stack are.
    assert 'first store' not in walk
    assert re.findall(rf'task {task}\b.*', monitor(f'kill {task} 9') + monitor('')) == [f'task {task} end: ended by signal 9']


def test_editing_and_history(monitor):
    left, up, home = '\x1b[D', '\x1b[A', '\x1b[H'
    assert 'hello, world' in monitor(f'un hello{home}r')
    # Ctrl-A is the runner's own key: twice is one.
    assert 'hello, world' in monitor('un hello\x01\x01r')
    assert 'hello, world' in monitor(f'run hellp{left}\x04\x05o')
    assert '1: two' in monitor('run hello one\x17two')
    assert '1: two' in monitor(up)
    assert 'hello, world' in monitor('nonsense\x15run hello')


def test_interrupt(monitor):
    monitor.terminal.send('run end loop\r')
    monitor.terminal.expect_exact('end loop 0')
    monitor.terminal.send('\x03')
    monitor.terminal.expect('ended by signal 2')


def test_what_was_typed_ahead_is_not_lost(monitor):
    """Lines behind a program, the interrupt key among them, are the monitor's when the program has ended."""
    monitor.terminal.send('run end loop\r')
    monitor.terminal.expect_exact('end loop 0')
    monitor.terminal.send('run hello first\rgarbage\x03run hello second\runi')
    monitor.terminal.expect('ended by signal 2')
    monitor.terminal.expect('1: first')
    monitor.terminal.expect('1: second')
    monitor.terminal.send('_\r')
    monitor.terminal.expect('no command uni_')
    # What a program reads is its own.
    monitor.terminal.send('run cat\rmine\r\x04')
    monitor.terminal.expect('mine\r+\nmine\r+\n')
    monitor.terminal.send('run hello third\r')
    monitor.terminal.expect('1: third')


def test_help_of_one_command(monitor):
    assert monitor('help swapon').split()[:2] == ['swapon', '[BLOCKS]'] and 'maps' not in monitor('help swapon')
    assert 'no command nothing' in monitor('help nothing')


def test_check_and_swap(monitor):
    monitor('run fill 900 2')
    checked = monitor('check')
    assert 'memory: good' in checked and 'store: good' in checked and ' 0 bad' in checked
    monitor('swapoff')
    assert 'refused' in monitor('run fill 20000 1')
    monitor('swapon')
    assert 'good' in monitor('run fill 900 2')
    assert monitor.halt() == 0


@pytest.mark.parametrize('word', ['yes', 'anyway'])
def test_format_is_offered(board, tmp_path, word):
    """Blank flash is made a store for the asking; what may be somebody's wants a stronger word."""
    path = tmp_path / 'flash.img'
    found = b'\xff' * (32 << 20) if word == 'yes' else b'somebody else' + b'\0' * ((32 << 20) - 13)
    path.write_bytes(found)
    shell = Monitor(BOARD=board, FRAMES=512, FLASH=path)
    assert 'format yes' in shell('format')
    if word == 'anyway':
        assert 'refused: the range is not marked as ours and is not blank' in shell('format yes')
        assert path.read_bytes() == found
    assert 'format: done' in shell(f'format {word}')
    assert shell.halt() == 0
    again = Monitor(BOARD=board, FRAMES=512, FLASH=path)
    assert 'nothing to change: swap on' in again('swapon')
    assert again.halt() == 0


def test_leaving_with_the_key(monitor):
    monitor.terminal.send('\x01x')
    monitor.terminal.expect(pexpect.EOF)
