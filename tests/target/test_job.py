"""The main job: what `make run` shows."""

import os
import re
import subprocess

import pytest
from conftest import ROOT, RUN, run

TASKS = ('sort', 'join', 'join-back', 'stencil', 'chase', 'hostile')


# As users call it, at its default size; and the script alone.
@pytest.mark.parametrize('runner, frames', [(('make', 'run'), 512), ((RUN,), 256)], ids=['make-512', 'script-256'])
def test_main_job(board, runner, frames):
    done = run(runner=runner, BOARD=board, FRAMES=frames if frames != 512 else None, TIMEOUT=400)
    for name in TASKS:
        assert done.line(rf'^job {name} .*(result as on the host|stopped, as it has to be)$')
    assert done.line(r'^job flash: \d+ bytes written, \d+ read, \d+ erases; pages compressed \d+\.\d+ to 1$')
    assert done.line(r'^job ended: 6 of 6 tasks as expected$')
    assert done.status == 0
    sizes = [int(found[1]) for found in map(re.compile(r'^job [a-z-]+ +(\d+) +\d+ +\d+').match, done.lines) if found]
    assert sum(sizes) * 1024 >= 4 * frames * 4096
    assert done.stats['faults_flash'] + done.stats['faults_tail'] > 0
    assert done.stats['frames_total'] <= frames


def test_a_command_through_make(board):
    done = run(runner=('make', 'run'), BOARD=board, CMD='hello a b; hello c', FILES='build/programs/hello')
    assert done.status == 0
    assert done.text == run(BOARD=board, CMD='hello a b; hello c', FILES='build/programs/hello').text


def test_make_hands_on_what_is_set_and_nothing_else():
    """A variable of the Makefile's own with such a name would be taken for the user's."""
    clean = {'PATH': os.environ['PATH']}
    for target in ('run', 'debug'):
        said = subprocess.run(['make', '-n', target, 'CMD=x y'], cwd=ROOT, env=clean, capture_output=True, text=True, check=True)
        line = [line for line in said.stdout.splitlines() if line.startswith('platform/run')][-1]
        assert set(re.findall(r'"(\w+)=', line)) | set(re.findall(r' (\w+)=', line)) == {'BOARD', 'FRAMES', 'CMD'} | (
            {'DEBUG'} if target == 'debug' else set())
