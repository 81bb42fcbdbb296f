"""The formats of manifests. Those of PFB are left out, as a deployment may: the stand-in makes no Avro."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hca_local.azul.manifests import bdbag, compact, curl, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from hca_local.azul.manifests.rows import Selection


class Format(NamedTuple):
    """A format: what the names of its files end with, and what writes one."""

    extension: str
    write: Callable[[Selection, BinaryIO], None]


CURL = "curl"
COMPACT = "compact"
FORMATS = {
    COMPACT: Format("tsv", compact.write),
    CURL: Format("curlrc", curl.write),
    "terra.bdbag": Format("zip", bdbag.write),
    "verbatim.jsonl": Format("jsonl", verbatim.write),
}
_ONLY_OLD = frozenset({"terra.bdbag"})


def names(is_old: bool) -> tuple[str, ...]:
    """Return the names of the formats of a catalog, the default one first."""
    return tuple(name for name in FORMATS if is_old or name not in _ONLY_OLD)
