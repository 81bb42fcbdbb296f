"""Results on stdout in every format: valid for their readers, harmless for terminals, page by page where possible."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tracemalloc

import pytest
import yaml  # noqa: TID253

from hca_core.commands import FORMATS
from hca_core.errors import UsageError
from hca_core.output import Query, Show, merged, rows_of
from hca_core.paging import Page

ROWS = [{"a": "x", "b": 1}, {"a": 'y, "z"', "c": {"d": [1, None]}}, {"a": None, "b": True}]


@pytest.fixture
def show(capsys):
    def shown(document, chosen=None, query=None, columns=(), default="json"):
        Show(chosen, Query(query) if query else None, default)(document, columns)
        return capsys.readouterr().out

    return shown


def pages(*documents, key="bundles"):
    from hca_core import paging

    return iter([Page(document, paging.items(document, key), key) for document in documents])


# Formats


def test_json_is_indented_and_not_sorted(show):
    assert show({"b": 1, "a": ["ä"]}) == '{\n  "b": 1,\n  "a": [\n    "ä"\n  ]\n}\n'


def test_jsonl_has_a_row_a_line(show):
    lines = show(ROWS, "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == ROWS
    assert show(iter(ROWS), "jsonl").splitlines() == lines
    assert show({"a": "line\nbreak"}, "jsonl") == '{"a":"line\\nbreak"}\n'


def test_yaml(show):
    document = {"a": [1, "ä", None, "yes", "1"], "b": {"c": "x\ny"}}
    assert yaml.safe_load(show(document, "yaml")) == document
    assert "ä" in show(document, "yaml")


def test_csv_escapes(show):
    rows = list(csv.DictReader(io.StringIO(show(ROWS, "csv"))))
    assert rows[1] == {"a": 'y, "z"', "b": "", "c": '{"d": [1, null]}'}
    assert rows[0] == {"a": "x", "b": "1", "c": ""}
    assert rows[2]["b"] == "true"
    assert show([{"a": "two\nlines"}], "csv") == 'a\n"two\nlines"\n'


def test_tsv_has_a_row_a_line_and_a_tab_a_column(show):
    text = show([{"a": "tab\there", "b": "two\r\nlines"}, {"a": "two  blanks", "b": " x "}], "tsv")
    assert text.splitlines() == ["a\tb", "tab here\ttwo lines", "two  blanks\t x "]


def test_a_table(show):
    text = show(ROWS, "table")
    assert text.splitlines()[0].split() == ["a", "b", "c"]
    assert len(text.splitlines()) == 5
    assert "000123" in show([{"id": "000123"}], "table")
    assert "1e5" in show([{"id": "1e5"}], "table")


@pytest.mark.parametrize("text", ["\x1b[31mred", "\x9b31m", "\x07", "a\x00b", "back\x08", "\x7f", "line\rover"])
def test_tables_have_no_control_characters(show, text):
    shown = show([{"a": text}], "table")
    assert "\N{REPLACEMENT CHARACTER}" in shown
    assert not any(character in shown for character in "\x1b\x9b\x07\x00\x08\x7f\r")


@pytest.mark.parametrize("text", ["\x1b[31mred", "\x07"])
def test_json_has_no_escape_sequences(show, text):
    assert "\x1b" not in show({"a": text})
    assert "\x07" not in show({"a": text})


def test_columns_choose_and_order(show):
    assert show(ROWS, "csv", columns=["b", "a"]).splitlines()[0] == "b,a"
    assert show([], "csv", columns=["b", "a"]) == "b,a\n"
    assert show(iter([]), "tsv") == ""


def test_columns_of_late_rows(show):
    rows = [{"a": n} for n in range(99)] + [{"a": 99, "b": "late"}] + [{"a": 100, "c": "later"}]
    table = show(iter(rows), "csv")
    assert table.splitlines()[0] == "a,b"
    assert len(table.splitlines()) == 102


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ([{"a": 1}], [{"a": 1}]),
        ({"bundles": [{"a": 1}]}, [{"a": 1}]),
        ({"bundle": {"files": [{"a": 1}]}}, [{"a": 1}]),
        ({"bundle": {"files": [{"a": 1}], "uuid": "x"}}, [{"bundle": {"files": [{"a": 1}], "uuid": "x"}}]),
        ({"files": 3, "failed": []}, [{"files": 3, "failed": []}]),
        ({"a": 1, "b": 2}, [{"a": 1, "b": 2}]),
        ({"a": [{"x": 1}], "b": [{"y": 1}]}, [{"a": [{"x": 1}], "b": [{"y": 1}]}]),
        ({"a": ["plain"], "b": 1}, [{"a": ["plain"], "b": 1}]),
        ({}, [{}]),
        ("text", ["text"]),
        (5, [5]),
        (None, [None]),
        ([], []),
    ],
)
def test_rows_of_a_document(document, rows):
    assert list(rows_of(document)) == rows


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("document", [{}, [], "text", 5, None, True, [1, "x", None], [[1, 2]], {"a": {"b": [5]}}])
def test_every_format_takes_every_document(show, chosen, document):
    assert show(document, chosen).endswith("\n") or document == []


def test_text_is_bare_unless_something_else_is_asked_for(capsys):
    Show(None).text("2026-11-21T185524.763038Z")
    assert capsys.readouterr().out == "2026-11-21T185524.763038Z\n"
    Show("json").text("x")
    assert capsys.readouterr().out == '"x"\n'
    Show(None, Query("length(@)")).text("abc")
    assert capsys.readouterr().out == "3\n"


# Queries


def test_a_query_is_applied_before_the_format(show):
    document = {"bundles": [{"uuid": "a", "n": 1}, {"uuid": "b", "n": 2}]}
    assert json.loads(show(document, query="bundles[?n > `1`].uuid")) == ["b"]
    assert show(document, "csv", "bundles[].{id: uuid}", columns=["uuid"]) == "id\na\nb\n"
    assert show(iter([{"a": 1}]), query="[0].a") == "1\n"


@pytest.mark.parametrize("expression", ["[", "a b", "unknown(", "'open"])
def test_a_bad_query_is_wrong_usage(expression):
    with pytest.raises(UsageError, match="is not a JMESPath expression") as told:
        Query(expression)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("expression", ["length(@)", "nothing(@)", "sort(@)"])
def test_a_query_that_does_not_fit_is_told(expression):
    with pytest.raises(UsageError, match=r"does not fit the answer|not a JMESPath"):
        Query(expression)(5)


# Pages


PAGED = [
    ("bundles", [{"bundles": [1, {"a": [2]}], "has_more": True}, {"bundles": [3], "has_more": False}]),
    (
        "bundle.files",
        [
            {"bundle": {"uuid": "u", "files": [{"n": 1}], "creator": 5}, "x": {"y": [1]}},
            {"bundle": {"uuid": "u", "files": [{"n": 2}, {"n": 3}], "creator": 5}, "x": {"y": [1]}},
            {"bundle": {"uuid": "u", "files": [], "creator": 5}, "x": {"y": [1]}},
        ],
    ),
    ("a.b.c", [{"a": {"b": {"c": [n], "d": n}, "e": n}, "f": n} for n in range(3)]),
    ("results", [{"results": []}, {"results": []}]),
    ("results", [{"es_query": {"q": "ä"}, "results": [1], "total_hits": 1}]),
    ("files", [{"files": ["x\ny", 'q"uote']}, {"files": [None]}]),
]


@pytest.mark.parametrize(("key", "documents"), PAGED)
def test_paged_json_is_the_merged_document(capsys, key, documents):
    Show(None).pages(pages(*documents, key=key))
    shown = json.loads(capsys.readouterr().out)
    assert shown == merged(pages(*documents, key=key))
    assert list(shown) == list(dict.fromkeys([*shown, *documents[-1]]))
    assert set(shown) == set(documents[-1])


@pytest.mark.parametrize(("key", "documents"), PAGED)
def test_the_merged_document_has_all_items_and_no_key_of_its_own(key, documents):
    whole = merged(pages(*documents, key=key))
    from hca_core import paging

    assert paging.items(whole, key) == [item for page in pages(*documents, key=key) for item in page.items]
    assert set(whole) == set(documents[-1])


@pytest.mark.parametrize("chosen", ["yaml", "jsonl", "csv", "tsv", "table"])
def test_other_formats_have_all_items(capsys, chosen):
    Show(chosen).pages(pages({"bundles": [{"a": 1}]}, {"bundles": [{"a": 2}]}))
    text = capsys.readouterr().out
    assert "1" in text
    assert "2" in text


def test_a_query_sees_all_pages(capsys):
    Show(None, Query("length(bundles)")).pages(pages({"bundles": [1, 2]}, {"bundles": [3]}))
    assert capsys.readouterr().out == "3\n"


@pytest.mark.parametrize("chosen", ["json", "jsonl", "csv", "tsv"])
def test_memory_stays_flat(chosen, monkeypatch):
    def many(count):
        for _ in range(count):
            items = [{"uuid": "0" * 36, "n": n} for n in range(500)]
            yield Page({"bundles": items}, items, "bundles")

    def peak(count):
        tracemalloc.reset_peak()
        Show(chosen).pages(many(count))
        return tracemalloc.get_traced_memory()[1]

    with open(os.devnull, "w") as sink:
        monkeypatch.setattr(sys, "stdout", sink)
        tracemalloc.start()
        try:
            few, lots = peak(4), peak(16)
        finally:
            tracemalloc.stop()
    assert lots < few + 100_000


@pytest.mark.parametrize("chosen", ["jsonl", "csv", "tsv"])
def test_a_page_is_out_before_the_next_is_asked_for(chosen, monkeypatch):
    raw = io.BytesIO()
    out = []

    def two():
        items = [{"n": n} for n in range(100)]
        yield Page({"x": items}, items, "x")
        out.append(raw.getvalue().decode().count("99"))
        yield Page({"x": []}, [], "x")

    stream = io.TextIOWrapper(raw, "utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    Show(chosen).pages(two())
    monkeypatch.undo()
    assert out == [1]


# Encodings and colours


def run(document, chosen, encoding):
    code = "import json, sys; from hca_core.output import Show; Show(sys.argv[1])(json.loads(sys.argv[2]))"
    words = [sys.executable, "-c", code, chosen, json.dumps(document)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(words, env=environment, capture_output=True, check=True).stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_narrow_encoding_still_gives_a_valid_document(encoding):
    document = {"a": "é 本 \N{GRINNING FACE}"}
    assert json.loads(run(document, "json", encoding).decode(encoding)) == document
    assert yaml.safe_load(run(document, "yaml", encoding).decode(encoding)) == document
    assert json.loads(run(document, "jsonl", encoding).decode(encoding)) == document
    assert run(document, "table", encoding).decode(encoding)
    assert run(document, "csv", encoding).decode(encoding)


def test_half_a_character_is_no_reason_to_fail():
    document = {"a": "\ud800"}
    assert json.loads(run(document, "json", "utf-8")) == document
    assert run(document, "csv", "utf-8") == b"a\n\\ud800\n"


def test_bare_text_in_a_narrow_encoding(hca, dss):
    dss.on("GET", "/v1/*").redirect("s3://bucket/ä".encode().decode("latin-1"))
    words = ("dss", "get-file", "--uuid", "x", "--replica", "aws")
    assert hca(*words, encoding="ascii").exit_status == 0


def test_colour_on_terminals_only_and_not_with_no_color(hca):
    assert hca("nonsense", terminal=True).stderr.startswith("\x1b[31mhca: ")
    assert hca("nonsense", terminal=True, env={"NO_COLOR": "1"}).stderr.startswith("hca: ")
    assert "\x1b" not in hca("nonsense").stderr


@pytest.mark.parametrize(("kind", "text"), [("tsv", "a\t1\nb\t2\n"), ("csv", "a,1\nb,2\n"), ("table", "a  1\nb  2\n")])
def test_rows_that_a_query_made_lists_are_cells_without_a_header(show, kind, text):
    assert show([["a", 1], ["b", 2]], kind) == text


@pytest.mark.parametrize("kind", ["tsv", "csv", "table"])
def test_plain_values_need_no_header(show, kind):
    assert show(["a", "b"], kind) == "a\nb\n"
    assert show("a", kind) == "a\n"


# Formats of plugins


@pytest.fixture
def bullets(plugin):
    source = "def write(rows, stream):\n    for row in rows:\n        stream.write(f'* {row}\\n')\n"
    broken = "def write(rows, stream):\n    raise ValueError('no')\n"
    groups = {"hca.formats": {"bullets": "bullets:write", "bad": "bad:write", "json": "bad:write"}}
    plugin("acme", entry_points=groups, modules={"bullets": source, "bad": broken})


def test_a_format_of_a_plugin(bullets, hca):
    outcome = hca("config", "list", "--output", "bullets", "--query", "[?key == 'log_level'].key")
    assert (outcome.exit_status, outcome.stdout) == (0, "* log_level\n")
    assert "[json|jsonl|yaml|table|tsv|csv|bad|bullets]" in hca("config", "list", "--help").stdout


def test_it_gets_the_columns_that_the_command_names(bullets, show):
    assert show(iter([{"a": 1, "b": 2}, "c"]), "bullets", columns=["b"]) == "* {'b': 2}\n* c\n"


def test_our_own_format_wins(bullets, hca):
    assert hca("config", "list", "--output", "json").json()


def test_a_broken_format_is_the_plugins_fault(bullets, hca):
    outcome = hca("config", "list", "--output", "bad")
    assert outcome.exit_status == 8
    assert "plugin 'bad' (hca-plugin-acme 1.0) can't be used: ValueError: no" in outcome.stderr


def test_a_format_of_a_plugin_is_completed(bullets, hca):
    env = {"_HCA_COMPLETE": "bash_complete", "COMP_WORDS": "hca config list --output bul", "COMP_CWORD": "4"}
    assert hca(env=env).stdout == "plain,bullets\n"


def test_a_reader_of_a_plugins_format_may_leave(bullets):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-m", "hca_core", "config", "list", "--output", "bullets"]
    reader, writer = os.pipe()
    os.close(reader)  # before it begins: what it writes would fit into the pipe
    done = subprocess.run(words, env=env, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
