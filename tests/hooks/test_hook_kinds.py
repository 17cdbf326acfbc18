"""A new kind of hook cannot be forgotten: each place that depends on the kind matches all kinds, and mypy checks it."""

import ast
from pathlib import Path

import pytest

from awsroll.core.model.hooks import Hook, HookKind, HookPoint, HookSpec

PACKAGE = Path(__file__).parents[2] / "awsroll"

PLACES = {
    "core/model/hooks.py": 2,  # how the kind is derived, and what is wrong with a hook of each kind
    "core/request/instructions.py": 1,  # what a record makes a driver run
    "driver/session.py": 1,  # what happens to a hook that still runs when the driver stops
    "driver/step_hooks.py": 1,  # which hooks can run between the steps of a Lambda function
    "hooks/runner.py": 1,  # how each kind runs
    "preflight/hook_checks.py": 1,  # what must exist before the rollout starts
    "preflight/iam_policy.py": 1,  # what each kind needs of IAM
}

HOOKS = {
    HookKind.COMMAND: Hook(point=HookPoint.AFTER_DRAIN, name="check", command=("check",)),
    HookKind.FUNCTION: Hook(point=HookPoint.AFTER_DRAIN, name="check", function="check"),
    HookKind.SCRIPT: Hook(point=HookPoint.AFTER_DRAIN, name="check", script=("check",)),
    HookKind.CALLABLE: Hook(point=HookPoint.AFTER_DRAIN, name="check", is_callable=True),
    HookKind.URL: Hook(point=HookPoint.WHILE_JUDGING, name="check", url="http://web/counts"),
    HookKind.METRIC: Hook(point=HookPoint.WHILE_JUDGING, name="check", metric="Web:Errors/Requests"),
    HookKind.ANOMALIES: Hook(point=HookPoint.WHILE_JUDGING, name="check", anomalies=True),
}


def kinds_in(node: ast.AST) -> set[str]:
    """Return the members of HookKind that a piece of code names."""
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "HookKind"
    }


def exhaustive_matches(path: Path) -> list[ast.Match]:
    """Return the match statements of a file that end in `assert_never`."""
    matches = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Match)]
    return [
        node for node in matches if "assert_never" in ast.unparse(node.cases[-1]) and any(map(kinds_in, node.cases))
    ]


@pytest.mark.parametrize("place", PLACES)
def test_a_place_matches_every_kind(place: str) -> None:
    matches = exhaustive_matches(PACKAGE / place)

    assert [set().union(*map(kinds_in, match.cases)) for match in matches] == [set(HookKind.__members__)] * PLACES[
        place
    ]


def test_every_place_is_listed() -> None:
    places = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if exhaustive_matches(path)}

    assert places == PLACES.keys()


@pytest.mark.parametrize("kind", HookKind)
def test_the_kind_is_derived_from_the_field_that_is_set(kind: HookKind) -> None:
    assert HOOKS[kind].kind is kind


def test_the_fields_of_a_hook_are_its_kinds() -> None:
    assert HookSpec(point=HookPoint.AFTER_DRAIN, script=("check",)).kind is HookKind.SCRIPT
    assert [kind for kind in HookKind if kind not in HOOKS] == []
