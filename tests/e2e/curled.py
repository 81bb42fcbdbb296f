"""Shock as curl sees it: requests and answers, for the tests of the service from outside."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waiting import until

USERS = {"alice": "alice-password", "bob": "bob-password", "root": "root-password"}
# What makes them users of a deployment.
OPTIONS = [f"--shock-user={name}:{word}{':admin' if name == 'root' else ''}" for name, word in USERS.items()]
FASTQ = b"@r1 first\nACGT\n+\nIIII\n@r2 second\nTTGA\n+\nIIII\n@r3 third\nGGCA\n+\nIIII\n"
TABLE = b"chr1\t10\nchr1\t20\nchr2\t5\nchrX\t7\n"
SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What curl got: the status, the headers by lower-case names, the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def envelope(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        """The data of an answer that is a success, in the header and in the body."""
        assert (self.status, self.envelope["status"], self.envelope["error"]) == (200, 200, None), self.body[:500]
        return self.envelope["data"]

    def refused(self, status: int, message: str = "") -> None:
        """Check that this is a refusal with a status and one message, which has `message` in it."""
        assert (self.status, self.envelope["status"], self.envelope["data"]) == (status, status, None), self.body[:500]
        (error,) = self.envelope["error"]
        assert message in error


class Shock:
    """A Shock server that is asked with curl."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, path: str, *words: str, user: str | None = "alice", method: str | None = None) -> Answer:
        """Ask for a path as `user` (None: without a login); `words` are further ones for curl."""
        login = ["--user", f"{user}:{USERS[user]}"] if user else []
        verb = ["-X", method] if method else []
        url = path if path.startswith("http") else f"{self.url}{path}"
        command = ["curl", "-s", "-S", "-i", "-g", "-H", "Expect:", *login, *verb, *words, url]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        pairs = (line.partition(":")[::2] for line in lines)
        return Answer(int(status.split()[1]), {name.lower(): value.strip() for name, value in pairs}, body)

    def make(self, *fields: str, user: str | None = "alice", content: bytes | None = None, name: str = "file") -> Any:
        """Make a node and return it: of form fields, and of a file if `content` is given."""
        words = [word for field in fields for word in ("-F", field)]
        if content is not None:
            Path(name).write_bytes(content)
            words += ["-F", f"upload=@{name}"]
        return self("/node", *words, user=user, method="POST").data

    def file(self, content: bytes = FASTQ, *fields: str, **more: Any) -> str:
        """Make a node with a file and return its id."""
        return str(self.make(*fields, content=content, **more)["id"])

    def edit(self, node: str, *fields: str, user: str | None = "alice") -> Answer:
        """Change a node by form fields."""
        return self(f"/node/{node}", *[word for field in fields for word in ("-F", field)], user=user, method="PUT")

    def get(self, node: str, query: str = "download_raw", **more: Any) -> bytes:
        """Download what `query` asks for."""
        answer = self(f"/node/{node}?{query}", **more)
        assert answer.status == 200, answer.body[:500]
        return answer.body

    def ready(self, node: str, index: str = "") -> Any:
        """Return a node when its file, and an index of it, are there."""

        def there() -> Any:
            shown = self(f"/node/{node}").data
            entry = shown["indexes"].get(index) if index else {"locked": None}
            return shown if not shown["file"]["locked"] and entry and not entry["locked"] else None

        return until(there)
