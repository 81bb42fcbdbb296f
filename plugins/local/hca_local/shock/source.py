"""A file for a node, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

    from hca_local.shock.nodes import Doc


@dataclass(frozen=True)
class Source:
    """A file for a node: `edit` gives it to the node, in a transaction, and raises ShockError where it can't.

    `data` are data files that nobody needs if that fails, `done` is called in a thread when it was done.
    """

    edit: Callable[[Connection, Doc], None]
    data: tuple[str, ...] = ()
    done: Callable[[], None] | None = None
