"""Service accounts that sign their own tokens, and Google's default credentials from files and a metadata server."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from urllib.parse import parse_qsl

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hca_core.credentials import google
from hca_core.credentials.values import Need
from hca_core.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent.parent
URL = "https://dss.example.org"
EMAIL = "robot@project.iam.gserviceaccount.com"
AUDIENCE = "https://dev.data.humancellatlas.org/"
NAMESPACE = "https://auth.data.humancellatlas.org/"
SCOPE = ["email", "openid", "offline_access"]
SECTION = {
    "audience": AUDIENCE,
    "scope": SCOPE,
    "claims": {f"{NAMESPACE}group": "hca", f"{NAMESPACE}email": "{email}"},
    "lifetime": 3600,
}


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def document(key):
    return {
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "the-key-id",
        "private_key": pem(key),
        "client_email": EMAIL,
        "client_id": "1",
        "token_uri": "http://127.0.0.1:9/token",
    }


@pytest.fixture
def key_file(tmp_path, monkeypatch):
    """Return a function that writes a credentials file and names it in the environment."""
    path = tmp_path / "key.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))

    def write(content):
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def need(url=URL, rejected="", **settings):
    return Need("dss", url, settings, rejected=rejected)


def told_by(action):
    with pytest.raises(ConfigError) as told:
        action()
    assert "\n" not in told.value.message
    for part in ("BEGIN", "PRIVATE", "MII"):
        assert part not in told.value.message
    return told.value


# --- a service account signs for itself


def test_the_token_of_a_service_account(key, document, key_file):
    path = key_file(document)
    before = int(time.time())
    found = google.service_account(need(service_account=SECTION))
    told = jwt.decode(found.token, key.public_key(), algorithms=["RS256"], audience=AUDIENCE)
    issued = told.pop("iat")
    assert before <= issued <= time.time()
    assert told == {
        "iss": EMAIL,
        "sub": EMAIL,
        "email": EMAIL,
        "aud": AUDIENCE,
        "exp": issued + 3600,
        "scope": SCOPE,
        f"{NAMESPACE}group": "hca",
        f"{NAMESPACE}email": EMAIL,
    }
    assert all(type(moment) is int for moment in (issued, told["exp"]))
    assert jwt.get_unverified_header(found.token) == {"alg": "RS256", "typ": "JWT", "kid": "the-key-id"}
    assert (found.account, found.expires_at, found.source) == (
        EMAIL, issued + 3600, f"service account key file {path}",
    )  # fmt: skip
    assert found.token not in repr(found)


def test_the_settings_decide(key, document, key_file):
    key_file(document)
    section = {"audience": "a", "claims": {"iss": "forged", "x": "<{email}>"}, "lifetime": 60}
    found = google.service_account(need(service_account=section))
    told = jwt.decode(found.token, key.public_key(), algorithms=["RS256"], audience="a")
    assert (told["iss"], told["x"], told["scope"], told["exp"] - told["iat"]) == (EMAIL, f"<{EMAIL}>", [], 60)


def test_when_there_is_none(document, key_file, monkeypatch):
    key_file(document)
    assert google.service_account(need()) is None
    key_file({"type": "authorized_user"})
    assert google.service_account(need(service_account=SECTION)) is None
    for value in ("", None):
        if value is None:
            monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
        else:
            monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", value)
        assert google.service_account(need(service_account=SECTION)) is None


def test_a_token_that_was_refused_is_not_given_again(document, key_file):
    key_file(document)
    first = google.service_account(need(service_account=SECTION))
    again = google.service_account(need(service_account=SECTION, rejected=first.token))
    assert again is None or again.token != first.token
    other = google.service_account(need(service_account=SECTION, rejected="other"))
    assert other is not None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '"x"', "null", "[" * 100_000, "\ud800".encode("utf-8", "surrogatepass")]
)
def test_what_is_no_key_file(key_file, content):
    path = key_file("")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert str(path) in told_by(lambda: google.service_account(need(service_account=SECTION))).message


def test_a_file_that_cannot_be_read(key_file, tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing"))
    told = told_by(lambda: google.service_account(need(service_account=SECTION)))
    assert told.message == f"GOOGLE_APPLICATION_CREDENTIALS names {tmp_path / 'missing'}, but there is no such file"
    assert told.exit_status == 2
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path))
    assert "directory" in told_by(lambda: google.service_account(need(service_account=SECTION))).message


@pytest.mark.parametrize("name", ["client_email", "private_key", "private_key_id"])
@pytest.mark.parametrize("value", [None, "", 5, ["x"]])
def test_a_key_file_with_something_missing(document, key_file, name, value):
    path = key_file({**document, name: value})
    told = told_by(lambda: google.service_account(need(service_account=SECTION)))
    assert told.message == f"the service account's key file {path} has no {name}"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "not a key",
        lambda text: text[:200],
        lambda text: text.replace("A", "!"),
        lambda text: text.replace("PRIVATE", "PUBLIC"),
        lambda text: pem(ec.generate_private_key(ec.SECP256R1())),
        lambda text: "\N{SNOWMAN}",
    ],
)
def test_keys_that_are_none(document, key_file, damage):
    path = key_file({**document, "private_key": damage(document["private_key"])})
    told = told_by(lambda: google.service_account(need(service_account=SECTION)))
    assert told.message == f"the private_key in the service account's key file {path} can't be used"
    assert told.__suppress_context__


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("text", "must be an object"),
        ({}, "audience"),
        ({"audience": 5}, "audience"),
        ({**SECTION, "scope": "email"}, "scope"),
        ({**SECTION, "scope": [1]}, "scope"),
        ({**SECTION, "claims": []}, "claims"),
        ({**SECTION, "claims": {"x": 1}}, "claims"),
        ({**SECTION, "lifetime": 0}, "lifetime"),
        ({**SECTION, "lifetime": "60"}, "lifetime"),
        ({**SECTION, "lifetime": True}, "lifetime"),
    ],
)
def test_settings_that_make_no_sense(document, key_file, section, words):
    key_file(document)
    told = told_by(lambda: google.service_account(need(service_account=section)))
    assert "service_account of dss" in told.message
    assert words in told.message


def test_nothing_heavy_is_loaded_before_it_is_needed():
    code = (
        "import sys; from hca_core.credentials import google; from hca_core.credentials.values import Need;"
        "google.service_account(Need('dss', 'x')); google.default_credentials(Need('dss', 'x'));"
        "print([one for one in ('google.auth', 'cryptography', 'jwt', 'requests', 'logging') if one in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr


# --- Google's default credentials: google.auth reads much of the environment when it is imported, hence processes


SCRIPT = """
import dataclasses, json, os, sys, time
from google.auth import compute_engine  # the time that this takes is not the one that is measured
from hca_core.credentials import google
from hca_core.credentials.values import Need
from hca_core.errors import HCAError
if "TOKENS_AT" in os.environ:  # people's logins are renewed at one place, whatever their file says
    from google.oauth2 import credentials
    credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT = os.environ["TOKENS_AT"]
