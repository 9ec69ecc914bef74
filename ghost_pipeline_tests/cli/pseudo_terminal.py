"""Run a Python program on a pseudo-terminal of some width."""

import fcntl
import os
import pty
import re
import struct
import termios

from ghost_pipeline_tests.processes import Program

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def raw_output(width: int, *arguments: str, **variables: str) -> str:
    """Return what ``python`` with the arguments sends to a terminal of ``width`` columns, escape sequences included."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    ignored = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    environment = {key: value for key, value in os.environ.items() if key not in ignored} | {"TERM": "xterm"}
    program = Program(arguments, environment={**environment, **variables}, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    output = read_all(ours)
    assert program.wait() == 0, output
    return output.replace("\r\n", "\n")


def read_all(terminal: int) -> str:
    """Return what is written to the other end of a pseudo-terminal until that is closed, and close this end."""
    written = b""
    try:
        while chunk := os.read(terminal, 65536):
            written += chunk
    except OSError:  # Linux reports the end of a terminal so
        pass
    os.close(terminal)
    return written.decode()


def shown_output(width: int, *arguments: str) -> str:
    """Return what a terminal of ``width`` columns shows."""
    return ESCAPES.sub("", raw_output(width, *arguments))
