"""Pages as they leave RAM: the writable memory of programs of this machine near their end, and text.

Each program works on text of `make bench` and is stopped by the debugger where it would end; its writable pages are taken as
they are then: heap, data and stack. Addresses and seeds are fixed, so they are the same each time but for the few bytes that
a program has from its kernel's random ones. Pages of zeros are left out, since they are dropped and never compressed.
"""
import os
import struct
import subprocess
import tempfile
from pathlib import Path

PAGE = 4096
PAGES_EACH = 96

PT_LOAD, PF_W = 1, 2
HEADER_AT, HEADER = 32, struct.Struct('<Q14xHH')   # e_phoff; e_phentsize, e_phnum
SEGMENT = struct.Struct('<IIQQQQ')                 # p_type, p_flags, p_offset, p_vaddr, p_paddr, p_filesz

WORDS_IN_PERL = 'while (<>) { $n{$_}++ for split } print scalar(keys %n), "\\n"'
WORDS_IN_PYTHON = 'import sys,collections;print(len(collections.Counter(open(sys.argv[1],errors="replace").read().split())))'
TABLE_IN_SQL = """create table t(a integer primary key, b text, c real);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 9000)
    insert into t select i, printf('row %d of %x', i, i * 7919), i / 7.0 from n;
    select count(*) from t"""


def programs(text, source):
    """`source`: C, preprocessed."""
    compiler = subprocess.run(['gcc', '-print-prog-name=cc1'], capture_output=True, text=True, check=True).stdout.strip()
    return ([compiler, '-quiet', '-O2', '-fpreprocessed', str(source), '-o', '/dev/null'],
            ['perl', '-e', WORDS_IN_PERL, str(text)],
            ['/usr/bin/python3', '-s', '-S', '-c', WORDS_IN_PYTHON, str(text)],
            ['sqlite3', '-batch', ':memory:', TABLE_IN_SQL])


def core_of(command, core, root):
    debugger = ['gdb-multiarch', '-batch', '-nx', '-ex', 'set disable-randomization on', '-ex', 'catch syscall exit_group',
                '-ex', 'run', '-ex', f'gcore {core}', '--args', *command]
    subprocess.run(debugger, cwd=root, check=True, capture_output=True, stdin=subprocess.DEVNULL,
                   env={'PATH': os.environ['PATH'], 'LC_ALL': 'C', 'PERL_HASH_SEED': '0', 'PERL_PERTURB_KEYS': '0',
                        'PYTHONHASHSEED': '0', 'SHELL': '/bin/sh'})
    return core.read_bytes()


def writable_pages(core):
    table, size, count = HEADER.unpack_from(core, HEADER_AT)
    for i in range(count):
        kind, flags, offset, _, _, length = SEGMENT.unpack_from(core, table + i * size)
        if kind == PT_LOAD and flags & PF_W:
            for at in range(offset, offset + length - PAGE + 1, PAGE):
                if any(core[at:at + PAGE]):
                    yield core[at:at + PAGE]


def spread(pages):
    """At most so many, from all over."""
    pages = list(pages)
    return pages[::max(1, -(-len(pages) // PAGES_EACH))]


def text_pages(text):
    data = text.read_bytes()
    return (data[at:at + PAGE] for at in range(0, len(data) - PAGE + 1, PAGE))


def gather(texts, source, root):
    """All of them, one after the other."""
    found = [page for text in texts for page in spread(text_pages(text))]
    with tempfile.TemporaryDirectory() as folder:
        preprocessed = Path(folder) / 'source.i'
        subprocess.run(['gcc', '-E', '-I.', str(source), '-o', str(preprocessed)], cwd=root, check=True)
        for command in programs(texts[0], preprocessed):
            found += spread(writable_pages(core_of(command, Path(folder) / 'core', root)))
    return b''.join(found)
