"""The emulated Unleashed booting from the very images of `make image`, U-Boot's SPL first: fixtures and their helpers."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / 'platform'))
from board_layout import FLASH_BYTES, VELLUM_END, VELLUM_START   # noqa: E402  (their folder is no package)
from board_package import package_folder                         # noqa: E402
from run_options import RunError                                 # noqa: E402
from run_qemu import version                                     # noqa: E402

TIMEOUT_S = 900
# The SPL's device tree says that the board has so much.
RAM = '8G'
FROM_SPI, FROM_SD = 6, 11       # MSEL
# A card on a SPI bus, which this board has, refuses CMD10 (SEND_CID) there, and the SPL takes up no card without it: seen with
# 10.0 and -trace 'sdcard_*', not with 7.2 and 11.1. Mended by "hw/sd/sdcard: Disable checking STBY mode in SPI SEND_CSD/CID",
# of 10.1, and what U-Boot needs besides, of 10.2.
SD_BROKEN, SD_MENDED = (10, 0), (10, 2)


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
        if select == FROM_SD and SD_BROKEN <= version(qemu) < SD_MENDED:
            pytest.skip(f'{qemu}: its SD cards refuse CMD10 on a SPI bus, also to Debian\'s own untouched SPL')
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


def wait_for(running, words):
    """What it says up to `words`, and what came with them: a later wait would not see that again."""
    said = b''
    while words not in said:
        part = os.read(running.stdout.fileno(), 4096)
        assert part, said
        said += part
    return said
