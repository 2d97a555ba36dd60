"""Calls about files: what programs are answered on Linux and on Vellum; and what a boot later is still there.

The reference is the Linux that the tests run on, with the program built for it.
"""

import signal
import subprocess

import pytest
from conftest import PROGRAMS, ROOT, TIMEOUT_S

# What runs on Linux (`.` is a new folder), and what on Vellum: files of the store and in memory answer alike.
PAIRS = {
    'store': (['linux_files', 'd'], 'linux_files /d'),
    'memory': (['linux_files', 'd'], 'linux_files /tmp/d'),
    'shm': (['linux_files', 'd'], 'linux_files /dev/shm/d'),
    'pipes': (['linux_pipes'], 'linux_pipes'),
    'proc': (['linux_proc'], 'linux_proc'),
}


def no_signals_blocked():
    """/proc/self/status tells what a process has inherited: whoever runs the tests may have blocked some."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


@pytest.fixture(scope='module')
def linux(tmp_path_factory):
    """linux(words): the output on Linux, made once."""
    known = {}

    def call(words):
        key = ' '.join(words)
        if key not in known:
            subprocess.run(['make', '-s', '-C', ROOT, f'build/programs-host/{words[0]}'], check=True)
            done = subprocess.run([ROOT / 'build' / 'programs-host' / words[0], *words[1:]], capture_output=True,
                                  cwd=tmp_path_factory.mktemp(words[0]), stdin=subprocess.DEVNULL, timeout=TIMEOUT_S,
                                  preexec_fn=no_signals_blocked, check=False)
            assert done.returncode == 0, done.stderr
            known[key] = done.stdout.decode()
        return known[key]
    return call


@pytest.mark.parametrize('frames', [1024, 128])
@pytest.mark.parametrize('pair', PAIRS)
def test_says_the_same_as_on_linux(vellum, linux, pair, frames):
    words, command = PAIRS[pair]
    done = vellum(command, FRAMES=frames)
    assert done.text == linux(words)
    assert done.status == 0
    assert not [line for line in done.lines if 'not supported' in line]


def test_names_are_there_at_the_next_boot(vellum, image):
    image('put', PROGRAMS / 'names')
    assert vellum('names make', FLASH=image.path).text == 'names good\n'
    assert vellum('names check', FLASH=image.path).text == 'names good\n'
    image('check')
    listed = image('ls').stdout
    assert 'second' in listed and 'gone' not in listed


def test_removed_names_take_no_memory(vellum):
    done = vellum('names churn', FRAMES=160)
    assert done.text == 'names good\n'
    assert done.status == 0


@pytest.mark.parametrize('directory', ['/race', '/tmp/race'])
def test_names_that_change_meanwhile_are_what_they_were_or_are(vellum, directory):
    done = vellum(f'names race {directory}', FRAMES=176)
    assert done.text == 'names good\n', done.err
    assert done.status == 0


def test_populating_more_than_there_are_frames_ends(vellum):
    done = vellum('populate 110', FRAMES=150)
    assert done.text == 'populate good\n', done.err
    assert done.status == 0


@pytest.mark.parametrize('path', ['/shared', '/tmp/shared'])
def test_what_several_tasks_write_to_one_file_is_there(vellum, path):
    """So few frames that every call sleeps; see tests/programs/together.c."""
    done = vellum(f'together {path} 6', FRAMES=144)
    lines = done.text.splitlines()
    assert len(lines) == 8
    assert not [line for line in lines if ': good ' not in line]
    assert done.status == 0
