"""Job control on the console: a program that does what shells do, on a terminal of Linux and on Vellum's console."""

import re
import shutil
import subprocess

import pytest
from conftest import PROGRAMS, ROOT, on_terminal, run_words

# What is typed when the program asks for it, in order; ^Z ^C ^\ and a line.
TYPED = (('type a key', '\x1a'), ('type a second key', '\x03'), ('type a key', '\x1c'), ('type a line', 'words\r'))
# What the terminal itself shows of the keys.
ECHO = re.compile(r'\^[ZC\\]|^words$', re.M)


def play(words, folder):
    """What the program says, without what the terminal echoes."""
    terminal = on_terminal(words, folder)
    terminal.expect('the terminal is')
    said = terminal.after
    for question, answer in TYPED:
        terminal.expect_exact(question)
        said += terminal.before + terminal.after
        terminal.expect('\r?\n')
        said += '\n'
        terminal.send(answer)
    terminal.expect_exact('over')
    said += terminal.before
    terminal.close(force=True)
    return [line for line in re.split(r'[\r\n]+', ECHO.sub('', said)) if line and not line.startswith('vellum: ')]


@pytest.fixture(scope='module')
def on_linux(tmp_path_factory):
    folder = tmp_path_factory.mktemp('jobs')
    subprocess.run(['make', '-s', '-C', ROOT, 'build/programs-host/linux_jobs'], check=True)
    shutil.copy(ROOT / 'build' / 'programs-host' / 'linux_jobs', folder)
    return play([str(folder / 'linux_jobs')], folder)


def test_keys_and_groups(board, on_linux):
    said = play(run_words(BOARD=board, CMD='linux_jobs', FILES=PROGRAMS / 'linux_jobs'), ROOT)
    assert said == on_linux
    assert 'stop key: stopped 20' in said
