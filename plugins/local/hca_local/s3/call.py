"""What an operation works with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local.s3 import bodies, xml
from hca_local.s3.errors import access_denied, invalid_argument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive

    from hca_local.s3.authentication import Caller
    from hca_local.s3.request import Request
    from hca_local.s3.store.store import Store
    from hca_local.s3.xml import Element


@dataclass(frozen=True)
class Call:
    """A request whose sender is known, and what is needed to answer it.

    `created` is to be called with bucket and key of an object that the request has written.
    """

    request: Request
    caller: Caller
    receive: Receive
    store: Store
    created: Callable[[str, str], None]

    @property
    def bucket(self) -> str:
        """The bucket of the request."""
        return self.request.bucket

    @property
    def key(self) -> str:
        """The object key of the request."""
        return self.request.key

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the request."""
        return self.request.query

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the request."""
        return self.request.headers

    def require(self, action: str, bucket: str, key: str) -> None:
        """Check that the sender may do `action`. Raises S3Error."""
        if not self.caller.key.allows(action, bucket, key):
            raise access_denied(f"The key {self.caller.key.access_key_id} is not allowed to do {action} there.")

    async def body(self) -> bytes:
        """Return the body, which must be small. Raises S3Error, ClientGoneError."""
        return await bodies.document(bodies.declared(self.request, self.caller), self.receive)

    async def document(self, root: str) -> Element:
        """Return the XML document in the body. Raises S3Error, ClientGoneError."""
        return xml.read(await self.body(), root)

    def number(self, name: str, default: int, highest: int) -> int:
        """Return the parameter `name`, a number between 0 and `highest`; higher ones are lowered. Raises S3Error."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < 11):
            raise invalid_argument(name, text, f"{name} must be a number that is not negative.")
        return min(int(text), highest)


def now() -> int:
    """Return the time as S3 keeps it: whole seconds since 1970."""
    return int(time.time())