google._SEARCH_SECONDS = float(os.environ.get("SEARCH_SECONDS", google._SEARCH_SECONDS))
slept, sleep = [], time.sleep
time.sleep = lambda seconds: (slept.append(seconds), sleep(seconds))
started = time.monotonic()
try:
    found = google.default_credentials(Need(**json.loads(sys.argv[1])))
    told = {"found": dataclasses.asdict(found) if found else None}
except HCAError as error:
    told = {"error": type(error).__name__, "message": error.message}
print(json.dumps({**told, "seconds": time.monotonic() - started, "slept": sum(slept)}))
"""


def asked(needed, **environment):
    """Return what `default_credentials` answers in a new process; nothing else may be printed."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(asdict(needed))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={name: value for name, value in os.environ.items() if not name.startswith("GCE_")} | environment,
    )
    assert ran.stderr == ""
    return json.loads(ran.stdout)


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


ID_TOKEN = f"{part({'alg': 'RS256'})}.{part({'exp': 2_000_000_000, 'email': EMAIL})}.c2ln"
FLAVOR = {"Metadata-Flavor": "Google", "Content-Type": "application/text"}
ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default"


@pytest.fixture
def metadata(service):
    """Play Google's metadata server; return the environment that leads there."""
    service.on("GET", "/").reply(headers=FLAVOR)
    service.on("GET", "/computeMetadata/v1/project/project-id").reply(body=b"project", headers=FLAVOR)
    service.on("GET", "/computeMetadata/v1/universe/universe-domain").reply(body=b"googleapis.com", headers=FLAVOR)
    service.on("GET", f"{ACCOUNT}/").reply(
        json={"email": EMAIL, "scopes": [], "aliases": ["default"]}, headers={"Metadata-Flavor": "Google"}
    )
    service.on("GET", f"{ACCOUNT}/token").reply(
        json={"access_token": "ya29.access", "expires_in": 600, "token_type": "Bearer"},
        headers={"Metadata-Flavor": "Google"},
    )
    service.on("GET", f"{ACCOUNT}/identity").reply(body=ID_TOKEN.encode(), headers=FLAVOR)
    return {**at(service.url), "SEARCH_SECONDS": "60"}  # it is there, however long this machine takes


