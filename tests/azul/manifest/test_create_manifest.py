"""`hca azul create-manifest`, typed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from neighbours import load

scripted = load(Path(__file__).with_name("scripted.py"), "azul_scripted")
tables = load(Path(__file__).with_name("tables.py"), "azul_tables")
PUT, KEPT = scripted.PUT, scripted.KEPT
CONTENT = tables.table(tables.row(file_uuid="1"), tables.row(file_uuid="2", file_name="a\tb\r\nc"))
NAME = 'attachment;filename="Kidney 2026-11-22 10.00.tsv"'
LINK = "?X-Goog-Date=20300101T000000Z&X-Goog-Expires=3600"


@pytest.fixture
def run(service, storage, hca, tmp_path, monkeypatch, isolated_home):
    """A function that runs `hca azul create-manifest` in an empty directory, and waits only shortly."""
    monkeypatch.chdir(tmp_path)
    folder = isolated_home / ".config" / "hca"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"azul": {"first_wait": 0.01, "most_wait": 0.02}}))
    service.on(*PUT).reply(json=scripted.done(f"{storage.url}{KEPT}{LINK}"))
    storage.on("GET", KEPT).reply(scripted.stored(CONTENT, **{"Content-Disposition": NAME}))
    environment = {"HCA_AZUL_URL": service.url}

    def typed(*words):
        return hca("azul", "create-manifest", "--catalog", "dcp1", *words, env=environment)

    return typed


def test_named_by_the_service(run, service, tmp_path):
    outcome = run()
    assert outcome.json() == {
        "path": "Kidney 2026-11-22 10.00.tsv",
        "format": "compact",
        "rows": 2,
        "bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "catalog": "dcp1",
        "service": service.url,
        "expires": "2030-01-01T01:00:00+00:00",
    }
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    assert (tmp_path / "Kidney 2026-11-22 10.00.tsv").read_bytes() == CONTENT


def test_named_by_the_user(run, tmp_path):
    assert run("--to", "x.tsv", "--output", "tsv", "--query", "rows").stdout.strip() == "2"
    assert os.listdir(tmp_path) == ["x.tsv"]


def test_into_a_directory(run, tmp_path):
    (tmp_path / "d").mkdir()
    assert run("--to", "d").json()["path"] == "d/Kidney 2026-11-22 10.00.tsv"


def test_service_that_names_nothing(run, storage):
    storage._routes.clear()
    storage.on("GET", KEPT).reply(scripted.stored(CONTENT, **{"Content-Disposition": 'attachment; filename=".."'}))
    assert run().json()["path"] == "dcp1-manifest.tsv"


def test_standard_output(run, tmp_path):
    outcome = run("--to", "-")
    assert (outcome.exit_status, outcome.stdout_bytes) == (0, CONTENT)
    assert os.listdir(tmp_path) == []


def test_standard_output_gets_all_or_nothing(run, storage):
    storage._routes.clear()
    storage.on("GET", KEPT).truncate(100, body=CONTENT).fail(404, times=99)
    outcome = run("--to", "-")
    assert (outcome.exit_status, outcome.stdout_bytes) == (5, b"")
    assert "its storage answered 404" in outcome.stderr


def test_link_only(run, storage, tmp_path):
    assert run("--link-only").stdout == f"{storage.url}{KEPT}{LINK}\n"
    assert run("--link-only", "--output", "json").json() == {
        "url": f"{storage.url}{KEPT}{LINK}",
        "format": "compact",
        "catalog": "dcp1",
        "expires": "2030-01-01T01:00:00+00:00",
    }
    assert storage.requests == []
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("words", [("--to", "x.tsv"), ()])
def test_file_that_is_there(run, tmp_path, words):
    path = tmp_path / (words[1] if words else "Kidney 2026-11-22 10.00.tsv")
    path.write_bytes(b"old")
    outcome = run(*words)
    assert outcome.exit_status == 2
    assert f"{path.name} exists" in outcome.stderr
    assert "--force" in outcome.stderr
    assert path.read_bytes() == b"old"
    assert run(*words, "--force").exit_status == 0
    assert path.read_bytes() == CONTENT


def test_nothing_is_asked_for_a_place_that_is_none(run, service, tmp_path):
    for words, told in (
        (("--to", "no/x.tsv"), "there is no directory no"),
        (("--to", "/dev/null", "--force"), "is not a file"),
        (("--to", "x", "--link-only"), "--link-only makes no file"),
        (("--timeout-seconds", "0"), "0.0 is not in the range"),
    ):
        outcome = run(*words)
        assert outcome.exit_status == 2
        assert told in outcome.stderr
    assert service.requests == []
    assert os.listdir(tmp_path) == []


def test_filters_that_nothing_meets(run, storage):
    storage._routes.clear()
    storage.on("GET", KEPT).reply(scripted.stored(tables.table()))
    outcome = run("--to", "x.tsv")
    assert (outcome.exit_status, outcome.json()["rows"]) == (0, 0)
    assert "there are no files in catalog dcp1" in outcome.stderr


def test_filters_and_format_are_sent(run, service):
    service.on("GET", "/openapi").reply(json={})
    outcome = run("-f", "organ=kidney", "--format", "verbatim.jsonl", "-o", "x")
    assert outcome.exit_status == 0
    assert outcome.json()["rows"] is None
    (put,) = service.asked(*PUT)
    assert dict(put.query) == {
        "catalog": "dcp1",
        "format": "verbatim.jsonl",
        "filters": '{"organ":{"is":["kidney"]}}',
    }


def test_format_that_is_none(run, service):
    service.on("GET", "/openapi").reply(json={})
    outcome = run("--format", "xlsx")
    assert outcome.exit_status == 2
    assert "no manifests in the format 'xlsx'" in outcome.stderr
    assert "compact, curl" in outcome.stderr


def test_failure_leaves_nothing(run, storage, tmp_path):
    storage._routes.clear()
    storage.on("GET", KEPT).truncate(100, body=CONTENT).fail(404, times=99)
    assert run("--to", "x.tsv").exit_status == 5
    assert os.listdir(tmp_path) == []


def test_interrupted_on_the_way(run, storage, tmp_path, monkeypatch):
    from hca_azul.manifest.fetching import Content

    def interrupted(self, stream, told):
        stream.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Content, "_write", interrupted)
    assert run("--to", "x.tsv").exit_status == 130
    assert os.listdir(tmp_path) == []


def test_who_waits_is_told_once_on_a_terminal_only(service, run, hca, storage):
    url = service.url
    service._routes.clear()
    service.on(*PUT).reply(json=scripted.running(url, "t1"))
    service.on("GET", f"{scripted.JOB}t1").reply(json=scripted.running(url, "t2"))
    service.on("GET", f"{scripted.JOB}t2").reply(json=scripted.done(f"{storage.url}{KEPT}"))
    words = ("azul", "create-manifest", "--catalog", "dcp1", "--link-only")
    told = hca(*words, env={"HCA_AZUL_URL": url}, terminal=True).stderr
    assert told.count("is making the manifest") == 1
    assert hca(*words, env={"HCA_AZUL_URL": url}).stderr == ""


def test_help_tells_formats(hca):
    outcome = hca("azul", "create-manifest", "--help")
    assert outcome.exit_status == 0
    assert "verbatim.jsonl" in outcome.stdout
