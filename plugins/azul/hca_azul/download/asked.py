"""What somebody asked for, as rows: filters, projects, files by UUID or digest, addresses (contract §15)."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from hca_azul import projects
from hca_azul.download import stores
from hca_azul.resolve import identifiers
from hca_azul.resolve.identifiers import UUID, Kind
from hca_azul.rows import Row
from hca_azul.search.filters import Filter
from hca_core.errors import LoginError, NotFoundError, UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hca_azul.client import AzulClient
    from hca_azul.manifest.rows import Rows
    from hca_azul.projects import Project
    from hca_azul.resolve.identifiers import Identifier

_AT_ONCE = 100  # UUIDs in one question: each takes 40 characters of the filters


@contextmanager
def rows(
    client: AzulClient,
    names: Sequence[str],
    filters: Filter,
    *,
    timeout: float = 1800.0,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[Iterable[Row]]:
    """Give the rows of what is asked for; they can be gone through more than once, inside the block.

    Parameters: `names` are UUIDs of files and projects, short names of projects, digests, pages of the portal,
    addresses at Azul or in the mirror; `filters` narrow the projects, or say alone what is wanted. `timeout` (seconds)
    is for the service to list it, `waiting` is called before the first wait for that.
    Raises UsageError if nothing is asked for, NotFoundError for a name of nothing, LoginError for a project that this
    user may not read, HCAError.
    """
    if not names and not filters:
        raise UsageError(
            "nothing says what to download",
            hint="name files or projects, give filters (-f organ=kidney), or --manifest",
        )
    files, wanted = _named(client, names)
    if files and filters and not wanted:
        raise UsageError("filters narrow projects; files that are named need none", hint="leave out -f")
    with stores.completed(client, files, timeout=timeout, waiting=waiting) as complete:
        if names and not wanted:
            yield complete
            return
        chosen = filters.merged(Filter({"projectId": {"is": wanted}})) if wanted else filters
        with client.manifest(chosen, timeout=timeout, waiting=waiting).rows() as listed:
            yield stores.Joined(complete, listed)


def _named(client: AzulClient, names: Sequence[str]) -> tuple[list[Row], list[str]]:
    """Return the rows of the files, and the UUIDs of the projects, that `names` name."""
    given = [_identifier(client, name) for name in names]
    files = _by_digest(client, [one.sha256 for one in given if one.kind is Kind.DIGEST])
    files += [
        Row("", sha256=one.sha256, name=one.sha256, mirror_uri=one.text) for one in given if one.kind is Kind.MIRROR
    ]
    uuids = [one for one in given if one.kind in (Kind.UUID, Kind.FILE)]
    found = _by_uuid(client, uuids)
    files += found
    known = {row.uuid for row in found}
    lost = [one.text for one in uuids if one.kind is Kind.FILE and one.uuid not in known]
    if lost:
        raise NotFoundError(
            f"there is no file {one_line(lost[0])} in catalog {client.catalog}", hint="hca azul resolve"
        )
    rest = [one.uuid for one in uuids if one.kind is Kind.UUID and one.uuid not in known]
    found_projects = [_project(client, uuid) for uuid in rest]
    found_projects += [_by_name(client, one.text) for one in given if one.kind is Kind.ENTITY]
    return files, [_readable(client, project) for project in found_projects]


def _by_name(client: AzulClient, name: str) -> Project:
    """Return a project. Raises NotFoundError for a name of nothing, perhaps that of a directory."""
    try:
        return projects.find(client.service, name)
    except NotFoundError as error:
        raise NotFoundError(error.message, f"{error.hint}; the directory to download to is given with -d") from error


def _project(client: AzulClient, uuid: str) -> Project:
    """Return a project. Raises NotFoundError for a UUID of nothing."""
    try:
        return projects.find(client.service, uuid)
    except NotFoundError as error:
        raise NotFoundError(
            f"{uuid} is neither a file nor a project in catalog {client.catalog}", error.hint
        ) from error


def _readable(client: AzulClient, project: Project) -> str:
    """Return the UUID of a project whose files can be listed; the service would list none of others (contract §10).

    Raises LoginError for one that this user may not read, UsageError for a page of another catalog.
    """
    name = one_line(project.name or project.id)
    if project.catalog != client.catalog:
        raise UsageError(
            f"that page of {name} is of catalog {project.catalog}, and files are asked for in {client.catalog}",
            hint=f"add --catalog {project.catalog}, or name the project without its page",
        )
    if project.inner.get("accessible") is False:
        known = client.service.is_authenticated
        raise LoginError(
            f"the data of project {name} are managed, and not shown to {'this user' if known else 'you'}",
            hint="ask those who own the data for access" if known else "hca azul login",
        )
    return project.id


def _identifier(client: AzulClient, name: str) -> Identifier:
    """Return what a name names; that of a project becomes its UUID. Raises UsageError, NotFoundError."""
    try:
        found = identifiers.parse(name)
    except UsageError:
        if "://" in name:
            raise
        return identifiers.Identifier(Kind.ENTITY, name, entity_type="projects")
    if found.kind is Kind.DRS or (found.kind is Kind.ENTITY and found.entity_type != "projects"):
        raise UsageError(f"{one_line(name)} can't be downloaded by that", hint="hca azul resolve, or -f FIELD=VALUE")
    return found


def _by_uuid(client: AzulClient, wanted: Sequence[Identifier]) -> list[Row]:
    """Return the rows of those that are files in the catalog. Raises NotFoundError for another version of one."""
    versions = {one.uuid: one.version for one in wanted if one.version}
    found = []
    for start in range(0, len(wanted), _AT_ONCE):
        uuids = [one.uuid for one in wanted[start : start + _AT_ONCE]]
        found += _listed(client, Filter({"fileId": {"is": uuids}}))
    for row in found:
        if versions.get(row.uuid, row.version) != row.version:
            raise NotFoundError(
                f"file {row.uuid} has version {row.version} in catalog {client.catalog}, not {versions[row.uuid]}",
                hint="name it without a version, or the catalog that had it (--catalog)",
            )
    return found


def with_digests(client: AzulClient, listed: Rows) -> Iterable[Row]:
    """Return the rows of a manifest with sizes and digests, as the index tells them: those for curl have none (§7).

    Those of a compact one are returned as they are, unless it has no such columns. Raises HCAError.
    """
    first = next(iter(listed), None)
    if first is None or not (listed.is_curl or _is_bare(first)):
        return listed
    found: list[Row] = []
    waiting = iter(listed)
    while some := list(islice(waiting, _AT_ONCE)):
        uuids = [row.uuid for row in some if _is_bare(row) and UUID.fullmatch(row.uuid)]
        hits = _listed(client, Filter({"fileId": {"is": uuids}})) if uuids else []
        known = {(row.uuid, row.version): row for row in hits}
        found += [_completed(row, known.get((row.uuid, row.version))) for row in some]
    return found


def _is_bare(row: Row) -> bool:
    return not row.sha256 and row.size is None


def _completed(row: Row, known: Row | None) -> Row:
    """Return a row with what is known of the same version of the file; its place and address stay."""
    if known is None:
        return row
    return known._replace(name=row.name or known.name, azul_url=row.azul_url, bundle_uuids=row.bundle_uuids)


def _by_digest(client: AzulClient, digests: Sequence[str]) -> list[Row]:
    """Return the rows of contents; those that the service can't find by their digest may be in the mirror."""
    found: list[Row] = []
    if digests and "sha256" in client.fields():
        for start in range(0, len(digests), _AT_ONCE):
            found += _listed(client, Filter({"sha256": {"is": list(digests[start : start + _AT_ONCE])}}))
    known = {row.sha256 for row in found}
    return found + [Row("", sha256=one, name=one) for one in digests if one not in known]


def _listed(client: AzulClient, filters: Filter) -> list[Row]:
    from hca_azul.search.hits import row_of

    return [row_of(hit) for hit in client.files(filters)]
