"""The examples of the documentation are run as they are printed, page by page, on an embedded deployment.

Blocks of a page run in their order, in one shell and one Python session, in one directory, with a home of their own:

    ```bash                a script; every command must succeed
    ```bash no-run         not run; the text around it says why
    ```python              Python, in the namespace of the blocks before it
    ```console             commands after "$ " with their output; "..." stands for lines, or for a part of one
    ```output              what the block before it writes to stdout
    ```LANGUAGE file=PATH  the content of a file, which is written

Of a table with the columns `curl` and `hca shock` every row is run: first what is in its first cell, then what is in
its second one. Where both write bytes of a file (`cat`, `slice`) they must write the same.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from stores import copy_store

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BIN = Path(sys.executable).parent
LANGUAGES = {"bash", "console", "output", "pairs", "python"}
SECONDS = 240
PROGRAMS = ("jq", "curl", "bzip2")  # pages that use them are run where they are installed
PAIRS = "| curl | `hca shock` |"  # how a table of commands and their equivalents begins

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the examples are for a POSIX shell")

PRELUDE = """
set -E -o pipefail
__here={docs}
__fail() {{
    code=$?
    [ "$code" = 141 ] && return  # what `| head` does to who writes to it
    echo "exit status $code of: $BASH_COMMAND" >&2
    exit 1
}}
__python() {{
    [ -n "${{__PY_PID-}}" ] || coproc __PY {{ exec {python} -u {session}; }} 2>> "$__here/python.err"
    env -0 > "$__here/environment"
    printf '%s\\t%s\\t%s\\t%s\\n' "$PWD" "$__here/environment" "$1" "$2" >&"${{__PY[1]}}"
    read -r __answer <&"${{__PY[0]}}" || __answer=ended
    [ "$__answer" = "done" ] || {{ cat "$__here/python.err" >&2; false; }}
}}
"""


@dataclass(frozen=True)
class Block:
    """One fenced block: where its text begins, its language, the rest of the fence's line, its text."""

    line: int
    language: str
    settings: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    found = []
    lines = page.read_text(encoding="utf-8").splitlines()
    position = 0
    while position < len(lines):
        if lines[position].startswith(PAIRS):
            start = position + 2  # below the line under the head
            position = next((at for at in range(start, len(lines)) if not lines[at].startswith("|")), len(lines))
            found.append(Block(start + 1, "pairs", "", "\n".join(lines[start:position]) + "\n"))
            continue
        fence = re.match(r"(\s*)(`{3,})(\S*)\s*(.*)$", lines[position])
        position += 1
        if not fence:
            continue
        start, (indent, ticks, language, settings) = position, fence.groups()
        while lines[position].strip() != ticks:
            position += 1
        text = "\n".join(line.removeprefix(indent) for line in lines[start:position])
        found.append(Block(start + 1, language, settings.strip(), text + "\n"))
        position += 1
    return found


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """Return the commands of a console block, each with the lines that it must write."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
        else:
            assert found, f"line {block.line}: a console block begins with '$ '"
            found[-1][1].append(line)
    return found


def pairs(block: Block) -> list[tuple[int, list[str], list[str]]]:
    """Return the rows of a table of commands that can be run here: line, commands on the left, and on the right."""
    found = []
    for number, row in enumerate(block.text.splitlines()):
        cells = [cell.replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        left, right = (re.findall(r"`([^`]+)`", cell) for cell in cells[:2])
        if shutil.which("samtools") or "bai" not in row:
            found.append((block.line + number, left, right))
    return found


def matches(expected: list[str], actual: list[str]) -> bool:
    """Tell whether lines are as expected; "..." stands for any number of lines, and for any part of a line."""
    patterns = []
    for line in expected:
        if line.strip() == "...":
            patterns.append(r"(?:.*\n)*?")
        else:
            patterns.append(".*?".join(re.escape(part) for part in line.rstrip().split("...")) + r"[ \t]*\n")
    return re.fullmatch("".join(patterns), "".join(line + "\n" for line in actual)) is not None


def examples(page: Path) -> list[Block]:
    """Return the blocks of a page that are run, or written as files."""
    shown = [block for block in blocks(page) if "no-run" not in block.settings]
    return [block for block in shown if block.language in LANGUAGES or written_file(block)]


def written_file(block: Block) -> str | None:
    """Return the path of the file that a block shows, None if it shows none."""
    found = re.search(r"\bfile=(\S+)", block.settings)
    return found.group(1) if found else None


def script(listed: list[Block], docs: Path) -> str:
    """Return the shell script that runs the blocks of a page; outputs go to files in `docs`, named by line."""
    parts = [
        PRELUDE.format(docs=docs, python=shlex.quote(sys.executable), session=Path(__file__).with_name("session.py"))
    ]
    for block in listed:
        place = docs / str(block.line)
        file = written_file(block)
        parts.append(f"echo {block.line} > {docs}/step")
        if file:
            place.write_text(block.text, encoding="utf-8")
            parts.append(f"mkdir -p {shlex.quote(os.path.dirname(file) or '.')}; cp {place} {shlex.quote(file)}")
        elif block.language == "bash":
            parts.append(f"trap __fail ERR\n{{\n{block.text}\n}} > {place}.out 2> {place}.err\ntrap - ERR")
        elif block.language == "python":
            Path(f"{place}.py").write_text(block.text, encoding="utf-8")
            parts.append(f"trap __fail ERR\n__python {place}.py {place}.out 2> {place}.err\ntrap - ERR")
        elif block.language == "console":
            parts.append("__status=0")
            for number, (command, _) in enumerate(commands(block)):
                parts.append(f"{{\n(exit $__status)\n{command}\n}} > {place}.{number} 2>&1\n__status=$?")
        elif block.language == "pairs":
            for line, *sides in pairs(block):
                parts += [f"echo {line} > {docs}/step", "trap __fail ERR"]
                for side, given in zip(("left", "right"), sides, strict=True):
                    text = "\n".join(given)
                    parts.append(f"{{\n:\n{text}\n}} > {docs}/{line}.{side} 2>> {docs}/{line}.err")
                parts.append("trap - ERR")
    return "\n".join([*parts, f"echo done > {docs}/step"]) + "\n"


def problems(listed: list[Block], docs: Path) -> list[str]:
    """Return where the outputs of a page's run are not what the page shows."""
    found = []
    before = None
    for block in listed:
        if block.language == "output":
            assert before is not None, f"line {block.line}: an output without a block before it"
            found += _difference(block.line, block.text.splitlines(), docs / f"{before.line}.out")
        elif block.language == "console":
            for number, (command, expected) in enumerate(commands(block)):
                found += _difference(block.line, expected, docs / f"{block.line}.{number}", f"$ {command}\n")
        elif block.language == "pairs":
            for line, left, right in pairs(block):
                if left and re.match(r"hca shock (cat|slice)\b(?!.* -o )", right[-1]):
                    one, other = (Path(f"{docs}/{line}.{side}").read_bytes() for side in ("left", "right"))
                    found += [] if one == other else [f"line {line}: {one[:200]!r} is not {other[:200]!r}"]
        before = block
    return found


