"""A request checks each value when it is made: right values have one plain form, all others are a SpecError."""

from dataclasses import fields, replace
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from typing import Any, get_args, get_type_hints

import pytest

import awsroll
from awsroll.core.model.hooks import HookPoint, HookSpec
from awsroll.core.model.options import Option, options_of
from awsroll.core.model.rollout_choices import OnFailure, Pace, SkipPolicy, Strategy, Zones
from awsroll.core.model.values import LONGEST_SECONDS, Seconds, Share
from awsroll.core.request.spec import RolloutSpec, pace_of, spec_of
from awsroll.core.request.waves import FleetSpec, FleetsSpec, WaveSpec
from awsroll.errors import SpecError
from awsroll.hooks.callables import PythonHook, as_python_hooks

OPTIONS = {option.field: option for option in options_of(RolloutSpec)}
HINTS = get_type_hints(RolloutSpec)
REQUESTS: tuple[type[Any], ...] = (RolloutSpec, HookSpec, FleetSpec, WaveSpec, FleetsSpec, PythonHook)


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError


class Color(Enum):
    RED = "replace"


class Text(str):
    __slots__ = ()


class Number(IntEnum):
    TWO = 2


NEVER: tuple[Any, ...] = (
    object(),
    Unshowable(),
    {1},
    b"x",
    Decimal(2),
    Fraction(2),
    2j,
    [[]],
    {1: 2},
    [None],
    Color.RED,
)
"""Values that no option takes."""


def _refused(name: str, value: object) -> str:
    with pytest.raises(SpecError) as caught:
        RolloutSpec(**{name: value})
    (problem,) = caught.value.problems
    return problem


def _enum_of(name: str) -> type[StrEnum] | None:
    kinds = (HINTS[name], *get_args(HINTS[name]))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, StrEnum)), None)


ENUM_FIELDS = [name for name in OPTIONS if _enum_of(name) is not None]
TIMES = [name for name, option in OPTIONS.items() if isinstance(option.kind, Seconds)]


@pytest.mark.parametrize("request_type", REQUESTS, ids=lambda kind: kind.__name__)
def test_every_field_of_a_request_has_its_kind_and_its_meaning(request_type: type[Any]) -> None:
    options = options_of(request_type)

    assert [option.field for option in options] == [field.name for field in fields(request_type)]
    assert all(option.help.endswith(".") for option in options)


@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
def test_the_default_of_an_option_is_a_value_that_it_takes(option: Option) -> None:
    assert option.default is None or option.kind.read(option.default) == option.default


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("value", NEVER, ids=lambda value: type(value).__name__)
def test_a_value_of_a_foreign_type_is_refused_by_the_name_of_its_option(name: str, value: object) -> None:
    problem = _refused(name, value)

    assert problem.startswith((f"--{name.replace('_', '-')}: ", "freezes: ", "hooks: ", "windows: "))
    assert problem.isprintable()
    assert len(problem) < 400


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.default is not None])
def test_none_is_refused_where_it_has_no_meaning(name: str) -> None:
    assert "not None" in _refused(name, None)


@pytest.mark.parametrize("name", [name for name in OPTIONS if "bool" not in str(HINTS[name])])
@pytest.mark.parametrize("value", [True, False], ids=str)
def test_a_boolean_is_no_number_and_no_text(name: str, value: bool) -> None:
    assert str(value) in _refused(name, value)


@pytest.mark.parametrize("name", [name for name in OPTIONS if "bool" in str(HINTS[name])])
@pytest.mark.parametrize("value", ["true", "false", 1, 0, "", "no"], ids=repr)
def test_only_a_boolean_is_a_boolean(name: str, value: object) -> None:
    assert "pass true or false" in _refused(name, value)


@pytest.mark.parametrize("name", ENUM_FIELDS)
def test_a_plain_string_becomes_the_enums_value(name: str) -> None:
    enum = _enum_of(name)
    assert enum is not None
    for value in enum:
        assert getattr(RolloutSpec(**{name: value.value}), name) is value
        assert getattr(RolloutSpec(**{name: Text(value.value)}), name) is value


def test_the_request_has_these_enums() -> None:
    assert {_enum_of(name) for name in ENUM_FIELDS} == {Strategy, OnFailure, SkipPolicy, Zones}


