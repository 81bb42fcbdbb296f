"""Rows of a file of failures: what an earlier run could not fetch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.download import naming
from hca_azul.resolve.identifiers import SHA256, UUID
from hca_azul.rows import Row
from hca_core.errors import UsageError
from hca_core.transfer import failures

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXTS = ("uuid", "version", "sha256", "mirror_uri", "azul_url", "drs_uri")


class Failed:
    """The rows of the file of failures at `path`; their place is in `extra["place"]`. Each iteration reads it again.

    Iterating raises UsageError for what is no failure of a download from Azul.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Row]:
        for line, told in enumerate(failures.rows(self._path), 1):
            try:
                yield _row(told)
            except (KeyError, TypeError, ValueError) as error:
                raise UsageError(f"{self._path}, line {line}: this is no failure of a download from Azul") from error


def _row(told: dict[str, Any]) -> Row:
    if told["service"] != "azul":
        raise ValueError("service")
    texts = {name: told[name] for name in _TEXTS}
    if not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("text")
    size = told["size"]
    bad_size = size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0)
    if bad_size or not (UUID.fullmatch(texts["uuid"]) or SHA256.fullmatch(texts["sha256"])):
        raise ValueError("identity")
    place = told["place"]
    if place and naming.sanitised(place) != place:
        raise ValueError("place")
    return Row(size=size, name=str(told["name"]), extra={"place": (place,)} if place else {}, **texts)
