"""Prints the fault table: fault, how often it was tried, what came of it, what was lost.

python tests/transfer/fault_table.py [words for pytest]

It runs the tests that fill it. Lost is a file that is neither there, byte for byte, nor named with a sentence that says
why not, or a byte of a finished file that is wrong; "again" are bytes that came more than once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
MODULES = ("test_faults.py", "test_stories.py", "test_tls.py", "test_disks.py", "test_pieces.py", "test_kills.py")
HEADINGS = ("fault", "tried", "what came of it", "lost", "again")


def rows(lines: list[str]) -> list[tuple[str, ...]]:
    """Return a row for each fault, from the records of all tests that tried it."""
    merged: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        one = json.loads(line)
        sums = merged.setdefault((one["fault"], one["outcome"]), [0, 0, 0])
        for at, name in enumerate(("tried", "lost", "again")):
            sums[at] += one[name]
    return [
        (fault, str(tried), outcome, str(lost), f"{again:,} B")
        for (fault, outcome), (tried, lost, again) in merged.items()
    ]


def main() -> int:
    """Run the tests and print the table; return their exit status."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records")
        path.touch()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *sys.argv[1:]]
        status = subprocess.run(
            [*command, *(str(HERE / name) for name in MODULES)],
            env={**os.environ, "HCA_FAULT_TABLE": str(path)},
            stdout=sys.stderr,
        ).returncode
        table = [HEADINGS, *rows(path.read_text(encoding="utf-8").splitlines())]
    widths = [max(len(row[at]) for row in table) for at in range(len(HEADINGS))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"\n{sum(int(row[1]) for row in table[1:])} tries, {sum(int(row[3]) for row in table[1:])} lost")
    return status


if __name__ == "__main__":
    sys.exit(main())
