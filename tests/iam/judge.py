"""A small judge of identity-based policies: actions, resources and the condition operators that awsroll's policies use.

The judge refuses an operator that it does not know, so that no policy passes unchecked.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A check of IAM for a call: an action on a resource, in a context."""

    action: str
    resource: str = "*"
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


@cache
def _pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), flags)


def is_like(value: str, pattern: str) -> bool:
    return _pattern(pattern).fullmatch(value) is not None


def _holds(operator: str, found: Sequence[str] | None, wanted: Sequence[str]) -> bool:
    if operator == "Null":
        return (not found) == (list(wanted) == ["true"])
    if operator.startswith("ForAllValues:"):
        each = operator.removeprefix("ForAllValues:")
        return all(_holds(each, [one], wanted) for one in found or ())
    if operator.startswith("ForAnyValue:"):
        each = operator.removeprefix("ForAnyValue:")
        return any(_holds(each, [one], wanted) for one in found or ())
    if not found:
        return False
    (value,) = found
    match operator:
        case "StringEquals" | "Bool":
            return value in wanted
        case "StringLike" | "ArnLike":
            return any(is_like(value, one) for one in wanted)
    message = f"this judge does not know the operator {operator}"
    raise NotImplementedError(message)


def _listed(values: Any) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def allows(statement: Mapping[str, Any], ask: Ask) -> bool:
    """Return whether a statement allows the action. Keys of conditions ignore case, as in IAM."""
    context = {key.lower(): values for key, values in ask.context.items()}
    return (
        statement["Effect"] == "Allow"
        and any(_pattern(one, re.IGNORECASE).fullmatch(ask.action) for one in statement["Action"])
        and any(is_like(ask.resource, one) for one in statement["Resource"])
        and all(
            _holds(operator, context.get(key.lower()), _listed(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def allowing(policy: Mapping[str, Any], ask: Ask) -> Iterable[Mapping[str, Any]]:
    return [one for one in policy["Statement"] if allows(one, ask)]
