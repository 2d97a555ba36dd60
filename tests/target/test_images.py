"""make image: the real boot chain under the emulated Unleashed, U-Boot's SPL first, from the very images.

The boot code shares its flash with the swap, so its bytes are compared before and after whatever happens.
"""

import hashlib
import os
import random
import subprocess
import sys

import pytest
from board_boot import (FROM_SD, FROM_SPI, TIMEOUT_S, blank_flash, boot, boot_package, emulator, make_image,    # noqa: F401
                        outside_partition, wait_for)
from conftest import IMAGE, PROGRAMS, ROOT, statistics

sys.path.insert(0, str(ROOT / 'platform'))
from board_fdt import Tree                                       # noqa: E402
from board_fit import image_of                                   # noqa: E402
from board_gpt import SECTOR, TYPE_FIRST_STAGE, TYPE_PAYLOAD, TYPE_VELLUM, Partition, Table     # noqa: E402
from board_layout import FLASH_BYTES, VELLUM_END, VELLUM_START   # noqa: E402

BOARDS = ('hifive-unleashed', 'hifive-unmatched')
SEED = 0x1a6e5


FILES = f'{PROGRAMS}/hello {PROGRAMS}/cat=bin/cat {ROOT}/Makefile=texts/rules'


def test_the_sd_image_boots_to_a_programs_output(make_image, boot, tmp_path):
    card = make_image('hifive-unleashed', 'sd', FILES=FILES, CMD='hello from the card; bin/cat texts/rules')
    flash = blank_flash(tmp_path)
    before = outside_partition(flash)
    text = boot(FROM_SD, [('sd', card), ('mtd', flash)])
    assert 'Trying to boot from MMC' in text
    assert 'hello, world\n1: from\n2: the\n3: card\n' in text
    assert (ROOT / 'Makefile').read_text() in text
    assert 'files: 3 came with the firmware, 3 of them new' in text and 'end status=0' in text
    assert outside_partition(flash) == before
    # They are in the flash now, and the next boot writes none of them again.
    assert 'files: 3 came with the firmware, 0 of them new' in boot(FROM_SD, [('sd', card), ('mtd', flash)])


def test_the_sd_image_leaves_a_foreign_flash_alone(make_image, boot, tmp_path):
    card = make_image('hifive-unleashed', 'sd', FILES=FILES, CMD='hello')
    flash = tmp_path / 'flash.img'
    flash.write_bytes(random.Random(SEED).randbytes(FLASH_BYTES))
    before = flash.read_bytes()
    text = boot(FROM_SD, [('sd', card), ('mtd', flash)])
    assert 'hello, world' in text and 'the partition holds something else' in text
    assert flash.read_bytes() == before


def test_the_spi_image_boots_and_swaps_beside_its_own_boot_code(make_image, boot):
    flash = make_image('hifive-unleashed', 'spi', FILES=f'{PROGRAMS}/hello {PROGRAMS}/fill', FRAMES=600,
                       CMD='fill 900 1; hello again')
    before = outside_partition(flash)
    text = boot(FROM_SPI, [('mtd', flash)])
    assert 'Trying to boot from SPI' in text and '(partition table)' in text
    assert '1: again' in text and 'end status=0' in text
    stats = statistics(text)
    assert stats['flash_erases'] > 0 and stats['evict_dirty'] > 200
    assert outside_partition(flash) == before


def test_the_main_job_runs_from_the_spi_image(make_image, boot):
    # Framed, so that the monitor does not wait for somebody at the console afterwards.
    flash = make_image('hifive-unleashed', 'spi', FRAMES=512, BOOTARGS='console=framed')
    before = outside_partition(flash)
    text = boot(FROM_SPI, [('mtd', flash)])
    assert 'end status=0' in text
    assert outside_partition(flash) == before


