"""Memory and process calls case by case (tests/programs/posix), in the manner of the Linux Test Project.

Every case has to pass on the Linux that the tests run on, which says that the case is right; on Vellum all have to pass but
those that are known not to be supported.
"""

import re
import subprocess

import pytest
from conftest import CAMPAIGN, ROOT, TIMEOUT_S

# What callers are told is what a Linux answers that is older than the flag.
NOT_SUPPORTED = {'mremap keep_the_old': 'MREMAP_DONTUNMAP (Linux 5.7)',
                 'madvise wipe_on_fork': 'MADV_WIPEONFORK (Linux 4.14)'}


def verdicts(text):
    """{case: verdict}, with the reason before a verdict that is not "passed"."""
    return dict(re.findall(r'^(\w+ \w+): (.*)$', text, re.M))


@pytest.fixture(scope='module')
def cases(tmp_path_factory):
    """The names of the cases, all of which have passed on Linux."""
    subprocess.run(['make', '-s', '-C', ROOT, 'build/programs-host/posix'], check=True)
    done = subprocess.run([ROOT / 'build' / 'programs-host' / 'posix'], cwd=tmp_path_factory.mktemp('posix'),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    found = verdicts(done.stdout)
    # Who runs the tests may be refused to lock so much memory, or may not be root.
    print([f'{name}: {verdict}' for name, verdict in found.items() if verdict != 'passed'])
    assert len(found) == 157
    return set(found)


@pytest.mark.parametrize('frames', [512] + CAMPAIGN * [2048])
def test_cases(vellum, cases, frames):
    done = vellum('posix', FRAMES=frames)
    expected = {name: 'passed' for name in cases}
    expected |= {name: f'{reason}; not supported' for name, reason in NOT_SUPPORTED.items()}
    assert verdicts(done.text) == expected
    assert done.status == 0
