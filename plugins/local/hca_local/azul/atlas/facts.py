"""Makes files of the atlas out of bytes, and spells what the embedded DSS has as Azul does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_local.azul.atlas.values import File, Related, Source
from hca_local.sample import streams

if TYPE_CHECKING:
    from hca_local.azul.atlas.values import Bundle
    from hca_local.azul.content import Contents

_DOUBLE = frozenset({"gz"})
_SPEC = "tdr:bigquery:gcp:hca-local"


@dataclass(frozen=True)
class Datum:
    """The bytes of a file with their name, their media type, and the identity of the data."""

    name: str
    content: bytes
    media_type: str
    uuid: str
    version: str


def version(dss_version: str) -> str:
    """Return a version of the DSS (`2019-08-01T200147.836832Z`) as Azul spells it, with colons (contract §5)."""
    day, _, time = dss_version.partition("T")
    return f"{day}T{time[:2]}:{time[2:4]}:{time[4:]}"


def made(name: str, day: str) -> str:
    """Return the version on the date `day` that belongs to `name`."""
    return version(streams.version(name, day))


def format_of(name: str) -> str:
    """Return the format of a file called `name`: what stands behind its last dot, of `fastq.gz` behind the last two."""
    parts = name.rpartition("/")[2].lstrip(".").split(".")
    return ".".join(parts[-2:] if parts[-1] in _DOUBLE and len(parts) > 2 else parts[-1:])


def source(short_name: str, *, managed: bool = False) -> Source:
    """Return the snapshot of the project `short_name`."""
    return Source(streams.uuid(f"source {short_name}"), f"{_SPEC}:{short_name}:", managed)


def file(contents: Contents, datum: Datum, bundles: tuple[Bundle, ...], **more: Any) -> File:
    """Return the file with the bytes of `datum`, which are put into `contents`; `more` are fields of File.

    Raises OSError.
    """
    sums = contents.add(datum.content)
    given = {
        "id": streams.uuid(f"azul document {datum.uuid}"),
        "format": format_of(datum.name),
        "file_type": "supplementary_file",
        "drs_id": drs_id(datum),
        "chains": tuple(dict.fromkeys(chain for bundle in bundles for chain in bundle.chains)),
    }
    return File(
        uuid=datum.uuid,
        version=datum.version,
        name=datum.name,
        size=sums.size,
        sha256=sums.sha256,
        crc32c=sums.crc32c,
        content_type=f"{datum.media_type}; dcp-type=data",
        bundles=bundles,
        **given | more,
    )


def related(contents: Contents, datum: Datum) -> Related:
    """Return the related file with the bytes of `datum`, which are put into `contents`. Raises OSError."""
    sums = contents.add(datum.content)
    return Related(
        datum.uuid,
        datum.version,
        datum.name,
        sums.size,
        sums.sha256,
        sums.crc32c,
        f"{datum.media_type}; dcp-type=data",
        drs_id(datum),
    )


def drs_id(datum: Datum) -> str:
    """Return the id of the DRS object of a datum, as the repository makes them: `v1_<snapshot>_<file id>`.

    Each version has an object of its own, which stays where newer ones come.
    """
    return f"v1_{streams.uuid('snapshot')}_{streams.uuid(f'object {datum.uuid} {datum.version}')}"
