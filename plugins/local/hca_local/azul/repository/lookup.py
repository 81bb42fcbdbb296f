"""Finds files by their UUIDs and by their ids in the repository, made once of the atlas."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from hca_local.azul.access import Caller
    from hca_local.azul.atlas.values import Atlas, File, Related, Source
    from hca_local.azul.azul import Azul


class Stored(NamedTuple):
    """What the repository has under an id: a file or a chunk of one, and the source whose readers may have it."""

    file: File | Related
    source: Source

    def is_open_to(self, caller: Caller) -> bool:
        """Tell whether `caller` may read it."""
        return caller.granted or not self.source.managed


class Lookup:
    """The files of an atlas by what requests name them by."""

    def __init__(self, atlas: Atlas) -> None:
        self.atlas = atlas
        self._by_uuid: dict[tuple[str, str], list[File]] = {}
        self._by_drs_id: dict[str, Stored] = {}
        for catalog in atlas.catalogs.values():
            for file in catalog.files:
                self._by_uuid.setdefault((catalog.name, file.uuid), []).append(file)
                self._keep(file, file.project.source)
                for chunk in file.related:
                    self._keep(chunk, file.project.source)

    def _keep(self, file: File | Related, source: Source) -> None:
        if file.drs_id is not None:
            self._by_drs_id[file.drs_id] = Stored(file, source)

    def file(self, catalog: str, uuid: str, version: str | None, caller: Caller) -> File | None:
        """Return a file of a catalog that `caller` may see, the newest version unless one is named."""
        found = [
            file
            for file in self._by_uuid.get((catalog, uuid), ())
            if version in (None, file.version) and (caller.granted or not file.project.source.managed)
        ]
        return max(found, key=lambda file: file.version, default=None)

    def stored(self, drs_id: str) -> Stored | None:
        """Return what the repository has under an id, of any catalog."""
        return self._by_drs_id.get(drs_id)


_LOOKUPS: WeakKeyDictionary[Azul, Lookup] = WeakKeyDictionary()


async def of(azul: Azul) -> Lookup:
    """Return the look-up for the atlas of `azul`. Raises OSError if the atlas can't be made."""
    atlas = await azul.atlas()
    found = _LOOKUPS.get(azul)
    if found is None:
        found = _LOOKUPS[azul] = Lookup(atlas)
    return found
