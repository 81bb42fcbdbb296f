"""Pre-authorized URLs of the embedded Shock: for one download each, for a day, for whoever has them (contract §6)."""

from __future__ import annotations

import gzip
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

FASTQ = b"@r1\nACGT\n+\nIIII\n"


@pytest.fixture
def plain() -> Iterator[requests.Session]:
    """Return a client that nobody knows."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        yield session


def link(shock: Any, node: str, query: str = "", user: str | None = None) -> dict[str, Any]:
    """Return what is told of a new URL for a node."""
    answer = shock.send("GET", f"/node/{node}?download_url{query}", user)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def refusal(answer: requests.Response, status: int) -> str:
    body = answer.json()
    assert (answer.status_code, body["status"], body["data"], len(body["error"])) == (status, status, None, 1)
    return str(body["error"][0])


def set_expiry(shock: Any, moment: float) -> None:
    """Change until when all URLs are good."""
    with closing(sqlite3.connect(shock.directory.store, timeout=30)) as connection, connection:
        connection.execute("UPDATE shock_preauth SET expires = ?", (moment,))


def test_a_url_opens_a_private_file_once_and_without_a_login(shock: Any, plain: requests.Session) -> None:
    node = shock.post("bob", upload=("a b.txt", b"secret"))["id"]
    assert shock.send("GET", f"/node/{node}?download_url").status_code == 401
    told = link(shock, node, user="bob")
    assert {key: told[key] for key in ("format", "filename", "files", "size")} == {
        "format": "", "filename": "a b.txt", "files": 1, "size": 6,
    }  # fmt: skip
    assert told["url"].startswith(f"{shock.url}/preauth/")
    answer = plain.get(told["url"], timeout=30)
    assert (answer.status_code, answer.content) == (200, b"secret")
    assert answer.headers["Content-Length"] == "6"
    assert "a b.txt" in answer.headers["Content-Disposition"]
    assert "used already" in refusal(plain.get(told["url"], timeout=30), 404)


def test_a_url_keeps_name_filter_and_compression(shock: Any, plain: requests.Session) -> None:
    node = shock.post(upload=("r.fastq", FASTQ))["id"]
    told = link(shock, node, "&filter=fq2fa&compression=gzip&file_name=x&seek=3&index=size&part=9")
    assert (told["format"], told["filename"]) == ("gzip", "x.gzip")
    answer = plain.get(told["url"], timeout=30)
    assert gzip.decompress(answer.content) == b">r1\nACGT\n"
    assert answer.headers["Content-Disposition"] == "attachment; filename=x.gzip"


def test_a_url_is_that_of_the_host_that_was_asked(shock: Any, plain: requests.Session) -> None:
    node = shock.post(upload=b"x")["id"]
    port = shock.url.rpartition(":")[2]
    answer = plain.get(f"http://localhost:{port}/node/{node}?download_url", timeout=30)
    assert answer.json()["data"]["url"].startswith(f"http://localhost:{port}/preauth/")


def test_of_many_who_use_a_url_at_once_one_gets_the_file(shock: Any, plain: requests.Session) -> None:
    import requests

    url = link(shock, shock.post(upload=b"x")["id"])["url"]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: requests.get(url, timeout=30).status_code, range(32)))
    assert sorted(answers) == [200] + [404] * 31


def test_a_url_lasts_a_day_and_not_longer(shock: Any, plain: requests.Session) -> None:
    node = shock.post(upload=b"x")["id"]
    told = link(shock, node)
    until = time.mktime(time.strptime(told["validtill"])) - time.timezone
    assert 24 * 3600 - 60 < until - time.time() <= 24 * 3600
    set_expiry(shock, time.time() + 60)
    link(shock, node)
    assert plain.get(told["url"], timeout=30).status_code == 200
    late, removed = link(shock, node), link(shock, node)
    set_expiry(shock, time.time() - 1)
    assert "24 hours" in refusal(plain.get(late["url"], timeout=30), 404)
    link(shock, node)
    with closing(sqlite3.connect(shock.directory.store)) as connection:
        assert connection.execute("SELECT count(*) FROM shock_preauth").fetchone() == (1,)
        told_in_store = "\n".join(connection.iterdump())
    assert removed["url"].rpartition("/")[2] not in told_in_store


def test_what_is_stored_and_logged_opens_nothing(shock: Any) -> None:
    secret = link(shock, shock.post(upload=b"x")["id"])["url"].rpartition("/")[2]
    assert len(secret) >= 43
    with closing(sqlite3.connect(shock.directory.store)) as connection:
        assert secret not in "\n".join(connection.iterdump())
    assert shock.send("GET", f"/preauth/{secret}").status_code == 200
    assert secret not in shock.directory.log.read_text()


def test_only_a_get_uses_a_url_up(shock: Any, plain: requests.Session) -> None:
    url = link(shock, shock.post(upload=b"x")["id"])["url"]
    assert plain.head(url, timeout=30).status_code == 400
    for method in ("POST", "PUT", "DELETE"):
        assert "GET only" in refusal(plain.request(method, url, timeout=30), 400)
    assert plain.get(url, timeout=30).content == b"x"


def test_a_node_that_went_or_was_locked_meanwhile_is_told(shock: Any, plain: requests.Session) -> None:
    gone, locked = shock.post(upload=b"x"), shock.post(upload=b"x")
    urls = [link(shock, node["id"])["url"] for node in (gone, locked)]
    shock.send("DELETE", f"/node/{gone['id']}")
    shock.put(locked, file_lock="1")
    assert "not found" in refusal(plain.get(urls[0], timeout=30), 404)
    assert "locked" in refusal(plain.get(urls[1], timeout=30), 423)
    assert refusal(plain.get(f"{shock.url}/preauth/{'x' * 43}", timeout=30), 404)


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "GET"])
def test_with_quirks_any_method_uses_a_url_up_which_has_no_port(
    quirky: Any, plain: requests.Session, method: str
) -> None:
    told = link(quirky, quirky.post(upload=b"x")["id"])
    assert told["url"].startswith("http://localhost/preauth/")
    set_expiry(quirky, 0)  # nobody looks
    url = f"{quirky.url}/preauth/{told['url'].rpartition('/')[2]}"
    assert plain.request(method, url, timeout=30).content == (b"" if method == "HEAD" else b"x")
    assert refusal(plain.get(url, timeout=30), 500) == "err:@preAuth load: not found"
