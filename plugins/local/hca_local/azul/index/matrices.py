"""The trees of matrices in hits of projects: dimensions and their values in turn, down to files (contract §12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_local.azul.atlas.values import Matrix
from hca_local.azul.index.properties import effective_organ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hca_local.azul.atlas.values import Chain, File

DIMENSIONS = ("genusSpecies", "developmentStage", "organ", "libraryConstructionApproach")
UNSPECIFIED = "Unspecified"


def trees(files: Iterable[File], item: Callable[[File], dict[str, Any]]) -> dict[str, Any]:
    """Return the two trees of a project with `files`; `item` makes a leaf of one."""
    found = [file for file in files if file.matrix]
    platform = [file for file in found if file.matrix is Matrix.PLATFORM]
    contributed = [file for file in found if file.matrix is Matrix.CONTRIBUTED]
    return {"matrices": _tree(platform, item), "contributedAnalyses": _tree(contributed, item)}


def _tree(files: list[File], item: Callable[[File], dict[str, Any]]) -> dict[str, Any]:
    """Return the tree of `files`; dimensions with few values come first, and those that say nothing not at all."""
    strata = [(_stratum(chain), file) for file in files for chain in file.chains]
    values = {name: {stratum[name] for stratum, _ in strata} for name in DIMENSIONS}
    used = [name for name in DIMENSIONS if values[name] - {UNSPECIFIED}]
    used.sort(key=lambda name: len(values[name]))  # sorting is stable: the order of DIMENSIONS decides between equals
    tree: dict[str, Any] = {}
    for stratum, file in strata:
        _put(tree, [(name, stratum[name]) for name in used], file, item)
    return tree


def _put(tree: dict[str, Any], path: list[tuple[str, str]], file: File, item: Callable[[File], dict[str, Any]]) -> None:
    node: Any = tree
    for name, value in path[:-1]:
        node = node.setdefault(name, {}).setdefault(value, {})
    name, value = path[-1]
    leaves = node.setdefault(name, {}).setdefault(value, [])
    if all(leaf["uuid"] != file.uuid for leaf in leaves):
        leaves.append(item(file))


def _stratum(chain: Chain) -> dict[str, str]:
    return {
        "genusSpecies": chain.donor.species or UNSPECIFIED,
        "developmentStage": chain.donor.stage or UNSPECIFIED,
        "organ": effective_organ(chain.sample) or UNSPECIFIED,
        "libraryConstructionApproach": chain.protocols.library or UNSPECIFIED,
    }
