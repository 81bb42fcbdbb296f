"""Decisions worked out by hand from the published rules of IAM, one row each; the comment is the rule."""

from __future__ import annotations

from typing import Any

import pytest

from hca_local.policies.context import context_of
from hca_local.policies.documents import identity_policy, resource_policy
from hca_local.policies.evaluation import ALLOWED, EXPLICIT_DENY, IMPLICIT_DENY, Request, Source, evaluate

YES, NO, NEVER = ALLOWED, IMPLICIT_DENY, EXPLICIT_DENY
ARN = "arn:hca:fus:*:*:"
CONTEXT = {
    "fus:user_email": "me@x.org",
    "fus:groups": ["one", "two"],
    "n": "5",
    "d": "2020-01-01T00:00:00Z",
    "b": "true",
    "ip": "10.1.2.3",
    "ip6": "2001:db8::1",
    "arn": "arn:aws:sns:us-east-1:123:topic/a",
    "s": "Word",
    "star": "a*c",
    "empty": "",
    "none": [],
}


def decided(
    policy: dict[str, Any], action: str = "s:Do", resource: str = "arn:p:s:r:a:x", context: dict[str, Any] | None = None
) -> str:
    """Return what one identity policy says."""
    sources = [Source("it", "user", identity_policy(policy))]
    return evaluate(sources, Request(action, resource, context_of(CONTEXT if context is None else context))).outcome


def of(effect: str = "Allow", **given: Any) -> dict[str, Any]:
    """Return a statement that matches every request, but for what is given."""
    for name in "Action", "Resource":
        if f"Not{name}" not in given:
            given.setdefault(name, "*")
    return {"Effect": effect, **given}


ACTIONS = [
    ("s:Do", "s:Do", YES),  # the same
    ("s:Do", "s:Don", NO),  # the whole action counts
    ("s:Don", "s:Do", NO),  # on both sides
    ("S:DO", "s:do", YES),  # actions have no case
    ("s:do", "S:Do", YES),  # neither in the policy nor in the request
    ("*", "s:Do", YES),  # a star alone is any action
    ("s:*", "s:Do", YES),  # any action of a service
    ("s:*", "t:Do", NO),  # of that service
    ("s:*", "ss:Do", NO),  # and of no longer one
    ("s:D*", "s:Do", YES),  # a star at the end
    ("s:D*", "s:D", YES),  # may be nothing
    ("s:*o", "s:Do", YES),  # a star at the beginning
    ("s:G*User", "s:GetUser", YES),  # a star within
    ("s:G*User", "s:GetUsers", NO),  # with an end that counts
    ("s:D?", "s:Do", YES),  # one character
    ("s:D?", "s:D", NO),  # not none
    ("s:D?", "s:Doo", NO),  # not two
    ("s:??", "s:Do", YES),  # two
    ("?:Do", "s:Do", YES),  # also in the service
    ("*:Do", "s:Do", YES),  # likewise
    ("s:*e*U*", "s:GetUser", YES),  # several stars
    ("s:*U*e*G*", "s:GetUser", NO),  # in their order
    ("s:**", "s:Do", YES),  # two stars are one
    ("s:*?", "s:", NO),  # any text, and one more
    ("s:Get.All", "s:GetxAll", NO),  # a dot is a dot
    (["s:No", "s:Do"], "s:Do", YES),  # one of several is enough
    (["s:No", "s:Not"], "s:Do", NO),  # none is not
]

