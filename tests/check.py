#!/usr/bin/env python3
"""Runs everything that a change must pass, and ends with the line "N passed, N failed".

Host tests are cmocka programs and campaign programs that print such a line themselves; target tests are pytest's.
Each part's output is kept in build/check/NAME.log and shown when it fails.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "check"
CORES = os.cpu_count() or 1

CMOCKA_PASSED = re.compile(r"^\[  PASSED  \] (\d+) test", re.M)
CMOCKA_FAILED = re.compile(r"^\[  FAILED  \] (\d+) test|^ ?(\d+) FAILED TEST", re.M)
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)
PYTEST = re.compile(r"(\d+) (passed|failed|error|errors)\b")


def count(text, status):
    """The (passed, failed) that a part's output tells; a part that died without a count has failed once."""
    if plain := PLAIN.findall(text):
        passed, failed = (sum(int(pair[i]) for pair in plain) for i in (0, 1))
    elif found := CMOCKA_PASSED.findall(text):
        passed, failed = sum(map(int, found)), sum(int(a or b) for a, b in CMOCKA_FAILED.findall(text)[:1])
    else:
        last = text.strip().splitlines()[-1:] or [""]
        numbers = {word: int(n) for n, word in PYTEST.findall(last[0])}
        passed = numbers.get("passed", 0)
        failed = numbers.get("failed", 0) + numbers.get("error", 0) + numbers.get("errors", 0)
    if status != 0 and failed == 0:
        failed = 1
    if passed + failed == 0:
        failed = 1
    return passed, failed


def run_part(name, command, limit_s):
    started = time.monotonic()
    with open(LOGS / f"{name}.log", "w+", encoding="utf-8", errors="replace") as log:
        try:
            status = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                    timeout=limit_s, check=False).returncode
        except subprocess.TimeoutExpired:
            log.write(f"\nstopped after {limit_s} s\n")
            status = 124
        log.seek(0)
        text = log.read()
    passed, failed = count(text, status)
    print(f"{name:32} {passed:7} passed {failed:4} failed   {time.monotonic() - started:6.1f} s", flush=True)
    if failed:
        print("\n".join("    " + line for line in text.splitlines()[-60:]), flush=True)
    return passed, failed


def host_parts():
    for source in sorted((ROOT / "tests/host").glob("test_*.c")):
        yield source.stem, [str(BUILD / "host" / source.stem)], 900
    for line in (ROOT / "tests/campaigns.txt").read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            yield words[0], [str(BUILD / words[1]), *words[2:]], 1800


def main():
    LOGS.mkdir(parents=True, exist_ok=True)
    parts = [("includes", [sys.executable, "tests/check_includes.py"], 300), *host_parts()]
    parts += [(f"fuzz-{path.name}", [sys.executable, "tests/fuzz/run.py", path.name], 1800)
              for path in sorted((BUILD / "fuzz").glob("*")) if path.is_file() and os.access(path, os.X_OK)]
    with concurrent.futures.ThreadPoolExecutor(CORES) as workers:
        results = list(workers.map(lambda part: run_part(*part), parts))
    results.append(run_part("target", [sys.executable, "-m", "pytest", "-q", "-n", str(CORES), "-p", "no:cacheprovider",
                                       "tests/target"], 3600))
    with concurrent.futures.ThreadPoolExecutor(CORES) as workers:
        results += workers.map(lambda target: run_part(f"hil-{target}", [sys.executable, "tests/hil/run", target, "-m", "quick"], 600),
                               ("virt", "sifive_u"))
    passed, failed = (sum(result[i] for result in results) for i in (0, 1))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
