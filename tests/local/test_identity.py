"""Bearer tokens: checked exactly where the service checks them, in its order, with its statuses and codes."""

from __future__ import annotations

import base64
import hmac
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import jwt
import ports
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hca_core.credentials import entries
from hca_core.credentials.values import DEFAULT_PROFILE
from hca_local import control
from hca_local.dss import description
from hca_local.identity.caller import LEEWAY
from hca_local.identity.issuer import EMAIL_CLAIM, GROUP_CLAIM, PUBLISHED_AUDIENCE, load_key

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

UUID = "00000000-0000-4000-8000-000000000000"
SECURED = {(one.method, one.path) for one in description.operations() if one.secured}
REFUSED = (403, "Forbidden", "User is not authorized to access this resource")
INVALID = (401, "Unauthorized", "Authorization token is invalid")


def told(answer: requests.Response) -> tuple[int, str, str]:
    problem = answer.json()
    return answer.status_code, problem["code"], problem["title"]


@pytest.fixture(scope="session")
def claims(writing: Any) -> dict[str, Any]:
    """Return the claims of a good token."""
    found: dict[str, Any] = jwt.decode(writing.token, options={"verify_signature": False})
    return found


@pytest.fixture(scope="session")
def signed(writing: Any, claims: dict[str, Any]) -> Callable[..., str]:
    """Return a function that signs a token with the deployment's key: a good one with some claims changed."""
    key = load_key(writing.directory.issuer_key)

    def sign(**changed: Any) -> str:
        return jwt.encode({k: v for k, v in {**claims, **changed}.items() if v is not None}, key, "RS256")

    return sign


def test_which_operations_ask_for_a_token(writing: Any) -> None:
    assert {
        ("PUT", "/files/{uuid}"),
        *((method, "/bundles/{uuid}") for method in ("PUT", "PATCH", "DELETE")),
        *((method, "/collections") for method in ("GET", "PUT")),
        *((method, "/collections/{uuid}") for method in ("GET", "PATCH", "DELETE")),
        *((method, "/subscriptions") for method in ("GET", "PUT")),
        *((method, "/subscriptions/{uuid}") for method in ("GET", "DELETE")),
    } == SECURED


@pytest.mark.parametrize(("method", "path"), sorted(SECURED))
def test_no_token_counts_before_everything_else(writing: Any, method: str, path: str) -> None:
    answer = writing.send(method, path.replace("{uuid}", "wrong"), {"wrong": 1}, token=None)
    assert told(answer) == (401, "OAuthProblem", "No authorization token provided")


@pytest.mark.parametrize("given", ["", "Bearer", "Basic abc", "Bearer a b"])
def test_headers_that_are_none(writing: Any, http: requests.Session, given: str) -> None:
    answer = http.get(f"{writing.url}/v1/collections", headers={"Authorization": given}, timeout=60)
    assert told(answer) == (401, "OAuthProblem", "Invalid authorization header")


@pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.e30"])
def test_what_is_no_token(writing: Any, token: str) -> None:
    answer = writing.send("GET", "/collections", token=token)
    assert answer.status_code in (401, 403)
    assert answer.json()["title"] in ("Failed to decode token.", REFUSED[2])


def test_a_token_is_for_one_deployment(writing: Any, signed: Callable[..., str]) -> None:
    assert writing.send("GET", "/collections", token=signed()).status_code == 200
    assert writing.send("GET", "/collections", token=signed(aud=PUBLISHED_AUDIENCE)).status_code == 200
    assert told(writing.send("GET", "/collections", token=signed(iss="https://example.org/"))) == REFUSED
    assert told(writing.send("GET", "/collections", token=signed(iss=None))) == REFUSED
    assert told(writing.send("GET", "/collections", token=signed(aud="https://example.org/"))) == INVALID
    assert told(writing.send("GET", "/collections", token=signed(aud=None))) == INVALID


def test_a_token_has_its_time(writing: Any, signed: Callable[..., str]) -> None:
    assert told(writing.send("GET", "/collections", token=signed(exp=int(time.time()) - LEEWAY - 1))) == INVALID
    assert told(writing.send("GET", "/collections", token=signed(exp=None))) == INVALID
    assert told(writing.send("GET", "/collections", token=signed(nbf=int(time.time()) + LEEWAY + 30))) == INVALID