RESOURCES = [
    ("arn:p:s:r:a:x", "arn:p:s:r:a:x", YES),  # the same
    ("arn:p:s:r:a:X", "arn:p:s:r:a:x", NO),  # resources have case
    ("arn:p:s:r:a:*", "arn:p:s:r:a:x/y/z", YES),  # a star goes over slashes
    ("arn:p:*:x", "arn:p:s:r:a:x", YES),  # and over colons
    ("*", "anything", YES),  # a star alone is any resource
    ("arn:p:s:r:a:x/*", "arn:p:s:r:a:x/", YES),  # it may be nothing
    ("arn:p:s:r:a:x/*", "arn:p:s:r:a:x", NO),  # but the slash must be there
    ("arn:p:s:r:a:x?", "arn:p:s:r:a:xy", YES),  # one character
    ("arn:p:s:r:a:x?", "arn:p:s:r:a:x", NO),  # not none
    ("arn:p:s:r:a:?/y", "arn:p:s:r:a:x/y", YES),  # in the middle
    ("arn:hca:fus:*:*:user/*", f"{ARN}user/a", YES),  # a star of the request is one for the pattern
    ("arn:hca:fus:r:a:user/a", f"{ARN}user/a", NO),  # but it is no pattern itself
    (f"{ARN}user/${{fus:user_email}}/*", f"{ARN}user/me@x.org/", YES),  # a variable has its value
    (f"{ARN}user/${{fus:user_email}}/*", f"{ARN}user/you@x.org/", NO),  # and no other
    (f"{ARN}user/${{FUS:User_Email}}/*", f"{ARN}user/me@x.org/", YES),  # keys have no case
    (f"{ARN}user/${{fus:unknown}}/*", f"{ARN}user/me@x.org/", NO),  # without a value nothing matches
    (f"{ARN}user/${{fus:unknown}}/*", f"{ARN}user//", NO),  # not even nothing
    (f"{ARN}user/${{fus:unknown}}/*", f"{ARN}user/${{fus:unknown}}/", NO),  # nor the variable itself
    (f"{ARN}user/${{fus:unknown, 'me@x.org'}}/*", f"{ARN}user/me@x.org/", YES),  # a default stands in
    (f"{ARN}user/${{fus:user_email, 'z'}}/*", f"{ARN}user/me@x.org/", YES),  # not for a value that is there
    (f"{ARN}user/${{fus:user_email, 'z'}}/*", f"{ARN}user/z/", NO),  # as above
    (f"{ARN}group/${{fus:groups}}", f"{ARN}group/one", NO),  # a key with several values is no variable
    ("arn:p:s:r:a:${*}", "arn:p:s:r:a:*", YES),  # a star that means itself
    ("arn:p:s:r:a:${*}", "arn:p:s:r:a:x", NO),  # only
    ("arn:p:s:r:a:${?}", "arn:p:s:r:a:?", YES),  # likewise
    ("arn:p:s:r:a:${?}", "arn:p:s:r:a:x", NO),  # likewise
    ("arn:p:s:r:a:${$}{x}", "arn:p:s:r:a:${x}", YES),  # a dollar that means itself
    ("arn:p:s:r:a:$x", "arn:p:s:r:a:$x", YES),  # as one without a brace does
    ("arn:p:s:r:a:${star}", "arn:p:s:r:a:a*c", YES),  # a star in a value
    ("arn:p:s:r:a:${star}", "arn:p:s:r:a:abc", NO),  # is no wildcard
    (["arn:p:s:r:a:y", "arn:p:s:r:a:x"], "arn:p:s:r:a:x", YES),  # one of several is enough
    (["arn:p:s:r:a:${unknown}", "arn:p:s:r:a:x"], "arn:p:s:r:a:x", YES),  # one without a value harms no other
]

