#!/usr/bin/python3
"""The suite again and again, each time in another order and with other random choices: campaign.py REPEAT SEED [TARGET ...]

Repetition n of a target has seed SEED + n. A failure keeps its logs in build/hil/campaign/TARGET-SEED and is replayed by
`make hil TARGET=... ARGS="--shuffle --seed ..."`. HIL_ARGS: more of pytest's options, `-m quick` for instance. The last line
counts repetitions.
"""

import concurrent.futures
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from board import BUILD, Board      # noqa: E402

KEPT = BUILD / 'hil' / 'campaign'
LIMIT_S = 7200                  # for one repetition
COUNTS = re.compile(r'(\d+) (passed|failed|error|errors|skipped)')


def repeat(target, seed):
    """One repetition: its counts, and whether it was without a failure."""
    command = [HERE / 'run', target, '--shuffle', '--seed', str(seed), *shlex.split(os.environ.get('HIL_ARGS', ''))]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        said, good = done.stdout + done.stderr, done.returncode == 0
    except subprocess.TimeoutExpired as error:
        said, good = f'{error}\n', False
    last = [found for line in said.splitlines() if (found := COUNTS.findall(line))][-1:]
    counts = {word.removesuffix('s'): int(count) for count, word in (last[0] if last else ())}
    if not good:
        kept = KEPT / f'{Board(target).name}-{seed}'
        shutil.copytree(Board(target).folder / 'logs', kept, dirs_exist_ok=True)
        (kept / 'output').write_text(said)
    return counts, good


def campaign(target, first, count):
    """All repetitions of one target: how many tests passed, and the seeds that failed."""
    passed, failed = 0, []
    for seed in range(first, first + count):
        started = time.monotonic()
        counts, good = repeat(target, seed)
        passed += counts.get('passed', 0)
        if not good:
            failed.append(seed)
        words = ', '.join(f'{number} {word}' for word, number in counts.items()) or 'no counts'
        print(f'{target} seed={seed}: {words}{"" if good else ", FAILED"} in {time.monotonic() - started:.0f} s', flush=True)
    return passed, failed


def main():
    count, first, *targets = sys.argv[1:]
    count, first, targets = int(count), int(first), targets or ['virt', 'sifive_u']
    with concurrent.futures.ThreadPoolExecutor(len(targets)) as workers:
        results = list(workers.map(lambda target: campaign(target, first, count), targets))
    for target, (passed, failed) in zip(targets, results):
        print(f'{target}: {count} repetitions, seeds {first} to {first + count - 1}, {passed} tests passed; '
              f'failed: {", ".join(map(str, failed)) or "none"}')
    bad = sum(len(failed) for _, failed in results)
    print(f'{count * len(targets) - bad} passed, {bad} failed')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
