"""The fault script: what it does to answers, which calls it is for, and what is said about one that makes no sense."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from hca_core.files import write_atomic
from hca_local.azul.faults import script
from hca_local.azul.faults.altering import Altered
from hca_local.azul.faults.limits import Limits
from hca_local.azul.faults.rules import ScriptError, rule

if TYPE_CHECKING:
    from starlette.types import Message

    # The fixtures of conftest.py.
    Azul = Any
    Rows = dict[str, dict[str, str]]

FETCH = "GET /fetch/repository/files/*"
SIGNED = "GET /signed/*"


@pytest.fixture
def fetch(rows: Rows) -> str:
    """Return the path of a file of 300 kB."""
    return f"/fetch/repository/files/{rows['retina.h5ad']['file_uuid']}"


@pytest.fixture
def signed(azul: Azul, fetch: str) -> str:
    """Return its signed URL."""
    return str(azul.get(fetch).json()["Location"])


def statuses(azul: Azul, path: str, count: int) -> list[int]:
    """Return the statuses of so many calls."""
    return [azul.get(path).status_code for _ in range(count)]


class TestCalls:
    """Which calls a rule is for."""

    @pytest.mark.parametrize(
        ("calls", "seen"),
        [("1", [429, 200, 200, 200]), ("2-3", [200, 429, 429, 200]), ("1,3-", [429, 200, 429, 429])],
    )
    def test_the_nth(self, azul: Azul, fetch: str, calls: str, seen: list[int]) -> None:
        with azul.script({"route": FETCH, "calls": calls, "status": 429}):
            assert statuses(azul, fetch, 4) == seen

    def test_all_if_nothing_is_said(self, azul: Azul, fetch: str) -> None:
        with azul.script({"route": FETCH, "status": 503}):
            assert statuses(azul, fetch, 2) == [503, 503]
        assert statuses(azul, fetch, 1) == [200]

    def test_other_routes_are_not_counted(self, azul: Azul, fetch: str, signed: str) -> None:
        with azul.script({"route": SIGNED, "calls": "2", "status": 500}, {"route": "PUT *", "status": 500}):
            assert statuses(azul, fetch, 3) == [200] * 3
            assert statuses(azul, signed, 3) == [200, 500, 200]

    def test_a_part_of_the_query(self, azul: Azul, fetch: str) -> None:
        with azul.script({"route": FETCH, "query": "wait=0", "status": 500}):
            assert azul.get(fetch).status_code == 200
            assert azul.get(fetch, wait=0).status_code == 500

    def test_a_new_script_counts_anew(self, azul: Azul, fetch: str) -> None:
        for number in range(2):
            with azul.script({"route": FETCH, "calls": "1", "status": 500}):
                # The clock of a file system may stand still for longer than two calls take.
                os.utime(azul.root / "faults.json", (number, number))
                assert statuses(azul, fetch, 2) == [500, 200]


class TestAnswers:
    """What answers become."""

    def test_an_error_of_the_service(self, azul: Azul, fetch: str) -> None:
        with azul.script({"route": FETCH, "status": 429, "headers": {"Retry-After": "7"}}):
            answer = azul.get(fetch)
        assert answer.json()["Code"] == "TooManyRequestsError"
        assert answer.headers["Retry-After"] == "7"

    def test_a_page_where_json_should_be(self, azul: Azul, fetch: str) -> None:
        with azul.script({"route": FETCH, "status": 200, "body": "<html>no</html>"}):
            answer = azul.get(fetch)
        assert (answer.status_code, answer.text) == (200, "<html>no</html>")
        assert answer.headers["Content-Type"].startswith("text/html")

    def test_any_document_and_any_text(self, azul: Azul, fetch: str) -> None:
        with azul.script({"route": FETCH, "status": 418, "json": {"message": None}}):
            assert azul.get(fetch).json() == {"message": None}
        with azul.script({"route": FETCH, "status": 500, "body": "no"}):
            assert azul.get(fetch).headers["Content-Type"].startswith("text/plain")

    def test_headers_of_the_real_answer(self, azul: Azul, signed: str) -> None:
        with azul.script({"route": SIGNED, "headers": {"ETag": '"other"'}}):
            answer = azul.get(signed)
        assert answer.headers["ETag"] == '"other"'
        assert len(answer.content) == 300_008

    def test_a_delay(self, azul: Azul, fetch: str) -> None:
        begun = time.monotonic()
        with azul.script({"route": FETCH, "delay": 0.3}):
            assert azul.get(fetch).status_code == 200
        assert time.monotonic() - begun >= 0.3


class TestBytes:
    """What becomes of bytes."""

    @pytest.mark.parametrize("cut", [0, 1, 1000, 299_999])
    def test_they_are_cut(self, azul: Azul, signed: str, cut: int) -> None:
        whole = azul.get(signed).content
        with azul.script({"route": SIGNED, "calls": "1", "cut": cut}):
            assert received(signed) == (whole[:cut], False)
            assert received(signed) == (whole, True)

    def test_a_cut_behind_the_end_is_none(self, azul: Azul, signed: str) -> None:
        with azul.script({"route": SIGNED, "cut": 300_008}):
            assert received(signed) == (azul.get(signed).content, True)

    def test_a_cut_of_an_answer_of_the_service(self, azul: Azul, fetch: str) -> None:
        with azul.script({"route": FETCH, "cut": 5}):
            assert received(azul.url + fetch) == (b'{"Sta', False)

    def test_more_is_promised_than_comes(self, azul: Azul, signed: str) -> None:
        with azul.script({"route": SIGNED, "length": 10}):
            content, is_whole = received(signed)
        assert (len(content), is_whole) == (300_008, False)

    def test_less_is_promised_than_there_is(self, azul: Azul, signed: str) -> None:
        with azul.script({"route": SIGNED, "length": -10}):
            content, is_whole = received(signed)
        assert (len(content), is_whole) == (299_998, True)

    @pytest.mark.parametrize("offset", [0, 4096, 299_000])
    def test_one_is_changed(self, azul: Azul, signed: str, offset: int) -> None:
        whole = azul.get(signed).content
        with azul.script({"route": SIGNED, "flip": offset}):
            changed = azul.get(signed).content
        assert [at for at in range(len(whole)) if whole[at] != changed[at]] == [offset]

    def test_they_drip(self, azul: Azul, signed: str) -> None:
        begun = time.monotonic()
        with azul.script({"route": SIGNED, "drip": 0.001}):
            assert received(signed) == (azul.get(signed, headers={"Range": "bytes=0-"}).content, True)
        assert time.monotonic() - begun >= 0.29

    def test_they_stall(self, azul: Azul, signed: str) -> None:
        with azul.script({"route": SIGNED, "calls": "1", "stall": 100}):
            with closing(asked(signed)) as answer:
                assert len(answer.read(100)) == 100
                answer.fp.raw._sock.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    answer.read(1)
            assert azul.get(signed).status_code == 200

    @pytest.mark.parametrize("more", [{}, {"cut": 100}])
    def test_the_connection_is_reset(self, azul: Azul, signed: str, more: dict[str, int]) -> None:
        with azul.script({"route": SIGNED, "calls": "1", "reset": True, **more}):
            with pytest.raises(ConnectionResetError):
                asked(signed).read()
            assert azul.get(signed).status_code == 200

    def test_head_of_the_mirror_is_not_a_broken_answer(self, azul: Azul, rows: Rows) -> None:
        path = f"/mirror/hca-local-mirror/file/{rows['retina.h5ad']['file_sha256']}.sha256"
        with (
            azul.script({"route": "HEAD *", "headers": {"X-Seen": "1"}}),
            closing(HTTPConnection(urlsplit(azul.url).netloc, timeout=30)) as connection,
        ):
            for _ in range(2):  # the second shows that the connection was left open
                connection.request("HEAD", path)
                answer = connection.getresponse()
                answer.read()
                assert (answer.headers["X-Seen"], answer.headers["Content-Length"]) == ("1", "300008")

    def test_one_is_changed_in_a_later_piece(self) -> None:
        sent = []

        async def send(message: Message) -> None:
            sent.append(message.get("body", b""))

        async def run() -> None:
            altered = Altered({"flip": 5}, "GET", None, send)  # type: ignore[arg-type]
            await altered.send({"type": "http.response.start", "status": 200, "headers": []})
            await altered.send({"type": "http.response.body", "body": b"abcd", "more_body": True})
            await altered.send({"type": "http.response.body", "body": b"efgh"})

        asyncio.run(run())
        assert b"".join(sent) == b"abcde\x99gh"


def asked(url: str, timeout: float = 30) -> HTTPResponse:
    """Return the answer to a GET, of which only the headers have been read."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=timeout)
    connection.request("GET", f"{parts.path}?{parts.query}", headers={"Connection": "close"})
    return connection.getresponse()


