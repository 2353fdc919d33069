"""Runs a program that must not outlive the one that started it, not even after a kill -9.

    python guard.py PROGRAM ARGUMENT…

Standard input is a pipe whose other end the starter holds and never writes to. This process
becomes the program, so that its process ID is the one that the starter knows. A child stays
behind and reads the pipe: its end means that the starter is gone, and then the program has to
go too. No signal handler or `preexec_fn` is involved, so it works on Linux and macOS alike.
It is run as a file, without the package and the site directory, to start in no time.
"""

import os
import signal
import sys
import time

PATIENCE = 10.0
PAUSE = 0.05


def main(arguments: list[str]) -> None:
    """Become the program, leaving a watcher behind."""
    program = os.getpid()
    if os.fork() == 0:
        _watch(program)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.execv(arguments[0], arguments)  # noqa: S606 - the starter names the program


def _watch(program: int) -> None:
    """Wait for the end of the pipe, then end the program; never return."""
    # Whatever else was inherited, such as a lock, is the program's alone.
    os.closerange(3, 256)
    while os.read(0, 1024):
        pass
    give_up = time.monotonic() + PATIENCE
    try:
        # The program is our parent as long as it lives: its number can't be somebody else's.
        if os.getppid() == program:
            os.kill(program, signal.SIGTERM)
        while os.getppid() == program and time.monotonic() < give_up:
            time.sleep(PAUSE)
        if os.getppid() == program:
            os.kill(program, signal.SIGKILL)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
