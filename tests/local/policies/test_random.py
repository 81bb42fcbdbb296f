"""What must hold for every policy and every request, tried with many that are made at random."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from hca_local.policies import wildcards
from hca_local.policies.context import context_of
from hca_local.policies.documents import Policy, identity_policy
from hca_local.policies.evaluation import ALLOWED, EXPLICIT_DENY, IMPLICIT_DENY, Request, Source, evaluate
from hca_local.policies.operators import OPERATORS

ROUNDS = 600
SEEDS = [1, 2, 3]
SERVICES, VERBS = ["s", "t", "*", "?"], ["Get", "Put", "G*", "*", "?et", "*t"]
RESOURCES = ["*", "arn:p:s:*:x", "arn:p:s:r:a:x", "arn:p:s:r:a:${who}", "arn:p:s:r:a:${nobody}/*", "arn:p:s:r:a:?"]
VALUES: dict[str, list[Any]] = {
    "String": ["x", "y", "${who}", "${nobody}", "x*", ""],
    "Numeri": ["1", 2, "3.5"],
    "Date": ["2020-01-01", "0"],
    "Bool": ["true", False],
    "Ip": ["10.0.0.0/8", "::1"],
    "NotIp": ["10.0.0.0/8", "::1"],
    "Arn": ["arn:p:s:r:a:x", "arn:*:*:*:*:${who}"],
}
GIVEN: list[Any] = ["x", "", "1", "2020-01-01", "true", "10.0.0.1", "arn:p:s:r:a:x", ["x", "y"], [], "\ud800", "é" * 9]


def some(chance: random.Random, values: list[Any]) -> Any:
    """Return one value or a list of some."""
    return chance.choice(values) if chance.random() < 0.6 else chance.choices(values, k=chance.randint(1, 3))


def statement(chance: random.Random, effect: str = "") -> dict[str, Any]:
    """Return a statement that is valid."""
    found: dict[str, Any] = {"Effect": effect or chance.choice(["Allow", "Deny"])}
    actions = [f"{chance.choice(SERVICES)}:{verb}" for verb in VERBS] + ["*"]
    found[chance.choice(["Action", "Action", "NotAction"])] = some(chance, actions)
    found[chance.choice(["Resource", "Resource", "NotResource"])] = some(chance, RESOURCES)
    if chance.random() < 0.5:
        name = chance.choice([*OPERATORS, "Null"])
        values = next((value for prefix, value in VALUES.items() if name.startswith(prefix)), ["true", "false"])
        if name != "Null":
            name = f"{chance.choice(['', '', 'ForAnyValue:', 'ForAllValues:'])}{name}{chance.choice(['', 'IfExists'])}"
        found["Condition"] = {name: {chance.choice(["k", "who", "K2"]): some(chance, values)}}
    return found


def policy(statements: list[dict[str, Any]]) -> Policy:
    """Return the policy of some statements."""
    return identity_policy({"Statement": statements})


def request(chance: random.Random) -> Request:
    """Return a request."""
    context = {key: chance.choice(GIVEN) for key in ("k", "who", "k2") if chance.random() < 0.7}
    action, resource = (
        chance.choice(["s:Get", "t:Put", "S:PUT"]),
        chance.choice(["arn:p:s:r:a:x", "arn:p:s:r:a:y/z", ""]),
    )
    return Request(action, resource, context_of(context))


def outcome(statements: list[dict[str, Any]], asked: Request) -> str:
    """Return what is decided by one policy of `statements`, by none if there is no statement."""
    return evaluate([Source("it", "user", policy(statements))] if statements else [], asked).outcome


@pytest.mark.parametrize("seed", SEEDS)
def test_rules_of_the_order(seed):
    """Nothing but the effects counts: an Allow never takes, a Deny that matches always does, no order matters."""
    chance = random.Random(seed)
    seen = set()
    for _ in range(ROUNDS):
        statements = [statement(chance) for _ in range(chance.randint(0, 4))]
        asked = request(chance)
        before = outcome(statements, asked)
        seen.add(before)
        added = statement(chance, "Allow")
        after = outcome([*statements, added], asked)
        assert after == before or (before, after) == (IMPLICIT_DENY, ALLOWED), (statements, added, asked)
        everything = {"Effect": "Deny", "Action": asked.action, "Resource": "*"}
        assert outcome([*statements, everything], asked) == EXPLICIT_DENY
        denying = {**added, "Effect": "Deny"}
        if outcome([added], asked) == ALLOWED:
            assert outcome([*statements, denying], asked) == EXPLICIT_DENY
        else:
            assert outcome([*statements, denying], asked) == before
        chance.shuffle(statements)
        assert outcome(statements, asked) == before
        apart = [Source(str(number), "user", policy([one])) for number, one in enumerate(statements)]
        assert evaluate(apart, asked).outcome == before
    assert seen == {ALLOWED, IMPLICIT_DENY, EXPLICIT_DENY}, "the random policies try too little"


def reference(pattern: str, text: str) -> bool:
    """Tell whether `text` is as `pattern` says, by the table of all beginnings: slow, and plain to see."""
    row = [True] + [False] * len(text)
    for character in pattern:
        following = [row[0] and character == "*"]
        for place, given in enumerate(text):
            if character == "*":
                following.append(row[place + 1] or following[place])
            else:
                following.append(row[place] and character in ("?", given))
        row = following
    return row[-1]


@pytest.mark.parametrize("seed", SEEDS)
def test_wildcards_agree_with_the_reference(seed):
    """The quick matcher and the plain one say the same."""
    chance = random.Random(seed)
    results = set()
    for _ in range(20000):
        pattern = "".join(chance.choices("ab*?", k=chance.randint(0, 8)))
        text = "".join(chance.choices("ab", k=chance.randint(0, 9)))
        found = wildcards.filled(wildcards.template(pattern), {})
        assert found is not None
        result = wildcards.matches(found, text)
        assert result == reference(pattern, text), (pattern, text)
        results.add(result)
    assert results == {True, False}


@pytest.mark.parametrize(
    ("pattern", "text", "result"),
    [
        ("*a" * 5000, "a" * 10000, True),
        ("*a" * 5000 + "b", "a" * 10000, False),
        ("*a" * 5000, "b" * 10000, False),
        ("*" * 10000 + "b", "a" * 10000, False),
        ("*" + "?a" * 1000 + "b*", "a" * 10000, False),
        ("*?" * 5000, "a" * 5000, True),
        ("*?" * 5000, "a" * 4999, False),
    ],
)
def test_no_pattern_is_slow(pattern, text, result):
    """What would keep a matcher that tries everything busy for years is done within a second."""
    started = time.process_time()
    found = wildcards.filled(wildcards.template(pattern), {})
    assert found is not None
    assert wildcards.matches(found, text) is result
    assert time.process_time() - started < 1


def test_no_reading_is_slow():
    """What is as long as a policy may be is read within a second, even if it is made to be hard."""
    started = time.process_time()
    for text in "${" * 5000, "${a" + ":" * 10000 + "}", "$" * 10000, "${a,'" * 2000, "${ " + " " * 10000 + "'}":
        for read in (wildcards.template, OPERATORS["ArnLike"].read):
            try:
                read(f"arn:{text}")
            except ValueError:
                pass
    assert time.process_time() - started < 1
