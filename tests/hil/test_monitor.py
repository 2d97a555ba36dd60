"""The contract of every command of the monitor: what it answers, what it says, and what wrong words do."""

import re
from contextlib import contextmanager

import pytest
from subset import chosen

COMMANDS = ('help', 'ps', 'run', 'kill', 'maps', 'pte', 'mem', 'free', 'log', 'files', 'blocks', 'wear', 'stats', 'check',
            'swapon', 'swapoff', 'sync', 'format', 'uptime', 'panic', 'inject', 'halt')
STATS = ('faults_zero', 'faults_cow', 'faults_file', 'faults_tail', 'faults_flash', 'evict_clean', 'evict_dirty',
         'tail_records', 'flash_read_bytes', 'flash_program_bytes', 'flash_erases', 'gc_moved_bytes', 'frames_total',
         'frames_peak', 'tail_peak_bytes')


def number(text, pattern):
    return int(re.search(pattern, text)[1])


@contextmanager
def background(target, words='end loop'):
    """The id of a task that runs until the end of the block."""
    task = number(target.good(f'run {words} &'), r'task (\d+)')
    yield task
    target.good(f'kill {task} 9')
    assert task not in target.tasks()


# ---- What each says ----

def test_help_names_every_command(target):
    listed = {line.split()[0] for line in target.good('help').splitlines()}
    assert listed >= set(COMMANDS)


SHAPES = {
    'ps': r' *task parent state +threads +ms size KiB +in RAM swapped name\n',
    'mem': r'frames +\d+: \d+ free, \d+ firmware, \d+ tables, \d+ anonymous, \d+ object; at most \d+ in use\n'
           r'promised +\d+ of \d+ pages; pinned \d+ of \d+ frames, \d+ by the store\n'
           r'evicted +\d+ clean, \d+ dirty, \d+ zero\n'
           r'faults( +[a-z-]+ \d+){8}\n',
    'free': r'RAM +\d+ KiB, \d+ KiB free\nswap +\d+ KiB at least, \d+ KiB of all memory promised\n',
    'log': r'tail +\d+ records, \d+ of \d+ KiB; at most \d+ KiB\nslots +\d+ in use, .*\nto flash .*\n'
           r'ratio +\d+\.\d\d; 0 bad records\n'
           r'capacity +\d+ pages in tail and flash: \d+ promised, \d+ free\nblocks +\d+: 0 bad, .*\n(life .*\n)?'
           r'flash +\d+ bytes read, \d+ programmed, \d+ erases, 0 failures\n',
    'files': r'( *\d+ +\d+ \S+\n)+',
    'wear': r'\d+ erases of \d+ blocks: least \d+, most \d+, \d+ bad blocks\n(( +\d+){16}\n)*(( +\d+){1,15}\n)?',
    'blocks': r'block state +stream +sequence +used +live erases\n'
              r'( *\d+ (erased|dirty|open|full|bad) +(-|hot|cold|durable|settled) .*\n)+',
    'uptime': r'up \d+\.\d{3} s\n',
    'check': r'memory: good\nstore: good\nrecords on flash: 0 bad\n',
    'check quick': r'memory: good\nstore: good\n',
    'sync': r'',
    'swapon': r'(nothing to change: )?swap on: \d+ of \d+ blocks, room for \d+ pages, \d+ promised\n',
}


@pytest.mark.quick
@pytest.mark.parametrize('command', chosen(SHAPES, core=('mem', 'log', 'check quick')))
def test_shape(target, command):
    said = target.good(command)
    assert re.fullmatch(SHAPES[command], said), said


def test_stats_has_all_keys(target):
    done = target.command('stats')
    keys = dict(re.findall(r'(\w+)=(\d+)', done.line(r'^stats (.*)')[1]))
    assert done.result == 0 and set(STATS) <= set(keys)


def test_blocks_and_wear_agree(target):
    erases = [int(row.split()[-1]) for row in target.good('blocks').splitlines()[1:]]
    first, *rows = target.good('wear').splitlines()
    assert number(first, r'of (\d+) blocks') == len(erases) and number(first, r'least (\d+)') == min(erases)
    assert [int(word) for row in rows for word in row.split()] == erases and number(first, r'^(\d+)') == sum(erases)


