"""The authorization code grant: from the query in the browser to the tokens, and everything that is refused."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import requests  # noqa: TID253 - tests start once

from hca_local.identity.issuer import EMAIL_CLAIM, GROUP_CLAIM, PUBLISHED_AUDIENCE, SCOPES

ADA = "ada@example.org"
BACK = "http://127.0.0.1:9/back"


def refused(answer: requests.Response) -> tuple[int, str]:
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["error_description"]
    return answer.status_code, answer.json()["error"]


def redirected(answer: requests.Response) -> dict[str, str]:
    """Return the parameters that an application gets through the browser."""
    assert answer.status_code in (302, 303)
    location = urlsplit(answer.headers["location"])
    assert location._replace(query="").geturl() == BACK
    return {name: values[0] for name, values in parse_qs(location.query).items()}


def test_a_login(served: Any, browser: Any) -> None:
    told = redirected(browser.consent(served.authorize_url()))
    assert told["state"] == "st/at&e"
    answer = served.redeem(told["code"])
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token"}
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == (
        "Bearer",
        3600,
        "openid email offline_access",
    )
    public = served.issuer.key.public_key()
    claims = jwt.decode(tokens["access_token"], public, algorithms=["RS256"], audience=PUBLISHED_AUDIENCE)
    assert claims["iss"] == f"{served.url}/"
    assert claims["aud"] == [f"{served.url}/", PUBLISHED_AUDIENCE]
    assert (claims["sub"], claims[EMAIL_CLAIM], claims[GROUP_CLAIM]) == (ADA, ADA, "hca")
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["scope"] == "openid email offline_access"
    assert claims["jti"]
    who = jwt.decode(tokens["id_token"], public, algorithms=["RS256"], audience="hca-cli", issuer=f"{served.url}/")
    assert (who["sub"], who["email"], who["email_verified"], who["nonce"]) == (ADA, ADA, True, "no-nce")
    assert who["sid"] == claims["sid"]
    assert who["auth_time"] == int(served.clock())
    assert not served.is_revoked(claims["sid"])
    assert served.is_revoked("other")
    assert served.people.provisioned == [ADA]


def test_two_logins_are_two_sessions(served: Any) -> None:
    first, second = (jwt.decode(served.log_in()["access_token"], options={"verify_signature": False}) for _ in "ab")
    assert first["sid"] != second["sid"]
    assert first["jti"] != second["jti"]


def test_somebody_outside_the_group(served: Any) -> None:
    claims = jwt.decode(served.log_in("eve@example.org")["access_token"], options={"verify_signature": False})
    assert claims[GROUP_CLAIM] == "public"
    assert served.people.provisioned == ["eve@example.org"]


def test_the_service_takes_the_token_of_the_login_of_the_real_directory(serving: Any) -> None:
    from hca_local.fusillade import directory
    from hca_local.fusillade import schema as fusillade

    with serving(directory, fusillade.TABLES) as served:
        with closing(sqlite3.connect(served.path)) as connection, connection:
            directory.bootstrap(connection, "admin@example.org")
        groups = [
            jwt.decode(served.log_in(email)["access_token"], options={"verify_signature": False})[GROUP_CLAIM]
            for email in ("admin@example.org", "new@example.org")
        ]
        assert groups == ["hca", "public"]
        token = served.log_in("new@example.org")["access_token"]
        answer = requests.get(f"{served.url}/oauth/userinfo", headers={"Authorization": f"Bearer {token}"}, timeout=60)
        told = answer.json()[f"https://{urlsplit(served.url).netloc}/app_metadata"]["authorization"]
        assert told["groups"] == ["user_default"]
        assert "fus:GetUser" in told["scope"]


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (None, "openid email"),
        ("", "openid email"),
        ("email", "email"),
        ("email email openid", "email openid"),
        ("openid root", "openid"),
        ("root", "openid email"),
        (" ".join(SCOPES), "email openid offline_access"),
    ],
)
def test_scopes(served: Any, asked: str | None, granted: str) -> None:
    tokens = served.log_in(scope=asked)
    assert tokens["scope"] == granted
    assert ("refresh_token" in tokens) == ("offline_access" in granted)
    assert ("id_token" in tokens) == ("openid" in granted)


def test_a_request_without_state_and_nonce(served: Any, browser: Any) -> None:
    told = redirected(browser.consent(served.authorize_url(state=None, nonce=None)))
    assert told.keys() == {"code"}
    who = jwt.decode(served.redeem(told["code"]).json()["id_token"], options={"verify_signature": False})
    assert "nonce" not in who


def test_a_redirect_uri_with_a_query(served: Any, browser: Any) -> None:
    answer = browser.consent(served.authorize_url(redirect_uri=f"{BACK}?a=1"))
    assert answer.headers["location"].startswith(f"{BACK}?a=1&code=")


def test_refusal(served: Any, browser: Any) -> None:
    told = redirected(browser.consent(served.authorize_url(), action="refuse"))
    assert (told["error"], told["state"]) == ("access_denied", "st/at&e")
    assert served.count("codes") == 0


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": None, "respone_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "x"}, "request_uri_not_supported"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none", "code_challenge": None}, "invalid_request"),
    ],
)
def test_requests_that_are_refused_to_the_application(
    served: Any, browser: Any, changed: dict[str, str | None], error: str
) -> None:
    told = redirected(browser.get(served.authorize_url(**changed)))
    assert (told["error"], told["state"]) == (error, "st/at&e")
    assert told["error_description"]
    assert "code" not in told


@pytest.mark.parametrize("changed", [{"response_type": None}, {"response_type": None, "respone_type": "code"}])
def test_clients_that_follow_the_published_description(
    served: Any, browser: Any, changed: dict[str, str | None]
) -> None:
    assert browser.get(served.authorize_url(**changed)).status_code == 200


FOREIGN = [
    "https://example.org/",
    "http://example.org:80/",
    "https://127.0.0.1/",
    "http://127.0.0.1.example.org/",
    "http://127.0.0.1@example.org/",
    "http://user@127.0.0.1/",
    "http://127.0.0.1:80@example.org/",
    "http://localhost.example.org/",
    "http://127.0.0.1#@example.org/",
    "http://127.0.0.1:1/back#fragment",
    "http://127.0.0.1\\@example.org/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:x/",
    "http://127.1/",
    "http://127a0b0c1/",
    "http://2130706433/",
    "http://[::1]@example.org/",
    "http://[::2]:1/",
    "http://127.0.0.1:1/a b",
    "http://127.0.0.1:1/\r\nSet-Cookie: a=b",
    "http://127.0.0.1:1/\u00e9",
    "//127.0.0.1:1/",
    "javascript:alert(1)",
    "urn:ietf:wg:oauth:2.0:oob",
    " http://127.0.0.1:1/",
    "http://127.0.0.1:1/\n",
    "",
]


@pytest.mark.parametrize("uri", FOREIGN)
def test_foreign_redirect_uris(served: Any, browser: Any, uri: str) -> None:
    for changed in ({}, {"code_challenge": None}):
        answer = browser.get(served.authorize_url(redirect_uri=uri, **changed))
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert 'role="alert"' in answer.text
    answer = browser.get(f"{served.url}/oauth/authorize?{urlencode({'redirect_uri': uri})}")
    assert answer.status_code == 400


def test_other_pages_of_the_deployment_get_no_codes(served: Any, browser: Any) -> None:
    port = urlsplit(served.url).port
    for uri in (f"{served.url}/device", f"http://localhost:{port}/oauth/authorize", f"http://[::1]:{port}/echo"):
        assert browser.get(served.authorize_url(redirect_uri=uri)).status_code == 400


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:1",
        "http://127.0.0.1/",
        "http://localhost:65535/a/b?c=d",
        "http://[::1]:1/",
        "http://localhost",
    ],
)
def test_programs_on_this_machine_get_codes(served: Any, browser: Any, uri: str) -> None:
    answer = browser.consent(served.authorize_url(redirect_uri=uri))
    assert answer.headers["location"].startswith(uri)
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    assert served.redeem(code, redirect_uri=uri).status_code == 200


def test_a_foreign_application_gets_a_page(served: Any, browser: Any) -> None:
    answer = browser.get(served.authorize_url(client_id="other"))
    assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize("added", ["client_id=hca-cli", "redirect_uri=http://127.0.0.1:1/", "state=x", "x=%ff"])
def test_parameters_that_come_twice_or_are_unreadable(served: Any, browser: Any, added: str) -> None:
    answer = browser.get(f"{served.authorize_url()}&{added}")
    assert (answer.status_code, "location" in answer.headers) == (400, False)


def test_a_replayed_code_is_refused_and_ends_its_login(served: Any) -> None:
    code = served.code()
    tokens = served.redeem(code).json()
    sid = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]
    assert not served.is_revoked(sid)
    served.clock.ahead = 3000  # long after the code's own time, and after others have tidied up
    served.code()
    assert refused(served.redeem(code)) == (400, "invalid_grant")
    assert served.is_revoked(sid)
    assert refused(served.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert refused(served.redeem(code)) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": "x" * 43},
        {"code_verifier": "\u00e9" * 43},
        {"redirect_uri": "http://127.0.0.1:9/other"},
        {"redirect_uri": "http://localhost:9/back"},
    ],
)
def test_a_stolen_code_is_good_for_nobody(served: Any, changed: dict[str, str]) -> None:
    code = served.code()
    assert refused(served.redeem(code, **changed)) == (400, "invalid_grant")
    assert refused(served.redeem(code)) == (400, "invalid_grant")
    assert served.count("sessions") == 0


def test_an_expired_code(served: Any) -> None:
    code = served.code()
    served.clock.ahead = 59
    late = served.code()
    assert served.redeem(code).status_code == 200
    served.clock.ahead = 59 + 61
    assert refused(served.redeem(late)) == (400, "invalid_grant")
    served.code()
    assert served.count("codes") == 2  # the expired one is gone; the used one is remembered


def test_unknown_codes(served: Any) -> None:
    assert refused(served.redeem("x")) == (400, "invalid_grant")


@pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "code_verifier"])
@pytest.mark.parametrize("value", [None, ""])
def test_what_a_request_for_tokens_must_have(served: Any, name: str, value: str | None) -> None:
    code = served.code()
    status, error = refused(served.redeem(code, **{name: value}))
    assert status == 400
    assert error == ("unsupported_grant_type" if (name, value) == ("grant_type", "") else "invalid_request")
    assert served.redeem(code).status_code == 200  # it was not used up


@pytest.mark.parametrize("grant", ["password", "client_credentials", "implicit"])
def test_other_grants(served: Any, grant: str) -> None:
    assert refused(served.post("/oauth/token", grant_type=grant)) == (400, "unsupported_grant_type")


def secret(served: Any) -> str:
    found: str = requests.get(f"{served.url}/internal/application_secrets", timeout=60).json()["installed"][
        "client_secret"
    ]
    return found


def test_the_application_by_body_and_by_header(served: Any) -> None:
    given = secret(served)
    assert served.redeem(served.code(), client_secret=given).status_code == 200
    form = {"grant_type": "authorization_code", "code": served.code(), "redirect_uri": BACK}
    form["code_verifier"] = "a-verifier-that-only-the-application-knows-0123456789"
    url = f"{served.url}/oauth/token"
    assert requests.post(url, data=form, auth=("hca-cli", given), timeout=60).status_code == 200


@pytest.mark.parametrize("client", [None, "", "other", "HCA-CLI"])
def test_foreign_applications(served: Any, client: str | None) -> None:
    code = served.code()
    answer = served.redeem(code, client_id=client)
    assert refused(answer) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert served.redeem(code).status_code == 200


def test_wrong_secrets(served: Any) -> None:
    code = served.code()
    assert refused(served.redeem(code, client_secret="wrong")) == (401, "invalid_client")
    assert refused(served.redeem(code, client_secret="\u00e9")) == (401, "invalid_client")
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    url = f"{served.url}/oauth/token"
    assert refused(requests.post(url, data=form, auth=("hca-cli", "wrong"), timeout=60)) == (401, "invalid_client")
    assert refused(requests.post(url, data=form, auth=("other", secret(served)), timeout=60)) == (401, "invalid_client")
    both = form | {"client_id": "other"}
    answer = requests.post(url, data=both, auth=("hca-cli", secret(served)), timeout=60)
    assert refused(answer) == (400, "invalid_request")


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !", "Bearer abc", "", f"Basic {base64.b64encode(b'hca-cli').decode()}", "Basic /w=="]
)
def test_unreadable_headers(served: Any, header: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "hca-cli"}
    answer = requests.post(f"{served.url}/oauth/token", data=form, headers={"Authorization": header}, timeout=60)
    assert refused(answer) == (401, "invalid_client")


PATHS = ["/oauth/token", "/oauth/revoke", "/oauth/device/code"]


@pytest.mark.parametrize("path", PATHS)
def test_malformed_bodies(served: Any, path: str) -> None:
    def send(body: bytes, content_type: str = "application/x-www-form-urlencoded") -> tuple[int, str]:
        headers = {"Content-Type": content_type}
        return refused(requests.post(served.url + path, data=body, headers=headers, timeout=60))

    assert send(b"grant_type=%ff&client_id=hca-cli") == (400, "invalid_request")
    assert send(b"\xff") == (400, "invalid_request")
    assert send(b"client_id=hca-cli&client_id=hca-cli") == (400, "invalid_request")
    assert send(b"a=b&" * 101) == (400, "invalid_request")
    assert send(b"x" * (64 * 1024 + 1)) == (413, "invalid_request")
    assert send(b"client_id=hca-cli", "text/plain") == (415, "invalid_request")
    assert send(b"") in ((400, "invalid_request"), (401, "invalid_client"))


@pytest.mark.parametrize("path", PATHS)
def test_huge_bodies_are_not_read_to_their_end(served: Any, path: str) -> None:
    def blocks() -> Any:
        for _ in range(200):
            yield b"x" * 65536

    try:
        answer = requests.post(
            served.url + path, data=blocks(), headers={"Content-Type": "application/x-www-form-urlencoded"}, timeout=60
        )
    except requests.ConnectionError:
        return  # the server has hung up while the body was still being sent
    assert answer.status_code == 413


@pytest.mark.parametrize("path", PATHS)
def test_methods(served: Any, path: str) -> None:
    answer = requests.get(served.url + path, timeout=60)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_the_service_in_its_own_name(served: Any, browser: Any) -> None:
    """Without an application `/oauth/authorize` sends the browser to itself, `/internal/cb` shows the tokens."""
    answer = browser.get(f"{served.url}/oauth/authorize?x=y")
    assert answer.status_code == 302
    answer = browser.consent(served.url + answer.headers["location"])
    assert answer.headers["location"].startswith(f"{served.url}/internal/cb?code=")
    shown = requests.get(answer.headers["location"], headers={"Cookie": "a=secret"}, timeout=60)
    told = shown.json()
    assert told.keys() == {"headers", "query", "token_endpoint", "res", "tok"}
    assert told["tok"]["email"] == ADA
    assert told["res"]["access_token"].count(".") == 2
    assert "secret" not in shown.text
    assert browser.get(answer.headers["location"]).status_code == 401  # a code is good once


def test_the_service_in_its_own_name_for_a_program(served: Any, browser: Any) -> None:
    query = urlencode({"redirect_uri": BACK, "state": "mine"})
    location = served.url + browser.get(f"{served.url}/oauth/authorize?{query}").headers["location"]
    answer = browser.get(browser.consent(location).headers["location"])
    told = redirected(answer)
    assert told["state"] == "mine"
    assert told.keys() == {
        "access_token", "expires_in", "id_token", "scope", "token_type", "decoded_token", "state"
    }  # fmt: skip


def test_the_page_says_who_gets_the_answer_in_the_end(served: Any, browser: Any) -> None:
    """And the browser is allowed to go there: the policy of a page counts for redirects of its forms, too."""
    query = urlencode({"redirect_uri": BACK, "state": "mine"})
    location = served.url + browser.get(f"{served.url}/oauth/authorize?{query}").headers["location"]
    page = browser.log_in(browser.get(location))
    assert "<code>127.0.0.1:9</code>" in page.text
    assert "http://127.0.0.1:9" in page.headers["content-security-policy"]


@pytest.mark.parametrize("goal", ["http://evil.org/", "http://127.0.0.1:9; script-src *", "x", 5])
def test_a_state_cannot_open_the_page_to_others(served: Any, browser: Any, goal: object) -> None:
    state = base64.urlsafe_b64encode(json.dumps({"redirect_uri": goal}).encode()).decode().rstrip("=")
    url = served.authorize_url(redirect_uri=f"{served.url}/internal/cb", state=state)
    page = browser.log_in(browser.get(url))
    policy = page.headers["content-security-policy"]
    assert "evil" not in policy + page.text
    assert "script-src *" not in policy


@pytest.mark.parametrize("scope", ["email", "openid offline_access", "offline_access", ""])
def test_nobody_gets_more_than_the_service_asks_for_in_its_own_name(served: Any, browser: Any, scope: str) -> None:
    query = urlencode({"redirect_uri": BACK, "state": "mine"})
    location = served.url + browser.get(f"{served.url}/oauth/authorize?{query}").headers["location"]
    changed = re.sub(r"scope=[^&]*", f"scope={scope.replace(' ', '+')}", location)
    assert changed != location
    told = redirected(browser.get(browser.consent(changed).headers["location"]))
    assert (told["scope"], "refresh_token" in told, "id_token" in told) == ("openid email", False, True)


def test_a_state_that_was_made_elsewhere_opens_nothing(served: Any, browser: Any) -> None:
    location = served.url + browser.get(f"{served.url}/oauth/authorize").headers["location"]
    code = parse_qs(urlsplit(browser.consent(location).headers["location"]).query)["code"][0]
    state = base64.urlsafe_b64encode(b'{"redirect_uri": "https://example.org/"}').decode()
    answer = browser.get(f"{served.url}/internal/cb?{urlencode({'code': code, 'state': state})}")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_grant")


@pytest.mark.parametrize("query", ["", "code=x", "state=x", "code=x&state=x"])
def test_callbacks_without_a_code(served: Any, browser: Any, query: str) -> None:
    assert browser.get(f"{served.url}/internal/cb?{query}").status_code == 401


def test_a_callback_with_an_error(served: Any, browser: Any) -> None:
    answer = browser.get(f"{served.url}/oauth/authorize?prompt=none")
    answer = browser.get(served.url + answer.headers["location"])
    answer = browser.get(answer.headers["location"])
    assert answer.json()["query"]["error"] == "login_required"
    assert browser.get(f"{served.url}/internal/cb?a=1&a=2").status_code == 400