def at(url):
    place = url.removeprefix("http://")
    return {"GCE_METADATA_HOST": place, "GCE_METADATA_IP": place}


@pytest.mark.parametrize(("settings", "audience"), [({}, URL), ({"service_account": SECTION}, AUDIENCE)])
def test_an_id_token_of_the_machine(service, metadata, settings, audience):
    told = asked(need(google_default_credentials="id_token", **settings), **metadata)
    assert told["found"] == {
        "token": ID_TOKEN, "source": "Google's default credentials", "expires_at": 2e9, "account": EMAIL,
    }  # fmt: skip
    [request] = service.asked("GET", f"{ACCOUNT}/identity")
    assert dict(request.query)["audience"] == audience
    assert request.headers["Metadata-Flavor"] == "Google"


def test_an_access_token_of_the_machine(metadata):
    found = asked(need(google_default_credentials="access_token"), **metadata)["found"]
    assert (found["token"], found["account"]) == ("ya29.access", EMAIL)
    assert 500 < found["expires_at"] - time.time() < 700


def test_the_token_of_the_machine_was_refused(metadata):
    assert asked(need(google_default_credentials="id_token", rejected=ID_TOKEN), **metadata)["found"] is None


def test_without_the_setting_nobody_is_asked(service, metadata):
    assert asked(need(service_account=SECTION), **metadata)["found"] is None
    assert service.requests == []


@pytest.mark.parametrize("value", ["", "jwt", True, 5, ["id_token"]])
def test_a_setting_that_makes_no_sense(value):
    assert (
        "must be id_token or access_token"
        in told_by(lambda: google.default_credentials(need(google_default_credentials=value))).message
    )


def test_a_machine_without_metadata_server():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody else gets this port, and nothing listens there
        told = asked(need(google_default_credentials="id_token"), **at(f"127.0.0.1:{closed.getsockname()[1]}"))
    assert told["found"] is None
    assert told["slept"] < 2


def test_a_machine_where_the_address_swallows_everything():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        told = asked(need(google_default_credentials="id_token"), **at(place))
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # the library alone would try it three times
            silent.accept()
    assert told["found"] is None
    assert 1 < told["seconds"] < 30


def test_a_server_that_is_none_of_google(service):
    service.on("GET", "/").reply(body=b"hello")
    assert asked(need(google_default_credentials="id_token"), **at(service.url))["found"] is None


def test_the_check_can_be_switched_off(service, metadata):
    told = asked(need(google_default_credentials="id_token"), NO_GCE_CHECK="true", **metadata)
    assert told["found"] is None
    assert service.requests == []


def test_a_machine_whose_account_gets_no_tokens(service, metadata):
    service._routes.pop(("GET", f"{ACCOUNT}/identity"))
    told = asked(need(google_default_credentials="id_token"), **metadata)
    assert told["error"] == "LoginError"
    assert "Google gives no id_token" in told["message"]


def test_a_metadata_server_that_dies_in_between(service, metadata):
    service._routes.pop(("GET", f"{ACCOUNT}/token"))
    service.on("GET", f"{ACCOUNT}/token").drop(times=9)
    told = asked(need(google_default_credentials="access_token"), **metadata)
    assert told["error"] == "NetworkError"
    assert told["slept"] < 5


