"""The public pages of the issuer: what an OpenID Connect client reads before it trusts a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hca_local.identity.issuer import ALGORITHM, SCOPES
from hca_local.server.pages import Page

if TYPE_CHECKING:
    from starlette.requests import Request

    from hca_local.identity.issuer import Issuer

KEY_SET = "/.well-known/jwks.json"


def routes(issuer: Issuer) -> list[Route]:
    """Return the routes of the discovery document and the key set of `issuer`."""

    def configuration(request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": issuer.name,
                "jwks_uri": f"{issuer.url}{KEY_SET}",
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "scopes_supported": list(SCOPES),
            }
        )

    def key_set(request: Request) -> Response:
        return JSONResponse(issuer.key_set())

    return [Route("/.well-known/openid-configuration", Page(configuration)), Route(KEY_SET, Page(key_set))]