# (operator, key, values, outcome)
CONDITIONS: list[tuple[str, str, Any, str]] = [
    ("StringEquals", "s", "Word", YES),  # the same
    ("StringEquals", "S", "Word", YES),  # keys have no case
    ("StringEquals", "s", "word", NO),  # values have
    ("StringEquals", "s", "W*", NO),  # a star means itself here
    ("StringEquals", "star", "a*c", YES),  # and is found
    ("StringEquals", "s", ["x", "Word"], YES),  # several values: one is enough
    ("StringEquals", "missing", "Word", NO),  # a key that is missing is nothing
    ("StringEquals", "none", "x", NO),  # nor is one without values
    ("StringEquals", "empty", "", YES),  # an empty text is a text
    ("StringEquals", "fus:user_email", "${fus:user_email}", YES),  # variables in values
    ("StringEquals", "fus:user_email", "${nobody}", NO),  # without a value it doesn't match
    ("StringEquals", "fus:user_email", ["${nobody}", "me@x.org"], YES),  # the other value still does
    ("StringEquals", "star", "a${*}c", YES),  # a star that means itself
    ("StringNotEquals", "s", "Word", NO),  # the opposite
    ("StringNotEquals", "s", "word", YES),  # with case
    ("StringNotEquals", "s", ["x", "Word"], NO),  # several values: none of them
    ("StringNotEquals", "s", ["x", "y"], YES),  # none of them
    ("StringNotEquals", "missing", "x", YES),  # a key that is missing is not equal
    ("StringNotEquals", "s", "${nobody}", NO),  # nobody can tell what it must not be
    ("StringEqualsIgnoreCase", "s", "wORD", YES),  # without case
    ("StringEqualsIgnoreCase", "s", "words", NO),  # but the same
    ("StringEqualsIgnoreCase", "fus:user_email", "${FUS:USER_EMAIL}", YES),  # with variables
    ("StringNotEqualsIgnoreCase", "s", "wORD", NO),  # the opposite
    ("StringNotEqualsIgnoreCase", "s", "x", YES),  # the opposite
    ("StringNotEqualsIgnoreCase", "missing", "x", YES),  # missing
    ("StringLike", "s", "W*d", YES),  # a star
    ("StringLike", "s", "W??d", YES),  # characters
    ("StringLike", "s", "W?d", NO),  # exactly as many
    ("StringLike", "s", "w*", NO),  # with case
    ("StringLike", "star", "a${*}c", YES),  # a star that means itself
    ("StringLike", "s", "W${*}", NO),  # and nothing else
    ("StringLike", "fus:user_email", "*@x.org", YES),  # the usual
    ("StringLike", "missing", "*", NO),  # a missing key is not any text
    ("StringLike", "empty", "*", YES),  # an empty one is
    ("StringNotLike", "s", "W*", NO),  # the opposite
    ("StringNotLike", "s", "x*", YES),  # the opposite
    ("StringNotLike", "s", ["x*", "W*"], NO),  # none of them
    ("StringNotLike", "missing", "*", YES),  # missing
    ("StringLikeIfExists", "missing", "x", YES),  # a missing key passes
    ("StringLikeIfExists", "s", "x", NO),  # one that is there is compared
    ("StringEqualsIfExists", "s", "Word", YES),  # as without
    ("StringEqualsIfExists", "none", "x", YES),  # no values are as missing
    ("StringNotEqualsIfExists", "s", "Word", NO),  # as without
    ("NumericEquals", "n", "5", YES),  # numbers
    ("NumericEquals", "n", 5, YES),  # JSON has them too
    ("NumericEquals", "n", "5.0", YES),  # by value
    ("NumericEquals", "n", "05", YES),  # not by text
    ("NumericEquals", "n", "0.5e1", YES),  # with an exponent
    ("NumericEquals", "n", ["1", "5"], YES),  # one is enough
    ("NumericEquals", "s", "5", NO),  # a word is no number
    ("NumericNotEquals", "n", "5", NO),  # the opposite
    ("NumericNotEquals", "n", "6", YES),  # the opposite
    ("NumericNotEquals", "n", ["6", "5"], NO),  # none of them
    ("NumericNotEquals", "missing", "5", YES),  # missing
    ("NumericLessThan", "n", "6", YES),  # the request is less than the policy
    ("NumericLessThan", "n", "5", NO),  # not equal
    ("NumericLessThanEquals", "n", "5", YES),  # or equal
    ("NumericLessThanEquals", "n", "4", NO),  # not more
    ("NumericGreaterThan", "n", "4", YES),  # more
    ("NumericGreaterThan", "n", "5", NO),  # not equal
    ("NumericGreaterThanEquals", "n", "5", YES),  # or equal
    ("NumericGreaterThanEquals", "n", "10", NO),  # 5 is not more than 10, as it would be as a text
    ("NumericLessThan", "missing", "6", NO),  # missing
    ("NumericLessThanIfExists", "missing", "6", YES),  # passes
    ("DateEquals", "d", "2020-01-01T00:00:00Z", YES),  # dates
    ("DateEquals", "d", "2020-01-01", YES),  # shorter
    ("DateEquals", "d", "2020-01-01T01:00:00+01:00", YES),  # in another zone
    ("DateEquals", "d", "1577836800", YES),  # seconds since 1970
    ("DateEquals", "d", 1577836800, YES),  # as a number
    ("DateEquals", "s", "2020-01-01", NO),  # a word is no date
    ("DateNotEquals", "d", "2020-01-01", NO),  # the opposite
    ("DateNotEquals", "d", "2020-01-02", YES),  # the opposite
    ("DateNotEquals", "missing", "2020-01-02", YES),  # missing
    ("DateLessThan", "d", "2020-01-01T00:00:01Z", YES),  # earlier
    ("DateLessThan", "d", "2020-01-01", NO),  # not at the same time
    ("DateLessThanEquals", "d", "2020-01-01", YES),  # or at the same time
    ("DateGreaterThan", "d", "2019-12-31", YES),  # later
    ("DateGreaterThan", "d", "2020-01-01", NO),  # not at the same time
    ("DateGreaterThanEquals", "d", "2020-01-01", YES),  # or at the same time
    ("DateGreaterThanEquals", "d", "2020-01-02", NO),  # not earlier
    ("Bool", "b", "true", YES),  # truth
    ("Bool", "b", True, YES),  # JSON has it too
    ("Bool", "b", "TRUE", YES),  # without case
    ("Bool", "b", "false", NO),  # the other
    ("Bool", "b", ["false", "true"], YES),  # one is enough
    ("Bool", "s", "true", NO),  # a word is no truth value
    ("Bool", "missing", "false", NO),  # missing is not false
    ("BoolIfExists", "missing", "true", YES),  # passes
    ("Null", "missing", "true", YES),  # the key must be missing
    ("Null", "s", "true", NO),  # it is there
    ("Null", "s", "false", YES),  # the key must be there
    ("Null", "missing", "false", NO),  # it is not
    ("Null", "none", "true", YES),  # no values are no key
    ("Null", "s", True, NO),  # JSON truth
    ("Null", "S", "false", YES),  # keys have no case
    ("IpAddress", "ip", "10.1.2.3", YES),  # an address
    ("IpAddress", "ip", "10.0.0.0/8", YES),  # a range
    ("IpAddress", "ip", "10.1.0.5/16", YES),  # whose host part doesn't matter
    ("IpAddress", "ip", "10.2.0.0/16", NO),  # another range
    ("IpAddress", "ip", ["192.0.2.0/24", "10.0.0.0/8"], YES),  # one is enough
    ("IpAddress", "ip6", "2001:db8::/32", YES),  # version 6
    ("IpAddress", "ip6", "10.0.0.0/8", NO),  # versions differ
    ("IpAddress", "s", "0.0.0.0/0", NO),  # a word is no address
    ("IpAddress", "missing", "0.0.0.0/0", NO),  # missing
    ("NotIpAddress", "ip", "10.0.0.0/8", NO),  # the opposite
    ("NotIpAddress", "ip", "192.0.2.0/24", YES),  # the opposite
    ("NotIpAddress", "ip", ["192.0.2.0/24", "10.0.0.0/8"], NO),  # none of them
    ("NotIpAddress", "missing", "10.0.0.0/8", YES),  # missing
    ("ArnEquals", "arn", "arn:aws:sns:us-east-1:123:topic/a", YES),  # the same
    ("ArnEquals", "arn", "arn:aws:sns:*:123:topic/*", YES),  # with wildcards, as the rules say
    ("ArnLike", "arn", "arn:aws:sns:*:*:*", YES),  # each part
    ("ArnLike", "arn", "arn:aws:*:*:*:topic/?", YES),  # each part
    ("ArnLike", "arn", "arn:aws:sqs:*:*:*", NO),  # each of them
    ("ArnLike", "arn", "arn:aws:s*:us-east-1:123:topic/b", NO),  # the last too
    ("ArnLike", "arn", "arn:*:*:123:topic/a:", NO),  # a star doesn't go over colons
    ("ArnLike", "s", "arn:*:*:*:*:*", NO),  # a word is no ARN
    ("ArnLike", "missing", "arn:*:*:*:*:*", NO),  # missing
    ("ArnNotLike", "arn", "arn:aws:sns:*:*:*", NO),  # the opposite
    ("ArnNotEquals", "arn", "arn:aws:sqs:*:*:*", YES),  # the opposite
    ("ArnNotLike", "missing", "arn:aws:sqs:*:*:*", YES),  # missing
    ("ForAnyValue:StringEquals", "fus:groups", "two", YES),  # one value is one of these
    ("ForAnyValue:StringEquals", "fus:groups", ["x", "two"], YES),  # one value is one of these
    ("ForAnyValue:StringEquals", "fus:groups", "x", NO),  # none is
    ("ForAnyValue:StringEquals", "missing", "x", NO),  # without values there is none
    ("ForAnyValue:StringNotEquals", "fus:groups", "one", YES),  # one value is none of these
    ("ForAnyValue:StringNotEquals", "fus:groups", ["one", "two"], NO),  # all are
    ("ForAnyValue:StringNotEquals", "missing", "x", NO),  # without values there is none
    ("ForAnyValue:StringEqualsIfExists", "missing", "x", YES),  # passes
    ("ForAnyValue:StringLike", "fus:groups", "t*", YES),  # with wildcards
    ("ForAnyValue:StringEquals", "s", "Word", YES),  # one value is a list of one
    ("ForAllValues:StringEquals", "fus:groups", ["one", "two", "x"], YES),  # all are among these
    ("ForAllValues:StringEquals", "fus:groups", ["one"], NO),  # one is not
    ("ForAllValues:StringEquals", "missing", "x", YES),  # all of none
    ("ForAllValues:StringEquals", "none", "x", YES),  # all of none
    ("ForAllValues:StringEquals", "empty", "x", YES),  # an empty text counts as none here
    ("ForAllValues:StringNotEquals", "fus:groups", "x", YES),  # none is one of these
    ("ForAllValues:StringNotEquals", "fus:groups", "one", NO),  # one is
    ("ForAllValues:StringLike", "fus:groups", ["o*", "t*"], YES),  # with wildcards
    ("ForAllValues:NumericLessThan", "n", "6", YES),  # with numbers
    ("StringEquals", "fus:groups", "two", YES),  # several values without a word about how: one is enough
    ("StringNotEquals", "fus:groups", "two", NO),  # and for the opposite none may
]

