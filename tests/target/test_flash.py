"""Flash that is missing, foreign, full, or kept from run to run; and the image tool."""

import hashlib
import os
import random
import re
import struct

import pytest
from conftest import PROGRAMS, run

FLASH_BYTES = 32 << 20


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_flash_that_does_not_answer(board):
    """Both machines have a flash whatever they are given, so it is made to call itself by no name that is known."""
    done = run(BOARD=board, FLASH='none', CMD='hello', BOOTARGS='faults=on inject=fail,id')
    assert done.line(r'^flash: none that answers \(error \d+\)')
    assert done.status == 127


def test_no_flash_takes_no_files(board):
    done = run(BOARD=board, FLASH='none', CMD='hello', FILES=str(PROGRAMS / 'hello'))
    assert done.status == 125 and 'FILES have nothing to lie on' in done.err


def test_flash_of_a_wrong_size(board, tmp_path):
    """Neither machine starts with one, so the runner says why; what the firmware does about a part that is smaller than its
    partition or its table says is in tests/host/test_partition.c."""
    path = tmp_path / 'flash.img'
    path.write_bytes(b'\xff' * (16 << 20))
    done = run(BOARD=board, FLASH=path, CMD='hello')
    assert done.status == 125
    assert '16777216 bytes' in done.err


