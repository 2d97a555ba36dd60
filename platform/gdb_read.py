"""How gdb reads the firmware: structures by their debug data, many at once; symbols; live harts that are in another mode."""

import struct
import subprocess

import gdb

NM = 'riscv64-unknown-elf-nm'
LIST_MOST = 4096                # more would be a ring that does not close
TABLE_ENTRIES = 512             # mm/vm/vm.h
PRIVILEGE_SUPERVISOR = 1        # privileged specification 1.12, "Privilege Levels"


class Symbols:
    """Addresses by name: optimised over the whole program, the firmware has variables whose place the debug data lacks."""

    def __init__(self):
        self.path = None
        self.addresses = {}

    def address(self, name):
        path = gdb.current_progspace().filename
        if path != self.path:
            said = subprocess.run([NM, path], capture_output=True, text=True, check=True).stdout
            self.addresses = {words[2]: int(words[0], 16) for words in map(str.split, said.splitlines()) if len(words) == 3}
            self.path = path
        if name not in self.addresses:
            raise gdb.GdbError(f'{path} has no {name}')
        return self.addresses[name]


symbols = Symbols()


def at(address, name):
    """What lies there, as one of `name`."""
    return gdb.Value(int(address)).cast(gdb.lookup_type(name).pointer()).dereference()


def variable(name, kind):
    return at(symbols.address(name), kind)


def read(address, count):
    return bytes(gdb.selected_inferior().read_memory(int(address), count))


def rows(address, kind, count, names):
    """The fields `names` of `count` structures that lie in a row, read at once."""
    structure = gdb.lookup_type(kind)
    fields = [(structure[name].bitpos // 8, {1: 'B', 2: 'H', 4: 'I', 8: 'Q'}[structure[name].type.sizeof]) for name in names]
    data = read(address, structure.sizeof * count)
    for start in range(0, len(data), structure.sizeof):
        yield tuple(struct.unpack_from('<' + letter, data, start + offset)[0] for offset, letter in fields)


def words_at(address, count=TABLE_ENTRIES):
    return struct.unpack(f'<{count}Q', read(address, 8 * count))


def names_of(enum, prefix):
    """The names of an enum's values, small and without their prefix."""
    return {field.enumval: field.name[len(prefix):].lower().replace('_', ' ') for field in gdb.lookup_type(enum).fields()}


def text(array):
    return array.string(errors='replace') if array.type.code == gdb.TYPE_CODE_ARRAY else array.string()


def ring(head, kind, member):
    """The structures of a ring of firmware/list.h."""
    offset = gdb.lookup_type(kind)[member].bitpos // 8
    link = head['next']
    for _ in range(LIST_MOST):
        if int(link) == int(head.address):
            return
        yield at(int(link) - offset, kind)
        link = link['next']
    print('... this list does not end')


class Supervisor:
    """While a live hart is in user or machine mode, QEMU shows gdb what that mode sees: look as the firmware would."""

    def __enter__(self):
        try:
            self.before = int(gdb.parse_and_eval('(int)$priv'))
        except gdb.error:
            self.before = None  # a dump has no registers
        else:
            gdb.execute(f'set $priv = {PRIVILEGE_SUPERVISOR}')
        return self

    def __exit__(self, *_):
        if self.before is not None:
            gdb.execute(f'set $priv = {self.before}')
