"""One call as it goes over the wire."""

from __future__ import annotations

import base64
import email
import hashlib
import hmac
import json
import shlex
import shutil
import socket
import subprocess
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.testing import LoopbackService
from hca_local.subscriptions import addresses, definition, sending

if TYPE_CHECKING:
    from pathlib import Path

    from hca_core.testing import Request

PAYLOAD = json.dumps({"transaction_id": "x", "größe": "1,75 µm"}, ensure_ascii=False).encode()


def call(url: str, *, attempt: int = 1, anywhere: bool = False, **body: Any) -> int:
    subscription = definition.made({"callback_url": url, **body}, "aws", "someone@example.org")
    return sending.send(subscription, PAYLOAD, attempt, anywhere=anywhere)


def received(receiver: LoopbackService) -> Request:
    (request,) = receiver.asked()
    return request


def frames(request: Request) -> list[tuple[str, bytes]]:
    """Return name and content of the parts of a form."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    parts: Any = email.message_from_bytes(head + request.body).get_payload()
    return [(part.get_param("name", header="content-disposition"), part.get_payload(decode=True)) for part in parts]


def verify(request: Request, key: bytes, key_id: str) -> None:
    """Check a signature as receivers do that use requests-http-signature up to 0.2.0."""
    scheme, _, rest = request.headers["Authorization"].partition(" ")
    assert scheme == "Signature"
    fields = dict(item.split("=", 1) for item in rest.split(","))
    assert {name: value.strip('"') for name, value in fields.items() if name != "signature"} == {
        "keyId": key_id,
        "algorithm": "hmac-sha256",
        "headers": "date digest",
    }
    assert request.headers["Digest"] == "SHA-256=" + base64.b64encode(hashlib.sha256(request.body).digest()).decode()
    parsedate_to_datetime(request.headers["Date"])
    text = f"date: {request.headers['Date']}\ndigest: {request.headers['Digest']}"
    expected = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
    assert fields["signature"] == f'"{expected}"'


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_json_is_the_body(receiver: LoopbackService, method: str) -> None:
    receiver.on(method, "/hook").reply(status=204)
    assert call(f"{receiver.url}/hook?a=b%20c", method=method, form_fields={"foo": "bar"}) == 204
    request = received(receiver)
    assert (request.method, request.query, request.body) == (method, [("a", "b c")], PAYLOAD)
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Host"] == receiver.url.removeprefix("http://")
    for absent in ("Authorization", "Digest", "X-dss-notify-attempt"):
        assert request.headers[absent] is None


def test_a_form_has_its_fields_first_and_the_payload_last(receiver: LoopbackService) -> None:
    receiver.on("POST", "/hook").reply()
    fields = {"foo": "bar", "payload": "not this one", "größe": 'a"b\r\nc'}
    assert (
        call(f"{receiver.url}/hook", encoding="multipart/form-data", form_fields=fields, payload_form_field="event")
        == 200
    )
    request = received(receiver)
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    (first, second, third, last) = frames(request)
    assert (first, second) == (("foo", b"bar"), ("payload", b"not this one"))
    assert third[1] == b'a"b\r\nc'
    assert last == ("event", PAYLOAD)


@pytest.mark.parametrize("encoding", ["application/json", "multipart/form-data"])
def test_calls_are_signed_if_there_is_a_key(receiver: LoopbackService, encoding: str) -> None:
    receiver.on("POST", "/hook").reply()
    call(f"{receiver.url}/hook", hmac_secret_key="schlüssel", hmac_key_id="my key", encoding=encoding)
    verify(received(receiver), "schlüssel".encode(), "my key")
    with pytest.raises(AssertionError):
        verify(received(receiver), b"another", "my key")


def test_a_key_without_a_name_has_one_by_the_subscription(receiver: LoopbackService) -> None:
    receiver.on("POST", "/hook").reply()
    subscription = definition.made({"callback_url": f"{receiver.url}/hook", "hmac_secret_key": "k"}, "aws", "x")
    sending.send(subscription, PAYLOAD, 1, anywhere=False)
    verify(received(receiver), b"k", f"hca-dss:{subscription.uuid}")


def test_credentials_in_the_url_are_sent_but_a_signature_comes_first(receiver: LoopbackService) -> None:
    receiver.on("POST", "/hook").reply()
    url = receiver.url.replace("//", "//user:p%40ss@") + "/hook"
    call(url)
    call(url, hmac_secret_key="k")
    ((basic,), (signed,)) = (request.headers.get_all("Authorization") for request in receiver.asked())
    assert basic == "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert signed.startswith("Signature ")


def test_elasticsearch_subscriptions_are_told_the_number_of_the_attempt(receiver: LoopbackService) -> None:
    receiver.on("POST", "/hook").reply()
    call(f"{receiver.url}/hook", es_query={"query": {"match_all": {}}}, attempt=3)
    assert received(receiver).headers["X-dss-notify-attempt"] == "3"


def test_a_redirect_is_an_answer_and_not_followed(receiver: LoopbackService) -> None:
    receiver.on("POST", "/hook").redirect(f"{receiver.url}/elsewhere", 307)
    receiver.on("*", "/elsewhere").reply()
    assert call(f"{receiver.url}/hook") == 307
    assert [request.path for request in receiver.asked()] == ["/hook"]


def test_the_status_counts_whatever_becomes_of_the_rest_of_the_answer(receiver: LoopbackService) -> None:
    receiver.on("POST", "/hook").truncate(3, body=b"x" * 80).reply(body=b"x" * 50_000_000)
    assert [call(f"{receiver.url}/hook") for _ in range(2)] == [200, 200]


def test_a_name_with_several_addresses_is_tried_at_each(
    receiver: LoopbackService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`localhost` is ::1 first on many machines, and receivers often listen on 127.0.0.1 only."""
    receiver.on("POST", "/hook").reply()
    port = int(receiver.url.rpartition(":")[2])
    found = [(socket.AF_INET, 1, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", resolver({"localhost": found}))
    assert call(f"http://localhost:{port}/hook") == 200
    assert received(receiver).headers["Host"] == f"localhost:{port}"


def resolver(names: dict[str, Any]) -> Any:
    """Return a `getaddrinfo` for which `names` stand for something else."""
    real = socket.getaddrinfo

    def lookup(host: Any, *rest: Any, **more: Any) -> Any:
        return names[host] if host in names else real(host, *rest, **more)

    return lookup


@pytest.mark.parametrize("addresses_of_name", [["192.0.2.1"], ["127.0.0.1", "192.0.2.1"], ["::1", "2001:db8::1"]])
def test_nothing_is_sent_to_other_machines(addresses_of_name: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, 1, 6, "", (address, 80)) for address in addresses_of_name]
    monkeypatch.setattr(socket, "getaddrinfo", resolver({"hook.example.org": found}))
    monkeypatch.setattr(socket.socket, "connect", None)
    with pytest.raises(addresses.ForeignHostError):
        call("http://hook.example.org/")
    assert addresses.allowed("hook.example.org", 80, anywhere=True) == addresses_of_name


def test_a_name_that_changes_its_mind_does_not_matter(
    receiver: LoopbackService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The addresses that were looked at are the ones that are connected to."""
    receiver.on("POST", "/hook").reply()
    port = int(receiver.url.rpartition(":")[2])
    answers = [[(socket.AF_INET, 1, 6, "", ("127.0.0.1", port))], []]
    real = socket.getaddrinfo

    def lookup(host: Any, *rest: Any, **more: Any) -> Any:
        return answers.pop(0) if host == "rebound.example.org" else real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert call(f"http://rebound.example.org:{port}/hook") == 200
    assert answers == [[]]


def test_proxies_and_credentials_of_the_environment_are_not_used(
    receiver: LoopbackService, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.on("POST", "/hook").reply()
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert call(f"{receiver.url}/hook") == 200


@pytest.mark.network  # to a name that is longer than names can be: the system asks nobody
def test_errors_do_not_tell_the_url(receiver: LoopbackService) -> None:
    receiver.on("POST", "/secret-path").drop()
    for url in (f"{receiver.url}/secret-path", "http://127.0.0.1:1/secret-path", f"http://{'a' * 70}/secret-path"):
        with pytest.raises(sending.CallError) as caught:
            call(url)
        assert "secret" not in str(caught.value)


def test_tls_is_checked_against_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    certificate, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    words += f" -addext subjectAltName=DNS:localhost -keyout {key} -out {certificate}"
    subprocess.run(shlex.split(words), check=True, capture_output=True)
    with LoopbackService(tls=(certificate, key)) as secure:
        secure.on("POST", "/hook").reply()
        port = secure.url.rpartition(":")[2]
        with pytest.raises(sending.CallError):
            call(f"https://localhost:{port}/hook")
        monkeypatch.setenv("SSL_CERT_FILE", certificate)
        assert call(f"https://localhost:{port}/hook") == 200
        with pytest.raises(sending.CallError):
            call(f"https://127.0.0.1:{port}/hook")
