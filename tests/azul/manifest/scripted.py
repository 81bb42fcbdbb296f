"""A scripted service that makes manifests, a storage beside it, and a client that does not wait long."""

from __future__ import annotations

from typing import Any

from hca_azul.client import AzulClient
from hca_core.testing import Reply, Request, reply

PUT = ("PUT", "/fetch/manifest/files")
JOB = "/fetch/manifest/files/"
KEPT = "/signed/manifest"
TOKEN = "a-token-of-the-service"


def quick(url: str, **settings: Any) -> AzulClient:
    """Return a client that is logged in and waits only shortly."""
    settings = {"token": TOKEN, "tries": 2, "first_wait": 0.01, "most_wait": 0.02, "catalog": "dcp1", **settings}
    return AzulClient(url=url, **settings)


def running(url: str, token: str, after: object = 0.01) -> dict[str, Any]:
    """Return what the service tells of a job that runs."""
    return {"Status": 301, "Location": f"{url}{JOB}{token}", "Retry-After": after}


def done(url: str) -> dict[str, Any]:
    """Return what the service tells of a job that is done."""
    return {"Status": 302, "Location": url, "CommandLine": {"bash": "curl x"}}


def stored(content: bytes, tag: str = '"1"', **headers: str) -> Reply:
    """Return what storage answers for a manifest."""
    return reply(body=content, headers={"ETag": tag, **headers}, ranges=True)


def secrets_sent(requests: list[Request]) -> list[str]:
    """Return the paths of those requests that carried a login."""
    return [request.path for request in requests if "Authorization" in request.headers]
