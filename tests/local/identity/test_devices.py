"""The device flow: a program asks and asks, a person types its code elsewhere."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any
from urllib.parse import quote

import jwt
import pytest
import requests  # noqa: TID253 - tests start once

from hca_local.identity import devices
from hca_local.identity.refusal import Refusal
from hca_local.store import database

ADA = "ada@example.org"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def start(served: Any, scope: str = "openid email offline_access") -> dict[str, Any]:
    answer = served.post("/oauth/device/code", scope=scope)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    found: dict[str, Any] = answer.json()
    return found


def ask(served: Any, device: dict[str, Any]) -> tuple[int, str]:
    answer = served.post("/oauth/token", grant_type=GRANT, device_code=device["device_code"])
    return answer.status_code, answer.json().get("error", "")


def test_a_login(served: Any, browser: Any) -> None:
    device = start(served)
    assert device["verification_uri"] == f"{served.url}/device"
    assert device["verification_uri_complete"] == f"{served.url}/device?user_code={device['user_code']}"
    assert (device["expires_in"], device["interval"]) == (600, 5)
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", device["user_code"])
    entry = browser.get(device["verification_uri"])
    answer = browser.submit(entry, action="enter", user_code=device["user_code"].lower().replace("-", " "))
    assert answer.status_code == 303
    login = browser.get(served.url + answer.headers["location"])
    assert device["user_code"] in login.text
    consent = browser.log_in(login)
    assert device["user_code"] in consent.text
    assert ask(served, device) == (400, "authorization_pending")
    done = browser.submit(consent, action="allow")
    assert (done.status_code, ADA in done.text) == (200, True)
    answer = served.post("/oauth/token", grant_type=GRANT, device_code=device["device_code"])
    tokens = answer.json()
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token"}
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["sub"] == ADA
    assert not served.is_revoked(claims["sid"])
    assert served.refresh(tokens["refresh_token"]).status_code == 200
    assert ask(served, device) == (400, "invalid_grant")  # a device code is good once
    assert browser.get(device["verification_uri_complete"]).status_code == 410


def test_the_code_in_the_link(served: Any, browser: Any) -> None:
    device = start(served)
    assert browser.consent(device["verification_uri_complete"]).status_code == 200
    assert ask(served, device) == (200, "")


def test_refusal(served: Any, browser: Any) -> None:
    device = start(served)
    answer = browser.consent(device["verification_uri_complete"], action="refuse")
    assert (answer.status_code, "refused" in answer.text) == (200, True)
    assert ask(served, device) == (400, "access_denied")
    assert browser.get(device["verification_uri_complete"]).status_code == 410
    assert served.count("sessions") == 0


def test_programs_that_ask_too_often(served: Any, browser: Any) -> None:
    device = start(served)
    assert ask(served, device) == (400, "authorization_pending")
    assert ask(served, device) == (400, "slow_down")
    served.clock.ahead = 6  # enough before, too little now
    assert ask(served, device) == (400, "slow_down")
    served.clock.ahead += 16
    assert ask(served, device) == (400, "authorization_pending")
    served.clock.ahead += 16
    assert ask(served, device) == (400, "authorization_pending")
    browser.consent(device["verification_uri_complete"])
    assert ask(served, device) == (200, "")  # nobody waits longer than he has to


def test_the_interval_that_is_told_is_long_enough(served: Any) -> None:
    device = start(served)
    for _ in range(5):
        assert ask(served, device) == (400, "authorization_pending")
        served.clock.ahead += 5


def test_expiry(served: Any, browser: Any) -> None:
    device = start(served)
    consent = browser.log_in(browser.get(device["verification_uri_complete"]))
    served.clock.ahead = 599
    assert ask(served, device) == (400, "authorization_pending")
    served.clock.ahead = 601
    assert ask(served, device) == (400, "expired_token")
    assert browser.submit(consent, action="allow").status_code == 410
    page = browser.get(device["verification_uri_complete"])
    assert (page.status_code, 'role="alert"' in page.text) == (410, True)
    assert ask(served, device) == (400, "expired_token")
    served.clock.ahead = 601 + 3600
    start(served)
    assert served.count("devices") == 1
    assert ask(served, device) == (400, "invalid_grant")


def test_a_decision_that_comes_twice(served: Any, browser: Any) -> None:
    device = start(served)
    consent = browser.log_in(browser.get(device["verification_uri_complete"]))
    assert browser.submit(consent, action="refuse").status_code == 200
    assert browser.submit(consent, action="allow").status_code == 410
    assert ask(served, device) == (400, "access_denied")


def test_a_decision_that_comes_too_late_changes_nothing(served: Any) -> None:
    with closing(database.connect(served.path)) as connection:
        device_code, user_code = devices.start(connection, ["email"], 0.0)
        assert not devices.decide(connection, user_code, ADA, 0.0, 600.0)
        assert devices.decide(connection, user_code, None, 0.0, 599.0)
        assert not devices.decide(connection, user_code, ADA, 0.0, 599.0)
        refusal = devices.ask(connection, device_code, 599.0, 60)
        assert isinstance(refusal, Refusal)
        assert refusal.error == "access_denied"


@pytest.mark.parametrize("typed", ["BCDF-GHJK", "x", "<b>", "-", "é" * 20])
def test_codes_that_nobody_shows(served: Any, browser: Any, typed: str) -> None:
    start(served)
    answer = browser.submit(browser.get(f"{served.url}/device"), action="enter", user_code=typed)
    page = browser.get(served.url + answer.headers["location"])
    assert (page.status_code, 'role="alert"' in page.text, "<b>" in page.text) == (404, True, False)
    device = start(served)
    answer = browser.submit(page, action="enter", user_code=device["user_code"])
    assert browser.get(served.url + answer.headers["location"]).status_code == 200


def test_no_code(served: Any, browser: Any) -> None:
    answer = browser.submit(browser.get(f"{served.url}/device"), action="enter", user_code="")
    assert browser.get(served.url + answer.headers["location"]).status_code == 200
    assert browser.get(f"{served.url}/device?user_code=a&user_code=b").status_code == 200
    assert browser.get(f"{served.url}/device?user_code={quote('BCDF-GHJK')}").status_code == 404


def test_requests_that_are_refused(served: Any) -> None:
    device = start(served)
    for more, expected in (
        ({"client_id": "other"}, (401, "invalid_client")),
        ({"device_code": ""}, (400, "invalid_request")),
        ({"device_code": "x"}, (400, "invalid_grant")),
    ):
        form = {"grant_type": GRANT, "device_code": device["device_code"]} | more
        answer: requests.Response = served.post("/oauth/token", **form)
        assert (answer.status_code, answer.json()["error"]) == expected
    assert served.post("/oauth/device/code", client_id="other").json()["error"] == "invalid_client"


def test_somebody_who_is_disabled_meanwhile(served: Any, browser: Any) -> None:
    device = start(served)
    browser.consent(device["verification_uri_complete"])
    served.people.disabled.add(ADA)
    assert ask(served, device) == (400, "invalid_grant")
    assert served.count("sessions") == 0
