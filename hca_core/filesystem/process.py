"""What one process knows of a file system: clients, listings, addresses. Nothing of it goes to another process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hca_core.filesystem.reading import LookUp
from hca_core.filesystem.remembering import Remembered

if TYPE_CHECKING:
    from hca_core.filesystem.system import ServiceFileSystem
    from hca_core.filesystem.values import Container

_CLIENTS = 64
_CONTAINERS = 1024
_LOOK_UPS = 8192


class Process:
    """Clients by the first part of a path, containers by their paths, look-ups by the keys of contents."""

    def __init__(self, system: ServiceFileSystem) -> None:
        self.number = os.getpid()
        self.clients: Remembered[str, Any] = Remembered(system.client, most=_CLIENTS)
        self.containers: Remembered[str, Container] = Remembered(system.container, most=_CONTAINERS)
        self.look_ups: Remembered[tuple[str, ...], LookUp] = Remembered(lambda key: LookUp(), most=_LOOK_UPS)
