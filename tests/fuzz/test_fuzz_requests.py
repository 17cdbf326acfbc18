"""Whatever a file or a program gives as a request, the answer is a request or a SpecError in printable lines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from awsroll.core.request.spec import RolloutSpec, spec_of
from awsroll.core.request.waves import FleetsSpec
from awsroll.core.request.waves_file import OPTIONS
from awsroll.errors import SpecError
from awsroll.files.rollout_file import (
    has_waves,
    load_fleets,
    options,
    plain_fleets,
    plain_request,
    read,
    to_fleets,
)
from tests.fuzz.mutations import ODD, as_json, broken_text, fuzzed, mutations, seeds
from tests.fuzz.valid_inputs import FLEETS, REQUESTS

LONGEST_LINE = 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def check_refusal(error: SpecError) -> None:
    assert error.problems
    for problem in error.problems:
        assert problem.isprintable(), problem
        assert len(problem) < LONGEST_LINE, problem


def _answered(read_input: Callable[[], RolloutSpec | FleetsSpec]) -> RolloutSpec | FleetsSpec | None:
    """Return the request in an input; None if the input is refused. Any other exception is a finding."""
    try:
        return read_input()
    except SpecError as error:
        check_refusal(error)
        return None


def _as_yaml(value: Any) -> str:
    try:
        return yaml.safe_dump(value, allow_unicode=True)
    except Exception:  # noqa: BLE001 - YAML cannot hold every mistake
        return as_json(value)


def _as_toml(value: Any) -> str:
    items = value.items() if isinstance(value, dict) else [("asg", value)]
    return "".join(f"{key} = {as_json(each)}\n" for key, each in items)


WRITERS: dict[str, Callable[[Any], str]] = {"yaml": _as_yaml, "json": as_json, "toml": _as_toml}


@given(
    values=mutations([*REQUESTS, *FLEETS]),
    syntax=st.sampled_from(sorted(WRITERS)),
    cuts=st.integers(0, 2),
    seed=seeds(),
)
@fuzzed
def test_a_file_is_a_request_or_a_refusal(values: Any, syntax: str, cuts: int, seed: int, folder: Path) -> None:
    path = folder / f"rollout.{syntax}"
    path.write_bytes(broken_text(WRITERS[syntax](values), cuts, seed))

    def from_file() -> RolloutSpec | FleetsSpec:
        content = read(path)
        return to_fleets(content) if has_waves(content) else spec_of(options(content, path))

    found = _answered(from_file)

    assert found is None or all(problem.isprintable() for problem in found.problems())
    if isinstance(found, RolloutSpec):
        assert spec_of(plain_request(found)) == found


@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
@fuzzed
def test_bytes_are_a_request_or_a_refusal(data: bytes, folder: Path) -> None:
    for syntax in WRITERS:
        path = folder / f"bytes.{syntax}"
        path.write_bytes(data)
        _answered(lambda path=path: spec_of(options(read(path), path)))


@given(values=mutations(FLEETS, most=4), cuts=st.integers(0, 1), seed=seeds())
@fuzzed
def test_a_waves_file_is_waves_or_a_refusal(values: Any, cuts: int, seed: int, folder: Path) -> None:
    path = folder / "fleets.yaml"
    path.write_bytes(broken_text(_as_yaml(values), cuts, seed))

    found = _answered(lambda: load_fleets(path))

    if isinstance(found, FleetsSpec):
        assert found.problems() == ()
        assert plain_fleets(found)["waves"]


class _Strange:
    def __bool__(self) -> bool:
        raise RuntimeError

    def __repr__(self) -> str:
        raise RuntimeError


STRANGE: list[Any] = [*ODD, object(), _Strange(), b"x", {1, 2}, range(3), (1, (2,)), 2j, type, len]


@given(names=st.lists(st.sampled_from(OPTIONS), max_size=4), picks=st.lists(st.sampled_from(STRANGE), min_size=4))
@fuzzed
def test_a_request_of_a_program_is_a_request_or_a_refusal(names: list[str], picks: list[Any]) -> None:
    given_values = dict(zip(names, picks, strict=False))

    found = _answered(lambda: RolloutSpec(**given_values))

    assert found is None or all(problem.isprintable() for problem in found.problems())
