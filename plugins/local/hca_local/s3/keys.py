"""Access keys: who may ask, and for what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

# Called with the action as IAM names it (`s3:GetObject`), the bucket, and the key of an object, or the prefix of a
# listing; bucket and key are empty where the action has none.
Allows = Callable[[str, str, str], bool]


def everything(action: str, bucket: str, key: str) -> bool:
    """Allow all actions."""
    return True


@dataclass(frozen=True)
class Key:
    """An access key. One with a `session_token` needs that in each request; `expires` is in seconds since 1970."""

    access_key_id: str
    secret: str
    session_token: str | None = None
    expires: float | None = None
    allows: Allows = everything


class KeyRing(Protocol):
    """Where the server finds access keys; it asks at each request, so keys may come and go."""

    def find(self, access_key_id: str) -> Key | None:
        """Return the key with this id, None if there is none."""


class PermanentKeys:
    """Keys that may do everything and last as long as the server."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Take the secrets by access key id."""
        self._keys = {name: Key(name, secret) for name, secret in secrets.items()}

    def find(self, access_key_id: str) -> Key | None:
        """Return the key with this id, None if there is none."""
        return self._keys.get(access_key_id)
