#!/usr/bin/env python3
"""make size: bytes of text and data by module, what of them is the core, the static data by symbol, and the deepest stack.

The core is what pages memory and runs a program on one board: the image linked once more with the system calls in CORE_CALLS
alone and without the modules in NOT_CORE. What those define is left open; what nothing leads to any more is left out.

The stack figure is the longest chain of calls by gcc's -fstack-usage frames over the call graph that objdump shows; calls through
pointers are resolved by hand in INDIRECT, and a function that a chain passes twice is reported, since nothing may recurse.
"""
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else "build")
TOOL = "riscv64-unknown-elf-"

# The system calls of the core: what a static glibc program needs to start, compute, allocate, print, read files, sleep and end.
CORE_CALLS = """
    set_tid_address set_robust_list prlimit64 readlinkat getrandom uname getpid gettid not_supported
    brk mmap munmap mprotect madvise mincore
    openat close read readv pread64 lseek newfstatat fstat ioctl write writev
    clock_gettime nanosleep clock_nanosleep sched_yield exit exit_group
""".split()

# What the core calls but does without. All else is in it as far as something in it leads there.
NOT_CORE = {
    "checkers": "mm/vm/check mm/store/check mm/vm/inspect",
    "monitor, job, statistics, reports, faults on purpose": "firmware/monitor* firmware/job* firmware/statistics firmware/report "
                                                           "firmware/inject*",
    "files that are written": "mm/vm/sync mm/store/commit mm/store/change mm/store/durable mm/store/make firmware/archive "
                              "firmware/record firmware/linux/lock",
    "files that are not the store's": "firmware/linux/device_tree firmware/linux/memory_tree firmware/linux/directory "
                                      "firmware/linux/proc_* firmware/linux/tty",
    "signals, threads, timers": "firmware/linux/signal firmware/linux/sigframe firmware/linux/deliver firmware/linux/kill "
                                "firmware/linux/job_control firmware/linux/stop firmware/linux/futex firmware/linux/robust "
                                "firmware/linux/timer",
    "names of calls that are not there": "firmware/linux/names",
    "other boards than virt": "hal/spi_* hal/uart_sifive hal/uart_sbi hal/plic platform/errata platform/cpio",
}
CALL_TABLE = "firmware/linux/table.S"
FLAGS = ("--specs=picolibc.specs -march=rv64imac -mabi=lp64 -misa-spec=2.2 -mcmodel=medany -Os -msave-restore "
         "-malign-data=natural -ffreestanding -ffunction-sections -fdata-sections").split()


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def module_of(path):
    parts = Path(path).parts
    return "/".join(parts[:2]) if parts[0] in ("mm", "firmware") and len(parts) > 2 else parts[0]


def stack_usage():
    """gcc's -fstack-usage: (path, function, bytes). Files that are compiled as one have theirs beside the image."""
    for usage in (*(BUILD / "target").rglob("*.su"), *BUILD.glob("*.su")):
        for line in usage.read_text().splitlines():
            where, size, _ = line.split("\t")
            path, *_, name = where.split(":")
            yield path, name.split(".")[0], int(size)


def sizes_by_module():
    """Input sections as the linker kept them, from the map file: {module: [text, data, bss]}."""
    sizes = defaultdict(lambda: [0, 0, 0])
    kinds = {"text": 0, "rodata": 0, "srodata": 0, "data": 1, "sdata": 1, "bss": 2, "sbss": 2}
    sources = {name: path for path, name, _ in stack_usage()}
    text = (BUILD / "vellum.map").read_text().split("Linker script and memory map", 1)[1]
    for kind, name, size, origin in re.findall(r"^ \.([a-z]+)\.?([\w$-]*)\S*\s+0x[0-9a-f]+\s+(0x[0-9a-f]+) (\S+)$", text, re.M):
        if kind not in kinds:
            continue
        if "target/" in origin:
            module = module_of(origin.split("target/", 1)[1])
        elif ".ltrans" in origin:
            module = module_of(sources[name]) if kind == "text" and name in sources else "(their constants, data)"
        else:
            module = "picolibc"
        sizes[module][kinds[kind]] += int(size, 16)
    return sizes


def is_core(path):
    return path != CALL_TABLE and not any(fnmatch(Path(path).with_suffix("").as_posix(), pattern)
                                          for patterns in NOT_CORE.values() for pattern in patterns.split())


