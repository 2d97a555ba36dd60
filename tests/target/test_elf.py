"""Program files: which run, which are refused, and that a refusal says why and leaves nothing behind."""

import re
import subprocess

import pytest
from conftest import BOARDS, PROGRAMS, ROOT, run
from elf_files import CASES, STATUS, write_all

JUDGE = ROOT / 'build' / 'host' / 'elf_why'
REFUSED = 'cannot run'
COUNTERS = ('firmware', 'table', 'anonymous', 'promised_pages', 'pinned_frames')


@pytest.fixture(scope='session')
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('elf')
    write_all(folder)
    return folder


@pytest.fixture(scope='session')
def judged(files):
    """What the decoder says on the host, by name."""
    done = subprocess.run([JUDGE, *CASES], cwd=files, capture_output=True, text=True, check=True)
    return dict(re.findall(r'^(\S+): (?:program|refused: (.*))$', done.stdout, re.M))


@pytest.fixture(scope='session')
def boots(files):
    """One boot a board, made when first asked for: every case twice, the counters between and behind."""
    done = {}
    look = 'cat /proc/vellum/frames'
    cases = '; '.join(CASES)

    def boot(board):
        if board not in done:
            done[board] = run(BOARD=board, FRAMES=1024, CMD=f'{cases}; {look}; {cases}; {look}; hello',
                              FILES=f'{PROGRAMS}/cat {PROGRAMS}/hello ' + ' '.join(str(files / name) for name in CASES))
        return done[board]
    return boot


@pytest.mark.parametrize('name', CASES)
def test_judged_on_the_host(judged, name):
    assert judged[name] == (CASES[name][1] or '')


@pytest.mark.parametrize('board', BOARDS)
@pytest.mark.parametrize('name', CASES)
def test_judged_by_the_machine(boots, board, name):
    said = [found[1] for line in boots(board).lines if (found := re.fullmatch(f'{REFUSED} {name}: (.*)', line))]
    why = CASES[name][1]
    assert said == ([why, why] if why else [])


@pytest.mark.parametrize('board', BOARDS)
def test_refusals_leave_nothing_behind(boots, board):
    done = boots(board)
    first, second = (dict(re.findall(r'^(\w+) (\d+)$', part, re.M)) for part in done.text.split('total ')[1:])
    assert {key: first[key] for key in COUNTERS} == {key: second[key] for key in COUNTERS}
    assert done.text.endswith('hello, world\n') and done.status == 0
    assert done.line('^end status=0$')


def test_those_that_run_do(vellum, files):
    names = [name for name, (_, why) in CASES.items() if why is None]
    for name in names:
        assert vellum(name, FILES=str(files / name)).status == STATUS


def test_a_static_pie_on_no_library(vellum):
    done = vellum('bare one two')
    assert done.text == 'bare\none\ntwo\n'
    assert done.status == 3


def test_a_program_on_picolibc(vellum):
    done = vellum('picolibc here')
    assert done.text == 'picolibc here: 20000 numbers, 0 wrong, close -1 errno 9\n'
    assert done.status == 0
