"""Policy documents: what is taken, and the one sentence about what is not."""

from __future__ import annotations

import json

import pytest

from hca_local.policies.documents import MOST_BYTES, check_size, identity_policy, normal, resource_policy
from hca_local.policies.errors import PolicyError

GOOD = {"Effect": "Allow", "Action": "s:Do", "Resource": "*"}


def changed(**given):
    """Return a good statement with something else in it; None takes away."""
    return {key: value for key, value in {**GOOD, **given}.items() if value is not None}


def with_condition(**condition):
    return changed(Condition=condition)


BAD = [
    ([], "must be a JSON object"),
    ("x", "must be a JSON object"),
    (None, "must be a JSON object"),
    ({}, "needs a Statement"),
    ({"Statement": []}, "needs a Statement"),
    ({"Statements": [GOOD]}, "no 'Statements', only Version, Id, Statement"),
    ({"Statement": "x"}, "Statement 1: A statement must be a JSON object"),
    ({"Statement": [GOOD, 5]}, "Statement 2: A statement must be a JSON object"),
    ({"Statement": changed(Actions="s:Do")}, "no 'Actions'"),
    ({"Statement": changed(Principal="*")}, "no 'Principal'"),
    ({"Statement": changed(Effect=None)}, "Effect must be Allow or Deny"),
    ({"Statement": changed(Effect="allow")}, "Effect must be Allow or Deny"),
    ({"Statement": changed(Effect=["Allow"])}, "Effect must be Allow or Deny"),
    ({"Statement": changed(Sid=5)}, "Sid must be a text"),
    ({"Statement": changed(Action=None)}, "either Action or NotAction"),
    ({"Statement": changed(NotAction="s:Do")}, "either Action or NotAction"),
    ({"Statement": changed(Action=[])}, "Action must be a text"),
    ({"Statement": changed(Action=None, NotAction=[])}, "NotAction must be a text"),
    ({"Statement": changed(Action=[5])}, "Action must be a text"),
    ({"Statement": changed(Action={"a": 1})}, "Action must be a text"),
    ({"Statement": changed(Action="")}, "Action must be a text"),
    ({"Statement": changed(Action="Do")}, "Action 'Do' must be service:Action"),
    ({"Statement": changed(Action="s:Do\n")}, "must be service:Action"),
    ({"Statement": changed(Action="a:b:c")}, "must be service:Action"),
    ({"Statement": changed(Action="s:${x}")}, "must be service:Action"),
    ({"Statement": changed(Resource=None)}, "either Resource or NotResource"),
    ({"Statement": changed(NotResource="*")}, "either Resource or NotResource"),
    ({"Statement": changed(Resource=[])}, "Resource must be a text"),
    ({"Statement": changed(Resource="user/x")}, "Resource 'user/x' must be an ARN"),
    ({"Statement": changed(Resource="arn:${x")}, "a variable that does not end"),
    ({"Statement": changed(Resource="arn:${}")}, "${}, which is not written ${key}"),
    ({"Statement": changed(Resource="arn:${a b}")}, "${a b}, which is not written ${key}"),
    ({"Statement": changed(Resource="arn:${a, b}")}, "${a, b}, which is not written ${key}"),
    ({"Statement": changed(Condition="x")}, "Condition must be an object"),
    ({"Statement": changed(Condition=[])}, "Condition must be an object"),
    ({"Statement": with_condition(StringEquals="x")}, "StringEquals must be an object"),
    ({"Statement": with_condition(StringEquals={})}, "StringEquals must be an object"),
    ({"Statement": with_condition(StringEquals={"": "x"})}, "a key without a name"),
    ({"Statement": with_condition(StringEquals={"k": []})}, "must have a text, a number"),
    ({"Statement": with_condition(StringEquals={"k": json.loads("1e999")})}, "must have a text, a number"),
    ({"Statement": with_condition(StringEquals={"k": json.loads("-1e999")})}, "must have a text, a number"),
    ({"Statement": with_condition(StringEquals={"k": None})}, "must have a text, a number"),
    ({"Statement": with_condition(StringEquals={"k": [["x"]]})}, "must have a text, a number"),
    ({"Statement": with_condition(StringEquals={"k": "${x"})}, "a variable that does not end"),
    ({"Statement": with_condition(StringIs={"k": "x"})}, "'StringIs' is not an operator"),
    ({"Statement": with_condition(stringEquals={"k": "x"})}, "'stringEquals' is not an operator"),
    ({"Statement": with_condition(**{"ForSome:StringEquals": {"k": "x"}})}, "is not an operator"),
    ({"Statement": with_condition(NullIfExists={"k": "true"})}, "is not an operator"),
    ({"Statement": with_condition(**{"ForAnyValue:Null": {"k": "true"}})}, "is not an operator"),
    ({"Statement": with_condition(IfExists={"k": "true"})}, "is not an operator"),
    ({"Statement": with_condition(Null={"k": "x"})}, "Null takes true or false, not 'x'"),
    ({"Statement": with_condition(Bool={"k": "yes"})}, "Condition Bool of 'k': 'yes' is not true or false"),
    ({"Statement": with_condition(NumericEquals={"k": "x"})}, "'x' is not a number"),
    ({"Statement": with_condition(NumericEquals={"k": "NaN"})}, "'NaN' is not a number"),
    ({"Statement": with_condition(NumericEquals={"k": True})}, "'true' is not a number"),
    ({"Statement": with_condition(NumericEquals={"k": "1e999999999"})}, "is not a number"),
    ({"Statement": with_condition(NumericEquals={"k": "${x}"})}, "is not a number"),
    ({"Statement": with_condition(DateLessThan={"k": "tomorrow"})}, "'tomorrow' is not a date"),
    ({"Statement": with_condition(DateLessThan={"k": "2020-13-01"})}, "is not a date"),
    ({"Statement": with_condition(IpAddress={"k": "10.0.0.0/99"})}, "is not an IP address"),
    ({"Statement": with_condition(ArnLike={"k": "*"})}, "'*' is not an ARN"),
    ({"Statement": with_condition(ArnLike={"k": "arn:${a:b:c:d:e}"})}, "is not an ARN"),
]