# (statements, outcome)
COMBINED: list[tuple[list[dict[str, Any]], str]] = [
    ([of()], YES),  # an Allow
    ([of("Deny")], NEVER),  # a Deny
    ([of(), of("Deny")], NEVER),  # a Deny counts more
    ([of("Deny"), of()], NEVER),  # in any order
    ([of(Action="s:No")], NO),  # neither
    ([of(), of("Deny", Action="s:No")], YES),  # a Deny of something else
    ([of(), of("Deny", Resource="arn:p:s:r:a:y")], YES),  # on something else
    ([of(Action="s:No"), of()], YES),  # one Allow is enough
    ([of(NotAction="s:No")], YES),  # all actions but this
    ([of(NotAction="s:Do")], NO),  # which is this
    ([of(NotAction="S:d*")], NO),  # without case, with wildcards
    ([of(NotAction=["s:No", "s:Do"])], NO),  # none of them
    ([of(), of("Deny", NotAction="s:Do")], YES),  # a Deny of all others
    ([of(), of("Deny", NotAction="s:No")], NEVER),  # this is another
    ([of(NotResource="arn:p:s:r:a:y")], YES),  # all resources but that
    ([of(NotResource="arn:p:s:r:a:x")], NO),  # which is this
    ([of(NotResource=["arn:p:s:r:a:y", "arn:p:*"])], NO),  # none of them
    ([of(), of("Deny", NotResource="arn:p:s:r:a:x")], YES),  # a Deny of all others
    ([of(NotResource="arn:p:s:r:a:${unknown}")], NO),  # nobody can tell what is excepted
    ([of(), of("Deny", Resource="arn:p:s:r:a:${unknown}")], YES),  # what doesn't match denies nothing
    ([of(Condition={"StringEquals": {"s": "Word"}, "Bool": {"b": "true"}})], YES),  # all operators
    ([of(Condition={"StringEquals": {"s": "Word"}, "Bool": {"b": "false"}})], NO),  # all of them
    ([of(Condition={"StringEquals": {"s": "Word", "star": "a*c"}})], YES),  # all keys
    ([of(Condition={"StringEquals": {"s": "Word", "star": "x"}})], NO),  # all of them
    ([of(Condition={})], YES),  # no condition
    ([of(), of("Deny", Condition={"Bool": {"b": "true"}})], NEVER),  # a Deny with a condition that holds
    ([of(), of("Deny", Condition={"Bool": {"b": "false"}})], YES),  # with one that doesn't
    ([of(), of("Deny", Condition={"StringNotEquals": {"missing": "x"}})], NEVER),  # missing is not equal
    ([of(Action="s:Do", Resource="arn:p:s:r:a:y"), of(Action="s:No", Resource="arn:p:s:r:a:x")], NO),  # not mixed
]

