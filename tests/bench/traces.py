#!/usr/bin/env python3
"""Which pages real programs touch: traces of the host's own compiler, compressor, database and Perl, kept in build/traces.

The inputs come from a seed, the environment is empty, addresses and random numbers of the emulator are fixed: on one host
every trace is the same each time. Another host's programs are other versions, and their traces differ in detail.
"""

import os
import platform
import random
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / 'build'
FOLDER = BUILD / 'traces'
PLUGIN = BUILD / 'trace_plugin.so'
QEMU = f'qemu-{platform.machine()}'
SEED = 7

WORDS, LINES, WORDS_A_LINE = 3000, 9000, 10
ROWS = 6000
FUNCTIONS = 8

PERL = '''my (%c, @l);
while (<STDIN>) { push @l, $_ if $. % 4 == 0; $c{$_}++ for split }
for (sort { $c{$b} <=> $c{$a} || $a cmp $b } keys %c) { print "$_ $c{$_}\\n" }
print sort @l;
'''

QUERIES = '''commit;
create index by_word on words(word);
select count(*), sum(length(word)) from words group by substr(word, 1, 1);
update words set n = n + 1 where word < 'h';
select a.word, count(*) from words a join words b on a.word = b.word group by a.word order by 2 desc limit 5;
delete from words where n % 3 = 0;
select sum(n) from words;
'''


def vocabulary(source):
    return [''.join(source.choice('etaoinshrdlu') for _ in range(source.randint(2, 7))) for _ in range(WORDS)]


def make_text(source, words):
    """Lines of words, few of them frequent."""
    return ''.join(' '.join(words[int(WORDS * source.random() ** 3)] for _ in range(WORDS_A_LINE)) + '\n' for _ in range(LINES))


def make_c(source):
    def function(i):
        called = f'f{i - 1}(a, n / 2, s)' if i else 's'
        return (f'static int f{i}(int *a, int n, int k)\n{{\n    int s = {source.randint(1, 99)};\n'
                f'    for (int i = 0; i < n; i++) {{\n        a[i] = a[i] * {source.randint(2, 99)} + k;\n'
                f'        if (a[i] & {source.randint(1, 99)})\n            s += a[i] ^ {source.randint(1, 999)};\n'
                f'        else switch (a[i] % 5) {{ case 0: s--; break; case 1: s += {called}; break; default: s <<= 1; }}\n'
                f'    }}\n    return s;\n}}\n')
    return (''.join(function(i) for i in range(FUNCTIONS)) +
            f'int main(void)\n{{\n    int a[64] = {{ 0 }};\n    return f{FUNCTIONS - 1}(a, 64, 3);\n}}\n')


def make_sql(source, words):
    rows = ''.join(f"insert into words values({i}, '{source.choice(words)}{source.randint(0, 99)}', {source.randint(0, 9999)});\n"
                   for i in range(ROWS))
    return f'create table words(id integer primary key, word text, n int);\nbegin;\n{rows}{QUERIES}'


def make_inputs():
    source = random.Random(SEED)
    words = vocabulary(source)
    (FOLDER / 'text').write_text(make_text(source, words))
    (FOLDER / 'program.c').write_text(make_c(source))
    (FOLDER / 'queries').write_text(make_sql(source, words))
    (FOLDER / 'count.pl').write_text(PERL)


def compiler():
    return subprocess.run(['gcc', '-print-prog-name=cc1'], capture_output=True, text=True, check=True).stdout.strip()


def programs():
    """Name: the command and its standard input."""
    return {
        'xz': (['/usr/bin/xz', '-1', '-T1', '-c'], 'text'),
        'cc1': ([compiler(), '-quiet', '-O1', 'program.c', '-o', os.devnull], os.devnull),
        'sqlite3': (['/usr/bin/sqlite3', ':memory:'], 'queries'),
        'perl': (['/usr/bin/perl', 'count.pl'], 'text'),
    }


def trace(name, command, given):
    path = FOLDER / f'{name}.trace'
    made_of = (PLUGIN, Path(__file__), Path(command[0]))
    if not path.exists() or any(source.stat().st_mtime > path.stat().st_mtime for source in made_of):
        part = path.with_suffix('.part')
        with open(FOLDER / given, 'rb') as stdin:
            subprocess.run(['setarch', '-R', QEMU, '-seed', str(SEED), '-plugin', str(PLUGIN), *command], stdin=stdin,
                           stdout=subprocess.DEVNULL, cwd=FOLDER, env={'TRACE': str(part), 'PERL_HASH_SEED': '0'}, check=True)
        part.rename(path)
    return path


def make():
    """The paths of all traces; those that are there already and not out of date are kept."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    subprocess.run(['make', '-s', '-C', str(ROOT), str(PLUGIN.relative_to(ROOT))], check=True)
    make_inputs()
    return [trace(name, *program) for name, program in programs().items()]


if __name__ == '__main__':
    for made in make():
        print(made, made.stat().st_size // 4)
