"""The pages outside the API description: what is served, its version, its health."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from hca_local.server.pages import Page

if TYPE_CHECKING:
    from starlette.requests import Request

    from hca_local.server.deployment import Deployment

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>hca local</title></head><body>
<h1>hca local</h1>
<p>The data services of the Human Cell Atlas, on this machine only.</p>
<ul>
<li>Data Storage System: <code>/v1</code>, described by <a href="/v1/swagger.json">/v1/swagger.json</a></li>
<li>Users, groups and policies: <code>/v1/user</code> and others, described by
<a href="/swagger.json">/swagger.json</a>; logins: <a href="/.well-known/openid-configuration">OpenID Connect</a></li>
<li>Upload areas: <code>/v1/area</code>; <code>hca local area</code> lists them</li>
<li>At ports of their own, which <code>hca local status</code> tells: S3, Shock, and a stand-in for Azul with invented
data</li>
<li><a href="/internal/health">/internal/health</a>, <a href="/version">/version</a></li>
</ul>
<p>In a shell: <code>eval "$(hca local env)"</code>, then <code>hca dss --help</code>. To log in in a browser:
<code>hca dss login</code>, with the password that <code>hca local password</code> prints.</p>
</body></html>
"""


def routes(deployment: Deployment) -> list[Route]:
    """Return the routes of these pages for `deployment`."""

    def index(request: Request) -> Response:
        return HTMLResponse(_PAGE)

    def health(request: Request) -> Response:
        return JSONResponse({"Healthy": _can_read(deployment)})

    def version(request: Request) -> Response:
        import importlib.metadata

        found = importlib.metadata.version("hca-plugin-local")
        return JSONResponse({"version_info": {"version": found}, "upload_service_version": found})

    return [Route("/", Page(index)), Route("/internal/health", Page(health)), Route("/version", Page(version))]


def _can_read(deployment: Deployment) -> bool:
    try:
        deployment.records.execute("SELECT 1 FROM bundles LIMIT 1").fetchone()
    except sqlite3.Error:
        return False
    return True
