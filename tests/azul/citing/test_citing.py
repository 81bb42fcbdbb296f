"""Citations of projects in the three formats."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from neighbours import load

from hca_azul.citing import bibtex, csl, text
from hca_azul.citing.citation import Citation, Name, of_project
from hca_azul.projects import Project

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_azul.client import AzulClient
    from hca_core.testing import LoopbackService, Outcome

hits = load(Path(__file__).parents[1] / "matrices" / "projecthits.py", "azul_projecthits")
DAY = date(2026, 11, 22)


def citation(*, atlas: str = "hca", **changes: Any) -> Citation:
    return of_project(Project(hits.project(**changes), "dcp46"), accessed=DAY, atlas=atlas)


def test_contributors_are_people_and_groups_each_once() -> None:
    assert citation().authors == (
        Name("Regev", "Aviv"),
        Name("van der Berg", "Mary Ann B."),
        Name("Human Cell Atlas and Friends"),
    )
    assert citation(contributors=[]).authors == (Name("Regev Lab"),)
    assert citation(contributors=[{"contactName": "a,b,c,d"}]).authors == (Name("a b c d"),)
    assert citation(contributors=[{"contactName": "Ann,Lee"}]).authors == (Name("Lee", "Ann"),)


def test_text_for_a_list_of_references() -> None:
    assert text.written(citation()) == (
        "Regev, A., van der Berg, M. A. B. and Human Cell Atlas and Friends (2019). "
        "Single cell & spatial 100% survey of {human} eye_lung [Data set]. "
        f"Human Cell Atlas Data Portal, project {hits.ID}, data release dcp46. "
        f"{hits.PAGE}?catalog=dcp46 (accessed 2026-11-22). "
        "Accessions: GEO GSE81547. "
        "Publication: An eye on the lung. https://doi.org/10.1016/j.cell_1%7B "
        "Publication: A preprint."
    )


def test_text_of_a_project_that_tells_little() -> None:
    poor = Project({"entryId": hits.ID, "projects": [{"projectId": hits.ID, "projectTitle": "T."}]}, "lm2")
    told = text.written(of_project(poor, accessed=DAY, atlas="lungmap"))
    assert told == (
        f"(n.d.). T [Data set]. LungMAP Data Browser, project {hits.ID}, data release lm2. "
        f"https://data-browser.lungmap.net/projects/{hits.ID}?catalog=lm2 (accessed 2026-11-22)."
    )


def test_many_authors_are_shortened_in_text_only() -> None:
    people = [{"contactName": f"Ann,,Author{number:02}"} for number in range(11)]
    told = citation(contributors=people)
    assert "Author09, A., et al. (2019)" in text.written(told)
    assert "Author10" not in text.written(told)
    assert "{Author10}, Ann" in bibtex.written(told)
    assert "Author09, A. (2019)" in text.written(citation(contributors=people[:10]))


def entries(written: str) -> list[tuple[str, dict[str, str]]]:
    """Return the entries of BibTeX as a parser of its grammar does: braces within values must balance."""
    found = []
    place = 0
    while match := re.compile(r"\s*@misc\{([^,{}\s]+),\n").match(written, place):
        fields: dict[str, str] = {}
        place = match.end()
        while field := re.compile(r"  ([a-z]+) = \{").match(written, place):
            start = place = field.end()
            depth = 1
            while depth:
                # As BibTeX does, which counts braces whether a backslash stands before them or not.
                depth += {"{": 1, "}": -1}.get(written[place], 0)
                place += 1
            fields[field[1]] = written[start : place - 1]
            assert written[place : place + 2] == ",\n"
            place += 2
        assert written[place] == "}"
        place += 1
        found.append((match[1], fields))
    assert not written[place:].strip()
    return found


def test_bibtex_is_escaped() -> None:
    (key, data), (_, paper), (_, preprint) = entries(bibtex.written(citation()))
    assert key == "EyeLung_e8642221"
    assert data == {
        "author": "{Regev}, Aviv and {van der Berg}, Mary Ann B. and {Human Cell Atlas and Friends}",
        "title": r"{Single cell \& spatial 100\% survey of \textbraceleft{}human\textbraceright{} eye\_lung}",
        "year": "2019",
        "howpublished": "Human Cell Atlas Data Portal",
        "note": "Data release dcp46; accessed 2026-11-22; GEO GSE81547",
        "url": f"{hits.PAGE}?catalog=dcp46",
        "urldate": "2026-11-22",
    }
    assert (paper["doi"], paper["url"]) == ("10.1016/j.cell_1%7B", "https://doi.org/10.1016/j.cell_1%7B")
    assert set(preprint) == {"title", "note"}


@pytest.mark.parametrize(
    "hostile", ["}} @comment{", "{{{", "\\", 'a"b', "#$%&_~^", "Ångström → β", "a\nb\x1b[2J", "You and Me,,Lee"]
)
def test_bibtex_of_hostile_texts(hostile: str) -> None:
    written = bibtex.written(
        citation(projectTitle=hostile, contributors=[{"contactName": hostile}], projectShortname=hostile)
    )
    (key, data), *_ = entries(written)
    assert re.fullmatch(r"[A-Za-z0-9]+_e8642221", key)
    assert "\x1b" not in written
    for bare in re.findall(r"(?<!\\)[#$%&_~^]", data["title"] + data["author"]):
        raise AssertionError(bare)
    assert data["author"].count(" and ") == 0
    assert ("Ångström → β" in data["title"]) == (hostile == "Ångström → β")


def test_csl_has_items_of_its_schema() -> None:
    data, paper, preprint = csl.items(citation())
    assert data == {
        "id": "EyeLung_e8642221",
        "type": "dataset",
        "title": "Single cell & spatial 100% survey of {human} eye_lung",
        "author": [
            {"family": "Regev", "given": "Aviv"},
            {"family": "van der Berg", "given": "Mary Ann B."},
            {"literal": "Human Cell Atlas and Friends"},
        ],
        "issued": {"date-parts": [[2019, 5, 23]]},
        "accessed": {"date-parts": [[2026, 11, 22]]},
        "publisher": "Human Cell Atlas Data Portal",
        "version": "dcp46",
        "number": hits.ID,
        "URL": f"{hits.PAGE}?catalog=dcp46",
        "note": "GEO GSE81547",
    }
    assert paper["DOI"] == "10.1016/j.cell_1%7B"
    assert paper["type"] == "article-journal"
    assert set(preprint) == {"id", "type", "title"}


def test_dois_of_all_spellings() -> None:
    for doi in (
        "10.1/x",
        "https://doi.org/10.1038/x",
        "http://dx.doi.org/10.1038/x",
        "doi:10.1038/x",
        "DOI: 10.1038/x",
    ):
        (one,) = citation(publications=[{"publicationTitle": "T", "doi": doi}]).publications
        assert one.doi == ("10.1038/x" if "1038" in doi else "")


@pytest.fixture
def run(scripted: Callable[..., AzulClient], service: LoopbackService, hca: Callable[..., Outcome]) -> Any:
    """A function that runs `hca azul cite` of the project twice."""
    service.on("GET", f"/index/projects/{hits.ID}").reply(json=hits.project())
    return lambda *words: hca("azul", "cite", "--service-url", service.url, hits.ID, hits.ID, *words)


def test_the_verb(run: Any) -> None:
    outcome = run()
    assert outcome.exit_status == 0, outcome.stderr
    first, empty, second = outcome.stdout.splitlines()
    day = re.compile(r"\(accessed [\d-]+\)")  # midnight may be between the two
    assert day.sub("", first) == day.sub("", second)
    assert not empty
    assert re.search(r"data release new\. .*\(accessed \d{4}-\d\d-\d\d\)", first)
    assert len(entries(run("--format", "bibtex").stdout)) == 6
    assert len(json.loads(run("--format", "csl").stdout)) == 6
    assert json.loads(run("--output", "json").stdout)[0]["accessions"] == ["geo_series:GSE81547"]
    assert json.loads(run("--query", "[].title").stdout)[0].startswith("Single cell")


def test_clients_cite(scripted: Callable[..., AzulClient], service: LoopbackService) -> None:
    service.on("GET", f"/index/projects/{hits.ID}").reply(json=hits.project())
    assert scripted().cite(hits.PAGE, accessed=DAY).accessed == DAY
    assert scripted().cite(hits.ID).accessed >= DAY
