"""The JSON Schema accepts what the parser accepts, and refuses what the parser refuses.

The documented exceptions, which JSON Schema cannot express:

- the bounds of a time that is written as text (`999h`); the schema checks its form;
- the rules between options, in `RolloutSpec.problems` and `FleetsSpec.problems`;
- a fleet of a waves file that nothing names, because `defaults` may name it, and the length of its default name;
- a parameter of a document such as `2.0`, which is a whole number in JSON Schema but another text than `2`;
- numbers with more digits than a computer's float, and text that is not Unicode.
"""

from typing import Any

import jsonschema
from hypothesis import given

from awsroll.core.model.keys import named
from awsroll.core.request.file_schema import fleets_schema, rollout_schema
from awsroll.core.request.spec import spec_of
from awsroll.core.request.waves_file import OPTIONS, fleets_of
from awsroll.errors import SpecError
from tests.fuzz.mutations import fuzzed, mutations
from tests.fuzz.valid_inputs import FLEETS, REQUESTS

ROLLOUT = jsonschema.Draft202012Validator(rollout_schema())
FLEETS_FILE = jsonschema.Draft202012Validator(fleets_schema())
NO_FLEET = "no fleet is named"
EXCEPTIONS = (" a time in seconds from ", " a whole number of seconds from ", NO_FLEET, "name: pass a name of 1 to 255")


def _rollout_problems(values: Any) -> tuple[str, ...]:
    if not isinstance(values, dict):
        return ("not a mapping",)
    try:
        spec = spec_of(named(values, OPTIONS, where="the file", listed_by="awsroll schema"))
    except SpecError as error:
        return error.problems
    return () if spec.asg or spec.target_group else ("names nothing",)


def _fleets_problems(values: Any) -> tuple[str, ...]:
    if not isinstance(values, dict):
        return ("not a mapping",)
    try:
        fleets_of(values, over={})
    except SpecError as error:
        return error.problems
    return ()


def _is_plain(value: Any) -> bool:
    """Return whether JSON can hold a value: no infinite number, and no text that is not Unicode."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(key) and _is_plain(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, str):
        return not any("\ud800" <= letter <= "\udfff" for letter in value)
    return not isinstance(value, int | float) or abs(value) < 1e300


def _is_exception(problem: str) -> bool:
    is_text_of_a_number = "--parameter: " in problem and problem.endswith(".0: put it in quotes")
    return is_text_of_a_number or any(known in problem for known in EXCEPTIONS)


def _agree(validator: Any, values: Any, problems: tuple[str, ...]) -> None:
    if not _is_plain(values):
        return
    if problems and all(map(_is_exception, problems)):
        return
    errors = [error.message for error in validator.iter_errors(values)]
    assert bool(errors) is bool(problems), (values, errors, problems)


@given(values=mutations(REQUESTS))
@fuzzed
def test_of_a_rollout_file(values: Any) -> None:
    _agree(ROLLOUT, values, _rollout_problems(values))


@given(values=mutations(FLEETS))
@fuzzed
def test_of_a_waves_file(values: Any) -> None:
    _agree(FLEETS_FILE, values, _fleets_problems(values))


def test_valid_inputs_are_valid_for_both() -> None:
    for values in REQUESTS:
        assert _rollout_problems(values) == ()
        assert spec_of(named(values, OPTIONS, where="", listed_by="")).problems() == ()
        ROLLOUT.validate(values)
    for values in FLEETS:
        assert _fleets_problems(values) == ()
        FLEETS_FILE.validate(values)
