#!/usr/bin/python3
"""Tests again and again, in random order and with other random choices: campaign.py REPEAT SEED [TARGET ...]

HIL_ARGS has pytest's options that choose the tests: `-m core`, the subset that a thousand repetitions are meant for, unless
it is given. REPEAT repetitions are done in sessions, the n-th with seed SEED + n, each from a fresh flash image on; the
targets side by side. A failure keeps its session's logs in build/hil/campaign/TARGET-SEED; its line says how to have that
session again. The last line of a target counts what has run.
"""

import concurrent.futures
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from board import BUILD, Board      # noqa: E402

KEPT = BUILD / 'hil' / 'campaign'
CHOICE = '-m core'
SESSIONS_MOST = 50              # a session takes seconds to begin; what one has found is told at its end
LIMIT_S = 4 * 3600              # for one session
COUNTS = re.compile(r'(\d+) (passed|failed|error|errors|skipped)')


@dataclass
class Done:
    """What a target has behind it."""
    repetitions: int = 0
    counts: Counter = field(default_factory=Counter)
    failed: list = field(default_factory=list)      # seeds

    def __str__(self):
        words = ', '.join(f'{self.counts[word]} {word}' for word in ('passed', 'failed', 'error', 'skipped'))
        return f'{self.repetitions} repetitions: {words}; seeds with failures: {", ".join(map(str, self.failed)) or "none"}'


def options(seed, count):
    return ['--shuffle', '--seed', str(seed), '--repeat', str(count), *shlex.split(os.environ.get('HIL_ARGS') or CHOICE)]


def session(target, seed, count):
    """Its counts, and whether it was without a failure."""
    try:
        done = subprocess.run([HERE / 'run', target, *options(seed, count)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=LIMIT_S, check=False)
        said, good = done.stdout + done.stderr, done.returncode == 0
    except subprocess.TimeoutExpired as error:
        said, good = f'{error}\n', False
    last = [found for line in said.splitlines() if (found := COUNTS.findall(line))][-1:]
    if not good:
        kept = KEPT / f'{Board(target).name}-{seed}'
        shutil.copytree(Board(target).folder / 'logs', kept, dirs_exist_ok=True)
        (kept / 'output').write_text(said)
    return Counter({word.removesuffix('s'): int(count) for count, word in (last[0] if last else ())}), good


def campaign(target, first, count):
    done = Done()
    most = -(-count // SESSIONS_MOST)
    for seed in range(first, first + -(-count // most)):
        started = time.monotonic()
        now = min(most, count - done.repetitions)
        counts, good = session(target, seed, now)
        done.repetitions += now
        done.counts += counts
        if not good:
            done.failed.append(seed)
            print(f'{target}: FAILED; again: tests/hil/run {target} {shlex.join(options(seed, now))}', flush=True)
        print(f'{target} seed {seed}, {time.monotonic() - started:.0f} s; {done}', flush=True)
    return done


def main():
    count, first, *targets = sys.argv[1:]
    count, first, targets = int(count), int(first), targets or ['virt', 'sifive_u']
    with concurrent.futures.ThreadPoolExecutor(len(targets)) as workers:
        results = list(workers.map(lambda target: campaign(target, first, count), targets))
    for target, done in zip(targets, results):
        print(f'{target}: {done}')
    bad = sum(len(done.failed) for done in results)
    print(f'{sum(done.counts["passed"] for done in results)} passed, '
          f'{sum(done.counts["failed"] + done.counts["error"] for done in results)} failed')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
