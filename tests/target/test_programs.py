"""Programs as users run them: their output, their status, their input."""

import os

import pytest
from conftest import PROGRAMS


def test_hello(vellum):
    done = vellum('hello')
    assert done.status == 0
    assert done.out == b'hello, world\n'


def test_arguments(vellum):
    done = vellum('hello one two-words 3')
    assert done.text.splitlines() == ['hello, world', '1: one', '2: two-words', '3: 3']


def test_program_by_path(vellum):
    done = vellum('bin/greet here', FILES=f'{PROGRAMS}/hello=bin/greet')
    assert done.status == 0
    assert done.text.splitlines()[-1] == '1: here'


@pytest.mark.parametrize('status', [0, 1, 42, 255])
def test_exit_status(vellum, status):
    assert vellum(f'end exit {status}').status == status


@pytest.mark.parametrize('how, status', [('null', 139), ('text', 139), ('trap', 133), ('abort', 134), ('raise 9', 137),
                                         ('raise 15', 143)])
def test_status_of_a_signal(vellum, how, status):
    assert vellum(f'end {how}').status == status


def test_fault_line(vellum):
    done = vellum('end null')
    found = done.line(r'^fault task=\d+ name=end cause=store-page addr=0x10 pc=0x[0-9a-f]+ region="[^"]*" '
                      r'reason="[^"]+" verdict=SIGSEGV$')
    assert found


def test_stats_line(vellum):
    done = vellum('hello')
    for key in ('faults_zero faults_cow faults_file faults_tail faults_flash evict_clean evict_dirty tail_records '
                'flash_read_bytes flash_program_bytes flash_erases gc_moved_bytes frames_total frames_peak '
                'tail_peak_bytes').split():
        assert key in done.stats, key
    assert done.stats['flash_read_bytes'] > 0


def test_program_not_found(vellum):
    done = vellum('nothing-of-this-name')
    assert done.status == 127
    assert done.line('nothing-of-this-name')
    assert done.out == b''


def test_not_a_program(vellum, tmp_path):
    text = tmp_path / 'text'
    text.write_text('no program\n' * 1000)
    done = vellum('text', FILES=str(text))
    assert done.status in (126, 127)
    assert done.line('text')


def test_output_is_byte_exact(vellum):
    done = vellum('bytes')
    assert done.out == bytes(range(256)) * 4
    assert done.status == 0


def test_input_is_byte_exact(vellum):
    data = os.urandom(20_000)
    done = vellum('cat', stdin=data)
    assert done.status == 0
    assert done.out == data


def test_standard_error_is_apart(vellum):
    done = vellum('cat -e', stdin=b'complaint\n')
    assert done.out == b''
    assert 'complaint\n' in done.err


def test_one_after_the_other(vellum):
    done = vellum('hello 1; hello 2; end exit 5')
    assert done.status == 5
    assert done.text.splitlines() == ['hello, world', '1: 1', 'hello, world', '1: 2', 'end exit 5']


def test_side_by_side(vellum):
    done = vellum('fill 50 2 1 & fill 50 2 2 & fill 50 2 3')
    assert done.status == 0
    assert sorted(done.text.splitlines()) == [f'fill pages=50 rounds=2 seed={i} good' for i in (1, 2, 3)]


@pytest.mark.parametrize('command', ['nothere & hello', 'hello & nothere'])
def test_a_failure_side_by_side_is_told_in_any_order(vellum, command):
    assert vellum(command).status == 127


def test_words_are_not_dropped(vellum):
    assert vellum('hello ' + ' '.join(map(str, range(31)))).text.splitlines()[-1] == '31: 30'
    done = vellum('hello ' + ' '.join(map(str, range(32))))
    assert done.status == 126 and done.line('^cannot run hello: too many words')


def test_files(vellum):
    done = vellum('files 200')
    assert done.status == 0, done.err
    assert done.text == f'files bytes={200 * 1024 + 7} good\n'


def test_a_loop_is_stopped_at_the_time_limit(vellum):
    assert vellum('end loop', TIMEOUT=5).status == 124


def test_more_programs_than_run_side_by_side(vellum):
    """The seventeenth waits, and that is said."""
    done = vellum(' & '.join(f'hello {number}' for number in range(20)))
    assert done.status == 0 and done.text.count('hello, world') == 20
    assert done.line('^hello waits: no more than 16 programs')


def test_the_start_is_counted_where_counting_works(vellum):
    """An emulator without ICOUNT gives the host's time for instructions."""
    assert int(vellum('hello', ICOUNT=1).line(r'^up: instructions=(\d+)$')[1]) > 100_000
    assert 'instructions=' not in vellum('hello').err
