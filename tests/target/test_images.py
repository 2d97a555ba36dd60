"""make image: the real boot chain under the emulated Unleashed, U-Boot's SPL first, from the very images.

The boot code shares its flash with the swap, so its bytes are compared before and after whatever happens.
"""

import hashlib
import os
import random
import re
import shutil
import subprocess
import sys

import pytest
from conftest import PROGRAMS, ROOT, statistics

sys.path.insert(0, str(ROOT / 'platform'))
from board_fdt import Tree                                       # noqa: E402
from board_fit import image_of                                   # noqa: E402
from board_gpt import SECTOR, TYPE_FIRST_STAGE, TYPE_VELLUM, Table     # noqa: E402
from board_layout import FLASH_BYTES, VELLUM_END, VELLUM_START   # noqa: E402
from board_package import package_folder                         # noqa: E402
from run_options import RunError                                 # noqa: E402
from run_qemu import version                                     # noqa: E402

BOARDS = ('hifive-unleashed', 'hifive-unmatched')
TIMEOUT_S = 900
# The SPL's device tree says that the board has so much.
RAM = '8G'
SEED = 0x1a6e5
FROM_SPI, FROM_SD = 6, 11       # MSEL
# Seen with 10.0, not with 7.2: the SPL stops at its first read of the card, whatever is on it.
SD_BROKEN_SINCE = (10, 0)


@pytest.fixture(scope='session')
def boot_package(tmp_path_factory):
    """usr/lib/u-boot of Debian's u-boot-sifive; one worker fetches it."""
    if 'U_BOOT' in os.environ:
        return os.environ['U_BOOT']
    if not shutil.which('dpkg-deb'):
        pytest.skip('the boot stages are taken from a Debian package, and this host has no dpkg-deb')
    lock = ROOT / 'build' / 'boot-lock'
    lock.parent.mkdir(exist_ok=True)
    with open(lock, 'w', encoding='utf-8') as file:
        import fcntl
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            return package_folder()
        except RunError as error:
            pytest.skip(str(error))


@pytest.fixture
def make_image(tmp_path, boot_package):
    """make_image(BOARD, MEDIUM, KEY=value ...) gives the image's path."""
    def call(board, medium, **keys):
        out = tmp_path / f'{board}-{medium}-{len(list(tmp_path.iterdir()))}.img'
        words = [f'{key}={value}' for key, value in {'OUT': out, 'U_BOOT': boot_package, **keys}.items()]
        done = subprocess.run([ROOT / 'platform' / 'board_image', f'BOARD={board}', f'MEDIUM={medium}', *words],
                              capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        print(done.stdout, done.stderr)
        assert done.returncode == 0, done.stderr
        return out
    return call


def emulator(boot_package, select, drives):
    qemu = os.environ.get('QEMU', 'qemu-system-riscv64')
    spl = os.path.join(boot_package, 'sifive_unleashed', 'u-boot-spl.bin')
    words = [qemu, '-M', f'sifive_u,msel={select}', '-smp', '5', '-m', RAM, '-bios', spl, '-no-reboot', '-display', 'none',
             '-monitor', 'none', '-serial', 'stdio']
    for bus, path in drives:
        words += ['-drive', f'file={path},if={bus},format=raw']
    return words


@pytest.fixture
def boot(boot_package):
    """boot(MSEL, [(bus, path) ...]) runs to power off and gives what the console said."""
    def call(select, drives):
        qemu = os.environ.get('QEMU', 'qemu-system-riscv64')
        if select == FROM_SD and version(qemu) >= SD_BROKEN_SINCE:
            pytest.skip(f'{qemu}: Debian\'s own untouched SPL and U-Boot do not get past its SD card either')
        done = subprocess.run(emulator(boot_package, select, drives), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=TIMEOUT_S, check=False)
        text = done.stdout.decode(errors='replace').replace('\r\n', '\n')
        print(text[-6000:], done.stderr.decode(errors='replace'))
        # A framed console marks its lines by a byte (firmware/console.h).
        assert 'U-Boot SPL' in text and re.search(r'(vellum: |\x10v)end status=', text)
        return text
    return call


def outside_partition(path):
    """What the board boots from: everything but Vellum's partition."""
    data = path.read_bytes()
    return data[:VELLUM_START] + data[VELLUM_END:]


def blank_flash(tmp_path):
    path = tmp_path / 'flash.img'
    path.write_bytes(b'\xff' * FLASH_BYTES)
    return path


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


@pytest.mark.parametrize('moment', ['vellum: up', '1: first', '1: second'])
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


def wait_for(running, words):
    said = b''
    while words not in said:
        part = os.read(running.stdout.fileno(), 4096)
        assert part, said
        said += part


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
        wait_for(running, b'vellum: SiFive HiFive Unleashed')
        wait_for(running, b'vellum: up')
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize('words, why', [
    (['MEDIUM=sd'], 'BOARD='), (['BOARD=hifive-unleashed'], 'MEDIUM='), (['BOARD=pc', 'MEDIUM=sd'], 'BOARD=pc'),
    (['BOARD=hifive-unmatched', 'MEDIUM=sd', 'FIRST=fsbl'], 'FIRST=fsbl'),
    (['BOARD=hifive-unleashed', 'MEDIUM=sd', 'FIRST=fsbl', 'CMD=hello'], 'FIRST=fsbl'),
    (['BOARD=hifive-unleashed', 'MEDIUM=spi', 'FILES=/no/such/file', 'CMD=hello'], '/no/such/file'),
])
def test_wrong_words_are_explained(boot_package, words, why):
    done = subprocess.run([ROOT / 'platform' / 'board_image', *words, f'U_BOOT={boot_package}'], capture_output=True,
                          text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 1 and why in done.stderr