def _difference(line: int, expected: list[str], file: Path, command: str = "") -> list[str]:
    actual = file.read_text(encoding="utf-8").splitlines()
    if matches(expected, actual):
        return []
    return [f"line {line}: {command}expected:\n" + "\n".join(expected) + "\nbut it is:\n" + "\n".join(actual)]


@pytest.fixture(scope="session")
def deployment(sample_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One deployment for all pages that do not start their own; the data directory, for `hca local env`."""
    from hca_local import launch

    data = tmp_path_factory.mktemp("docs") / "data"
    copy_store(sample_store, data)
    with launch.private(data) as launched:
        yield str(launched.directory.root)


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a reader who has just installed `hca`."""
    for name in ("config", "cache", "data", "state"):
        (home / name).mkdir(parents=True)
    return {
        "HOME": str(home),
        "USER": "reader",
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "PATH": f"{BIN}{os.pathsep}/usr/local/bin:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def run_page(listed: list[Block], folder: Path, deployment: str | None, **variables: str) -> None:
    """Run the blocks of a page below `folder` and fail the test where they fail or write something else."""
    docs, work = folder / "docs", folder / "work"
    for made in (docs, work):
        made.mkdir()
    settings = environment(folder / "home") | variables
    text = script(listed, docs)
    if deployment:
        text = f'eval "$(hca local env --data {shlex.quote(deployment)})"\n{text}'
    (docs / "page.sh").write_text(text, encoding="utf-8")
    try:
        with open(docs / "page.out", "wb") as output:
            process = subprocess.run(
                ["bash", docs / "page.sh"],
                cwd=work,
                env=settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
    finally:
        for state in folder.rglob("state.json"):  # a deployment that a page started and, failing, did not end
            subprocess.run(["hca", "local", "down", "--data", state.parent], env=settings, check=False, timeout=120)
    step = (docs / "step").read_text().strip() if (docs / "step").exists() else "0"
    if process.returncode or step != "done":
        told = [docs / "page.out", *(docs / f"{step}.{part}" for part in ("out", "left", "right", "err"))]
        texts = [file.read_text(encoding="utf-8", errors="replace")[-4000:] for file in told if file.exists()]
        pytest.fail(f"the block at line {step} fails\n" + "\n".join(texts), pytrace=False)
    if found := problems(listed, docs):
        pytest.fail("\n\n".join(found), pytrace=False)


def installed_from(listed: list[Block], folder: Path) -> str:
    """Install the plugin whose files the blocks show, below `folder`, with pip; the place for PYTHONPATH."""
    source, target = folder / "source", folder / "installed"
    for block in listed:
        if file := written_file(block):
            path = source / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
    (project,) = source.glob("*/pyproject.toml")
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--no-compile", "--target", target]
    command = [sys.executable, "-m", "pip", "install", *map(str, options), str(project.parent)]
    subprocess.run(command, env=environment(folder / "installer"), check=True, timeout=SECONDS)
    return str(target)


def check_page(page: Path, folder: Path, deployment: str) -> None:
    """Run the examples of a page below `folder`; fail the test where they do not do what the page says."""
    listed = examples(page)
    if not listed:
        return
    code = "\n".join(block.text for block in listed)
    starts_its_own = re.search(r"hca local (up|serve)", code)  # `run` is for its command only
    needs_service = re.search(r"hca (dss|auth)|(DSS|Auth)Client\(", code) and not starts_its_own
    variables = {}
    if any(Path(written_file(block) or "").name == "pyproject.toml" for block in listed):
        variables["PYTHONPATH"] = installed_from(listed, folder)
    run_page(listed, folder, deployment if needs_service else None, **variables)


@pytest.fixture(scope="session")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, deployment: str
) -> Iterator[dict[Path, Future[None]]]:
    """The runs of all chosen pages, two at a time, the longest first."""
    name = test_every_example_runs_as_printed.__name__
    chosen = [item.callspec.params["page"] for item in request.session.items if item.originalname == name]  # type: ignore[attr-defined]
    chosen.sort(key=lambda page: -sum(block.text.count("hca ") for block in examples(page)))
    with ThreadPoolExecutor(2) as pool:
        yield {page: pool.submit(check_page, page, tmp_path_factory.mktemp(page.stem), deployment) for page in chosen}


@pytest.mark.timeout(900)  # the first one waits for others; each page has its own limit
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_runs_as_printed(page: Path, runs: dict[Path, Future[None]]) -> None:
    code = "\n".join(block.text for block in examples(page))
    missing = [name for name in PROGRAMS if re.search(rf"\b{name} ", code) and not shutil.which(name)]
    if missing:
        pytest.skip(f"the page uses what is not installed: {', '.join(missing)}")
    runs[page].result()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Path) -> None:
    known = LANGUAGES | {"text", "json", "toml", "tsv", "ini"}
    strange = [f"line {block.line}: {block.language!r}" for block in blocks(page) if block.language not in known]
    assert not strange
    for block in blocks(page) if page.parent.name == "docs" else []:
        if "no-run" in block.settings:
            before = page.read_text(encoding="utf-8").splitlines()[: block.line - 2]
            assert any("not run" in line.lower() for line in before[-12:]), (
                f"line {block.line}: the text must say why not run"
            )


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (["a", "..."], ["a"], True),
        (["a", "...", "b"], ["a", "x", "y", "b"], True),
        (["a", "...", "b"], ["a", "x", "y", "c"], False),
        (["up since ... ago"], ["up since 3 s ago"], True),
        (["a"], ["a", "b"], False),
        ([], ["a"], False),
    ],
)
def test_dots_stand_for_lines_and_for_parts_of_lines(expected: list[str], actual: list[str], same: bool) -> None:
    assert matches(expected, actual) is same


