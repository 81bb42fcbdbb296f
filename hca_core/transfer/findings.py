"""What a check of downloaded files found, and the file of checksums that other programs check them with."""

from __future__ import annotations

import os
from typing import IO, Any, ClassVar

from hca_core.errors import IntegrityError
from hca_core.transfer.report import counted

MOST_LISTED = 10_000  # problems that are kept; all are counted
_ESCAPED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}  # as GNU coreutils do


class Findings:
    """What plugins' own dataclasses of findings have in common: these fields, beside others, in any order.

    `hint` is what to do about files that are wrong.
    """

    directory: str
    wrong_files: int
    wrong: list[dict[str, str]]
    hint: ClassVar[str] = "delete what is wrong, then run the download again"

    def note(self, name: str, problem: str) -> None:
        """Note that something is wrong."""
        self.wrong_files += 1
        if len(self.wrong) < MOST_LISTED:
            self.wrong.append({"file": name, "problem": problem})

    def document(self) -> dict[str, Any]:
        """Return it as a document."""
        return {**vars(self), "directory": self.directory or "."}

    def raise_if_wrong(self) -> None:
        """Raise IntegrityError if something is wrong."""
        if self.wrong_files:
            count = counted(self.wrong_files, "file")
            raise IntegrityError(
                f"{count} below {self.directory or '.'} {'is' if self.wrong_files == 1 else 'are'} not as it should be",
                hint=self.hint,
            )


def add_sum(stream: IO[bytes], path: str, sha256: str, directory: str) -> None:
    """Write the line of a file as `sha256sum` does, with its name as seen from `directory`.

    A name with a backslash or a line's end is escaped, and its line begins with one.
    """
    name = os.path.relpath(path, directory or ".")
    escaped = "".join(_ESCAPED.get(character, character) for character in name)
    stream.write(os.fsencode(f"{'' if escaped == name else chr(92)}{sha256}  {escaped}\n"))
