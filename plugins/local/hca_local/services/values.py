"""What a process is told to run, and where a service has its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hca_core.errors import one_line

if TYPE_CHECKING:
    from hca_core.errors import HCAError

# Answered for every service, whatever its application does: `hca local status` asks. RFC 8615 has such paths.
HEALTH_PATH = "/.well-known/hca-local"


@dataclass(frozen=True)
class ServiceOrder:
    """Run the service `name` of a plugin for the deployment that serves `data` at `url`.

    `port` is the one to take if it is free, 0 for any. `temporary` tells that the data are thrown away in the end.
    """

    name: str
    data: str
    url: str
    port: int
    temporary: bool


@dataclass(frozen=True)
class ServiceDirectory:
    """The files of one service: `data` is for the plugin alone, `lock` is held by the process that runs it."""

    root: Path

    @property
    def data(self) -> Path:
        """The directory of the plugin."""
        return self.root / "data"

    @property
    def lock(self) -> Path:
        """The lock of the process: one that a kill has left must have ended before the next one begins."""
        return self.root / "lock"


def in_one_line(error: HCAError) -> str:
    """Return message and hint of `error` as one line, for state and log; a short one: a plugin may say anything."""
    return "; next: ".join(one_line(part) for part in (error.message, error.hint) if part)