def test_foreign_signatures(writing: Any, claims: dict[str, Any]) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = [
        jwt.encode(claims, other, "RS256"),
        jwt.encode(claims, None, "none"),
        signed_with_the_public_key(load_key(writing.directory.issuer_key).public_key(), claims),
    ]
    for token in forged:
        assert told(writing.send("GET", "/collections", token=token)) == INVALID


def signed_with_the_public_key(key: rsa.RSAPublicKey, claims: dict[str, Any]) -> str:
    """Return a token whose HMAC secret is what everybody knows; PyJWT refuses to make one."""
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(pem, text, "sha256")).rstrip(b"=")
    return (text + b"." + signature).decode()


def test_groups(writing: Any) -> None:
    public, nobody = writing.token_of("a@example.org", "public"), writing.token_of("a@example.org", "none")
    assert writing.send("GET", "/subscriptions", token=public, replica="aws").status_code == 200
    assert told(writing.send("GET", "/subscriptions", token=nobody, replica="aws")) == REFUSED
    for token in (public, nobody):
        assert told(writing.send("GET", "/collections", token=token)) == REFUSED
        body = {"source_url": "s3://staging/x", "creator_uid": 0}
        version = "2019-07-10T001103.121000Z"
        assert told(writing.send("PUT", f"/files/{UUID}", body, token=token, version=version)) == REFUSED
    made = writing.send(
        "PUT", f"/bundles/{uuid.uuid4()}", {"files": [], "creator_uid": 0},
        token=nobody, version="2019-07-10T001103.121000Z", replica="aws",
    )  # fmt: skip
    assert made.status_code == 201


def test_the_group_counts_after_parameters_and_body(writing: Any) -> None:
    nobody = writing.token_of("a@example.org", "none")
    assert writing.send("PUT", f"/files/{UUID}", {}, token=nobody).status_code == 400


def test_the_email(writing: Any, signed: Callable[..., str]) -> None:
    missing = (401, "Unauthorized", "Authorization token is missing email claims.")
    assert told(writing.send("GET", "/collections", token=signed(**{EMAIL_CLAIM: None}))) == missing
    plain = signed(**{EMAIL_CLAIM: None, "email": "b@example.org"})
    assert writing.send("GET", "/collections", token=plain).status_code == 200
    path = f"/bundles/{uuid.uuid4()}"
    answer = writing.send("DELETE", path, {"reason": "x"}, token=writing.token_of("b@example.org"), replica="aws")
    assert told(answer) == (403, "Forbidden", "You can't delete bundles with these credentials!")


def test_others_can_check_a_token(writing: Any, http: requests.Session) -> None:
    told = http.get(f"{writing.url}/.well-known/openid-configuration", timeout=60).json()
    assert told["issuer"] == f"{writing.url}/"
    keys = jwt.PyJWKClient(told["jwks_uri"])
    key = keys.get_signing_key_from_jwt(writing.token)
    found = jwt.decode(writing.token, key.key, algorithms=["RS256"], audience=f"{writing.url}/")
    assert (found[GROUP_CLAIM], found["sub"]) == ("hca", found[EMAIL_CLAIM])


def test_the_key_lasts_and_is_secret(launched: Callable[..., Any], tmp_path: Any, user: Callable[..., Any]) -> None:
    first = launched(tmp_path / "data", empty=True, port=ports.lasting())
    token = user(first).token
    first.process.terminate()
    first.process.wait()
    second = launched(tmp_path / "data")
    assert second.url == first.url
    assert user(second).send("GET", "/collections", token=token).status_code == 200
    for path in (second.directory.issuer_key, second.directory.credentials, second.directory.s3_key):
        assert path.stat().st_mode & 0o777 == 0o600
    assert token not in second.directory.log.read_text()
    azul_url = control.running(second.directory).azul_url
    assert entries.read(str(second.directory.credentials), DEFAULT_PROFILE).keys() == {second.url, azul_url}
