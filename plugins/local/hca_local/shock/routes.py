"""Which handler a request is for."""

from __future__ import annotations

from hca_local.shock import (
    acl_routes,
    admin_routes,
    index_routes,
    location_routes,
    node_routes,
    preauth,
    restoring,
)
from hca_local.shock.calls import Route, ShockError

_UNKNOWN = "Parameters do not match a valid Shock request type."
_NOT_IMPLEMENTED = {
    ("DELETE", "/node"),
    ("PATCH", "/node"),
    ("POST", "/node/{id}/index/{type}"),
    ("PUT", "/node/{id}/acl"),
}


_MODULES = (
    node_routes, index_routes, preauth, acl_routes, location_routes, restoring, admin_routes,
)  # fmt: skip
ROUTES: tuple[Route, ...] = tuple(route for module in _MODULES for route in module.ROUTES)
_BY_LENGTH: dict[tuple[str, int], list[tuple[list[str], Route]]] = {}
for _route in ROUTES:
    _pattern = _route.pattern.strip("/").split("/") if _route.pattern.strip("/") else []
    _BY_LENGTH.setdefault((_route.method, len(_pattern)), []).append((_pattern, _route))


def find(method: str, segments: list[str]) -> tuple[Route, dict[str, str]]:
    """Return the route of a request, and the names in its path. Raises ShockError (400, 501).

    Parameters: `segments` are those of the path.
    """
    for pattern, route in _BY_LENGTH.get((method, len(segments)), ()):
        ids = _names(pattern, segments)
        if ids is not None:
            return route, ids
    for one, path in _NOT_IMPLEMENTED:
        if one == method and _names(path.strip("/").split("/"), segments) is not None:
            raise ShockError(501, "This request type is not implemented.")
    raise ShockError(400, _UNKNOWN)


def _names(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    """Return what the segments give for the names of a pattern; None if they don't fit."""
    if len(pattern) != len(segments):
        return None
    ids = {}
    for wanted, given in zip(pattern, segments, strict=True):
        if wanted.startswith("{"):
            ids[wanted[1:-1]] = given
        elif wanted != given:
            return None
    if "id" in ids and pattern[0] == "node":
        # An id has no dot; what stands behind one is a wish for a format, which nobody grants.
        ids["id"] = ids["id"].partition(".")[0]
    return ids if all(ids.values()) else None
