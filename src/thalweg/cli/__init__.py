"""The command line: `thalweg fit|predict|report|show|resume|list`."""

import os
import sys


def main() -> None:
    """Run the command line. Errors are one sentence, never a traceback.

    Exit status: 0 done, 1 a fault of the program's, 2 bad input, 130 interrupted.
    """
    from thalweg.cli.app import app

    try:
        app()
    except BrokenPipeError:
        # whoever read our output has left; nothing more can be said
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
