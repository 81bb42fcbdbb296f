"""What all benchmarks share: processes measured side by side, a table of what came out, goals beside it.

Times of one machine prove nothing, ratios within one run do: every round runs every case once, in turn, so that a busy
moment hits all of them, and the first round (cold caches, compilation) is dropped.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Case:
    """A command to measure; `peer` names the case it is compared with, `goal` the largest ratio that is good enough.

    `items` is how many things it works on; `goal_us` is how many microseconds one may take, `goal_mb` how many
    megabytes of memory all may.
    """

    name: str
    command: Sequence[str]
    peer: str = ""
    goal: float | None = None
    expected: str = ""  # what its output must hold, or the measurement is worth nothing
    reached: Callable[[], float] | None = None  # gives the moment (perf_counter) it is measured to; None: its end
    items: int = 0
    goal_us: float | None = None
    goal_mb: float | None = None


@dataclass
class Samples:
    """What the runs of one case took: seconds on the clock, seconds of all processors, bytes of memory at most."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


@contextmanager
def clean_environment(**settings: str) -> Iterator[dict[str, str]]:
    """Give an environment with a home of its own, and with bytecode: else the compiler is measured."""
    with tempfile.TemporaryDirectory(prefix="hca-benchmark-") as home:
        foreign = ("HCA_", "XDG_", "PYTHON", "COVERAGE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        yield {**kept, "HOME": home, **settings}


def compile_sources() -> None:
    """Compile our own packages, which are installed editable, as an installer would have."""
    for folder in ("hca_core", "hca", "plugins"):
        compileall.compile_dir(ROOT / folder, quiet=2)


def run_once(case: Case, environment: dict[str, str], samples: Samples | None) -> None:
    """Run a case once; keep what it took in `samples`. Raises RuntimeError if its result is wrong."""
    started = time.perf_counter()
    process = subprocess.Popen(case.command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    try:
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    wall = (case.reached() if case.reached else time.perf_counter()) - started
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or case.expected.encode() not in output:
        raise RuntimeError(f"{case.name} ended with {process.returncode}:\n{output.decode(errors='replace')[-2000:]}")
    if samples is not None:
        samples.wall.append(wall)
        samples.cpu.append(usage.ru_utime + usage.ru_stime)
        samples.memory.append(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def measure(cases: Sequence[Case], rounds: int, environment: dict[str, str]) -> dict[str, Samples]:
    """Run every case once a round, in turn, `rounds` times after a first one that does not count."""
    taken = {case.name: Samples() for case in cases}
    for number in range(rounds + 1):
        for case in cases:
            run_once(case, environment, taken[case.name] if number else None)
    return taken


def rows(cases: Sequence[Case], taken: dict[str, Samples]) -> list[dict[str, Any]]:
    """Return a row for each case; `ratio` is that of the medians of ours and its peer, `goal` the largest good one."""
    listed = []
    for case in cases:
        samples = taken[case.name]
        row: dict[str, Any] = {
            "case": case.name,
            "median_ms": round(statistics.median(samples.wall) * 1000, 1),
            "min_ms": round(min(samples.wall) * 1000, 1),
            "max_ms": round(max(samples.wall) * 1000, 1),
            "cpu_s": round(statistics.median(samples.cpu), 3),
            "memory_mb": round(statistics.median(samples.memory) / 1e6, 1),
        }
        met = []
        if case.items:
            row["us_each"] = round(statistics.median(samples.wall) / case.items * 1e6, 1)
        if case.peer:
            row["peer"] = case.peer
            row["ratio"] = round(statistics.median(samples.wall) / statistics.median(taken[case.peer].wall), 3)
            row["ratio_of_minima"] = round(min(samples.wall) / min(taken[case.peer].wall), 3)
        for goal, reached in (("goal", "ratio"), ("goal_us", "us_each"), ("goal_mb", "memory_mb")):
            if (most := getattr(case, goal)) is not None:
                row[goal] = round(most, 3)
                met.append(row[reached] <= most)
        if met:
            row["met"] = all(met)
        listed.append(row)
    return listed


def show(listed: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as a table, or as JSON."""
    if as_json:
        print(json.dumps(listed, indent=2))
        return
    names = list(dict.fromkeys(name for row in listed for name in row))
    cells = [names, *([_text(row.get(name)) for name in names] for row in listed)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _text(value: Any) -> str:
    if value is None:
        return ""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def arguments(description: str | None, rounds: int) -> argparse.Namespace:
    """Read the command line that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"rounds that count (default: {rounds})")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()
