"""`hca azul lock --check`: what is not as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hca_azul.lock.checking import Check
from hca_azul.lock.reading import Lock
from hca_azul.lock.writing import Origin
from hca_azul.rows import Row
from hca_core.errors import PartialError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hca_core.testing import LoopbackService
    from hca_core.testing.replies import Request


def uuid(number: int) -> str:
    return f"2cfd3a55-f1d9-5f4e-a0f6-{number:012}"


class Index:
    """An index of the files 0 to 249, some of which are not as they were."""

    def __init__(self) -> None:
        self.changes: dict[int, dict[str, str] | None] = {
            7: {"version": "v2"},
            120: {"sha256": "ab" * 32},
            249: None,
            3: None,
        }
        self.catalog = ""

    def __call__(self, request: Request) -> dict[str, Any]:
        query = dict(request.query)
        wanted = json.loads(query.get("filters") or request.json()["filters"])["fileId"]["is"]
        assert int(query["size"]) == len(wanted) <= 100
        self.catalog = query["catalog"]
        hits = []
        for one in wanted:
            number = int(one[-12:])
            change = self.changes.get(number, {})
            if change is not None:
                file = {"uuid": one, "version": "v1", "sha256": f"{number:064x}", "size": 1, **change}
                hits.append({"entryId": "x", "files": [file]})
        return {"hits": hits}


@pytest.fixture
def index(service: LoopbackService) -> Index:
    made = Index()
    service.on("*", "/index/files").reply(made)
    service.on("GET", "/repository/sources").reply(json={"sources": [{"sourceId": "s1"}]})
    service.on("GET", "/version").reply(json={"git": {}})
    return made


def locked(azul: Any, path: Path, catalog: str = "new") -> Lock:
    rows = [
        Row(uuid(number), "v1", "x.zarr/.zattrs" if number == 3 else f"{number}.txt", 1, f"{number:064x}",
            extra={"source_id": ("s1", "s2")})
        for number in range(250)
    ]  # fmt: skip
    made: Lock = azul.lock(rows, path, origin=Origin())
    path.write_text(path.read_text().replace('"catalog": "new"', f'"catalog": "{catalog}"'))
    from hca_azul.lock.reading import read

    return read(str(made.path))


def test_what_is_found(index: Index, scripted: Callable[..., Any], tmp_path: Path) -> None:
    azul = scripted()
    looked = Check(azul.service, locked(azul, tmp_path / "a.json"))
    found = list(looked.findings())
    assert [(one.what, one.name, one.state, one.now) for one in found] == [
        ("source", "s2", "hidden", ""),
        ("file", "7.txt", "superseded", "v2"),
        ("file", "120.txt", "changed", "ab" * 32),
        ("file", "249.txt", "missing", ""),
    ]
    assert (looked.files, looked.wrong, looked.skipped) == (250, 3, 1)
    with pytest.raises(PartialError, match="3 of 250 files") as raised:
        looked.raise_if_wrong()
    assert raised.value.hint == "some sources are hidden from you: hca azul login"


def test_a_catalog_that_is_gone(index: Index, scripted: Callable[..., Any], tmp_path: Path) -> None:
    azul = scripted()
    looked = Check(azul.service, locked(azul, tmp_path / "a.json", "dcp1"))
    found = list(looked.findings())
    assert [(one.what, one.name, one.state, one.now) for one in found if one.what != "file"] == [
        ("catalog", "dcp1", "gone", "new")
    ]
    assert index.catalog == "new"
    with pytest.raises(PartialError) as raised:
        looked.raise_if_wrong()
    assert "download --lock" in str(raised.value.hint)


def test_files_are_compared_with_the_catalog_of_today(
    index: Index, service: LoopbackService, scripted: Callable[..., Any], tmp_path: Path
) -> None:
    """In the catalog of the lock, as long as there is one, nothing is ever superseded."""
    both = {"default_catalog": "new", "catalogs": {"new": {}, "old": {}}}
    lock = locked(scripted(), tmp_path / "a.json", "old")
    service.on("GET", "/index/catalogs").reply(json=both)
    found = list(Check(scripted().service, lock).findings())
    assert index.catalog == "new"
    assert [(one.what, one.state) for one in found[:2]] == [("source", "hidden"), ("file", "superseded")]
    assert dict(service.asked("GET", "/repository/sources")[-1].query)["catalog"] == "old"
    list(Check(scripted(catalog="old").service, lock).findings())
    assert index.catalog == "old"


def test_what_has_no_uuid_is_counted_but_not_asked_for(
    index: Index, scripted: Callable[..., Any], tmp_path: Path
) -> None:
    azul = scripted()
    lock = azul.lock([Row("", sha256=f"{number:064x}", size=1) for number in range(3)], tmp_path / "a.json")
    looked = Check(azul.service, lock)
    assert list(looked.findings()) == []
    assert (looked.files, looked.wrong, looked.skipped, index.catalog) == (3, 0, 3, "")


def test_nothing_wrong_is_no_error(index: Index, scripted: Callable[..., Any], tmp_path: Path) -> None:
    index.changes = {}
    azul = scripted()
    looked = Check(azul.service, locked(azul, tmp_path / "a.json"))
    assert [one.what for one in looked.findings()] == ["source"]
    looked.raise_if_wrong()
