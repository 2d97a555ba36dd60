"""The flash image that a run uses: a new one that vanishes with the run, or one that is kept."""

import contextlib
import os
import subprocess
import sys
import tempfile

from run_options import BUILD, ROOT, RunError, built

FLASH_BYTES = 32 << 20          # of both boards
NO_FLASH = 'none'


def image_tool(*words):
    """Runs vellum-image, which says itself what is wrong."""
    done = subprocess.run([built('vellum-image'), *words], stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise RunError(f'vellum-image {words[0]} {words[1]} failed')


def job_files():
    """The main job's files, as its generator listed them: one host-path=name a line."""
    generator = os.path.join(ROOT, 'tests', 'programs', 'job', 'generate.py')
    if subprocess.run([sys.executable, generator], stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise RunError('the main job could not be made')
    with open(os.path.join(BUILD, 'job', 'files'), encoding='utf-8') as listing:
        return listing.read().split('\n')[:-1]


def fill(path, options):
    files = [os.path.expanduser(word) for word in options.files]
    if not options.command:
        files = job_files() + files
    if files:
        image_tool(path, 'put', '--board', options.board, *files)


def check_size(path):
    size = os.path.getsize(path)
    if size != FLASH_BYTES:
        raise RunError(f'{path}: {size} bytes; the flash of both boards has {FLASH_BYTES}')


@contextlib.contextmanager
def kept_image(options):
    new = not os.path.exists(options.flash)
    if new:
        image_tool(options.flash, 'create', '--board', options.board)
    check_size(options.flash)
    # Without a command a kept image is booted as it is: it may hold a job, or something that must not be touched.
    if options.files or new:
        fill(options.flash, options)
    yield os.path.abspath(options.flash)


@contextlib.contextmanager
def temporary_image(options):
    """Has no name any more when the emulator starts, so that nothing remains of it however the run ends."""
    with tempfile.TemporaryDirectory(prefix='vellum-') as folder:
        path = os.path.join(folder, 'flash')
        image_tool(path, 'create', '--board', options.board)
        fill(path, options)
        descriptor = os.open(path, os.O_RDWR)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def flash_image(options):
    """Gives None, the path of the image, or the descriptor of one without a name."""
    if options.flash is None:
        return temporary_image(options)
    if options.flash == NO_FLASH:
        if options.files:
            raise RunError('FLASH=none: FILES have nothing to lie on; leave FLASH out for an image that is thrown away')
        return contextlib.nullcontext(None)
    return kept_image(options)