def test_frames_add_up(target):
    row = r'frames +(\d+): (\d+) free, (\d+) firmware, (\d+) tables, (\d+) anonymous, (\d+) object'
    total, *kinds = map(int, re.search(row, target.good('mem')).groups())
    assert total - sum(kinds) in (0, 1)         # the frame of zeros is of no kind here
    assert number(target.good('free'), r'RAM +(\d+)') == 4 * total


def test_uptime_goes_on(target):
    seen = [float(re.search(r'up ([\d.]+)', target.good('uptime'))[1]) for _ in range(5)]
    assert seen == sorted(seen)


def test_a_program_counts(target):
    def now():
        return int(target.command('stats').line(r'faults_zero=(\d+)')[1])

    before = now()
    assert target.run('fill 20 1').result == 0
    assert now() >= before + 20


# ---- Words ----

TOO_FEW = ('run', 'kill', 'maps', 'pte', 'pte 1')


@pytest.mark.parametrize('command', TOO_FEW)
def test_too_few_words(target, command):
    done = target.command(command)
    assert done.error == 'EINVAL' and done.text.startswith(command.split()[0] + ' ')


@pytest.mark.parametrize('command', ['frobnicate', 'HELP', 'hel', 'helpp', '&', '-', 'run;ps', '\\0a', '#', '*00000000',
                                     '%s%n'])
def test_no_such_command(target, command):
    done = target.command(command)
    assert done.error == 'ENOENT' and done.text.startswith(f'no command {command};')


@pytest.mark.parametrize('task', ['0', '9999', '4294967295', '4294967296', '18446744073709551616', '-1', 'one', '0x',
                                  '0xfffffffff', '1e3', '07z'])
@pytest.mark.parametrize('command', ['maps {}', 'pte {} 0', 'kill {}'])
def test_no_such_task(target, command, task):
    done = target.command(command.format(task))
    assert done.error == 'ESRCH' and re.fullmatch(r"(no task .*; `ps` shows them|.* is not a number)\n", done.text)


@pytest.mark.parametrize('blocks', ['-1', 'all', '0x', '99999999999999999999', '1 2 3 4 5 6 7 8 9 10 11 12'])
def test_swapon_wrong_words(target, blocks):
    assert target.command(f'swapon {blocks}').error in ('EINVAL', 'E2BIG')
    target.good('swapon')


@pytest.mark.parametrize('signal', ['0', '65', '99999', '-9', 'KILL', '0x100000009'])
def test_kill_wrong_signal(target, signal):
    with background(target) as task:
        done = target.command(f'kill {task} {signal}')
        assert done.error == 'EINVAL' and task in target.tasks()


@pytest.mark.parametrize('count, error', [(11, ''), (12, 'E2BIG'), (40, 'E2BIG')])
def test_many_words(target, count, error):
    words = ' '.join(['a'] * (count - 1))
    done = target.command(f'run hello {words}')
    assert done.error == error
    if not error:
        assert done.text.splitlines()[-1] == f'{count - 1}: a'


@pytest.mark.parametrize('words', ['  ps', 'ps   ', 'ps extra words', 'mem x', 'help help'])
def test_extra_words_and_spaces_do_no_harm(target, words):
    target.good(words)


def test_files_of_no_such_path(target):
    assert target.command('files nothing').error == 'ENOENT'
    assert target.command('files hello/inside').error == 'ENOENT'
    assert target.good('files hello').split()[-1] == 'hello'


def test_format_of_a_running_store_is_refused(target):
    assert target.command('format').error == 'EPERM'
    assert target.command('format no').error == 'EPERM'
    done = target.command('format yes')
    assert done.error == 'EPERM' and done.line('^format: refused: the store is in use')
    assert target.run('hello').result == 0


# ---- Tasks ----

@pytest.mark.parametrize('words, error', [('nothing', 'ENOENT'), ('hello/', 'ENOENT'), ('/', 'EACCES'), ('.', 'EACCES'),
                                          ('&', 'EINVAL'), ('nothing &', 'ENOENT')])