def received(url: str) -> tuple[bytes, bool]:
    """Return the bytes that come before the end of the connection, and whether they are all that were promised."""
    with closing(asked(url)) as answer:
        try:
            return answer.read(), True
        except IncompleteRead as error:
            return error.partial, False


class TestFirewall:
    """Limits, programs that are blocked, maintenance."""

    def test_a_limit(self, azul: Azul, fetch: str, signed: str) -> None:
        with azul.script(limits={"files": "2/300", "retry_after": 3}):
            assert statuses(azul, fetch, 4) == [200, 200, 429, 429]
            answer = azul.get(fetch)
            assert (answer.headers["Retry-After"], answer.headers["Content-Type"][:10]) == ("3", "text/plain")
            assert statuses(azul, signed, 3) == [200] * 3
            assert azul.send("PUT", "/fetch/manifest/files", format="x").status_code == 400

    def test_each_class_has_its_own(self, azul: Azul, fetch: str) -> None:
        with azul.script(limits={"manifests": "1/300", "all": "4/300"}):
            seen = [azul.send("PUT", "/fetch/manifest/files", format="x").status_code for _ in range(2)]
            assert (seen, statuses(azul, fetch, 3)) == ([400, 429], [200, 200, 429])

    def test_a_limit_ends_when_the_window_has_few_calls(self) -> None:
        now = 0.0
        limits = Limits({"files": "2/10"}, lambda: now)
        seen = []
        for now in (0, 1, 2, 10.5, 11.5, 12.5, 30):  # noqa: B007 - the clock reads it
            seen.append(limits.refuses("GET", "/repository/files/x"))
        assert seen == [False, False, True, True, True, True, False]

    def test_a_program_that_is_blocked(self, azul: Azul, fetch: str, signed: str) -> None:
        agent = {"User-Agent": "BadBot/1.0"}
        answer = azul.get(fetch, headers=agent)
        assert (answer.status_code, answer.headers["Content-Type"][:9]) == (403, "text/html")
        assert azul.get(signed, headers=agent).status_code == 200

    def test_maintenance(self, azul: Azul, fetch: str, signed: str) -> None:
        with azul.script(maintenance=60):
            answer = azul.get(fetch)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
            assert azul.get(signed).status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        {"route": "/x"}, {"route": "GET"}, {}, {"route": "GET /", "calls": "x"}, {"route": "GET /", "calls": "1-2-3"},
        {"route": "GET /", "status": "500"}, {"route": "GET /", "status": True}, {"route": "GET /", "cutt": 1},
        {"route": "GET /", "job": "done"}, {"route": "GET /", "headers": {"Retry-After": 1}}, [], "GET /",
    ],
)  # fmt: skip
def test_rules_that_make_no_sense(given: Any) -> None:
    with pytest.raises(ScriptError):
        rule(given)


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", '{"rules": []}', '{"script": {}}', '{"limits": []}', '{"limits": {"files": "10"}}',
        '{"maintenance": "1"}', '{"limits": {"drs": "1/1"}}', '{"limits": {"retry_after": "1"}}',
    ],
)  # fmt: skip
def test_scripts_that_make_no_sense(text: str) -> None:
    with pytest.raises(ScriptError):
        script.parsed(text.encode())


def test_every_answer_tells_that_the_script_makes_no_sense(azul: Azul, fetch: str) -> None:
    path = azul.root / "faults.json"
    write_atomic(path, b'{"script": [{"route": "GET /", "cutt": 1}]}')
    try:
        for _ in range(2):
            answer = azul.get(fetch)
            assert answer.status_code == 500
            assert "no key 'cutt'" in answer.json()["Message"]
    finally:
        path.unlink()
    assert azul.get(fetch).status_code == 200
