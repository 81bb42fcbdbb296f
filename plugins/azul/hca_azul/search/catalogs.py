"""Catalogs: the releases of the data that a service has, and which types of entities each knows (contract §2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_azul.errors import AzulError
from hca_azul.search import fields
from hca_core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from hca_azul.service import AzulService


@dataclass(frozen=True)
class Catalog:
    """A catalog; `types` are the types of entities that it can be asked for, `sources` how many it is made of."""

    name: str
    atlas: str
    is_default: bool
    is_internal: bool
    types: tuple[str, ...]
    sources: int | None = None


def catalogs(service: AzulService) -> list[Catalog]:
    """Return all catalogs, those for the service's own tests too, in the order of the service. Raises AzulError."""
    default, told = service.catalogs["default_catalog"], service.catalogs["catalogs"]
    if not isinstance(told, dict):
        raise AzulError(f"{service.url} tells of its catalogs as Azul does not", hint="check the URL (--service-url)")
    return [_catalog(name, one, name == default) for name, one in told.items()]


def types(service: AzulService) -> tuple[str, ...]:
    """Return the types of entities that the catalog which is asked has, () if it does not tell.

    Raises NotFoundError if there is no such catalog.
    """
    known = {one.name: one for one in catalogs(service)}
    if service.catalog not in known:
        like = fields.did_you_mean(service.catalog, known)
        raise NotFoundError(f"there is no catalog {service.catalog!r}{like}", hint="hca azul get-catalogs lists them")
    return known[service.catalog].types


def check_type(service: AzulService, entity_type: str) -> None:
    """Raise UsageError if the catalog has no such entities, NotFoundError if there is no such catalog."""
    known = types(service)
    if known and entity_type not in known:
        like = fields.did_you_mean(entity_type, known)
        raise UsageError(f"catalog {service.catalog} has no {entity_type!r}{like}", hint=f"it has {', '.join(known)}")


def _catalog(name: str, told: Any, is_default: bool) -> Catalog:
    told = told if isinstance(told, dict) else {}
    plugins = told.get("plugins") or {}
    sources = (plugins.get("repository") or {}).get("sources")
    return Catalog(
        name,
        str(told.get("atlas") or ""),
        is_default,
        bool(told.get("internal")) or name.endswith("-it"),
        tuple(sorted((plugins.get("metadata") or {}).get("indices") or ())),
        len(sources) if isinstance(sources, list) else None,
    )
