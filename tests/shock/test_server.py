"""One request and its answer: addresses, errors of all shapes, redirects, changes that wait for each other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from hca_core import log
from hca_core.config import HCAConfig
from hca_core.errors import HCAError, LoginError, NetworkError, NotFoundError, UsageError
from hca_core.testing import LoopbackService, reply
from hca_shock import changing, config, errors
from hca_shock.errors import (
    ShockApiError,
    ShockError,
    ShockLockedError,
    ShockNotFoundError,
    ShockRefusedError,
    ShockUnavailableError,
)
from hca_shock.forms import Form
from hca_shock.node import Node, moment
from hca_shock.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


ID = "130cadb5-9435-4bd9-be13-715ec40b2bb5"
FAST = {"first_wait": 0.01, "most_wait": 0.02}


@pytest.fixture
def server(service: LoopbackService) -> Iterator[Server]:
    """A client's end of the scripted server, which nobody is logged in at."""
    settings = HCAConfig()
    made = Server(config.profile(settings, service.url), settings, **FAST)
    yield made
    made.close()


@pytest.fixture
def known(service: LoopbackService) -> Iterator[Server]:
    """The same for somebody with a token."""
    settings = HCAConfig()
    made = Server(config.profile(settings, service.url), settings, token="secret-token", **FAST)
    yield made
    made.close()


# Addresses


def test_nothing_in_a_path_or_a_parameter_leads_elsewhere(server: Server) -> None:
    params = [("a;b", "c;d&e=f"), ("download", None), ("x", "ä [1;2] +%"), ("y", "")]
    url = server.url_of("node", "../acl", params=params)
    assert url == f"{server.url}/node/..%2Facl?a%3Bb=c%3Bd%26e%3Df&download&x=%C3%A4%20%5B1%3B2%5D%20%2B%25&y="


@pytest.mark.parametrize("segments", [("node", ".."), ("node", "."), ("node", ""), ("node", ID, "acl", "..")])
def test_ids_that_are_other_paths_are_refused(server: Server, service: LoopbackService, segments: tuple[str]) -> None:
    with pytest.raises(UsageError):
        server.call("DELETE", *segments)
    assert service.requests == []


@pytest.mark.parametrize("key", ["method", "METHOD", "always200", "callback"])
def test_what_the_framework_takes_for_an_order_is_never_sent(
    server: Server, service: LoopbackService, key: str
) -> None:
    with pytest.raises(UsageError, match=key):
        server.call("GET", "node", params=[("querynode", None), (key, "DELETE")])
    assert service.requests == []


# Answers


def test_the_body_decides_whatever_the_status_says(server: Server, service: LoopbackService) -> None:
    service.on("GET", f"/node/{ID}").reply(json={"status": 404, "data": None, "error": ["Node not found"]}, status=200)
    with pytest.raises(ShockNotFoundError) as caught:
        server.call("GET", "node", ID)
    assert (caught.value.status, caught.value.reason) == (404, "Node not found")
    service.on("GET", "/node/x").reply(json={"status": 200, "data": {}, "error": ["it failed"]}, status=200)
    with pytest.raises(ShockApiError, match="it failed"):
        server.call("GET", "node", "x")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"id": "something else"}, "application/json"),
        ([1, 2], "application/json"),
        (None, "application/json"),
        ("text", "application/json"),
    ],
)
def test_what_no_shock_server_says_is_told(server: Server, service: LoopbackService, body: Any, kind: str) -> None:
    service.on("GET", "/node/x").reply(json=body, headers={"Content-Type": kind})
    with pytest.raises(ShockError, match="does not answer as a Shock server"):
        server.call("GET", "node", "x")


def test_a_page_instead_of_a_document(server: Server, service: LoopbackService) -> None:
    service.on("GET", "/node/x").reply(body=b"<html>Welcome</html>", headers={"Content-Type": "text/html"})
    with pytest.raises(HCAError, match="not JSON"):
        server.call("GET", "node", "x")
    service.on("GET", "/node/y").reply(body=b"<html>Oops</html>", status=500, headers={"Content-Type": "text/html"})
    with pytest.raises(ShockApiError) as caught:
        server.call("GET", "node", "y")
    assert caught.value.status == 500
    assert "<" not in caught.value.message
    assert len(service.asked("GET", "/node/y")) == 1  # 500 means an error of its code: it will say so again


