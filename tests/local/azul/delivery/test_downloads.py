"""Downloads by UUID: redirects and their twins, waits, what is refused; and the DRS service behind them."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hca_local.azul.access import ANONYMOUS
from hca_local.azul.atlas import special
from hca_local.azul.atlas.values import Atlas, Catalog
from hca_local.azul.content import Contents
from hca_local.azul.repository import lookup

if TYPE_CHECKING:
    from pathlib import Path

    # The fixtures of conftest.py.
    Azul = Any
    Rows = dict[str, dict[str, str]]


def path_of(row: dict[str, str]) -> str:
    """Return the path of a file."""
    return f"/repository/files/{row['file_uuid']}"


def drs_path(row: dict[str, str]) -> str:
    """Return the path that a DRS URI leads to."""
    return f"/ga4gh/drs/v1/objects/{row['file_drs_uri'].rpartition('/')[2]}"


@pytest.mark.parametrize("name", ["retina.h5ad", "plate #1: notes.tsv", "empty.txt", "retina_S1_L002_I1_001.fastq.gz"])
def test_a_file_is_one_redirect_away(azul: Azul, rows: Rows, name: str) -> None:
    row = rows[name]
    answer = azul.get(row["file_azul_url"])
    assert answer.status_code == 302
    assert "Retry-After" not in answer.headers
    assert answer.headers["Location"].startswith(f"{azul.beside}/signed/")
    content = azul.get(answer.headers["Location"]).content
    assert (len(content), hashlib.sha256(content).hexdigest()) == (int(row["file_size"]), row["file_sha256"])
    twin = azul.get(f"/fetch{path_of(row)}", version=row["file_version"]).json()
    assert twin.keys() == {"Status", "Location"}
    assert twin["Status"] == 302
    assert azul.get(twin["Location"]).content == content


def test_who_asks_by_the_other_name_gets_the_first_one_for_the_storage(azul: Azul, rows: Rows) -> None:
    url = rows["cells.csv"]["file_azul_url"].replace("127.0.0.1", "localhost")
    location = azul.get(url).headers["Location"]
    assert location.startswith(f"{azul.url}/signed/")
    assert azul.get(location).status_code == 200


def test_the_name_for_the_file_can_be_chosen(azul: Azul, rows: Rows) -> None:
    location = azul.get(path_of(rows["cells.csv"]), fileName="other: name.csv").headers["Location"]
    stored = azul.get(location)
    assert stored.headers["Content-Disposition"] == "attachment;filename=other%3A%20name.csv"
    assert "%3A" in azul.get(rows["plate #1: notes.tsv"]["file_azul_url"]).headers["Location"].partition("?")[0]


@pytest.mark.parametrize("start", ["", "/fetch"])
def test_a_file_that_the_repository_has_to_bring_first(azul: Azul, rows: Rows, start: str) -> None:
    row = rows["cells.csv"]
    location: str | None = f"{azul.url}{start}{path_of(row)}?catalog=dcp46"
    waits = []
    with azul.script({"route": "GET */repository/files/*", "redirects": 11}):
        for _ in range(11):
            answer = azul.get(location)
            told = answer.json() if start else answer.headers
            assert (answer.json()["Status"] if start else answer.status_code) == 301
            waits.append(int(told["Retry-After"]))
            location = told["Location"]
        assert urlsplit(location).path == f"{start}{path_of(row)}"
        answer = azul.get(location)
    assert waits == [1, 1, 1, 2, 2, 3, 4, 6, 8, 10, 10]
    last = answer.json()["Location"] if start else answer.headers["Location"]
    assert hashlib.sha256(azul.get(last).content).hexdigest() == row["file_sha256"]


def test_without_a_wait_there_is_no_retry_after(azul: Azul, rows: Rows) -> None:
    with azul.script({"route": "GET /fetch/repository/files/*", "redirects": 1, "wait": 0}):
        assert azul.get(f"/fetch{path_of(rows['cells.csv'])}").json().keys() == {"Status", "Location"}


def test_the_service_can_sleep_for_the_client(azul: Azul, rows: Rows) -> None:
    begun = time.monotonic()
    with azul.script({"route": "GET /fetch/repository/files/*", "redirects": 1}):
        answer = azul.get(f"/fetch{path_of(rows['cells.csv'])}", wait=1).json()
    assert time.monotonic() - begun >= 1
    assert "Retry-After" not in answer
    assert parse_qs(urlsplit(answer["Location"]).query)["wait"] == ["1"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"version": "2019-08-01T192255.267000Z"}, 400), ({"wait": "2"}, 400), ({"replica": "azure"}, 400),
        ({"replica": "aws"}, 500), ({"requestIndex": "x"}, 400), ({"requestIndex": "1"}, 400), ({"cache": "1"}, 400),
        ({"catalog": "dcp1"}, 404), ({"version": "2000-01-01T00:00:00.000000Z"}, 404), ({"replica": "gcp"}, 302),
        ({"wait": "0", "requestIndex": "0"}, 302),
    ],
)  # fmt: skip
def test_parameters(azul: Azul, rows: Rows, query: dict[str, str], status: int) -> None:
    assert azul.get(path_of(rows["cells.csv"]), **query).status_code == status


def test_the_old_service_fails_on_an_index_without_a_version(old_azul: Azul, rows: Rows) -> None:
    assert old_azul.get(path_of(rows["cells.csv"]), requestIndex="1").status_code == 500
    assert old_azul.get(path_of(rows["cells.csv"]), sha256="0").status_code == 400


@pytest.mark.parametrize(
    ("header", "status"), [("bytes=5-9", 302), ("bytes=-1", 302), ("bytes=x", 400), ("5-", 400), ("bytes=1-", 302)]
)
def test_a_range_is_parsed_and_ignored(azul: Azul, rows: Rows, header: str, status: int) -> None:
    assert azul.get(path_of(rows["cells.csv"]), headers={"Range": header}).status_code == status


def test_the_rest_of_a_whole_file_is_nothing(azul: Azul, old_azul: Azul, rows: Rows) -> None:
    row = rows["cells.csv"]
    for service, told in ((azul, f"bytes */{row['file_size']}"), (old_azul, None)):
        for start in ("", "/fetch"):
            answer = service.get(f"{start}{path_of(row)}", headers={"Range": f"bytes={row['file_size']}-"})
            assert (answer.status_code, answer.headers["Content-Length"]) == (206, "0")
            assert answer.headers.get("Content-Range") == told
        closed = {"Range": f"bytes={row['file_size']}-{row['file_size']}"}
        assert service.get(path_of(row), headers=closed).status_code == 302


def test_without_a_version_the_newest_is_meant(tmp_path: Path) -> None:
    (file, *_) = special.files(Contents(tmp_path))
    later, earlier = replace(file, version="2030"), replace(file, version="2000")
    catalog = Catalog("c", False, (file.project,), (earlier, later, file))
    files = lookup.Lookup(Atlas({"c": catalog}, "c"))
    assert files.file("c", file.uuid, None, ANONYMOUS) == later
    assert files.file("c", file.uuid, "2000", ANONYMOUS) == earlier


class TestMissing:
    """The kinds of 404."""

    def test_nobody_knows_it(self, azul: Azul) -> None:
        answer = azul.get("/fetch/repository/files/11111111-1111-4111-8111-111111111111")
        assert (answer.status_code, answer.json()["Code"]) == (404, "NotFoundError")
        assert "Unable to find file" in answer.json()["Message"]

    def test_the_id_of_the_document_is_not_that_of_the_file(self, azul: Azul, rows: Rows) -> None:
        assert azul.get(f"/repository/files/{rows['cells.csv']['file_document_id']}").status_code == 404

    def test_a_phantom(self, azul: Azul, rows: Rows) -> None:
        answer = azul.get(path_of(rows["lost.bam"]))
        assert answer.status_code == 404
        assert "no download is currently available" in answer.json()["Message"]

    def test_a_chunk_of_a_store_but_not_where_it_is_told(self, azul: Azul, rows: Rows) -> None:
        row = rows["retina.zarr/expression/0"]
        assert azul.get(row["file_azul_url"]).status_code == 404
        query = {
            "version": row["file_version"],
            "fileName": row["file_name"],
            "requestIndex": "1",
            "drsUri": row["file_drs_uri"],
        }
        location = azul.get(path_of(row), **query).headers["Location"]
        assert hashlib.sha256(azul.get(location).content).hexdigest() == row["file_sha256"]
        assert azul.get(path_of(row), **{**query, "drsUri": f"{row['file_drs_uri']}0"}).status_code == 404
        assert azul.get(path_of(row), **{**query, "drsUri": "https://example.org/x"}).status_code == 400

    def test_managed_data_are_for_who_has_the_grant(self, azul: Azul) -> None:
        bearer = {"Authorization": f"Bearer {azul.token}"}
        filters = {"projectTitle": {"is": ["Lung of donors who want to be asked"]}}
        line = azul.content(filters, bearer).decode().splitlines()[1].split("\t")
        row = {"file_uuid": line[10], "file_drs_uri": line[15]}
        assert azul.get(path_of(row)).status_code == 404
        answer = azul.get(path_of(row), headers=bearer)
        assert azul.get(answer.headers["Location"]).status_code == 200
        query = {"requestIndex": "1", "drsUri": row["file_drs_uri"], "version": line[11], "fileName": "x"}
        assert azul.get(path_of(row), **query).status_code == 401
        assert azul.get(drs_path(row)).status_code == 403
        assert azul.get(drs_path(row), headers=bearer).status_code == 200


class TestDrs:
    """DRS objects."""

    def test_an_object_and_its_bytes(self, azul: Azul, rows: Rows) -> None:
        row = rows["retina.zarr/.zgroup"]
        assert row["file_drs_uri"].startswith(azul.url.replace("http://", "drs://"))
        described = azul.get(drs_path(row)).json()
        sums = {one["type"]: one["checksum"] for one in described["checksums"]}
        assert sums == {"sha256": row["file_sha256"], "crc32c": row["file_crc32c"]}
        assert described["size"] == int(row["file_size"])
        assert described["self_uri"] == row["file_drs_uri"]
        (method,) = described["access_methods"]
        assert (method["type"], method["access_url"]["url"][:5]) == ("gs", "gs://")
        url = azul.get(f"{drs_path(row)}/access/{method['access_id']}").json()["url"]
        assert azul.get(url).content == b'{"zarr_format": 2}\n'

    def test_what_is_not_there(self, azul: Azul, rows: Rows) -> None:
        assert azul.get("/ga4gh/drs/v1/objects/v1_x").json()["status_code"] == 404
        assert azul.get(f"{drs_path(rows['cells.csv'])}/access/aws").status_code == 400

    def test_not_yet(self, azul: Azul, rows: Rows) -> None:
        rule = {"route": "GET /ga4gh/drs/*", "calls": "1", "status": 202, "body": "", "headers": {"Retry-After": "1"}}
        with azul.script(rule):
            answer = azul.get(drs_path(rows["cells.csv"]))
            assert (answer.status_code, answer.headers["Retry-After"], answer.content) == (202, "1", b"")
            assert azul.get(drs_path(rows["cells.csv"])).status_code == 200
