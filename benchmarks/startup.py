"""How long `hca` takes to start, against what importing its libraries takes anyway.

    python benchmarks/startup.py [--rounds 15] [--json]

The service that `hca dss get-bundle` asks runs in this process and answers at once, with a bundle of one file.
The rows "with N more" have N plugins of third parties installed beside ours, the last of which is broken.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from common import BIN, ROOT, Case, arguments, clean_environment, compile_sources, measure, rows, show

asked: deque[float] = deque(maxlen=1)  # when the service was asked last
BUNDLE = {"bundle": {"uuid": "u", "version": "v", "files": [{"name": "f"}]}}


class Handler(BaseHTTPRequestHandler):
    """Answers every request with the description of the API or with the bundle."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer."""
        asked.append(time.perf_counter())
        document = self.server.description if self.path.endswith("swagger.json") else BUNDLE  # type: ignore[attr-defined]
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-OpenAPI-Paginated-Content-Key", "bundle.files")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def service() -> Iterator[str]:
    """Run the service and give its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    description = json.loads((ROOT / "plugins" / "dss" / "hca_dss" / "api.json").read_text())
    host = f"127.0.0.1:{server.server_port}"
    server.description = {**description, "host": host, "schemes": ["http"]}  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{host}/v1"
    finally:
        server.shutdown()
        server.server_close()


MORE = (5, 50)  # plugins of third parties
PLUGIN = """
import click
from hca_core import hookimpl

@click.command()
def {name}():
    "Do nothing."

@hookimpl
def hca_commands():
    return {{"{name}": {name}}}
"""


def install_plugins(folder: Path, number: int) -> Path:
    """Put `number` plugins into a new folder below `folder`, as pip does; return it. The last one can't be imported."""
    into = folder / str(number)
    for index in range(number):
        name = f"extra{index}"
        metadata = into / f"hca_plugin_{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: hca-plugin-{name}\nVersion: 1.0\nSummary: Do nothing.\n"
        )
        (metadata / "entry_points.txt").write_text(f"[hca.plugins]\n{name} = hca_{name}\n")
        broken = index == number - 1
        (into / f"hca_{name}.py").write_text("raise RuntimeError('broken')\n" if broken else PLUGIN.format(name=name))
    return into


def plugin_cases(folder: Path) -> list[Case]:
    """Return what a few commands take with more and more plugins, each against the same command with ours only."""
    hca = str(BIN / "hca")
    goals = {"hca --help": 1.2, "hca plugins": None, "hca dss --help": 1.1}
    found = [Case("hca plugins", [hca, "plugins"], expected="hca-plugin-dss")]
    for number in MORE:
        path = f"PYTHONPATH={install_plugins(folder, number)}"
        last = f"extra{number - 1}"
        for name, goal in goals.items():
            command = ["env", path, hca, *name.split()[1:]]
            expected = last if name != "hca dss --help" else "get-bundle"
            found.append(Case(f"{name}, with {number} more", command, name, goal, expected))
    return found


def cases(folder: Path) -> list[Case]:
    """Return our commands with their goals, then the peers; plugins are put into `folder`."""
    hca = str(BIN / "hca")
    click = "python -c 'import click'"
    requests = "python -c 'import requests'"
    get_bundle = [hca, "dss", "get-bundle", "--uuid", "u", "--replica", "aws"]
    return [
        Case("hca --help", [hca, "--help"], click, 1.3, "dss"),
        Case("hca --version", [hca, "--version"], click, 1.0, "hca "),
        Case("hca dss --help", [hca, "dss", "--help"], click, 1.5, "get-bundle"),
        Case("hca dss get-bundle, until it asks", get_bundle, requests, 1.3, '"uuid": "u"', lambda: asked[-1]),
        Case("hca dss get-bundle, all of it", get_bundle, requests, None, '"uuid": "u"'),
        *plugin_cases(folder),
        Case(click, [sys.executable, "-c", "import click"]),
        Case(requests, [sys.executable, "-c", "import requests"]),
        Case("python -c pass", [sys.executable, "-c", "pass"]),
    ]


def main() -> None:
    """Measure and print."""
    settings = arguments(__doc__, rounds=15)
    compile_sources()
    with (
        service() as url,
        clean_environment(HCA_DSS_URL=url) as environment,
        tempfile.TemporaryDirectory(prefix="hca-benchmark-") as folder,
    ):
        listed = cases(Path(folder))
        taken = measure(listed, max(settings.rounds, 2), environment)
    show(rows(listed, taken), as_json=settings.json)


if __name__ == "__main__":
    main()
