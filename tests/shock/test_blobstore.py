"""KBase's blobstore, which knows a part of Shock: what works there, and what is said of the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shock_servers as servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import Outcome


DATA = servers.noise(3_000_000)


@pytest.fixture
def blobs() -> Iterator[Any]:
    """A blobstore."""
    with servers.Blobstore() as made:
        yield made


@pytest.fixture
def run(blobs: Any, hca: Callable[..., Outcome], isolated_home: Path) -> Callable[..., Outcome]:
    """A function that runs `hca shock` with it."""
    folder = isolated_home / ".config" / "hca"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"shock": {"first_wait": 0.01, "most_wait": 0.05}}))
    return lambda *words, **more: hca("shock", "--url", blobs.url, *map(str, words), **more)


def test_files_go_there_and_come_back(run: Callable[..., Outcome], blobs: Any, tmp_path: Path) -> None:
    path = tmp_path / "reads.fastq"
    path.write_bytes(DATA)
    outcome = run("put", path, "--format", "fastq", "--output", "json")
    assert outcome.exit_status == 0, outcome.stderr
    (row,) = outcome.json()
    assert (row["name"], row["md5"]) == ("reads.fastq", servers.md5(DATA))
    assert blobs.nodes[row["id"]]["format"] == "fastq"
    assert run("get", row["id"], "-o", tmp_path / "copy").exit_status == 0
    assert (tmp_path / "copy").read_bytes() == DATA
    assert run("cat", row["id"]).stdout_bytes == DATA
    assert run("show", row["id"], "--query", "format").stdout.strip() == '"fastq"'
    small = run("put", "-", "--name", "in", "--output", "json", input=b"stdin")
    assert small.exit_status == 0, small.stderr
    assert blobs.files[small.json()[0]["id"]] == b"stdin"


def test_a_part_size_is_of_no_use_there(run: Callable[..., Outcome], blobs: Any, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(DATA)
    outcome = run("put", path, "--part-size", "1M", "--output", "json")
    assert outcome.exit_status == 0, outcome.stderr
    assert blobs.asked.count("POST /node") == 1
    assert blobs.files[outcome.json()[0]["id"]] == DATA


def test_rights_are_shown_and_changed(run: Callable[..., Outcome], blobs: Any) -> None:
    node = blobs.add("x", b"x", "")
    outcome = run("acl", "public", node["id"], "read")
    assert outcome.exit_status == 0, outcome.stderr
    assert blobs.nodes[node["id"]]["_acl"]["public"] is True
    assert run("acl", "show", node["id"], "--output", "json").exit_status == 0


@pytest.mark.parametrize(
    "words",
    [
        ["put", "FILE", "--attributes", "{}"],
        ["put", "FILE", "--tag", "x"],
        ["put", "-", "--part-size", "1"],
        ["put", "--empty"],
        ["attributes", "set", "ID", "{}"],
        ["ls"],
        ["ls", "a=1"],
        ["index", "build", "ID", "line"],
        ["tag", "ID", "x"],
        ["rename", "ID", "x"],
        ["uploads", "list"],
    ],
)
def test_what_it_has_not_is_said_in_one_sentence(
    run: Callable[..., Outcome], blobs: Any, tmp_path: Path, words: list[str]
) -> None:
    node = blobs.add("x", b"x", "")
    (tmp_path / "f").write_bytes(b"x")
    places = {"FILE": str(tmp_path / "f"), "ID": node["id"]}
    outcome = run(*[places.get(word, word) for word in words], input=b"abc")
    assert outcome.exit_status == 2, (outcome.exit_status, outcome.stderr)
    assert "blobstore" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert list(blobs.nodes) == [node["id"]]


def test_a_node_that_is_not_there(run: Callable[..., Outcome]) -> None:
    assert run("get", "00000000-0000-0000-0000-000000000000").exit_status == 4
