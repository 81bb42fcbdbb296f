"""Which objects the mirror has: one for each content, whatever the number of files with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from hca_local.azul.atlas.values import Mirror

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_local.azul.atlas.values import Atlas, File, Related

_SCHEMA = "https://raw.githubusercontent.com/DataBiosphere/azul/refs/heads/develop/schemas/mirror/info/{}.json"


class Mirrored(NamedTuple):
    """An object of the mirror: its info document, and whether its bytes are not what they should be."""

    info: bytes
    spoiled: bool


def mirrored(atlas: Atlas) -> dict[str, Mirrored]:
    """Return the objects of the mirror by their sha256."""
    types: dict[str, set[str]] = {}
    spoiled = set()
    for file in _files(atlas):
        if file.mirror in (Mirror.THERE, Mirror.WRONG):
            types.setdefault(file.sha256, set()).add(file.content_type)
        if file.mirror is Mirror.WRONG:
            spoiled.add(file.sha256)
    return {
        sha256: Mirrored(_info(number, sorted(types[sha256])), sha256 in spoiled)
        for number, sha256 in enumerate(sorted(types))
    }


def _files(atlas: Atlas) -> Iterator[File | Related]:
    for catalog in atlas.catalogs.values():
        for file in catalog.files:
            yield file
            yield from file.related


def _info(number: int, types: list[str]) -> bytes:
    """Return the info document of the object `number`: the first three are of kinds that a reader may meet, too.

    These are an old one with a text, an old one with null (#7193), and one of a version that nobody knows yet.
    """
    odd: tuple[tuple[str, object], ...] = (("v1", types[0]), ("v1", None), ("v9", {"types": types}))
    schema, told = odd[number] if number < len(odd) else ("v2", types)
    return json.dumps({"$schema": _SCHEMA.format(schema), "content-type": told}).encode()
