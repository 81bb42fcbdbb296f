"""What the documentation says of the code is compared with the code: names, numbers, variables, links."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hca_core.errors import ExitStatus
from hca_core.http import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import LoopbackService, Outcome

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
WORDS_A_MINUTE = 200
FENCE = re.compile(r"^ *(```+)(.*)\n((?:.*\n)*?) *\1 *$", re.MULTILINE)
CODE = [*ROOT.glob("hca_core/**/*.py"), *ROOT.glob("hca/**/*.py"), *ROOT.glob("plugins/*/hca*/**/*.py")]


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as they are made on code hosts."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(page), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        if not place.exists() or (anchor and anchor not in anchors(place)):
            lost.append(target)
    assert not lost


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_page_is_reached_from_the_index(page: Path) -> None:
    assert page.name == "index.md" or f"({page.name}" in text_of("index.md")


@pytest.mark.parametrize(
    ("minutes", "pages"),
    [(10, ["index.md", "quickstart.md"]), (20, ["plugins.md", "hooks.md"])],
    ids=["newcomer", "author"],
)
def test_what_to_read_first_takes_no_longer_than_promised(minutes: int, pages: list[str]) -> None:
    words = sum(len(text_of(page).split()) for page in pages)
    assert words <= minutes * WORDS_A_MINUTE


def test_the_reference_is_what_the_commands_say() -> None:
    command = [sys.executable, str(DOCS / "generate_reference.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run: python docs/generate_reference.py"


def test_every_exit_status_is_told() -> None:
    told = re.findall(r"^\| (\d+) \| `(\w+)` \|", text_of("exit-statuses.md"), re.MULTILINE)
    assert [(int(number), name) for number, name in told] == [(int(one), one.name) for one in ExitStatus]


@pytest.mark.parametrize(
    ("begin", "end", "folder"),
    [("The core, by task:", "### The engine", "hca_core"), ("### The engine", "The options of", "hca_core/transfer")],
)
def test_every_module_of_the_core_has_its_room(begin: str, end: str, folder: str) -> None:
    section = text_of("architecture.md").partition(begin)[2].partition(end)[0]
    firsts = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    modules = {file.stem for file in (ROOT / folder).glob("*.py") if not file.name.startswith("__")}
    packages = {f"{file.parent.name}/" for file in (ROOT / folder).glob("*/__init__.py")}
    assert set(re.findall(r"`([\w/]+)`", " ".join(firsts))) == modules | packages


def variables_read() -> Iterator[str]:
    """Yield the variables of ours that the code names, outside of texts; `HCA_<NAME>_URL` is made of parts."""
    for file in CODE:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if re.fullmatch(r"_?HCA_[A-Z_]*[A-Z]", node.value):
                    yield node.value
                elif re.fullmatch(r"HCA_[A-Z]+_[A-Z_]*_", node.value):
                    yield f"{node.value}*"


def test_every_variable_is_told_and_no_other() -> None:
    told = set(
        re.findall(r"`(_?HCA_[A-Z_]+\*?)`", re.sub(r"(?s)^.*?\n## Environment", "", text_of("configuration.md")))
    )
    assert set(variables_read()) | {"HCA_DSS_URL"} == told
    assert "`HCA_<NAME>_URL`" in text_of("configuration.md")


def test_every_http_setting_is_told_with_its_default() -> None:
    told = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", text_of("configuration.md"), re.MULTILINE)
    assert {name: float(value) for name, value in told} == {
        name: float(value) for name, value in Policy()._asdict().items()
    }


def test_every_setting_of_a_store_is_told_with_its_default() -> None:
    from hca_local.settings import Settings

    told = re.findall(r"\| `(\w+)` \| (\d+|the last one|none|all|new)", text_of("guide-own-store.md"))
    chosen = dict.fromkeys(("port", "s3_port", "shock_port", "azul_port", "service_ports"), "the last one")
    chosen |= dict.fromkeys(("s3_endpoint", "shock_paths"), "none")
    expected = [(one.name, chosen.get(one.name, str(one.default))) for one in fields(Settings)]
    assert sorted(told) == sorted(expected)


def test_our_plugins_use_what_is_public_and_nothing_else() -> None:
    public = set(re.findall(r"`(\w+)`", text_of("plugins.md").partition("## What is public")[2]))
    used: dict[str, str] = {}
    for file in (ROOT / "plugins").glob("*/hca_*/**/*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "hca_core":
                used |= {alias.name: file.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hca_core."):
                used[(node.module or "").split(".")[1]] = file.name
    assert {name: file for name, file in used.items() if name not in public} == {}


def unrun_commands() -> Iterator[str]:
    """Yield the `hca dss` commands of the blocks that are not run, each as one line of words."""
    for page in sorted(DOCS.glob("*.md")):
        for _, settings, block in FENCE.findall(page.read_text(encoding="utf-8")):
            if settings.strip() != "bash no-run":
                continue
            for found in re.findall(r"hca dss (?:\\\n|[^\n'|)]|'[^']*')*", block):
                yield found.replace("\\\n", " ")


@pytest.mark.parametrize("command", list(unrun_commands()), ids=lambda command: " ".join(command.split()[:3]))
def test_examples_that_are_not_run_are_at_least_put_right(
    command: str, dss: LoopbackService, hca: Callable[..., Outcome]
) -> None:
    Path("more.json").write_text("[]")
    outcome = hca(*shlex.split(command)[1:])
    # A service that knows the operations and has nothing: whatever is wrong with the command itself comes first.
    assert outcome.exit_status in (ExitStatus.LOGIN, ExitStatus.NOT_FOUND), outcome.stderr


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_python_that_is_not_run_is_python(page: Path) -> None:
    for _, settings, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if settings.strip() == "python no-run":
            compile(block, str(page), "exec")
