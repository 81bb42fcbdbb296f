"""All routes of the service, in the order in which they are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.azul.about import routes as about
from hca_local.azul.drs import routes as drs
from hca_local.azul.index import routes as index
from hca_local.azul.manifests import routes as manifests
from hca_local.azul.repository import routes as repository

if TYPE_CHECKING:
    from hca_local.azul.calls import Route

ROUTES: tuple[Route, ...] = (
    *about.ROUTES,
    *index.ROUTES,
    *manifests.ROUTES,
    *repository.ROUTES,
    *drs.ROUTES,
)
