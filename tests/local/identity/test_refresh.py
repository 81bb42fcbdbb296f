"""Refresh tokens: rotation, processes that share one, thieves; and the end of logins."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
import requests  # noqa: TID253 - tests start once

from hca_local.identity.issuer import GROUP_CLAIM

DAY = 24 * 3600


def sid_of(tokens: dict[str, Any]) -> str:
    found: str = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]
    return found


def refused(answer: requests.Response) -> tuple[int, str]:
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()["error"]


def test_rotation(served: Any) -> None:
    first = served.log_in()
    second = served.refresh(first["refresh_token"]).json()
    third = served.refresh(second["refresh_token"]).json()
    assert len({tokens["refresh_token"] for tokens in (first, second, third)}) == 3
    assert len({tokens["access_token"] for tokens in (first, second, third)}) == 3
    assert {sid_of(tokens) for tokens in (first, second, third)} == {sid_of(first)}
    assert third["scope"] == "openid email offline_access"
    assert jwt.decode(third["id_token"], options={"verify_signature": False})["nonce"] == "no-nce"


def test_a_token_again_within_a_minute(served: Any) -> None:
    first = served.log_in()
    second = served.refresh(first["refresh_token"]).json()
    served.clock.ahead = 59
    again = served.refresh(first["refresh_token"])
    assert again.status_code == 200
    assert sid_of(again.json()) == sid_of(first)
    assert served.refresh(again.json()["refresh_token"]).status_code == 200
    assert served.refresh(second["refresh_token"]).status_code == 200


def test_a_token_again_later_ends_the_login(served: Any) -> None:
    first = served.log_in()
    second = served.refresh(first["refresh_token"]).json()
    served.clock.ahead = 59
    assert served.refresh(first["refresh_token"]).status_code == 200  # it doesn't make the minute longer
    served.clock.ahead = 61
    assert refused(served.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert served.is_revoked(sid_of(first))
    assert refused(served.refresh(second["refresh_token"])) == (400, "invalid_grant")
    assert (served.count("refresh_tokens"), served.count("codes")) == (0, 0)


def test_twenty_processes_with_one_token(served: Any) -> None:
    first = served.log_in()
    together = threading.Barrier(20)

    def refresh(_: int) -> requests.Response:
        together.wait()
        answer: requests.Response = served.refresh(first["refresh_token"])
        return answer

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(refresh, range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert {sid_of(answer.json()) for answer in answers} == {sid_of(first)}
    tokens = {answer.json()["refresh_token"] for answer in answers}
    assert len(tokens) == 20
    assert {served.refresh(token).status_code for token in tokens} == {200}
    assert served.count("sessions") == 1


def test_a_login_that_is_used_lasts(served: Any) -> None:
    tokens = served.log_in()
    for day in (29, 58):
        served.clock.ahead = day * DAY
        tokens = served.refresh(tokens["refresh_token"]).json()
    served.clock.ahead = 89 * DAY
    assert refused(served.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert (served.count("sessions"), served.count("refresh_tokens"), served.count("codes")) == (0, 0, 0)


def test_a_login_that_can_not_be_refreshed_is_forgotten_with_its_token(served: Any) -> None:
    sid = sid_of(served.log_in(scope="openid email"))
    served.clock.ahead = 3599
    served.code()
    assert not served.is_revoked(sid)
    served.clock.ahead = 3601
    served.code()
    assert served.is_revoked(sid)


def test_less_scopes(served: Any) -> None:
    token = served.log_in()["refresh_token"]
    answer = served.refresh(token, scope="email").json()
    assert answer["scope"] == "email"
    assert jwt.decode(answer["access_token"], options={"verify_signature": False})["scope"] == "email"
    assert served.refresh(answer["refresh_token"]).json()["scope"] == "openid email offline_access"
    few = served.log_in(scope="email offline_access")["refresh_token"]
    assert refused(served.refresh(few, scope="email openid")) == (400, "invalid_scope")
    assert served.refresh(few).status_code == 200


def test_what_the_old_client_sends_besides(served: Any) -> None:
    token = served.log_in()["refresh_token"]
    assert served.refresh(token, params="{'replica': 'aws'}").status_code == 200


def test_unknown_and_missing_tokens(served: Any) -> None:
    tokens = served.log_in()
    assert refused(served.refresh("x")) == (400, "invalid_grant")
    assert refused(served.refresh(tokens["access_token"])) == (400, "invalid_grant")
    assert refused(served.refresh("")) == (400, "invalid_request")
    assert refused(served.refresh(tokens["refresh_token"], client_id="other")) == (401, "invalid_client")
    assert served.refresh(tokens["refresh_token"]).status_code == 200


def test_somebody_who_is_disabled(served: Any) -> None:
    tokens, code = served.log_in(), served.code()
    served.people.disabled.add("ada@example.org")
    assert refused(served.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert served.is_revoked(sid_of(tokens))
    assert refused(served.redeem(code)) == (400, "invalid_grant")
    assert served.count("sessions") == 0


def test_the_group_is_that_of_now(served: Any) -> None:
    token = served.log_in()["refresh_token"]
    served.people.groups["ada@example.org"] = ["user_default"]
    access = served.refresh(token).json()["access_token"]
    assert jwt.decode(access, options={"verify_signature": False})[GROUP_CLAIM] == "public"


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
@pytest.mark.parametrize("how", ["json", "data"])
def test_revoking(served: Any, which: str, how: str) -> None:
    tokens, other = served.log_in(), served.log_in()
    body: Any = {how: {"client_id": "hca-cli", "token": tokens[which]}}
    answer = requests.post(f"{served.url}/oauth/revoke", timeout=60, **body)
    assert answer.status_code == 200
    assert served.is_revoked(sid_of(tokens))
    assert not served.is_revoked(sid_of(other))
    assert refused(served.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert requests.get(f"{served.url}/oauth/userinfo", headers=bearer, timeout=60).status_code == 401
    assert requests.post(f"{served.url}/oauth/revoke", timeout=60, **body).status_code == 200  # it has ended already


def test_revoking_what_needs_no_end(served: Any) -> None:
    assert served.post("/oauth/revoke", token="unknown").status_code == 200
    assert served.post("/oauth/revoke", token="a.b.c").status_code == 200


def test_revoking_a_token_whose_time_is_over(served: Any) -> None:
    tokens = served.log_in()
    old = served.issuer.token("ada@example.org", "hca", -10, session=sid_of(tokens))
    assert served.post("/oauth/revoke", token=old).status_code == 200
    assert served.is_revoked(sid_of(tokens))


def test_a_forged_token_ends_nothing(served: Any) -> None:
    tokens = served.log_in()
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    forged = jwt.encode(claims, "secret" * 10, "HS256")
    assert served.post("/oauth/revoke", token=forged).status_code == 200
    assert not served.is_revoked(sid_of(tokens))


def test_what_can_not_be_revoked(served: Any) -> None:
    token = served.issuer.token("ada@example.org", "hca", 600)
    assert refused(served.post("/oauth/revoke", token=token)) == (400, "unsupported_token_type")
    assert refused(served.post("/oauth/revoke")) == (400, "invalid_request")
    assert refused(served.post("/oauth/revoke", token="x", client_id="other")) == (401, "invalid_client")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"null", b"[" * 5000, b'{"token": "\\ud800"}', b"\xff"])
def test_revoking_with_json_that_is_none(served: Any, body: bytes) -> None:
    url, headers = f"{served.url}/oauth/revoke", {"Content-Type": "application/json"}
    assert refused(requests.post(url, data=body, headers=headers, timeout=60)) == (400, "invalid_request")


def test_secrets_are_not_in_the_store(served: Any) -> None:
    code = served.code()
    tokens = served.redeem(code).json()
    renewed = served.refresh(tokens["refresh_token"]).json()
    device = served.post("/oauth/device/code").json()
    secrets = [code, tokens["refresh_token"], renewed["refresh_token"], device["device_code"], device["user_code"]]
    secrets += [tokens["access_token"], tokens["id_token"], device["user_code"].replace("-", "")]
    stored = b"".join(path.read_bytes() for path in served.path.parent.glob("store.sqlite3*"))
    assert b"ada@example.org" in stored
    assert [secret for secret in secrets if secret.encode() in stored] == []
