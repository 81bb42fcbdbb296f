"""Who sent a request: every way in which a token can be wrong, and what is remembered of those that are right."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import sqlite3
import threading
import time
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from hca_core.credentials import google
from hca_core.credentials.values import Need
from hca_local.identity import caller as module
from hca_local.identity import service_accounts
from hca_local.identity.caller import LEEWAY, MOST_CHARACTERS, Caller, Callers, TokenError
from hca_local.identity.issuer import EMAIL_CLAIM, GROUP_CLAIM, PUBLISHED_AUDIENCE, Issuer, key_id
from hca_local.identity.service_accounts import SERVICE_ACCOUNT_TABLES, ServiceAccounts
from hca_local.server import problems

URL = "http://127.0.0.1:8080"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ISSUER = Issuer(KEY, URL)
PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo

NONE = (401, "OAuthProblem", "No authorization token provided")
HEADER = (401, "OAuthProblem", "Invalid authorization header")
UNREADABLE = (401, "Unauthorized", "Failed to decode token.")
INVALID = (401, "Unauthorized", "Authorization token is invalid")
SCOPE = (401, "Unauthorized", "Authorization token is missing a scope.")
REFUSED = (403, "Forbidden", "User is not authorized to access this resource")


@pytest.fixture
def connection():
    # The server of these tests has a thread of its own.
    with sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False) as connection:
        connection.executescript(SERVICE_ACCOUNT_TABLES)
        yield connection
    connection.close()


@pytest.fixture
def revoked():
    return set()


@pytest.fixture
def callers(connection, revoked):
    return Callers(ISSUER, ServiceAccounts(connection), revoked.__contains__)


def now() -> int:
    return int(time.time())


def good() -> dict[str, Any]:
    return {
        "iss": ISSUER.name, "sub": "a@example.org", "aud": [ISSUER.name, "elsewhere"], "iat": now(), "exp": now() + 600,
        "scope": "email openid", EMAIL_CLAIM: "a@example.org", GROUP_CLAIM: "hca",
    }  # fmt: skip


def encoded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def dumped(part: Any) -> bytes:
    return part if isinstance(part, bytes) else json.dumps(part).encode()


def rs256(text: bytes, key: rsa.RSAPrivateKey = KEY) -> bytes:
    return key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def made(claims: Any = None, header: Any = None, sign: Any = rs256, **changed: Any) -> str:
    """Return a token by hand: the library refuses to make most of these. A changed claim that is None is left out."""
    if claims is None:
        claims = {name: value for name, value in {**good(), **changed}.items() if value is not None}
    if header is None:
        header = {"alg": "RS256", "typ": "JWT", "kid": key_id(KEY)}
    text = encoded(dumped(header)) + b"." + encoded(dumped(claims))
    return (text + b"." + encoded(sign(text))).decode()


def with_header(**changed: Any) -> str:
    header = {"alg": "RS256", "typ": "JWT", "kid": key_id(KEY), **changed}
    return made(header={name: value for name, value in header.items() if value is not None})


def hs256(secret: bytes) -> str:
    return made(
        header={"alg": "HS256", "typ": "JWT", "kid": key_id(KEY)}, sign=lambda t: hmac.digest(secret, t, "sha256")
    )


def es256() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(good(), key, "ES256", headers={"kid": key_id(KEY)})


def told(callers: Any, token: str | None, prefix: str = "Bearer ") -> tuple[int, str, str]:
    headers = {} if token is None else {"authorization": f"{prefix}{token}"}
    with pytest.raises(TokenError) as error:
        callers.check(headers)
    return error.value.status, error.value.code, error.value.title


# Each is made when its test runs: tokens have times.
BAD_HEADERS = {
    "empty": "",
    "blank": "   ",
    "scheme only": "Bearer",
    "scheme and blank": "Bearer ",
    "another scheme": "Basic YTpi",
    "no scheme": "eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
    "glued": "BearereyJhbGciOiJSUzI1NiJ9.e30.c2ln",
    "two tokens": "Bearer a.b.c d.e.f",
    "a comma": "Bearer a.b.c, Bearer a.b.c",
    "a no-break space": "Bearer a.b\xa0c.d",
}
BAD_TOKENS: dict[str, tuple[Any, tuple[int, str, str]]] = {
    # no token
    "a word": (lambda: "x", UNREADABLE),
    "two parts": (lambda: made().rpartition(".")[0], UNREADABLE),
    "four parts": (lambda: made() + ".x", UNREADABLE),
    "five parts, encrypted": (lambda: "e30.e30.e30.e30.e30", UNREADABLE),
    "dots": (lambda: "..", UNREADABLE),
    "no header": (lambda: "." + made().partition(".")[2], UNREADABLE),
    "no claims": (lambda: "..".join(made().split(".")[::2]), UNREADABLE),
    "not ASCII": (lambda: made() + "\xe9", UNREADABLE),
    "padded": (lambda: made() + "==", UNREADABLE),
    "base64 of another kind": (lambda: made().replace(".", "+.", 1), UNREADABLE),
    "junk in the signature": (lambda: made()[:-3] + "!" + made()[-3:], UNREADABLE),
    "cut in the header": (lambda: made()[7:], UNREADABLE),
    "quoted": (lambda: f'"{made()}"', UNREADABLE),
    "header no JSON": (lambda: made(header=b"{"), UNREADABLE),
    "header no object": (lambda: made(header=[]), UNREADABLE),
    "claims no JSON": (lambda: made(claims=b"text"), UNREADABLE),
    "claims no object": (lambda: made(claims=[good()]), UNREADABLE),
    "claims not UTF-8": (lambda: made(claims=b'{"iss": "\xff"}'), UNREADABLE),
    "half a character": (lambda: made(claims=rb'{"iss": "\ud800", "sub": "\ud800"}'), UNREADABLE),
    "deep claims": (lambda: made(claims=b"[" * 9_000), UNREADABLE),
    "deep header": (lambda: made(header=b'{"alg":' * 1_500), UNREADABLE),
    "a number of many digits": (lambda: made(claims=b'{"exp": ' + b"9" * 5_000 + b"}"), UNREADABLE),
    "too long": (lambda: made(more="x" * MOST_CHARACTERS), UNREADABLE),
    # algorithm and key
    "alg none": (lambda: made(header={"alg": "none", "typ": "JWT"}, sign=lambda t: b""), INVALID),
    "alg None": (lambda: made(header={"alg": "None", "typ": "JWT"}, sign=lambda t: b""), INVALID),
    "alg none, signed": (lambda: with_header(alg="none"), INVALID),
    "no alg": (lambda: with_header(alg=None), INVALID),
    "alg a list": (lambda: with_header(alg=["RS256"]), INVALID),
    "RS512": (lambda: jwt.encode(good(), KEY, "RS512", headers={"kid": key_id(KEY)}), INVALID),
    "PS256": (lambda: jwt.encode(good(), KEY, "PS256", headers={"kid": key_id(KEY)}), INVALID),
    "ES256": (es256, INVALID),
    "HS256 with the PEM": (lambda: hs256(KEY.public_key().public_bytes(serialization.Encoding.PEM, PUBLIC)), INVALID),
    "HS256 with the DER": (lambda: hs256(KEY.public_key().public_bytes(serialization.Encoding.DER, PUBLIC)), INVALID),
    "HS256 with the JWK": (lambda: hs256(json.dumps(ISSUER.key_set()["keys"][0]).encode()), INVALID),
    "HS256 with nothing": (lambda: hs256(b""), INVALID),
    "another key": (lambda: made(sign=lambda t: rs256(t, OTHER)), INVALID),
    "another key, its own in the header": (
        lambda: made(
            header={"alg": "RS256", "jwk": json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(OTHER.public_key()))},
            sign=lambda t: rs256(t, OTHER),
        ),
        INVALID,
    ),
    "unknown kid": (lambda: with_header(kid="unknown"), INVALID),
    "empty kid": (lambda: with_header(kid=""), INVALID),
    "kid a number": (lambda: with_header(kid=5), INVALID),
    "no signature": (lambda: made(sign=lambda t: b""), INVALID),
    "cut by a byte": (lambda: made()[:-2], INVALID),
    "cut within a byte": (lambda: made()[:-1], UNREADABLE),
    "a signature of zeros": (lambda: made(sign=lambda t: bytes(256)), INVALID),
    "claims of another token": (
        lambda: ".".join([made().split(".")[0], made(sub="b").split(".")[1], made().split(".")[2]]),
        INVALID,
    ),
    "crit": (lambda: with_header(crit=["exp"]), INVALID),
    "crit b64": (lambda: with_header(crit=["b64"], b64=True), INVALID),
    "crit empty": (lambda: with_header(crit=[]), INVALID),
    "typ of something else": (lambda: with_header(typ="JWE"), INVALID),
    "typ of a logout token": (lambda: with_header(typ="logout+jwt"), INVALID),
    "typ a list": (lambda: with_header(typ=["JWT"]), INVALID),
    # issuer
    "no issuer": (lambda: made(iss=None), REFUSED),
    "another issuer": (lambda: made(iss="https://example.org/"), REFUSED),
    "the issuer without its slash": (lambda: made(iss=URL), REFUSED),
    "the issuer in a list": (lambda: made(iss=[ISSUER.name]), REFUSED),
    "an issuer that is an object": (lambda: made(iss={}), REFUSED),
    "nothing but a form": (lambda: "e30.e30.e30", REFUSED),
    "an unknown service account": (
        lambda: made(iss="x@hca-local.iam.gserviceaccount.com", sub="x@hca-local.iam.gserviceaccount.com"),
        REFUSED,
    ),
    # audience
    "no audience": (lambda: made(aud=None), INVALID),
    "another audience": (lambda: made(aud="https://example.org/"), INVALID),
    "other audiences": (lambda: made(aud=["a", "b"]), INVALID),
    "an empty list of audiences": (lambda: made(aud=[]), INVALID),
    "a part of the audience": (lambda: made(aud=ISSUER.name[:-2]), INVALID),
    "an audience that is an object": (lambda: made(aud={ISSUER.name: 1}), INVALID),
    "audiences with a number": (lambda: made(aud=[ISSUER.name, 1]), INVALID),
    # times
    "expired": (lambda: made(exp=now() - LEEWAY - 1), INVALID),
    "no end": (lambda: made(exp=None), INVALID),
    "an end that is null": (lambda: made(claims={**good(), "exp": None}), INVALID),
    "an end that is a text": (lambda: made(exp=str(now() + 600)), INVALID),
    "an end that is true": (lambda: made(exp=True), INVALID),
    "an end in a list": (lambda: made(exp=[now() + 600]), INVALID),
    "an end that is no number": (lambda: made(exp=float("nan")), INVALID),
    "no end at all": (lambda: made(exp=float("inf")), INVALID),
    "not yet": (lambda: made(nbf=now() + LEEWAY + 20), INVALID),
    "a beginning that is a text": (lambda: made(nbf="0"), INVALID),
    "a beginning that is true": (lambda: made(nbf=True), INVALID),
    "a beginning that is null": (lambda: made(claims={**good(), "nbf": None}), INVALID),
    "made in the future": (lambda: made(iat=now() + LEEWAY + 20), INVALID),
    "made at a text": (lambda: made(iat="0"), INVALID),
    # session, scope
    "a session that is a number": (lambda: made(sid=5), INVALID),
    "a session that is null": (lambda: made(claims={**good(), "sid": None}), INVALID),
    "no scope": (lambda: made(scope=None), SCOPE),
    "a scope that is a number": (lambda: made(scope=5), SCOPE),
}


def test_there_are_many() -> None:
    assert len(BAD_TOKENS) + len(BAD_HEADERS) >= 40


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_bad_tokens(callers, name):
    make, expected = BAD_TOKENS[name]
    token = make()
    assert told(callers, token) == expected
    assert told(callers, token) == expected, "the second time"
    assert callers._kept == {}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_bad_headers(callers, name):
    assert told(callers, BAD_HEADERS[name], prefix="") == HEADER


def test_no_header(callers):
    assert told(callers, None) == NONE


@pytest.mark.parametrize(
    "token",
    [
        lambda: ISSUER.token("a@example.org", "hca", 60),
        lambda: made(),
        lambda: with_header(kid=None),
        lambda: with_header(typ=None),
        lambda: with_header(typ="jwt"),
        lambda: with_header(typ="at+JWT"),
        lambda: with_header(unheard="of"),
        lambda: made(aud=ISSUER.name),
        lambda: made(aud=PUBLISHED_AUDIENCE),
        lambda: made(aud=["x", PUBLISHED_AUDIENCE]),
        lambda: made(scope=None, scopes=["email"]),
        lambda: made(scope=[]),
        lambda: made(iat=None),
        lambda: made(exp=now() - LEEWAY + 25),
        lambda: made(exp=now() + 600.5),
        lambda: made(nbf=now() + LEEWAY - 5, iat=now() + LEEWAY - 5),
        lambda: made(sid="session"),
        lambda: made(more="x" * 9_000),
    ],
)
def test_good_tokens(callers, token):
    text = token()
    for _ in range(2):
        found = callers.check({"authorization": f"Bearer {text}"})
        assert (found.email, found.claims[GROUP_CLAIM]) == ("a@example.org", "hca")
    assert callers.check({"authorization": f"bEARER  {text}"}).claims == found.claims
    assert len(callers._kept) == 1


# --- what is remembered


def check(callers, token):
    return callers.check({"authorization": f"Bearer {token}"})


def test_a_verified_token_is_remembered_by_its_hash_only(callers):
    token = made()
    check(callers, token)
    assert list(callers._kept) == [hashlib.sha256(token.encode()).digest()]
    assert token not in repr(callers._kept)


def test_what_is_remembered_ends_with_the_token(callers, monkeypatch):
    """Neither before its end nor after it, by a clock that is put forward."""
    clock = [now()]

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromtimestamp(clock[0], tz)

    monkeypatch.setattr("jwt.api_jwt.datetime", Clock)
    monkeypatch.setattr("hca_local.identity.caller.time", SimpleNamespace(time=lambda: clock[0]))
    end = clock[0] + 100
    token = made(exp=end)
    assert check(callers, token).email
    assert len(callers._kept) == 1
    clock[0] = end + LEEWAY - 1
    assert check(callers, token).email
    clock[0] = end + LEEWAY
    with pytest.raises(TokenError) as refused:
        check(callers, token)
    assert refused.value.title == INVALID[2]
    assert callers._kept == {}


def test_so_many_are_remembered(callers, monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    tokens = [made(number=number) for number in range(4)]
    for token in tokens[:3]:
        check(callers, token)
    check(callers, tokens[0])  # used again, so the second is the oldest now
    check(callers, tokens[3])
    kept = [hashlib.sha256(tokens[number].encode()).digest() for number in (2, 0, 3)]
    assert list(callers._kept) == kept


def test_nobody_changes_what_is_remembered(callers):
    token = made()
    check(callers, token).claims[GROUP_CLAIM] = "forged"
    assert check(callers, token).claims[GROUP_CLAIM] == "hca"


def test_an_ended_session_counts_at_once(callers, revoked):
    token, other = made(sid="one"), made(sid="two")
    assert check(callers, token).email
    revoked.add("one")
    assert told(callers, token) == INVALID
    assert check(callers, other).email
    assert check(callers, made()).email
    revoked.clear()
    assert check(callers, token).email


def test_only_verified_tokens_are_asked_about(connection):
    asked = []
    callers = Callers(ISSUER, ServiceAccounts(connection), lambda session: bool(asked.append(session)))
    told(callers, made(sid="forged", sign=lambda t: bytes(256)))
    assert asked == []
    for _ in range(2):
        check(callers, made(claims={**good(), "iat": 1, "exp": now() + 600, "sid": "one"}))
    assert asked == ["one", "one"]


# --- service accounts


def robot(document, **changed):
    """Return a token that a service account has signed with the key of its document."""
    email = document["client_email"]
    claims = {**good(), "iss": email, "sub": email, "aud": PUBLISHED_AUDIENCE, "email": email, EMAIL_CLAIM: email}
    key = serialization.load_pem_private_key(document["private_key"].encode(), None)
    header = {"alg": "RS256", "typ": "JWT", "kid": document["private_key_id"], **changed.pop("header", {})}
    sign = changed.pop("sign", lambda text: rs256(text, key))
    return made(
        claims={name: value for name, value in {**claims, **changed}.items() if value is not None},
        header={name: value for name, value in header.items() if value is not None},
        sign=sign,
    )


@pytest.fixture
def account(connection):
    return service_accounts.create(connection, "robot", URL)


def test_a_service_account_signs_for_itself(callers, account):
    found = check(callers, robot(account))
    assert found.email == "robot@hca-local.iam.gserviceaccount.com"
    found.require_group(("hca",))


def test_the_group_that_a_service_account_claims_is_taken_as_it_is(callers, account):
    assert check(callers, robot(account, **{GROUP_CLAIM: "public"})).claims[GROUP_CLAIM] == "public"
    with pytest.raises(TokenError):
        check(callers, robot(account, **{GROUP_CLAIM: None})).require_group(("hca",))


def test_what_service_accounts_may_not(callers, connection, account):
    second = service_accounts.create(connection, "second", URL)
    key_of_second = {name: second[name] for name in ("private_key", "private_key_id")}
    wrong = {
        "for another": (robot(account, sub="a@example.org"), REFUSED),
        "no subject": (robot(account, sub=None), REFUSED),
        "in our name": (robot(account, iss=ISSUER.name), INVALID),
        "in our name, without a key id": (robot(account, iss=ISSUER.name, header={"kid": None}), INVALID),
        "in the name of another": (robot({**second, **{n: account[n] for n in key_of_second}}), INVALID),
        "with the key id of another": (robot({**account, "private_key_id": second["private_key_id"]}), INVALID),
        "with the key of another": (robot({**account, "private_key": second["private_key"]}), INVALID),
        "unknown key id": (robot(account, header={"kid": "x"}), INVALID),
        "no key id": (robot(account, header={"kid": None}), INVALID),
        "our key id": (robot(account, header={"kid": key_id(KEY)}), INVALID),
        "another audience": (robot(account, aud="https://example.org/"), INVALID),
        "expired": (robot(account, exp=now() - LEEWAY - 1), INVALID),
        "no scope": (robot(account, scope=None), SCOPE),
        "another algorithm": (robot(account, header={"alg": "HS256"}), INVALID),
        "not trusted": (robot({**account, "client_email": "stranger@hca-local.iam.gserviceaccount.com"}), REFUSED),
        "signed with our key": (robot(account, sign=lambda text: rs256(text, KEY)), INVALID),
        "with the e-mail address of another": (robot(account, email="admin@example.org"), REFUSED),
        "with another address in our claim": (robot(account, **{EMAIL_CLAIM: "admin@example.org"}), REFUSED),
        "with a list of addresses": (robot(account, email=[account["client_email"], "admin@example.org"]), REFUSED),
    }
    for name, (token, expected) in wrong.items():
        assert told(callers, token) == expected, name
    assert check(callers, robot(second)).email == second["client_email"]


def test_several_keys(callers, connection, account):
    second = service_accounts.create(connection, "robot", URL)
    assert second["client_email"] == account["client_email"]
    tokens = [robot(account), robot(second)]
    for token in tokens:
        assert check(callers, token).email
    service_accounts.remove(connection, account["client_email"], account["private_key_id"])
    assert told(callers, tokens[0]) == INVALID
    assert check(callers, tokens[1]).email


def test_trust_that_is_withdrawn_counts_at_once(callers, connection, account):
    token = robot(account)
    assert check(callers, token).email
    service_accounts.remove(connection, account["client_email"])
    assert told(callers, token) == REFUSED
    service_accounts.trust(connection, account)
    assert check(callers, token).email


def test_a_key_that_was_replaced_counts_at_once(callers, connection, account):
    token = robot(account)
    assert check(callers, token).email
    service_accounts.remove(connection, account["client_email"])
    public = OTHER.public_key().public_bytes(serialization.Encoding.PEM, PUBLIC).decode()
    connection.execute(
        "INSERT INTO service_accounts VALUES (?, ?, ?)", (account["client_email"], account["private_key_id"], public)
    )
    assert told(callers, token) == INVALID


def test_the_client_signs_what_the_deployment_takes(callers, account, tmp_path, monkeypatch):
    (tmp_path / "key.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    section = {
        "audience": PUBLISHED_AUDIENCE, "scope": ["email", "openid", "offline_access"],
        "claims": {GROUP_CLAIM: "hca", EMAIL_CLAIM: "{email}"},
    }  # fmt: skip
    credential = google.service_account(Need("dss", URL, {"service_account": section}))
    found = check(callers, credential.token)
    assert (found.email, found.claims["exp"]) == (account["client_email"], credential.expires_at)
    found.require_group(("hca",))


# --- how the auth service tells the same, and the old function


def auth_told(callers, token):
    with pytest.raises(TokenError) as error:
        check(callers, token)
    return error.value.auth_status, error.value.auth_detail


def test_what_the_auth_service_tells(callers):
    unable = "Unable to verify JWT. KID:{} does not exists for issuer:{}"
    assert auth_told(callers, with_header(kid="k")) == (401, unable.format("k", ISSUER.name))
    assert auth_told(callers, made(iss="https://x/")) == (401, unable.format(key_id(KEY), "https://x/"))
    assert auth_told(callers, made(exp=1)) == (401, "Authorization token is invalid")
    assert auth_told(callers, "x") == (401, "Failed to decode token.")
    assert len(auth_told(callers, made(iss="x" * 5_000))[1]) < 400


@pytest.mark.parametrize(
    "claims", [{}, {EMAIL_CLAIM: ""}, {"email": None}, {EMAIL_CLAIM: 5}, {EMAIL_CLAIM: [], "email": {}}]
)
def test_no_email(claims):
    with pytest.raises(TokenError) as error:
        _ = Caller(claims).email
    assert (error.value.status, error.value.title) == (401, "Authorization token is missing email claims.")
    assert (error.value.auth_status, error.value.auth_detail) == (403, f"{EMAIL_CLAIM} claim is missing from token.")


def test_the_plain_email():
    assert Caller({"email": "b@example.org"}).email == "b@example.org"
    assert Caller({"email": "b@example.org", EMAIL_CLAIM: "a@example.org"}).email == "a@example.org"


@pytest.mark.parametrize("group", [None, "", "HCA", ["hca"], {"hca": 1}])
def test_groups(group):
    with pytest.raises(TokenError) as error:
        Caller({GROUP_CLAIM: group}).require_group(("hca", "public"))
    assert (error.value.status, error.value.title) == (403, REFUSED[2])
    Caller({GROUP_CLAIM: "public"}).require_group(("hca", "public"))


# --- over the wire


@pytest.fixture
def server(callers):
    """Serve the check at `/`, and return the port."""

    def who(request):
        try:
            return JSONResponse({"email": callers.check(request.headers).email})
        except TokenError as error:
            return problems.response(error)

    config = uvicorn.Config(Starlette(routes=[Route("/", who)]), port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    started = threading.Event()
    startup = server.startup

    async def starting(sockets=None):
        await startup(sockets)
        started.set()

    server.startup = starting
    thread = threading.Thread(target=server.run)
    thread.start()
    assert started.wait(60)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def sent(port, *values):
    """Return status and document of the answer to a request with so many Authorization headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("GET", "/")
    for value in values:
        connection.putheader("Authorization", value)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    document = json.loads(content)
    return answer.status, document.get("email") or document["title"]


def test_headers_over_the_wire(server):
    token = made()
    assert sent(server, f"Bearer {token}") == (200, "a@example.org")
    assert sent(server) == (401, NONE[2])
    assert sent(server, f"Bearer {token}", f"Bearer {token}") == (401, HEADER[2])
    assert sent(server, f"Bearer {token}", "Bearer x") == (401, HEADER[2])
    assert sent(server, "Bearer", token) == (401, HEADER[2])
    assert sent(server, "", f"Bearer {token}") == (401, HEADER[2])
    assert sent(server, f"Bearer {token}\xe9".encode("latin-1")) == (401, UNREADABLE[2])
    assert sent(server, f"Bearer {token}\N{SNOWMAN}".encode()) == (401, UNREADABLE[2])
    assert sent(server, f"Bearer {made(more='x' * MOST_CHARACTERS)}") == (401, UNREADABLE[2])
    assert sent(server, f"Bearer {token}") == (200, "a@example.org")
