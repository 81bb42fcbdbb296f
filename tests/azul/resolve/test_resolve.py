"""`hca azul resolve`, on the stand-in: each way to name a file leads to its bytes, or to a sentence."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from hca_azul.client import AzulClient
from hca_azul.errors import AzulNotFoundError
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import LoopbackService, Outcome


@pytest.fixture
def client(standin: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[AzulClient]:
    for name, value in standin.environment.items():
        monkeypatch.setenv(name, value)
    with AzulClient() as made:
        yield made


def row(client: AzulClient, name: str) -> Any:
    from hca_azul.search.hits import row_of

    (found,) = [row_of(hit) for hit in client.files({"fileName": {"is": [name]}})]
    return found


def check(url: str, headers: Any, sha256: str) -> None:
    """Compare what lies at a URL with its digest; nobody is logged in there."""
    import requests

    answer = requests.get(url, headers={**headers, "Accept-Encoding": "identity"}, timeout=60)
    answer.raise_for_status()
    assert hashlib.sha256(answer.content).hexdigest() == sha256


def test_all_names_of_a_file_lead_to_its_bytes(client: AzulClient) -> None:
    file = row(client, "protocol.pdf")
    for name in (
        file.uuid,
        file.sha256,
        file.mirror_uri,
        file.azul_url,
        f"{client.url}/index/files/{file.document_id}",
    ):
        found = client.resolve(name)
        assert (found.kind, found.expires) == ("mirror", None)
        check(found.url, found.headers, file.sha256)
    found = client.resolve(file.drs_uri)
    assert found.kind == "drs"
    assert found.expires is not None
    check(found.url, found.headers, file.sha256)
    assert client.resolve(file.uuid, file.version).row.sha256 == file.sha256


def test_what_the_mirror_has_not_comes_from_azul(client: AzulClient) -> None:
    promised, never = row(client, "cells.csv"), row(client, "counts.csv")
    assert (bool(promised.mirror_uri), bool(never.mirror_uri)) == (True, False)
    for name in (promised.uuid, promised.mirror_uri, promised.sha256, never.uuid):
        found = client.resolve(name)
        assert found.kind == "azul"
        assert found.expires is not None
        check(found.url, found.headers, found.row.sha256)


def test_another_version_is_no_substitute(client: AzulClient) -> None:
    file = row(client, "protocol.pdf")
    with pytest.raises(AzulNotFoundError):
        client.resolve(file.uuid, "2001-01-01T00:00:00.000000Z")
    with pytest.raises(UsageError, match="one version already"):
        client.resolve(file.azul_url, "2001-01-01T00:00:00.000000Z")
    with pytest.raises(UsageError, match="one version already"):
        client.resolve(file.drs_uri, file.version)


def test_the_verb_writes_bare_urls_for_other_programs(run: Callable[..., Outcome], client: AzulClient) -> None:
    file = row(client, "protocol.pdf")
    outcome = run("resolve", file.uuid, file.sha256)
    assert outcome.exit_status == 0, outcome.stderr
    for url in outcome.stdout.split():
        check(url, {}, file.sha256)
    told = json.loads(run("resolve", file.drs_uri, "--expires").stdout)
    assert (told["asked"], told["kind"], told["expires"][-6:]) == (file.drs_uri, "drs", "+00:00")
    told = json.loads(run("resolve", file.uuid, "--expires").stdout)
    assert (told["asked"], told["name"], told["expires"]) == (file.uuid, "protocol.pdf", None)


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("kidney", 2, "names no data"),
        ("ab" * 32, 4, "neither the mirror nor the catalog"),
        ("6b7f1f3c-54a7-4b4c-9a38-55a0e9b6d801", 4, "there is no file 6b7f1f3c"),
        ("https://explore.example.org/projects/6b7f1f3c-54a7-4b4c-9a38-55a0e9b6d801", 2, "is one of projects"),
        ("https://x.org/repository/files/6b7f1f3c-54a7-4b4c-9a38-55a0e9b6d801", 2, "this file is at https://x.org"),
        (f"s3://hca-local-mirror/file/{'ab' * 16}.md5", 4, "neither the mirror nor the catalog"),
    ],
)
def test_what_leads_nowhere_is_told(run: Callable[..., Outcome], name: str, status: int, text: str) -> None:
    outcome = run("resolve", name)
    assert (outcome.exit_status, outcome.stdout) == (status, "")
    assert text in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_version_that_is_none_is_told_before_anything_is_asked(service: LoopbackService, hca: Any) -> None:
    uuid = "2cfd3a55-f1d9-5f4e-a0f6-8a0b4ba5e8c1"
    outcome = hca("azul", "--service-url", service.url, "resolve", uuid, "--version", "2018")
    assert (outcome.exit_status, service.requests) == (2, [])
    assert "'2018' is no version" in outcome.stderr


# The mirror, scripted

HEX = "ab" * 32
INFO = f"/mirror/bucket/info/{HEX}.sha256.json"


@pytest.mark.parametrize(
    ("info", "there"),
    [
        ({"$schema": "https://x/schemas/v2.json", "content-type": ["text/plain"]}, True),
        ({"$schema": "v1.json", "content-type": None}, True),
        ({"$schema": "https://x/schemas/v9.json"}, False),
        ({"$schema": None}, False),
        (["v2.json"], False),
    ],
)
def test_only_known_info_objects_tell_of_a_file(
    service: LoopbackService, scripted: Callable[..., Any], info: Any, there: bool
) -> None:
    from hca_azul.resolve import mirror

    service.on("GET", INFO).reply(json=info)
    service.on("GET", INFO.replace("info", "alias")).fail(403)
    found = mirror.url_of(scripted().service, "bucket", f"file/{HEX}.sha256")
    assert found == (f"{service.url}/mirror/bucket/file/{HEX}.sha256" if there else None)


@pytest.mark.parametrize(
    ("alias", "leads"),
    [
        ({"$schema": "v1.json", "digest_value": "cd" * 16, "digest_type": "md5"}, True),
        ({"$schema": "v1.json", "digest_value": "../" * 10 + "ab", "digest_type": "md5"}, False),
        ({"$schema": "v1.json", "digest_value": "cd" * 16, "digest_type": "sha256"}, False),
        ({"$schema": "v1.json", "digest_value": HEX, "digest_type": "sha256"}, False),
        ({"$schema": "v1.json"}, False),
    ],
)
def test_an_alias_leads_to_the_file_by_another_digest(
    service: LoopbackService, scripted: Callable[..., Any], alias: Any, leads: bool
) -> None:
    from hca_azul.resolve import mirror

    service.on("GET", INFO).fail(403)
    service.on("GET", INFO.replace("info", "alias")).reply(json=alias)
    service.on("GET", f"/mirror/bucket/info/{'cd' * 16}.md5.json").reply(json={"$schema": "v2.json"})
    found = mirror.url_of(scripted().service, "bucket", f"file/{HEX}.sha256")
    assert found == (f"{service.url}/mirror/bucket/file/{'cd' * 16}.md5" if leads else None)


def test_a_mirror_that_does_not_answer_is_no_reason_to_give_up(
    service: LoopbackService, scripted: Callable[..., Any]
) -> None:
    uuid = "2cfd3a55-f1d9-5f4e-a0f6-8a0b4ba5e8c1"
    file = {"uuid": uuid, "version": "v", "azul_mirror_uri": f"s3://bucket/file/{HEX}.sha256", "sha256": HEX}
    service.on("GET", "/index/files").reply(json={"hits": [{"entryId": "x", "files": [file]}]})
    service.on("GET", INFO).fail(500)
    fetched = {"Status": 302, "Location": "https://storage.example.org/"}
    service.on("GET", f"/fetch/repository/files/{uuid}").reply(json=fetched)
    assert scripted().resolve(uuid).kind == "azul"
    file["azul_mirror_uri"] = "s3://../x"
    assert scripted().resolve(uuid).kind == "azul"


def test_a_service_that_knows_no_digests(service: LoopbackService, scripted: Callable[..., Any]) -> None:
    service.on("GET", "/index/files").fail(400, json={"Code": "BadRequestError", "Message": "Unknown field `sha256`"})
    with pytest.raises(Exception, match="neither the mirror nor the catalog"):
        scripted().resolve(HEX)