@pytest.mark.parametrize(
    ("name", "value", "near"),
    [
        ("strategy", "dubble-half", "double-half"),
        ("strategy", "dubble", "double-half"),
        ("on_failure", "rolback", "rollback"),
        ("protected", "ignored", "ignore"),
        ("warm_pool", "purged", "purge"),
    ],
)
def test_an_unknown_word_is_refused_with_the_nearest_word(name: str, value: str, near: str) -> None:
    problem = _refused(name, value)

    assert problem.startswith(f"--{name.replace('_', '-')}: pass one of ")
    assert problem.endswith(f"not {value!r}; did you mean {near}?")


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize(
    "value", [-1, -0.5, LONGEST_SECONDS + 1, 10**400, 1e300, float("inf"), float("nan"), "721h", "-5s", "soon", "1e3"]
)
def test_a_time_out_of_bounds_is_refused(name: str, value: object) -> None:
    assert "a time in seconds from" in _refused(name, value) or "whole number of seconds from" in _refused(name, value)


@pytest.mark.parametrize("name", [name for name in TIMES if OPTIONS[name].kind.most >= 3600])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [(90, 90), (90.0, 90), ("90", 90), ("90s", 90), (" 10 m ", 600), ("1h", 3600), (Text("2m"), 120)],
    ids=repr,
)
def test_a_time_is_seconds_or_has_a_unit(name: str, value: object, seconds: int) -> None:
    assert getattr(RolloutSpec(**{name: value}), name) == seconds


def test_a_time_may_have_a_fraction_unless_aws_takes_whole_seconds() -> None:
    assert RolloutSpec(poll="0.5").poll == 0.5
    assert RolloutSpec(bake_time="1.5h").bake_time == 5400
    assert "a whole number of seconds" in _refused("deregistration_delay", 2.5)
    assert "a whole number of seconds" in _refused("deregistration_delay", "2.5m")
    assert "to 3600 seconds" in _refused("deregistration_delay", 3601)


@pytest.mark.parametrize(
    ("name", "value", "plain"),
    [
        pytest.param("concurrent", "3", 3, id="a-count-as-text"),
        pytest.param("concurrent", " 25 % ", "25%", id="a-percentage"),
        pytest.param("max_running", "150%", "150%", id="a-cap-above-the-fleet"),
        pytest.param("concurrent", Number.TWO, 2, id="a-subclass-of-int"),
        pytest.param("max_failures", "3", 3, id="digits"),
        pytest.param("max_failures", 3.0, 3, id="a-whole-float"),
        pytest.param("asg", Text("web"), "web", id="a-subclass-of-str"),
        pytest.param("alarm", "errors", ("errors",), id="one-string"),
        pytest.param("alarm", ["errors"], ("errors",), id="a-list"),
        pytest.param("checkpoint", [1, "50%"], (1, "50%"), id="amounts"),
        pytest.param("parameter", {"a": "b", "c": ("d", 1)}, {"a": ["b"], "c": ["d", "1"]}, id="parameters"),
        pytest.param("parameter", ["a=b", "a=c=d"], {"a": ["b", "c=d"]}, id="pairs"),
    ],
)
def test_a_value_has_one_plain_form(name: str, value: object, plain: object) -> None:
    read = getattr(RolloutSpec(**{name: value}), name)

    assert read == plain
    assert type(read) is type(plain)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("concurrent", 0),
        ("concurrent", "0%"),
        ("concurrent", "150%"),
        ("concurrent", "٣"),
        ("max_surge", "200%"),
        ("max_running", 0),
        ("max_running", "1001%"),
        ("max_surge", 1.5),
        ("max_surge", -1),
        ("max_unavailable", 10**6),
        ("checkpoint", [1, 0]),
        ("max_failures", -1),
        ("max_failures", 10**30),
        ("asg", ["web"]),
        ("asg", "w" * 3000),
        ("asg", "web\n"),
        ("asg", "\udcff"),
        ("asg", "web\u202eb"),
        ("target_group", [""]),
        ("target_group", ["a"] * 1001),
        ("target_group", {"web"}),
        ("command", ["a\0b"]),
        ("command", ["\udcff"]),
        ("app_version", "v" * 257),
        ("app_version", 1.1),
        ("parameter", {"": "x"}),
        ("parameter", {"a": True}),
        ("parameter", {"a": [["b"]]}),
        ("parameter", "=x"),
        ("parameter", 3),
        ("hooks", {"point": "after_drain", "function": "f"}),
        ("hooks", [{"point": "after_drain", "funktion": "f"}]),
        ("hooks", [{"function": "f"}]),
        ("hooks", [{"point": "after_drain", "command": "systemctl stop web"}]),
        ("hooks", [{"point": "after_drain", "function": "f", "timeout": 0}]),
    ],
    ids=repr,
)
def test_a_value_without_a_meaning_is_refused(name: str, value: object) -> None:
    assert _refused(name, value).isprintable()


def test_all_wrong_values_are_reported_together() -> None:
    with pytest.raises(SpecError) as caught:
        RolloutSpec(asg=["web"], strategy="dubble", poll="soon", hooks=[{"point": "after_lunch", "timeout": True}])

    assert [problem.partition(": ")[0] for problem in caught.value.problems] == [
        "--asg",
        "--strategy",
        "hooks",
        "hooks",
        "--poll",
    ]
    assert "hook after_lunch: point: pass one of" in caught.value.problems[2]


