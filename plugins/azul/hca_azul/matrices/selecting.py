"""Which matrices somebody wants: by kind, format and what they are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_azul import projects
from hca_azul.matrices import tree
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hca_azul.matrices.tree import MatrixFile
    from hca_azul.service import AzulService


@dataclass(frozen=True)
class Selection:
    """What is wanted; what is empty does not matter, and neither do upper and lower case.

    `formats` are endings such as h5ad or .mtx.gz. `strata` has values by dimension (tree.DIMENSIONS); a file is wanted
    if it covers one of them.
    """

    kind: str = "all"
    formats: tuple[str, ...] = ()
    strata: Mapping[str, tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for a kind that there is not."""
        if self.kind not in ("all", *tree.KINDS):
            kinds = ", ".join(tree.KINDS)
            raise UsageError(
                f"{self.kind!r} is no kind of matrices", hint=f"the kinds are {kinds}, or all of them: all"
            )

    def wants(self, file: MatrixFile) -> bool:
        """Tell whether a file is selected; its kind is not looked at."""
        if self.formats and _plain(file.row.format) not in {_plain(one) for one in self.formats}:
            return False
        for dimension, wanted in (self.strata or {}).items():
            values = {value.casefold() for value in file.stratum(dimension)}
            if wanted and not values & {one.casefold() for one in wanted}:
                return False
        return True


def select(service: AzulService, named: Iterable[str], selection: Selection) -> Iterator[MatrixFile]:
    """Yield the selected matrices of the projects that are `named`, project after project.

    Raises NotFoundError, UsageError, AzulError.
    """
    for text in named:
        for file in tree.files_of(projects.find(service, text), kind=selection.kind):
            if selection.wants(file):
                yield file


def _plain(ending: str) -> str:
    # Formats have no fixed spelling: `.tsv.gz`, `h5ad`, `Rds`, `RDS` (contract §5).
    return ending.strip().lstrip(".").casefold()
