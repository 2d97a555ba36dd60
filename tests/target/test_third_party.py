"""Unmodified programs: busybox, SQLite, Lua, zlib, memtester and tcc, with memory for a part of what they touch.

What each must print is what the same binary prints under qemu-riscv64, Linux's user emulation.
"""

import hashlib
import random
import re
import subprocess

import pytest
from conftest import CAMPAIGN, PROGRAMS, TIMEOUT_S, run
from third_party import SOURCES, busybox, memtester, program, tcc

LIMIT_S = 3600 if CAMPAIGN else TIMEOUT_S

# Frames for everything, of which 48 are nobody's to give: about half of what each touches when it has them (445 and 391), and
# all. SQLite takes 100 M instructions with all, 200 M with half; Lua 210 M with all, 1 G with 256 frames.
SQLITE_FRAMES = (224, 768)
LUA_FRAMES = (256, 768)

# More than any of the workloads below touches.
PLENTY = 2048

SCRIPT = r"""
echo one two | { read a b; echo $b $a; }
seq 1 3000 | sort -rn | head -3
seq 1 5000 | sha256sum
seq 1 5000 | gzip | gunzip | md5sum
awk 'BEGIN { for (i = 0; i < 100; i++) s += i; print s }'
mkdir -p work/a/b && echo data > work/a/b/f && cat work/a/b/f && find work | sort
echo more >> work/a/b/f; wc -c < work/a/b/f; mv work/a/b/f work/g; ls work; rm -r work; ls -d work 2>&1
trap 'echo trapped' USR1; kill -USR1 $$
(exit 3); echo status $?
for i in 1 2 3; do (echo job $i) & wait; done
x=$(echo inner); echo "got $x"; false || echo or; true && echo and
case abc in a*) echo matched;; esac
sleep 0; echo done | tr a-z A-Z; printf '%s-%d\n' end 7
"""


# Large enough that a quarter of what it touches is more than a few processes need for themselves.
LONG_SCRIPT = r"""
seq 1 60000 | sort -rn | head -3
seq 1 60000 | awk '{ n[$1 % 5000] = n[$1 % 5000] + $1 } END { for (k in n) print k, n[k] }' | sort | sha256sum
seq 1 60000 | gzip | gunzip | md5sum
"""


def under_linux(folder, *command):
    return subprocess.run(['qemu-riscv64', *map(str, command)], cwd=folder, capture_output=True, timeout=120, check=True,
                          stdin=subprocess.DEVNULL).stdout


def same_as_linux(folder, name, path, *arguments, files=(), **keys):
    expected = under_linux(folder, path, *arguments)
    result = run(FILES=' '.join(map(str, (path, *files))), CMD=' '.join((name, *arguments)), **keys)
    assert result.status == 0
    assert result.out == expected
    return result


def test_a_shell_script(board, tmp_path):
    (tmp_path / 'script').write_text(SCRIPT)
    same_as_linux(tmp_path, 'busybox', busybox(), 'sh', 'script', files=[tmp_path / 'script'], BOARD=board, FRAMES=768)


@pytest.mark.parametrize('frames', SQLITE_FRAMES)
def test_sqlite(board, frames, tmp_path):
    same_as_linux(tmp_path, 'sqlite_run', program('sqlite_run'), 'db', '1000', BOARD=board, FRAMES=frames, TIMEOUT=LIMIT_S)


@pytest.mark.parametrize('frames', LUA_FRAMES)
def test_lua(board, frames, tmp_path):
    script = SOURCES / 'heap.lua'
    (tmp_path / 'heap.lua').write_bytes(script.read_bytes())
    same_as_linux(tmp_path, 'lua_run', program('lua_run'), 'heap.lua', files=[script], BOARD=board, FRAMES=frames,
                  TIMEOUT=LIMIT_S)


def text_for_zlib(folder):
    path = folder / 'text'
    path.write_bytes((SOURCES / 'sqlite_run.c').read_bytes() * 120)
    return path


def under_both(folder, name, path, *arguments, files=()):
    return (path, *files), ' '.join((name, *arguments)), under_linux(folder, path, *arguments)


def shell_script(folder):
    script = folder / 'script'
    script.write_text(LONG_SCRIPT)
    return under_both(folder, 'busybox', busybox(), 'sh', 'script', files=[script])


