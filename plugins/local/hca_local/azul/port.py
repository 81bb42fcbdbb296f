"""What answers at the port of the stand-in: loaded with the first request, which most deployments never get."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from hca_local.azul.azul import Azul


class AzulPort:
    """The ASGI application for the port."""

    def __init__(self, azul: Azul) -> None:
        self._azul = azul
        self._application: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._application is None:
            from hca_local.azul import service

            self._application = service.application(self._azul)
        await self._application(scope, receive, send)
