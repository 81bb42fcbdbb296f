"""The token endpoint and its neighbours: what they are asked, and what of their answers is believed."""

from __future__ import annotations

import dataclasses
import logging
import re

import pytest

from hca_core import log
from hca_core.errors import ExitStatus, LoginError, NetworkError
from hca_core.oauth import documents, grants
from hca_core.oauth.grants import GrantRefusedError


@pytest.fixture
def refresh(op, session):
    """A function that uses a refresh token which the provider knows."""
    op.refresh_tokens.add("refresh-secret-1")

    def run(token="refresh-secret-1", **more):
        return grants.refreshed(
            session,
            **{
                "token_endpoint": f"{op.url}/oauth/token",
                "client_id": "hca-of-tests",
                "client_secret": "",
                "refresh_token": token,
                **more,
            },
        )

    return run


def test_a_refresh_token_gives_new_tokens(op, refresh):
    tokens = refresh(scope="openid", client_secret="quite secret")
    assert tokens.access_token.startswith("access-")
    assert tokens.refresh_token in op.refresh_tokens - {"refresh-secret-1"}
    assert (tokens.expires_in, tokens.scope) == (600.0, "openid email")
    assert op.grants == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "refresh-secret-1",
            "scope": "openid",
            "client_id": "hca-of-tests",
            "client_secret": "quite secret",
        }
    ]


def test_the_old_refresh_token_is_kept_where_no_new_one_comes(op, refresh):
    op.tokens = {"refresh_token": None}
    assert refresh().refresh_token == "refresh-secret-1"
    assert set(op.grants[0]) == {"grant_type", "refresh_token", "client_id"}  # nothing that is empty is sent


def test_a_refusal_has_its_code_and_one_line(op, refresh):
    with pytest.raises(GrantRefusedError, match=r"refused \(invalid_grant: that is invalid_grant\)") as caught:
        refresh("another")
    assert caught.value.code == "invalid_grant"
    assert caught.value.exit_status == ExitStatus.LOGIN
    assert caught.value.hint == "log in again"


def test_a_refusal_with_status_200_is_one(op, refresh):
    op.faults.add("refused with 200")
    with pytest.raises(GrantRefusedError, match="sorry") as caught:
        refresh()
    assert caught.value.code == "invalid_grant"


def test_what_was_sent_is_not_told_again(op, refresh):
    """Some providers put the token into the sentence that refuses it."""
    op.faults.add("echoing")
    with pytest.raises(GrantRefusedError) as caught:
        refresh(client_secret="quite secret")
    assert "***" in caught.value.message
    assert not re.search("refresh-secret-1|quite secret", caught.value.message)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_what_was_sent_short_is_not_told_again_either(op, refresh):
    op.faults.add("echoing")
    with pytest.raises(GrantRefusedError) as caught:
        refresh("r-7")
    assert "r-7" not in caught.value.message


def test_an_error_that_cant_be_read_moves_no_terminal(op, refresh):
    op.faults.add("unreadable error")
    with pytest.raises(GrantRefusedError) as caught:
        refresh()
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("token html", "is not JSON"),
        ("token junk", "is not JSON"),
        ("token list", "no object"),
        ("token 403 html", r"refused \(HTTP 403"),
    ],
)
def test_an_answer_without_sense_is_a_login_error(op, refresh, fault, says):
    op.faults.add(fault)
    with pytest.raises(LoginError, match=says) as caught:
        refresh()
    assert not isinstance(caught.value, (GrantRefusedError, NetworkError))


def test_a_provider_in_trouble_has_refused_nothing(op, refresh):
    op.faults.add("token 500")
    with pytest.raises(NetworkError, match=r"in trouble \(HTTP 500\)") as caught:
        refresh()
    assert caught.value.exit_status == ExitStatus.NETWORK
    assert "refresh-secret-1" not in caught.value.message


def test_a_connection_that_breaks_is_a_network_error_and_the_token_is_not_sent_twice(service, session):
    service.on("POST", "/t").drop(times=5)
    with pytest.raises(NetworkError):
        grants.refreshed(session, token_endpoint=f"{service.url}/t", client_id="c", client_secret="", refresh_token="r")
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        ({"access_token": None}, "without an access token"),
        ({"access_token": ""}, "without an access token"),
        ({"access_token": "two words"}, "without an access token"),
        ({"access_token": 5}, "access_token that is no text"),
        ({"refresh_token": ["x"]}, "refresh_token that is no text"),
        ({"id_token": {}}, "id_token that is no text"),
        ({"scope": 7}, "scope that is no text"),
        ({"token_type": "mac"}, "type 'mac'"),
    ],
)
def test_tokens_of_the_wrong_kind_are_not_taken(op, refresh, tokens, says):
    op.tokens = tokens
    with pytest.raises(LoginError, match=says):
        refresh()


@pytest.mark.parametrize(
    ("told", "is_taken_as"),
    [
        *((600, 600.0), ("600", 600.0), (0.5, 0.5), (None, None), (0, None), (-5, None), (True, None), ("soon", None)),
        *(("inf", None), ("nan", None), ([], None), (10**400, None)),
    ],
)
def test_a_lifetime_that_makes_no_sense_is_none(told, is_taken_as):
    assert documents.seconds({"expires_in": told}, "expires_in") == is_taken_as


def test_a_token_type_may_be_missing_or_in_any_case(op, refresh):
    op.tokens = {"token_type": None}
    assert refresh().access_token
    op.tokens = {"token_type": "bearer", "scope": None}
    op.refresh_tokens.add("refresh-secret-1")
    assert refresh().scope == ""


def test_tokens_show_no_secret_where_they_are_printed(refresh):
    tokens = refresh()
    for secret in (tokens.access_token, tokens.refresh_token, tokens.id_token):
        assert secret
        assert secret not in repr(tokens)
        assert log.redact(f"say {secret}") == "say ***"


def test_the_log_has_none_of_it(op, refresh, caplog):
    with caplog.at_level(logging.DEBUG, "hca"):
        tokens = refresh()
    assert "POST" in caplog.text
    for secret in ("refresh-secret-1", *dataclasses.astuple(tokens)[:3]):
        assert secret not in caplog.text


def revoke(op, session, **more):
    return grants.revoked(
        session,
        **{
            "revocation_endpoint": f"{op.url}/oauth/revoke",
            "client_id": "c",
            "client_secret": "",
            "token": "refresh-secret-1",
            **more,
        },
    )


def test_a_token_is_revoked_in_json(op, session):
    assert revoke(op, session) is None
    assert op.revocations == [("application/json", '{"client_id": "c", "token": "refresh-secret-1"}')]


def test_a_token_is_revoked_in_a_form_where_json_is_not_taken(op, session):
    op.faults.add("form only")
    revoke(op, session, client_secret="s")
    assert op.revocations[1] == (
        "application/x-www-form-urlencoded",
        "token=refresh-secret-1&client_id=c&client_secret=s",
    )


def test_a_revocation_that_is_refused_is_told(op, session):
    op.faults.add("no revocation")
    with pytest.raises(GrantRefusedError, match="invalid_client"):
        revoke(op, session)
    assert len(op.revocations) == 1
