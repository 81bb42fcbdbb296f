"""From whatever somebody names a file by to a URL of its bytes: mirror, else Azul, else DRS (contract §17.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hca_azul.errors import AzulNotFoundError
from hca_azul.resolve import drs, fetching, finding, identifiers, mirror
from hca_azul.resolve.identifiers import Identifier, Kind
from hca_azul.rows import Row
from hca_azul.search.hits import row_of
from hca_core import urls
from hca_core.errors import NotFoundError, UsageError, one_line

if TYPE_CHECKING:
    from hca_azul.resolve.signed import Signed
    from hca_azul.service import AzulService


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where the bytes of a file are now.

    `url` may be a credential: who has it can read the file. `headers` are to be sent with it. `expires` is when it
    ends (seconds since 1970), None for one that does not. `kind` is mirror, azul or drs. `row` is what else is known
    of the file.
    """

    url: str
    headers: Mapping[str, str]
    expires: float | None
    kind: str
    row: Row = field(default_factory=lambda: Row(""))


def resolve(service: AzulService, text: str, version: str | None = None) -> Resolved:
    """Return where the bytes of a file are that `text` names, in any of the forms of `identifiers.parse`.

    Without a `version` it is the newest one in the catalog. The mirror is asked first, by its info object, then the
    service, then the repository. Raises UsageError, AzulNotFoundError, LoginError, NetworkError.
    """
    named = identifiers.parse(text)
    if named.kind is Kind.FILE:
        _check_service(service, named)
    if version:
        named = _of_version(named, version)
    if named.kind is Kind.DRS:
        return _of_signed(drs.address(service, named.text), "drs", Row("", drs_uri=named.text))
    if named.kind in (Kind.MIRROR, Kind.DIGEST):
        bucket, key = named.bucket or service.place.mirror_bucket, named.key or mirror.key_of(named.sha256)
        if url := finding.has(service, bucket, key):
            uri = f"s3://{bucket}/{key}"
            return Resolved(url, {}, None, "mirror", Row("", sha256=named.sha256, mirror_uri=uri))
    return _by_row(service, _row(service, named), named)


def _of_version(named: Identifier, version: str) -> Identifier:
    """Return the same file in one version. Raises UsageError for what is none, and for what is in one already."""
    if not identifiers.VERSION.fullmatch(version):
        raise UsageError(f"{one_line(version)!r} is no version", hint="one looks like 2021-02-14T16:06:41.752000Z")
    if not named.uuid or named.version not in ("", version):
        raise UsageError(f"{one_line(named.text)} names one version already", hint="leave --version out")
    return replace(named, version=version, kind=Kind.UUID if named.kind is Kind.FILE else named.kind)


def _check_service(service: AzulService, named: Identifier) -> None:
    """Raise UsageError for the address of a file at another service: it has other files, and other logins."""
    if urls.origin(named.service) != urls.origin(service.url):
        raise UsageError(
            f"this file is at {named.service}, but {service.url} is asked", hint=f"--service-url {named.service}"
        )


def _row(service: AzulService, named: Identifier) -> Row:
    """Return what the service knows of a file. Raises UsageError for what is no file, AzulNotFoundError."""
    if named.kind is Kind.ENTITY:
        if named.entity_type != "files":
            raise UsageError(
                f"{one_line(named.text)} is one of {named.entity_type}, and no file",
                hint=f"hca azul download -f projectId={named.uuid}",
            )
        return row_of(service.entity("files", named.uuid, catalog=named.catalog))
    found = None
    if named.sha256 or named.uuid:
        wanted = ("sha256", named.sha256) if named.sha256 else ("fileId", named.uuid)
        found = finding.in_index(service, *wanted, catalog=named.catalog)
    if found is not None:
        if named.version and named.version != found.version:
            # The index has the newest one only: what it tells of that is not what was asked for.
            return Row(named.uuid, named.version)
        return found
    if named.uuid:
        return Row(named.uuid, named.version)  # a related file is in no index (contract §13)
    raise NotFoundError(
        f"neither the mirror nor the catalog has {one_line(named.text)}", hint="check it, or try another --catalog"
    )


def _by_row(service: AzulService, row: Row, named: Identifier) -> Resolved:
    """Return the first place that has a file. Raises what the service said if none has."""
    if url := finding.mirrored(service, row.mirror_uri):
        return Resolved(url, {}, None, "mirror", row)
    try:
        found = fetching.signed(service, _address(service, row, named))
    except AzulNotFoundError as error:
        if not row.drs_uri:
            raise _nowhere(service, row, named, error) from error
    else:
        return _of_signed(found, "azul", row)
    return _of_signed(drs.address(service, row.drs_uri), "drs", row)


def _nowhere(service: AzulService, row: Row, named: Identifier, error: AzulNotFoundError) -> AzulNotFoundError:
    """Return what a person is told of a file of which the service has no bytes."""
    catalog = named.catalog or service.catalog
    if row.name:
        told, hint = f"nobody has the bytes of {one_line(row.name)} ({row.uuid})", "it is only described"
    else:
        version = f" in version {row.version}" if row.version else ""
        told, hint = f"there is no file {row.uuid}{version} in catalog {catalog}", "it may be in another --catalog"
    return AzulNotFoundError(told, error.status, error.reason, error.hint or hint)


def _address(service: AzulService, row: Row, named: Identifier) -> str:
    """Return where the service has a file: as it was told, or else by its UUID."""
    if named.kind is Kind.FILE:
        return named.text
    params = {"catalog": named.catalog or service.catalog, "version": row.version or None}
    return row.azul_url or service.url_of("repository", "files", row.uuid, params=params)


def _of_signed(found: Signed, kind: str, row: Row) -> Resolved:
    return Resolved(found.url, found.headers, found.expires, kind, row)


def document_of(resolved: Resolved, text: str) -> dict[str, Any]:
    """Return what a person or a program is told of a file that was named by `text`."""
    from datetime import UTC, datetime

    ends = resolved.expires
    return {
        "asked": text,
        "name": resolved.row.name,
        "kind": resolved.kind,
        "url": resolved.url,
        "expires": None if ends is None else datetime.fromtimestamp(ends, UTC).isoformat(timespec="seconds"),
        "headers": dict(resolved.headers),
        "sha256": resolved.row.sha256,
        "size": resolved.row.size,
    }
