#!/usr/bin/env python3
"""Checks the include directions of mm/DESIGN.md, that mm/ has no build conditions, and that headers stand alone.

Prints file:line: what is wrong, one line a finding, then "N passed, N failed", counting files.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Folder: what its files may include, as prefixes of paths. The longest folder that a file is in decides.
MAY_INCLUDE = {
    "hal": ["hal/"],
    "platform": ["hal/", "platform/"],
    "platform/image": ["hal/", "platform/", "mm/store.h", "mm/assert.h", "mm/store/"],
    "mm": ["hal/cpu.h", "hal/flash.h", "mm/"],
    "mm/vm": ["hal/cpu.h", "mm/mm.h", "mm/store.h", "mm/assert.h", "mm/vm/"],
    "mm/store": ["hal/cpu.h", "hal/flash.h", "mm/store.h", "mm/assert.h", "mm/store/"],
    "firmware": ["hal/", "platform/", "mm/mm.h", "mm/store.h", "mm/store/seal.h", "mm/assert.h", "firmware/"],
    "tests": ["hal/", "platform/", "mm/", "firmware/", "tests/"],
}
FOLDERS = ["firmware", "platform", "mm", "hal", "tests"]
# Libraries' headers that mm/ may use: what picolibc has and needs no system under it.
PORTABLE_LIBC = {"string.h", "stdint.h", "stdbool.h", "stddef.h", "errno.h", "limits.h"}
# Built for the target only: their headers may hold its instructions.
TARGET_ONLY = re.compile(r"(firmware/|hal/(cpu_riscv|csr|sbi|mmio)\b|tests/target/)")
HOST_COMPILER = ["gcc"]
TARGET_COMPILER = ["riscv64-unknown-elf-gcc", "--specs=picolibc.specs", "-march=rv64imac", "-mabi=lp64",
                   "-misa-spec=2.2", "-mcmodel=medany", "-ffreestanding"]
STRICT = ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-I.", "-fsyntax-only", "-x", "c"]

QUOTED = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
ANGLED = re.compile(r"^\s*#\s*include\s*<([^>]+)>")
CONDITION = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b")


def rule_for(path):
    folders = [folder for folder in MAY_INCLUDE if path.startswith(folder + "/")]
    return MAY_INCLUDE[max(folders, key=len)]


def check_quoted(path, name):
    # Programs for the target are built as a user's would be: they see one another's headers and nothing of ours.
    if path.startswith("tests/programs/"):
        known = ((ROOT / path).parent / name).is_file() or (name.startswith("tests/programs/") and (ROOT / name).is_file())
        return None if known else f'"{name}" is not a header of these programs'
    if not (ROOT / name).is_file():
        return f'"{name}" is not a path from the root of the repository'
    if not any(name == allowed or (allowed.endswith("/") and name.startswith(allowed)) for allowed in rule_for(path)):
        return f'"{name}" must not be included here'
    return None


def check_line(path, line):
    if found := QUOTED.match(line):
        return check_quoted(path, found[1])
    if not path.startswith("mm/"):
        return None
    if (found := ANGLED.match(line)) and found[1] not in PORTABLE_LIBC:
        return f"<{found[1]}> is not one of the library headers that mm/ may use"
    if path.endswith(".c") and CONDITION.match(line):
        return "a build condition in mm/"
    return None


def check_guard(path, text):
    """One guard, named after the path, around everything but comments."""
    guard = re.sub(r"[^A-Z0-9]", "_", path.upper())
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S).strip()
    if not code.startswith(f"#ifndef {guard}\n#define {guard}\n") or not code.endswith("#endif"):
        return f"{path}:1: the guard {guard} is missing or does not enclose the header"
    return None


def check_alone(path):
    """Compiled twice in one file, so that both a missing include and a broken guard show."""
    with tempfile.NamedTemporaryFile("w", suffix=".c", encoding="utf-8") as source:
        source.write(f'#include "{path}"\n#include "{path}"\n')
        source.flush()
        compiler = TARGET_COMPILER if TARGET_ONLY.match(path) else HOST_COMPILER
        done = subprocess.run([*compiler, *STRICT, source.name], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[:200])
    return f"{path}:1: does not compile alone: {first}"


def check_file(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    found = [f"{path}:{number}: {wrong}" for number, line in enumerate(text.splitlines(), 1)
             if (wrong := check_line(path, line))]
    if path.endswith(".h"):
        found += [wrong for wrong in (check_guard(path, text), check_alone(path)) if wrong]
    return found


def main():
    files = sorted(str(file.relative_to(ROOT)) for folder in FOLDERS for pattern in ("*.c", "*.h", "*.S")
                   for file in (ROOT / folder).rglob(pattern))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        results = list(workers.map(check_file, files))
    for found in results:
        for line in found:
            print(line)
    failed = sum(1 for found in results if found)
    print(f"{len(files) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
