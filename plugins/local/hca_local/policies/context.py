"""What is known about a request beside its action and its resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Context:
    """Values by key in lower case, as keys have no case; `single` are those of keys that have just one by nature.

    Only these can be variables: which of several values would stand there?
    """

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    single: Mapping[str, str] = field(default_factory=dict)


def context_of(given: Mapping[str, str | Sequence[str]]) -> Context:
    """Return the context with the values `given`: a text each, or a list of texts. An empty list is no value."""
    values = {key.lower(): (one,) if isinstance(one, str) else tuple(one) for key, one in given.items()}
    single = {key.lower(): one for key, one in given.items() if isinstance(one, str)}
    return Context(values, single)
