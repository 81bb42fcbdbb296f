"""`hca shock rename`, `tag`, `link`, `expire`, `priority`, `format`, `lock`, `rm`, and what damaged values cost."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shock_doubles as doubles

from hca_core.errors import NetworkError, UsageError
from hca_local import launch
from hca_shock.client import ShockClient
from hca_shock.errors import ShockApiError, ShockError, ShockNotFoundError
from hca_shock.metadata import lifetimes
from hca_shock.metadata.errors import DamagedError
from hca_shock.node import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import LoopbackService, Outcome


ID = doubles.ID


@pytest.fixture
def node(service: LoopbackService, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HCA_SHOCK_URL", service.url)
    return doubles.Node(service)


@pytest.fixture
def shock(service: LoopbackService) -> Iterator[ShockClient]:
    with ShockClient(service.url, first_wait=0.01, tries=2) as client:
        yield client


# --- values that the server keeps, damages, refuses -------------------------------------------------------------------


def test_a_file_is_renamed(shock: ShockClient, node: Any) -> None:
    assert shock.edits.rename(ID, "Proben für 2026.fq").file.name == "Proben für 2026.fq"
    assert node.sent == [{"file_name": "Proben für 2026.fq".encode()}]


def test_a_damaged_value_is_sent_once_more(shock: ShockClient, node: Any) -> None:
    node.cuts = {"file_name": [4]}
    assert shock.edits.rename(ID, "abcdefghij").file.name == "abcdefghij"
    assert len(node.sent) == 2


def test_a_value_that_is_damaged_twice_is_an_error(shock: ShockClient, node: Any) -> None:
    node.cuts = {"priority": [1, 1, 1]}
    with pytest.raises(DamagedError, match=r"has not kept the priority .*priority='12'") as caught:
        shock.edits.priority(ID, 12)
    assert caught.value.exit_status == 6
    assert len(node.sent) == 2


def test_a_damaged_format_stays_because_the_server_takes_it_once(shock: ShockClient, service: LoopbackService) -> None:
    def first(_: Any) -> Any:
        node.raw["file"]["format"] = "fas"
        return doubles.answer(node.raw)

    node = doubles.Node(service, id="f", put=first)
    service.on("PUT", node.path).reply(lambda _: doubles.refusal(400, "file format already set"))
    with pytest.raises(DamagedError, match="has not kept the format"):
        shock.edits.set_format("f", "fastq")
    with pytest.raises(ShockApiError, match="already set"):
        shock.edits.set_format("f", "fasta")
    assert shock.edits.set_format("f", "fas").file.format == "fas"


@pytest.mark.parametrize("edit", ["rename", "set_format"])
def test_empty_values_are_refused_because_the_server_stops_at_them(shock: ShockClient, node: Any, edit: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        getattr(shock.edits, edit)(ID, "")
    assert node.sent == []


def test_a_lost_answer_is_looked_after(shock: ShockClient, service: LoopbackService) -> None:
    def kept(_: Any) -> Any:
        node.raw["priority"] = 3
        return doubles.reply(status=502)

    node = doubles.Node(service, id="lost", put=kept)
    service.on("PUT", node.path).drop()
    assert shock.edits.priority("lost", 3).priority == 3
    with pytest.raises(NetworkError):
        shock.edits.priority("lost", 4)


# --- tags and links, which can be added only --------------------------------------------------------------------------


def test_tags_are_added_and_those_that_are_there_are_not_sent(shock: ShockClient, node: Any) -> None:
    node.raw["tags"] = ["old"]
    assert shock.edits.tag(ID, "old", "a b", "c", "c").tags == ("old", "a b", "c")
    assert node.sent == [{"tags": b"a b,c"}]
    shock.edits.tag(ID, "old")
    assert len(node.sent) == 1


def test_many_tags_go_in_requests_that_the_server_reads_whole(shock: ShockClient, node: Any) -> None:
    tags = [f"{number:040}" for number in range(60)]
    assert set(shock.edits.tag(ID, *tags).tags) == set(tags)
    assert len(node.sent) == 3
    assert all(len(values["tags"]) <= 1000 for values in node.sent)


def test_a_damaged_tag_is_added_whole_and_told_of(
    shock: ShockClient, node: Any, caplog: pytest.LogCaptureFixture
) -> None:
    node.cuts = {"tags": [5]}
    assert shock.edits.tag(ID, "abc", "defgh").tags == ("abc", "d", "defgh")
    assert node.sent[1:] == [{"tags": b"defgh"}]
    assert "has also the tags ['d'] now" in caplog.text


@pytest.mark.parametrize("tags", [(), ("a,b",), ("",), ("  ",), ("x" * 1001,)])
def test_tags_that_would_be_read_otherwise_are_refused(shock: ShockClient, node: Any, tags: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="tag"):
        shock.edits.tag(ID, *tags)
    assert node.service.requests == []


def test_a_link_is_added(shock: ShockClient, node: Any) -> None:
    shock.edits.link(ID, "parent", ["p1", "p2"], "trimming")
    assert node.raw["linkage"] == [{"relation": "parent", "ids": ["p1", "p2"], "operation": "trimming"}]


def test_a_link_that_is_there_is_not_sent(shock: ShockClient, node: Any) -> None:
    for _ in range(2):
        shock.edits.link(ID, "parent", ["p1"])
    assert len(node.sent) == 1


def test_a_damaged_link_is_added_whole_and_told_of(
    shock: ShockClient, node: Any, caplog: pytest.LogCaptureFixture
) -> None:
    node.cuts = {"ids": [3]}
    shock.edits.link(ID, "derived", ["first", "second"])
    assert [link["ids"] for link in node.raw["linkage"]] == [["fir"], ["first", "second"]]
    assert "has also the links ['derived fir'] now" in caplog.text


def test_many_links_go_in_several_requests_but_parents_do_not(shock: ShockClient, node: Any) -> None:
    ids = [f"{number:036}" for number in range(60)]
    shock.edits.link(ID, "derived", ids)
    assert [one for link in node.raw["linkage"] for one in link["ids"]] == ids
    assert len(node.sent) == 3
    with pytest.raises(UsageError, match="60 parents"):
        shock.edits.link(ID, "parent", ids)
    assert len(node.sent) == 3


# --- lifetimes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lifetime", "words"),
    [
        ("30D", "30D"),
        (" 12 h ", "12H"),
        ("90m", "90M"),
        ("120 minutes", "2H"),
        ("48H", "2D"),
        ("1 day", "1D"),
        (timedelta(hours=1, minutes=1), "61M"),
        (timedelta(days=36500), "36500D"),
    ],
)
def test_lifetimes_in_the_words_of_the_server(lifetime: str | timedelta, words: str) -> None:
    assert lifetimes.in_server_words(lifetime) == words


@pytest.mark.parametrize(
    "lifetime",
    [
        "",
        "30",
        "D",
        "1.5D",
        "-1D",
        "0M",
        "30Y",
        "3 months",
        "36501D",
        "999999999D",
        "٣D",
        timedelta(seconds=90),
        timedelta(0),
    ],
)
def test_other_lifetimes_are_refused(lifetime: str | timedelta) -> None:
    with pytest.raises(UsageError):
        lifetimes.in_server_words(lifetime)


def test_a_node_expires_or_is_kept(shock: ShockClient, node: Any) -> None:
    assert shock.edits.expire(ID, "48H").expiration is not None
    assert shock.edits.keep(ID).expiration is None
    assert node.sent == [{"expiration": b"2D"}, {"remove_expiration": b"1"}]


def test_an_expiry_that_the_server_forgets_is_an_error(shock: ShockClient, service: LoopbackService) -> None:
    node = doubles.Node(service, id="n", put=lambda _: doubles.answer(node.raw))
    with pytest.raises(DamagedError, match="the expiry"):
        shock.edits.expire("n", "1D")


def test_a_file_is_locked_and_unlocked(shock: ShockClient, node: Any) -> None:
    assert shock.edits.lock_file(ID).is_locked
    assert not shock.edits.unlock_file(ID).is_locked


# --- deletion ---------------------------------------------------------------------------------------------------------


def deletable(service: LoopbackService, *ids: str, refused: Callable[[], Any] = lambda: None, **raw: Any) -> list[str]:
    """Serve nodes that are gone after a DELETE; return the list that their ids are written to when they go.

    `refused` answers to a DELETE if it returns something.
    """
    gone: list[str] = []

    def serve(id: str) -> None:
        node = {**doubles.Node(service, id=f"template-{id}", **raw).raw, "id": id}

        def get(_: Any) -> Any:
            return doubles.refusal(404, "Node not found") if id in gone else doubles.answer(node)

        def delete(_: Any) -> Any:
            refusal = refused()
            if refusal is None:
                gone.append(id)
            return refusal or doubles.answer(None)

        service.on("GET", f"/node/{id}").reply(get)
        service.on("DELETE", f"/node/{id}").reply(delete)

    for id in ids:
        serve(id)
    return gone


def test_nodes_are_deleted_and_looked_for(shock: ShockClient, service: LoopbackService) -> None:
    gone = deletable(service, "a", "b")
    deletions = shock.edits.delete("b", "a", "b")
    assert [(one.id, one.name, one.size, one.status) for one in deletions] == [
        ("b", "reads.fq", 3, "deleted"),
        ("a", "reads.fq", 3, "deleted"),
    ]
    assert sorted(gone) == ["a", "b"]


def test_a_dry_run_deletes_nothing(shock: ShockClient, service: LoopbackService) -> None:
    gone = deletable(service, "a")
    assert [one.status for one in shock.edits.delete("a", dry_run=True)] == ["to be deleted"]
    assert gone == []


def test_a_wrong_id_keeps_all_nodes(shock: ShockClient, service: LoopbackService) -> None:
    gone = deletable(service, "a", "b")
    service.on("GET", "/node/wrong").reply(lambda _: doubles.refusal(404, "Node not found"))
    with pytest.raises(ShockNotFoundError):
        shock.edits.delete("a", "wrong", "b")
    assert gone == []
    with pytest.raises(UsageError):
        shock.edits.delete()


def test_a_node_that_is_still_there_is_an_error(shock: ShockClient, service: LoopbackService) -> None:
    node = doubles.Node(service, id="a")
    service.on("DELETE", node.path).reply(lambda _: doubles.answer(None))
    with pytest.raises(ShockError, match="still has it"):
        shock.edits.delete("a")


def test_virtual_nodes_are_deleted_before_others(shock: ShockClient, service: LoopbackService) -> None:
    file = {"name": "w", "size": 3, "virtual": True, "checksum": {}, "locked": None}
    virtual = deletable(service, "whole", file=file)
    in_use = doubles.refusal(500, "Node referenced by virtual node")
    gone = deletable(service, "source", refused=lambda: None if virtual else in_use)
    deletions = shock.edits.delete("source", "whole")
    assert [(one.id, one.status) for one in deletions] == [("source", "deleted"), ("whole", "deleted")]
    assert (gone, virtual) == (["source"], ["whole"])


def test_what_could_not_be_deleted_is_counted_and_shown(
    hca: Callable[..., Outcome], service: LoopbackService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCA_SHOCK_URL", service.url)
    gone = deletable(service, "a")
    deletable(service, "theirs", refused=lambda: doubles.refusal(401, "User Unauthorized"))
    outcome = hca("shock", "rm", "theirs", "a", "--output", "json")
    assert outcome.exit_status == 7
    assert [(row["id"], row["status"]) for row in outcome.json()] == [("theirs", "failed"), ("a", "deleted")]
    assert "1 of 2 nodes are deleted: 1 problem" in outcome.stderr
    assert gone == ["a"]
    assert hca("shock", "rm", "theirs").exit_status == 3


# --- the embedded server with the traps of the real one ---------------------------------------------------------------


def test_values_survive_the_traps_of_the_server(tmp_path: Path) -> None:
    tags = [f"{number:040}" for number in range(60)]
    attributes = {"text": "ä" * 100_000, "numbers": list(range(1000)), "nothing": None}
    with launch.private(tmp_path / "data", empty=True, shock_users=["ann:secret"], shock_quirks=1) as launched:
        url = json.loads(launched.directory.state.read_bytes())["shock_url"]
        with ShockClient(url, user=("ann", "secret")) as shock:
            id = shock.server.call("POST", "node")["id"]
            shock.edits.tag(id, *tags)
            shock.edits.rename(id, "n" * 255)
            shock.edits.link(id, "derived", tags)
            shock.edits.expire(id, "30D")
            shock.attributes.set(id, attributes)
            shock.attributes.set_value(id, "numbers.0", 0.5)
            with pytest.raises(UsageError, match=str(2**53 + 1)):
                shock.attributes.merge(id, {"id": 2**53 + 1})
            node = shock.node(id)
    assert (set(node.tags), node.file.name) == (set(tags), "n" * 255)
    assert [one for link in node.linkage for one in link.ids] == tags
    assert node.attributes == {**attributes, "numbers": [0.5, *range(1, 1000)]}
    assert node.expiration is not None
    assert abs(node.expiration - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_verbs_show_what_has_changed(hca: Callable[..., Outcome], node: Any) -> None:
    def row(*words: str) -> Any:
        found = hca("shock", words[0], ID, *words[1:], "--output", "json").json()
        assert (found.pop("id"), found.pop("version")) == (ID, node.raw["version"])
        return found

    assert row("rename", "new") == {"name": "new"}
    assert row("tag", "a", "b") == {"name": "new", "tags": ["a", "b"]}
    assert row("priority", "-5") == {"name": "new", "priority": -5}
    assert row("format", "fastq") == {"name": "new", "format": "fastq"}
    assert row("expire", "--in", "30D") == {"name": "new", "expiration": "2040-01-01T00:00:00+00:00"}
    assert row("expire", "--never") == {"name": "new", "expiration": None}
    links = [{"relation": "parent", "ids": ["p"], "operation": "trim"}]
    assert row("link", "parent", "p", "--operation", "trim") == {"name": "new", "linkage": links}
    assert row("lock") == {"name": "new", "locked": True}
    assert row("unlock") == {"name": "new", "locked": False}
    head, _, cells = hca("shock", "priority", ID, "7").stdout.splitlines()
    assert head.split() == ["id", "name", "priority", "version"]
    assert cells.split() == [ID, "new", "7", node.raw["version"]]
    assert hca("shock", "rename", ID, "newer", "--query", "name").stdout == "newer\n"


@pytest.mark.parametrize("size", [float("inf"), float("nan"), -1, "x", [3]])
def test_a_file_of_no_size_is_a_node_that_can_not_be_read(hca: Callable[..., Outcome], node: Any, size: Any) -> None:
    node.raw["file"]["size"] = size
    outcome = hca("shock", "show", ID)
    assert (outcome.exit_status, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith("hca: the server sent a node that can't be read")


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-14:00", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z"])
def test_a_moment_without_a_date_is_none(hca: Callable[..., Outcome], node: Any, text: str) -> None:
    assert moment(text) is None
    node.raw["expiration"] = text
    assert hca("shock", "priority", ID, "3").exit_status == 0


@pytest.mark.parametrize("words", [[], ["--in", "30D", "--never"], ["--in", "3 weeks"]])
def test_expire_wants_one_clear_order(hca: Callable[..., Outcome], node: Any, words: list[str]) -> None:
    outcome = hca("shock", "expire", ID, *words)
    assert outcome.exit_status == 2
    assert len(outcome.stderr.splitlines()) <= 2
    assert node.service.requests == []


def test_rm_of_a_wrong_id_ends_with_4(hca: Callable[..., Outcome], node: Any) -> None:
    node.service.on("GET", "/node/wrong").reply(lambda _: doubles.refusal(404, "Node not found"))
    outcome = hca("shock", "rm", "wrong", ID)
    assert (outcome.exit_status, outcome.stdout) == (4, "")
    assert node.service.asked("DELETE") == []


def test_rm_shows_what_it_would_delete(hca: Callable[..., Outcome], node: Any) -> None:
    lines = hca("shock", "rm", ID, "--dry-run").stdout.splitlines()
    assert lines[0].split() == ["id", "name", "size", "status", "error"]
    assert lines[2].split()[:3] == [ID, "reads.fq", "3"]
    assert node.service.asked("DELETE") == []
