"""Signed URLs and the mirror: who gets which bytes, and what is refused."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    # The fixtures of conftest.py.
    Azul = Any
    Rows = dict[str, dict[str, str]]


@pytest.fixture
def signed(azul: Azul, rows: Rows) -> str:
    """Return the signed URL of a file of 300 kB."""
    return str(azul.get(rows["retina.h5ad"]["file_azul_url"]).headers["Location"])


def mirror(azul: Azul, row: dict[str, str], kind: str = "file") -> str:
    """Return the address of a file in the mirror, or that of what is known about it."""
    bucket = urlsplit(row["file_mirror_uri"]).netloc or "hca-local-mirror"
    return f"{azul.beside}/mirror/{bucket}/{kind}/{row['file_sha256']}.sha256{'.json' if kind == 'info' else ''}"


class TestSignedUrls:
    """URLs that open one object for a while."""

    def test_when_it_ends_can_be_read(self, signed: str) -> None:
        query = parse_qs(urlsplit(signed).query)
        assert query["X-Goog-Expires"] == ["900"]
        assert query["X-Goog-Date"][0].endswith("Z")
        assert query.keys() >= {"X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-SignedHeaders", "X-Goog-Signature"}

    @pytest.mark.parametrize(
        ("wanted", "start", "end"), [("bytes=0-0", 0, 1), ("bytes=7-", 7, None), ("bytes=-5", -5, None)]
    )
    def test_ranges(self, azul: Azul, signed: str, wanted: str, start: int, end: int | None) -> None:
        whole = azul.get(signed)
        part = azul.get(signed, headers={"Range": wanted, "If-Range": whole.headers["ETag"]})
        assert (part.status_code, part.content) == (206, whole.content[start:end])
        other = azul.get(signed, headers={"Range": wanted, "If-Range": '"other"'})
        assert (other.status_code, len(other.content)) == (200, len(whole.content))

    def test_a_range_behind_the_end(self, azul: Azul, signed: str) -> None:
        assert azul.get(signed, headers={"Range": "bytes=400000-"}).status_code == 416

    def test_it_is_for_get_only(self, azul: Azul, signed: str) -> None:
        for method in ("HEAD", "PUT", "DELETE"):
            assert azul.send(method, signed).status_code == 403

    @pytest.mark.parametrize(
        ("old", "new"),
        [("X-Goog-Expires=900", "X-Goog-Expires=9000"), ("retina.h5ad?", "retina.h5?"), ("/files/", "/files/0"),
         ("X-Goog-Signature=", "X-Goog-Signature=0"), ("X-Goog-Signature=", "Signature="), ("filename", "filenamf")],
    )  # fmt: skip
    def test_nothing_of_it_can_be_changed(self, azul: Azul, signed: str, old: str, new: str) -> None:
        assert old in signed
        answer = azul.get(signed.replace(old, new, 1))
        assert answer.status_code == 403
        assert answer.text.startswith("<?xml")

    def test_it_ends(self, azul: Azul, rows: Rows) -> None:
        with azul.script({"route": "GET /repository/files/*", "lifetime": 0}):
            over = azul.get(rows["cells.csv"]["file_azul_url"]).headers["Location"]
        answer = azul.get(over)
        assert answer.status_code == 403
        assert "Request has expired" in answer.text

    @pytest.mark.parametrize("where", ["signed", "mirror"])
    def test_a_login_that_is_sent_here_was_given_away(self, azul: Azul, rows: Rows, signed: str, where: str) -> None:
        url = signed if where == "signed" else mirror(azul, rows["retina.h5ad"])
        answer = azul.get(url, headers={"Authorization": "Bearer precious"})
        assert answer.status_code == 400
        assert "precious" not in answer.text
        log = azul.log.read_text()
        assert f"ERROR an Authorization header was sent to the storage: GET /{where}/" in log
        assert "precious" not in log
        assert signed.rpartition("=")[2] not in log

    def test_foreign_pages_are_not_let_in(self, azul: Azul, signed: str) -> None:
        assert azul.get(signed, headers={"Host": "evil.example"}).status_code == 403
        assert azul.get(signed, headers={"Origin": "https://evil.example"}).status_code == 403


class TestMirror:
    """A bucket for everybody."""

    def test_a_file(self, azul: Azul, rows: Rows) -> None:
        row = rows["retina.h5ad"]
        answer = azul.get(mirror(azul, row))
        assert hashlib.sha256(answer.content).hexdigest() == row["file_sha256"]
        tag = answer.headers["ETag"]
        part = azul.get(mirror(azul, row), headers={"Range": "bytes=5-9", "If-Match": tag})
        assert (part.status_code, part.content) == (206, answer.content[5:10])
        assert azul.get(mirror(azul, row), headers={"If-Match": '"x"'}).status_code == 412
        head = azul.send("HEAD", mirror(azul, row))
        assert (head.status_code, head.headers["Content-Length"]) == (200, row["file_size"])
        assert azul.send("PUT", mirror(azul, row)).status_code == 403

    @pytest.mark.parametrize("name", ["cells.csv", "counts.csv", "lost.bam"])
    def test_what_it_has_not_is_forbidden(self, azul: Azul, rows: Rows, name: str) -> None:
        for kind in ("file", "info"):
            answer = azul.get(mirror(azul, rows[name], kind))
            assert answer.status_code == 403
            assert "<Code>AccessDenied</Code>" in answer.text

    @pytest.mark.parametrize("path", ["other/file/{}.sha256", "{}", "hca-local-mirror/file/{}", "hca-local-mirror/"])
    def test_other_paths_are_forbidden(self, azul: Azul, rows: Rows, path: str) -> None:
        assert azul.get(f"/mirror/{path.format(rows['retina.h5ad']['file_sha256'])}").status_code == 403

    def test_an_object_with_wrong_bytes(self, azul: Azul, rows: Rows) -> None:
        row = rows["retina.loom"]
        url = mirror(azul, row)
        wrong = azul.get(url).content
        right = azul.get(azul.get(row["file_azul_url"]).headers["Location"]).content
        assert len(wrong) == len(right)
        assert (wrong[0] ^ 0xFF, wrong[1:]) == (right[0], right[1:])
        assert azul.get(url, headers={"Range": "bytes=0-1"}).content == wrong[:2]
        assert azul.get(url, headers={"Range": "bytes=2-5"}).content == right[2:6]

    def test_what_is_known_about_a_file(self, azul: Azul, rows: Rows) -> None:
        kinds: dict[tuple[str, str], int] = {}
        there = {row["file_sha256"]: row for row in rows.values() if row["file_mirror_uri"]}
        for digest in sorted(there)[:12]:
            answer = azul.get(mirror(azul, there[digest], "info"))
            if answer.status_code == 200:
                info = answer.json()
                kind = info["$schema"].rpartition("/")[2], type(info["content-type"]).__name__
                kinds[kind] = kinds.get(kind, 0) + 1
        assert kinds.keys() >= {("v1.json", "str"), ("v1.json", "NoneType"), ("v9.json", "dict"), ("v2.json", "list")}
        assert kinds["v9.json", "dict"] == kinds["v1.json", "str"] == 1
