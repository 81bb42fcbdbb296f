"""What a server process is told to do."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Order:
    """What to serve, and how.

    `data` is the data directory. `port` must be free if given. `empty` leaves a new store without the sample
    dataset. `changes` are settings to change for good; `shock_users` are users of the Shock service to keep for good,
    as texts with their passwords in them (see shock/accounts.py). `temporary` removes the directory in the end.
    `with_parent` ends the server when the standard input does, which it does when its other end dies.
    """

    data: str
    port: int | None = None
    empty: bool = False
    changes: dict[str, int | str | None] = field(default_factory=dict)
    shock_users: list[str] = field(default_factory=list, repr=False)
    temporary: bool = False
    with_parent: bool = False
