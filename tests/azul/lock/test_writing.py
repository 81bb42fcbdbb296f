"""Lock files: stable bytes, what they say, what can't be used of them."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from hca_azul.lock import reading
from hca_azul.lock.writing import Origin
from hca_azul.rows import Row
from hca_core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hca_core.testing import LoopbackService


def uuid(number: int) -> str:
    return f"2cfd3a55-f1d9-5f4e-a0f6-{number:012}"


def row(number: int, **more: Any) -> Row:
    values: dict[str, Any] = {
        "uuid": uuid(number),
        "version": "2020-01-01T00:00:00.000000Z",
        "name": f"{number}.fastq.gz",
        "size": number,
        "sha256": f"{number:064x}",
        "drs_uri": f"drs://h.org/{number}",
        "azul_url": "https://x/",
        "project": "Kidney",
        "extra": {"source_id": ("s1",)},
    }
    return Row(**(values | more))


@pytest.fixture
def azul(service: LoopbackService, scripted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    service.on("GET", "/version").reply(json={"git": {"commit": "c0ffee", "dirty": False}})
    return scripted()


def test_the_order_of_rows_does_not_matter(azul: Any, tmp_path: Path) -> None:
    rows = [row(number) for number in (3, 1, 2)]
    azul.lock(rows, tmp_path / "a.json")
    azul.lock([*reversed(rows), rows[0]], tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    document = json.loads((tmp_path / "a.json").read_text())
    assert [one["uuid"] for one in document["files"]] == [uuid(1), uuid(2), uuid(3)]
    assert len([line for line in (tmp_path / "a.json").read_text().splitlines() if line.startswith('{"uuid"')]) == 3


def test_what_a_lock_says(azul: Any, tmp_path: Path) -> None:
    path = tmp_path / "hca-lock.json"
    origin = Origin({"organ": {"is": ["kidney"]}}, "compact", "ab" * 32)
    made = azul.lock(
        [row(1, crc32c="0a0b0c0d", bundles=(("b1", "1"), ("b2", "2")), read_index="read1")], path, origin=origin
    )
    document = json.loads(path.read_text())
    (file,) = document.pop("files")
    assert file == {
        "uuid": uuid(1), "version": "2020-01-01T00:00:00.000000Z", "name": "1.fastq.gz", "path": "Kidney/1.fastq.gz",
        "size": 1, "sha256": f"{1:064x}", "crc32c": "0a0b0c0d", "drs_uri": "drs://h.org/1", "mirror_uri": "",
        "bundle_uuid": "b2", "project_id": "", "read_index": "read1",
    }  # fmt: skip
    assert document == {
        "schema": 1, "created": "2023-11-14T22:13:20Z", "tool": document["tool"], "service": azul.url, "catalog": "new",
        "commit": "c0ffee", "filters": {"organ": {"is": ["kidney"]}}, "format": "compact", "manifest_sha256": "ab" * 32,
        "authenticated": False, "sources": ["s1"], "layout": "project", "totals": {"files": 1, "bytes": 1},
    }  # fmt: skip
    assert document["tool"].startswith("hca ")
    assert reading.read(str(path)) == made


def test_a_lock_is_read_as_it_was_written(azul: Any, tmp_path: Path) -> None:
    rows = [
        row(1),
        row(2, azul_url="", drs_uri="", size=None, name='ü "\ud800\n.txt'),
        row(3, mirror_uri="s3://b/file/x"),
    ]
    made = azul.lock(rows, tmp_path / "a.json", layout="flat")
    for _ in range(2):
        found = list(made)
        assert [
            (one.uuid, one.version, one.size, one.sha256, one.drs_uri, one.mirror_uri, one.name) for one in found
        ] == [(one.uuid, one.version, one.size, one.sha256, one.drs_uri, one.mirror_uri, one.name) for one in rows]
    assert found[0].extra["place"] == ("1.fastq.gz",)
    assert (
        found[0].azul_url
        == f"{azul.url}/repository/files/{uuid(1)}?catalog=new&version=2020-01-01T00%3A00%3A00.000000Z"
    )
    assert found[1].azul_url == ""


def test_people_may_lay_it_out_anew(azul: Any, tmp_path: Path) -> None:
    azul.lock([row(1), row(2)], tmp_path / "a.json")
    document = json.loads((tmp_path / "a.json").read_text())
    (tmp_path / "b.json").write_text(json.dumps(document, indent=4, sort_keys=True))
    assert list(reading.read(str(tmp_path / "b.json"))) == list(reading.read(str(tmp_path / "a.json")))


def test_what_can_not_be_locked(azul: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(NotFoundError, match="no file to lock"):
        azul.lock([], path)
    with pytest.raises(UsageError, match="neither a UUID nor a sha256"):
        azul.lock([row(1, uuid="", sha256="")], path)
    with pytest.raises(UsageError, match="gone through only once"):
        azul.lock(iter([row(1)]), path)
    assert not path.exists()
    path.write_text("precious")
    with pytest.raises(UsageError, match="another file is there"):
        azul.lock([row(1)], path)
    assert path.read_text() == "precious"
    with pytest.raises(UsageError, match="there is no directory"):
        azul.lock([row(1)], tmp_path / "none" / "a.json")


def test_a_lock_replaces_a_lock(azul: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    azul.lock([row(1)], path)
    azul.lock([row(2)], path)
    assert [one.uuid for one in reading.read(str(path))] == [uuid(2)]
    assert stat.S_ISREG(path.stat().st_mode)
    assert [one.name for one in tmp_path.iterdir() if one.suffix in (".json", ".tmp")] == ["a.json"]


def test_files_without_a_digest_are_told_of(azul: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = azul.lock([row(1, sha256=""), row(2)], tmp_path / "a.json")
    assert made.header.count == 2
    assert "1 of 2 files have no sha256" in caplog.text


def test_a_service_that_does_not_tell_its_version(
    service: LoopbackService, scripted: Callable[..., Any], tmp_path: Path
) -> None:
    service.on("GET", "/version").fail(404)
    assert scripted().lock([row(1)], tmp_path / "a.json").header.commit == ""


def test_who_was_logged_in_is_noted(azul: Any, scripted: Callable[..., Any], tmp_path: Path) -> None:
    made = scripted(token="secret-token").lock([row(1)], tmp_path / "a.json")
    assert made.header.authenticated
    assert "secret-token" not in (tmp_path / "a.json").read_text()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"schema": 2}, "schema 2"),
        ({"schema": "1"}, "no lock file"),
        ({"service": None}, "no text as service"),
        ({"totals": None}, "totals"),
        ({"totals": {"files": 2, "bytes": 1}}, "cut or changed"),
        ({"totals": {"files": 1, "bytes": 2}}, "cut or changed"),
        ({"totals": {"files": -1, "bytes": 2}}, "-1 as files"),
        ({"files": [5]}, "file 1 is no object"),
        ({"files": [{"uuid": "", "sha256": ""}]}, "neither a UUID"),
        ({"files": [{"uuid": "../x"}]}, "which is none"),
        ({"files": [{"sha256": "AB" * 32}]}, "which is none"),
        ({"files": [{"uuid": uuid(1), "path": "../x"}]}, "not safe"),
        ({"files": [{"uuid": uuid(1), "path": "/etc/passwd"}]}, "not safe"),
        ({"files": [{"uuid": uuid(1), "path": "a\u001b[2J"}]}, "not safe"),
        ({"files": [{"uuid": uuid(1), "size": True}]}, "True as size"),
        ({"files": [{"uuid": uuid(1), "name": 5}]}, "no text as name"),
    ],
)
def test_locks_that_can_not_be_used(azul: Any, tmp_path: Path, change: dict[str, Any], text: str) -> None:
    path = tmp_path / "a.json"
    azul.lock([row(1)], path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UsageError, match="can't be used") as caught:
        reading.read(str(path))
    assert text in caught.value.message
    assert caught.value.exit_status == 2


def test_what_is_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(UsageError, match="No such file"):
        reading.read(str(path))
    for content in (b"", b"\xff\xfe", b"uuid\tversion\n", b"{}", b'{"schema": 1'):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="can't be used"):
            reading.read(str(path))


def test_memory_does_not_grow_with_the_files(azul: Any, tmp_path: Path) -> None:
    import tracemalloc

    class Many:
        def __iter__(self) -> Any:
            one = row(0)
            return (one._replace(uuid=uuid(number), sha256=f"{number:064x}") for number in range(2000))

    tracemalloc.start()
    try:
        made = azul.lock(Many(), tmp_path / "a.json", layout="none")
        assert sum(1 for _ in made) == 2000
        assert tracemalloc.get_traced_memory()[1] < 1_500_000
    finally:
        tracemalloc.stop()
