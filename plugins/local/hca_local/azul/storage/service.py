"""The ASGI application for signed URLs: `/signed/files/<sha256>/<name>` and `/signed/manifests/<name>`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.azul.storage import answering, objects
from hca_local.azul.storage.signing import PREFIX, StorageSigner
from hca_local.s3.errors import no_such_key

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from hca_local.azul.azul import Azul
    from hca_local.objects.content import Content

FILES = "files"
MANIFESTS = "manifests"


class StorageApplication:
    """Gives the object of a signed URL, with ranges and conditions, to GET and to nothing else."""

    def __init__(self, azul: Azul) -> None:
        self._azul = azul
        self._signer = StorageSigner(azul.signing_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await answering.respond(self._find, ("GET",), self._azul.log, scope, receive, send)

    async def _find(self, scope: Scope) -> Content:
        """Return the object of a URL. Raises S3Error (403, 404)."""
        self._signer.opened(scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1"))
        # What was signed was made by us.
        bucket, key = scope["path"].removeprefix(f"{PREFIX}/").split("/", 1)
        name = key.split("/")[0]
        try:
            if bucket == FILES:
                return objects.opened(self._azul.contents.path(name))
            return objects.opened(self._azul.root / MANIFESTS / name)
        except LookupError:
            raise no_such_key(key) from None
