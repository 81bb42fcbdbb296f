"""What can go wrong with a Shock server; each error has the exit status of its kind.

The server says most of it with status 400 and a text (service contract §0.12, §1): what is meant is read from that.
"""

from __future__ import annotations

import re

from hca_core.errors import HCAError, LoginError, NetworkError, NotFoundError, PartialError, one_line

# What the server puts before the reason: `err@node_Create: (node.CreateNodeUpload) (node.Update) reason`.
_INNER_NAMES = re.compile(r"^(?:\s*err:?@[\w ]+:|\s*\([\w.@]+\)|\s*\[\w+\])+\s*")
_LOGIN_TEXTS = ("invalid authorization", "no authorization", "user unauthorized", "auth error", "invalid auth")
_MISSING_TEXTS = ("node not found", "preauth load: not found")
_LOCKED_TEXTS = ("is locked", "node locked", "file locked")
_MISSING_END = re.compile(r"\bnot found\s*$")


class ShockError(HCAError):
    """Something went wrong with a Shock server or a node."""


class ShockApiError(ShockError):
    """The server answered with an error; `status` is its HTTP status, `reason` what it said, without inner names."""

    def __init__(self, message: str, status: int, reason: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.status = status
        self.reason = reason


class ShockRefusedError(ShockApiError, LoginError):
    """The server wants a login, refuses the one it got, or the user has no such right at the node."""


class ShockNotFoundError(ShockApiError, NotFoundError):
    """There is no such node, index or address."""


class ShockLockedError(ShockApiError):
    """The file or an index of the node is being made, or could not be made."""


class ShockUnavailableError(ShockApiError, NetworkError):
    """The server can't answer now."""


class ShockNodeError(ShockError):
    """What the server has made of a node is not usable: its file or its index could not be made."""


class SomeFailedError(PartialError, ShockError):
    """Some of several nodes or files failed, the others are done."""


def reason_of(text: str) -> str:
    """Return what the server said without the names of its own functions, as a piece of a sentence."""
    return one_line(_INNER_NAMES.sub("", text)) or one_line(text) or "no reason given"


def of(status: int, text: str, asked: str, hint: str | None = None) -> ShockApiError:
    """Return the error for an answer of `status` in which the server said `text`.

    Parameters: `asked` is method and path of the request; `hint` is the next step where the login of somebody is
    refused, None for nobody's.
    """
    reason = reason_of(text)
    message = f"{reason} (HTTP {status}, {asked})"
    low = text.lower()
    if "invalid auth" in low:
        return ShockRefusedError(message, status, reason, hint or "log in with 'hca shock login'")
    if status in (401, 403) or any(one in low for one in _LOGIN_TEXTS):
        right = "ask the owner of the node for the right"
        return ShockRefusedError(
            message, status, reason, right if hint else f"log in with 'hca shock login', or {right}"
        )
    if status in (404, 410) or any(one in low for one in _MISSING_TEXTS) or _MISSING_END.search(low):
        return ShockNotFoundError(message, status, reason)
    if status == 423 or any(one in low for one in _LOCKED_TEXTS):
        hint = "hca shock wait ID tells when it is ready, or why it failed; locked by hand: hca shock unlock ID"
        return ShockLockedError(message, status, reason, hint)
    if status == 429 or status >= 502:
        return ShockUnavailableError(message, status, reason)
    return ShockApiError(message, status, reason)
