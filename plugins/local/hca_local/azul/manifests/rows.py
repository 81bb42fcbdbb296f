"""The rows of a manifest: one for each file, and one for each chunk that a file stands for (contract §7, §13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hca_local.azul.atlas.values import File, Related


@dataclass(frozen=True)
class Selection:
    """What a manifest is made of: the `files` in the order of their ids, and where the service is (`base`)."""

    files: tuple[File, ...]
    catalog: str
    base: str
    is_old: bool


@dataclass(frozen=True)
class Row:
    """A row: `item` are the bytes that it is about, `file` the document that it is from; mostly they are the same."""

    file: File
    item: File | Related


def rows(files: Iterable[File]) -> Iterator[Row]:
    """Yield the rows of `files`, those of the chunks of a file behind its own."""
    for file in files:
        yield Row(file, file)
        yield from (Row(file, chunk) for chunk in file.related)
