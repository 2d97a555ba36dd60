"""Runs programs under the firmware in an emulator, through platform/run, as a user does."""

import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pexpect
import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / 'platform' / 'run'
IMAGE = ROOT / 'build' / 'vellum-image'
PROGRAMS = ROOT / 'build' / 'programs'
BOARDS = ('virt', 'sifive_u')

# `make campaign-programs`: the cases that take longer than a check may.
CAMPAIGN = 'VELLUM_CAMPAIGN' in os.environ

# Real time, only to end what hangs; a loaded machine may be slow.
TIMEOUT_S = 300


@dataclass
class Result:
    status: int
    out: bytes
    err: str
    stats: dict = field(default_factory=dict)

    @property
    def text(self):
        return self.out.decode()

    @property
    def lines(self):
        """The firmware's, without their prefix."""
        return re.findall(r'^vellum: (.*)$', self.err, re.M)

    def line(self, pattern):
        """The first firmware line that matches."""
        for line in self.lines:
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f'no firmware line matches {pattern!r} in:\n{self.err}')


def statistics(err):
    """The key=value words of the last stats line."""
    lines = re.findall(r'^vellum: stats (.*)$', err, re.M)
    return {key: int(value) for key, value in re.findall(r'(\w+)=(\d+)', lines[-1])} if lines else {}


def run_words(**keys):
    """platform/run and its KEY=value words; programs named in PROGRAMS go along as files."""
    for name in ('QEMU', 'OPENSBI'):
        if name in os.environ:
            keys.setdefault(name, os.environ[name])
    keys.setdefault('TIMEOUT', TIMEOUT_S)
    return [str(RUN), *(f'{key}={value}' for key, value in keys.items() if value is not None)]


def run(stdin=b'', runner=(RUN,), **keys):
    """One run by the script, or by another `runner` that takes the same words."""
    words = [*map(str, runner), *run_words(**keys)[1:]]
    # A make that runs the tests hands down its flags, which are not for a make that they run.
    environment = {key: value for key, value in os.environ.items() if key not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL')}
    done = subprocess.run(words, input=stdin, capture_output=True, cwd=ROOT, timeout=int(keys.get('TIMEOUT', TIMEOUT_S)) + 60,
                          check=False, env=environment)
    err = done.stderr.decode(errors='replace')
    # Shown by pytest when the test fails.
    print(' '.join(words), '->', done.returncode)
    print(done.stdout.decode(errors='replace')[-4000:], err[-8000:], sep='\n')
    return Result(done.returncode, done.stdout, err, statistics(err))


def keys_signal():
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def on_terminal(words, cwd=ROOT, **keys):
    """A child on a terminal of its own, whose keys signal it: a shell that starts the tests in the background has them ignored.
    It is given a second and not a tenth to end at each signal."""
    terminal = pexpect.spawn(words[0], words[1:], cwd=str(cwd), timeout=TIMEOUT_S, encoding='utf-8', codec_errors='replace',
                             env={**os.environ, 'TERM': 'dumb'}, preexec_fn=keys_signal, **keys)
    terminal.delayafterterminate = terminal.ptyproc.delayafterterminate = 1
    return terminal


def program_files(command):
    """FILES for the test programs that a command names."""
    names = {word for word in re.findall(r'[\w.-]+', command) if (PROGRAMS / word).is_file()}
    return ' '.join(str(PROGRAMS / name) for name in sorted(names))


@pytest.fixture(params=BOARDS)
def board(request):
    return request.param


@pytest.fixture
def vellum(board):
    """vellum(command, KEY=value ...) runs it on the board and gives the Result."""
    def call(command=None, stdin=b'', FILES='', **keys):
        files = ' '.join(filter(None, [program_files(command or ''), FILES]))
        return run(stdin, BOARD=board, CMD=command, FILES=files or None, **keys)
    return call


@pytest.fixture
def image(board, tmp_path):
    """A formatted flash image; image(words ...) runs the tool on it."""
    path = tmp_path / 'flash.img'

    def tool(*words, check=True):
        done = subprocess.run([IMAGE, path, *words], capture_output=True, text=True, check=False)
        print(done.stdout[-4000:], done.stderr)
        assert not check or done.returncode == 0, done.stderr
        return done
    tool.path = path
    tool('create', '--board', board)
    return tool
