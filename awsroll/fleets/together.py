"""One call for several servers, so that one odd server does not stop the others.

AWS refuses a whole call because of one server that it does not know, that does not run, or that is protected. If its
message names some of the servers, the others are tried again without them. If it names none, each half is tried on its
own. A failure that does not concern one server, such as a lost connection, is the outcome of all that are left.
"""

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from awsroll.errors import AwsError, AwsRefusedError

Outcomes: TypeAlias = dict[str, AwsError | None]
"""What became of each server, by its id: None if AWS accepted the call for it."""

# Codes that are about servers. Any other refusal, such as of a deleted target group, holds for each of them.
_OF_SOME = (
    "IncorrectInstanceState",
    "InvalidInstanceID",
    "InvalidTarget",
    "OperationNotPermitted",
    "TooManyRegistrationsForTargetId",
    "TooManyTargets",
)
_ID = re.compile(r"\bi-[0-9a-f]+\b")


def call_together(ids: Sequence[str], call: Callable[[Sequence[str]], None]) -> Outcomes:
    """Make one call for all servers; if AWS refuses it because of some of them, make calls without those.

    Args:
        ids: the servers, each once.
        call: makes the call for some of them; raises `AwsError` if it fails. A repetition has no second effect.
    """
    if not ids:
        return {}
    try:
        call(ids)
    except AwsError as error:
        return _after_failure(ids, call, error)
    return dict.fromkeys(ids)


def _after_failure(ids: Sequence[str], call: Callable[[Sequence[str]], None], error: AwsError) -> Outcomes:
    if len(ids) == 1 or not _concerns_some(error):
        return dict.fromkeys(ids, error)
    named = set(_ID.findall(str(error))) & set(ids)
    if named == set(ids):
        return dict.fromkeys(ids, error)
    if named:
        others = call_together([name for name in ids if name not in named], call)
        return dict.fromkeys(named, error) | others
    middle = len(ids) // 2
    first = call_together(ids[:middle], call)
    broken = next((fault for fault in first.values() if fault is not None and not _concerns_some(fault)), None)
    second = call_together(ids[middle:], call) if broken is None else dict.fromkeys(ids[middle:], broken)
    return first | second


def _concerns_some(error: AwsError) -> bool:
    """Return whether AWS may have refused a call because of some of its servers, and would take the others."""
    return isinstance(error, AwsRefusedError) and error.code.startswith(_OF_SOME)
