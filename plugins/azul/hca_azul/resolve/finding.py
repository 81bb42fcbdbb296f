"""What the service and its mirror know of one file that somebody named by UUID or digest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hca_azul.errors import AzulApiError
from hca_azul.resolve import identifiers, mirror
from hca_azul.resolve.identifiers import Kind
from hca_azul.rows import Row
from hca_azul.search.hits import row_of
from hca_core import log
from hca_core.errors import HCAError, NotFoundError, UsageError

if TYPE_CHECKING:
    from hca_azul.service import AzulService


def in_index(service: AzulService, field: str, value: str, catalog: str = "") -> Row | None:
    """Return the file whose `field` (fileId, sha256) has a value in the index; None if there is none.

    None also if the service does not know the field: digests were none until 2025. Raises AzulApiError.
    """
    filters = json.dumps({field: {"is": [value]}})
    params = {"catalog": catalog or service.catalog, "size": 1}
    try:
        hits = service.filtered("index", "files", filters=filters, params=params, keys=("hits",))["hits"]
    except AzulApiError as error:
        if error.status == 400:
            return None
        raise
    return row_of(hits[0]) if isinstance(hits, list) and hits else None


def by_uuid(service: AzulService, uuid: str, version: str = "") -> Row:
    """Return a file of the index. Raises NotFoundError if there is none, or its version is another one."""
    found = in_index(service, "fileId", uuid)
    if found is None:
        raise NotFoundError(f"there is no file {uuid} in catalog {service.catalog}", hint="try another catalog")
    if version and found.version != version:
        raise NotFoundError(
            f"file {uuid} has version {found.version} in catalog {service.catalog}, not {version}",
            hint="leave the version out, or name the catalog that had it",
        )
    return found


def by_digest(service: AzulService, sha256: str) -> Row:
    """Return a file by its sha256; one that no catalog has any more may be in the mirror. Raises NotFoundError."""
    found = in_index(service, "sha256", sha256)
    if found is not None:
        return found
    bucket, key = service.place.mirror_bucket, mirror.key_of(sha256)
    url = has(service, bucket, key)
    if url is None:
        raise NotFoundError(f"neither the catalog {service.catalog} nor the mirror has content with sha256 {sha256}")
    length = service.storage.request("HEAD", url, headers={"Accept-Encoding": "identity"}).headers.get("Content-Length")
    size = int(length) if length and length.isdigit() else None
    return Row("", sha256=sha256, name=sha256, size=size, mirror_uri=f"s3://{bucket}/{key}")


def mirrored(service: AzulService, uri: str) -> str | None:
    """Return the URL of what an `s3://` URI of the mirror names; None if it is none, or the mirror has it not."""
    try:
        found = identifiers.parse(uri)
    except UsageError:
        return None
    return has(service, found.bucket, found.key) if found.kind is Kind.MIRROR else None


def has(service: AzulService, bucket: str, key: str) -> str | None:
    """Return the mirror's URL of an object; None if it does not have it, or does not answer: there are other places."""
    try:
        return mirror.url_of(service, bucket, key)
    except HCAError as error:
        log.logger("hca.azul").info("the mirror: %s", error)
        return None


def there(service: AzulService, row: Row, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the `kinds` of places of a file that can be asked: without the mirror if it has it not."""
    if "mirror" not in kinds or mirrored(service, row.mirror_uri) is not None:
        return kinds
    return tuple(kind for kind in kinds if kind != "mirror")
