"""Run a Python program on a pseudo-terminal of some width."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def raw_output(width: int, *arguments: str, **variables: str) -> str:
    """Return what ``python`` with the arguments sends to a terminal of ``width`` columns, escape sequences included."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    ignored = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    environment = {key: value for key, value in os.environ.items() if key not in ignored} | {"TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=theirs, stdin=theirs, stderr=theirs, env={**environment, **variables}
    )
    os.close(theirs)
    output = b""
    try:
        while chunk := os.read(ours, 4096):
            output += chunk
    except OSError:  # the other end is closed
        pass
    assert process.wait() == 0, output
    os.close(ours)
    return output.decode().replace("\r\n", "\n")


def shown_output(width: int, *arguments: str) -> str:
    """Return what a terminal of ``width`` columns shows."""
    return ESCAPES.sub("", raw_output(width, *arguments))
