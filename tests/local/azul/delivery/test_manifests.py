"""Manifests: jobs, tokens, keys, and their formats byte for byte."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import time
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hca_local.azul.manifests import compact, paths

if TYPE_CHECKING:
    from pathlib import Path

    from requests import Response

    # The fixtures of conftest.py.
    Azul = Any
    Rows = dict[str, dict[str, str]]

RETINA = {"fileName": {"is": ["protocol.pdf", "plate #1: notes.tsv", "lost.bam", "retina.zarr/.zattrs"]}}
PDF = {"fileName": {"is": ["protocol.pdf"]}}


def put(azul: Azul, filters: object, start: str = "/fetch", **query: str) -> Response:
    """Begin a manifest."""
    return azul.send("PUT", f"{start}/manifest/files", filters=json.dumps(filters), **query)


def read(content: bytes) -> list[dict[str, str]]:
    """Return the rows of a compact manifest."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), dialect="excel-tab"))


def object_of(azul: Azul, location: str) -> Path:
    """Return the file behind the signed URL of a manifest."""
    return azul.root / "manifests" / urlsplit(location).path.rpartition("/")[2]


def test_a_job_is_asked_for_until_it_is_done_with_a_new_token_each_time(azul: Azul) -> None:
    with azul.script({"route": "PUT /fetch/manifest/files", "polls": 3}):
        answer = put(azul, {"fileName": {"is": ["retina.loom"]}}).json()
    seen = []
    while answer["Status"] == 301:
        assert answer["Retry-After"] == 0
        seen.append(answer["Location"])
        answer = azul.get(answer["Location"]).json()
    assert len(set(seen)) == len(seen) == 3
    assert answer["Status"] == 302
    assert set(answer["CommandLine"]) == {"cmd.exe", "bash"}
    assert azul.get(answer["Location"]).status_code == 200


def test_the_service_tells_its_own_waits_if_it_shall(old_azul: Azul) -> None:
    answer = put(old_azul, {"fileName": {"is": ["waits"]}}, "")
    waits = []
    while answer.status_code == 301:
        waits.append(int(answer.headers["Retry-After"]))
        answer = old_azul.get(answer.headers["Location"])
    assert (answer.status_code, waits) == (302, [1, 1, 1, 4, 6, 10, 10])
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "curl" in answer.text
    assert answer.headers["Location"].startswith(old_azul.beside)


def test_who_asks_again_joins_the_job_and_then_gets_what_is_there(azul: Azul) -> None:
    filters = {"fileName": {"is": ["retina.h5ad"]}, "fileFormat": {"is": ["h5ad"]}}
    first = put(azul, filters).json()
    turned = dict(reversed(filters.items()))
    assert put(azul, turned).json() == first
    assert azul.get(first["Location"]).json()["Status"] == 302
    again = put(azul, turned).json()
    assert again["Status"] == 302
    assert put(azul, {"fileName": {"is": ["retina.h5ad"]}}).json()["Status"] == 301


def test_a_link_is_good_for_an_hour_and_names_the_file(azul: Azul) -> None:
    link = azul.manifest(PDF).json()["Location"]
    query = parse_qs(urlsplit(link).query)
    assert link.startswith(f"{azul.beside}/signed/manifests/")
    assert query["X-Amz-Expires"] == ["3600"]
    stored = azul.get(link)
    name = 'attachment;filename="RetinaSpecialCases '
    assert stored.headers["Content-Disposition"].startswith(name)
    assert stored.headers["Content-Disposition"].endswith('.tsv"')
    several = azul.manifest({"fileName": {"is": ["protocol.pdf", "R&D plan #1 (100%).txt"]}}).json()["Location"]
    assert "hca-manifest-" in azul.get(several).headers["Content-Disposition"]


@pytest.mark.parametrize("token", ["x", "AAAA", "A" * 48, "%C3%A4", "A" * 44 + "==="])
def test_an_unknown_token_is_refused(azul: Azul, token: str) -> None:
    answer = azul.get(f"/fetch/manifest/files/{token}")
    assert (answer.status_code, answer.json()) == (400, {"Code": "BadRequestError", "Message": "Invalid token"})


def test_a_poll_has_no_parameters(azul: Azul) -> None:
    location = put(azul, {"fileName": {"is": ["no parameters"]}}).json()["Location"]
    assert azul.get(location, catalog="dcp46").status_code == 400


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"format": "excel"}, 400), ({"format": "terra.bdbag"}, 400), ({"formats": "curl"}, 400),
        ({"catalog": "dcp1"}, 404), ({"catalog": "No"}, 400), ({"filters": "no"}, 400), ({"filters": '{"x":{}}'}, 400),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_order(azul: Azul, query: dict[str, str], status: int) -> None:
    assert azul.send("PUT", "/fetch/manifest/files", **query).status_code == status


def test_an_order_can_be_in_the_body(azul: Azul) -> None:
    body = {"format": "curl", "filters": json.dumps(PDF), "catalog": "dcp45"}
    answer = azul.send("PUT", "/fetch/manifest/files", body=body).json()
    link = azul.get(answer["Location"]).json()["Location"]
    content = azul.get(azul.get(link).headers["Location"]).text
    assert "catalog=dcp45" in content
    assert content.count("output=") == 1


