"""The state of the stand-in: what its routes work with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hca_local.azul.content import Contents

if TYPE_CHECKING:
    from pathlib import Path

    from hca_local.azul.access import Door
    from hca_local.azul.atlas.values import Atlas
    from hca_local.server.log import ServiceLog
    from hca_local.settings import Settings


class Azul:
    """What is served at `url`, for the thread of the event loop.

    `root` is the directory for whatever it keeps; it is made by whoever writes there first. `signing_key` is that of
    addresses that the deployment signs.
    """

    def __init__(
        self, root: Path, settings: Settings, door: Door, log: ServiceLog, url: str, signing_key: bytes
    ) -> None:
        self.root = root
        self.settings = settings
        self.door = door
        self.log = log
        self.url = url
        self.signing_key = signing_key
        self.contents = Contents(root / "content")
        self._atlas: asyncio.Task[Atlas] | None = None

    @property
    def is_old(self) -> bool:
        """Whether it behaves as the service did in October 2024, and not as in 2026 (contract §0.1, §19)."""
        return self.settings.azul_mode == "old"

    async def atlas(self) -> Atlas:
        """Return the atlas, made at the first call, as most deployments are never asked for it. Raises OSError."""
        if self._atlas is None or (self._atlas.done() and self._atlas.exception()):
            self._atlas = asyncio.create_task(asyncio.to_thread(self._build))
        return await asyncio.shield(self._atlas)  # one caller who leaves must not take it from the others

    def _build(self) -> Atlas:
        from hca_local.azul.atlas import catalogs

        return catalogs.build(self.contents)
