"""The target's fixtures, logs, options and reports; README.md explains them."""

import fcntl
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from board import BUILD, Board, BoardError, program_files  # noqa: E402
from line import Log                                       # noqa: E402
from target import Target, TargetError                     # noqa: E402

TEST_S = 1200                   # for one test, whatever it waits for
FULL_CHECK_EVERY = 50           # tests: reading all records back takes seconds on a slow bus
FAILED_RECOVERIES_MOST = 2


def pytest_addoption(parser):
    group = parser.getgroup('hil')
    group.addoption('--target', default='virt', help='virt, sifive_u, or the path of a target file')
    group.addoption('--repeat', type=int, default=1, help='every test so many times')
    group.addoption('--seed', type=int, default=1, help='of everything random; with --shuffle of the order too')
    group.addoption('--shuffle', action='store_true', help='the order of tests comes from the seed')


def pytest_configure(config):
    config.addinivalue_line('markers', 'needs(ability ...): skipped where the target has not all of them')
    config.addinivalue_line('markers', 'quick: a part of the quick subset')
    config.addinivalue_line('markers', 'core: what the campaign repeats; a test of each file and ability')
    config.hil_tap = Tap(Board(config.getoption('target')).folder / 'results.tap')
    config.pluginmanager.register(config.hil_tap)


def pytest_report_header(config):
    words = [f'{name}={config.getoption(name)}' for name in ('target', 'repeat', 'seed', 'shuffle')]
    return f'hil: {" ".join(words)}'


def pytest_generate_tests(metafunc):
    repeat = metafunc.config.getoption('repeat')
    if repeat > 1:
        metafunc.fixturenames.append('repetition')
        metafunc.parametrize('repetition', range(repeat))


def pytest_collection_modifyitems(config, items):
    if config.getoption('shuffle'):
        random.Random(config.getoption('seed')).shuffle(items)


class Tap:
    """The results as TAP 13, a line at the end of each test."""

    def __init__(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(path, 'w', encoding='utf-8', buffering=1)
        self.file.write('TAP version 13\n')
        self.count = 0
        self.parts = []

    def pytest_runtest_logreport(self, report):
        self.parts.append(report)
        if report.when != 'teardown':
            return
        self.count += 1
        failed = any(part.failed for part in self.parts)
        skipped = next((part.longrepr[2] for part in self.parts if part.skipped and isinstance(part.longrepr, tuple)), None)
        comment = f' # SKIP {skipped.removeprefix("Skipped: ")}' if skipped else ''
        self.file.write(f'{"not ok" if failed else "ok"} {self.count} - {report.nodeid.replace("#", " ")}{comment}\n')
        self.parts = []

    def pytest_sessionfinish(self):
        self.file.write(f'1..{self.count}\n')
        self.file.close()


class Bench:
    """The session's target, and what has to be done before the next test may use it."""

    def __init__(self, config):
        self.board = Board(config.getoption('target'))
        self.lock = self._lock()
        self.target = Target(self.board, config.getoption('seed'))
        self.image = self.board.folder / 'base.img'
        self.dirty = 'not started'
        self.start = None               # state() of this boot
        self.failed_recoveries = 0
        self.judged = 0

    def _lock(self):
        """One session at a time has the target and its folder."""
        self.board.folder.mkdir(parents=True, exist_ok=True)
        lock = open(self.board.folder / 'lock', 'w', encoding='utf-8')
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.exit(f'{self.board.name} is in use by another session', 4)
        return lock

    def make_image(self):
        self.image.unlink(missing_ok=True)
        tool = [BUILD / 'vellum-image', self.image]
        for words in (['create', '--board', self.board.kind], ['put', *program_files()]):
            subprocess.run([*tool, *words], check=True, capture_output=True, timeout=300)

    def prepare(self):
        """A target in its known state, whatever happened before."""
        if self.dirty is None:
            return
        self.target.note(f'recovery: {self.dirty}')
        try:
            self._recover()
        except (TargetError, BoardError) as error:
            self.failed_recoveries += 1
            if self.failed_recoveries >= FAILED_RECOVERIES_MOST:
                pytest.exit(f'the target cannot be brought back: {error}', 3)
            raise
        self.failed_recoveries = 0
        self.dirty = None

    def _recover(self):
        if self.target.can('power_cut'):
            image = self.image if self.target.can('flash') else None
            self.target.power_cycle(image=image)
        elif self.target.can('reset'):
            self.target.reset()
        else:                           # it has to be running
            self.target.interrupt()
            self.target.kill_tasks()
        self.settle()

    def settle(self):
        """After a boot: the counters that every test has to leave behind."""
        self.target.run('hello')        # the stack of the last task is kept: from here on there is one
        self.start = self.target.state()
        self.boots = self.target.boots

    def judge(self):
        """After a test: nothing runs, nothing is left, the checks hold. Says what is wrong."""
        if self.target.boots != self.boots:
            files = self.start['files']
            self.settle()
            assert self.start['files'] == files, 'other files are on the flash'
        self.judged += 1
        self.target.good('sync')        # what was removed must not come back with the next test's power cut
        checked = self.target.command('check' if self.judged % FULL_CHECK_EVERY == 0 else 'check quick')
        assert checked.result == 0, checked
        state = self.target.state()
        assert state == self.start, {key: (self.start[key], state[key]) for key in state if state[key] != self.start[key]}

    def close(self):
        if self.board.off_at_end:
            self.target.power_off()
        self.target.line.close()
        self.lock.close()


@pytest.fixture(scope='session')
def bench(request):
    it = Bench(request.config)
    if it.target.can('flash'):
        it.make_image()
    yield it
    it.close()


def log_name(nodeid):
    return re.sub(r'[^\w.=-]+', '_', nodeid.split('/')[-1]).strip('_')[:150] + '.log'


@pytest.fixture
def target(request, bench):
    """The running target, in its known state; afterwards it has to be in it again."""
    for marker in request.node.iter_markers('needs'):
        if lacking := [ability for ability in marker.args if not bench.target.can(ability)]:
            pytest.skip(f'{bench.board.name} cannot: {", ".join(lacking)}')
    log = Log(bench.board.folder / 'logs' / log_name(request.node.nodeid))
    bench.target.set_log(log)
    try:
        bench.prepare()
        yield bench.target
        if not bench.dirty:
            try:
                bench.judge()
            except BaseException:
                bench.dirty = f'{request.node.nodeid} left a mess'
                raise
    finally:
        bench.target.set_log(None)
        log.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == 'call' and outcome.get_result().failed and 'bench' in item.funcargs:
        item.funcargs['bench'].dirty = f'{item.nodeid} failed'


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    def too_long(_number, _frame):
        raise TimeoutError(f'{item.nodeid}: more than {TEST_S} s')

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(TEST_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def leaves_files(bench, target):
    """For tests that leave files which nobody can remove one by one: the flash is written anew after them."""
    if not target.can('flash'):
        pytest.skip(f'{bench.board.name} cannot: flash')
    yield
    target.good('check')
    bench.dirty = bench.dirty or 'files were left, as is known'


@pytest.fixture
def tidy(target):
    """Removes the files that the test has written, also those of an earlier boot."""
    before = {row[-1] for row in target.state()['files']}
    yield
    for name in {row[-1] for row in target.state()['files']} - before:
        target.run(f'keep remove {name}')


@pytest.fixture
def rng(request):
    """Seeded by --seed and the test's own name, so that each can be replayed alone."""
    return random.Random(f'{request.config.getoption("seed")} {request.node.nodeid}')