def test_a_job_that_fails(azul: Azul) -> None:
    filters = {"fileName": {"is": ["fails"]}}
    with azul.script({"route": "PUT /fetch/manifest/files", "calls": "1", "job": "failed"}):
        location = put(azul, filters).json()["Location"]
        answer = azul.get(location)
        assert answer.status_code == 500
        assert "Failed to generate manifest" in answer.json()["Message"]
        location = put(azul, filters).json()["Location"]
        assert azul.get(location).json()["Status"] == 302


def test_a_job_outlives_its_manifest_until_it_is_ordered_again(azul: Azul) -> None:
    filters = {"fileName": {"is": ["cells.csv"]}}
    done = put(azul, filters).json()["Location"]
    link = azul.get(done).json()["Location"]
    object_of(azul, link).unlink()
    gone = azul.get(azul.get(done).json()["Location"])
    assert gone.status_code == 404
    assert "<Code>NoSuchKey</Code>" in gone.text
    assert len(read(azul.content(filters))) == 1


def test_a_manifest_that_is_nearly_too_old_is_made_again(azul: Azul) -> None:
    filters = {"fileName": {"is": ["counts.csv"]}}
    file = object_of(azul, azul.manifest(filters).json()["Location"])
    week = time.time() - 7 * 24 * 3600
    os.utime(file, (week + 20 * 60,) * 2)
    assert put(azul, filters).json()["Status"] == 302
    os.utime(file, (week + 10 * 60,) * 2)
    assert put(azul, filters).json()["Status"] == 301
    assert file.stat().st_mtime > week + 24 * 3600


class TestKeys:
    """The links to curl manifests."""

    def test_a_key_leads_to_a_fresh_link_each_time(self, azul: Azul) -> None:
        key = azul.manifest(PDF, format="curl").json()["Location"]
        assert key.startswith(f"{azul.beside}/manifest/files/")
        answer = azul.get(key)
        assert answer.status_code == 302
        assert azul.get(answer.headers["Location"]).text.startswith("--create-dirs\n")

    def test_a_key_is_used_without_login_and_not_to_fetch(self, azul: Azul) -> None:
        key = azul.manifest(PDF, format="curl").json()["Location"]
        bearer = {"Authorization": f"Bearer {azul.token}"}
        assert azul.get(key, headers=bearer).status_code == 400
        assert azul.get(key.replace("/manifest", "/fetch/manifest")).status_code == 400

    def test_a_key_expires(self, azul: Azul) -> None:
        filters = {"fileName": {"is": ["retina.h5ad"]}}
        key = azul.manifest(filters, format="curl").json()["Location"]
        object_of(azul, azul.get(key).headers["Location"]).unlink()
        answer = azul.get(key)
        assert (answer.status_code, answer.json()["Code"]) == (410, "GoneError")
        renewed = azul.manifest(filters, format="curl").json()["Location"]
        assert azul.get(renewed).status_code == 302

    def test_a_key_can_not_be_made_up(self, azul: Azul) -> None:
        key = azul.manifest(PDF, format="curl").json()["Location"]
        start, _, text = key.rpartition("/")
        changed = ("B" if text[0] != "B" else "C") + text[1:]
        assert azul.get(f"{start}/{changed}").status_code == 400

    def test_the_redirecting_route_has_no_keys(self, old_azul: Azul) -> None:
        answer = put(old_azul, PDF, "", format="curl")
        while answer.status_code == 301:
            answer = old_azul.get(answer.headers["Location"])
        assert "/signed/manifests/" in answer.headers["Location"]


