"""Projects as people name them: by UUID, by their page at the data portal, or by their short name (contract §15)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_azul.errors import AzulError
from hca_azul.resolve import identifiers
from hca_azul.values import as_list
from hca_core import log
from hca_core.errors import NotFoundError, UsageError, one_line

if TYPE_CHECKING:
    from hca_azul.service import AzulService


class Project(NamedTuple):
    """What the index has of a project: the whole `hit` (contract §5), and the `catalog` that it is of."""

    hit: dict[str, Any]
    catalog: str

    @property
    def inner(self) -> dict[str, Any]:
        """The project itself, whose values are scalars in this hit."""
        found: dict[str, Any] = self.hit["projects"][0]
        return found

    @property
    def id(self) -> str:
        """Its UUID."""
        return str(self.inner.get("projectId") or self.hit.get("entryId") or "")

    @property
    def name(self) -> str:
        """Its short name, "" if it has none."""
        return next((str(one) for one in as_list(self.inner.get("projectShortname")) if one), "")


def find(service: AzulService, text: str) -> Project:
    """Return the project that `text` names, by one request (and one for the catalogs, if none is given).

    The catalog in a page's URL is asked if no other one was given, and if the service still has it.

    Raises NotFoundError if there is none, UsageError if `text` names something else, AzulError.
    """
    try:
        named = identifiers.parse(text)
    except UsageError:
        if "://" in text:
            raise
        return _by_name(service, text.strip())
    uuid = identifiers.entity_id(text)
    catalog = _catalog(service, named.catalog)
    return _checked(service, service.entity("projects", uuid, catalog=catalog), catalog)


def _by_name(service: AzulService, name: str) -> Project:
    if not name:
        raise UsageError("the name of a project is empty", hint="give a UUID, a page of the portal or a short name")
    catalog = service.catalog
    filters = json.dumps({"project": {"is": [name]}}, ensure_ascii=False)
    params = {"catalog": catalog, "size": 2, "sort": "entryId", "order": "asc"}
    hits = service.filtered("index", "projects", filters=filters, params=params, keys=("hits",))["hits"]
    if not hits:
        hint = "names are exact, also in upper and lower case: hca azul get-projects lists them"
        raise NotFoundError(f"there is no project {one_line(name)!r} in catalog {catalog}", hint)
    if len(hits) > 1:
        raise UsageError(f"several projects are called {one_line(name)!r}", hint="name it by its UUID")
    return _checked(service, hits[0], catalog)


def _catalog(service: AzulService, of_page: str) -> str:
    """Return the catalog to ask; that of a page may be years old, and gone (contract §0.16)."""
    if not of_page or service.named_catalog:
        return service.catalog
    if of_page in service.catalogs["catalogs"]:
        return of_page
    log.logger().warning("there is no catalog %s any more; %s is asked", one_line(of_page), service.catalog)
    return service.catalog


def _checked(service: AzulService, hit: Any, catalog: str) -> Project:
    inner = as_list(hit.get("projects")) if isinstance(hit, dict) else []
    if len(inner) != 1 or not isinstance(inner[0], dict):
        raise AzulError(f"{service.url} tells of a project in a way that is not Azul's", hint="hca azul get-version")
    return Project({**hit, "projects": inner}, catalog)