def test_a_changed_copy_is_checked_too() -> None:
    with pytest.raises(SpecError, match="--lease: pass a time in seconds from 5"):
        replace(RolloutSpec(asg="web"), lease=1)


def test_a_hook_may_be_a_mapping_of_its_keys() -> None:
    hook = HookSpec(point=HookPoint.AFTER_DRAIN, script=("true",), timeout=90)

    assert RolloutSpec(hooks=[{"point": "after_drain", "script": ["true"], "timeout": "90s", "name": None}]).hooks == (
        hook,
    )
    assert RolloutSpec(hooks=[hook]).hooks == (hook,)


def test_a_request_does_not_share_a_mapping_with_its_caller() -> None:
    given = {"a": ["b"]}
    spec = RolloutSpec(parameter=given)
    given["a"].append("c")

    assert spec.parameter == {"a": ["b"]}
    assert RolloutSpec().parameter is not RolloutSpec().parameter


@pytest.mark.parametrize(
    ("fleet", "says"),
    [
        ({"role": "deploy"}, "role: pass the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME, not 'deploy'"),
        ({"region": "Ireland"}, "region: pass the name of a region, such as eu-west-1, not 'Ireland'"),
        ({"name": "a\nb"}, "name: pass a name of 1 to 255 printable characters, not 'a\\nb'"),
        ({"name": ""}, "name: pass a name of 1 to 255 printable characters, with 1 or more characters, not ''"),
        ({"request": {"asg": "web"}}, "request: pass a RolloutSpec, not {'asg': 'web'}"),
    ],
    ids=["role", "region", "name", "no-name", "request"],
)
def test_a_wrong_value_of_a_fleet_is_refused(fleet: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError) as caught:
        FleetSpec(**{"name": "web", "request": RolloutSpec(asg="web")} | fleet)

    assert caught.value.problems == (says,)


@pytest.mark.parametrize("limit", [0, "many", True, 1.5, [1]], ids=repr)
def test_a_wrong_limit_of_a_wave_is_refused(limit: Any) -> None:
    with pytest.raises(SpecError, match="concurrency: pass 1 or more fleets"):
        WaveSpec(name="1", fleets=(), concurrency=limit)


@pytest.mark.parametrize("value", [("web",), "web", None])
def test_waves_hold_waves_and_waves_hold_fleets(value: Any) -> None:
    with pytest.raises(SpecError, match="waves: pass a"):
        FleetsSpec(waves=value)
    with pytest.raises(SpecError, match="fleets: pass a"):
        WaveSpec(name="1", fleets=value)


@pytest.mark.parametrize(
    "hook",
    [
        {"point": "after_lunch", "call": print},
        {"point": "after_drain", "call": "print"},
        {"point": "after_drain", "call": print, "timeout": 0},
        {"point": "after_drain", "call": print, "timeout": float("nan")},
        {"point": "after_drain", "call": print, "name": "a b"},
    ],
    ids=["point", "call", "no-time", "not-a-number", "name"],
)
def test_a_wrong_python_hook_is_refused(hook: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        PythonHook(**hook)
    with pytest.raises(SpecError):
        as_python_hooks({hook["point"]: hook["call"]} if len(hook) == 2 else [PythonHook(**hook)])


def test_times_that_change_in_the_middle_have_the_same_rules() -> None:
    assert pace_of(poll="1m", lease=None, settle_time=5) == Pace(poll=60, settle_time=5)
    with pytest.raises(SpecError, match="--lease: pass a time in seconds from 5"):
        pace_of(lease="1s")


def test_values_of_a_file_that_are_null_are_not_given() -> None:
    assert spec_of({"asg": "web", "bake_time": None}) == RolloutSpec(asg="web")
    with pytest.raises(SpecError, match=r"web\.yaml: --poll: "):
        spec_of({"poll": "soon"}, where="web.yaml: ")


def test_a_share_of_fleets_says_fleets() -> None:
    with pytest.raises(ValueError, match="1 or more fleets"):
        Share(least=1, of="fleets").read("0")


@pytest.mark.parametrize("request_", [{"asg": "web"}, "web", None, HookSpec(point=HookPoint.AFTER_DRAIN)], ids=repr)
def test_the_library_takes_requests_only(request_: Any) -> None:
    for call in (awsroll.roll, awsroll.plan, awsroll.plan_fleets, awsroll.roll_fleets):
        with pytest.raises(SpecError, match="pass a "):
            call(request_)
    with pytest.raises(SpecError, match="--target-group: pass "):
        awsroll.repair(target_group=request_ if isinstance(request_, dict) else [""])
