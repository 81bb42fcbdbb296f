"""Which reads belong together: by lane and name, never by their order (contract §18)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_azul.errors import AzulError
from hca_azul.samplesheet import naming

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    from hca_azul.samplesheet.reads import Facts, Read

    Key = Callable[[Read], Hashable]

_SHOWN = 3


@dataclass(frozen=True)
class Lane:
    """Files that were read together: one of each kind. `number` is that of the lane, a different one in each run."""

    sample: str
    run: str
    number: int
    reads: Mapping[str, Read]

    @property
    def facts(self) -> Facts:
        """What the manifest tells of the material."""
        return next(iter(self.reads.values())).facts

    @property
    def name(self) -> str:
        """What people are told of it."""
        return next(iter(self.reads.values())).name


def lanes_of(
    grouped: Mapping[tuple[str, str], Sequence[Read]], lane_index: Mapping[str, int] | None = None
) -> list[Lane]:
    """Return the lanes of all samples and runs, in the order of sample, run and number.

    `lane_index` has the lanes by the ids of the metadata entities of files, where somebody knows them.

    Raises AzulError that tells which files do not pair.
    """
    lanes: list[Lane] = []
    failed: list[Sequence[Read]] = []
    for (sample, run), reads in sorted(grouped.items()):
        groups = _paired(reads, lane_index or {})
        if groups is None:
            failed.append(reads)
        else:
            lanes += _numbered(sample, run, groups, lane_index or {})
    if failed:
        names = ", ".join(
            f"{read.name} ({read.kind})" for read in sorted(failed[0], key=lambda read: read.name)[:_SHOWN]
        )
        raise AzulError(
            f"{sum(map(len, failed))} files of {len(failed)} runs do not pair up, the first of them {names}",
            hint="correct read_index in the manifest, or remove their rows; --verbatim tells lanes that names do not",
        )
    return lanes


def _paired(reads: Sequence[Read], lane_index: Mapping[str, int]) -> list[list[Read]] | None:
    """Return the files of one run in groups, by the first rule that makes all of them pair up; None if none does."""
    rules: tuple[Key, ...] = (
        lambda read: (naming.lane(read.name), naming.stem(read.name)),
        lambda read: (naming.lane(read.name), naming.stem_by_end(read.name)),
        lambda read: naming.lane(read.name),
        lambda read: naming.digit_lane(read.name),
        lambda read: lane_index.get(read.document_id),
    )
    for rule in rules:
        groups: dict[Hashable, list[Read]] = {}
        for read in reads:
            groups.setdefault(rule(read), []).append(read)
        if _is_complete(list(groups.values())):
            return list(groups.values())
    return None


def _is_complete(groups: Sequence[Sequence[Read]]) -> bool:
    """Tell whether each group has one file of each kind, and all have the same kinds."""
    kinds = [sorted(read.kind for read in group) for group in groups]
    return all(one == kinds[0] and len(set(one)) == len(one) for one in kinds)


def _numbered(sample: str, run: str, groups: list[list[Read]], lane_index: Mapping[str, int]) -> Iterator[Lane]:
    numbers = _numbers(groups, lane_index)
    taken: set[int] = set()
    order = sorted(range(len(groups)), key=lambda one: (numbers[one], min(read.name for read in groups[one])))
    for one in order:
        # Files of two names and one lane are two lanes for pipelines, whose names have room for nothing else.
        number = numbers[one]
        while number in taken:
            number += 1
        taken.add(number)
        yield Lane(sample, run, number, {read.kind: read for read in sorted(groups[one], key=lambda read: read.kind)})


def _numbers(groups: list[list[Read]], lane_index: Mapping[str, int]) -> list[int]:
    """Return the number of each group's lane by the first rule that tells all of them, else 1."""
    first = [group[0] for group in groups]
    strict = [naming.lane(read.name) for read in first]
    digits = [naming.digit_lane(read.name) for read in first]
    known = [lane_index.get(read.document_id) for read in first]
    told = {
        "name": None not in strict,
        "digit": None not in digits and len(set(digits)) == len(digits) > 1,
        "index": None not in known,
    }
    found = strict if told["name"] else digits if told["digit"] else known if told["index"] else [1] * len(groups)
    return [number or 1 for number in found]
