"""The checksums of an object as its tags: what the DSS asks for when it takes a file over (contract §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_core.checksums import Checksums
    from hca_local.upload.buckets.values import Held

_PREFIX = "hca-dss-"
_NAMES = ("s3_etag", "sha1", "sha256", "crc32c")
# The one that clients compute themselves, for the server to compare; it is metadata and not a tag.
_CLIENT_SUM = "crc32c"


def told(sums: Checksums) -> dict[str, str]:
    """Return checksums as clients of the API read them."""
    return {name: getattr(sums, name) for name in _NAMES}


def of(sums: Checksums) -> dict[str, str]:
    """Return the tags for `sums`."""
    return {f"{_PREFIX}{name}": value for name, value in told(sums).items()}


def found(tags: Mapping[str, str]) -> dict[str, str] | None:
    """Return the checksums in the `tags` of an object, as clients read them; None unless all are there."""
    if not all(f"{_PREFIX}{name}" in tags for name in _NAMES):
        return None
    return {name: tags[f"{_PREFIX}{name}"] for name in _NAMES}


def metadata(sums: Checksums) -> dict[str, str]:
    """Return the metadata that a client gives an object with `sums`."""
    return {_CLIENT_SUM: sums.crc32c}


def promised(held: Held) -> str | None:
    """Return the crc32c that the client computed, in lower case; None if it did not."""
    value = held.metadata.get(_CLIENT_SUM)
    return None if value is None else value.lower()
