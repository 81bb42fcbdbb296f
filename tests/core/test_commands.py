"""What all verbs share: forgotten values, lists in all their forms, JSON from words, files and standard input."""

from __future__ import annotations

import json

import click
import pytest

from hca_core.commands import JsonType, ListOption, Verb, output_options


@pytest.fixture
def verb(plugin, hca):
    """Run a verb with every kind of option and give what its function got."""
    got = {}

    @click.command(cls=Verb)
    @click.option("--name", "-n")
    @click.option("--other")
    @click.option("--number", type=int)
    @click.option("--flag", is_flag=True)
    @click.option("-v", "--verbose", count=True)
    @click.option("--words", cls=ListOption)
    @click.option("--items", cls=ListOption, of_objects=True)
    @click.option("--details", type=JsonType())
    @click.argument("rest", nargs=-1)
    @output_options()
    def weather(show, **values):
        got.clear()
        got.update(values)
        show({"ok": True})

    plugin("weather", commands={"weather": weather})

    def run(*words, **settings):
        outcome = hca("weather", *words, **settings)
        outcome.__dict__["got"] = dict(got)
        return outcome

    return run


def test_nothing_given(verb):
    outcome = verb()
    assert outcome.exit_status == 0
    assert outcome.got["words"] is None
    assert outcome.got["items"] is None
    assert outcome.got["rest"] == ()


def test_a_misspelt_option_is_answered_with_the_nearest(verb):
    outcome = verb("--numbre", "5")
    assert outcome.exit_status == 2
    assert "Did you mean '--number'?" in outcome.stderr
    assert "Did you mean" not in verb("--quite-different", "5").stderr


# A forgotten value


@pytest.mark.parametrize(
    ("words", "option", "following"),
    [
        (["--name", "--other", "x"], "--name", "--other"),
        (["-n", "--other", "x"], "-n", "--other"),
        (["--other", "x", "--name", "--other=y"], "--name", "--other=y"),
        (["--number", "--flag"], "--number", "--flag"),
        (["--words", "--name", "x"], "--words", "--name"),
        (["--details", "--name", "x"], "--details", "--name"),
        (["--name", "-v"], "--name", "-v"),
        (["--output", "--query", "x"], "--output", "--query"),
    ],
)
def test_a_forgotten_value_names_its_option(verb, words, option, following):
    outcome = verb(*words)
    assert outcome.exit_status == 2
    assert f"Option {option} needs a value, but the next word is {following}." in outcome.stderr


def test_a_forgotten_value_at_the_end(verb):
    outcome = verb("--name")
    assert outcome.exit_status == 2
    assert "--name" in outcome.stderr


@pytest.mark.parametrize("value", ["-5", "--nothing-of-ours", "-", "---", "-x"])
def test_a_value_may_look_like_an_option_that_there_is_none(verb, value):
    assert verb("--name", value).got["name"] == value


def test_a_value_behind_an_equals_sign_may_be_anything(verb):
    assert verb("--name=--other").got["name"] == "--other"


def test_flags_and_counts_take_no_value(verb):
    outcome = verb("--flag", "--name", "x", "-v", "-v", "--number", "-3")
    assert (outcome.got["flag"], outcome.got["verbose"], outcome.got["number"]) == (True, 2, -3)


def test_words_behind_two_dashes_are_left_alone(verb):
    assert verb("--name", "x", "--", "--name", "--other").got["rest"] == ("--name", "--other")


# Lists


@pytest.mark.parametrize(
    "words",
    [
        ["--items", '[{"a": 1}, {"b": 2}]'],
        ["--items", '{"a": 1}', "--items", '{"b": 2}'],
        ["--items", '{"a": 1}', '{"b": 2}'],
        ["--items", "@items.json"],
        ["--items", "-"],
        ["--items", '{"a": 1}', "@rest.json"],
        ['--items={"a": 1}', '--items={"b": 2}'],
        ["--items", '{"a": 1}', '{"b": 2}', "--name", "x"],
    ],
)
def test_lists_of_objects_in_every_form(verb, words):
    with open("items.json", "w") as stream:
        json.dump([{"a": 1}, {"b": 2}], stream)
    with open("rest.json", "w") as stream:
        json.dump({"b": 2}, stream)
    outcome = verb(*words, input='[{"a": 1}, {"b": 2}]')
    assert outcome.stderr == ""
    assert outcome.got["items"] == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    "words",
    [
        ["--words", '["a", "b c"]'],
        ["--words", "a", "--words", "b c"],
        ["--words", "a", "b c"],
        ["--words", "@words.json"],
        ["--words", "@words.txt"],
        ["--words", "-"],
    ],
)
def test_lists_of_plain_words_in_every_form(verb, words):
    with open("words.json", "w") as stream:
        json.dump(["a", "b c"], stream)
    with open("words.txt", "w") as stream:
        stream.write("a\nb c\n")
    outcome = verb(*words, input='["a", "b c"]')
    assert outcome.stderr == ""
    assert outcome.got["words"] == ["a", "b c"]


