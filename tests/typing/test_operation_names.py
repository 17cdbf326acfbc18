"""An operation has one name in the command line, the library and the driver."""

import ast
import inspect

import pytest

import awsroll
from awsroll.cli.command_table import COMMANDS
from awsroll.driver import operations
from awsroll.repairs import repair as repairs

OPERATIONS = ("roll", "resume", "plan", "rollback", "pause", "approve", "reject", "abort", "repair", "status")
OTHER_NAMES = {"rollouts": "list_rollouts"}  # `list` would hide a builtin; `awsroll.rollouts` is the public name


def calls_of(name: str) -> set[str]:
    """Return the names of the functions that a function of the library calls in other modules."""
    tree = ast.parse(inspect.getsource(getattr(awsroll, name)))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {call.attr for call in calls if isinstance(call, ast.Attribute)}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_library_calls_the_operation_of_the_same_name(name: str) -> None:
    assert name in calls_of(name)
    assert hasattr(repairs if name == "repair" else operations, name)


@pytest.mark.parametrize(("name", "operation"), OTHER_NAMES.items())
def test_the_list_has_the_only_other_name(name: str, operation: str) -> None:
    assert operation in calls_of(name)


def test_every_public_function_of_the_driver_is_an_operation() -> None:
    public = {name for name in operations.__all__ if inspect.isfunction(getattr(operations, name))}

    assert public == {*OPERATIONS, *OTHER_NAMES.values(), "take_over_to_end", "wake_state_machine"} - {"repair"}


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "reject"])  # `awsroll approve --reject`
def test_the_command_line_has_a_command_of_the_same_name(name: str) -> None:
    assert {name, "list"} <= set(COMMANDS)
