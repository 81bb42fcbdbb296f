"""Merging of configuration layers: every operator on every kind of base, and what bad operands are told."""

from __future__ import annotations

import copy

import pytest

from hca_core.errors import ConfigError
from hca_core.merge import Merger

OPERATIONS = {
    "$append": ([3], [1, 2, [3]]),  # a list is appended as one element, as documented
    "$extend": ([3, 4], [1, 2, 3, 4]),
    "$extendleft": ([3, 4], [3, 4, 1, 2]),
    "$insert": ({"1": "x"}, [1, "x", 2]),
    "$remove": (1, [2]),
}
NO_LISTS = {"dictionary": {"k": 1}, "scalar": "s", "number": 0, "null": None, "empty": {}}


def merged(*layers):
    merger = Merger()
    for number, layer in enumerate(layers):
        merger.add(f"layer {number}", copy.deepcopy(layer))
    return merger


@pytest.mark.parametrize("operator", OPERATIONS)
def test_an_operator_edits_the_list_below_it(operator):
    operand, result = OPERATIONS[operator]
    merger = merged({"x": [1, 2], "other": [1]}, {"x": {operator: operand}})
    assert merger.data == {"x": result, "other": [1]}
    assert merger.origins["x",] == "layer 0 + layer 1"
    assert merger.notes == []


@pytest.mark.parametrize("operator", OPERATIONS)
@pytest.mark.parametrize("base", NO_LISTS)
def test_an_operator_on_anything_else_is_ignored_and_told(operator, base):
    below = {"x": NO_LISTS[base]}
    merger = merged(below, {"x": {operator: OPERATIONS[operator][0]}})
    assert merger.data == below
    assert merger.notes == [f"layer 1: x has {operator}, but there is no list below it; ignored"]


@pytest.mark.parametrize("operator", OPERATIONS)
def test_an_operator_on_nothing_is_ignored_and_told(operator):
    merger = merged({"y": 1}, {"x": {operator: OPERATIONS[operator][0]}})
    assert merger.data == {"y": 1}
    assert "x" in merger.notes[0]
    assert ("x",) not in merger.origins


@pytest.mark.parametrize(
    ("base", "overlay", "result"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}, {"a": {"b": [2]}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
        ({}, {"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 1}}}),
        ({"a": None}, {"a": [1]}, {"a": [1]}),
        # Two operators in one dictionary are no operation; over a list that is a dictionary too many.
        ({"a": [1]}, {"a": {"$append": 2, "$remove": 1}}, {"a": [1]}),
        ({}, {"a": {"$append": 2, "$remove": 1}}, {"a": {"$append": 2, "$remove": 1}}),
        ({"a": [1]}, {"a": {"$unknown": 2}}, {"a": [1]}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": 1}),
        # Nested at any depth.
        ({"a": {"b": {"c": [1]}}}, {"a": {"b": {"c": {"$append": 2}}}}, {"a": {"b": {"c": [1, 2]}}}),
        ({"a": [1, 1]}, {"a": {"$remove": 1}}, {"a": [1]}),
        ({"a": [1]}, {"a": {"$remove": 7}}, {"a": [1]}),
        ({"a": [1, 2]}, {"a": {"$insert": {"0": "x", "-1": "y"}}}, {"a": ["x", 1, "y", 2]}),
        ({"a": [1]}, {"a": {"$extendleft": []}}, {"a": [1]}),
    ],
)
def test_layers_merge(base, overlay, result):
    assert merged(base, overlay).data == result


def test_a_dictionary_over_another_kind_of_value_is_told():
    assert merged({"a": {"b": [1]}}, {"a": {"b": {"c": 1}}}).notes == [
        "layer 1: a.b is a dictionary, but a lower layer has another kind of value; left as it was"
    ]


def test_every_layer_in_turn_edits_and_leaves_its_name():
    merger = merged({"x": [1]}, {"x": {"$append": 2}}, {"x": {"$extendleft": [0]}}, {"y": 1}, {"x": [9]})
    assert merger.data == {"x": [9], "y": 1}
    assert merger.origins == {("x",): "layer 4", ("y",): "layer 3"}


@pytest.mark.parametrize(
    "operation",
    [{"$extend": 3}, {"$extend": "text"}, {"$extendleft": {"a": 1}}, {"$insert": [0, "x"]}, {"$insert": {"first": 1}}],
)
def test_a_bad_operand_names_file_and_key(operation):
    merger = merged({"a": {"b": [1]}})
    with pytest.raises(ConfigError) as caught:
        merger.add("/etc/x.json", {"a": {"b": operation}})
    assert caught.value.message.startswith(f"/etc/x.json: a.b: {next(iter(operation))} can't take ")
    assert caught.value.exit_status == 2
    assert merger.data == {"a": {"b": [1]}}


def test_a_layer_is_not_changed_by_a_later_one():
    first = {"x": [1]}
    merger = Merger()
    merger.add("a", first)
    merger.add("b", {"y": {"z": 1}})
    assert first == {"x": [1]}