# (principal element, who asks, outcome)
PRINCIPALS: list[tuple[dict[str, Any], str, str]] = [
    ({"Principal": "*"}, "me", YES),  # everybody
    ({"Principal": {"AWS": "*"}}, "me", YES),  # everybody
    ({"Principal": {"AWS": ["*"]}}, "me", YES),  # everybody
    ({"Principal": {"AWS": "me"}}, "me", YES),  # by name
    ({"Principal": {"AWS": "Me"}}, "me", NO),  # with case
    ({"Principal": {"AWS": "m*"}}, "me", NO),  # a star within a name means itself
    ({"Principal": {"AWS": ["you", "me"]}}, "me", YES),  # one of several
    ({"Principal": {"AWS": "you", "Service": "me"}}, "me", YES),  # of any kind
    ({"Principal": {"AWS": "you"}}, "me", NO),  # somebody else
    ({"Effect": "Deny", "Principal": {"AWS": "me"}}, "me", NEVER),  # a Deny for somebody
    ({"Effect": "Deny", "Principal": {"AWS": "you"}}, "me", NO),  # for somebody else
    ({"Effect": "Deny", "NotPrincipal": {"AWS": "you"}}, "me", NEVER),  # for all others
    ({"Effect": "Deny", "NotPrincipal": {"AWS": "me"}}, "me", NO),  # but not for him
    ({"Effect": "Deny", "NotPrincipal": "*"}, "me", NO),  # for nobody
]


