"""The ASGI application for `/mirror/<bucket>/<key>`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hca_local.azul.links import BUCKET
from hca_local.azul.mirror import catalog
from hca_local.azul.storage import answering, objects
from hca_local.s3.errors import access_denied

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from hca_local.azul.azul import Azul
    from hca_local.azul.mirror.catalog import Mirrored
    from hca_local.objects.content import Content

# A file, or what is known about it.
_PATH = re.compile(r"/mirror/([^/]+)/(file|info)/([0-9a-f]{64})\.sha256(\.json)?", re.ASCII)


class MirrorApplication:
    """Gives objects to everybody. Who may not list a bucket is not told which keys are missing: that is 403."""

    def __init__(self, azul: Azul) -> None:
        self._azul = azul
        self._objects: dict[str, Mirrored] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await answering.respond(self._find, ("GET", "HEAD"), self._azul.log, scope, receive, send)

    async def _find(self, scope: Scope) -> Content:
        """Return the object at a path. Raises S3Error (403)."""
        match = _PATH.fullmatch(scope["path"])
        if match is None or match[1] != BUCKET or (match[2] == "info") != bool(match[4]):
            raise access_denied()
        if self._objects is None:
            self._objects = catalog.mirrored(await self._azul.atlas())
        found = self._objects.get(match[3])
        if found is None:
            raise access_denied()
        if match[2] == "info":
            return objects.Document(found.info)
        content = objects.opened(self._azul.contents.path(match[3]))
        return objects.Spoiled(content) if found.spoiled else content