@pytest.mark.parametrize(
    ("status", "text", "kind", "exit_status"),
    [
        (401, "User Unauthorized", ShockRefusedError, 3),
        (401, "No Authorization", ShockRefusedError, 3),
        (400, "Invalid authorization header or content", ShockRefusedError, 3),
        (400, "err@node_Create: (node.CreateNodeUpload) copy_data_node auth error", ShockRefusedError, 3),
        (404, "Node not found", ShockNotFoundError, 4),
        (400, "err@node_Read: document not found", ShockNotFoundError, 4),
        (500, "err:@preAuth load: not found", ShockNotFoundError, 4),
        (423, "Node file is locked", ShockLockedError, 1),
        (400, "Node file is locked", ShockLockedError, 1),
        (400, "err@node_Update: (node.Update) Node file immutable", ShockApiError, 1),
        (503, "", ShockUnavailableError, 5),
        (429, "slow down", ShockUnavailableError, 5),
        (501, "This request type is not implemented.", ShockApiError, 1),
    ],
)
def test_what_the_server_means(status: int, text: str, kind: type[ShockApiError], exit_status: int) -> None:
    found = errors.of(status, text, "GET /node/x")
    assert type(found) is kind
    assert found.exit_status == exit_status
    assert f"(HTTP {status}, GET /node/x)" in found.message
    assert "err@" not in found.message
    assert "err:@" not in found.message
    assert found.reason
    assert ("hca shock unlock ID" in (found.hint or "")) is (kind is ShockLockedError)


def test_kinds_of_errors_are_those_of_the_core_too() -> None:
    assert issubclass(ShockRefusedError, LoginError)
    assert issubclass(ShockNotFoundError, NotFoundError)
    assert issubclass(ShockUnavailableError, NetworkError)


def test_inner_names_are_taken_away() -> None:
    assert errors.reason_of("err@node_Create: (node.CreateNodeUpload) (node.Update) bad") == "bad"
    assert errors.reason_of("(a) said in brackets (b)") == "said in brackets (b)"
    assert errors.reason_of("") == "no reason given"
    assert "\n" not in errors.reason_of("two\nlines")


# Trying again


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_does_no_harm_is_sent_again(server: Server, service: LoopbackService, method: str) -> None:
    service.on(method, "/node/x").drop(times=2).reply(json={"status": 200, "data": 1, "error": None})
    assert server.call(method, "node", "x") == 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_may_have_been_done_is_not_sent_again(server: Server, service: LoopbackService, method: str) -> None:
    service.on(method, "/node/x").drop()
    with pytest.raises(NetworkError):
        server.call(method, "node", "x", form=Form([("a", "b")]))
    assert len(service.requests) == 1


def test_what_was_never_sent_is_sent_again() -> None:
    settings = HCAConfig()
    # A port of which nobody gets hold; that of a service which has just ended may be another's by now.
    server = Server(config.profile(settings, "http://127.0.0.1:1"), settings, **FAST)
    waits: list[float] = []
    server.session.wait = waits.append  # type: ignore[method-assign]
    with pytest.raises(NetworkError, match="nothing listens"):
        server.call("POST", "node", form=Form([("a", "b")]))
    assert len(waits) == 2
    server.close()


# Tokens


def test_a_token_is_not_sent_to_another_host(known: Server, service: LoopbackService) -> None:
    with LoopbackService() as other:
        other.on("GET", "/node/x").reply(json={"status": 200, "data": "there", "error": None})
        service.on("GET", "/node/x").redirect(f"{other.url}/node/x")
        assert known.call("GET", "node", "x") == "there"
        assert service.requests[0].headers["Authorization"] == "OAuth secret-token"
        assert "Authorization" not in other.requests[0].headers