@pytest.mark.parametrize('moment', ['vellum: entropy', '1: first', '1: second'])
def test_boot_code_survives_power_cuts(make_image, boot, boot_package, moment):
    """Killed while pages go out, soon after something was said, then booted again from the same flash."""
    flash = make_image('hifive-unleashed', 'spi', FILES=f'{PROGRAMS}/hello {PROGRAMS}/fill', FRAMES=600,
                       CMD='fill 900 1; hello first; fill 900 1; hello second; fill 900 1; hello third')
    before = outside_partition(flash)
    running = subprocess.Popen(emulator(boot_package, FROM_SPI, [('mtd', flash)]), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE)
    wait_for(running, moment.encode())
    running.kill()
    running.wait()
    assert outside_partition(flash) == before
    assert '1: third' in boot(FROM_SPI, [('mtd', flash)])
    assert outside_partition(flash) == before


# ---- The images themselves ----

@pytest.mark.parametrize('medium', ('sd', 'spi'))
@pytest.mark.parametrize('board', BOARDS)
def test_same_input_same_bytes(make_image, board, medium):
    digests = {hashlib.sha256(make_image(board, medium, FILES=FILES, CMD='hello').read_bytes()).hexdigest()
               for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize('medium', ('sd', 'spi'))
@pytest.mark.parametrize('board', BOARDS)
def test_image_is_what_other_tools_take_it_for(make_image, boot_package, tmp_path, board, medium):
    path = make_image(board, medium, FILES=FILES, CMD='hello one')
    image = path.read_bytes()
    said = subprocess.run(['sgdisk', '-v', path], capture_output=True, text=True, check=True).stdout
    assert 'No problems found' in said
    table = Table.parse(image)
    spl, payload = table.partitions[:2]
    assert (spl.type, spl.first, payload.first) == ((TYPE_FIRST_STAGE, 34, 2082) if medium == 'sd' else
                                                    (TYPE_FIRST_STAGE, 40, 2088))
    folder = os.path.join(boot_package, f'sifive_{board.removeprefix("hifive-")}')
    with open(os.path.join(folder, 'u-boot-spl.bin'), 'rb') as file:
        assert image[spl.start:].startswith(file.read())
    fit = tmp_path / 'fit'
    fit.write_bytes(image[payload.start:payload.start + payload.bytes])
    listed = subprocess.run(['dumpimage', '-l', fit], capture_output=True, text=True, check=True).stdout
    assert 'FIT description' in listed and 'Load Address: 0x80200000' in listed
    tree = Tree.parse(image_of(fit.read_bytes(), 'fdt'))
    assert tree.root.find('chosen').string('bootargs').endswith('-- hello one')
    assert tree.root.string('compatible').startswith(f'sifive,{board}')
    assert len(image_of(fit.read_bytes(), 'vellum')) % 8 == 0
    if medium == 'spi':
        vellum, = (partition for partition in table.partitions if partition.type == TYPE_VELLUM)
        assert (vellum.start, vellum.start + vellum.bytes) == (VELLUM_START, VELLUM_END)
        alone = path.with_name(path.name.replace('.img', '-partition.img'))
        assert alone.read_bytes() == image[VELLUM_START:VELLUM_END]


def test_the_image_for_the_delivered_first_stage(make_image, tmp_path):
    """Its payload is what that stage copies to the start of RAM, so it must run when it is put there."""
    path = make_image('hifive-unleashed', 'sd', FIRST='fsbl')
    image = path.read_bytes()
    payload, = Table.parse(image).partitions
    raw = tmp_path / 'payload'
    raw.write_bytes(image[payload.first * SECTOR:(payload.last + 1) * SECTOR])
    running = subprocess.Popen([os.environ.get('QEMU', 'qemu-system-riscv64'), '-M', 'sifive_u', '-smp', '5', '-m', '256M',
                                '-bios', raw, '-no-reboot', '-display', 'none', '-monitor', 'none', '-serial', 'stdio'],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert b'vellum: SiFive HiFive Unleashed' in wait_for(running, b'vellum: entropy')
    finally:
        running.kill()
        running.wait()


# ---- A flash whose boot code stays ----

def with_table(data, *partitions):
    table = Table('what was there', list(partitions))
    head, tail = table.head(len(data) // SECTOR), table.tail(len(data) // SECTOR)
    return head + data[len(head):-len(tail)] + tail


def dump_of(tmp_path, data):
    path = tmp_path / 'before.img'
    path.write_bytes(data)
    return path


DELIVERED = random.Random(SEED).randbytes(VELLUM_START) + b'\xff' * (FLASH_BYTES - VELLUM_START)
FSBL = Partition('fsbl', TYPE_FIRST_STAGE, 40, 2087)
VELLUM = Partition('vellum', TYPE_VELLUM, VELLUM_START // SECTOR, VELLUM_END // SECTOR - 1)


@pytest.mark.parametrize('partitions', [None, [FSBL], [FSBL, VELLUM]], ids=['no table', 'a table', 'with ours'])
def test_boot_code_is_kept(make_image, tmp_path, partitions):
    dump = dump_of(tmp_path, with_table(DELIVERED, *partitions) if partitions else DELIVERED)
    path = make_image('hifive-unleashed', 'spi', KEEP=dump, FILES=f'{PROGRAMS}/hello')
    assert outside_partition(path) == outside_partition(dump)
    listed = subprocess.run([IMAGE, path, 'ls', '--board', 'sifive_u'], capture_output=True, text=True, check=True).stdout
    assert 'hello' in listed
    # What it made may be what the next one keeps.
    again = make_image('hifive-unleashed', 'spi', KEEP=path, FILES=f'{PROGRAMS}/fill')
    assert outside_partition(again) == outside_partition(dump)


@pytest.mark.parametrize('dump, why', [
    (DELIVERED[:-1], 'the whole flash has'),
    (DELIVERED[:VELLUM_END - 1] + b'\0' + DELIVERED[VELLUM_END:], 'something else'),
    (with_table(DELIVERED, FSBL, Partition('vfat', TYPE_PAYLOAD, 2088, 65000)), '"vfat"'),
    (with_table(DELIVERED, FSBL, Partition('mine', TYPE_VELLUM, 20480, 40959)), '"mine"'),
    (with_table(DELIVERED, FSBL)[:SECTOR + 60] + b'\0' + with_table(DELIVERED, FSBL)[SECTOR + 61:], 'damaged'),
], ids=['short', 'used', 'a partition', 'ours elsewhere', 'a damaged table'])
def test_a_flash_in_use_is_refused(tmp_path, dump, why):
    done = subprocess.run([ROOT / 'platform' / 'board_image', 'BOARD=hifive-unleashed', 'MEDIUM=spi',
                           f'KEEP={dump_of(tmp_path, dump)}', f'OUT={tmp_path}/out.img'], capture_output=True, text=True,
                          timeout=TIMEOUT_S, check=False)
    assert done.returncode == 1 and why in done.stderr
    assert not (tmp_path / 'out.img').exists()


def test_what_replaces_boot_code_says_so(boot_package, tmp_path):
    done = subprocess.run([ROOT / 'platform' / 'board_image', 'BOARD=hifive-unleashed', 'MEDIUM=spi', f'FILES={PROGRAMS}/hello',
                           'CMD=hello', f'OUT={tmp_path}/out.img', f'U_BOOT={boot_package}'], capture_output=True,
                          text=True, timeout=TIMEOUT_S, check=True)
    assert 'WARNING' in done.stdout and 'SiFive\'s first stage' in done.stdout


@pytest.mark.parametrize('words, why', [
    (['BOARD=hifive-unleashed', 'MEDIUM=sd', 'KEEP=x', 'CMD=hello'], 'MEDIUM=spi'),
    (['BOARD=hifive-unleashed', 'MEDIUM=spi', 'KEEP=x', 'CMD=hello'], 'boot code stays'),
    (['MEDIUM=sd'], 'BOARD='), (['BOARD=hifive-unleashed'], 'MEDIUM='), (['BOARD=pc', 'MEDIUM=sd'], 'BOARD=pc'),
    (['BOARD=hifive-unmatched', 'MEDIUM=sd', 'FIRST=fsbl'], 'FIRST=fsbl'),
    (['BOARD=hifive-unleashed', 'MEDIUM=sd', 'FIRST=fsbl', 'CMD=hello'], 'FIRST=fsbl'),
    (['BOARD=hifive-unleashed', 'MEDIUM=spi', 'FILES=/no/such/file', 'CMD=hello'], '/no/such/file'),
])
def test_wrong_words_are_explained(boot_package, words, why):
    done = subprocess.run([ROOT / 'platform' / 'board_image', *words, f'U_BOOT={boot_package}'], capture_output=True,
                          text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 1 and why in done.stderr