def core_table():
    """The table of system calls with those of the core."""
    call = re.compile(r" +(?:call|late) \d+, (\w+)")
    lines = (ROOT / CALL_TABLE).read_text().splitlines(keepends=True)
    kept = [line for line in lines if not (found := call.match(line)) or found[1] in CORE_CALLS]
    if missing := set(CORE_CALLS) - set(call.findall("".join(kept))):
        sys.exit(f"{CALL_TABLE} has no {' '.join(missing)}")
    return "".join(kept)


def core_bytes(build=None):
    """Bytes of text and constants of the core."""
    found = re.findall(r"^LOAD (\S+/target/(\S+)\.o)$", (build or BUILD).joinpath("vellum.map").read_text(), re.M)
    with tempfile.TemporaryDirectory() as folder:
        core, source, table = (str(Path(folder) / name) for name in ("core.elf", "table.S", "table.o"))
        Path(source).write_text(core_table())
        output(TOOL + "gcc", *FLAGS, f"-I{ROOT}", "-c", source, "-o", table)
        output(TOOL + "gcc", *FLAGS, "-nostartfiles", "-T", str(ROOT / "linker" / "firmware.ld"), "-Wl,--gc-sections",
               "-Wl,--unresolved-symbols=ignore-all", "-Wl,-z,max-page-size=4096", "-Wl,--no-warn-rwx-segments",
               *(str(ROOT / path) for path, name in found if is_core(name)), table, "-o", core)
        return int(output(TOOL + "size", core).split("\n")[1].split()[0])


def stack_frames():
    frames = {}
    for _, name, size in stack_usage():
        frames[name] = max(frames.get(name, 0), size)
    return frames


def call_graph():
    calls, pointers, current = defaultdict(set), set(), None
    for line in output(TOOL + "objdump", "-d", "--no-show-raw-insn", str(BUILD / "vellum.elf")).splitlines():
        if found := re.match(r"[0-9a-f]+ <([\w.]+)>:", line):
            current = found[1].split(".")[0]
        elif found := re.search(r"\b(?:jal|j|call|tail|jalr)\b.*<([\w.]+)(?:\+0x[0-9a-f]+)?>", line):
            if found[1].split(".")[0] != current and "+" not in line.split("<")[1]:
                calls[current].add(found[1].split(".")[0])
        elif re.search(r"\bjalr?\b", line) and "ra" not in line.split()[-1]:
            pointers.add(current)
    return calls, pointers


def deepest(calls, frames):
    """Longest path by bytes over the call graph, iteratively; cycles are cut where they close and told."""
    best, cycles, order, state = {}, set(), [], {}
    for root in list(calls):
        stack = [(root, iter(sorted(calls[root])))]
        while stack:
            name, rest = stack[-1]
            state[name] = 1
            follow = next(rest, None)
            if follow is None:
                stack.pop()
                if state.get(name) != 2:
                    state[name] = 2
                    order.append(name)
            elif state.get(follow) == 1:
                cycles.add((name, follow))
            elif follow not in state:
                stack.append((follow, iter(sorted(calls.get(follow, ())))))
    for name in order:
        under = [best[c] for c in calls.get(name, ()) if c in best and (name, c) not in cycles]
        below = max(under, default=(0, []))
        best[name] = (frames.get(name, 0) + below[0], [name, *below[1]])
    return best, cycles


def main():
    sizes = sizes_by_module()
    print(f"{'module':24}{'text':>9}{'data':>9}{'bss':>9}")
    for module in sorted(sizes):
        print(f"{module:24}" + "".join(f"{n:9}" for n in sizes[module]))
    totals = [sum(v[i] for v in sizes.values()) for i in range(3)]
    print(f"{'total':24}" + "".join(f"{n:9}" for n in totals))
    print(f"{'core of it':24}{core_bytes():9}")
    frames = stack_frames()
    calls, pointers = call_graph()
    best, cycles = deepest(calls, frames)
    indirect = max((best[p] for p in pointers if p in best), default=(0, []))
    print("\ndeepest stacks, bytes (calls through pointers end a chain; the callers of pointers are marked *):")
    for total, chain in sorted(best.values(), reverse=True)[:6]:
        print(f"{total:7}  " + " > ".join(n + ("*" if n in pointers else "") for n in chain))
    print(f"deepest chain that ends in a call through a pointer: {indirect[0]} bytes")
    for caller, callee in sorted(cycles):
        print(f"calls in a circle: {caller} > {callee}")


if __name__ == "__main__":
    main()
