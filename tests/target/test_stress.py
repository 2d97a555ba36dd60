"""Stressors with verification (tests/programs/stress) with frames for a quarter, half and all of what each touches.

What a stressor prints depends on its words alone, so Linux has to print the same. A failure names the seed.
"""

import os
import subprocess

import pytest
from conftest import CAMPAIGN, ROOT, TIMEOUT_S

# Operations that take about as long for each; a check has few pages and half the frames, the campaign the rest.
OPERATIONS = {'vm': 400, 'mmap': 300, 'fork': 6, 'brk': 10, 'stack': 10, 'mremap': 10, 'madvise': 400, 'msync': 300}
PAGES = 640 if CAMPAIGN else 224
SEEDS = range(1, 1 + int(os.environ.get('SEEDS') or 3)) if CAMPAIGN else (1,)
SHARES = (4, 2, 1) if CAMPAIGN else (2,)
PLENTY = 4096
LEAST = 80 # frames that the firmware comes up with


@pytest.fixture(scope='module')
def linux(tmp_path_factory):
    """linux(words): what is printed there."""
    subprocess.run(['make', '-s', '-C', ROOT, 'build/programs-host/stress'], check=True)

    def call(words):
        done = subprocess.run([ROOT / 'build' / 'programs-host' / 'stress', *words], stdin=subprocess.DEVNULL,
                              cwd=tmp_path_factory.mktemp('stress'), capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
        return done.stdout
    return call


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize('name', OPERATIONS)
def test_stress(vellum, linux, name, seed):
    words = (name, str(seed), str(PAGES), str(OPERATIONS[name] * (4 if CAMPAIGN else 1)))
    expected = linux(words)
    touched = None
    for share in (None, *SHARES):
        done = vellum('stress ' + ' '.join(words), FRAMES=max(LEAST, touched // share) if share else PLENTY,
                      TIMEOUT=1200 if CAMPAIGN else TIMEOUT_S)
        touched = touched or done.stats['frames_peak']
        assert done.text == expected
        assert done.status == 0