def test_a_token_stays_out_of_errors_and_logs(
    known: Server, service: LoopbackService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    service.on("GET", "/node/x").reply(
        json={"status": 400, "data": None, "error": ["no secret-token here"]}, status=400
    )
    with pytest.raises(ShockApiError):
        known.call("GET", "node", "x")
    assert "secret-token" not in caplog.text


def test_nobody_sends_nothing(server: Server, service: LoopbackService) -> None:
    service.on("GET", "/node/x").reply(json={"status": 200, "data": 1, "error": None})
    server.call("GET", "node", "x")
    assert "Authorization" not in service.requests[0].headers


def test_http_to_another_machine_is_refused() -> None:
    settings = HCAConfig()
    server = Server(config.profile(settings, "http://shock.example.org"), settings, **FAST)
    with pytest.raises(UsageError, match="is not https"):
        server.call("GET", "node", "x")
    server.close()


# What a server is


def test_the_description_is_asked_for_once(server: Server, service: LoopbackService) -> None:
    service.on("GET", "/").reply(json={"id": "Shock", "servername": "blobstore"})
    assert server.is_blobstore
    assert server.resource()["id"] == "Shock"
    assert len(service.requests) == 1
    server.fresh_resource()
    assert len(service.requests) == 2


def test_what_a_blobstore_has_not_is_said(server: Server, service: LoopbackService) -> None:
    service.on("GET", "/").reply(json={"id": "Shock", "servername": "blobstore"})
    with pytest.raises(UsageError, match="blobstore, which has no queries"):
        server.call("GET", "node", params=[("query", None)])
    with pytest.raises(UsageError, match="which has no indexes"):
        server.call("PUT", "node", ID, "index", "line")
    with pytest.raises(ShockNotFoundError):
        server.call("GET", "node", ID)


def test_bodies_that_are_no_documents(server: Server, service: LoopbackService) -> None:
    service.on("GET", "/node/x").reply(body=b"\x00\x01")
    with server.stream("node", "x") as answer:
        assert answer.raw.read(1) == b"\x00"
        assert answer.content == b"\x01"
    assert service.requests[0].headers["Accept-Encoding"] == "identity"


# Nodes


def test_a_node_of_a_fresh_reply_and_one_that_was_read_again() -> None:
    fresh = {"id": "x", "file": {"name": "n", "size": 1, "checksum": {"md5": "AB"}}, "tags": None, "linkage": None}
    node = Node.parse(fresh)
    assert (node.tags, node.linkage, node.file.md5, node.parts) == ((), (), "ab", None)
    again = Node.parse(
        {**fresh, "tags": ["a"], "linkages": [{"relation": "r", "ids": ["1"]}], "expiration": "0001-01-01T00:00:00Z"}
    )
    assert again.tags == ("a",)
    assert again.linkage[0].ids == ("1",)
    assert again.expiration is None


@pytest.mark.parametrize(
    "raw", [None, [], "x", {}, {"id": "x", "file": 3}, {"id": "x", "tags": 3}, {"id": "x", "file": {"size": "a"}}]
)
def test_what_is_no_node(raw: Any) -> None:
    with pytest.raises(ShockError, match="can't be read"):
        Node.parse(raw)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-11-22T09:00:00.123456789Z", "2026-11-22T09:00:00.123456+00:00"),
        ("2026-11-22T09:00:00.1Z", "2026-11-22T09:00:00.100000+00:00"),
        ("2026-11-22T09:00:00+01:00", "2026-11-22T09:00:00+01:00"),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_moments(text: str | None, told: str | None) -> None:
    found = moment(text)
    assert (found.isoformat() if found else None) == told


# Changes


def test_changes_of_one_node_wait_for_each_other() -> None:
    inside, most, order = [0], [0], []

    def change() -> None:
        with changing.changing("http://u", ID), changing.changing("http://u", ID):  # may be taken again inside
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            order.append(1)
            threading.Event().wait(0.005)
            inside[0] -= 1

    threads = [threading.Thread(target=change) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most[0], len(order)) == (1, 8)


def test_another_process_that_keeps_a_node_is_told_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import zlib

    from hca_core import locking, paths

    monkeypatch.setattr(changing, "_PATIENCE_SECONDS", 0.05)
    with changing.changing("http://u", "warm"):
        pass
    number = zlib.crc32(f"http://u/{ID}".encode()) % changing._STRIPES
    path = os.path.join(paths.cache_dir(), "shock", "locks", f"{number:04}")
    with locking.held(path, 1.0), pytest.raises(ShockError, match="half an hour"), changing.changing("http://u", ID):
        pass
    with changing.changing("http://u", ID):
        pass


def test_a_form_is_sent_with_its_length_and_type(server: Server, service: LoopbackService) -> None:
    """A change is sent with the length and the type of its form."""
    service.on("PUT", "/node/x").reply(
        lambda request: reply(json={"status": 200, "data": len(request.body), "error": None})
    )
    form = Form([("tags", "a")])
    assert server.call("PUT", "node", "x", form=form) == len(form)
    assert service.requests[0].headers["Content-Type"] == form.content_type


def test_a_password_is_hidden_however_it_is_written(service: LoopbackService) -> None:
    settings = HCAConfig()
    token = config.basic("alice", "S3cretPassword")
    made = Server(config.profile(settings, service.url), settings, token=token, **FAST)
    made.close()
    shown = log.redact(f"alice:S3cretPassword {token} {token.removeprefix('basic:')}")
    assert "S3cret" not in shown
    assert token.removeprefix("basic:") not in shown


@pytest.mark.parametrize(
    ("code", "text", "told"),
    [
        (401, "User Unauthorized", "ask the owner"),
        (400, "Invalid authorization header or content", "check the token"),
    ],
)
def test_who_lacks_a_right_is_not_told_to_look_at_the_password(
    known: Server, service: LoopbackService, code: int, text: str, told: str
) -> None:
    service.on("GET", "/node/x").reply(status=code, json={"status": code, "data": None, "error": [text]})
    with pytest.raises(ShockRefusedError) as caught:
        known.node("x")
    assert told in (caught.value.hint or "")


def test_a_get_that_changes_something_is_sent_once(server: Server, service: LoopbackService) -> None:
    service.on("GET", "/node/x").drop(times=2).reply(json={"status": 200, "data": 1, "error": None})
    with pytest.raises(NetworkError):
        server.call("GET", "node", "x", once=True)
    assert len(service.requests) == 1