def test_a_metadata_server_that_dies_at_once(service, metadata):
    service._routes.pop(("GET", "/computeMetadata/v1/project/project-id"))
    service.on("GET", "/computeMetadata/v1/project/project-id").drop(times=9)
    told = asked(need(google_default_credentials="access_token"), **metadata)
    assert told["error"] == "NetworkError"
    assert told["slept"] < 5


def test_a_service_account_signs_where_the_service_takes_that(key, document, key_file):
    key_file(document)
    found = google.default_credentials(need(google_default_credentials="id_token", service_account=SECTION))
    assert jwt.decode(found.token, key.public_key(), algorithms=["RS256"], audience=AUDIENCE)["sub"] == EMAIL


@pytest.mark.parametrize(
    ("kind", "answer", "token"),
    [("id_token", {"id_token": ID_TOKEN}, ID_TOKEN), ("access_token", {"access_token": "ya29.x"}, "ya29.x")],
)
def test_a_service_account_asks_google_where_it_must(key, document, key_file, service, kind, answer, token):
    service.on("POST", "/token").reply(json={**answer, "expires_in": 600, "token_type": "Bearer"})
    key_file({**document, "token_uri": f"{service.url}/token"})
    found = asked(need(google_default_credentials=kind))["found"]
    assert (found["token"], found["account"]) == (token, EMAIL)
    [request] = service.asked("POST", "/token")
    assertion = dict(parse_qsl(request.body.decode()))["assertion"]
    told = jwt.decode(assertion, key.public_key(), algorithms=["RS256"], audience="https://oauth2.googleapis.com/token")
    assert told.get("target_audience") == (URL if kind == "id_token" else None)


USER = {
    "type": "authorized_user",
    "client_id": "i",
    "client_secret": "s3cret-of-client",
    "refresh_token": "r3fresh",
}


@pytest.mark.parametrize(("kind", "token"), [("id_token", ID_TOKEN), ("access_token", "ya29.u")])
def test_the_login_of_gcloud(service, isolated_home, kind, token):
    service.on("POST", "/token").reply(json={"access_token": "ya29.u", "id_token": ID_TOKEN, "expires_in": 600})
    folder = isolated_home / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text(json.dumps(USER))
    found = asked(need(google_default_credentials=kind), TOKENS_AT=f"{service.url}/token")["found"]
    assert found["token"] == token
    assert service.requests[-1].body.decode().count("r3fresh") == 1


def test_a_login_without_id_token(service, key_file):
    service.on("POST", "/token").reply(json={"access_token": "ya29.u", "expires_in": 600})
    key_file(USER)
    told = asked(need(google_default_credentials="id_token"), TOKENS_AT=f"{service.url}/token")
    assert (told["error"], told["message"]) == (
        "LoginError", "Google gives no id_token for its default credentials",
    )  # fmt: skip


def test_google_refuses(service, key_file):
    service.on("POST", "/token").reply(
        status=400, json={"error": "invalid_grant", "error_description": "revoked\n\x1b[31m refresh_token=r3fresh"}
    )
    key_file(USER)
    told = asked(need(google_default_credentials="access_token"), TOKENS_AT=f"{service.url}/token")
    assert told["error"] == "LoginError"
    assert "revoked" in told["message"]
    for part in ("r3fresh", "s3cret", "\n", "\x1b"):
        assert part not in told["message"]


@pytest.mark.parametrize("content", [{}, {"type": "unheard-of"}, {"type": "authorized_user"}, "{"])
def test_a_file_that_is_none_of_google(key_file, content):
    key_file(content)
    told = asked(need(google_default_credentials="access_token"))
    assert told["error"] == "ConfigError"
    assert told["slept"] < 2


def test_a_broken_file_of_gcloud_is_told(isolated_home):
    folder = isolated_home / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text("{")
    told = asked(need(google_default_credentials="access_token"))
    assert told["error"] == "ConfigError"
    assert "application_default_credentials.json" in told["message"]


def test_the_server_for_tokens_is_down(key_file, document):
    key_file(document)
    told = asked(need(google_default_credentials="access_token"))
    assert told["error"] == "NetworkError"
    assert told["slept"] < 3
