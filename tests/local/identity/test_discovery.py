"""What applications read before a login, who a token belongs to, and the small pages around a login."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
import requests  # noqa: TID253 - tests start once

from hca_local.identity.issuer import EMAIL_CLAIM, GROUP_CLAIM

ADA = "ada@example.org"


def get(served: Any, path: str, **headers: str) -> requests.Response:
    return requests.get(served.url + path, headers=headers, timeout=60, allow_redirects=False)


def test_configuration(served: Any) -> None:
    told = get(served, "/.well-known/openid-configuration").json()
    assert told["issuer"] == f"{served.url}/"
    keys = jwt.PyJWKClient(told["jwks_uri"])
    token = served.log_in()["id_token"]
    assert jwt.decode(token, keys.get_signing_key_from_jwt(token).key, algorithms=["RS256"], audience="hca-cli")
    assert get(served, told["authorization_endpoint"].removeprefix(served.url)).status_code == 302
    for name in ("token_endpoint", "revocation_endpoint", "device_authorization_endpoint"):
        assert requests.post(told[name], timeout=60).status_code == 415
    assert requests.get(told["userinfo_endpoint"], timeout=60).status_code == 401
    assert requests.get(told["end_session_endpoint"], timeout=60).status_code == 200
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["response_types_supported"] == ["code"]
    assert len(told["grant_types_supported"]) == 3


@pytest.mark.parametrize("host", ["example.org", "localhost", "127.0.0.1", "127.0.0.1:1"])
def test_the_configuration_is_for_one_host(served: Any, host: str) -> None:
    answer = get(served, "/.well-known/openid-configuration", Host=host)
    own = urlsplit(served.url).netloc
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Bad Request",
        "detail": f"host: {host}, is not supported. host must be {own}.",
        "status": 400,
    }


def test_what_old_clients_read(served: Any) -> None:
    told = get(served, "/internal/application_secrets").json()["installed"]
    assert told.keys() == {"client_id", "client_secret", "auth_uri", "token_uri", "redirect_uris", "project_id"}
    assert (told["auth_uri"], told["token_uri"]) == (f"{served.url}/oauth/authorize", f"{served.url}/oauth/token")
    assert told["client_secret"] == get(served, "/internal/application_secrets").json()["installed"]["client_secret"]
    assert len(told["client_secret"]) == 43


@pytest.mark.parametrize("path", ["/login?redirect_uri=http://127.0.0.1:1/&state=x", "/login/"])
def test_login(served: Any, path: str) -> None:
    answer = get(served, path)
    assert (answer.status_code, answer.headers["location"]) == (301, "/oauth/authorize")


def test_logout(served: Any, browser: Any) -> None:
    browser.log_in(browser.get(served.authorize_url()))
    answer = browser.get(f"{served.url}/logout?client_id=a%0d%0ab")
    assert (answer.status_code, answer.headers["location"]) == (200, f"{served.url}/logout?client_id=a%0D%0Ab")
    assert "<h1>Log in</h1>" in browser.get(served.authorize_url()).text
    assert get(served, "/logout").headers["location"] == f"{served.url}/logout?client_id=hca-cli"


def test_echo(served: Any) -> None:
    answer = get(
        served, "/echo?code=a%20b&state=s&x=<b>", Authorization="Bearer secret", Cookie="c=secret", Other="shown"
    )
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == (
        "text/plain; charset=utf-8", "nosniff"
    )  # fmt: skip
    assert "secret" not in answer.text
    lines = answer.text.splitlines()
    assert (lines[2], lines[4]) == ("    a b", "The state that belongs to it: s")
    for part in ('"method": "GET"', '"other": "shown"', '"x": "<b>"', '"query_params"'):
        assert part in answer.text
    assert (
        "failed: The person has refused." in get(served, "/echo?error=a&error_description=The+person+has+refused.").text
    )
    assert get(served, "/echo").text.startswith("{")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_userinfo(served: Any, method: str) -> None:
    tokens = served.log_in()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = requests.request(method, f"{served.url}/oauth/userinfo", headers=headers, timeout=60)
    told = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert (told["sub"], told["email"], told[EMAIL_CLAIM], told[GROUP_CLAIM]) == (ADA, ADA, ADA, "hca")
    assert told[f"https://{urlsplit(served.url).netloc}/app_metadata"] == {
        "authorization": {"groups": ["user_default", "hca"], "roles": ["default_user"], "scope": ["fus:GetUser"]}
    }


def test_userinfo_makes_a_new_user_known(served: Any) -> None:
    headers = {"Authorization": f"Bearer {served.issuer.token('new@example.org', 'public', 60)}"}
    for _ in range(2):
        assert requests.get(f"{served.url}/oauth/userinfo", headers=headers, timeout=60).status_code == 200
    assert served.people.provisioned == ["new@example.org"]


def test_userinfo_refuses(served: Any) -> None:
    answer = get(served, "/oauth/userinfo")
    assert answer.json() == {
        "type": "about:blank", "title": "Unauthorized", "detail": "No authorization token provided", "status": 401
    }  # fmt: skip
    assert answer.headers["www-authenticate"].startswith("Bearer")
    tokens = served.log_in()
    # An ID token tells an application who has logged in; it is no key to anything.
    refused = get(served, "/oauth/userinfo", Authorization=f"Bearer {tokens['id_token']}")
    assert (refused.status_code, refused.json()["title"]) == (401, "Unauthorized")
    served.people.disabled.add(ADA)
    refused = get(served, "/oauth/userinfo", Authorization=f"Bearer {tokens['access_token']}")
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "User must be enabled to make authenticated requests.",
    )


@pytest.mark.parametrize(
    "path", ["/.well-known/openid-configuration/", "/.well-known/jwks.json/", "/echo/", "/logout/", "/device/"]
)
def test_slashes_at_the_end(served: Any, path: str) -> None:
    assert get(served, path).status_code == get(served, path[:-1]).status_code == 200


@pytest.mark.parametrize("path", ["/echo", "/login", "/.well-known/jwks.json", "/internal/cb"])
def test_methods(served: Any, path: str) -> None:
    assert requests.head(served.url + path, timeout=60).status_code == get(served, path).status_code
    answer = requests.delete(served.url + path, timeout=60)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