def test_a_single_object_is_a_list_of_one(verb):
    assert verb("--items", '{"a": 1}').got["items"] == [{"a": 1}]


def test_plain_words_need_no_quotes_of_json(verb):
    assert verb("--words", "true", "5", "{x").got["words"] == ["true", "5", "{x"]
    assert verb("--words", "[ab]*.json", "[1]", "[").got["words"] == ["[ab]*.json", "[1]", "["]


def test_lines_of_a_file_are_words(verb):
    assert verb("--words", "-", input="a\n\n b c\r\n").got["words"] == ["a", " b c"]


def test_an_empty_list(verb):
    assert verb("--items", "[]").got["items"] == []


def test_a_list_ends_at_the_next_option(verb):
    outcome = verb("--words", "a", "b", "--flag", "--name", "c", "rest")
    assert outcome.got["words"] == ["a", "b"]
    assert outcome.got["name"] == "c"
    assert outcome.got["rest"] == ("rest",)


@pytest.mark.parametrize("bad", ['{"a": ', "{a: 1}", "nonsense", "'x'"])
def test_objects_that_are_not_json_are_told(verb, bad):
    outcome = verb("--items", bad)
    assert outcome.exit_status == 2
    assert "--items" in outcome.stderr
    assert "not JSON at line 1, column" in outcome.stderr


@pytest.mark.parametrize("bad", ["9" * 5000, "[" * 100_000], ids=["digits", "depth"])
def test_json_that_is_too_much_is_told(verb, bad):
    outcome = verb("--items", bad)
    assert outcome.exit_status == 2
    assert "can't be read as JSON" in outcome.stderr


@pytest.mark.parametrize("bad", ["5", '"text"', "[1]", "null", '[{"a": 1}, "b"]'])
def test_items_that_are_no_objects_are_told(verb, bad):
    outcome = verb("--items", bad)
    assert outcome.exit_status == 2
    assert "--items" in outcome.stderr


@pytest.mark.parametrize("option", ["--items", "--words", "--details"])
def test_a_file_that_cannot_be_read_is_told(verb, option):
    outcome = verb(option, "@nowhere.json")
    assert outcome.exit_status == 2
    assert "can't read 'nowhere.json': No such file or directory" in outcome.stderr
    with open("binary", "wb") as stream:
        stream.write(b"\xff\xfe\x00")
    assert "not UTF-8 text" in verb(option, "@binary").stderr


# Objects


@pytest.mark.parametrize("words", [["{}"], ["@details.json"], ["-"]])
def test_objects_in_every_form(verb, words):
    with open("details.json", "w") as stream:
        stream.write("{}")
    assert verb("--details", *words, input="{}").got["details"] == {}


@pytest.mark.parametrize("bad", ["[]", "5", "text", '{"a"', "", "null"])
def test_what_is_no_object_is_told(verb, bad):
    outcome = verb("--details", bad)
    assert outcome.exit_status == 2
    assert "--details" in outcome.stderr


@pytest.mark.parametrize("bad", ["x", "1.5", ""])
def test_numbers(verb, bad):
    outcome = verb("--number", bad)
    assert outcome.exit_status == 2
    assert "--number" in outcome.stderr


# Output


def test_output_and_query(verb):
    assert verb("--output", "jsonl").stdout == '{"ok":true}\n'
    assert verb("--query", "ok").stdout == "true\n"
    assert verb("--output", "xml").exit_status == 2


def test_a_bad_query_stops_the_verb(verb):
    verb("--name", "before")
    outcome = verb("--name", "after", "--query", "[")
    assert outcome.exit_status == 2
    assert outcome.got["name"] == "before"
    assert outcome.stdout == ""


def test_abbreviations_do_not_run(verb):
    outcome = verb("--numb", "5")
    assert outcome.exit_status == 2
    assert "--number" in outcome.stderr
