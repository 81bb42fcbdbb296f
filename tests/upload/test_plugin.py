"""The plugin as it is installed: its import paths, and what its help pages load."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PROBE = """
import sys
known = set(sys.modules)
from hca_core.main import run
status = run(sys.argv[1:])
sys.stderr.write("LOADED " + " ".join(sorted(set(sys.modules) - known)))
sys.exit(status)
"""
HEAVY = {
    "asyncio",
    "boto3",
    "botocore",
    "google_crc32c",
    "logging",
    "puremagic",
    "requests",
    "ssl",
    "stevedore",
    "urllib3",
}


def loaded(*words: str) -> set[str]:
    """Return the modules that `hca` + `words` loads."""
    command = [sys.executable, "-c", PROBE, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stderr.rpartition("LOADED ")[2].split())


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.startswith("hca_upload")}


GROUP = {"hca_upload", "hca_upload.cli", "hca_upload.plugin"}


@pytest.mark.parametrize("words", [["--help"], ["help"], ["files", "--help"], ["help", "list"]])
def test_help_loads_nothing_of_the_work(words):
    modules = loaded("upload", *words)
    assert ours(modules) == GROUP
    assert modules & HEAVY == set()


def test_help_of_a_verb_for_administrators():
    modules = loaded("upload", "create", "--help")
    assert ours(modules) == GROUP | {"hca_upload.administration", "hca_upload.administration.cli"}
    assert modules & HEAVY == set()


def test_verbs_on_the_choice_of_areas_load_no_library_of_the_network(hca):
    uri = "s3://a-dev/aaaaaaaa-1111-2222-3333-444444444444/"
    for words in (["select", uri], ["areas"], ["select", "a"], ["forget", "a"]):
        modules = loaded("upload", *words)
        assert modules & {"asyncio", "boto3", "botocore", "google_crc32c", "puremagic", "requests", "urllib3"} == set()


def test_the_published_import_paths():
    """UC-023."""
    for path, names in {
        "hca.upload": ("UploadArea", "UploadAreaURI", "UploadConfig", "UploadException", "UploadService"),
        "hca.upload.lib.api_client": ("ApiClient", "UploadApiException"),
    }.items():
        module = importlib.import_module(path)
        assert set(module.__all__) == set(names)
        assert all(getattr(module, name).__name__ == name for name in names)


def test_the_published_import_path_loads_no_library_of_the_network():
    code = "import sys, hca.upload; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"boto3", "botocore", "puremagic", "requests", "urllib3", "click"} == set()


def test_the_state_of_logins_is_told_as_without_the_plugin(hca):
    """The service takes no tokens: it is no row of that page, and no warning."""
    outcome = hca("auth", "status", "--output", "json")
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    assert "upload" not in {row["service"] for row in outcome.json()}


def test_the_plugin_is_listed_and_can_be_used(hca):
    rows = {row["command"]: row["state"] for row in hca("plugins", "--check", "--output", "json").json()}
    assert rows["upload"] == "ok"


def test_settings_are_listed_without_their_secrets(hca):
    assert hca("config", "set", "upload.api_keys.local", "the-secret-key").exit_status == 0
    text = hca("config", "list", "--output", "json").stdout
    assert "upload.bucket_name_template" in text
    assert "the-secret-key" not in text
