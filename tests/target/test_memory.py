"""Memory larger than RAM, and what happens when there is not enough of anything."""

import re

import pytest

FRAMES = 256


def test_more_than_the_frames(vellum):
    done = vellum('fill 800 3', FRAMES=FRAMES)
    assert done.text == 'fill pages=800 rounds=3 seed=1 good\n'
    assert done.status == 0
    assert done.stats['evict_dirty'] > 800
    assert done.stats['frames_peak'] <= done.stats['frames_total'] <= FRAMES


def test_many_tasks_larger_than_the_frames(vellum):
    done = vellum(' & '.join(f'fill 150 3 {i}' for i in range(6)), FRAMES=FRAMES)
    assert done.status == 0
    assert sorted(done.text.splitlines()) == [f'fill pages=150 rounds=3 seed={i} good' for i in range(6)]


def test_64_tasks_at_once(vellum):
    done = vellum('family 63 4', FRAMES=2048)
    assert done.text == 'family children=63 good=63 parent=good\n'
    assert done.status == 0


def test_more_than_was_promised_is_refused_and_harms_nobody(vellum):
    done = vellum('fill 1000000 1; fill 20 1', FRAMES=FRAMES)
    assert done.text.splitlines() == ['fill: refused: Cannot allocate memory', 'fill pages=20 rounds=1 seed=1 good']
    assert done.status == 0


def test_a_stack_grows(vellum):
    done = vellum('stack 700', FRAMES=FRAMES)
    assert done.text == 'stack 700 KiB\n'
    assert done.status == 0


def test_a_stack_that_is_full_ends_its_task(vellum):
    done = vellum('stack & fill 50 2', FRAMES=1024)
    assert done.line(r'^fault .*name=stack cause=store-page .*verdict=SIGSEGV$')
    assert 'fill pages=50 rounds=2 seed=1 good\n' in done.text


def test_faults_in_the_middle_of_a_user_copy(vellum):
    done = vellum('usercopy 300', FRAMES=FRAMES)
    assert done.text == 'usercopy pages=300 failed=0\n'
    assert done.status == 0


def test_a_family_shares_until_it_writes(vellum):
    done = vellum('family 6 40', FRAMES=FRAMES)
    assert done.text == 'family children=6 good=6 parent=good\n'
    assert done.status == 0
    assert done.stats['faults_cow'] > 0


def test_a_hostile_task_alone(vellum):
    done = vellum('hostile', FRAMES=FRAMES, stdin=b'')
    found = re.search(r'hostile attacks=(\d+) contained=(\d+)\n', done.text)
    assert found and found[1] == found[2], done.text
    assert done.status == 139
    assert done.line(r'^fault .*name=hostile cause=store-page addr=0xffffffc080000000 .*verdict=SIGSEGV$')


@pytest.mark.parametrize('frames', [1, 8, 24])
def test_too_few_frames_to_run(vellum, frames):
    done = vellum('hello', FRAMES=frames)
    assert done.status == 125
    least = int(done.line(r'at least (\d+)')[1])
    assert frames < least < 128
    # What it asks for is enough to get up and to say what else is missing.
    assert vellum('hello', FRAMES=least).status != 125


def test_more_frames_than_there_are(vellum):
    done = vellum('hello', FRAMES=100_000, RAM='64M')
    assert done.status == 0
    assert done.line('^memory: frames=100000 is more than there is')


def test_half_a_mebibyte_is_enough(vellum):
    done = vellum('hello', FRAMES=128)
    assert done.status == 0 and done.out == b'hello, world\n'
