"""Cells of a compact manifest, and the values that they list (contract §0.7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

JOINER = " || "
MOST_VALUES = 100  # the service cuts longer lists without a word


def values(cell: str) -> tuple[str, ...]:
    """Return the values that a cell lists; a missing one among them is an empty part, which says nothing."""
    if JOINER not in cell:
        return (cell,) if cell else ()
    return tuple(part for part in cell.split(JOINER) if part)


class Cells(Mapping[str, tuple[str, ...]]):
    """Values by column of the cells of one row that are not empty; taken apart only when somebody asks.

    Parameters: `places` says in which of the `cells` a column is. Those of `told` are told elsewhere as one value: they
    are here if it is several.
    """

    __slots__ = ("_cells", "_places", "_told")

    def __init__(self, cells: Sequence[str], places: Mapping[str, int], told: frozenset[str]) -> None:
        self._cells = cells
        self._places = places
        self._told = told

    def __getitem__(self, column: str) -> tuple[str, ...]:
        if not self._has(column):
            raise KeyError(column)
        return values(self._cells[self._places[column]])

    def __iter__(self) -> Iterator[str]:
        return filter(self._has, self._places)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))

    def _has(self, column: object) -> bool:
        place = self._places.get(column)  # type: ignore[call-overload]
        if place is None:
            return False
        cell = self._cells[place]
        return JOINER in cell if column in self._told else bool(cell)
