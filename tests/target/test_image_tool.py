"""What vellum-image says of stores that something has happened to, and of chips that are not a known board's. The images
are made by the store on a simulated part (tests/host/damaged_image.c): 24 blocks of 16 KiB."""

import os
import re
import subprocess

import pytest
from conftest import IMAGE, PROGRAMS, ROOT

DAMAGE = ROOT / 'build' / 'host' / 'damaged_image'
PART = ('--erase-size', '16K')


def tool(path, *words, status=0):
    done = subprocess.run([IMAGE, path, *words], capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == status
    return done.stdout + done.stderr


@pytest.fixture
def damaged(tmp_path):
    def make(kind):
        path = tmp_path / kind
        subprocess.run([DAMAGE, kind, path], check=True)
        return path
    return make


def test_retired_blocks(damaged):
    said = tool(damaged('retired'), 'check', *PART)
    assert re.findall(r'^block (\d+) at 0x\w+: retired: ', said, re.M) == ['5', '9']
    assert ' 2 bad' in said and said.endswith('good\n')


def test_a_void_transaction(damaged):
    said = tool(damaged('void'), 'check', *PART)
    assert re.search(r'^block \d+ at .*: 3 of its \d+ records belong to a transaction that was never committed: void$', said, re.M)
    assert '1 files and directories' in said, 'the file of the transaction is not there'


def test_a_half_done_erase(damaged):
    said = tool(damaged('half-erased'), 'check', *PART)
    found = re.search(r'^block 20 at 0x50000: no valid stamp, and not blank \((\d+) bytes of zeros .* (\d+) of ones', said, re.M)
    assert int(found[1]) > 0 and int(found[2]) > 0 and int(found[1]) + int(found[2]) <= 16384
    assert re.search(r'^\d+ blocks have no stamp that tells their erases', said, re.M)


def test_unreadable_names(damaged):
    said = tool(damaged('unreadable'), 'check', *PART, status=1)
    assert 'page 1 cannot be read; the names of files 32 to 63 are lost' in said and said.endswith('damaged\n')


@pytest.mark.parametrize('kind', ['retired', 'void', 'half-erased', 'unreadable'])
def test_wear_adds_up(damaged, kind):
    said = tool(damaged(kind), 'wear', *PART)
    counts = re.findall(r'(\d+)([ ~])', said[:said.index('erases')])
    numbers = [int(number) for number, _ in counts]
    total, least, most, spread, estimated = map(int, re.search(
        r'total (\d+), least (\d+), most (\d+), spread (\d+), mean [\d.]+; (\d+) blocks estimated', said).groups())
    assert len(counts) == 24 and sum(numbers) == total
    assert (least, most, spread) == (min(numbers), max(numbers), max(numbers) - min(numbers))
    assert sum(mark == '~' for _, mark in counts) == estimated


def test_a_dump_is_found_by_its_stamps(damaged, tmp_path):
    """A chip of 1 MiB that holds the partition at 0x48000, and something else before and behind it."""
    store = damaged('retired').read_bytes()
    dump = tmp_path / 'dump'
    dump.write_bytes(os.urandom(0x48000) + store + os.urandom((1 << 20) - 0x48000 - len(store)))
    assert 'partition 0x48000 to 0xa7fff of a chip found by its stamps: a store' in tool(dump, 'check')
    assert tool(dump, 'ls', *PART, '--start', '0x48000', '--bytes', '384K') == tool(dump, 'ls')
    # Where it ends is a guess then, and nothing is written on a guess.
    assert 'other chips' in tool(dump, 'put', PROGRAMS / 'hello', status=1)
    before = dump.read_bytes()
    (tmp_path / 'note').write_bytes(b'note' * 1000)
    tool(dump, 'put', *PART, '--start', '0x48000', '--bytes', '384K', tmp_path / 'note')
    after = dump.read_bytes()
    assert after[:0x48000] == before[:0x48000] and after[0xa8000:] == before[0xa8000:] and after != before
    assert 'note' in tool(dump, 'ls')


def test_a_new_chip(tmp_path):
    path = tmp_path / 'chip'
    tool(path, 'create', '--erase-size', '4K', '--bytes', '1M', status=1)
    tool(path, 'create', '--erase-size', '32K', '--bytes', '64K', status=1)
    assert not path.exists()
    tool(path, 'create', '--erase-size', '32K', '--bytes', '1M')
    assert path.stat().st_size == 1 << 20
    tool(path, 'put', '--erase-size', '32K', f'{PROGRAMS}/hello=h')
    assert tool(path, 'check').endswith('good\n')


def test_names_of_folders(tmp_path):
    path = tmp_path / 'chip'
    tool(path, 'create', '--erase-size', '32K', '--bytes', '1M')
    (tmp_path / 'small').write_bytes(b'small')
    tool(path, 'put', '--erase-size', '32K', f'{tmp_path}/small=d/h', f'{tmp_path}/small=dd')
    listed = {name: [line.split()[-1] for line in tool(path, 'ls', '--erase-size', '32K', name).splitlines()]
              for name in ('d', '/d', 'd/', '//d//', 'd/h', '/', '')}
    assert listed['/'] == listed[''] and len(listed['']) == 3 and listed['d/h'] == ['d/h']
    assert listed['d'] == listed['/d'] == listed['d/'] == listed['//d//'] == ['d/', 'd/h']
    for name in ('x', 'd/x', 'h', 'd' * 3000, '/d/h' * 600):
        assert 'No such file' in tool(path, 'ls', '--erase-size', '32K', name, status=1)


def test_a_header_that_is_gone(tmp_path):
    path = tmp_path / 'chip'
    (tmp_path / 'two').write_bytes(os.urandom(8192))
    tool(path, 'create', '--erase-size', '32K', '--bytes', '1M')
    tool(path, 'put', '--erase-size', '32K', f'{tmp_path}/two')
    assert tool(path, 'check').endswith('good\n')
    content = bytearray(path.read_bytes())
    header = next(at for at in range(0, len(content), 16) if content[at:at + 4] == b'\x50\x00\x00\x10')
    content[header:header + 8] = bytes(8)
    path.write_bytes(content)
    said = tool(path, 'check', status=1)
    assert f'a header at {header % (32 << 10)} does not pass its check: a record may be missing' in said


def test_a_file_without_a_byte(tmp_path):
    (tmp_path / 'empty').touch()
    assert 'empty' in tool(tmp_path / 'empty', 'check', status=1)


@pytest.mark.parametrize('words', [('--erase-size', 'large'), ('--erase-size', '-1'), ('--start', '64K'), ('--size', '64K'),
                                   ('--erase-size', '99999999999')])
def test_wrong_descriptions(damaged, words):
    assert 'usage' in tool(damaged('void'), 'check', *words, status=2)
