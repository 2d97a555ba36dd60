"""Programs that nobody here wrote, from Debian's riscv64 packages: fetched once under build/third, never installed.

A package that cannot be fetched skips the tests that need it, with what was tried.
"""

import fcntl
import subprocess
from functools import cache

import pytest
from conftest import ROOT

PLACE = ROOT / 'build' / 'third'
SOURCES = ROOT / 'tests' / 'programs' / 'third'
PACKAGES = ('busybox-static', 'libsqlite3-dev', 'liblua5.4-dev', 'zlib1g-dev')
LIBRARIES = {'sqlite_run': ('sqlite3', 'm'), 'lua_run': ('lua5.4', 'm'), 'zlib_run': ('z',)}
SUITE = 'trixie'


def fetch():
    tool = [ROOT / 'platform' / 'debian_packages', PLACE / 'apt', SUITE, 'riscv64']
    subprocess.run([*tool, 'update'], check=True, capture_output=True, timeout=600)
    subprocess.run([*tool, 'download', *PACKAGES], check=True, capture_output=True, timeout=600, cwd=PLACE)
    for package in sorted(PLACE.glob('*.deb')):
        subprocess.run(['dpkg-deb', '-x', package, PLACE / 'root'], check=True, timeout=60)
    (PLACE / 'fetched').touch()


@cache
def root():
    """The folder that the packages were unpacked into."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with open(PLACE / 'lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if not (PLACE / 'fetched').exists():
                fetch()
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
            pytest.skip(f'the packages {" ".join(PACKAGES)} of {SUITE} cannot be fetched: {error}')
    return PLACE / 'root' / 'usr'


def busybox():
    return root() / 'bin' / 'busybox'


@cache
def program(name):
    """A program of ours over one of the fetched static libraries."""
    include, made = root() / 'include', PLACE / name
    libraries = root() / 'lib' / 'riscv64-linux-gnu'
    new = made.with_suffix(f'.{id(made)}')
    folders = [f'-I{include}', f'-I{include}/lua5.4', f'-I{include}/riscv64-linux-gnu']
    subprocess.run(['riscv64-linux-gnu-gcc', '-std=gnu17', '-O2', '-static', '-w', *folders,
                    SOURCES / f'{name}.c', f'-L{libraries}', *(f'-l{library}' for library in LIBRARIES[name]), '-o', new],
                   check=True, capture_output=True, timeout=300)
    new.rename(made)
    return made
