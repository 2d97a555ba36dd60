"""Where random bytes and the keys of swap come from, and the seed that the store keeps."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import IMAGE, PROGRAMS

# A command whose memory goes out to flash, then random bytes.
SWAPS = 'fill 700 1 ; random'


def lines(done):
    """What AT_RANDOM, getrandom and /dev/urandom gave."""
    assert done.status == 0
    found = done.text.split()[-3:]
    assert [len(line) for line in found] == [32, 64, 64] and len(set(found)) == 3
    return found


def entropy(done):
    return done.line(r'^(entropy=.*)')[1]


def test_what_a_board_gives_is_told(vellum, board):
    done = vellum('random')
    lines(done)
    assert entropy(done) == {'virt': 'entropy=strong, from rng-seed, jitter', 'sifive_u': 'entropy=weak, from jitter'}[board]


def fingerprint(image):
    """Of the seed in the image; '' when there is none."""
    found = re.search(r'^kept seed: (?:strong|weak), fingerprint ([0-9a-f]{16})$', image('check').stdout, re.M)
    return found[1] if found else ''


def test_each_boot_has_its_own_seed(vellum, image):
    image('put', PROGRAMS / 'random', PROGRAMS / 'fill')
    assert fingerprint(image) == ''
    image('seed')
    seeds, given = [fingerprint(image)], []
    for _ in range(2):
        done = vellum(SWAPS, FLASH=image.path, FRAMES=512)
        assert done.line(r'^entropy=strong, from .*kept seed')
        assert done.stats['records_to_flash'] > 0
        given += lines(done)
        seeds.append(fingerprint(image))
    assert len(set(given)) == len(given)
    assert '' not in seeds and len(set(seeds)) == len(seeds)


@pytest.mark.parametrize('board', ['virt'])
def test_a_copied_image_carries_its_seed(image, tmp_path):
    """`check` shows it, and a seed of its own mends it. What the boards draw then differs by what else they have."""
    image('put', PROGRAMS / 'random')
    image('seed')
    copies = [shutil.copy(image.path, tmp_path / f'{name}.img') for name in ('copy', 'mended')]
    subprocess.run([IMAGE, copies[1], 'seed'], capture_output=True, check=True)
    seeds = [fingerprint(lambda *words, path=path: subprocess.run([IMAGE, path, *words], capture_output=True, text=True,
                                                                  check=True))
             for path in (image.path, *copies)]
    assert seeds[0] == seeds[1] != '' and seeds[2] not in ('', seeds[0])


def test_a_seed_is_as_strong_as_its_sources(vellum, image, board):
    image('put', PROGRAMS / 'random')
    told = [vellum('random', FLASH=image.path).line(r'^entropy=(.*)')[1] for _ in range(2)]
    assert told == [{'virt': 'strong, from rng-seed, jitter', 'sifive_u': 'weak, from jitter'}[board]] * 2
    assert fingerprint(image) == '', 'nothing was written, so nothing was kept'
    image('put', PROGRAMS / 'fill')
    vellum(SWAPS, FLASH=image.path, FRAMES=512)
    quality = {'virt': 'strong', 'sifive_u': 'weak'}[board]
    assert f'kept seed: {quality}' in image('check').stdout
    assert vellum('random', FLASH=image.path).line(rf'^entropy={quality}, from .*kept seed')
    image('seed')
    told = [vellum('random', FLASH=image.path).line(r'^entropy=(.*)')[1] for _ in range(2)]
    assert all(line.startswith('strong') and 'kept seed' in line for line in told)


@pytest.mark.parametrize('board', ['virt'])
def test_the_processors_source_is_tried(vellum, board):
    """OpenSBI opens it to S-mode or not, by its version; an access that is not ours must be survived."""
    done = vellum('random', QEMU_ARGS='-cpu rv64,zkr=true')
    lines(done)
    opened = 'Zkr' in entropy(done)
    emulator = subprocess.run([os.environ.get('QEMU', 'qemu-system-riscv64'), '--version'], capture_output=True, text=True,
                              check=True).stdout
    assert opened == ('version 7.' not in emulator)