def test_run_of_no_program(target, words, error):
    done = target.command(f'run {words}')
    assert done.result < 0 and done.text
    assert done.error == error, done


@pytest.mark.parametrize('status', [0, 1, 7, 127, 128, 255])
def test_run_answers_the_status(target, status):
    done = target.run(f'end exit {status}')
    assert done.status == status and (f'ended with status {status}' in done.text) == (status != 0)


@pytest.mark.parametrize('how, signal', [('abort', 6), pytest.param('null', 11, marks=pytest.mark.core), ('text', 11),
                                         ('trap', 5), ('raise 9', 9), ('raise 15', 15), ('raise 1', 1), ('raise 34', 34),
                                         ('raise 64', 64)])
def test_run_answers_the_signal(target, how, signal):
    done = target.run(f'end {how}')
    assert done.signal == signal and f'ended by signal {signal}' in done.text
    if how in ('null', 'text', 'trap'):
        assert done.line(r'^fault task=\d+ name=end cause=')


@pytest.mark.parametrize('signal', chosen([2, 9, 11, 15, 64], core=[9]))
def test_kill(target, signal):
    task = number(target.good('run end loop &'), r'task (\d+)')
    said = target.good(f'kill {task} {signal}') + target.good('ps')
    assert f'ended by signal {signal}' in said
    assert target.tasks() == []


def test_kill_is_sigterm(target):
    task = number(target.good('run end loop &'), r'task (\d+)')
    assert 'ended by signal 15' in target.good(f'kill {task}') + target.good('ps')


def test_ps_shows_a_task(target):
    with background(target) as task:
        row = re.search(rf'^ *{task} .*', target.good('ps'), re.M)[0].split()
        assert row[1] == '0' and row[2] == 'runs' and row[-1] == 'end' and int(row[5]) > 0


def test_the_end_of_a_background_task_is_told_once(target):
    task = number(target.good('run end exit 3 &'), r'task (\d+)')
    said = ''
    for _ in range(200):
        said += target.good('ps')
        if f'task {task} end: ended' in said:
            break
    assert said.count(f'task {task} end: ended with status 3') == said.count('ended') == 1
    assert 'ended' not in target.good('ps')


def test_maps_has_no_page_that_is_writable_and_executable(target):
    with background(target) as task:
        rows = [line.split() for line in re.findall(r'^[0-9a-f]{10}-.*', target.good(f'maps {task}'), re.M)]
        assert {row[1] for row in rows} >= {'r-xp', 'rw-p'} and not [row for row in rows if 'wx' in row[1]]
        assert any(row[-1] == 'stack' for row in rows)
        ends = [tuple(int(end, 16) for end in row[0].split('-')) for row in rows]
        assert ends == sorted(ends) and all(a[1] <= b[0] for a, b in zip(ends, ends[1:]))


@pytest.mark.parametrize('address, end', [('0', 'not mapped'), ('0x3f00000000', 'not mapped'),
                                          ('0x3fffffffff', 'not mapped'),
                                          ('0x4000000000', ''), ('0xffffffffffffffff', ''), ('0xffffffc080000000', '')])
def test_pte_of_what_is_not_the_tasks(target, address, end):
    with background(target) as task:
        said = target.good(f'pte {task} {address}')
        assert said.rstrip().endswith(end or 'not mapped') and 'page at' not in said


def test_pte_of_text(target):
    with background(target) as task:
        text = re.search(r'^([0-9a-f]+)-\S+ r-xp', target.good(f'maps {task}'), re.M)[1]
        said = target.good(f'pte {task} 0x{text}')
        assert re.search(r'level 2 entry +\d+: [0-9a-f]{16} v------- table', said)
        # user, executable, never writable
        assert re.search(r'level 0 entry +\d+: [0-9a-f]{16} vr-xu-', said) or 'never touched' in said


def test_pte_wrong_address(target):
    with background(target) as task:
        assert target.command(f'pte {task} somewhere').error == 'EINVAL'


@pytest.mark.needs('halt_ends')
def test_halt(target):
    done = target.command('halt')
    assert done.result == 0
    assert 'end status=0' in target.wait_for_end()
    target.power_cycle()
    assert target.run('hello').result == 0
