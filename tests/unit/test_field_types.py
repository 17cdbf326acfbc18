"""A request takes values of the right type or in one obvious form. Each other value is a problem, not an exception."""

from dataclasses import fields
from enum import StrEnum
from typing import Any, get_args, get_type_hints

import pytest

from awsroll.core.model.hooks import HookPoint, HookSpec
from awsroll.core.model.rollout import OnFailure, SkipPolicy, Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, FleetsSpec, WaveSpec

HINTS = get_type_hints(RolloutSpec)
FIELDS = [field.name for field in fields(RolloutSpec)]
WRONG: tuple[Any, ...] = (object(), {1}, b"x", 2.5, float("nan"), float("inf"), [[]], {1: 2}, True, "doublehalf", None)


def _enum_of(name: str) -> type[StrEnum] | None:
    kinds = (HINTS[name], *get_args(HINTS[name]))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, StrEnum)), None)


def _request(**given: Any) -> RolloutSpec:
    return RolloutSpec(**{"asg": "web"} | given)


ENUM_FIELDS = [name for name in FIELDS if _enum_of(name) is not None]


def test_the_request_has_these_enums() -> None:
    assert {_enum_of(name) for name in ENUM_FIELDS} == {Strategy, OnFailure, SkipPolicy}


@pytest.mark.parametrize("name", ENUM_FIELDS)
def test_a_plain_string_becomes_the_enums_value(name: str) -> None:
    enum = _enum_of(name)
    assert enum is not None
    for value in enum:
        spec = _request(**{name: value.value})
        assert getattr(spec, name) is value


@pytest.mark.parametrize("name", ENUM_FIELDS)
def test_an_unknown_value_of_an_enum_is_a_problem_that_lists_the_right_values(name: str) -> None:
    (problem,) = _request(**{name: "doublehalf"}).problems()
    assert "'doublehalf'" in problem
    assert f"--{name.replace('_', '-')}" in problem
    assert all(value.value in problem for value in _enum_of(name) or ())


@pytest.mark.parametrize("name", FIELDS)
def test_no_wrong_type_raises_or_passes_as_another_value(name: str) -> None:
    for wrong in WRONG:
        spec = _request(**{name: wrong})
        problems = spec.problems()
        value = getattr(spec, name)
        assert problems or type(value) in (bool, str, float, tuple, type(None)), (name, wrong, value)
    assert _request(**{name: object()}).problems()


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        pytest.param({"alarm": "errors"}, "alarm", ("errors",), id="one-string"),
        pytest.param({"alarm": ["errors"]}, "alarm", ("errors",), id="a-list"),
        pytest.param({"checkpoint": 1}, "checkpoint", (1,), id="one-amount"),
        pytest.param({"parameter": {"a": "b", "c": ("d",)}}, "parameter", {"a": ["b"], "c": ["d"]}, id="parameters"),
    ],
)
def test_a_value_in_one_obvious_form_is_converted(given: dict[str, Any], name: str, value: object) -> None:
    spec = RolloutSpec(**given)
    assert getattr(spec, name) == value
    assert spec.type_problems() == []


@pytest.mark.parametrize(
    ("hook", "problem"),
    [
        pytest.param({"point": "after_drain", "command": "systemctl stop web"}, "command: pass a list", id="command"),
        pytest.param({"point": "after_drain", "function": "f", "timeout": "5"}, "timeout: pass a number", id="timeout"),
        pytest.param({"point": ["after_drain"], "function": "f"}, "pass one of before_rollout", id="point"),
        pytest.param({"point": "after_drain", "function": "f", "name": 3}, "name: pass a string", id="name"),
    ],
)
def test_a_wrong_type_in_a_hook_is_a_problem(hook: dict[str, Any], problem: str) -> None:
    (found,) = RolloutSpec(asg="web", hooks=(HookSpec(**hook),)).problems()
    assert problem in found


def test_a_hooks_point_can_be_a_plain_string() -> None:
    plain: Any = "after_drain"
    assert HookSpec(point=plain, function="f").point is HookPoint.AFTER_DRAIN


def test_something_else_than_a_hook_is_a_problem() -> None:
    wrong: Any = [{"point": "after_drain"}]
    (problem,) = RolloutSpec(asg="web", hooks=wrong).problems()
    assert "a HookSpec" in problem


def test_a_wrong_type_in_a_wave_is_a_problem_of_its_fleet() -> None:
    wrong: Any = 3
    fleet = FleetSpec(name="web", request=RolloutSpec(target_group=wrong, launch_template="web:2"))
    (problem,) = FleetsSpec(waves=(WaveSpec(name="1", fleets=(fleet,)),)).problems()
    assert "fleet web: --target-group: pass a list" in problem
