#!/usr/bin/env python3
"""Makes the main job: its programs, its texts, and what each task must answer, under build/job/.

  text/code, text/prose   real text of this machine, concatenated in a fixed order and cut to a fixed size
  list                    the job description that the firmware reads: `name | command | expected`
  files                   what goes into the flash image, one host-path=name a line

The expected line of a task is what the same source computes on the host, here and now. `SIGSEGV` and the like is a
task that must be ended by that signal. Does nothing when what is there is newer than all that it is made from.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / 'build'
JOB = BUILD / 'job'

# At least this much memory together: four times 512 frames. extsort 2 x 1 MB, wordjoin 2 x 1 MiB, stencil 2.5 MB,
# chase 2.5 MB, and the texts themselves.
CODE_BYTES = 700_000
PROSE_BYTES = 300_000

TASKS = (
    ('sort', 'extsort text/code text/prose', None),
    ('join', 'wordjoin text/code text/prose', None),
    ('join-back', 'wordjoin text/prose text/code', None),
    ('stencil', 'stencil 400 6', None),
    ('chase', 'chase 40000 8000', None),
    ('hostile', 'hostile', 'SIGSEGV'),
)
PROGRAMS = sorted({command.split()[0] for _, command, _ in TASKS})


def texts_of(folders, pattern):
    for folder in folders:
        yield from sorted(path for path in Path(folder).glob(pattern) if path.is_file())


def sources():
    """{name: (files in order, bytes)}; what this repository has comes first, then what the host has."""
    ours = [ROOT / name for name in ('firmware', 'firmware/linux', 'hal', 'mm', 'mm/store', 'mm/vm', 'platform')]
    headers = ['/usr/include', '/usr/include/linux', '/usr/riscv64-linux-gnu/include']
    code = [*texts_of(ours, '*.[ch]'), *texts_of(headers, '*.h')]
    prose = [*texts_of([ROOT, ROOT / 'mm'], '*.md'), *texts_of(['/usr/share/common-licenses'], '*'),
             *texts_of(['/usr/share/doc'], '*/copyright')]
    return {'code': (code, CODE_BYTES), 'prose': (prose, PROSE_BYTES)}


def gather(paths, most):
    text = bytearray()
    for path in paths:
        if len(text) >= most:
            break
        text += path.read_bytes()
    return bytes(text[:most]).rsplit(b'\n', 1)[0] + b'\n'


def build_programs():
    wanted = [f'build/{folder}/{name}' for name in PROGRAMS for folder in ('programs', 'programs-host')]
    subprocess.run(['make', '-s', '-C', ROOT, *wanted], check=True, stdout=sys.stderr)
    return [ROOT / path for path in wanted]


def expected(command):
    """The last line that the program prints on the host, whose files lie where the image has them."""
    program, *arguments = command.split()
    done = subprocess.run([BUILD / 'programs-host' / program, *arguments], cwd=JOB, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=True)
    return done.stdout.splitlines()[-1]


def write(path, data):
    """As a whole or not at all: other runs may be reading it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + '.new')
    new.write_bytes(data)
    new.replace(path)


def generate():
    listing = []
    description = ['# The main job: name | command | expected last line, or signal']
    for name, (paths, most) in sources().items():
        text = gather(paths, most)
        write(JOB / 'text' / name, text)
        listing.append(f'{JOB}/text/{name}=text/{name}')
        description.append(f'# text/{name}: {len(text)} bytes, sha256 {hashlib.sha256(text).hexdigest()}')
    listing += [f'{BUILD}/programs/{name}={name}' for name in PROGRAMS]
    for name, command, answer in TASKS:
        description.append(f'{name} | {command} | {answer or expected(command)}')
    write(JOB / 'list', ('\n'.join(description) + '\n').encode())
    listing.append(f'{JOB}/list=job')
    write(JOB / 'files', ('\n'.join(listing) + '\n').encode())


def up_to_date(inputs):
    made = JOB / 'files'
    return made.exists() and all(path.stat().st_mtime <= made.stat().st_mtime for path in inputs)


def main():
    JOB.mkdir(parents=True, exist_ok=True)
    with open(JOB / 'lock', 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        texts = [path for paths, _ in sources().values() for path in paths]
        if not up_to_date([*build_programs(), *texts, Path(__file__)]):
            generate()


if __name__ == '__main__':
    main()
