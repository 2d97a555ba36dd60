"""Where things lie on the media that the HiFive boards boot from.

    SD card                                 SPI flash (32 MiB, IS25WP256)
    sector      0  GPT                      0x0000000  GPT
               34  U-Boot SPL               0x0005000  U-Boot SPL
             2082  FIT: OpenSBI, Vellum,    0x0105000  FIT: OpenSBI, Vellum, device tree
                   device tree, files       0x0505000  U-Boot's environment
              end  backup GPT               0x0530000  Vellum's partition
                                            0x1ffbe00  backup GPT

Sources: doc/board/sifive/unleashed.rst and unmatched.rst of U-Boot (the sgdisk commands there); the SPL's places are
CONFIG_SYS_MMCSD_RAW_MODE_U_BOOT_SECTOR and CONFIG_SYS_SPI_U_BOOT_OFFS of its configuration. With FIRST=fsbl the board's
own first stage (freedom-u540-c000-bootloader, fsbl/main.c) copies the payload partition of the SD card to the start of RAM
and jumps there.
"""

from dataclasses import dataclass

from board_gpt import (SECTOR, TABLE_SECTORS, TYPE_ENVIRONMENT, TYPE_FIRST_STAGE, TYPE_PAYLOAD, TYPE_VELLUM, Partition,
                       Table)

MIB = 1 << 20
FLASH_BYTES = 32 * MIB
VELLUM_START, VELLUM_END = 0x530000, 0x1ff0000

OPENSBI_ADDRESS = 0x80000000
FIRMWARE_ADDRESS = 0x80200000
# Above all that SPL and OpenSBI use, and below what the smallest board has.
FILES_ADDRESS = 0x84000000


@dataclass(frozen=True)
class Board:
    name: str
    u_boot: str                     # its folder in the package u-boot-sifive
    compatible: str
    has_fsbl: bool                  # delivered with a first stage that is not U-Boot's


BOARDS = {board.name: board for board in (
    Board('hifive-unleashed', 'sifive_unleashed', 'sifive,hifive-unleashed-a00', True),
    Board('hifive-unmatched', 'sifive_unmatched', 'sifive,hifive-unmatched-a00', False),
)}


def spi_table(board):
    return Table(f'{board.name} spi', [
        Partition('spl', TYPE_FIRST_STAGE, 40, 2087),
        Partition('payload', TYPE_PAYLOAD, 2088, 10279),
        Partition('environment', TYPE_ENVIRONMENT, 10280, 10535),
        Partition('vellum', TYPE_VELLUM, VELLUM_START // SECTOR, VELLUM_END // SECTOR - 1),
    ])


def sd_table(board, payload_bytes):
    """The payload's partition ends on a whole MiB behind the least that U-Boot gives it."""
    end = max(6 * MIB, -(-(2082 * SECTOR + payload_bytes) // MIB) * MIB)
    return Table(f'{board.name} sd', [
        Partition('spl', TYPE_FIRST_STAGE, 34, 2081),
        Partition('payload', TYPE_PAYLOAD, 2082, end // SECTOR - 1),
    ])


def fsbl_table(board, payload_bytes):
    """No first stage on the card: the board's own is in its SPI flash."""
    end = max(4 * MIB, -(-(2048 * SECTOR + payload_bytes) // MIB) * MIB)
    return Table(f'{board.name} fsbl', [Partition('payload', TYPE_PAYLOAD, 2048, end // SECTOR - 1)])


def medium_bytes(table):
    """An image that holds the table's partitions and the backup GPT: a power of two, as emulated cards have to be."""
    least = (max(partition.last for partition in table.partitions) + 1) * SECTOR + (TABLE_SECTORS + 1) * SECTOR
    return 1 << (least - 1).bit_length()
