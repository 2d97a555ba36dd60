"""U-Boot's SPL, OpenSBI and the device tree of a board: out of Debian's package u-boot-sifive, kept under build/."""

import glob
import os
import shutil
import subprocess
import tempfile

from run_options import BUILD, ROOT, RunError

SUITE = 'trixie'
PACKAGE = 'u-boot-sifive'
KEPT = os.path.join(BUILD, 'boot', PACKAGE)
FETCH = os.path.join(ROOT, 'platform', 'debian_packages')


def fetch(words, folder):
    lists = os.path.join(BUILD, 'boot', 'apt')
    done = subprocess.run([FETCH, lists, SUITE, 'riscv64', *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ['no reason given'])[-1]
        raise RunError(f'cannot fetch {PACKAGE} ({last}); unpack Debian\'s package elsewhere and name its folder '
                       'usr/lib/u-boot as U_BOOT=')


def package_folder():
    """The package's usr/lib/u-boot, fetched at its first use."""
    inside = os.path.join(KEPT, 'usr', 'lib', 'u-boot')
    if os.path.isdir(inside):
        return inside
    os.makedirs(os.path.dirname(KEPT), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(KEPT)) as folder:
        fetch(['update'], folder)
        fetch(['download', PACKAGE], folder)
        archive, = glob.glob(os.path.join(folder, '*.deb'))
        unpacked = os.path.join(folder, 'unpacked')
        subprocess.run(['dpkg-deb', '-x', archive, unpacked], check=True)
        with open(os.path.join(unpacked, 'version'), 'w', encoding='utf-8') as note:
            note.write(os.path.basename(archive) + '\n')
        shutil.rmtree(KEPT, ignore_errors=True)
        os.rename(unpacked, KEPT)
    return inside


class BootFiles:
    """spl and fit: bytes of the two files of the board's package."""

    def __init__(self, board, folder=None):
        folder = os.path.join(folder or package_folder(), board.u_boot)
        self.spl = self._read(folder, 'u-boot-spl.bin')
        self.fit = self._read(folder, 'u-boot.itb')

    @staticmethod
    def _read(folder, name):
        try:
            with open(os.path.join(folder, name), 'rb') as file:
                return file.read()
        except OSError as error:
            raise RunError(f'{error.filename}: {error.strerror}') from error