def test_a_failing_example_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\ntrue\nfalse\ntrue\n```\n")
    with pytest.raises(pytest.fail.Exception, match="line 2 fails"):
        run_page(blocks(page), tmp_path, None)


def test_a_wrong_output_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nx = 1\n```\n```python\nprint(x)\n```\n```output\n2\n```\n```console\n$ echo a\nb\n```\n"
    )
    with pytest.raises(pytest.fail.Exception, match=r"(?s)line 8: expected:\n2.*line 11: \$ echo a"):
        run_page(blocks(page), tmp_path, None)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("| `x=1` `false` | `true` |", "line 6 fails"),
        ("| `true` | `false` | a note with `true` |", "line 6 fails"),
        ("| `echo a \\| tr a b` | `hca shock slice b` | |", "line 6: b'b\\\\n' is not b'slice b\\\\n'"),
    ],
)
def test_a_failing_row_of_a_table_is_found(tmp_path: Path, row: str, told: str) -> None:
    page = tmp_path / "page.md"
    function = """```bash\nhca() { echo "${@:2}"; }\n```\n"""
    page.write_text(f"{function}{PAIRS}\n|---|---|\n{row}\n| `echo slice c` | `hca shock slice c` |\n")
    with pytest.raises(pytest.fail.Exception, match=told):
        run_page(blocks(page), tmp_path, None)
