"""`hca auth` as a plugin: what it costs, what it completes, what `hca plugins` says of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = "import sys; from hca_core.main import run; run(sys.argv[1:]); sys.stderr.write(' '.join(sys.modules))"
GROUP = {"hca_auth", "hca_auth.cli", "hca_auth.plugin"}


@pytest.mark.parametrize("words", [["auth", "--help"], ["auth", "put-v1-user-policy", "--help"]])
def test_help_loads_the_group_and_nothing_of_its_work(words):
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=True)
    modules = set(done.stderr.split())
    ours = {one for one in modules if one.partition(".")[0].startswith("hca_") and not one.startswith("hca_core")}
    assert ours == GROUP
    assert not modules & {
        "requests",
        "stevedore",
        "importlib.metadata",
        "logging",
        "ssl",
        "keyring",
        "cryptography",
        "jwt",
    }


def test_completion_knows_the_verbs_and_their_options(hca):
    env = {"_HCA_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
    assert "plain,get-jwks.json" in hca(env={**env, "COMP_WORDS": "hca auth get-j"}).stdout
    env["COMP_CWORD"] = "3"
    assert "--status" in hca(env={**env, "COMP_WORDS": "hca auth put-v1-user --s"}).stdout


def test_the_plugin_is_listed_and_whole(hca):
    outcome = hca("plugins", "--check", "--output", "json")
    assert outcome.exit_status == 0
    states = {one["command"]: (one["distribution"], one["state"]) for one in outcome.json()}
    assert states["auth"] == ("hca-plugin-auth", "ok")


@pytest.mark.parametrize("typed", ["get-v1-user-group", "put-v1-users", "jwks", "get-jwks-json"])
def test_what_was_misspelt_is_answered_with_what_there_is(hca, auth, typed):
    outcome = hca("auth", typed)
    assert (outcome.exit_status, auth.requests) == (2, [])
    assert f"No such command '{typed}'" in outcome.stderr


def test_the_near_verb_is_named(hca):
    assert "hca auth get-v1-user-groups" in hca("auth", "get-v1-user-group").stderr
    assert "hca auth get-jwks.json" in hca("auth", "get-jwks-json").stderr
