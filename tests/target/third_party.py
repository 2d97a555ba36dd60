"""Programs that nobody here wrote, from Debian's packages and sources: fetched once under build/third, never installed.

A package that cannot be fetched skips the tests that need it, with what was tried.
"""

import fcntl
import os
import shutil
import subprocess
from functools import cache

import pytest
from conftest import ROOT

PLACE = ROOT / 'build' / 'third'
SOURCES = ROOT / 'tests' / 'programs' / 'third'
PACKAGES = ('busybox-static', 'libsqlite3-dev', 'liblua5.4-dev', 'zlib1g-dev')
LIBRARIES = {'sqlite_run': ('sqlite3', 'm'), 'lua_run': ('lua5.4', 'm'), 'zlib_run': ('z',)}
SUITE = 'trixie'
# Sources are asked for in the oldest suite that is still served: of newer ones some mirrors have no archives.
SOURCE_SUITE = 'bookworm'
COMPILER = ['riscv64-linux-gnu-gcc', '-O2', '-static', '-w']


def debian_packages(suite, action, *packages, folder=PLACE):
    subprocess.run([ROOT / 'platform' / 'debian_packages', PLACE / f'apt-{suite}', suite, 'riscv64', action, *packages],
                   check=True, capture_output=True, timeout=600, cwd=folder)


def fetch():
    debian_packages(SUITE, 'update')
    debian_packages(SUITE, 'download', *PACKAGES)
    for package in sorted(PLACE.glob('*.deb')):
        subprocess.run(['dpkg-deb', '-x', package, PLACE / 'root'], check=True, timeout=60)


def once(name, what, make):
    """Makes PLACE/name by make(), once for all the processes that test; a failure skips who needs it."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with open(PLACE / 'lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = PLACE / f'{name}.done'
        try:
            if not done.exists():
                make()
                done.touch()
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
            pytest.skip(f'{what} cannot be fetched: {error}')


@cache
def root():
    """The folder that the packages were unpacked into."""
    once('packages', f'the packages {" ".join(PACKAGES)} of {SUITE}', fetch)
    return PLACE / 'root' / 'usr'


@cache
def sources(package):
    """The folder with the sources of a package, as their authors made them."""
    folder = PLACE / 'source' / package

    def unpack():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        debian_packages(SOURCE_SUITE, 'update')
        debian_packages(SOURCE_SUITE, 'source', package, folder=folder)
        archive, = folder.glob('*.orig.tar.*')
        # Some archives have a folder for their files, others have not.
        subprocess.run(['tar', '-xf', archive, '-C', folder], check=True, timeout=60)
    once(f'source-{package}', f'the source of {package} of {SOURCE_SUITE}', unpack)
    return next(path.parent for path in sorted(folder.rglob(f'{package}.c')))


def made(name, *words):
    """What the compiler makes of the words, in one step: others may make it at the same time."""
    path = PLACE / name
    new = path.with_suffix(f'.{os.getpid()}')
    subprocess.run([*COMPILER, *words, '-o', new], check=True, capture_output=True, timeout=300)
    new.rename(path)
    return path


@cache
def memtester():
    source = sources('memtester')
    flags = ['-DPOSIX', '-D_POSIX_C_SOURCE=200809L', '-D_FILE_OFFSET_BITS=64', '-DTEST_NARROW_WRITES']
    return made('memtester', *flags, source / 'memtester.c', source / 'tests.c')


@cache
def tcc():
    """The compiler, and one source for it: itself, all files in one, after the preprocessor."""
    source, config = sources('tcc'), PLACE / 'tcc-config'
    config.mkdir(exist_ok=True)
    (config / 'config.h').write_text('#define TCC_VERSION "0.9.27"\n#define CONFIG_TCCDIR "/"\n')
    flags = [f'-I{config}', f'-I{source}', '-DTCC_TARGET_RISCV64', '-DCONFIG_TCC_STATIC', '-DONE_SOURCE=1',
             source / 'tcc.c']
    # The C library's headers take a newer gcc for one that has types which tcc has not.
    return made('tcc', *flags, '-lm'), made('tcc.i.c', '-E', '-P', '-U__GNUC__', '-D__GNUC__=2', *flags)


def busybox():
    return root() / 'bin' / 'busybox'


@cache
def program(name):
    """A program of ours over one of the fetched static libraries."""
    include, libraries = root() / 'include', root() / 'lib' / 'riscv64-linux-gnu'
    folders = [f'-I{include}', f'-I{include}/lua5.4', f'-I{include}/riscv64-linux-gnu']
    return made(name, '-std=gnu17', *folders, SOURCES / f'{name}.c', f'-L{libraries}',
                *(f'-l{library}' for library in LIBRARIES[name]))
