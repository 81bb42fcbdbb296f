"""`hca shock attributes` and the SDK behind it: documents, edits, conflicts, what the server makes of numbers."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shock_doubles as doubles

from hca_core.errors import NetworkError, NotFoundError, UsageError
from hca_shock.client import ShockClient
from hca_shock.errors import ShockApiError
from hca_shock.metadata import documents
from hca_shock.metadata.errors import ConflictError, DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import LoopbackService, Outcome


ID = doubles.ID


@pytest.fixture
def node(service: LoopbackService, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HCA_SHOCK_URL", service.url)
    return doubles.Node(service, attributes={"sample": {"age": 3, "note": "x"}, "reads": [{"lane": 1}, {"lane": 2}]})


@pytest.fixture
def shock(service: LoopbackService) -> Iterator[ShockClient]:
    with ShockClient(service.url, first_wait=0.01, tries=2) as client:
        yield client


# --- documents -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("a", ["a"]),
        ("a.b.c", ["a", "b", "c"]),
        (r"a\.b.c", ["a.b", "c"]),
        (r"a\\.b", ["a\\", "b"]),
        ("metadata.env biome", ["metadata", "env biome"]),
    ],
)
def test_a_path_is_names_with_dots_between_them(path: str, names: list[str]) -> None:
    assert documents.steps(path) == names
    assert documents.steps(documents.joined(names)) == names


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a\\"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="no path"):
        documents.steps(path)


def test_a_value_is_set_without_changing_the_document() -> None:
    before = {"a": {"b": [1, {"c": 2}]}}
    assert documents.with_value(before, "a.b.1.c", 3) == {"a": {"b": [1, {"c": 3}]}}
    assert documents.with_value(before, "x.y", None) == {"a": {"b": [1, {"c": 2}]}, "x": {"y": None}}
    assert documents.with_value(None, "x.y", 1) == {"x": {"y": 1}}
    assert before == {"a": {"b": [1, {"c": 2}]}}


@pytest.mark.parametrize(
    ("path", "said"), [("a.b.x", "'a.b' lies 3"), ("list.2", "has 2 items"), ("list.x", "2 items")]
)
def test_a_value_is_not_set_through_something_that_is_no_object(path: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        documents.with_value({"a": {"b": 3}, "list": [1, 2]}, path, 1)


def test_a_value_is_removed_from_objects_and_lists() -> None:
    document = {"a": {"b": 1, "c": [1, 2, {"d": 3, "e": 4}]}}
    assert documents.without(document, "a.b") == {"a": {"c": [1, 2, {"d": 3, "e": 4}]}}
    assert documents.without(document, "a.c.0") == {"a": {"b": 1, "c": [2, {"d": 3, "e": 4}]}}
    assert documents.without(document, "a.c.2.d") == {"a": {"b": 1, "c": [1, 2, {"e": 4}]}}
    for path in ("x", "a.x", "a.c.3", "a.b.c", "a.c.-1"):
        with pytest.raises(NotFoundError, match="nothing at"):
            documents.without(document, path)


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [  # from the appendix of RFC 7396
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_its_rfc_says(before: Any, patch: Any, after: Any) -> None:
    assert documents.merged(before, patch) == after


@pytest.mark.parametrize(
    ("sent", "echoed", "path"),
    [
        ({"a": 1.0}, {"a": 1}, None),
        (2**60, 1152921504606847000, None),  # the fewest digits of the same float64
        ({"a": [1, 2]}, {"a": [1, 2]}, None),
        ({"a": 9007199254740993}, {"a": 9007199254740992}, "a"),
        ({"a": True}, {"a": 1}, "a"),
        ({"a": None}, {}, "a"),
        ({"a": "x"}, {"a": "x", "b": 1}, "b"),
        ({"a": [1, {"b.c": 2}]}, {"a": [1, {"b.c": 3}]}, r"a.1.b\.c"),
        ([1, 2], [1], "1"),
        ("1", 1, ""),
        (10**400, 1, ""),
    ],
)
def test_the_first_difference_is_found(sent: Any, echoed: Any, path: str | None) -> None:
    found = documents.difference(sent, echoed)
    assert (found and found[0]) == path


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"a": [1, {"b.c": 2**53 + 1}], "z": 2**54 + 1}, (r"a.1.b\.c", 2**53 + 1)),
        (2**53 + 1, ("", 2**53 + 1)),
        (-(2**63) + 1, ("", -(2**63) + 1)),
        (10**400, ("", 10**400)),
        (2**60, ("", 2**60)),  # which comes back as ...847000
        ([1152921504606847000, 10**21, 2**53, -(2**53), True, 0.1, 1e300, "9007199254740993", None], None),
    ],
)
def test_numbers_that_come_back_as_others_are_known(document: Any, found: Any) -> None:
    assert documents.inexact(document) == found


def test_a_deep_document_ends_in_a_sentence() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(UsageError, match="nested too deeply"):
        documents.encoded(deep)


@pytest.mark.parametrize("value", [float("nan"), {"a": {1, 2}}, b"x"])
def test_what_json_has_no_word_for_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="can't be written as JSON"):
        documents.encoded(value)


# --- the SDK ---------------------------------------------------------------------------------------------------------


def test_attributes_are_read(shock: ShockClient, node: Any) -> None:
    assert shock.attributes.get(ID) == node.raw["attributes"]
    assert shock.attributes.get(ID, "reads.1.lane") == 2
    with pytest.raises(NotFoundError, match=r"'reads\.2'"):
        shock.attributes.get(ID, "reads.2.lane")


def test_the_whole_document_goes_as_a_file(shock: ShockClient, node: Any) -> None:
    document = {"text": "ä" * 100_000, "n": 1.0}
    changed = shock.attributes.set(ID, document)
    assert changed.attributes == document
    parts = doubles.form(node.service.asked("PUT")[0])
    assert [(name, filename is not None) for name, filename, _ in parts] == [("attributes", True)]


def test_null_removes_all_attributes(shock: ShockClient, node: Any) -> None:
    assert shock.attributes.clear(ID).attributes is None
    assert node.sent == [{"attributes": b"null"}]


def test_an_edit_sends_the_changed_document(shock: ShockClient, node: Any) -> None:
    shock.attributes.set_value(ID, "sample.organism", "Homo sapiens")
    assert node.raw["attributes"]["sample"] == {"age": 3, "note": "x", "organism": "Homo sapiens"}
    shock.attributes.unset(ID, "sample.note", "reads.0")
    assert node.raw["attributes"] == {"sample": {"age": 3, "organism": "Homo sapiens"}, "reads": [{"lane": 2}]}
    shock.attributes.merge(ID, {"sample": {"age": None}, "reads": None})
    assert node.raw["attributes"] == {"sample": {"organism": "Homo sapiens"}}


def test_an_edit_that_changes_nothing_sends_nothing(shock: ShockClient, node: Any) -> None:
    assert shock.attributes.merge(ID, {"sample": {"age": 3.0, "nothing": None}}).version == "v0"
    assert node.sent == []


def test_nothing_is_removed_if_one_path_is_not_there(shock: ShockClient, node: Any) -> None:
    with pytest.raises(NotFoundError, match=r"'sample\.x'"):
        shock.attributes.unset(ID, "sample.age", "sample.x")
    assert node.sent == []


@pytest.mark.parametrize("change", ["set", "merge"])
def test_digits_that_the_server_would_lose_are_not_sent(shock: ShockClient, node: Any, change: str) -> None:
    node.service.on("GET", "/").reply(json={"id": "Shock", "type": "Shock"})
    with pytest.raises(UsageError, match=r"can't keep the number 9007199254740993 at 'ids\.1'") as caught:
        getattr(shock.attributes, change)(ID, {"ids": [1, 9007199254740993]})
    assert "as a string" in str(caught.value.hint)
    assert node.sent == []


def test_our_own_server_keeps_them_and_is_asked_only_if_it_matters(
    shock: ShockClient, service: LoopbackService
) -> None:
    def kept(request: Any) -> Any:
        node.raw["attributes"] = json.loads(doubles.form(request)[0][2])
        return doubles.answer(node.raw)

    node = doubles.Node(service, id="ours", put=kept)
    service.on("GET", "/").reply(json={"id": "Shock", "implementation": "hca local"})
    shock.attributes.set("ours", {"n": 2**53})
    assert service.asked("GET", "/") == []
    assert shock.attributes.set("ours", {"n": 2**53 + 1}).attributes == {"n": 2**53 + 1}


def test_what_the_server_has_changed_is_an_error(shock: ShockClient, service: LoopbackService) -> None:
    def damaged(_: Any) -> Any:
        node.raw["attributes"] = {"ids": [1, 3]}
        return doubles.answer(node.raw)

    node = doubles.Node(service, id="odd", put=damaged)
    with pytest.raises(DamagedError, match=r"'ids\.1' the server has 3 instead of 2") as caught:
        shock.attributes.set("odd", {"ids": [1, 2]})
    assert caught.value.exit_status == 6
    assert "as a string" in str(caught.value.hint)


def test_keys_that_are_no_text_are_compared_as_they_are_sent(shock: ShockClient, node: Any) -> None:
    assert shock.attributes.set(ID, {1: (2, 3)}).attributes == {"1": [2, 3]}


def test_a_change_by_somebody_else_makes_the_edit_begin_anew(shock: ShockClient, node: Any) -> None:
    def meddle(number: int) -> None:
        if number == 2:  # between the reading and the look before the writing
            node.raw["attributes"] = {"theirs": 1}
            node.bump()

    node.meddle = meddle
    shock.attributes.set_value(ID, "ours", 2)
    assert node.raw["attributes"] == {"theirs": 1, "ours": 2}
    assert node.gets == 4


def test_an_edit_gives_up_after_three_changes_by_others(shock: ShockClient, node: Any) -> None:
    node.meddle = lambda _: node.bump()
    with pytest.raises(ConflictError, match="3 times") as caught:
        shock.attributes.set_value(ID, "ours", 2)
    assert caught.value.exit_status == 1
    assert (node.sent, node.gets) == ([], 6)


@pytest.mark.parametrize("change", ["set", "merge"])
def test_a_wanted_version_is_checked(shock: ShockClient, node: Any, change: str) -> None:
    with pytest.raises(ConflictError, match="has the version v0 now, not v7"):
        getattr(shock.attributes, change)(ID, {"a": 1}, if_version="v7")
    assert node.sent == []
    getattr(shock.attributes, change)(ID, {"a": 1}, if_version="v0")
    assert len(node.sent) == 1


def test_a_lost_answer_is_looked_after(shock: ShockClient, service: LoopbackService) -> None:
    def kept(_: Any) -> Any:
        node.raw["attributes"] = {"a": 1}
        return doubles.reply(status=502)

    node = doubles.Node(service, id="lost", put=kept)
    service.on("PUT", node.path).drop()
    assert shock.attributes.set("lost", {"a": 1}).attributes == {"a": 1}
    with pytest.raises(NetworkError):
        shock.attributes.set("lost", {"a": 2})


def test_edits_of_one_process_do_not_lose_each_other(shock: ShockClient, node: Any) -> None:
    errors: list[BaseException] = []

    def edit(number: int) -> None:
        try:
            shock.attributes.set_value(ID, f"n{number}", number)
        except BaseException as error:  # told in the thread of the test
            errors.append(error)

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {f"n{number}": number for number in range(6)}.items() <= node.raw["attributes"].items()


def test_a_blobstore_is_told_to_have_no_attributes(shock: ShockClient, service: LoopbackService) -> None:
    doubles.Node(service, id="blob", put=lambda _: doubles.refusal(405, "Method Not Allowed"))
    service.on("GET", "/").reply(json={"id": "Shock", "servername": "blobstore", "version": "0.9.6"})
    with pytest.raises(UsageError, match="blobstore, which has no attributes"):
        shock.attributes.set("blob", {})


def test_an_error_of_the_server_stays_what_it_is(shock: ShockClient, service: LoopbackService) -> None:
    service.on("PUT", "/node/x").reply(lambda _: doubles.refusal(400, "attributes: unexpected end of JSON"))
    service.on("GET", "/").reply(json={"id": "Shock", "type": "Shock"})
    with pytest.raises(ShockApiError, match="unexpected end of JSON"):
        shock.attributes.set("x", {})


# --- the command line ------------------------------------------------------------------------------------------------


def test_get_shows_the_document_or_a_value_in_it(hca: Callable[..., Outcome], node: Any) -> None:
    assert hca("shock", "attributes", "get", ID).json() == node.raw["attributes"]
    assert hca("shock", "attributes", "get", ID, "sample.age").stdout == "3\n"
    missing = hca("shock", "attributes", "get", ID, "sample.x")
    assert (missing.exit_status, missing.stdout) == (4, "")
    assert missing.stderr == "hca: the document has nothing at 'sample.x'\n"


def test_set_takes_text_a_file_and_standard_input(hca: Callable[..., Outcome], node: Any) -> None:
    Path("a.json").write_text('{"from": "file"}')
    shown = hca("shock", "attributes", "set", ID, "@a.json").json()
    assert shown == {"id": ID, "version": "v1", "attributes": {"from": "file"}}
    hca("shock", "attributes", "set", ID, "-", input='{"from": "stdin"}')
    assert node.raw["attributes"] == {"from": "stdin"}
    hca("shock", "attributes", "set", ID, "--path", "sample.age", "4")
    assert node.raw["attributes"] == {"from": "stdin", "sample": {"age": 4}}


def test_merge_unset_and_clear(hca: Callable[..., Outcome], node: Any) -> None:
    assert hca("shock", "attributes", "merge", ID, '{"sample": {"note": null}}').exit_status == 0
    assert hca("shock", "attributes", "unset", ID, "reads").exit_status == 0
    assert node.raw["attributes"] == {"sample": {"age": 3}}
    outcome = hca("shock", "attributes", "clear", ID, "--if-version", "v9")
    assert (outcome.exit_status, node.raw["version"]) == (1, "v2")
    assert hca("shock", "attributes", "clear", ID, "--if-version", "v2").json()["attributes"] is None


@pytest.mark.parametrize("text", ["{", "Homo sapiens", "[" * 100_000, "1" * 5000, "@missing.json"])
def test_what_is_no_json_is_refused_before_a_request(hca: Callable[..., Outcome], node: Any, text: str) -> None:
    outcome = hca("shock", "attributes", "set", ID, text)
    assert outcome.exit_status == 2
    assert "Traceback" not in outcome.stderr
    assert "unexpected" not in outcome.stderr
    assert node.service.requests == []


def test_a_text_without_quotes_is_told_how_to_write_it(hca: Callable[..., Outcome], node: Any) -> None:
    outcome = hca("shock", "attributes", "set", ID, "--path", "sample.organism", "Homo sapiens")
    assert outcome.exit_status == 2
    assert """a text has double quotes of its own: '"Homo sapiens"'.""" in outcome.stderr
    for text in ("{", '{"a": b}', "[1,", "12x"):
        assert "double quotes of its own" not in hca("shock", "attributes", "set", ID, text).stderr


def test_a_number_that_json_does_not_have_is_refused(hca: Callable[..., Outcome], node: Any) -> None:
    outcome = hca("shock", "attributes", "set", ID, json.dumps({"a": float("nan")}))
    assert outcome.exit_status == 2
    assert node.sent == []
