"""`hca` in this process: a command line goes in, its exit status, stdout and stderr come out."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core.testing.isolation import environment, fresh

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Outcome:
    """How a run of `hca` ended and what it wrote."""

    exit_status: int
    stdout_bytes: bytes
    stderr: str
    encoding: str = "utf-8"

    @property
    def stdout(self) -> str:
        """Standard output as text."""
        return self.stdout_bytes.decode(self.encoding)

    def json(self) -> Any:
        """Return standard output decoded from JSON."""
        return json.loads(self.stdout_bytes)


def run_hca(
    *words: str,
    env: Mapping[str, str | None] | None = None,
    input: str | bytes = b"",
    encoding: str = "utf-8",
    terminal: bool = False,
) -> Outcome:
    """Run the command line `hca` + `words` in this process and return how it ended.

    Parameters: `env` is added to the environment while it runs (None takes a variable out), `input` is its standard
    input, `encoding` that of its standard output, `terminal` makes it believe that it writes to one.
    """
    from hca_core.main import run

    out, err = io.BytesIO(), io.BytesIO()
    streams = (
        _Stream(io.BytesIO(input.encode() if isinstance(input, str) else input), "utf-8", terminal=terminal),
        _Stream(out, encoding, terminal=terminal),
        _Stream(err, "utf-8", "backslashreplace", terminal=terminal),
    )
    saved = sys.stdin, sys.stdout, sys.stderr
    fresh()
    with environment(env or {}):
        sys.stdin, sys.stdout, sys.stderr = streams
        try:
            status = run(words)
            for stream in streams[1:]:
                stream.flush()
        finally:
            sys.stdin, sys.stdout, sys.stderr = saved
            fresh()
    return Outcome(int(status), out.getvalue(), err.getvalue().decode(), encoding)


class _Stream(io.TextIOWrapper):
    def __init__(self, raw: io.BytesIO, encoding: str, errors: str = "strict", *, terminal: bool) -> None:
        super().__init__(raw, encoding=encoding, errors=errors, newline="")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal
