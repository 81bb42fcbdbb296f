"""What a URL says of where it leads."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

# Characters that no reader of URLs skips or takes for others, up to where path, query or fragment begins (RFC 3986 §3).
_BEGINNING = re.compile(r"https?://[A-Za-z0-9.:@\[\]_-]+(?=[/?#]|\Z)")


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of `url`: what a token belongs to (RFC 6454). Raises ValueError for none."""
    beginning = _BEGINNING.match(url)
    return _origin(beginning[0] if beginning else url)


@lru_cache(maxsize=64)  # a download has many URLs of few hosts
def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def is_loopback(url: str) -> bool:
    """Tell whether the host of `url` is this machine."""
    import ipaddress

    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
