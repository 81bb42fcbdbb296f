"""Lists and policies on the command line (AC-001): every spelling arrives as the same JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "arn:hca:ü:*:*:${*}"}]}
# The command line before the list, and the name of the list.
LISTS = [
    (["post-v1-user", "--user-id", "u"], "groups"),  # AC-036
    (["post-v1-user", "--user-id", "u"], "roles"),  # AC-037
    (["put-v1-user-group", "--user-id", "u", "--action", "add"], "groups"),  # AC-055
    (["put-v1-user-role", "--user-id", "u", "--action", "remove"], "roles"),  # AC-063
    (["post-v1-group", "--group-id", "g"], "roles"),  # AC-074
    (["put-v1-group-role", "--group-id", "g", "--action", "add"], "roles"),  # AC-086
    (["put-v1-group-user", "--group-id", "g", "--action", "add"], "users"),  # AC-094
    (["post-v1-policies-evaluate", "--principal", "p", "--resource", "r"], "action"),  # AC-028
    (["post-v1-policies-evaluate", "--principal", "p", "--action", "a"], "resource"),
    (["post-v1-resource", "--resource-type-name", "t"], "actions"),
    (["put-v1-resource-action", "--resource-type-name", "t"], "actions"),
    (["delete-v1-resource-actions", "--resource-type-name", "t"], "actions"),
]
# The command line before the policy.
POLICIES = [
    ["post-v1-user", "--user-id", "u"],  # AC-038
    ["put-v1-user-policy", "--user-id", "u"],  # AC-066
    ["post-v1-group", "--group-id", "g"],  # AC-073
    ["put-v1-group-policy", "--group-id", "g"],  # AC-097
    ["post-v1-role", "--role-id", "r"],  # AC-103
    ["put-v1-role-policy", "--role-id", "r"],  # AC-110
    ["post-v1-resource-policy", "--resource-type-name", "t", "--policy-name", "p"],
    ["put-v1-resource-policy", "--resource-type-name", "t", "--policy-name", "p"],
]


@pytest.fixture
def body(hca, anything):
    """A function that runs a verb of `hca auth` and returns the document that it sent."""

    def run(*words, **settings):
        outcome = hca("auth", *words, **settings)
        assert (outcome.exit_status, outcome.stderr) == (0, "")
        return anything()[-1].json()

    return run


@pytest.mark.parametrize(("before", "name"), LISTS)
def test_a_list(body, before, name):
    Path("items.json").write_text(json.dumps(["a:B", "c@d.org"]))
    Path("items.txt").write_text("a:B\n\nc@d.org\n")
    flag = "--" + name
    spellings = [
        [flag, "a:B", "c@d.org"],
        [flag, "a:B", flag, "c@d.org"],
        [flag, '["a:B", "c@d.org"]'],
        [flag, "@items.json"],
        [flag, "@items.txt"],
        [flag + "=a:B", flag + "=c@d.org"],
    ]
    for spelling in spellings:
        assert body(*before, *spelling)[name] == ["a:B", "c@d.org"], spelling
        assert body(*before[:1], *spelling, *before[1:])[name] == ["a:B", "c@d.org"], spelling
    assert body(*before, flag, "-", input="a:B\nc@d.org\n")[name] == ["a:B", "c@d.org"]
    assert body(*before, flag, "one")[name] == ["one"]
    assert body(*before, flag, "[]")[name] == []


@pytest.mark.parametrize(("before", "name"), LISTS)
def test_a_list_that_was_forgotten(hca, auth, before, name):
    outcome = hca("auth", *before, "--" + name)
    assert (outcome.exit_status, auth.requests) == (2, [])
    assert "--" + name in outcome.stderr


@pytest.mark.parametrize("before", POLICIES)
def test_a_policy(body, before):
    Path("policy.json").write_text(json.dumps(POLICY, indent=2, ensure_ascii=False), encoding="utf-8")
    assert body(*before, "--policy", json.dumps(POLICY))["policy"] == POLICY
    assert body(*before, "--policy", "@policy.json")["policy"] == POLICY
    assert body(*before, "--policy", "-", input=json.dumps(POLICY))["policy"] == POLICY


@pytest.mark.parametrize("before", POLICIES)
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("{'Statement': []}", "not JSON at line 1, column 2"),
        ("[]", "must be a JSON object"),
        ('"x"', "must be a JSON object"),
        ("@nowhere.json", "can't read 'nowhere.json'"),
        ("", "not JSON at line 1, column 1"),
    ],
)
def test_what_is_no_policy_is_told(hca, auth, before, given, sentence):
    outcome = hca("auth", *before, "--policy", given)
    assert (outcome.exit_status, outcome.stdout, auth.requests) == (2, "", [])
    assert "'--policy'" in outcome.stderr
    assert sentence in outcome.stderr


@pytest.mark.parametrize("before", [words for words in POLICIES if words[0].startswith("put")])
def test_a_policy_may_be_left_out_and_the_service_answers(body, before):
    """AC-066, 097, 110, reading X-19."""
    assert body(*before) == {}


def test_members_are_a_list_that_is_the_body(body):
    ann = {"member": "ann@example.org", "member_type": "user", "access_level": "Reader"}
    Path("member.json").write_text(json.dumps([ann]))
    words = ["put-v1-resource-id-member", "--resource-type-name", "area", "--resource-id", "a", "--members"]
    assert body(*words, json.dumps(ann)) == [ann]
    assert body(*words, json.dumps([ann])) == [ann]
    assert body(*words, "@member.json") == [ann]
    assert body(*words, json.dumps(ann), json.dumps(ann)) == [ann, ann]


def test_members_are_objects(hca, auth):
    words = ["--resource-type-name", "area", "--resource-id", "a", "--members", '"ann"']
    outcome = hca("auth", "put-v1-resource-id-member", *words)
    assert (outcome.exit_status, auth.requests) == (2, [])
    assert "must be JSON objects" in outcome.stderr