def compile_itself(folder):
    """Lexer, parser and code generator over 780 KB of C: the same object file as under Linux."""
    compiler, source = tcc()
    under_linux(folder, compiler, '-c', source, '-o', folder / 'self.o')
    expected = f"{hashlib.sha256((folder / 'self.o').read_bytes()).hexdigest()}  self.o\n".encode()
    return (compiler, source, busybox()), f'tcc -c {source.name} -o self.o; busybox sha256sum self.o', expected


def lua_text(folder):
    script = SOURCES / 'text.lua'
    (folder / 'text.lua').write_bytes(script.read_bytes())
    return under_both(folder, 'lua_run', program('lua_run'), 'text.lua', '3000', files=[script])


# Each makes what it needs in a folder: the files, the command, and what it prints under Linux. SQLite's database and its
# cache are as large as all else that it touches.
WORKLOADS = {
    'busybox': shell_script,
    'lua': lua_text,
    'sqlite': lambda folder: under_both(folder, 'sqlite_run', program('sqlite_run'), 'db', '10000'),
    'tcc': compile_itself,
    'zlib': lambda folder: under_both(folder, 'zlib_run', program('zlib_run'), 'text', files=[text_for_zlib(folder)]),
}


def tell(note, frames, stats):
    """For the table of results: frames, and pages that had to be brought back."""
    note('frames', frames)
    note('faults', sum(stats[f'faults_{what}'] for what in ('file', 'tail', 'flash')))


@pytest.mark.parametrize('share', (4, 2, 1) if CAMPAIGN else (2,))
@pytest.mark.parametrize('name', WORKLOADS if CAMPAIGN else ('tcc', 'zlib'))
def test_a_share_of_what_it_touches(board, name, share, tmp_path, record_property):
    """With a quarter, a half and all of the frames that it takes when there are enough."""
    files, command, expected = WORKLOADS[name](tmp_path)
    words = {'BOARD': board, 'FILES': ' '.join(map(str, files)), 'CMD': command, 'TIMEOUT': LIMIT_S}
    touched = run(FRAMES=PLENTY, **words).stats['frames_peak']
    assert touched < PLENTY - 16
    result = run(FRAMES=touched // share, **words)
    tell(record_property, touched // share, result.stats)
    assert result.out == expected
    assert result.status == 0


# Frames, KiB to test: once, twice and four times the frames. The mask chooses tests beside the first, which always runs.
MEMTESTER = [(96, 768, 1)] + CAMPAIGN * [(512, 2048, 7), (256, 2048, 7), (128, 2048, 7)]


@pytest.mark.parametrize('frames, kib, mask', MEMTESTER)
def test_memtester(board, frames, kib, mask, record_property):
    """As somebody who may lock no memory, for what is locked is not paged."""
    files = (busybox(), memtester(), PROGRAMS / 'unprivileged')
    result = run(BOARD=board, FRAMES=frames, FILES=' '.join(map(str, files)), TIMEOUT=LIMIT_S,
                 CMD=f'busybox env MEMTESTER_TEST_MASK={mask} ./unprivileged memtester {kib}K 1')
    assert result.status == 0
    assert b'FAILURE' not in result.out
    passed = re.findall(rb'^  (\w[\w -]*\w) *: .*ok$', result.out, re.M)
    assert len(passed) == 1 + mask.bit_count()
    assert result.stats['faults_tail'] > 2 * frames
    tell(record_property, frames, result.stats)


# All rows are in after some 1,000 programs of the flash.
@pytest.mark.parametrize('seed', range(1, 31 if CAMPAIGN else 6))
def test_sqlite_after_a_power_cut(board, seed, tmp_path):
    """At any byte of any program, most of them inside of a transaction: what was committed is there, nothing half of the rest."""
    drawn = random.Random(seed)
    binary, flash, nth = program('sqlite_run'), tmp_path / 'flash.img', drawn.randrange(100, 1000)
    cut = run(BOARD=board, FRAMES=512, FILES=binary, FLASH=flash, CMD='sqlite_run db 2000',
              BOOTARGS=f'faults=on inject=cut,program,nth,{nth},seed,{drawn.randrange(1, 1 << 16)}')
    assert 'inject: power is cut' in cut.err and 'ok' not in cut.text
    committed = max(map(int, re.findall(r'^committed (\d+)$', cut.text, re.M)), default=0)
    result = run(BOARD=board, FRAMES=512, FLASH=flash, CMD='sqlite_run db')
    assert result.status == 0
    rows, part, check = re.fullmatch(r'(\d+)\|(\d+)\n(\w+)\n', result.text).groups()
    assert (int(part), check) == (0, 'ok') and int(rows) in (committed, committed + 100)
