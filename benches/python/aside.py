"""What a server has beside it, on OS threads of Python's: its end, and perhaps somebody who is busy.

Imported, and started, before anything is patched.
"""

import _thread
import argparse
import os


def spin():
    number = 0
    while True:
        number += 1


def leave_with_stdin():
    while os.read(0, 4096):
        pass
    os._exit(0)


def start(*choices):
    """Reads the command line: `--busy`, and one of several words, which is returned, if there are any."""
    parser = argparse.ArgumentParser()
    if choices:
        parser.add_argument("library", choices=choices)
    parser.add_argument("--busy", action="store_true", help="one busy OS thread beside the server")
    options = parser.parse_args()
    _thread.start_new_thread(leave_with_stdin, ())
    if options.busy:
        _thread.start_new_thread(spin, ())
    return getattr(options, "library", None)