class TestFormats:
    """What manifests say."""

    def test_compact(self, azul: Azul) -> None:
        content = azul.content(RETINA)
        lines = content.split(b"\r\n")
        assert lines[-1] == b""
        assert b"\n" not in b"".join(lines)
        header = lines[0].decode().split("\t")
        assert " ".join(header[:18]) == (
            "source_id source_spec bundle_uuid bundle_version file_document_id file_type file_name file_format "
            "read_index file_size file_uuid file_version file_crc32c file_sha256 file_content_type file_drs_uri "
            "file_azul_url file_mirror_uri"
        )
        assert len(header) == 57
        rows = read(content)
        ids = [row["file_document_id"] for row in rows]
        assert ids == sorted(ids)
        names = [row["file_name"] for row in rows if "zarr" in row["file_name"]]
        assert names[0] == "retina.zarr/.zattrs"
        assert sorted(names[1:]) == [
            "retina.zarr/.zgroup",
            "retina.zarr/expression/.zarray",
            "retina.zarr/expression/0",
        ]
        by_name = {row["file_name"]: row for row in rows}
        assert by_name["lost.bam"]["file_azul_url"] == by_name["lost.bam"]["file_drs_uri"] == ""
        pdf = by_name["protocol.pdf"]
        assert pdf["bundle_uuid"].count(" || ") == 1
        assert pdf["bundle_uuid"].split(" || ") == sorted(pdf["bundle_uuid"].split(" || "))
        assert pdf["sequencing_protocol.paired_end"] == "False"
        assert pdf["donor_organism.organism_age"].split(" || ")[:2] == ["", "38 year"]
        assert "6-12 week" in pdf["donor_organism.organism_age"]
        assert pdf["file_size"] == str(len(azul.get(azul.get(pdf["file_azul_url"]).headers["Location"]).content))

    def test_compact_in_old_spelling(self, old_azul: Azul) -> None:
        row = read(old_azul.content(PDF))[0]
        assert row["file_url"].startswith(f"{old_azul.url}/repository/files/{row['file_uuid']}?catalog=")
        assert not {"file_azul_url", "file_mirror_uri"} & row.keys()

    def test_a_cell_has_each_value_once_and_a_hundred_at_most(self) -> None:
        assert compact.cell(["b", None, "a", "b", True]) == " || True || a || b"
        assert compact.cell([]) == compact.cell([None]) == ""
        many = compact.cell(f"{number:04d}" for number in range(150)).split(" || ")
        assert (len(many), many[-1]) == (100, "0099")

    def test_curl(self, azul: Azul, rows: Rows) -> None:
        text = azul.content(RETINA, format="curl").decode()
        options = text.split("\n\n")
        for option in ("--create-dirs", "--location", "--globoff", "--fail", "--http1.1", "--continue-at -"):
            assert option in options
        pdf, notes, lost = rows["protocol.pdf"], rows["plate #1: notes.tsv"], rows["lost.bam"]
        (hit,) = azul.get("/index/files", filters=json.dumps(PDF)).json()["hits"]
        newest = max((one["bundleVersion"], one["bundleUuid"]) for one in hit["bundles"])[1]
        assert f'url="{pdf["file_azul_url"]}"\noutput="{newest}/protocol.pdf"\n\n' in text
        assert f'output="{notes["bundle_uuid"]}/plate #1_ notes.tsv"\n\n' in text
        remark = f"# File '{lost['file_uuid']}', version '{lost['file_version']}' is currently not available in catalog"
        assert remark in text
        chunk = next(line for line in text.splitlines() if "%2F.zgroup" in line)
        url = chunk.removeprefix('url="').removesuffix('"')
        assert parse_qs(urlsplit(url).query)["requestIndex"] == ["1"]
        stored = azul.get(azul.get(url).headers["Location"])
        assert stored.content == b'{"zarr_format": 2}\n'

    def test_verbatim(self, azul: Azul) -> None:
        lanes = {"fileName": {"is": [f"retina_S1_L00{lane}_R1_001.fastq.gz" for lane in (1, 2)]}}
        documents = [json.loads(line) for line in azul.content(lanes, format="verbatim.jsonl").splitlines()]
        reads = [one["value"] for one in documents if one["type"] == "sequence_file"]
        assert sorted((one["read_index"], one["lane_index"]) for one in reads) == [("read1", 1), ("read1", 2)]
        ids = [one["value"]["provenance"]["document_id"] for one in documents]
        assert len(ids) == len(set(ids))
        assert {"project", "donor_organism", "cell_suspension"} <= {one["type"] for one in documents}

    def test_the_bag_of_the_old_service(self, old_azul: Azul) -> None:
        filters = {
            "fileFormat": {"is": ["fastq.gz"]},
            "projectTitle": {"is": ["Retina of few donors: a project of special cases"]},
        }
        with zipfile.ZipFile(io.BytesIO(old_azul.content(filters, format="terra.bdbag"))) as bag:
            table = bag.read("manifest/data/participants.tsv")
            sums = bag.read("manifest/manifest-md5.txt").decode()
        assert hashlib.md5(table).hexdigest() in sums
        (row,) = read(table)
        names = {
            row[f"__fastq_{read}{number}__file_name"] for read in ("read1", "read2", "index1") for number in ("", "_2")
        }
        assert len(names) == 6
        assert "source_id" in row


def test_who_has_no_grant_gets_less(azul: Azul) -> None:
    filters = {"projectTitle": {"is": ["Lung of donors who want to be asked"]}}
    assert read(azul.content(filters)) == []
    bearer = {"Authorization": f"Bearer {azul.token}"}
    assert len(read(azul.content(filters, bearer))) == 4
    assert read(azul.content(filters)) == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b.zarr/.zattrs", "a/b.zarr/.zattrs"), ('<>:"|?*.txt', "_______.txt"), ("COM1.txt", "COM1.txt"),
        ("con", "con"), (".x", ".x"), ("x y", "x y"),
    ],
)  # fmt: skip
def test_a_name_becomes_a_path(name: str, path: str) -> None:
    assert paths.sanitized(name) == path


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/a",
        "a/",
        "a//b",
        "a\\b",
        "a\nb",
        "..a",
        ". a",
        " a",
        "a.",
        "a ",
        "CON",
        "a/NUL",
        "COM1",
        "a/../b",
    ],
)
def test_a_name_that_becomes_no_path(name: str) -> None:
    with pytest.raises(paths.PathError):
        paths.sanitized(name)