BAD_FOR_RESOURCES = [
    (GOOD, "either Principal or NotPrincipal"),
    (changed(Principal="*", NotPrincipal="*"), "either Principal or NotPrincipal"),
    (changed(Principal="me"), 'A principal is "*", or an object'),
    (changed(Principal={}), 'A principal is "*", or an object'),
    (changed(Principal=[]), 'A principal is "*", or an object'),
    (changed(Principal={"AWS": []}), "names of principals must be"),
    (changed(Principal={"AWS": 5}), "names of principals must be"),
    (changed(NotPrincipal={"AWS": "me"}), "NotPrincipal goes with Deny only"),
]


@pytest.mark.parametrize(("document", "told"), BAD)
def test_what_is_wrong_is_told(document, told):
    """One sentence says what is wrong, and where."""
    with pytest.raises(PolicyError) as caught:
        identity_policy(document)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("statement", "told"), BAD_FOR_RESOURCES)
def test_what_is_wrong_with_principals_is_told(statement, told):
    """The policy of a resource says whom it is about."""
    with pytest.raises(PolicyError) as caught:
        resource_policy({"Statement": [statement]})
    assert told in str(caught.value)


def test_levels_without_end_are_refused():
    """A document of very many levels is too much, and no crash."""
    deep: object = "x"
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(PolicyError, match="levels"):
        check_size({"Statement": deep})


@pytest.mark.parametrize(
    "statement",
    [
        GOOD,
        changed(Action="*"),
        changed(Action="fake:action", Resource="fake:resource"),
        changed(Sid="Default owner policy"),
        changed(Resource="arn:hca:fus:*:*:user/${fus:user_email}/*"),
        changed(Resource="arn:dcp:fus:*:*:user/*"),
        with_condition(**{"ForAllValues:ArnLikeIfExists": {"k": "arn:a:b:c:d:${x, 'y'}"}}),
    ],
)
def test_what_is_good_is_taken(statement):
    """A statement alone or in a list, with or without a version, which may be any."""
    for given in statement, [statement], [statement, GOOD]:
        assert identity_policy({"Statement": given, "Version": "2008-10-17", "Id": "x"}).statements
        assert identity_policy({"Statement": given}).statements


def test_the_size_is_that_of_the_text():
    """Bytes count, not characters, and the limit itself is allowed. What is kept already is read at any size."""
    document = {"Statement": {**GOOD, "Sid": ""}}
    room = MOST_BYTES - len(json.dumps(document, separators=(",", ":")))
    document["Statement"]["Sid"] = "é" * (room // 2) + "x" * (room % 2)
    check_size(document)
    document["Statement"]["Sid"] += "x"
    with pytest.raises(PolicyError, match="A policy may have 10240 bytes; this one has 10241"):
        check_size(document)
    assert identity_policy(normal(document)).statements


def test_the_version_is_always_the_one():
    """Whatever stands there is overwritten, and what was given stays as it is."""
    given = {"Version": "2008-10-17", "Statement": GOOD}
    assert normal(given) == {"Version": "2012-10-17", "Statement": GOOD}
    assert given["Version"] == "2008-10-17"


def test_actions_are_listed():
    """What is allowed, and all that is named; NotAction names nothing and is told apart."""
    statements = [GOOD, changed(Effect="Deny", Action=["s:No", "s:Not"])]
    found = identity_policy({"Statement": statements})
    assert (found.allowed, found.actions, found.open_ended) == (("s:Do",), ("s:Do", "s:No", "s:Not"), False)
    found = identity_policy({"Statement": changed(Action=None, NotAction="s:Do")})
    assert (found.allowed, found.actions, found.open_ended) == ((), (), True)
