"""The trees in which the index tells a project's matrices, as one value a file (contract §12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_azul.errors import AzulError
from hca_azul.search.hits import row_of
from hca_azul.values import as_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hca_azul.projects import Project
    from hca_azul.rows import Row

# The trees of a project by who made the matrices.
KINDS = {"dcp": "matrices", "contributed": "contributedAnalyses"}
DIMENSIONS = ("genusSpecies", "developmentStage", "organ", "libraryConstructionApproach")
_UNSPECIFIED = "Unspecified"  # what stands where a stratum has no value


@dataclass(frozen=True, slots=True)
class MatrixFile:
    """A file of a project's matrices.

    `row` is the file as everywhere else. `kind` is dcp (made by the atlas's own pipelines) or contributed (by the
    project). `source` says where it is from. `strata` has the values that it covers, by the names of DIMENSIONS, none
    where the service says that it is unspecified. `content` describes it. `cell_count` is None where it is not told.
    """

    row: Row
    kind: str
    source: tuple[str, ...]
    strata: Mapping[str, tuple[str, ...]]
    content: tuple[str, ...]
    cell_count: int | None

    def stratum(self, dimension: str) -> tuple[str, ...]:
        """Return the values of one of DIMENSIONS that it covers."""
        return self.strata.get(dimension, ())


def files_of(project: Project, *, kind: str = "all") -> Iterator[MatrixFile]:
    """Yield the matrices of a project, each file once, in the order of the trees.

    `kind` is one of KINDS, or all. Raises AzulError if a tree is none.
    """
    for name in KINDS if kind == "all" else (kind,):
        seen: dict[str, tuple[dict[str, Any], dict[str, list[str]]]] = {}
        for leaf, path in _leaves(project.inner.get(KINDS[name]) or {}):
            # One file that covers several strata is a leaf of each.
            _, strata = seen.setdefault(str(leaf.get("uuid")), (leaf, {}))
            for dimension, value in path:
                values = strata.setdefault(dimension, [])
                if value not in values:
                    values.append(value)
        for leaf, strata in seen.values():
            yield _file(project, name, leaf, strata)


def _leaves(tree: Any) -> Iterator[tuple[dict[str, Any], tuple[tuple[str, str], ...]]]:
    """Yield each file of a tree with the dimensions and values that lead to it.

    There is no recursion: how deep a tree is decides who sends it.
    """
    waiting: list[tuple[Any, tuple[tuple[str, str], ...]]] = [(tree, ())]
    while waiting:
        node, path = waiting.pop()
        if isinstance(node, list) and all(isinstance(leaf, dict) and leaf.get("uuid") for leaf in node):
            yield from ((leaf, path) for leaf in node)
        elif isinstance(node, dict) and all(isinstance(values, dict) for values in node.values()):
            branches = [
                (below, (*path, (dimension, value)) if value != _UNSPECIFIED else path)
                for dimension, values in node.items()
                for value, below in values.items()
            ]
            waiting += reversed(branches)
        else:
            raise AzulError("the service tells of matrices in a way that is not Azul's", hint="hca azul get-version")


def _file(project: Project, kind: str, leaf: dict[str, Any], strata: dict[str, list[str]]) -> MatrixFile:
    hit = {"files": [leaf], "projects": [{"projectId": project.id, "projectShortname": project.name}]}
    count = leaf.get("matrixCellCount")
    return MatrixFile(
        row_of(hit),
        kind,
        tuple(str(one) for one in as_list(leaf.get("fileSource")) if one is not None),
        {dimension: tuple(values) for dimension, values in strata.items()},
        tuple(str(one) for one in as_list(leaf.get("contentDescription")) if one is not None),
        int(count) if isinstance(count, (int, float)) else None,
    )
