"""The log of the services: one line per request, without the secrets in it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from hca_core import versions

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 10 * 1024 * 1024
_SECRETS = re.compile(
    r"((?:^|&)(?:(?:X-(?:Amz|Goog)-)?Signature|X-Amz-Security-Token|"
    r"(?:\w+_)?(?:token|code|secret|password)|state|nonce|code_challenge)=)[^&]*",
    re.IGNORECASE,
)
# Name and password of a URL in a value: what stands before the last @ of its first part. Every sign may be encoded,
# more than once; and in a value that is to be a URL, whatever stands before an @ may be a password with odd signs.
_AT = r"(?:@|%(?:25)*40)"
_IN_URLS = re.compile(
    rf"((?::|%(?:25)*3A)(?:/|%(?:25)*2F){{2}})(?:(?!%(?:25)*2F)[^/&?#])*{_AT}",
    re.IGNORECASE,
)
_BEFORE_HOSTS = re.compile(rf"((?:^|&)[^=&]*url=)[^&]*{_AT}", re.IGNORECASE)


class ServiceLog:
    """An open log file. A line is one unbuffered append: cheap, and there for whoever looks, also after a kill."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def line(self, text: str) -> None:
        """Append one line with the time before it."""
        os.write(self._descriptor, f"{versions.now()} {text}\n".encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class NamedLog(ServiceLog):
    """An open log file in which a service of a plugin begins its lines with its `name`."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path)
        self._name = name

    def line(self, text: str) -> None:
        """Append one line with the time and the name before it."""
        super().line(f"{self._name}: {text}")


def rotate(path: Path) -> None:
    """Put a log that has grown large aside as `<name>.1`; call it before a start. Raises OSError."""
    try:
        large = path.stat().st_size > _MOST_BYTES
    except FileNotFoundError:
        return
    if large:
        path.replace(path.with_name(f"{path.name}.1"))


def target(path: bytes, query: bytes) -> str:
    """Return the path and query of a request as they may be logged: signatures and tokens are left out."""
    text = _IN_URLS.sub(r"\1...@", path.decode("latin-1"))
    if not query:
        return text
    shown = _SECRETS.sub(r"\1...", query.decode("latin-1"))
    shown = _IN_URLS.sub(r"\1...@", _BEFORE_HOSTS.sub(r"\1...@", shown))
    return f"{text}?{shown}"
