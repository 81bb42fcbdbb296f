"""Stores of many small files (zarr): the index knows one of them, and only manifests list the others (contract §13)."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from hca_azul.search.filters import Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hca_azul.client import AzulClient
    from hca_azul.rows import Row

_STANDS_FOR_ALL = ".zarr/.zattrs"


class Joined:
    """Rows of several lists, as often as somebody goes through them."""

    def __init__(self, *lists: Iterable[Row]) -> None:
        self._lists = lists

    def __iter__(self) -> Iterator[Row]:
        return chain.from_iterable(self._lists)


@contextmanager
def completed(
    client: AzulClient,
    rows: Sequence[Row],
    *,
    timeout: float = 1800.0,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[Iterable[Row]]:
    """Give rows of the index with all files of the stores among them; they can be gone through inside the block.

    Parameters: `timeout` (seconds) is for the service to list them, `waiting` is called before the first wait for that;
    without a store nothing is asked. Raises HCAError.
    """
    found = [row.uuid for row in rows if row.name.endswith(_STANDS_FOR_ALL)]
    if not found:
        yield rows
        return
    with client.manifest(Filter({"fileId": {"is": found}}), timeout=timeout, waiting=waiting).rows() as listed:
        yield Joined(rows, listed)  # what is in both is fetched once
