"""Puts the atlas together: today's catalog, the one before it, and an internal one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.azul.atlas import managed, sample, special
from hca_local.azul.atlas.values import Atlas, Catalog
from hca_local.sample import dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hca_local.azul.atlas.values import File
    from hca_local.azul.content import Contents

DEFAULT = "dcp46"
OLDER = "dcp45"
INTERNAL = "dcp46-it"
# The older catalog was made before this project came.
_LATER = "MouseKidneyPilot"


def build(contents: Contents) -> Atlas:
    """Return the atlas, the same at each call; the bytes of its files are put into `contents`. Raises OSError."""
    data = dataset.build()
    special_now = [*special.files(contents)]
    before = [*sample.files(data, contents, older=True), *special.files(contents, older=True)]
    catalogs = [
        _catalog(DEFAULT, [*sample.files(data, contents), *special_now, *managed.files(contents)]),
        _catalog(OLDER, [file for file in before if file.project.short_name != _LATER]),
        _catalog(INTERNAL, special_now, internal=True),
    ]
    return Atlas({one.name: one for one in catalogs}, DEFAULT)


def _catalog(name: str, files: Sequence[File], *, internal: bool = False) -> Catalog:
    projects = {file.project.id: file.project for file in files}
    return Catalog(
        name,
        internal,
        tuple(projects[id] for id in sorted(projects)),
        tuple(sorted(files, key=lambda file: file.id)),
    )
