"""Why a request of an application is refused, in the terms of OAuth 2.0."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """What an application is told instead of what it asked for (RFC 6749 §4.1.2.1, §5.2; RFC 8628 §3.5).

    It is returned, not raised: some refusals end a login, and an exception would undo that with its transaction.
    `error` is the machine-readable code, `description` one sentence for people.
    """

    error: str
    description: str
    status: int = 400
