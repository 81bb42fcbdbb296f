"""Service accounts that a deployment trusts: made, taken over from Google's key files, listed, removed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from google.oauth2 import service_account

from hca_core.credentials import google
from hca_core.credentials.values import Need
from hca_core.errors import ConfigError, UsageError
from hca_local.identity import service_accounts
from hca_local.identity.issuer import GROUP_CLAIM, PUBLISHED_AUDIENCE
from hca_local.identity.service_accounts import SERVICE_ACCOUNT_TABLES, ServiceAccount, ServiceAccounts
from hca_local.store import database

URL = "http://127.0.0.1:8080"
ROBOT = "robot@hca-local.iam.gserviceaccount.com"


@pytest.fixture
def store(tmp_path):
    """Return the path of a database file that has nothing but these tables."""
    path = tmp_path / "store.db"
    with closing(database.connect(path)) as connection:
        connection.executescript(SERVICE_ACCOUNT_TABLES)
    return path


@pytest.fixture
def connection(store):
    with closing(database.connect(store)) as connection:
        yield connection


def pem(key, password=None):
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def public_numbers(text):
    return serialization.load_pem_private_key(text.encode(), None).public_key().public_numbers()


def test_the_tables_fit_between_the_others(tmp_path):
    """The store makes its tables statement by statement, split where one ends."""
    with closing(database.connect(tmp_path / "other.db")) as connection:
        for statement in SERVICE_ACCOUNT_TABLES.strip().removesuffix(";").split(";\n"):
            connection.execute(statement)
        assert service_accounts.listed(connection) == []


def test_an_account_is_made(store, connection):
    document = service_accounts.create(connection, "robot", URL)
    assert document == json.loads(json.dumps(document))
    assert document["type"] == "service_account"
    assert document["client_email"] == ROBOT
    assert document["project_id"] == "hca-local"
    assert len(document["client_id"]) == 21
    assert document["client_id"].isdecimal()
    assert (document["auth_uri"], document["token_uri"]) == (f"{URL}/oauth/authorize", f"{URL}/oauth/token")
    accounts = ServiceAccounts(connection)
    assert accounts.is_trusted(ROBOT)
    found = accounts.key(ROBOT, document["private_key_id"])
    assert found.public_numbers() == public_numbers(document["private_key"])
    assert found.key_size == 2048
    key_text = document["private_key"].splitlines()[1]
    assert key_text.encode() not in store.read_bytes()


def test_google_takes_the_document(connection):
    document = service_accounts.create(connection, "robot", URL)
    credentials = service_account.Credentials.from_service_account_info(document)
    assert credentials.service_account_email == ROBOT
    assert credentials.signer.key_id == document["private_key_id"]


def test_an_account_has_several_keys(connection):
    documents = [service_accounts.create(connection, "robot", URL) for _ in range(2)]
    other = service_accounts.create(connection, "other-1", URL)
    kids = [document["private_key_id"] for document in documents]
    assert len({*kids, other["private_key_id"]}) == 3
    assert service_accounts.listed(connection) == [
        ServiceAccount(other["client_email"], other["private_key_id"]),
        *(ServiceAccount(ROBOT, kid) for kid in sorted(kids)),
    ]
    accounts = ServiceAccounts(connection)
    keys = [accounts.key(ROBOT, kid).public_numbers() for kid in kids]
    assert keys == [public_numbers(document["private_key"]) for document in documents]
    assert accounts.key(ROBOT, other["private_key_id"]) is None


@pytest.mark.parametrize(
    "name", ["", "a", "Robot", "1robot", "-robot", "robot-", "a b", "a@b", "a.b", "r\xf6bot", "robot\n", "r" * 31]
)
def test_what_is_no_name(connection, name):
    with pytest.raises(UsageError, match="can't be the name") as told:
        service_accounts.create(connection, name, URL)
    assert told.value.hint
    assert service_accounts.listed(connection) == []


def test_nobody_is_trusted_unasked(connection):
    accounts = ServiceAccounts(connection)
    service_accounts.create(connection, "robot", URL)
    for email in ("", "stranger@example.org", ROBOT.upper(), "%", f"{ROBOT} "):
        assert not accounts.is_trusted(email)
        assert accounts.key(email, "x") is None
    assert accounts.key(ROBOT, "x") is None


def test_removing(connection):
    first, second = (service_accounts.create(connection, "robot", URL) for _ in range(2))
    other = service_accounts.create(connection, "other", URL)
    accounts = ServiceAccounts(connection)
    assert accounts.key(ROBOT, first["private_key_id"])
    assert service_accounts.remove(connection, ROBOT, first["private_key_id"]) == 1
    assert service_accounts.remove(connection, ROBOT, first["private_key_id"]) == 0
    assert accounts.key(ROBOT, first["private_key_id"]) is None
    assert accounts.is_trusted(ROBOT)
    service_accounts.create(connection, "robot", URL)
    assert service_accounts.remove(connection, ROBOT) == 2
    assert not accounts.is_trusted(ROBOT)
    assert accounts.key(ROBOT, second["private_key_id"]) is None
    assert [one.email for one in service_accounts.listed(connection)] == [other["client_email"]]


def test_what_another_process_changes_counts_at_once(store, connection):
    accounts = ServiceAccounts(connection)
    with closing(database.connect(store)) as other:
        with database.transaction(other):
            document = service_accounts.create(other, "robot", URL)
        assert accounts.key(ROBOT, document["private_key_id"])
        with database.transaction(other):
            service_accounts.remove(other, ROBOT)
    assert accounts.key(ROBOT, document["private_key_id"]) is None


# --- accounts of Google


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def document(key):
    return {
        "type": "service_account", "client_email": "ci@project.iam.gserviceaccount.com", "private_key_id": "k1",
        "private_key": pem(key),
    }  # fmt: skip


def test_an_account_of_google_is_trusted(store, connection, document, key):
    account = service_accounts.trust(connection, document)
    assert account == ServiceAccount("ci@project.iam.gserviceaccount.com", "k1")
    assert service_accounts.trust(connection, document) == account
    assert service_accounts.listed(connection) == [account]
    found = ServiceAccounts(connection).key(*account)
    assert found.public_numbers() == key.public_key().public_numbers()
    assert document["private_key"].splitlines()[1].encode() not in store.read_bytes()


def test_a_key_id_stands_for_one_key(connection, document):
    account = service_accounts.trust(connection, document)
    before = ServiceAccounts(connection).key(*account).public_numbers()
    another = {**document, "private_key": pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))}
    with pytest.raises(ConfigError, match="has another key with the id k1 already"):
        service_accounts.trust(connection, another)
    assert ServiceAccounts(connection).key(*account).public_numbers() == before


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "authorized_user"},
        {"type": None},
        {"client_email": None},
        {"client_email": ""},
        {"client_email": 5},
        {"client_email": "http://127.0.0.1:8080/"},
        {"client_email": "two words@example.org"},
        {"private_key_id": None},
        {"private_key_id": ""},
        {"private_key": None},
        {"private_key": ["x"]},
        {"private_key": "text"},
        {"private_key": "-----BEGIN PRIVATE KEY-----\nMIIx\n-----END PRIVATE KEY-----\n"},
        {"private_key": pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))},
        {"private_key": pem(rsa.generate_private_key(public_exponent=65537, key_size=2048), b"password")},
        {"private_key": pem(ec.generate_private_key(ec.SECP256R1()))},
        {"private_key": pem(ed25519.Ed25519PrivateKey.generate())},
    ],
)
def test_what_is_no_key_file(connection, document, changed):
    with pytest.raises(ConfigError) as told:
        service_accounts.trust(connection, {**document, **changed})
    assert "MII" not in told.value.message
    assert "BEGIN" not in told.value.message
    assert "\n" not in told.value.message
    assert service_accounts.listed(connection) == []


@pytest.mark.parametrize("content", [None, [], "text", 5, {}])
def test_what_is_no_document(connection, content):
    with pytest.raises(ConfigError, match="no key file of a service account"):
        service_accounts.trust(connection, content)


def test_a_running_deployment_lets_it_in_and_out(launched, user, tmp_path, monkeypatch):
    deployment = launched(tmp_path / "data", empty=True)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with closing(database.connect(deployment.directory.store)) as connection:
        with database.transaction(connection):
            document = service_accounts.create(connection, "robot", deployment.url)
        (tmp_path / "key.json").write_text(json.dumps(document))
        section = {"audience": PUBLISHED_AUDIENCE, "scope": ["openid"], "claims": {GROUP_CLAIM: "hca"}}
        token = google.service_account(Need("dss", deployment.url, {"service_account": section})).token
        assert user(deployment).send("GET", "/collections", token=token).json() == {"collections": []}
        with database.transaction(connection):
            service_accounts.remove(connection, ROBOT)
    refused = user(deployment).send("GET", "/collections", token=token)
    assert refused.status_code == 403
    assert refused.json()["title"] == "User is not authorized to access this resource"
    assert token not in deployment.directory.log.read_text()


@pytest.mark.parametrize(
    "content", ["[" * 200_000, '{"type": "service_account", "client_email": "\\ud800@x"}', "{", "[]"]
)
def test_what_is_no_key_file_is_told_on_the_command_line(tmp_path, monkeypatch, content):
    from hca_core.testing import run_hca

    (tmp_path / "key.json").write_text(content)
    data = tmp_path / "data"
    assert run_hca("local", "seed", str(tmp_path / "nothing"), "--data", str(data)).exit_status != 0
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x.json").write_text("{}")
    assert run_hca("local", "seed", str(tmp_path / "folder"), "--data", str(data)).exit_status == 0
    outcome = run_hca("local", "service-account", "trust", str(tmp_path / "key.json"), "--data", str(data))
    assert outcome.exit_status == 2, outcome.stderr
    assert "unexpected" not in outcome.stderr


def test_a_disabled_account_may_nothing_and_an_administrator_finds_the_way_back(launched, user, tmp_path):
    """Also with tokens that belong to no login, which can't be revoked."""
    from hca_core.testing import run_hca

    deployment = launched(tmp_path / "data", empty=True)
    person = user(deployment)
    token = person.token_of("ben@example.org")
    assert person.send("GET", "/collections", token=token).status_code == 200
    assert person.send("POST", "/user", {"user_id": "ben@example.org"}).status_code == 201
    assert person.send("PUT", "/user/ben@example.org", status="disabled").status_code == 200
    assert person.send("GET", "/collections", token=token).status_code == 403
    assert person.send("DELETE", "/role/fusillade_admin").status_code == 200
    assert person.send("GET", "/users").status_code == 403
    data = ("--data", str(deployment.directory.root))
    with closing(sqlite3.connect(deployment.directory.store, timeout=60)) as store, store:
        deny = json.dumps({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}})
        store.execute("UPDATE fusillade_nodes SET policy=? WHERE name='user_default'", (deny,))
    assert run_hca("local", "admin", "Ben@Example.org", *data).exit_status == 0
    assert run_hca("local", "admin", "no address", *data).exit_status == 2
    assert person.send("GET", "/users", token=token).status_code == 200
    assert person.send("GET", "/collections", token=token).status_code == 200
