"""The terminal: can it show what services send, and does the shell complete commands?"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from hca_core.doctor.values import Check, Look

if TYPE_CHECKING:
    from collections.abc import Iterator

AREA = "terminal"
# Where `hca completion --help` says that a script may go, and the files that may start one.
_COMPLETIONS = {
    "bash": (
        "~/.local/share/bash-completion/completions/hca",
        "/etc/bash_completion.d/hca",
        "/usr/share/bash-completion/completions/hca",
        "~/.bashrc",
        "~/.bash_profile",
        "~/.bash_completion",
    ),
    "zsh": (
        "~/.zshrc",
        "~/.zprofile",
        "/usr/share/zsh/site-functions/_hca",
        "/usr/local/share/zsh/site-functions/_hca",
    ),
    "fish": ("~/.config/fish/completions/hca.fish", "~/.config/fish/config.fish"),
}
_MARKS = ("_HCA_COMPLETE", "hca completion")


def looks() -> list[Look]:
    """Return the looks at the terminal."""
    return [Look(AREA, "encoding", _encoding), Look(AREA, "kind", _kind), Look(AREA, "completion", _completion)]


def _encoding() -> Iterator[Check]:
    told = (sys.__stdout__ or sys.stderr).encoding or "unknown"
    if told.lower().replace("-", "") == "utf8":
        yield Check("encoding", "ok", "UTF-8")
    else:
        text = f"it is {told}: other characters are written as escapes"
        yield Check("encoding", "warning", text, "export LC_ALL=C.UTF-8, or PYTHONUTF8=1")


def _kind() -> Iterator[Check]:
    if not sys.stderr.isatty():
        yield Check("kind", "ok", "messages go to a file or a pipe: there are no colours and no progress bars")
        return
    kind = os.environ.get("TERM", "")
    if kind in ("", "dumb") and os.name != "nt":
        yield Check("kind", "warning", f"TERM is {kind or 'not set'}: progress bars may look odd", "export TERM=xterm")
    else:
        yield Check("kind", "ok", f"a terminal ({kind or 'of this system'})")


def _completion() -> Iterator[Check]:
    shell = os.path.basename(os.environ.get("SHELL", ""))
    if shell not in _COMPLETIONS:
        yield Check("completion", "skipped", f"there is none for the shell {shell!r}" if shell else "SHELL is not set")
        return
    found = next((path for path in map(os.path.expanduser, _COMPLETIONS[shell]) if _completes(path)), None)
    if found is not None:
        yield Check("completion", "ok", f"{shell} completes commands ({found})")
    else:
        text = f"it is not installed for {shell}, as far as can be seen"
        yield Check("completion", "skipped", text, f"hca completion --help tells how ({shell})")


def _completes(path: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            text = stream.read(1 << 20)
    except OSError:
        return False
    return any(mark in text for mark in _MARKS)
