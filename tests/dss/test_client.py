"""What the DSS adds to the generated client: contents that are checked, versions, and a progress bar."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest

from hca.dss import DSSClient
from hca_core.config import HCAConfig
from hca_core.errors import ExitStatus, UsageError
from hca_core.testing import reply

DATA = b"0123456789" * 1000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def file(shelf):
    return shelf.file("f", DATA)


def script(shelf, *answers) -> None:
    """Let the content be answered so, and not as it is."""
    route = shelf.content(SHA)
    route._answers.clear()
    for answer in answers:
        route.reply(answer)


def get_file(file, *more: str) -> tuple[str, ...]:
    return ("dss", "get-file", "--replica", "aws", "--uuid", file["uuid"], *more)


def test_versions_are_made_without_the_service(dss, hca):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}\.\d{6}Z", DSSClient().create_version())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}\.\d{6}Z\n", hca("dss", "create-version").stdout)
    assert dss.requests == []


def test_the_content_of_a_file_is_resumed(shelf, file, hca):
    shelf.content(SHA)._answers.clear()
    shelf.content(SHA).truncate(2500, body=DATA, ranges=True).reply(body=DATA, ranges=True)
    outcome = hca(*get_file(file))
    assert (outcome.exit_status, outcome.stdout_bytes, outcome.stderr) == (0, DATA, "")
    assert [one.headers["Range"] for one in shelf.service.asked("GET", f"/blobs/{SHA}")] == [None, "bytes=2500-"]


@pytest.mark.parametrize("sent", [DATA[:-1] + b"x", DATA + b"x", DATA[:-1]], ids=["changed", "longer", "shorter"])
def test_wrong_content_of_a_file_is_told_and_not_kept(shelf, file, hca, sent):
    script(shelf, reply(body=sent, ranges=True))
    outcome = hca(*get_file(file, "--output-file", "out"))
    assert outcome.exit_status == ExitStatus.INTEGRITY
    assert "expected" in outcome.stderr
    assert os.listdir() == []


def test_the_token_of_the_service_does_not_reach_the_content(shelf, file, hca, monkeypatch):
    """Signed addresses refuse a request with a token, and another host has no right to it."""
    monkeypatch.setenv("HCA_TOKEN", "secret")
    assert hca(*get_file(file)).exit_status == 0
    assert [one.headers["Authorization"] for one in shelf.service.asked("GET", f"/blobs/{SHA}")] == [None]


@pytest.mark.parametrize("replica", ["azure", "", None])
def test_unknown_replicas_are_refused_before_any_request(dss, replica):
    client = DSSClient()
    for call in (client.download, client.download_manifest, client.download_collection):
        with pytest.raises(UsageError, match="must be one of aws, gcp"):
            call("x", replica)
    assert dss.requests == []


@pytest.fixture
def bundle(shelf, file):
    return shelf.bundle(file, shelf.file("g", b"g" * 500))


@pytest.mark.parametrize("verb", ["download", "download-manifest"])
def test_a_terminal_gets_a_progress_bar(bundle, hca, write_manifest, verb):
    manifest = write_manifest(bundle.rows())
    choice = ("--bundle-uuid", bundle.uuid) if verb == "download" else ("--manifest", manifest)
    words = ("dss", verb, "--replica", "aws", *choice)
    assert "B/s" in hca(*words, "--download-dir", "1", terminal=True).stderr
    assert hca(*words, "--download-dir", "2").stderr == ""
    assert hca(*words, "--download-dir", "3", "--no-progress", terminal=True).stderr == ""
    assert hca("--log-level", "ERROR", *words, "--download-dir", "4", terminal=True).stderr == ""
    assert hca(*words, "--download-dir", "5", terminal=True).exit_status == 0
    stored = f"1/.hca/v2/files_2_4/{SHA[:2]}/{SHA[2:6]}/{SHA}"
    assert Path(stored).read_bytes() == DATA


@pytest.mark.parametrize("pinned", [True, False], ids=["in a file", "by default"])
def test_who_asks_the_retired_service_is_told_what_there_is_instead(isolated_home, pinned):
    """Old clients wrote the default address into people's own files."""
    if pinned:
        url = "https://dss.data.humancellatlas.org/v1/swagger.json"
        config = HCAConfig()
        config.assign("DSSClient.swagger_url", url)
        config.save()
    assert "hca local up" in DSSClient(config=HCAConfig()).session.hint


def test_who_asks_another_service_is_told_to_look_at_the_address():
    hint = DSSClient(swagger_url="https://dss.example.org/v1/swagger.json").session.hint
    assert "hca config list" in hint
