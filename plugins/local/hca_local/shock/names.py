"""How long the names may be that clients give: each of them comes back in every answer, some of them in headers."""

from __future__ import annotations

from hca_local.shock.calls import ShockError

LONGEST = 1024  # bytes
MOST = 10_000


def require(name: str, what: str) -> str:
    """Return `name` if it is not too long; `what` tells the client which one it is. Raises ShockError (400)."""
    if len(name) > LONGEST or len(name.encode("utf-8", "replace")) > LONGEST:
        raise ShockError(400, f"{what} may have {LONGEST} bytes.")
    return name


def require_all(names: list[str], what: str) -> list[str]:
    """Return `names` if they are not too many, and none is too long. Raises ShockError (400)."""
    if len(names) > MOST:
        raise ShockError(400, f"{what} may list {MOST} names.")
    return [require(name, f"A name in {what}") for name in names]


def short(name: str) -> str:
    """Return `name`, only its beginning if it is too long: older nodes may have such a one."""
    return name.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore")
