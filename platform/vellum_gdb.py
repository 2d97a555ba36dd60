"""gdb commands that read the firmware's structures, in a running machine or in a dump of its RAM.

  vm TASK              regions, and where their pages are       pte TASK ADDRESS   the page-table walk, level by level
  frames [N|ADDRESS]   counts by kind; one frame's descriptor   log [blocks]       tail, slots, counters; each block
  tasks                all, with what sleepers wait in          events             the last that happened, oldest first
  machine WHERE        connects to QEMU's gdb server there, and to the harts that can run the firmware
  memory FILE [BASE]   looks at a dump of RAM that begins at BASE (0x80000000): raw, or from QEMU's dump-guest-memory

platform/run DEBUG=1 loads this. For a dump: gdb-multiarch -nx build/vellum.elf -x platform/vellum_gdb.py -ex 'memory FILE'
A TASK is the number of a process or thread. Nothing is changed; every list is walked with a bound, since it may be broken.
"""

import os
import struct
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import memory_core  # noqa: E402  pylint: disable=wrong-import-position
from gdb_read import (LIST_MOST, TABLE_ENTRIES, Supervisor, at, names_of, ring, rows, symbols, text, variable,  # noqa: E402
                      words_at)
from symbols import calls  # noqa: E402  pylint: disable=wrong-import-position

RAM_BASE = 0x80000000

PAGE_SHIFT, PAGE, TABLE_SHIFT = 12, 4096, 9                         # mm/mm.h, mm/vm/vm.h
ENTRY_V, ENTRY_U, ENTRY_D, ENTRY_COW = 0x001, 0x010, 0x080, 0x100   # mm/vm/vm.h
ENTRY_PPN_SHIFT, ENTRY_PPN_BITS = 10, 44
ENTRY_RWX = 0xe
MAP_LETTERS = ((1, 'r'), (2, 'w'), (4, 'x'))                        # MAP_READ ... of mm/mm.h
MAP_WRITE = 2
REGION_SHARED = 1
SLOT_WHERE_SHIFT = 14                                               # mm/store/state.h
USER_END = 1 << 38                                                  # firmware/layout.h
STACKS, STACK_SLOT = 0xffffffffa0000000, 0x4000
MISA_SUPERVISOR = 1 << 18                                           # "Machine ISA Register": bit S


# ---- Memory ----

