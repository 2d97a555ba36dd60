"""The main job: what `make run` shows."""

import re

import pytest
from conftest import run

TASKS = ('sort', 'join', 'join-back', 'stencil', 'chase', 'hostile')


@pytest.mark.parametrize('frames', [512, 256])
def test_main_job(board, frames):
    done = run(BOARD=board, FRAMES=frames, TIMEOUT=400)
    for name in TASKS:
        assert done.line(rf'^job {name} .*(result as on the host|stopped, as it has to be)$')
    assert done.line(r'^job flash: \d+ bytes written, \d+ read, \d+ erases; pages compressed \d+\.\d+ to 1$')
    assert done.line(r'^job ended: 6 of 6 tasks as expected$')
    assert done.status == 0
    sizes = [int(found[1]) for found in map(re.compile(r'^job [a-z-]+ +(\d+) +\d+ +\d+').match, done.lines) if found]
    assert sum(sizes) * 1024 >= 4 * frames * 4096
    assert done.stats['faults_flash'] + done.stats['faults_tail'] > 0
    assert done.stats['frames_total'] <= frames
