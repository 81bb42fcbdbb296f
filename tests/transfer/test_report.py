"""Reports: what is counted and how often, how many failures are kept, what people read, and how reports merge."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hca_core.errors import ExitStatus, HCAError, IntegrityError, LoginError, NetworkError, UsageError
from hca_core.transfer import Address, Result, Transfer
from hca_core.transfer.report import MOST_FAILURES, DownloadError, Missing, Report, in_bytes, in_seconds

AT = Address("http://127.0.0.1:9/")


def result(name: str = "a", status: str = "fetched", size: int | None = 10, **more) -> Result:
    link = more.pop("link", "")
    return Result(Transfer(name, f"store/{name}", AT, size, link=link), status, **more)


def test_the_document_has_the_keys_that_scripts_know():
    report = Report("", extra={"bundles": ["b"], "manifest": "files.tsv"})
    for one in (result("a", linked="hard"), result("b", "present", linked="copy"), result("c", linked="reflink")):
        report.add(one)
    report.missing(Missing("d", NetworkError("away")))
    assert list(report.document().items()) == [
        *{"directory": ".", "files": 3, "fetched": 2, "present": 1, "bytes": 30}.items(),
        *{"links": 1, "reflinks": 1, "copies": 1, "bundles": ["b"], "manifest": "files.tsv"}.items(),
        ("failed", [{"name": "d", "error": "away"}]),
    ]


def test_a_content_is_counted_once_and_its_links_each():
    report = Report("")
    report.add(result("a", link="x", linked="hard"))
    report.add(result("a", "present", link="y", linked="hard"))
    assert (report.fetched, report.present, report.size, report.linked) == (1, 0, 10, 2)


def test_what_was_counted_is_remembered_for_long_and_not_for_ever():
    report = Report("")
    for number in range(100_000):
        report.add(result(str(number)))
    report.add(result("99999"))
    report.add(result("70000"))
    assert report.fetched == 100_000
    assert len(report._counted) + len(report._older) <= 65_536


def test_what_failed_first_and_came_then_counts():
    report = Report("")
    report.add(result("a", "failed", error=NetworkError("away")))
    report.add(result("a"))
    assert (report.fetched, report.failed) == (1, 1)


def test_an_unknown_size_is_none_and_a_failure_is_named_by_its_link():
    report = Report("")
    report.add(result("a", size=None))
    report.add(result("b", "failed", link="bundle/b", error=NetworkError("away")))
    assert (report.size, report.failures[0].name) == (0, "bundle/b")


def test_memory_keeps_some_failures_and_counts_all():
    report = Report("")
    for number in range(MOST_FAILURES + 5):
        report.missing(Missing(str(number), HCAError(f"no {number}")))
    document = report.document()
    assert (len(document["failed"]), document["failed_more"], report.failed) == (MOST_FAILURES, 5, MOST_FAILURES + 5)
    with pytest.raises(DownloadError) as raised:
        report.raise_if_failed()
    lines = raised.value.message.splitlines()
    assert lines[0] == "0 files done, 10,005 failed: 10,005 problems"
    assert (len(lines), lines[-1]) == (22, "  ... and 9,985 more")


@pytest.mark.parametrize(
    ("done", "errors", "status"),
    [
        (1, [NetworkError("a")], ExitStatus.PARTLY),
        (0, [NetworkError("a"), NetworkError("b")], ExitStatus.NETWORK),
        (0, [NetworkError("a"), IntegrityError("b")], ExitStatus.PARTLY),
    ],
)
def test_the_exit_status_is_that_of_the_reason_if_there_is_one(done, errors, status):
    report = Report("", fetched=done)
    for error in errors:
        report.missing(Missing("x", error))
    with pytest.raises(DownloadError) as raised:
        report.raise_if_failed()
    assert (raised.value.exit_status, raised.value.report) == (status, report)


def test_nothing_failed_nothing_raised():
    Report("").raise_if_failed()


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (Report("", fetched=1, size=1), "1 file (1 byte); 0.4 s"),
        (
            Report("", fetched=4200, present=800, size=21_500_000),
            "5,000 files (21.5 MB), 4,200 fetched, 800 were there; 0.4 s",
        ),
        (Report("", failed=3), "0 files (0 bytes), 3 failed; 0.4 s"),
    ],
)
def test_people_read_one_line(report, line):
    assert report.in_words(0.4) == line


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (123_456_789, "123 MB"),
        (5 * 10**12, "5 TB"),
        (10**19, "10,000 PB"),
    ],
)
def test_bytes_in_words(size, text):
    assert in_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.96, "10 s"), (59, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min")]
)
def test_seconds_in_words(seconds, text):
    assert in_seconds(seconds) == text


def test_reports_of_shards_merge():
    one = {"directory": "d", "files": 2, "bytes": 5, "bundles": ["x", "y"], "manifest": "m", "failed": []}
    two = {"directory": "d", "files": 3, "bytes": 7, "bundles": ["y", "z"], "failed": [{"name": "a", "error": "b"}]}
    assert Report.merge([one, two, two]) == {
        "directory": "d",
        "files": 8,
        "bytes": 19,
        "bundles": ["x", "y", "z"],
        "manifest": "m",
        "failed": two["failed"] * 2,
    }
    assert one["failed"] == []
    assert Report.merge([one, {**two, "directory": "e"}])["directory"] == ["d", "e"]
    assert list(Report.merge([one]))[-1] == "failed"


def test_what_many_have_in_common_is_told_once():
    report = Report("", fetched=1)
    for number in range(MOST_FAILURES + 5):
        report.missing(Missing(str(number), NetworkError("too late")))
        if number < 3:
            report.missing(Missing(f"x{number}", NetworkError("gone")))
    with pytest.raises(DownloadError) as raised:
        report.raise_if_failed()
    assert raised.value.message.splitlines()[1:] == [
        "  too late: 9,997 times",
        "  x0: gone",
        "  x1: gone",
        "  x2: gone",
        "  ... and 8 more",
    ]


def test_lines_tell_a_name_once_and_move_no_terminal():
    report = Report("", fetched=1)
    report.missing(Missing("a", HCAError("a is in the way")))
    report.missing(Missing("\x1b[31mb\nc", NetworkError("gone")))
    with pytest.raises(DownloadError) as raised:
        report.raise_if_failed()
    assert raised.value.message.splitlines()[1:] == ["  a is in the way", "  \ufffd[31mb c: gone"]
    assert raised.value.hint.startswith("mend what these lines tell, then")
    again = Report("", fetched=1)
    again.missing(Missing("a", NetworkError("gone")))
    with pytest.raises(DownloadError) as raised:
        again.raise_if_failed()
    assert raised.value.hint.startswith("run the same command again")


def test_reports_merge_in_any_grouping():
    one = {"directory": "d", "files": 1, "failed": [], "places": [{"a": 1}]}
    two = {"directory": "e", "files": 2, "failed": [], "places": [{"a": 1}, {"b": 2}]}
    merged = Report.merge([one, two, one])
    assert merged["places"] == [{"a": 1}, {"b": 2}]
    assert Report.merge([Report.merge([one, two]), one]) == merged
    assert merged["directory"] == ["d", "e"]
    assert one["places"] == [{"a": 1}]


@pytest.mark.parametrize(("free", "enough"), [((100, 90), True), ((100, 60), False), ((100, None), True)])
def test_dry_runs_of_shards_share_a_disk(free, enough):
    documents = [
        {"directory": "d", "dry_run": True, "room_needed": 40, "room_free": one, "enough_room": True, "failed": []}
        for one in free
    ]
    merged = Report.merge(documents)
    assert (merged["room_needed"], merged["enough_room"]) == (80, enough)
    assert merged["room_free"] == (min(free) if None not in free else None)


@pytest.mark.parametrize("documents", [[], [{}], [{"failed": 3}], [["a"]]])
def test_what_is_no_report_does_not_merge(documents):
    with pytest.raises(UsageError):
        Report.merge(documents)


@dataclass(frozen=True)
class Place(Address):
    """A source that says what it is."""

    origin: str = "near"


def test_files_are_counted_by_where_they_came_from():
    report = Report("")
    assert "sources" not in report.document()
    for name, status, origin in (("a", "fetched", "near"), ("b", "fetched", "far"), ("c", "present", "")):
        report.add(Result(Transfer(name, name, Place("http://127.0.0.1:9/")), status, origin=origin))
    report.add(Result(Transfer("d", "b", Place("http://127.0.0.1:9/")), "fetched", origin="far"))  # counted already
    assert report.document()["sources"] == {"near": 1, "far": 1}
    assert report.elsewhere["near"] == 1
    assert report.done == 4
    merged = Report.merge([report.document(), report.document(), {"sources": {"third": 1}, "failed": []}])
    assert merged["sources"] == {"near": 2, "far": 2, "third": 1}


def told(*failed: Missing) -> DownloadError:
    report = Report("", fetched=1)
    for one in failed:
        report.missing(one)
    with pytest.raises(DownloadError) as raised:
        report.raise_if_failed()
    return raised.value


def test_a_path_is_told_once_though_the_error_has_its_end():
    lines = told(Missing("d/p/x", IntegrityError("p/x: wrong")), Missing("d/px", IntegrityError("x: wrong"))).message
    assert lines.splitlines()[1:] == ["  d/p/x: wrong", "  d/px: x: wrong"]


def test_the_next_step_is_that_of_all_failures():
    login = Missing("a", LoginError("no", hint="log in"))
    assert told(login, login).hint == "log in; then run the same command again: it fetches what is missing"
    assert told(login, Missing("b", HCAError("no"))).hint.startswith("mend what these lines tell, then")
    wrong = Missing("c", IntegrityError("wrong"))
    assert told(wrong, Missing("d", NetworkError("gone"))).hint.endswith("or what lists the files is wrong")