class Memory:
    """mm/vm's state: frames by number, entries of a tree, slots."""

    def __init__(self):
        self.mm = variable('mm', 'struct mm')
        self.count = int(self.mm['count'])
        if not self.count:
            raise gdb.GdbError('the firmware has no frames yet')
        self.first_page = int(self.mm['pool_ppn'])
        self.view = int(self.mm['view'])
        self.zero = int(self.mm['zero'])
        names = ('owner', 'page', 'slot', 'maps', 'kind', 'bits')
        self.frames = list(rows(self.mm['frames'], 'struct frame', self.count, names))
        self.kinds = names_of('enum frame_kind', 'FRAME_')
        self.dirty = int(gdb.parse_and_eval('(int)FRAME_DIRTY'))
        self.slot_states = names_of('enum slot_place', 'PLACE_')
        self.slot_pages = {}

    def frame_of(self, entry):
        return (entry >> ENTRY_PPN_SHIFT & (1 << ENTRY_PPN_BITS) - 1) - self.first_page

    def node(self, entry):
        """The 512 entries behind a pointer; nothing behind one that leads out of the pool."""
        number = self.frame_of(entry)
        return words_at(self.view + number * PAGE) if 0 <= number < self.count else ()

    def slot_state(self, slot):
        """`tail` or `flash`, as slot_where() says it, or what is wrong."""
        store = self.mm['store']
        table = gdb.lookup_type('struct slot_entry')
        page, index = divmod(slot, PAGE // table.sizeof)
        if not int(store) or page >= int(store['slot_pages']):
            return 'no such slot'
        if page not in self.slot_pages:
            self.slot_pages[page] = list(rows(store['slots'][page], 'struct slot_entry', PAGE // table.sizeof, ('units',)))
        place = self.slot_pages[page][index][0] >> SLOT_WHERE_SHIFT
        state = self.slot_states[place]
        return 'flash' if state == 'lost' else state

    def leaves(self, entry, level, start=0):
        """(page, entry) of a space's tree, of three levels whatever its entries say."""
        for index, below in enumerate(self.node(entry)):
            page = start << TABLE_SHIFT | index
            if below and level == 0:
                yield page, below
            elif below & ENTRY_V and page >> TABLE_SHIFT * (2 - level) < TABLE_ENTRIES // 2:
                yield from self.leaves(below, level - 1, page)

    def count_page(self, entry, counts):
        if not entry & ENTRY_U:
            state = self.slot_state(entry >> ENTRY_PPN_SHIFT)
            counts[state] = counts.get(state, 0) + 1
            return
        number = self.frame_of(entry)
        if number == self.zero or not 0 <= number < self.count:
            return
        _, _, slot, _, kind, bits = self.frames[number]
        counts['resident'] += 1
        counts['dirty'] += bool(entry & ENTRY_D or (bits & self.dirty if self.kinds[kind] == 'object' else not slot))


def regions(space):
    region = space['first']
    for _ in range(LIST_MOST):
        if not int(region):
            return
        yield region.dereference()
        region = region['next']


def show_region(region, counts):
    protection, thing = int(region['protection']), region['object']
    letters = ''.join(letter if protection & bit else '-' for bit, letter in MAP_LETTERS)
    letters += 's' if int(region['flags']) & REGION_SHARED else 'p'
    words = [text(region['name'])] if int(region['name']) else [] if int(thing) else ['anonymous']
    if int(thing) and int(thing['node']):
        words.append(f'file {int(thing["node"])} +0x{int(region["offset"]) << PAGE_SHIFT:x}')
    print(f'{int(region["start"]) << PAGE_SHIFT:010x}-{int(region["end"]) << PAGE_SHIFT:010x} {letters} {counts["resident"]:6} '
          f'{counts["dirty"]:6} {counts["tail"]:6} {counts["flash"]:6}  {" ".join(words)}')


def show_vm(number):
    memory, space = Memory(), space_of(number)
    here = list(regions(space))
    counted = [{'resident': 0, 'dirty': 0, 'tail': 0, 'flash': 0} for _ in here]
    bounds = [(int(region['start']), int(region['end'])) for region in here]
    at_region = 0
    for page, entry in memory.leaves(int(space['tree']['root']), 2):
        while at_region < len(here) and page >= bounds[at_region][1]:
            at_region += 1
        if at_region == len(here) or page < bounds[at_region][0]:
            print(f'{page << PAGE_SHIFT:010x} has an entry, {entry:016x}, and no region')
            continue
        memory.count_page(entry, counted[at_region])
    print('address               access in RAM  dirty   tail  flash  (pages)')
    for region, counts in zip(here, counted):
        show_region(region, counts)


# ---- The walk ----

def show_entry(level, index, entry, writable):
    line = f'level {level} entry {index:3}: {entry:016x} '
    if entry & ENTRY_V:
        bits = ''.join(letter if entry >> bit & 1 else '-' for bit, letter in enumerate('vrwxugad'))
        kind = 'page' if entry & ENTRY_RWX else 'table'
        shared = '' if not entry & ENTRY_COW else ', copied at the first store' if writable else ', shared'
        address = (entry >> ENTRY_PPN_SHIFT & (1 << ENTRY_PPN_BITS) - 1) << PAGE_SHIFT
        print(f'{line}{bits} {kind} at 0x{address:x}{shared}')
    else:
        print(line + (f'slot {entry >> ENTRY_PPN_SHIFT}' if entry else 'nothing'))


def leaf_state(memory, entry):
    """What an entry of a page that is not 0 says: of a space, or of an object (which has V where a space has U)."""
    if not entry & (ENTRY_U | ENTRY_V):
        slot = entry >> ENTRY_PPN_SHIFT
        state = memory.slot_state(slot)
        return f'{ {"tail": "in the tail", "flash": "on flash"}.get(state, state)}, slot {slot}'
    number = memory.frame_of(entry)
    if number == memory.zero:
        return 'the page of zeros'
    if not 0 <= number < memory.count:
        return 'in no frame of the pool'
    _, _, slot, maps, _, _ = memory.frames[number]
    where = f'in a frame, frame at 0x{memory.first_page + number << PAGE_SHIFT:x}, mapped {maps} times'
    return where + (f', slot {slot}' if slot else '')


def object_entry(memory, region, page):
    """The entry of a page that the space has not touched, in the region's object; 0: none."""
    tree = region['object']['tree']
    index = int(region['offset']) + page - int(region['start'])
    if index >= int(region['object']['bytes']) + PAGE - 1 >> PAGE_SHIFT:
        return 0
    entry = int(tree['root'])
    for level in reversed(range(min(int(tree['levels']), 3))):
        node = memory.node(entry) if entry & ENTRY_V else ()
        entry = node[index >> TABLE_SHIFT * level & TABLE_ENTRIES - 1] if node else 0
    return entry


def show_walk(number, address):
    memory, space = Memory(), space_of(number)
    page = address >> PAGE_SHIFT
    region = next((r for r in regions(space) if int(r['start']) <= page < int(r['end'])), None)
    entry, level = int(space['tree']['root']), 2
    while address < USER_END and level >= 0 and entry & ENTRY_V and memory.node(entry):
        index = page >> TABLE_SHIFT * level & TABLE_ENTRIES - 1
        entry = memory.node(entry)[index]
        show_entry(level, index, entry, region is not None and int(region['protection']) & MAP_WRITE)
        level -= 1
    if level >= 0:
        entry = 0
    if not entry and region is not None and int(region['object']):
        entry = object_entry(memory, region, page)
    print(leaf_state(memory, entry) if entry else 'not mapped' if region is None else 'never touched')


# ---- Frames ----

def show_frames():
    memory = Memory()
    counts = [0] * len(memory.kinds)
    for frame in memory.frames:
        counts[min(frame[4], len(counts) - 1)] += 1
    named = [(kind, name) for kind, name in memory.kinds.items() if name != 'kinds']
    print(f'frames {memory.count}: ' + ', '.join(f'{counts[kind]} {name}' for kind, name in named))
    for kind, name in named:
        if counts[kind] != int(memory.mm['kinds'][kind]):
            print(f'mm.kinds says {int(memory.mm["kinds"][kind])} {name}')


def show_frame(number):
    memory = Memory()
    if number >= memory.first_page << PAGE_SHIFT:
        number = (number >> PAGE_SHIFT) - memory.first_page
    if not 0 <= number < memory.count:
        raise gdb.GdbError(f'frames are 0 to {memory.count - 1}, or their physical addresses')
    owner, page, slot, maps, kind, bits = memory.frames[number]
    print(f'frame {number} at 0x{memory.first_page + number << PAGE_SHIFT:x}: {memory.kinds.get(kind, kind)} page=0x{page:x} '
          f'slot={slot} maps={maps} bits=0x{bits:02x} owner=0x{memory.view + 8 * owner if owner else 0:x}')


# ---- Tasks ----

def stack_top(task):
    return STACKS + (int(task['stack_slot']) + 1) * STACK_SLOT


def all_tasks(memory):
    """Every item of a pool that is a task by what it says of its own stack: no list need be whole to find it."""
    size, frame_bytes = gdb.lookup_type('struct task').sizeof, gdb.lookup_type('struct trap_frame').sizeof
    kind = int(gdb.parse_and_eval('(int)FRAME_FIRMWARE'))
    use = int(gdb.parse_and_eval('(int)FOR_POOL'))
    dead = int(gdb.parse_and_eval('(int)TASK_DEAD'))
    yield variable('idle_task', 'struct task')
    for number, frame in enumerate(memory.frames):
        if frame[4] != kind or frame[5] != use:
            continue
        start = memory.view + number * PAGE
        for index, row in enumerate(rows(start, 'struct task', PAGE // size, ('frame', 'stack_slot', 'state'))):
            if row[0] + frame_bytes == STACKS + (row[1] + 1) * STACK_SLOT and row[2] < dead:
                yield at(start + index * size, 'struct task')


def space_of(number):
    for task in all_tasks(Memory()):
        process = task['process']
        if int(process) and number in (int(task['id']), int(process['id'])) and int(task['space']):
            return task['space'].dereference()
    raise gdb.GdbError(f'no task {number} with a space')


def sleeper_calls(task):
    """The calls on the stack of a task that does not run: what task_switch_stacks() left and what lies above it."""
    low, top = int(task['stack_pointer']), stack_top(task)
    if not top - STACK_SLOT // 2 <= low < top:
        return []
    start, end = symbols.address('image_start'), symbols.address('text_end')
    words = [word for word in words_at(low, (top - low) // 8) if start <= word < end]
    return calls(symbols.path, words[:1] + words)


def show_tasks():
    memory = Memory()
    states, running = names_of('enum task_state', 'TASK_'), int(variable('boot_hart', 'struct hart')['current'])
    print('  task process state    name')
    for task in all_tasks(memory):
        process, state = task['process'], states[int(task['state'])]
        state = state if state != 'running' or int(task.address) == running else 'waits'  # the idle task is in no queue
        print(f'{int(task["id"]):6} {int(process["id"]) if int(process) else 0:7} {state:8} {text(task["name"])}'
              + (f', user pc 0x{int(task["frame"]["pc"]):x}' if int(process) else ''))
        for call in sleeper_calls(task) if state in ('blocked', 'waits') else ():
            print(f'                         in {call}')
    zombie = int(gdb.parse_and_eval('(int)PROCESS_ZOMBIE'))
    for process in ring(variable('processes', 'struct list'), 'struct process', 'all'):
        if int(process['state']) == zombie:
            print(f'     - {int(process["id"]):7} zombie   {text(process["name"])}')


# ---- The store ----

def the_store():
    store = variable('mm', 'struct mm')['store']
    if not int(store):
        raise gdb.GdbError('there is no store')
    return store


def blocks(store):
    """(number, erases, sequence, live, records, used, state, bits) of each."""
    names = ('erases', 'sequence', 'live', 'records', 'used', 'state', 'bits')
    count, per_page = int(store['block_count']), PAGE // gdb.lookup_type('struct block').sizeof
    for first in range(0, count, per_page):
        page = rows(store['blocks'][first // per_page], 'struct block', min(per_page, count - first), names)
        for number, row in enumerate(page, first):
            yield (number, *row)


def show_blocks():
    states, streams = names_of('enum block_state', 'BLOCK_'), names_of('enum block_stream', 'STREAM_')
    print('block state  stream    sequence records   live   used erases  (records, records, units)')
    for number, erases, sequence, live, records, used, state, bits in blocks(the_store()):
        print(f'{number:5} {states.get(state, state):7}{streams[bits & 3] if sequence else "-":8} {sequence:9} {records:7} '
              f'{live:6} {used:6} {erases:6}')


def show_log():
    store = the_store()
    tail, statistics = store['tail'], store['statistics']
    print(f'tail      {int(tail["records"])} records, {int(tail["bytes"]) >> 10} of {int(tail["pages"]) * 4} KiB; '
          f'at most {int(tail["pages_max"]) * 4} KiB, written back above {int(tail["high"]) * 4}')
    print(f'          oldest frame {int(tail["oldest"])}, end {int(tail["end"]["frame"])}+{int(tail["end"]["offset"])}, '
          f'written back to {int(tail["scan"]["frame"])}+{int(tail["scan"]["offset"])}')
    print(f'slots     {int(store["slots_used"])} in use, {int(store["slot_pages"])} pages')
    states, counts = names_of('enum block_state', 'BLOCK_'), {}
    for block in blocks(store):
        counts[states.get(block[6], block[6])] = counts.get(states.get(block[6], block[6]), 0) + 1
    print(f'blocks    {int(store["block_count"])}: ' + ', '.join(f'{n} {name}' for name, n in sorted(counts.items())))
    for number, name in names_of('enum block_stream', 'STREAM_').items():
        stream = store['streams'][number] if name != 'count' else None
        if stream is not None and int(stream['block']) < int(store['block_count']):
            print(f'stream    {name}: block {int(stream["block"])}, end {int(stream["end"])}, '
                  f'programmed {int(stream["programmed"])}')
    print(f'commit    {store["transaction"]["state"]}, records count up to {int(store["counts"])}')
    print('counters  ' + ' '.join(f'{field.name}={int(statistics[field.name])}' for field in statistics.type.fields()
                                  if int(statistics[field.name])))


# ---- Events ----

def show_events():
    events, kinds = variable('event_ring', 'struct event_ring'), names_of('enum event_kind', 'EVENT_')
    size = events['of'].type.range()[1] + 1
    for number in range(max(0, int(events['next']) - size), int(events['next'])):
        event = events['of'][number % size]
        print(f'{number:8} task={int(event["task"])} {kinds.get(int(event["kind"]), "?")} {int(event["code"])} '
              f'0x{int(event["value"]):x}')


# ---- A dump ----

def look_at_dump(path, base):
    path = os.path.expanduser(path)
    core, firmware = path + '.core', gdb.current_progspace().filename
    if not firmware:
        raise gdb.GdbError('which firmware? `file build/vellum.elf` first')
    try:
        image = memory_core.make_core(path, base, firmware, symbols.address('tables'), core)
    except (OSError, ValueError, struct.error, memory_core.DumpError) as error:
        raise gdb.GdbError(f'{path}: {error}') from error
    gdb.execute(f'core-file {core}')
    print(f'the firmware lies at 0x{image:x}; what it maps is in {core}')


# ---- The commands ----

def value(word):
    return int(gdb.parse_and_eval(word))


COMMANDS = {
    'vm': (show_vm, (value,), 1),
    'pte': (show_walk, (value, value), 2),
    'frames': (lambda *one: show_frame(*one) if one else show_frames(), (value,), 0),
    'tasks': (show_tasks, (), 0),
    'log': (lambda *words: show_blocks() if words else show_log(), (str,), 0),
    'events': (show_events, (), 0),
}


class Show(gdb.Command):
    """A command that prints and changes nothing."""

    def __init__(self, name):
        self.name = name
        super().__init__(name, gdb.COMMAND_DATA)

    def invoke(self, argument, _from_tty):
        show, kinds, least = COMMANDS[self.name]
        words = gdb.string_to_argv(argument or '')
        if not least <= len(words) <= len(kinds):
            raise gdb.GdbError(f'{self.name} takes {least} to {len(kinds)} words; `help vellum`')
        try:
            with Supervisor():
                show(*(kind(word) for kind, word in zip(kinds, words)))
        except gdb.MemoryError as error:
            raise gdb.GdbError(f'{error}: not up yet, or broken') from error


class LookAtDump(gdb.Command):
    """memory FILE [BASE]"""

    def __init__(self):
        super().__init__('memory', gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, _from_tty):
        words = gdb.string_to_argv(argument)
        if not 1 <= len(words) <= 2:
            raise gdb.GdbError('memory FILE [BASE]')
        look_at_dump(words[0], value(words[1]) if len(words) > 1 else RAM_BASE)


class Machine(gdb.Command):
    """machine WHERE"""

    def __init__(self):
        super().__init__('machine', gdb.COMMAND_RUNNING)

    def invoke(self, argument, _from_tty):
        gdb.execute(f'target extended-remote {argument}')
        if int(gdb.parse_and_eval('$misa')) & MISA_SUPERVISOR:
            return
        # sifive_u: the monitor core is QEMU's process 1, and the others are process 2.
        gdb.execute(f'add-inferior -exec {gdb.current_progspace().filename}')
        gdb.execute(f'inferior {gdb.inferiors()[-1].num}')
        gdb.execute('attach 2')
        gdb.execute('set schedule-multiple on')


class Help(gdb.Command):
    __doc__ = __doc__

    def __init__(self):
        super().__init__('vellum', gdb.COMMAND_DATA)

    def invoke(self, _argument, _from_tty):
        print(__doc__)


for each in COMMANDS:
    Show(each)
LookAtDump()
Machine()
Help()
gdb.execute('set pagination off')
gdb.execute('set print symbol off')
