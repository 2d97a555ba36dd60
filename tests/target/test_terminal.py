"""The console as a terminal: the same keys on a Linux terminal and on Vellum's console must give the same picture."""

import re
import subprocess

import pexpect
import pytest
from conftest import PROGRAMS, ROOT, on_terminal, run_words

# Steps of the program, and the keys for each; a step without keys needs none.
SESSIONS = {
    'line': [('line', 'abc\r'), ('line', '\r'), ('line', '\n')],
    'erase': [('line', 'abX\x7fc\r'), ('line', '\x7f\x7fa\x02\x7f\r')],
    'words': [('line', 'hello world\x17you\r'), ('line', 'a  \x17\x17b\r')],
    'kill': [('line', 'nothing\x15x\r'), ('line', '\x15\r')],
    'end of file': [('line', '\x04'), ('line', 'ab\x04'), ('line', 'c\x04\x04')],
    'few': [('few', 'abcd\x04'), ('few', 'abc\r'), ('few', 'abcdef\x04'), ('few', ''), ('line', '\x04')],
    'long': [('line', 'x' * 128 + '\x04'), ('line', 'y' * 150 + '\r')],
    'literal': [('line', 'a\x16\x03b\r'), ('line', '\x16\x04\x16\x7f\r')],
    'raw': [('raw', ''), ('line', '\x03'), ('line', '\r'), ('line', '\x7f'), ('cooked', ''), ('line', 'cooked\r')],
    'timed': [('timed', ''), ('cooked', ''), ('line', 'x\r')],
    'signals': [('signals', 'lost\x03kept\r'), ('signals', '\x1cx\r'), ('signals', '\x1ay\r')],
    'poll': [('poll', 'polled\r'), ('poll', '\x04')],
    'facts': [('facts', '')],
    'interrupt': [('line', '\x03')],
    'quit': [('line', 'abc\x1c')],
}


def play(words, steps, **keys):
    terminal = on_terminal(words, **keys)
    shown = ''
    for name, typed in steps:
        terminal.expect_exact(f'{name}>')
        shown += f'{terminal.before}{name}>'
        for key in typed:
            terminal.send(key)
            if name == 'signals' and key < ' ' and key != '\r': # the handler speaks before the next key
                terminal.expect(r'signal \d\d\r')
                shown += terminal.before + terminal.after
    terminal.expect(['end\r', r'vellum: [a-z ]*stats', pexpect.EOF])
    shown += terminal.before + (terminal.after if terminal.after == 'end\r' else '')
    terminal.expect(pexpect.EOF)
    terminal.close()
    return shown, terminal.exitstatus if terminal.signalstatus is None else 128 + terminal.signalstatus


def picture(shown, steps):
    """What stands on the screen from the first step on, without the firmware's lines. (The runner's own terminal puts
    another CR before each newline.)"""
    text = shown[shown.index(f'{steps[0][0]}>'):]
    return re.sub(r'vellum: .*', '', re.sub(r'\r+\n', '\r\n', text), flags=re.S).rstrip('\r\n')


@pytest.fixture(scope='session')
def on_host():
    subprocess.run(['make', '-s', '-C', ROOT, 'build/programs-host/terminal'], check=True)
    return str(ROOT / 'build' / 'programs-host' / 'terminal')


def test_window_size(board, on_host):
    """Of the terminal that the runner was started on."""
    steps, size = [('facts', '')], (41, 133)
    expected, _ = play([on_host, 'facts'], steps, dimensions=size)
    shown, _ = play(run_words(BOARD=board, CMD='terminal facts', FILES=str(PROGRAMS / 'terminal'), FRAMES=512), steps,
                    dimensions=size)
    assert 'size 0 41 133' in expected
    assert picture(shown, steps) == picture(expected, steps)


@pytest.mark.parametrize('name', SESSIONS)
def test_keys(board, on_host, name):
    steps = SESSIONS[name]
    command = ' '.join(['terminal', *(step for step, _ in steps)])
    expected, status = play([on_host, *(step for step, _ in steps)], steps)
    shown, own_status = play(run_words(BOARD=board, CMD=command, FILES=str(PROGRAMS / 'terminal'), FRAMES=512), steps)
    assert picture(shown, steps) == picture(expected, steps)
    assert own_status == status
