#!/usr/bin/env python3
"""make lint: format (clang-format), warnings of clang, static analysis (cppcheck, clang-tidy), include directions.

All that is ours is formatted; what runs on boards and the tool that makes images are analysed, each file with the words it
is compiled with. The analysers take one file at a time, on all cores. Ends with "N passed, N failed", counting files.
"""
import concurrent.futures
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(str(p.relative_to(ROOT)) for d in ("firmware", "platform", "mm", "hal", "tests")
                 for p in (ROOT / d).rglob("*.[ch]"))
ANALYSED = [s for s in SOURCES if s.endswith(".c") and not s.startswith("tests/")]
WARNINGS = "-std=gnu17 -I. -Wall -Wextra -Werror -Wconversion -Wshadow -Wmissing-prototypes -Wvla".split()
TARGET = ("--target=riscv64-unknown-elf -march=rv64imac -mabi=lp64 -mcmodel=medany -ffreestanding "
          "-isystem /usr/lib/picolibc/riscv64-unknown-elf/include -include hal/cpu_riscv.h").split()
CPPCHECK = ("--quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 "
            "--suppress=missingIncludeSystem -I.").split()
# It loses sight of what is set within a statement expression (MM_RETRY); clang's analyser does not.
CPPCHECK_FIRMWARE = ["--suppress=uninitvar", "--suppress=legacyUninitvar"]


def words(source):
    """What clang needs to know to read this file: the target's or the host's."""
    on_host = source.startswith(("mm/", "platform/image/"))
    return WARNINGS if on_host else [*TARGET, *WARNINGS]


def commands():
    """(part, what it looks at, command), each to run alone."""
    yield "format", "all", ["clang-format", "--dry-run", "-Werror", *SOURCES]
    yield "includes", "all", [sys.executable, "tests/check_includes.py"]
    for source in ANALYSED:
        yield "clang-tidy", source, ["clang-tidy", "--quiet", "--warnings-as-errors=*", source, "--", *words(source)]
        yield "clang", source, ["clang", *words(source), "-fsyntax-only", source]
        yield "cppcheck", source, ["cppcheck", *CPPCHECK, *(CPPCHECK_FIRMWARE if source.startswith("firmware/") else []), source]


def run(part, what, command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"lint {part} {what}\n{(done.stdout + done.stderr)[-6000:]}", flush=True)
    return part, done.returncode == 0


def main():
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        results = list(workers.map(lambda each: run(*each), commands()))
    for part in dict.fromkeys(part for part, _ in results):
        good = [passed for name, passed in results if name == part]
        print(f"lint {part:12} {sum(good):5} passed {len(good) - sum(good):5} failed")
    failed = sum(1 for _, passed in results if not passed)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