@pytest.mark.parametrize('content', ['blank', 'garbage', 'text'])
def test_flash_that_is_not_ours_is_left_alone(board, tmp_path, content):
    path = tmp_path / 'flash.img'
    fill = {'blank': lambda: b'\xff' * FLASH_BYTES, 'garbage': lambda: random.Random(1).randbytes(FLASH_BYTES),
            'text': lambda: b'somebody else\'s data, needed tomorrow\n' * (FLASH_BYTES // 38) + b' ' * (FLASH_BYTES % 38)}
    path.write_bytes(fill[content]())
    before = digest(path)
    done = run(BOARD=board, FLASH=path, CMD='hello')
    assert done.line('format')
    assert done.status == 127
    assert digest(path) == before


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def test_a_newer_store_is_named_before_it_is_lost(image):
    """A stamp of a version that nobody knows yet; mm/SPEC.md says where it and its check lie."""
    content = bytearray(image.path.read_bytes())
    at = content.index(b'VlmE')
    stamp = content[at:at + 28]
    stamp[4] = 200
    content[at:at + 32] = stamp + crc32c(bytes(8) + stamp).to_bytes(4, 'little')
    image.path.write_bytes(content)
    assert 'newer version' in image('ls', check=False).stderr
    assert 'newer version' in image('format').stderr
    assert 'newer version' not in image('format').stderr


def test_an_image_is_kept(vellum, image):
    assert vellum('keep write a/b/kept 200 5', FLASH=image.path, FILES=f'{PROGRAMS}/hello=a/b/hello').status == 0
    # No FILES: the programs are in the image.
    done = run(BOARD=image_board(image), FLASH=image.path, CMD='keep check a/b/kept 200 5')
    assert done.status == 0 and done.text == 'keep check a/b/kept good\n'
    image('check')


def image_board(image):
    return 'sifive_u' if 'sifive_u' in image('check').stdout else 'virt'


def test_a_full_partition(vellum, image):
    done = vellum('keep fill big', FLASH=image.path, TIMEOUT=300)
    assert done.status == 0, done.err
    assert done.text.splitlines()[-1] == 'keep fill good'
    assert 'No space left on device' in done.text
    image('check')


# What a file that never changes has to take of the partition for the rest to be written round and round.
COLD_MIB = {'virt': 23, 'sifive_u': 20}


def test_garbage_is_collected_while_tasks_swap(vellum, board, image, tmp_path):
    """Three tasks larger than their frames turn the rest of a nearly full flash over; each checks every byte of its own."""
    cold = tmp_path / 'cold'
    cold.write_bytes(random.Random(5).randbytes(COLD_MIB[board] << 20))
    image('put', str(cold))
    done = vellum(' & '.join(f'fill 200 3 {seed}' for seed in range(3)), FRAMES=256, FLASH=image.path)
    assert sorted(done.text.splitlines()) == [f'fill pages=200 rounds=3 seed={seed} good' for seed in range(3)]
    assert done.status == 0 and done.line('^end status=0$')
    assert done.stats['flash_erases'] > 0 and done.stats['gc_moved_bytes'] > 0
    image('get', 'cold', str(tmp_path / 'back'))
    assert digest(tmp_path / 'back') == digest(cold)


def test_put_that_does_not_fit_says_so(image, tmp_path):
    big = tmp_path / 'big'
    big.write_bytes(os.urandom(33 << 20))
    done = image('put', str(big), check=False)
    assert done.returncode == 1 and 'no room' in done.stderr
    image('check')


def test_put_get_ls_rm(image, tmp_path):
    data = os.urandom(100_000)
    source, back = tmp_path / 'source', tmp_path / 'back'
    source.write_bytes(data)
    image('put', f'{source}=a/b/c', str(source))
    assert [line.split()[-1] for line in image('ls').stdout.splitlines()] == ['a/', 'a/b/', 'a/b/c', 'source']
    image('get', 'a/b/c', str(back))
    assert back.read_bytes() == data
    assert image('rm', 'a/b', check=False).returncode == 1
    image('rm', 'a/b/c', 'a/b', 'a')
    assert [line.split()[-1] for line in image('ls').stdout.splitlines()] == ['source']
    assert image('get', 'a/b/c', check=False).returncode == 1
    source.write_bytes(b'short')
    image('put', str(source))
    image('get', 'source', str(back))
    assert back.read_bytes() == b'short'


def test_looking_changes_nothing(image, tmp_path):
    source = tmp_path / 'source'
    source.write_bytes(b'x' * 50_000)
    image('put', str(source))
    before = digest(image.path)
    for words in (['ls'], ['check'], ['wear'], ['dump'], ['get', 'source', str(tmp_path / 'back')]):
        image(*words)
    assert digest(image.path) == before


def test_damage_is_found_and_explained(image, tmp_path):
    source = tmp_path / 'source'
    source.write_bytes(os.urandom(200_000))
    image('put', str(source))
    data = bytearray(image.path.read_bytes())
    middle = data.find(source.read_bytes()[100_000:100_064])
    assert middle > 0, 'random bytes lie on flash as they are'
    data[middle] ^= 0x10
    image.path.write_bytes(data)
    done = image('check', check=False)
    assert done.returncode == 1
    assert 'damaged' in done.stdout and 'source' in done.stdout


def test_wrong_words(image):
    assert image('frobnicate', check=False).returncode == 2
    assert image('get', check=False).returncode == 2
    assert image('create', check=False).returncode == 1


def test_images_are_reproducible(board, tmp_path, monkeypatch):
    import subprocess
    from conftest import IMAGE
    monkeypatch.setenv('SOURCE_DATE_EPOCH', '1700000000')
    digests = set()
    for name in ('one', 'two'):
        path = tmp_path / name
        subprocess.run([IMAGE, path, 'create', '--board', board], check=True)
        subprocess.run([IMAGE, path, 'put', f'{PROGRAMS}/hello'], check=True)
        digests.add(digest(path))
    assert len(digests) == 1


@pytest.mark.parametrize('years, erases', [(1, {'virt': 35068, 'sifive_u': 117260}), (10, {'virt': 3506, 'sifive_u': 11726})])
def test_a_declared_life_is_a_budget(vellum, board, years, erases):
    """128 blocks of 256 KiB, or 428 of 64 KiB, of 100,000 erases each."""
    done = vellum('hello', BOOTARGS=f'life={years}y')
    assert done.status == 0
    assert int(done.line(r'life declared, (\d+) erases a day')[1]) == erases[board]


@pytest.mark.parametrize('life', ['10', '10Y', 'y', '0y', '1001y', '1.5y', ''])
def test_a_life_that_is_not_understood_is_told(vellum, life):
    done = vellum('hello', BOOTARGS=f'life={life}')
    assert done.status == 0
    assert done.line(r'the life= given is not understood') and 'erases a day' not in done.err


@pytest.mark.parametrize('share', ['0', '1'])
def test_the_smallest_tail_is_one_that_the_store_takes(vellum, share):
    done = vellum('hello', BOOTARGS=f'tail={share}')
    assert done.status == 0
    assert done.line(r'tail of \d+ KiB') and 'does not open' not in done.err


def first_words(pages, seed, rounds):
    """What the program `fill` begins its pages with; a page's first bytes cannot be compressed away."""
    for page in range(pages):
        for number in range(rounds):
            yield struct.pack('<Q', ((seed << 40 ^ page << 16 ^ number) + 0x9e3779b97f4a7c15) % (1 << 64))


def test_swapped_pages_are_noise_on_the_flash(vellum, image, tmp_path):
    words = set(first_words(700, seed=5, rounds=3))
    plain = tmp_path / 'plain'
    plain.write_bytes(next(first_words(1, seed=6, rounds=1)) * 512)
    image('put', plain)  # durable files are not encrypted: this word would be found
    done = vellum('fill 700 2 5', FRAMES=512, FLASH=image.path, FILES=str(PROGRAMS / 'fill'))
    assert done.status == 0 and done.stats['records_to_flash'] > 50
    data = re.sub(b'\xff{64,}', b'', image.path.read_bytes())
    assert data.find(plain.read_bytes()[:8]) >= 0
    assert not [word for word in words if word in data]


@pytest.mark.parametrize('us, taken', [(10, True), (10000001, False), (4294967295, False)])
def test_the_longest_delay(us, taken):
    """A read that is delayed holds up the machine: what would never end in practice is no rule."""
    done = run(BOARD='virt', CMD='hello', FILES=PROGRAMS / 'hello', BOOTARGS=f'faults=on inject=delay,read,us,{us}')
    assert done.status == 0
    assert (f'inject: delay read us {us}' in done.err) == taken
    assert ('us over 10000000' in done.err) != taken
