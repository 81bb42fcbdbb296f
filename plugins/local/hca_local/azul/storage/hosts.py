"""The storage is another host than the service, or clients would rightly send their token there."""

from __future__ import annotations

from urllib.parse import urlsplit


def beside(base: str) -> str:
    """Return the address of the storage for a client that knows the service as `base` (http://host:port).

    Both are the same server under the two names of this machine.
    """
    parts = urlsplit(base)
    host = "localhost" if parts.hostname == "127.0.0.1" else "127.0.0.1"
    return f"{parts.scheme}://{host}:{parts.port}"
