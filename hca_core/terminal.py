"""What a person who logs in is told and asked: on stderr, where messages go; stdout is for results."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hca_core.oauth.flows import Talk


def talk() -> Talk:
    """Return what tells and asks the person at the terminal."""
    from hca_core.oauth.flows import Talk

    return Talk(_say, _ask)


def quiet() -> Talk:
    """Return what tells programs, in their log, and asks nobody."""
    from hca_core import log
    from hca_core.oauth.flows import Talk

    def ask(text: str) -> str:
        raise EOFError(text)

    return Talk(log.logger().info, ask)


def drop_typed() -> None:
    """Drop what was typed or pasted and not read: it would go to the shell, and somebody else may have written it."""
    try:
        if sys.stdin.isatty():
            import termios

            termios.tcflush(sys.stdin, termios.TCIFLUSH)
    except (ImportError, OSError, ValueError):
        pass  # no terminal as POSIX knows it


def _say(text: str) -> None:
    prefix = "" if text.startswith("http") else "hca: "  # an address stands alone, to be copied
    sys.stderr.write(f"{prefix}{text}\n")
    sys.stderr.flush()


def _ask(text: str) -> str:
    sys.stderr.write(text)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.strip()
