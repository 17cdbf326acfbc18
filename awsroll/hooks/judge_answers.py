"""What a hook at `while_judging` must answer: the number of bad and of all requests of each server, as JSON.

    {"i-0abc": {"bad": 3, "total": 120}, "i-0def": {"bad": 0, "total": 118}}

The answer is the last line of a command's output, the result of a function, or what a Python callable returns. A server
that is missing in it is not compared in this interval.
"""

import json
from collections.abc import Mapping
from typing import Any

from awsroll.core.model.hooks import HookPoint, HookRun, Reading
from awsroll.hooks.local_commands import HookFailedError

_MOST = 10**12


def readings_of(run: HookRun, answer: object) -> tuple[Reading, ...]:
    """Return what a run has counted. Hooks at other points count nothing.

    Raises:
        HookFailedError: if a hook at `while_judging` has answered anything else.
    """
    if run.hook.point is not HookPoint.WHILE_JUDGING:
        return ()
    counted = _decoded(answer)
    if not isinstance(counted, Mapping):
        raise HookFailedError(_PROBLEM)
    return tuple(_reading(name, counted[name]) for name in run.event.instance_ids if name in counted)


_PROBLEM = 'it did not answer with the requests of each server, such as {"i-0abc": {"bad": 3, "total": 120}}'


def _decoded(answer: object) -> object:
    if isinstance(answer, bytes):
        answer = answer.decode(errors="replace")
    if not isinstance(answer, str):
        return answer
    try:
        decoded: object = json.loads(answer.strip().rpartition("\n")[2])
    except ValueError as error:
        raise HookFailedError(_PROBLEM) from error
    return decoded


def _reading(name: str, counts: Any) -> Reading:
    if not isinstance(counts, Mapping):
        raise HookFailedError(_PROBLEM)
    bad, total = counts.get("bad"), counts.get("total")
    if type(bad) is not int or type(total) is not int or not 0 <= bad <= total <= _MOST:
        problem = f"its counts for {name} are not whole numbers with 0 <= bad <= total"
        raise HookFailedError(problem)
    return Reading(instance_id=name, bad=bad, total=total)
