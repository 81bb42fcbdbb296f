"""Every command, option and Python name of the old client is told in docs/migrating.md, and is what it says there.

`old_commands.txt` has the commands of the old client (8.0), each with its options.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import Outcome

PAGE = Path(__file__).resolve().parents[2] / "docs" / "migrating.md"
OLD = [line.split() for line in Path(__file__).with_name("old_commands.txt").read_text(encoding="utf-8").splitlines()]
OLD_COMMANDS = {
    " ".join(word for word in words if word[0] != "-"): [word for word in words if word[0] == "-"] for words in OLD
}
# It shows one resource type, and no server answers it in pages.
DROPPED = {"hca auth get-v1-resource": {"--no-paginate"}}
ADDED_AGAIN = {"hca dss refresh-swagger"}


def rows(title: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the tables below a heading, without head and line."""
    section = re.split(r"(?m)^#+ ", PAGE.read_text(encoding="utf-8").partition(f"# {title}\n")[2])[0]
    assert section, title
    for line in section.splitlines():
        if line.startswith("|") and not line.startswith(("|---", "| old ")):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def told_commands() -> set[str]:
    told = set()
    for group in ("`hca`", "`hca dss`", "`hca upload`", "`hca auth`"):
        for first, *_ in rows(group):
            for name in re.findall(r"`([^`]+)`", first):
                told.add(name if name.startswith("hca") else f"hca auth {name}")
    return told


def test_the_list_is_that_of_the_old_client() -> None:
    assert len(OLD_COMMANDS) == 99
    assert {"--bundle-uuid", "--num-retries"} <= set(OLD_COMMANDS["hca dss download"])


def test_every_old_command_is_told_and_no_other() -> None:
    assert told_commands() - ADDED_AGAIN == OLD_COMMANDS.keys()


@pytest.mark.parametrize("command", sorted({*OLD_COMMANDS, *ADDED_AGAIN}))
def test_the_new_form_of_every_old_command_knows_the_old_options(command: str, hca: Callable[..., Outcome]) -> None:
    words = command.split()[1:]
    outcome = hca(*words) if words[-1:] == ["help"] else hca(*words, "--help")
    assert outcome.exit_status == 0, outcome.stderr
    shown = set(re.findall(r"(?<![\w-])--?[\w-]+", outcome.stdout))
    assert set(OLD_COMMANDS.get(command, ())) - DROPPED.get(command, set()) <= shown


def found(name: str) -> bool:
    """Tell whether a dotted name can be imported, or is an attribute of what can."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            if not hasattr(thing, part):
                return False
            thing = getattr(thing, part)
        return True
    return False


def python_names() -> list[tuple[str, bool]]:
    return [
        (name, cells[1].startswith("the same"))
        for cells in rows("Python")
        for name in re.findall(r"`(hca\.[\w.]+)`", cells[0])
    ]


def test_the_table_of_python_names_is_read() -> None:
    assert len(python_names()) > 40
    assert found("hca.dss.DSSClient.download")
    assert not found("hca.dss.DSSClient.nothing")


@pytest.mark.parametrize(("name", "kept"), python_names())
def test_every_old_python_name_is_there_or_told_to_be_gone(name: str, kept: bool) -> None:
    assert found(name) is kept
