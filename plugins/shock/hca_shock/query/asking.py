"""What is asked of a server to find nodes, and what of it has to be compared here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hca_shock.query.fields import Field


@dataclass(frozen=True)
class Test:
    """A comparison that is made here: one of the values of `field` must fulfil `fits`; with `negated`, none may."""

    field: Field
    fits: Callable[[Any], bool]
    negated: bool = False

    def holds(self, raw: Mapping[str, Any]) -> bool:
        """Tell whether a node, as the server sent it, is meant."""
        return any(map(self.fits, self.field.values(raw))) != self.negated


@dataclass(frozen=True)
class Query:
    """Which nodes are meant: what the server is asked, what is compared here, what a person should know of that."""

    params: tuple[tuple[str, str], ...] = ()
    tests: tuple[Test, ...] = ()
    notes: tuple[str, ...] = ()

    def holds(self, raw: Mapping[str, Any]) -> bool:
        """Tell whether a node that the server gave is meant."""
        return all(test.holds(raw) for test in self.tests)


def combined(queries: Iterable[Query]) -> Query:
    """Return what asks for the nodes that all of `queries` mean."""
    parts = tuple(queries)
    return Query(
        tuple(param for one in parts for param in one.params),
        tuple(test for one in parts for test in one.tests),
        tuple(note for one in parts for note in one.notes),
    )
