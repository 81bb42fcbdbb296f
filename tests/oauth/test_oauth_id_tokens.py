"""id_tokens: whether they are about this login (OpenID Connect Core §3.1.3.7)."""

from __future__ import annotations

import base64
import json
import time

import pytest

from hca_core.errors import LoginError
from hca_core.oauth import id_tokens
from hca_core.oauth.provider import Provider

ISSUER = "https://id.example/"
PROVIDER = Provider(issuer=ISSUER, authorization_endpoint="", token_endpoint="", client_id="mine")


def encoded(claims):
    return base64.urlsafe_b64encode(claims if isinstance(claims, bytes) else json.dumps(claims).encode()).decode()


def token(**changed):
    claims = {"iss": ISSUER, "aud": "mine", "exp": time.time() + 600, "nonce": "n", "sub": "me", **changed}
    return f"{encoded({'alg': 'RS256'})}.{encoded({name: one for name, one in claims.items() if one is not None})}.s"


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"aud": ["mine"]},
        {"aud": ["other", "mine"]},
        {"aud": ["other", "mine"], "azp": "mine"},
        {"exp": 10**300},
    ],
)
def test_a_token_of_this_login_is_good(changed):
    """Also one that another clock takes for expired; the time is looked at now, not when tests are collected."""
    check_good(exp=time.time() - id_tokens.LEEWAY_SECONDS + 30)
    check_good(**changed)


def check_good(**changed):
    id_tokens.check(token(**changed), PROVIDER, nonce="n")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"iss": "https://id.example"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"iss": [ISSUER]}, "another issuer"),
        ({"aud": "others"}, "another program"),
        ({"aud": "not mine"}, "another program"),
        ({"aud": None}, "another program"),
        ({"aud": {"mine": 1}}, "another program"),
        ({"aud": ["mine", "other"], "azp": "other"}, "another program"),
        ({"exp": None}, "when it ends"),
        ({"exp": "9999999999"}, "when it ends"),
        ({"exp": True}, "when it ends"),
        ({"exp": time.time() - id_tokens.LEEWAY_SECONDS - 5}, "has expired"),
        ({"exp": float("nan")}, "has expired"),
        ({"nonce": "m"}, "another login"),
        ({"nonce": None}, "another login"),
        ({"nonce": ["n"]}, "another login"),
        ({"nonce": "\udcff"}, "another login"),
    ],
)
def test_a_token_of_anything_else_is_not(changed, says):
    with pytest.raises(LoginError, match=says) as caught:
        id_tokens.check(token(**changed), PROVIDER, nonce="n")
    assert "nothing was stored" in caught.value.message


@pytest.mark.parametrize(
    "given",
    [
        *("x", "a.b", "a.b.c", "....", f"x.{encoded([])}.s", f"x.{encoded({})}.s", f"x.{encoded(b'{')}.s"),
        *(f"x.{encoded(b'[' * 100_000)}.s", f"{encoded({})}.{encoded({'iss': ISSUER})}", "x.\N{SNOWMAN}.s"),
    ],
)
def test_what_is_no_token_is_told(given):
    with pytest.raises(LoginError, match="can't be read"):
        id_tokens.check(given, PROVIDER, nonce="n")


def test_an_issuer_that_nothing_told_cant_be_compared():
    nameless = Provider(issuer="", authorization_endpoint="", token_endpoint="", client_id="mine")
    id_tokens.check(token(iss="https://anybody.example"), nameless, nonce="n")


def test_a_login_without_a_nonce_does_not_ask_for_one():
    id_tokens.check(token(nonce=None), PROVIDER, nonce=None)
