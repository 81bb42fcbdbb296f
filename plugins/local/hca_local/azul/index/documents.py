"""The documents of the index: one for each file, sample, bundle and project of a catalog (contract §3)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from hca_local.azul.atlas.values import Bundle, File, Project, Specimen
from hca_local.azul.index import dates, properties

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hca_local.azul.atlas.values import Catalog, CellLine, Chain, Organoid

    Entity = File | Specimen | CellLine | Organoid | Bundle | Project

_NOTHING = [None]


@dataclass(frozen=True, eq=False)
class EntityType:
    """A type of documents: how its hits are sorted unless somebody says otherwise, and how many come at most."""

    name: str
    sort: str
    order: str
    most: int
    most_new: int

    def most_hits(self, *, old: bool) -> int:
        """Return how many hits a page may have, in October 2024 or today."""
        return self.most if old else self.most_new


TYPES = {
    one.name: one
    for one in (
        EntityType("bundles", "bundleVersion", "desc", 100, 100),
        EntityType("files", "fileName", "asc", 1000, 1000),
        EntityType("projects", "projectTitle", "asc", 100, 75),
        EntityType("samples", "sampleId", "asc", 1000, 1000),
    )
}


@dataclass(frozen=True, eq=False)
class Document:
    """A document about an entity: its id, and all that is known in connection with it."""

    id: str
    entity: Entity
    files: tuple[File, ...]
    chains: tuple[Chain, ...]
    bundles: tuple[Bundle, ...]

    @property
    def project(self) -> Project:
        """The project that it is of."""
        return self.bundles[0].project

    @cached_property
    def _parts(self) -> tuple[dict[str, list[Any]], ...]:
        own = {"entryId": [self.id], **properties.of_files(self.files), **properties.of_bundles(self.bundles)}
        if isinstance(self.entity, Project):
            own["effectiveCellCount"] = [self.entity.estimated_cells or properties.total_cells(self.chains)]
        own |= {name: [value] for name, value in dates.of(self).items()}
        return own, properties.of_chains(self.chains), properties.of_project(self.project)

    def values(self, field: str) -> list[Any]:
        """Return the values that are indexed for `field`; there is at least one, which may be None."""
        for part in self._parts:
            if field in part:
                return part[field] or _NOTHING
        raise KeyError(field)


@cache  # an atlas lives as long as its process
def of(catalog: Catalog, entity_type: str) -> list[Document]:
    """Return the documents of a type, in the order of their ids."""
    return sorted(_MAKERS[entity_type](catalog), key=lambda one: one.id)


def _files(catalog: Catalog) -> Iterable[Document]:
    return [Document(file.id, file, (file,), file.chains, file.bundles) for file in catalog.files]


def _bundles(catalog: Catalog) -> Iterable[Document]:
    members = defaultdict(list)
    for file in catalog.files:
        for bundle in file.bundles:
            members[bundle].append(file)
    return [Document(bundle.uuid, bundle, tuple(files), bundle.chains, (bundle,)) for bundle, files in members.items()]


def _projects(catalog: Catalog) -> Iterable[Document]:
    members = defaultdict(list)
    for file in catalog.files:
        members[file.project].append(file)
    return [_gathered(project.id, project, files) for project, files in members.items()]


def _samples(catalog: Catalog) -> Iterable[Document]:
    members: dict[str, tuple[Entity, dict[File, None]]] = {}
    for file in catalog.files:
        for chain in file.chains:
            members.setdefault(chain.sample.id, (chain.sample, {}))[1][file] = None
    for id, (sample, files) in members.items():
        whole = _gathered(id, sample, files)
        own = tuple(chain for chain in whole.chains if chain.sample.id == id)
        yield Document(id, sample, whole.files, own, whole.bundles)


def _gathered(id: str, entity: Entity, files: Iterable[File]) -> Document:
    """Return the document about `entity` with what its `files` bring."""
    chains = dict.fromkeys(chain for file in files for chain in file.chains)
    bundles = dict.fromkeys(bundle for file in files for bundle in file.bundles)
    return Document(id, entity, tuple(files), tuple(chains), tuple(bundles))


_MAKERS = {"bundles": _bundles, "files": _files, "projects": _projects, "samples": _samples}
