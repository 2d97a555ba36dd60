"""make flash: which devices it refuses, over hosts made of plain files; and writing, verifying and undoing on a file."""

import json
import os
import stat
import subprocess
import sys
from types import SimpleNamespace

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / 'platform'))
from board_gpt import SECTOR, TYPE_PAYLOAD, TYPE_VELLUM, Partition, Table     # noqa: E402
from card_device import CARD_BYTES_MAX, Card, Host, Refused      # noqa: E402

MIB = 1 << 20
GIB = 1 << 30
FLASH_CARD = ROOT / 'platform' / 'flash_card'


class FakeHost(Host):
    """/sys and /proc of a host with the disks that a test adds."""

    def __init__(self, folder):
        super().__init__(str(folder / 'sys'), str(folder / 'proc'))
        self.put(self.proc, 'self/mountinfo', '21 1 0:20 / / rw - overlay overlay rw\n')
        self.put(self.proc, 'swaps', 'Filename Type Size Used Priority\n')

    @staticmethod
    def put(root, name, text):
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'a', encoding='utf-8') as file:
            file.write(text)

    def add(self, name, number, size=8 * GIB, parent=None, **attributes):
        place = f'devices/{parent}/{name}' if parent else f'devices/{name}'
        for key, value in {'size': size // SECTOR, 'dev': number, 'ro': 0, **attributes}.items():
            self.put(self.sys, f'{place}/{key.replace("__", "/")}', f'{value}\n')
        for index in (f'dev/block/{number}', f'class/block/{name}'):
            path = os.path.join(self.sys, index)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(os.path.join(self.sys, place), path)
        return place

    def mount(self, number, where, source='none'):
        self.put(self.proc, 'self/mountinfo', f'30 21 {number} / {where} rw - ext4 {source} rw\n')

    def check(self, number, image_bytes=8 * MIB):
        major, minor = map(int, number.split(':'))
        status = SimpleNamespace(st_mode=stat.S_IFBLK | 0o660, st_rdev=os.makedev(major, minor))
        card = Card(f'/dev/test-{number}', self, status)
        card.check(image_bytes)
        return card


@pytest.fixture
def host(tmp_path):
    host = FakeHost(tmp_path)
    host.add('sdb', '8:16', removable=1, device__vendor='Reader', device__model='SD')
    host.add('sdb1', '8:17', parent='sdb', partition=1)
    return host


def test_a_card_in_a_reader_is_taken(host):
    assert host.check('8:16').describe() == '/dev/test-8:16: Reader SD, 8.59 GB'


def test_a_card_in_a_slot_is_taken_and_a_soldered_chip_is_not(host):
    host.add('mmcblk0', '179:0', removable=0, device__type='SD')
    host.add('mmcblk1', '179:8', removable=0, device__type='MMC')
    host.check('179:0')
    with pytest.raises(Refused, match='disk of this host'):
        host.check('179:8')


def refused(host, number, why, image_bytes=8 * MIB):
    with pytest.raises(Refused, match=why):
        host.check(number, image_bytes)


def test_a_mounted_card(host):
    host.mount('8:17', '/media/card')
    refused(host, '8:16', 'sdb1 is mounted at /media/card')


def test_a_card_mounted_as_a_whole(host):
    host.mount('8:16', '/mnt')
    refused(host, '8:16', 'sdb is mounted at /mnt')


def test_a_file_system_without_a_device_number_of_its_own(host):
    host.mount('0:44', '/data', '/dev/sdb1')
    refused(host, '8:16', 'sdb1 is mounted at /data')


def test_the_hosts_own_disk(host):
    host.add('sda', '8:0', size=200 * GIB, removable=0)
    host.add('sda1', '8:1', parent='sda', partition=1)
    refused(host, '8:0', 'disk of this host')
    host.mount('8:1', '/')
    refused(host, '8:0', 'sda1 is mounted at /')


def test_the_hosts_own_disk_below_a_volume(host):
    host.add('sda', '8:0', size=200 * GIB, removable=1)
    place = host.add('sda1', '8:1', parent='sda', partition=1)
    host.put(host.sys, f'{place}/holders/dm-0', '')
    refused(host, '8:0', 'sda1 is a part of dm-0')


def test_a_flash_chip(host):
    """The board's own Linux shows its SPI flash as a disk."""
    host.add('mtdblock0', '31:0', size=32 * MIB, removable=0)
    refused(host, '31:0', 'flash chip')


def test_swap(host):
    host.put(host.proc, 'swaps', '/dev/sdb1 partition 1000 0 -2\n')
    refused(host, '8:16', 'swaps to sdb1')


def test_a_partition(host):
    refused(host, '8:17', 'name the whole card')


def test_too_large_too_small_empty_protected(host):
    host.add('sdc', '8:32', size=CARD_BYTES_MAX + GIB, removable=1)
    refused(host, '8:32', 'too large to be a card')
    refused(host, '8:16', 'the image', image_bytes=9 * GIB)
    host.add('sdd', '8:48', size=0, removable=1)
    refused(host, '8:48', 'no card is in it')
    place = host.add('sde', '8:64', removable=1)
    os.unlink(os.path.join(host.sys, place, 'ro'))
    host.put(host.sys, f'{place}/ro', '1\n')
    refused(host, '8:64', 'write-protected')


def test_no_block_device():
    with pytest.raises(Refused, match='no block device'):
        Card('/dev/null')
    with pytest.raises(Refused, match='No such file'):
        Card('/dev/no-such-device')


# ---- Writing ----

@pytest.fixture
def image(tmp_path):
    """A small card image with telling contents."""
    sectors = 4 * MIB // SECTOR
    table = Table('test', [Partition('payload', TYPE_PAYLOAD, 2048, 4095)])
    data = bytearray(os.urandom(4 * MIB))
    data[:len(table.head(sectors))] = table.head(sectors)
    data[-len(table.tail(sectors)):] = table.tail(sectors)
    path = tmp_path / 'image'
    path.write_bytes(data)
    return path


@pytest.fixture
def card(tmp_path):
    path = tmp_path / 'card'
    path.write_bytes(os.urandom(8 * MIB))
    return path


def flash(tmp_path, card, image, stdin='', **keys):
    words = [f'DEV={card}', f'BACKUPS={tmp_path}/backups', *(f'{key}={value}' for key, value in keys.items())]
    if image:
        words += ['BOARD=hifive-unleashed', f'IMAGE={image}']
    done = subprocess.run([FLASH_CARD, *words], input=stdin, capture_output=True, text=True, timeout=60, check=False)
    print(done.stdout, done.stderr)
    return done


def test_written_verified_and_undone(tmp_path, card, image):
    before = card.read_bytes()
    assert flash(tmp_path, card, image, YES=1).returncode == 0
    written, wanted = card.read_bytes(), image.read_bytes()
    assert written[2048 * SECTOR:4096 * SECTOR] == wanted[2048 * SECTOR:4096 * SECTOR]
    # The table was made for the card, not for the image: its backup is at the card's own end.
    assert '\nNo problems found' in subprocess.run(['sgdisk', '-v', card], capture_output=True, text=True,
                                                   check=True).stdout
    backup, = (tmp_path / 'backups').iterdir()
    assert flash(tmp_path, card, None, UNDO=backup, YES=1).returncode == 0
    assert card.read_bytes() == before


def test_dry_run_and_no_answer_write_nothing(tmp_path, card, image):
    before = card.read_bytes()
    done = flash(tmp_path, card, image, DRY_RUN=1)
    assert done.returncode == 0 and 'nothing was written' in done.stdout and str(card) in done.stdout
    done = flash(tmp_path, card, image, stdin=f'{card}\n')
    assert done.returncode == 1 and 'nobody is there to ask' in done.stderr
    assert card.read_bytes() == before
    assert not (tmp_path / 'backups').exists()


def test_undo_checks_what_it_puts_back(tmp_path, card, image):
    assert flash(tmp_path, card, image, YES=1).returncode == 0
    backup, = (tmp_path / 'backups').iterdir()
    written = card.read_bytes()
    piece = (backup / '0').read_bytes()
    (backup / '0').write_bytes(piece[:-1] + bytes([piece[-1] ^ 1]))
    assert flash(tmp_path, card, None, UNDO=backup, YES=1).returncode == 1
    (backup / '0').write_bytes(piece)
    about = json.loads((backup / 'about.json').read_text())
    (backup / 'about.json').write_text(json.dumps({**about, 'bytes': about['bytes'] + 512}))
    done = flash(tmp_path, card, None, UNDO=backup, YES=1)
    assert done.returncode == 1 and 'another card' in done.stderr
    assert card.read_bytes() == written


def test_no_image_or_a_wrong_one(tmp_path, card, image):
    before = card.read_bytes()
    table = Table('test', [Partition('vellum', TYPE_VELLUM, 2048, 4095)])
    for_a_chip = tmp_path / 'for-a-chip'
    for_a_chip.write_bytes(table.head(4 * MIB // SECTOR) + bytes(3 * MIB))
    assert 'for the SPI flash' in flash(tmp_path, card, for_a_chip, YES=1).stderr
    assert 'make image' in flash(tmp_path, card, tmp_path / 'none', YES=1).stderr
    image.write_bytes(os.urandom(MIB))
    assert 'no partition table' in flash(tmp_path, card, image, YES=1).stderr
    assert flash(tmp_path, card, image, YES=1, COLOUR='red').returncode == 1
    assert card.read_bytes() == before
