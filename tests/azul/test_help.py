"""The helps of the verbs: what their examples name is there, on the stand-in that newcomers try them on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import Outcome

VERBS = """
    cite create-manifest download download-matrices get-entity get-facets get-file get-files get-matrices get-project
    get-projects get-samples get-summary lock resolve samplesheet
"""
_UUID = r"[0-9a-f]{8}-[0-9a-f-]{27}"


@pytest.mark.parametrize("verb", VERBS.split())
def test_examples_name_what_there_is(run: Callable[..., Outcome], verb: str) -> None:
    text = run(verb, "--help").stdout.partition("Options:")[0]
    names = set(re.findall(rf"(?m)^ *(?:\$ )?hca azul .*?({_UUID})", text))
    for project in re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", text):
        assert run("get-project", project).exit_status == 0, project
    for name in names:
        shown = run("get-entity", "samples", name) if verb == "get-entity" else run("get-file", name)
        assert shown.exit_status == 0, (name, shown.stderr)


def test_defaults_are_those_of_the_verb(run: Callable[..., Outcome]) -> None:
    for verb in ("cite", "resolve"):
        assert re.search(r"Format of the result\.\s+\[default: text\]", run(verb, "--help").stdout)
    assert re.search(r"Format of the result\.\s+\[default: json\]", run("get-project", "--help").stdout)
    assert re.search(r"Those of\s+several fields must all hold", run("get-files", "--help").stdout)
