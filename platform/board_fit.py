"""What the boot stages load: a FIT for U-Boot's SPL, a plain image for a first stage that knows no FIT.

A FIT ("Flattened Image Tree", doc/usage/fit/source_file_format.rst of U-Boot) is a device tree that describes images; their
bytes follow behind it at offsets that count from its end.
"""

from board_fdt import Node, Tree, align
from board_layout import FILES_ADDRESS, FIRMWARE_ADDRESS, OPENSBI_ADDRESS

# The SPL reads whole sectors straight to where an image is to be, so each begins on one.
FIT_ALIGN = 4096
# The SPL puts the device tree right behind the image, and OpenSBI hangs when that is not a multiple of 8.
FIRMWARE_ALIGN = 65536
JUMP_OFFSET = FIRMWARE_ADDRESS - OPENSBI_ADDRESS


def image_of(fit, name):
    """The bytes of an image in a FIT, inside the tree or behind it."""
    tree = Tree.parse(fit)
    node = tree.root.find(f'images/{name}').properties
    if 'data' in node:
        return node['data']
    size = int.from_bytes(node['data-size'], 'big')
    if 'data-position' in node:
        start = int.from_bytes(node['data-position'], 'big')
    else:
        start = align(int.from_bytes(fit[4:8], 'big'), 4) + int.from_bytes(node['data-offset'], 'big')
    return fit[start:start + size]


def board_tree(package_fit, bootargs, files_bytes):
    """The device tree of the board's package with what the firmware is to know."""
    fit = Tree.parse(package_fit)
    configurations = fit.root.find('configurations')
    configuration = configurations.find(configurations.string('default'))
    tree = Tree.parse(image_of(package_fit, configuration.string('fdt')))
    chosen = tree.root.child('chosen')
    if bootargs:
        chosen.set_string('bootargs', bootargs)
    if files_bytes:
        chosen.set_address('linux,initrd-start', FILES_ADDRESS)
        chosen.set_address('linux,initrd-end', FILES_ADDRESS + files_bytes)
    return tree.render()


class Fit:
    def __init__(self, description, time):
        self.root = Node()
        self.root.set_cells('timestamp', time)
        self.root.set_string('description', description)
        self.root.set_cells('#address-cells', 2)
        self.images = self.root.child('images')
        self.data = bytearray()

    def add(self, name, kind, data, load=None, entry=None, system=None):
        node = self.images.child(name)
        node.set_string('description', name)
        node.set_string('type', kind)
        if kind != 'flat_dt':
            node.set_string('arch', 'riscv')
        if system:
            node.set_string('os', system)
        node.set_string('compression', 'none')
        if load is not None:
            node.set_address('load', load)
        if entry is not None:
            node.set_address('entry', entry)
        node.set_cells('data-offset', len(self.data))
        node.set_cells('data-size', len(data))
        self.data += data.ljust(align(len(data), FIT_ALIGN), b'\0')

    def render(self, loadables):
        configurations = self.root.child('configurations')
        configurations.set_string('default', 'conf-1')
        configuration = configurations.child('conf-1')
        configuration.set_string('description', 'vellum')
        configuration.set_string('firmware', 'opensbi')
        configuration.properties['loadables'] = b''.join(name.encode() + b'\0' for name in loadables)
        configuration.set_string('fdt', 'fdt')
        return Tree(self.root).render(FIT_ALIGN) + bytes(self.data)


def padded(firmware):
    return firmware.ljust(align(len(firmware), FIRMWARE_ALIGN), b'\0')


def fit_for_spl(package_fit, firmware, bootargs, time, files=b''):
    fit = Fit('Vellum behind OpenSBI', time)
    fit.add('opensbi', 'firmware', image_of(package_fit, 'opensbi'), OPENSBI_ADDRESS, OPENSBI_ADDRESS, 'opensbi')
    # By the name of this system the SPL knows where OpenSBI is to go on, and gives it the device tree.
    fit.add('vellum', 'standalone', padded(firmware), FIRMWARE_ADDRESS, FIRMWARE_ADDRESS, 'u-boot')
    if files:
        fit.add('files', 'ramdisk', files, FILES_ADDRESS)
    fit.add('fdt', 'flat_dt', board_tree(package_fit, bootargs, len(files)))
    return fit.render(['vellum', 'files'] if files else ['vellum'])


def plain_for_fsbl(jump, firmware):
    """fw_jump goes on at a fixed place behind itself."""
    if len(jump) > JUMP_OFFSET:
        raise ValueError('OpenSBI reaches into the firmware')
    return jump.ljust(JUMP_OFFSET, b'\0') + padded(firmware)