def test_the_tables_are_long():
    """There are at least as many decisions as were asked for."""
    assert sum(map(len, (ACTIONS, RESOURCES, CONDITIONS, COMBINED, PRINCIPALS))) >= 150


@pytest.mark.parametrize(("given", "action", "outcome"), ACTIONS)
def test_actions(given, action, outcome):
    """The action of a request against those of a statement."""
    assert decided({"Statement": of(Action=given)}, action=action) == outcome
    opposite = NO if outcome == YES else YES
    assert decided({"Statement": of(NotAction=given)}, action=action) == opposite


@pytest.mark.parametrize(("given", "resource", "outcome"), RESOURCES)
def test_resources(given, resource, outcome):
    """The resource of a request against those of a statement."""
    assert decided({"Statement": [of(Resource=given)]}, resource=resource) == outcome


@pytest.mark.parametrize(("operator", "key", "values", "outcome"), CONDITIONS)
def test_conditions(operator, key, values, outcome):
    """The context of a request against one condition; a Deny with it denies where an Allow with it allows."""
    condition = {operator: {key: values}}
    assert decided({"Statement": [of(Condition=condition)]}) == outcome
    denied = decided({"Statement": [of(), of("Deny", Condition=condition)]})
    assert denied == (NEVER if outcome == YES else YES)


@pytest.mark.parametrize(("statements", "outcome"), COMBINED)
def test_statements_together(statements, outcome):
    """Several statements in one policy, and each in a policy of its own."""
    assert decided({"Statement": statements}) == outcome
    sources = [
        Source(str(number), "user", identity_policy({"Statement": one})) for number, one in enumerate(statements)
    ]
    request = Request("s:Do", "arn:p:s:r:a:x", context_of(CONTEXT))
    assert evaluate(sources, request).outcome == outcome


@pytest.mark.parametrize(("element", "who", "outcome"), PRINCIPALS)
def test_principals(element, who, outcome):
    """Who asks, against the statement of a resource policy."""
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", **element}
    sources = [Source("it", "resource", resource_policy({"Statement": statement}))]
    request = Request("s:Do", "arn:p:s:r:a:x", principals=frozenset({who}))
    assert evaluate(sources, request).outcome == outcome


def test_what_has_decided_is_told():
    """The policies that matched, and the keys that they ask for in vain."""
    allowing = Source("a", "group", identity_policy({"Statement": of(Resource="arn:p:s:r:a:${missing}*")}))
    simple = Source("b", "role", identity_policy({"Statement": [of(), of()]}))
    denying = Source("c", "user", identity_policy({"Statement": of("Deny", Condition={"Bool": {"Other": "true"}})}))
    request = Request("s:Do", "arn:p:s:r:a:x")
    found = evaluate([allowing, simple], request)
    assert (found.outcome, found.matched, found.missing) == (YES, (simple,), ("missing",))
    found = evaluate([simple, denying], Request("s:Do", "arn:p:s:r:a:x", context_of({"OTHER": "true"})))
    assert (found.outcome, found.matched, found.missing) == (NEVER, (denying,), ())


def test_no_policy_allows_nothing():
    """Without a policy, the answer is no."""
    assert evaluate([], Request("s:Do", "arn:p:s:r:a:x")).outcome == NO
