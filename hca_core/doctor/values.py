"""What a look at something finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

State = Literal["ok", "warning", "problem", "skipped"]
STATES: tuple[str, ...] = get_args(State)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters: `name` says in a word or two what, `text` in a sentence what was found, `hint` the next step, empty if
    there is none. `state` is "problem" if something will fail, "warning" if it may, "ok" or "skipped" if not.
    """

    name: str
    state: State
    text: str
    hint: str = ""


class Look(NamedTuple):
    """Something to look at: its area in the report, its name if it can't be looked at, and what looks."""

    area: str
    name: str
    look: Callable[[], Iterable[Check]]
